"""Time to a marginal error of 1e-3 and of 1e-6, of every library that is installed here, judged by
dense sums in float64.
"""

import time

from ..harness import arguments, write
from .adapters import installed
from .judge import judged
from .problems import problems

TARGETS = (1e-3, 1e-6)
N, SMALL = 1500, 100
ROUNDS, LIMIT_S = 3, 60.0


def main():
    options = arguments(__doc__)
    size = SMALL if options.smoke else N
    rows = []
    for problem in problems(size):
        for library, (solve, efforts) in installed().items():
            for row in measured(problem, solve, efforts):
                named = {"case": problem.name, "n": len(problem.x), "d": problem.x.shape[1]}
                rows.append({**named, "library": library, **row})
                print(rows[-1], flush=True)
    write(options, "suite", rows, limit_s=LIMIT_S, dtype="float64", blur="a share of the diagonal")


def measured(problem, solve, efforts):
    """A row for each target: the least effort that reaches it, and its best time of some rounds."""
    remaining = list(efforts)
    for target in TARGETS:
        row = {"target": target, "best_s": None, "error": "not reached"}
        while remaining:
            seconds, found = clock(problem, solve, remaining[0])
            if isinstance(found, str):
                row["error"] = found
                remaining.clear()
            elif found.marginal_error <= target:
                again = [] if seconds > LIMIT_S / ROUNDS else range(ROUNDS)
                times = [seconds, *(clock(problem, solve, remaining[0])[0] for _ in again)]
                row = {"target": target, "effort": remaining[0], "best_s": min(times)}
                row |= found._asdict()
                break
            elif seconds > LIMIT_S:
                row["error"] = f"more than {LIMIT_S:.0f} s"
                remaining.clear()
            else:
                remaining.pop(0)
        yield row


def clock(problem, solve, effort):
    """Seconds of a call, and the judgement of its potentials, or the text of its error."""
    try:
        start = time.perf_counter()
        potentials = solve(problem, effort)
        seconds = time.perf_counter() - start
        return seconds, judged(problem, *potentials)
    except Exception as error:  # a failed library is a result
        return 0.0, f"{type(error).__name__}: {error}"[:200]


if __name__ == "__main__":
    main()

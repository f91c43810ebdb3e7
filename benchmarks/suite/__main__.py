"""Time to a marginal error of 1e-3 and of 1e-6, of every library that can run here, judged by dense
sums in float64. It ends within 8 minutes.
"""

import time

from ..harness import arguments, write
from .adapters import LIBRARIES, installed, missing
from .judge import judged
from .problems import problems

TARGETS = (1e-3, 1e-6)
N, SMALL = 1000, 100
ROUNDS = 3
BUDGET_S = 20.0  # of one library on one problem
DEARER = 3.3  # a more thorough effort takes about so many times longer


def main():
    options = arguments(__doc__)
    size = SMALL if options.smoke else N
    skipped = {name: why for name, one in LIBRARIES.items() if (why := missing(one))}
    print("skipped:", skipped)
    rows = []
    for problem in problems(size):
        for name, library in installed().items():
            for row in measured(problem, library):
                named = {"case": problem.name, "n": len(problem.x), "d": problem.x.shape[1]}
                rows.append({**named, "library": name, **row})
                print(rows[-1], flush=True)
    settings = {"budget_s": BUDGET_S, "dtype": "float64", "blur": "a share of the diagonal"}
    write(options, "suite", rows, **settings, skipped=skipped)


def measured(problem, library):
    """A row for each target: the least effort that reaches it, and its best time of some rounds,
    within the budget.
    """
    clock(problem, library, library.efforts[0])  # it may compile
    remaining = list(library.efforts)
    start = time.perf_counter()
    for target in TARGETS:
        row = {"target": target, "best_s": None, "error": "not reached"}
        while remaining:
            seconds, found = clock(problem, library, remaining[0])
            left = start + BUDGET_S - time.perf_counter()
            if isinstance(found, str):
                row["error"] = found
                remaining.clear()
            elif found.marginal_error <= target:
                rounds = min(ROUNDS, int(left / 2 / max(seconds, 1e-9)))
                again = [clock(problem, library, remaining[0])[0] for _ in range(rounds)]
                row = {"target": target, "effort": remaining[0], "best_s": min([seconds, *again])}
                row |= found._asdict()
                break
            elif DEARER * seconds > left:
                row |= {"error": f"not within {BUDGET_S:.0f} s", "effort": remaining[0]}
                row |= found._asdict()
                remaining.clear()
            else:
                remaining.pop(0)
        yield row


def clock(problem, library, effort):
    """Seconds of a call, and the judgement of its potentials, or the text of its error."""
    try:
        start = time.perf_counter()
        potentials = library.solve(problem, effort)
        seconds = time.perf_counter() - start
        return seconds, judged(problem, *potentials)
    except Exception as error:  # a failed library is a result
        return 0.0, f"{type(error).__name__}: {error}"[:200]


if __name__ == "__main__":
    main()

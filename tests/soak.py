"""Random hard problems against a dense oracle.

`python -m tests.soak N SEED` draws N of them; `python -m tests.soak --only SEED INDEX` repeats one.
"""

import argparse
import sys
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # helpers have bare names

import conftest  # noqa: F401  (where kernels are cached)
import numpy as np
from hard_problems import draw
from judge import judge_divergence, judge_solution
from retold import ways
from truth import Scene

import sinkhorn_nb as snb


def solve(problem):
    """The result, and the warnings."""
    solver = problem.solver
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if problem.call == "batch":
            pairs = batch(problem.x, problem.y, problem.a, problem.b)
            return snb.sinkhorn_divergences(*pairs, blur=problem.blur, solver=solver), caught
        function = snb.entropic_ot if problem.call == "ot" else snb.sinkhorn_divergence
        return function(*problem[1:5], blur=problem.blur, solver=solver), caught


def batch(x, y, a, b):
    """The pair, and for company the pair the other way round."""
    return [x, y], [y, x], None if a is None else [a, b], None if a is None else [b, a]


def check(problem):
    """Failures as (kind, words with what was expected and what came)."""
    try:
        result, caught = solve(problem)
        failures = list(_judge_warnings(result, caught))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            failures += _judge_numbers(problem, result)
        if caught:
            failures.append(
                ("late warning", f"expected none when results are read, got {caught[0].message}")
            )
        return failures + list(_judge_retold(problem, result))
    except Exception as error:
        # A documented refusal
        if isinstance(error, ValueError) and "float64 tells apart" in str(error):
            return []
        frames = traceback.extract_tb(error.__traceback__)[-4:]
        where = " < ".join(
            f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames)
        )
        return [(type(error).__name__, f"expected no exception, got {error} ({where})")]


def _judge_warnings(result, caught):
    others = [w for w in caught if not issubclass(w.category, snb.ConvergenceWarning)]
    # After which it may yet converge
    early = [w for w in caught if str(w.message).startswith("The blur")]
    told, expected = len(caught) - len(others), int(not np.all(result.converged) or len(early) > 0)
    if others:
        yield "warning", f"expected none, got {others[0].category.__name__}: {others[0].message}"
    if told != expected:
        yield "ConvergenceWarning", f"expected {expected}, got {told}"


def _judge_numbers(problem, result):
    """Kinds that vanish if coordinates may be rounded at their distance from the origin end in
    (offset).
    """
    failures = list(_failures(problem, result, lenient=False))
    known = {kind for kind, _ in _failures(problem, result, lenient=True)} if failures else ()
    return [(kind if kind in known else f"{kind} (offset)", words) for kind, words in failures]


def _failures(problem, result, lenient):
    x, y, a, b, blur = problem[1:6]
    cross = Scene.of(x, y, a, b, blur, lenient)
    if problem.call == "ot":
        yield from judge_solution("OT", result, problem, cross)
        return
    divergence = result[0] if problem.call == "batch" else result
    scenes = cross, Scene.of(x, x, a, a, blur, lenient), Scene.of(y, y, b, b, blur, lenient)
    for name, scene in zip(("xy", "xx", "yy"), scenes, strict=True):
        yield from judge_solution(name, getattr(divergence, name), problem, scene)
    yield from judge_divergence(divergence, problem, scenes)


def _judge_retold(problem, result):
    """One of the ways to tell the problem that must not matter; in a batch, the order of each pair,
    too.
    """
    if problem.settings.get("init") == "warm":  # made of the points as they were
        return
    values = np.atleast_1d(result.value)
    if len(values) > 1 and values[0] != values[1]:
        yield (
            "batch order",
            f"expected the same bits of (x, y) and (y, x), got {values[0]!r} and {values[1]!r}",
        )
    told = ways(problem)
    way = list(told)[problem.seed[-1] % len(told)]
    retold, factor = told[way]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value = np.atleast_1d(solve(retold)[0].value)[0]
    if not (value == factor * values[0] or np.isnan(values[0])):
        yield way, f"expected the same bits, got {factor * values[0]!r} and {value!r}"


def run(seed, indices):
    """One line for each kind of failure of a problem, and the counts of kinds; the number of
    problems that fail.
    """
    kinds, n_failed, start = Counter(), 0, time.perf_counter()
    for index in indices:
        problem = draw([seed, index])
        failures = dict(reversed(check(problem)))  # the first of each kind
        n_failed += bool(failures)
        kinds.update(failures.keys())
        for kind, words in reversed(failures.items()):
            print(f"{seed} {index}: {kind}: {words} | {problem.told}", flush=True)
    print(f"{n_failed} of {len(indices)} problems fail, {time.perf_counter() - start:.0f} s")
    for kind, count in kinds.most_common():
        print(f"{count:6d} {kind}")
    return n_failed


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument(
        "numbers", type=int, nargs=2, metavar=("N", "SEED"), help="with --only: SEED INDEX"
    )
    parser.add_argument(
        "--only", action="store_true", help="one problem alone, with a program that states it"
    )
    given = parser.parse_args()
    first, second = given.numbers
    if given.only:
        print(draw([first, second]).program)
    sys.exit(bool(run(first, [second]) if given.only else run(second, range(first))))

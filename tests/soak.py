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
from truth import Scene

import sinkhorn_nb as snb


def solve(problem):
    """The result, and the messages of its warnings: ConvergenceWarnings and others."""
    arguments = problem.x, problem.y, problem.a, problem.b
    with warnings.catch_warnings():  # of a warm start
        warnings.simplefilter("ignore")
        solver = problem.solver
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if problem.call == "batch":
            result = snb.sinkhorn_divergences(*batch(arguments), blur=problem.blur, solver=solver)
        else:
            function = snb.entropic_ot if problem.call == "ot" else snb.sinkhorn_divergence
            result = function(*arguments, blur=problem.blur, solver=solver)
    return result, caught


def batch(arguments):
    """The pair, its weights, and for company the pair the other way round."""
    x, y, a, b = arguments
    return [x, y], [y, x], None if a is None else [a, b], None if a is None else [b, a]


def check(problem):
    """Failures as (kind, words with what was expected and what came)."""
    try:
        result, caught = solve(problem)
        return list(_judge(problem, result, caught))
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return [(type(error).__name__, f"expected no exception, got {error} ({where.filename}:{where.lineno})")]


def _quietly(problem):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return solve(problem)


def _judge(problem, result, caught):
    others = [w for w in caught if not issubclass(w.category, snb.ConvergenceWarning)]
    told = len(caught) - len(others)
    converged = bool(np.all(result.converged))
    if others:
        yield "warning", f"expected none, got {others[0].category.__name__}: {others[0].message}"
    if told != (not converged):
        yield "ConvergenceWarning", f"expected {int(not converged)}, got {told}"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        failures = list(_judge_numbers(problem, result))
    if caught:
        yield "late warning", f"expected none when results are read, got {caught[0].message}"
    known = {kind for kind, _ in _judge_numbers(problem, result, lenient=True)} if failures else ()
    yield from ((kind if kind in known else f"{kind} (offset)", words) for kind, words in failures)
    yield from symmetries(problem, result)


def _judge_numbers(problem, result, lenient=False):
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


def symmetries(problem, result):
    """The same problem told in another way."""
    rng = np.random.default_rng(problem.seed)
    if problem.call == "batch":
        one, other = result.value
        if one != other and problem.settings.get("init") != "warm":  # of which only one fits
            yield "batch order", f"expected the same bits of (x, y) and (y, x), got {one!r} and {other!r}"
        return
    told = {"exchanged": problem.turned(), "permuted": permuted(problem, rng)}
    if problem.a is not None and np.asarray(problem.a).dtype == np.float64:
        told["mass x 16"] = problem._replace(a=16 * problem.a, b=16 * problem.b)
    way = str(rng.choice(list(told)))
    if problem.settings.get("init") == "warm" or (way == "mass x 16" and problem.call == "ot"):
        return
    value = _quietly(told[way])[0].value
    expected = 16 * result.value if way == "mass x 16" else result.value
    if not (value == expected or np.isnan(expected)):
        yield way, f"expected the same bits, got {expected!r} and {value!r}"


def permuted(problem, rng):
    """The points in another order."""
    p, q = rng.permutation(len(problem.x)), rng.permutation(len(problem.y))
    a, b = problem.a, problem.b
    settings = dict(problem.settings)
    if isinstance(settings.get("init"), tuple):
        settings["init"] = settings["init"][0][p], settings["init"][1][q]
    weights = {} if a is None else {"a": a[p], "b": b[q]}
    return problem._replace(x=problem.x[p], y=problem.y[q], settings=settings, **weights)


def run(seed, indices):
    """One line for each kind of failure of a problem, and the counts of kinds; the number of problems that fail."""
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
    parser.add_argument("numbers", type=int, nargs=2, metavar=("N", "SEED"), help="with --only: SEED INDEX")
    parser.add_argument("--only", action="store_true", help="one problem alone")
    given = parser.parse_args()
    first, second = given.numbers
    sys.exit(bool(run(first, [second]) if given.only else run(second, range(first))))

"""How long until S_eps (and its gradient) is known to a marginal error of 1e-3?

d = 3, float32. All answers are measured in the same way, in float64: the marginal error from the
potentials, and the error of the value against our own float64 solution at tol 1e-6 (the error of
that value is quadratic in its marginal error, about 1e-12).
"""

from typing import NamedTuple

import numpy as np

import sinkhorn_nb as snb
from sinkhorn_nb import Measure, Problem

from . import families
from .harness import Timing, arguments, goal, in_turn, message, ratio, write
from .peers import installed


class Question(NamedTuple):
    """A pair of clouds."""

    case: str
    blur: float  # of the diagonal of the bounding box
    n: int
    is_ours_alone: bool = False


QUESTIONS = (
    *(Question("warp", 0.05, n) for n in (1024, 4096)),
    Question("warp", 0.01, 1024),
    Question("mixture", 0.05, 1024),
    Question("warp", 0.05, 16384),
    *(Question(case, 0.01, 16384, is_ours_alone=True) for case in ("warp", "mixture")),
    Question("warp", 0.05, 100_000, is_ours_alone=True),
)
SMOKE = tuple(Question(case, 0.05, n) for case in ("warp", "mixture") for n in (256, 512))
LARGEST_EXACT = 16384  # reference solutions cost more than everything else
TASKS = ("value", "value and gradient")
FASTER_THAN = (("geomloss", 16384, 100), ("ott", 4096, 40), ("pot", 4096, 300))  # at blur .05


def clouds(question):
    """Points in float32, and the blur."""
    x, y = (points.astype(np.float32) for points in getattr(families, question.case)(question.n))
    return x, y, question.blur * families.diameter(x, y)


def marginal_error(x, y, blur, f, g):
    """max over the two sides of sum_i a_i |r_i - 1|, in float64."""
    source, target = Measure.of(x.astype(np.float64)), Measure.of(y.astype(np.float64))
    kernel = Problem(source, target, blur**2).kernel("float64")
    sums = kernel.log_sums(source.partition.sort(f), target.partition.sort(g))
    return float(max(np.mean(np.abs(np.expm1(s))) for s in sums))


def exact_value(x, y, blur):
    """S_eps in float64, to a marginal error of 1e-6."""
    if len(x) > LARGEST_EXACT:
        return None
    solver = snb.Sinkhorn(tol=1e-6, max_iter=5000)
    return snb.sinkhorn_divergence(
        x.astype(np.float64), y.astype(np.float64), blur=blur, solver=solver
    ).value


def started(library, x, y, blur):
    """Return a job for the clock, or the text of an error."""
    try:
        return library.job(x, y, blur)
    except Exception as error:  # a failed peer is a result
        return message(error)


def warm(library):
    """Compile KeOps formulas, load numba's cache, start torch; return the text of an error."""
    x, y, blur = clouds(Question("warp", 0.05, 256))
    job = started(library, x, y, blur)
    return job if isinstance(job, str) else in_turn({"": job}, rounds=1)[""].error


def left_out(library, question, expected_s):
    if question.n > library.largest_n:
        return f"left out: n > {library.largest_n}"
    if expected_s > library.longest_s:
        return f"left out: {expected_s:.0f} s expected, {library.longest_s:.0f} s allowed"
    return None


def compare(question, libraries, rounds, pace):
    """Yield the rows of all libraries; pace[name] records the most seconds per pair."""
    x, y, blur = clouds(question)
    jobs = {}
    for name, library in libraries.items():
        expected_s = pace.get(name, 0) * question.n**2
        jobs[name] = left_out(library, question, expected_s) or started(library, x, y, blur)
    timings = {name: Timing(error=job) for name, job in jobs.items() if isinstance(job, str)}
    timings |= in_turn(
        {name: job for name, job in jobs.items() if name not in timings}, rounds, budget_s=12.0
    )
    exact = exact_value(x, y, blur)

    for name in libraries:
        timing, row = (
            timings[name],
            {"case": question.case, "blur": question.blur, "n": question.n, "library": name},
        )
        if not timing.times:
            yield row | {"error": timing.error}
            continue
        pace[name] = max(pace.get(name, 0), timing.seconds()[-1] / question.n**2)
        answer = timing.answers[0]
        row |= {"value": answer.value, "passes": answer.passes}
        row |= {"relative_error_of_value": abs(answer.value - exact) / exact if exact else None}
        row |= {"marginal_error": marginal_error(x, y, blur, answer.f, answer.g)}
        for lap, task in enumerate(TASKS[: len(timing.answers)]):
            faster = ratio(timing, timings["sinkhorn_nb"], lap)
            yield row | {"task": task, "ours_faster": faster} | timing.summary(lap)


def goals(rows):
    rows = [r for r in rows if r.get("task") in TASKS and r["blur"] == 0.05]
    for library, n, least in FASTER_THAN:
        for task in TASKS:
            peers = [
                r
                for r in rows
                if r["library"].startswith(library) and (r["n"], r["task"]) == (n, task)
            ]
            if peers:
                what = (
                    f"{task}, n = {n}, blur .05, against {library} (its fastest backend, the harder "
                    ""
                    "case)"
                )
                yield goal(
                    what, min(row["ours_faster"] for row in peers), "times faster", at_least=least
                )
    for row in rows:
        if row["n"] == 100_000 and row["task"] == TASKS[-1]:
            yield goal(f"{row['task']}, n = 100 000, blur .05", row["median_s"], "s", at_most=60)


def main():
    args = arguments(__doc__)
    libraries, pace, rows = installed(), {}, []
    for name, library in list(libraries.items()):
        if error := warm(library):
            del libraries[name]
            rows.append({"library": name, "n": 256, "case": "warp", "error": error})
    for question in SMOKE if args.smoke else QUESTIONS:
        asked = {"sinkhorn_nb": libraries["sinkhorn_nb"]} if question.is_ours_alone else libraries
        rows += compare(question, asked, 2 if args.smoke else 5, pace)
        print(f"{question.case}, blur {question.blur}, n = {question.n}: done", flush=True)
    write(
        args,
        "divergence",
        rows,
        goals(rows),
        blur="a share of the diagonal of the bounding box",
        d=3,
        dtype="float32",
    )


if __name__ == "__main__":
    main()

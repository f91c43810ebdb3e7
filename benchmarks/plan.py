"""How long does it take to read a plan, in the time of one pass over its pairs?

A pass is `plan.sum(axis=1)`: row sums in float64, in turn in the same process. `sample` draws from
a new plan, so that the sums over its rows are included, at the size of its goal; after a solve in
float64 the solution has them already. `numpy.ones` shows the cost of a fresh array on this machine.
"""

import numpy as np

import sinkhorn_nb as snb

from .families import diameter, warp
from .harness import arguments, goal, in_turn, ratio, write

N, N_DRAWS = 5000, 100_000
DIMENSIONS = (1, 3, 16, 200)
GOALS = {"toarray": 5, "topk(5)": 10, "sample": 2}  # passes


def questions_to(solution):
    """The questions, by name."""
    plan = solution.plan
    n, m = plan.shape
    return {
        "numpy.ones": lambda: np.ones((n, m)),
        "toarray": plan.toarray,
        "topk(5)": lambda: plan.topk(5),
        "topk(100)": lambda: plan.topk(100),
        "block of every second": lambda: plan.block(slice(0, n, 2), slice(0, m, 2)),
        "sample": lambda: renewed(plan).sample(n, 0),
        "sample, sums known": lambda: plan.sample(n, 0),
        "map": solution.map,
        "normalized_entropy": lambda: renewed(plan).normalized_entropy,
        "plan @ v": lambda: plan @ np.ones(m),
    }


def renewed(plan):
    """The same plan, without known sums."""
    return snb.Plan(plan.problem, plan.f, plan.g, plan.backend)


def solution_between(n, d):
    x, y = warp(n, d=d)
    solver = snb.Sinkhorn(tol=0.1, backend="cpu", compression=None)
    return snb.entropic_ot(x, y, blur=0.05 * diameter(x, y), solver=solver)


def measure(n, d, questions, rounds):
    solution = solution_between(n, d)
    jobs = {name: job for name, job in questions_to(solution).items() if name in questions}
    jobs["one pass"] = lambda: solution.plan.sum(axis=1)
    small = questions_to(solution_between(50, d))
    for name in jobs:  # loads the kernels
        small.get(name, jobs["one pass"])()
    timings = in_turn(jobs, rounds, budget_s=60.0, pause_s=0.05)
    return [
        {
            "question": name,
            "n": n,
            "d": d,
            "times_a_pass": ratio(timing, timings["one pass"]),
            **timing.summary(),
        }
        for name, timing in timings.items()
    ]


def main():
    args = arguments(__doc__)
    n, n_draws, rounds = (500, 1000, 2) if args.smoke else (N, N_DRAWS, 9)
    every = set(questions_to(solution_between(50, 3)))
    rows = [row for d in DIMENSIONS for row in measure(n, d, every, rounds)]
    rows += measure(n_draws, 3, {"sample", "sample, sums known"}, min(rounds, 3))
    goals = [
        goal(
            f"{row['question']}, n = {row['n']}, d = 3",
            row["times_a_pass"],
            "passes",
            at_most=GOALS[row["question"]],
        )
        for row in rows
        if row["d"] == 3
        and row["question"] in GOALS
        and (row["question"] == "sample") == (row["n"] == n_draws)
    ]
    write(
        args, "plan", rows, goals, blur="5 % of the diagonal of the bounding box", dtype="float64"
    )


if __name__ == "__main__":
    main()

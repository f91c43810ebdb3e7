"""How long do 100 steps of a gradient flow take, from each step's divergence to the next one and
without it?

The flow is x <- x - rate * n * gradient from a square to a warped one, d = 2, float32, blur 5 % of
the diagonal at the start, with value and gradient at each step. Rounds of ten steps are timed in
turn; each library follows its own flow. GeomLoss takes no start.
"""

from typing import NamedTuple

import numpy as np

import sinkhorn_nb as snb

from .families import diameter, warp
from .harness import arguments, goal, has, in_turn, ratio, write

SIZES = (256, 1000, 4000)
RATE, STEPS, ROUNDS = 0.1, 10, 10
SHIFT = 0.5  # of the target, so that the cloud moves some way
PRECISE = snb.Sinkhorn(tol=1e-6, max_iter=5000)
WARM, COLD = "sinkhorn_nb, init=previous", "sinkhorn_nb, cold"
MOST_PASSES = 3  # per step, for all three problems


class Step(NamedTuple):
    """The value and the gradient at x; passes and iterations if the library counts them."""

    x: np.ndarray
    value: float
    gradient: np.ndarray
    passes: float = 0.0
    iterations: int = 0


class Flow:
    """A moving cloud: each call makes the next steps, by a function of x that returns a `Step`."""

    def __init__(self, x, step):
        self.x, self.step, self.made = x, step, []

    def __call__(self):
        for _ in range(STEPS):
            step = self.step(self.x)
            self.made.append(step)
            self.x = (self.x - RATE * len(self.x) * step.gradient).astype(self.x.dtype)

    def each(self, name):
        """An attribute of each step."""
        return [getattr(step, name) for step in self.made]


def ours(y, blur, is_warm):
    """The step from x, with the last divergence as its start or without it."""
    last = []

    def step(x):
        solver = snb.Sinkhorn(init=last.pop() if is_warm and last else "auto")
        divergence = snb.sinkhorn_divergence(x, y, blur=blur, solver=solver)
        last.append(divergence)
        iterations = sum(
            solution.n_iter for solution in (divergence.xy, divergence.xx, divergence.yy)
        )
        return Step(x, divergence.value, divergence.gradient().x, divergence.n_passes, iterations)

    return step


def geomloss(y, blur, scaling):
    """The step by SamplesLoss and torch's autograd; it has no tolerance: scaling is its accuracy."""
    import torch
    from geomloss import SamplesLoss

    loss = SamplesLoss("sinkhorn", p=2, blur=blur, scaling=scaling, backend="tensorized")
    y = torch.tensor(y)

    def step(x):
        points = torch.tensor(x, requires_grad=True)
        value = loss(points, y)
        (gradient,) = torch.autograd.grad(value, [points])
        return Step(x, value.item(), gradient.numpy())

    return step


def flows(x, y, blur):
    """name -> Flow."""
    found = {
        WARM: Flow(x, ours(y, blur, is_warm=True)),
        COLD: Flow(x, ours(y, blur, is_warm=False)),
    }
    if has("geomloss"):
        for scaling in (0.5, 0.9):
            found[f"GeomLoss, scaling {scaling}, tensorized"] = Flow(x, geomloss(y, blur, scaling))
    return found


def clouds(n):
    x, y = warp(n, d=2)
    x, y = x.astype(np.float32), (y + np.array([SHIFT, 0.0])).astype(np.float32)
    return x, y, 0.05 * diameter(x, y)


def error(step, y, blur):
    """The relative error of a value, at the points that its library had reached."""
    x, y = step.x.astype(np.float64), y.astype(np.float64)
    return abs(step.value / snb.sinkhorn_divergence(x, y, blur=blur, solver=PRECISE).value - 1)


def measure(n, rounds, budget_s):
    x, y, blur = clouds(n)
    jobs = flows(x, y, blur)
    timings = in_turn(jobs, rounds, budget_s=budget_s)
    for name, timing in timings.items():
        flow, row = jobs[name], {"n": n, "library": name}
        if not timing.times:
            yield row | {"error": timing.error}
            continue
        steps = len(flow.made)
        row |= {"steps": steps, "ms_a_step": 1e3 * sum(timing.seconds()) / steps}
        row |= {"ours_faster": ratio(timing, timings[WARM]), "value": flow.made[-1].value}
        if name in (WARM, COLD):
            row |= {key: sum(flow.each(key)) / steps for key in ("passes", "iterations")}
        errors = [error(step, y, blur) for step in flow.made[STEPS - 1 :: STEPS]]
        yield row | {"relative_error_of_value": float(np.median(errors))}


def goals(rows):
    for row in rows:
        if row["library"] == WARM:
            yield goal(
                f"passes per step, n = {row['n']}", row["passes"], "passes", at_most=MOST_PASSES
            )


def main():
    args = arguments(__doc__)
    for job in flows(*clouds(100)).values():  # loads the kernels, starts torch
        job()
    rounds, budget_s = (2, 5.0) if args.smoke else (ROUNDS, 60.0)
    rows = [
        row for n in ((64, 600) if args.smoke else SIZES) for row in measure(n, rounds, budget_s)
    ]
    write(
        args,
        "flow",
        rows,
        list(goals(rows)),
        blur="5 % of the diagonal at the start",
        d=2,
        rate=RATE,
        tol=1e-3,
    )


if __name__ == "__main__":
    main()

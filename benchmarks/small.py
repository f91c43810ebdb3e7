"""How long does S_eps with its gradient take between small clouds: one pair after another, and all
pairs together?

float32, d = 3, blur 5 % of the diagonal; the points of each pair are drawn anew. Values and
gradients in both clouds.
"""

from functools import partial

import numpy as np

import sinkhorn_nb as snb

from .families import diameter, warp
from .harness import arguments, goal, has, in_turn, ratio, write

SIZES = {32: 500, 128: 500, 256: 500, 1024: 50}  # n -> pairs
ALONE = {32: 100, 128: 100, 256: 100, 1024: 20}  # so many of them are solved one after another
PRECISE = snb.Sinkhorn(tol=1e-8)
OURS, TIGHT = "sinkhorn_nb, tol 1e-3", "sinkhorn_nb, tol 1e-6"
# ms per pair, and the factor over GeomLoss at scaling .5 and .9, alone and together.
MOST_MS = {
    "alone": {32: 0.4, 128: 0.8, 256: 1.5, 1024: 12.0},
    "together": {32: 0.05, 128: 0.25, 256: 0.9, 1024: 9.0},
}
LEAST_TIMES = {
    ("alone", 0.5): {32: 5, 128: 5, 256: 4, 1024: 5},
    ("together", 0.5): {32: 1.5, 256: 5},
    ("together", 0.9): {32: 10, 256: 15},
}
MOST_TIMES_FOR_TIGHT = 2


def ours_alone(xs, ys, blur, tol):
    """One call per pair."""
    solver = snb.Sinkhorn(tol=tol)

    def one(x, y):
        divergence = snb.sinkhorn_divergence(x, y, blur=blur, solver=solver)
        return divergence.value, divergence.gradient().x

    return lambda: values_of(one(x, y) for x, y in zip(xs, ys, strict=True))


def ours_together(xs, ys, blur, tol):
    """One call for all pairs."""
    solver = snb.Sinkhorn(tol=tol)

    def job():
        divergences = snb.sinkhorn_divergences(xs, ys, blur=blur, solver=solver)
        divergences.gradient()
        return divergences.value

    return job


def geomloss_alone(xs, ys, blur, scaling):
    """(n, d) tensors, tensorized."""
    step = geomloss(blur, scaling)
    clouds = [tensors(x, y) for x, y in zip(xs, ys, strict=True)]
    return lambda: values_of(
        (value.item(), gradient) for value, gradient in (step(*pair) for pair in clouds)
    )


def geomloss_together(xs, ys, blur, scaling):
    """One (B, n, d) tensor per side, tensorized."""
    step, clouds = geomloss(blur, scaling), tensors(np.stack(xs), np.stack(ys))
    return lambda: step(*clouds)[0].numpy()


def geomloss(blur, scaling):
    """Values and gradients by torch's autograd."""
    import torch
    from geomloss import SamplesLoss

    loss = SamplesLoss("sinkhorn", p=2, blur=blur, scaling=scaling, backend="tensorized")

    def step(x, y):
        value = loss(x, y)
        return value.detach(), torch.autograd.grad(value.sum(), [x, y])

    return step


def tensors(*arrays):
    import torch

    return [torch.tensor(array, requires_grad=True) for array in arrays]


def values_of(answers):
    return np.array([value for value, _ in answers])


def jobs(xs, ys, blur, alone):
    """(way, library) -> job; the first pairs are solved alone, too."""
    few = xs[:alone], ys[:alone]
    found = {}
    for name, tol in ((OURS, 1e-3), (TIGHT, 1e-6)):
        found["alone", name] = ours_alone(*few, blur, tol)
        found["together", name] = ours_together(xs, ys, blur, tol)
    if has("geomloss"):
        for scaling in (0.5, 0.9):
            found["alone", peer(scaling)] = geomloss_alone(*few, blur, scaling)
            found["together", peer(scaling)] = geomloss_together(xs, ys, blur, scaling)
    return found


def peer(scaling):
    return f"GeomLoss, scaling {scaling}, tensorized"


def measure(n, count, rounds):
    pairs = [warp(n, seed) for seed in range(count)]
    xs, ys = ([pair[side].astype(np.float32) for pair in pairs] for side in (0, 1))
    blur = 0.05 * diameter(*pairs[0])
    exact = snb.sinkhorn_divergences(xs, ys, blur=blur, solver=PRECISE).value
    alone = min(count, ALONE.get(n, count))
    timings = in_turn(jobs(xs, ys, blur, alone), rounds)
    for (way, library), timing in timings.items():
        solved = alone if way == "alone" else count
        row = {"way": way, "n": n, "pairs": solved, "library": library} | timing.summary()
        if timing.times:
            off = np.abs(timing.answers[-1] / exact[:solved] - 1)
            row |= {
                "ms_a_pair": 1e3 * timing.median() / solved,
                "relative_error_of_value": float(np.median(off)),
            }
            row |= {"ours_faster": ratio(timing, timings[way, OURS])}
        yield row


def goals(rows):
    found = {(row["way"], row["n"], row["library"]): row for row in rows if "ms_a_pair" in row}
    for way, most in MOST_MS.items():
        for n, ms in most.items():
            if (way, n, OURS) in found:
                yield goal(
                    f"{way}, n = {n}", found[way, n, OURS]["ms_a_pair"], "ms per pair", at_most=ms
                )
                tight = found[way, n, TIGHT]["ours_faster"]
                yield goal(
                    f"{way}, n = {n}, tol 1e-6",
                    tight,
                    "times tol 1e-3",
                    at_most=MOST_TIMES_FOR_TIGHT,
                )
    for (way, scaling), least in LEAST_TIMES.items():
        for n, times in least.items():
            if (way, n, peer(scaling)) in found:
                faster = found[way, n, peer(scaling)]["ours_faster"]
                yield goal(
                    f"{way}, n = {n}, against GeomLoss {scaling}",
                    faster,
                    "times as fast",
                    at_least=times,
                )


def main():
    args = arguments(__doc__)
    take = partial(measure, rounds=2 if args.smoke else 5)
    list(measure(40, 2, 1))  # loads the kernels, starts torch
    rows = [
        row
        for n, count in ({16: 3, 40: 2} if args.smoke else SIZES).items()
        for row in take(n, count)
    ]
    write(
        args,
        "small",
        rows,
        list(goals(rows)),
        blur="5 % of the diagonal of the bounding box",
        d=3,
        dtype="float32",
    )


if __name__ == "__main__":
    main()

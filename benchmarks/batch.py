"""How long do many divergences of small clouds take together, one after another, and in GeomLoss's batches?

float32, d = 3, blur 5 % of the diagonal; the points of each pair are drawn anew. One round solves all pairs.
"""

import numpy as np

import sinkhorn_nb as snb

from .families import diameter, warp
from .harness import arguments, goal, has, in_turn, ratio, write

SIZES = {32: 256, 128: 128, 256: 128, 512: 64, 1024: 32}  # n -> pairs
PRECISE = snb.Sinkhorn(tol=1e-8)


def together(xs, ys, blur):
    return lambda: snb.sinkhorn_divergences(xs, ys, blur=blur).value


def one_by_one(xs, ys, blur):
    return lambda: np.array([float(snb.sinkhorn_divergence(x, y, blur=blur)) for x, y in zip(xs, ys, strict=True)])


def geomloss(xs, ys, blur):
    """A (B, n, d) tensor a side, tensorized, at its accurate scaling."""
    import torch
    from geomloss import SamplesLoss

    loss = SamplesLoss("sinkhorn", p=2, blur=blur, scaling=0.9, backend="tensorized")
    clouds = torch.tensor(np.stack(xs)), torch.tensor(np.stack(ys))

    def job():
        with torch.no_grad():
            return loss(*clouds).numpy()

    return job


def measure(n, count, rounds):
    pairs = [warp(n, seed) for seed in range(count)]
    xs, ys = ([pair[side].astype(np.float32) for pair in pairs] for side in (0, 1))
    blur = 0.05 * diameter(*pairs[0])
    exact = snb.sinkhorn_divergences(xs, ys, blur=blur, solver=PRECISE).value
    makers = {"sinkhorn_nb, together": together, "sinkhorn_nb, one by one": one_by_one}
    if has("geomloss"):
        makers["GeomLoss, scaling .9, tensorized"] = geomloss
    jobs = {name: make(xs, ys, blur) for name, make in makers.items()}
    timings = in_turn(jobs, rounds)
    ours = timings["sinkhorn_nb, together"]
    return [
        {"n": n, "pairs": count, "library": name, "relative_error_of_value": _worst(timing, exact)}
        | {"ms_a_pair": 1e3 * timing.median() / count if timing.times else None, "ours_faster": ratio(timing, ours)}
        | timing.summary()
        for name, timing in timings.items()
    ]


def _worst(timing, exact):
    return float(np.abs(timing.answers[-1] / exact - 1).max()) if timing.answers else None


def main():
    args = arguments(__doc__)
    measure(40, 2, 1)  # loads the kernels
    sizes = {16: 3, 40: 2} if args.smoke else SIZES
    rows = [row for n, count in sizes.items() for row in measure(n, count, 2 if args.smoke else 5)]
    goals = [
        goal(f"together against one by one, n = {row['n']}", row["ours_faster"], "times as fast", at_least=1)
        for row in rows
        if row["library"] == "sinkhorn_nb, one by one"
    ]
    write(args, "batch", rows, goals, blur="5 % of the diagonal of the bounding box", d=3, dtype="float32")


if __name__ == "__main__":
    main()

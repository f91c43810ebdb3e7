"""What do the bridges to PyTorch and JAX cost, and how fast is a step of training through them?

float32, d = 2, blur 5 % of the diagonal: the value and its gradient in both clouds. Each call of a
round has other points, as each step of training has.
"""

from functools import partial

import numpy as np

import sinkhorn_nb as snb

from .families import diameter, warp
from .harness import arguments, goal, has, in_turn, ratio, write

SIZES = (32, 256, 1024, 4096)
REPEATS, MOST_ROWS = 10, 5120  # calls per round, and points of all of them together
OURS, TORCH, JAX = "sinkhorn_nb, arrays", "sinkhorn_nb.torch", "sinkhorn_nb.jax, jitted"
OTT = "OTT's sinkdiv, threshold 1e-3, jitted"
MOST_OVERHEAD_MS = {TORCH: 0.15, JAX: 0.3}


def by_arrays(blur):
    def job(x, y):
        divergence = snb.sinkhorn_divergence(x, y, blur=blur)
        divergence.gradient()
        return divergence.value

    return job


def by_torch(loss):
    import torch

    def job(x, y):
        x, y = (torch.tensor(cloud, requires_grad=True) for cloud in (x, y))
        value = loss(x, y)
        torch.autograd.grad(value, [x, y])
        return value.item()

    return job


def by_jax(divergence):
    import jax

    step = jax.jit(jax.value_and_grad(divergence, argnums=(0, 1)))
    return lambda x, y: float(jax.block_until_ready(step(x, y))[0])


def sinkdiv(blur):
    from ott.tools.sinkhorn_divergence import sinkdiv

    settings = {"threshold": 1e-3, "max_iterations": 2000}
    return lambda x, y: sinkdiv(x, y, epsilon=2 * blur**2, solve_kwargs=settings)[0] / 2


def jobs(blur):
    found = {OURS: by_arrays(blur)}
    if has("torch"):
        import sinkhorn_nb.torch as snt

        found[TORCH] = by_torch(partial(snt.sinkhorn_divergence, blur=blur))
    if has("geomloss"):
        from geomloss import SamplesLoss

        for scaling in (0.5, 0.9):
            loss = SamplesLoss("sinkhorn", 2, blur, scaling=scaling, backend="tensorized")
            found[f"GeomLoss, scaling {scaling}, tensorized"] = by_torch(loss)
    if has("jax"):
        import sinkhorn_nb.jax as snj

        found[JAX] = by_jax(partial(snj.sinkhorn_divergence, blur=blur))
    if has("ott"):
        found[OTT] = by_jax(sinkdiv(blur))
    return found


def clouds(n):
    """Pairs of clouds, a little different from each other; the last is the one that is judged."""
    repeats = max(2, min(REPEATS, MOST_ROWS // n))  # the same twice would be remembered
    x, y = (np.ascontiguousarray(cloud[:, :2], np.float32) for cloud in warp(n, 0))
    return [(x + np.float32(1e-3 * k), y) for k in reversed(range(repeats))]


def over(job, pairs):
    return lambda: [job(*pair) for pair in pairs][-1]


def measure(n, rounds):
    pairs = clouds(n)
    x, y = pairs[-1]
    blur = 0.05 * diameter(x, y)
    exact = snb.sinkhorn_divergence(x, y, blur=blur, solver=snb.Sinkhorn(tol=1e-8)).value
    known = jobs(blur)
    for job in known.values():
        job(x, y)
    timings = in_turn({name: over(job, pairs) for name, job in known.items()}, rounds)
    for library, timing in timings.items():
        row = {"n": n, "library": library} | timing.summary()
        if timing.times:
            ours = min(timings[OURS].seconds())
            row["ms_a_call"] = 1e3 * min(timing.seconds()) / len(pairs)
            row["overhead_ms"] = row["ms_a_call"] - 1e3 * ours / len(pairs)
            row["relative_error_of_value"] = abs(timing.answers[-1] / exact - 1)
            row["ours_faster"] = ratio(timing, timings[OURS])
        yield row


def goals(rows):
    for row in rows:
        if row["library"] in MOST_OVERHEAD_MS and "overhead_ms" in row and row["n"] <= 1024:
            most = MOST_OVERHEAD_MS[row["library"]]
            name = f"{row['library']}, n = {row['n']}: over the call with arrays"
            yield goal(name, row["overhead_ms"], "ms", at_most=most)


def main():
    args = arguments(__doc__)
    sizes, rounds = ((16, 40), 2) if args.smoke else (SIZES, 7)
    rows = [row for n in sizes for row in measure(n, rounds)]
    write(args, "bridges", rows, goals(rows), blur="5 % of the diagonal", d=2, dtype="float32")


if __name__ == "__main__":
    main()

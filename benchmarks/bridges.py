"""What do the bridges to PyTorch and JAX cost, and how fast is a step of training through them?

float32, d = 2, blur 5 % of the diagonal: the value and its gradient in both clouds.
"""

from functools import partial

import numpy as np

import sinkhorn_nb as snb

from .families import diameter, warp
from .harness import arguments, goal, has, in_turn, ratio, write

SIZES = (32, 256, 1024, 4096)
REPEATS = 10
OURS, TORCH, JAX = "sinkhorn_nb, arrays", "sinkhorn_nb.torch", "sinkhorn_nb.jax, jitted"
MOST_OVERHEAD_MS = {TORCH: 0.15, JAX: 0.3}


def arrays(x, y, blur):
    def job():
        divergence = snb.sinkhorn_divergence(x, y, blur=blur)
        divergence.gradient()
        return divergence.value

    return job


def by_torch(x, y, loss):
    import torch

    x, y = (torch.tensor(cloud, requires_grad=True) for cloud in (x, y))

    def job():
        value = loss(x, y)
        torch.autograd.grad(value, [x, y])
        return value.item()

    return job


def by_jax(x, y, blur):
    import jax

    import sinkhorn_nb.jax as snj

    step = jax.jit(
        jax.value_and_grad(lambda x, y: snj.sinkhorn_divergence(x, y, blur=blur), argnums=(0, 1))
    )
    return lambda: float(jax.block_until_ready(step(x, y))[0])


def jobs(x, y, blur):
    found = {OURS: arrays(x, y, blur)}
    if has("torch"):
        import sinkhorn_nb.torch as snt

        found[TORCH] = by_torch(x, y, partial(snt.sinkhorn_divergence, blur=blur))
    if has("geomloss"):
        from geomloss import SamplesLoss

        for scaling in (0.5, 0.9):
            loss = SamplesLoss("sinkhorn", 2, blur, scaling=scaling, backend="tensorized")
            found[f"GeomLoss, scaling {scaling}, tensorized"] = by_torch(x, y, loss)
    if has("jax"):
        found[JAX] = by_jax(x, y, blur)
    return found


def repeated(job):
    return lambda: [job() for _ in range(REPEATS)][-1]


def measure(n, rounds):
    x, y = (cloud.astype(np.float32)[:, :2] for cloud in warp(n, 0))
    x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)
    blur = 0.05 * diameter(x, y)
    exact = snb.sinkhorn_divergence(x, y, blur=blur, solver=snb.Sinkhorn(tol=1e-8)).value
    known = jobs(x, y, blur)
    for job in known.values():
        job()
    timings = in_turn({name: repeated(job) for name, job in known.items()}, rounds)
    for library, timing in timings.items():
        row = {"n": n, "library": library} | timing.summary()
        if timing.times:
            row["ms_a_call"] = 1e3 * min(timing.seconds()) / REPEATS
            row["overhead_ms"] = row["ms_a_call"] - 1e3 * min(timings[OURS].seconds()) / REPEATS
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

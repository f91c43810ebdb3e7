"""A gradient flow in JAX: a disc flows onto a ring and two eyes, in one compiled `lax.scan`."""

import argparse

import matplotlib

matplotlib.use("Agg")

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib import pyplot as plt

import sinkhorn_nb.jax as snj
from sinkhorn_nb.plotting import save

BLUR, RATE = 0.05, 0.2


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", nargs="?", default="flow.png", help="file of the picture")
    parser.add_argument("--small", action="store_true", help="few points, for a test")
    args = parser.parse_args()
    n, n_steps = (60, 6) if args.small else (600, 24)

    rng = np.random.default_rng(0)
    x = disc(rng, n, 0.6)
    eyes = [disc(rng, n // 4, 0.12) + jnp.array([side, 0.3]) for side in (-0.35, 0.35)]
    y = jnp.concatenate([ring(rng, n // 2), *eyes])

    def step(x, _):
        value, gradient = jax.value_and_grad(snj.sinkhorn_divergence)(x, y, blur=BLUR)
        return x - RATE * n * gradient, (x, value)  # uniform weights: 1 / a_i = n

    flow = jax.jit(lambda x: jax.lax.scan(step, x, None, length=n_steps))
    last, (path, values) = flow(x)
    for k in range(0, n_steps, n_steps // 3):
        print(f"step {k}: S = {values[k]:.2e}")
    print(f"step {n_steps}: S = {snj.sinkhorn_divergence(last, y, blur=BLUR):.2e}")
    shown = {k: path[k] for k in (0, n_steps // 6, n_steps // 3)} | {n_steps: last}
    save(draw(x, shown), args.picture)
    print(args.picture)


def disc(rng, n, radius):
    angle, share = 2 * np.pi * rng.random(n), np.sqrt(rng.random(n))
    return jnp.asarray(radius * np.stack([share * np.cos(angle), share * np.sin(angle)], axis=1))


def ring(rng, n):
    angle, radius = 2 * np.pi * rng.random(n), 1 + 0.05 * rng.normal(size=n)
    return jnp.asarray(np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1))


def draw(x, shown):
    angles = np.arctan2(x[:, 1], x[:, 0])
    figure, axes = plt.subplots(1, len(shown), figsize=(9, 2.6), layout="constrained")
    for ax, (step, points) in zip(axes, shown.items(), strict=True):
        ax.scatter(*points.T, s=6, c=angles, cmap="twilight", linewidths=0)
        ax.set(title=f"step {step}", xlim=(-1.3, 1.3), ylim=(-1.3, 1.3), aspect="equal")
        ax.axis("off")
    return figure


if __name__ == "__main__":
    main()

"""
A gradient flow in JAX
======================

A disc flows along minus the gradient of the divergence onto a ring and two eyes. All steps are one
compiled `lax.scan`.
"""

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib import pyplot as plt

import sinkhorn_nb.jax as snj
from sinkhorn_nb.plotting import palette

BLUR, RATE, N, N_STEPS = 0.05, 0.2, 600, 24

rng = np.random.default_rng(0)


def disc(count, radius, center=(0.0, 0.0)):
    angle = 2 * np.pi * rng.random(count)
    distance = radius * np.sqrt(rng.random(count))
    return jnp.stack([distance * np.cos(angle), distance * np.sin(angle)], axis=1) + jnp.array(
        center
    )


angle = 2 * np.pi * rng.random(N // 2)
distance = 1 + 0.05 * rng.normal(size=N // 2)
ring = jnp.stack([distance * np.cos(angle), distance * np.sin(angle)], axis=1)
y = jnp.concatenate([ring, disc(N // 4, 0.12, (-0.35, 0.3)), disc(N // 4, 0.12, (0.35, 0.3))])
x = disc(N, 0.6)


def step(x, _):
    value, gradient = jax.value_and_grad(snj.sinkhorn_divergence)(x, y, blur=BLUR)
    return x - RATE * N * gradient, (x, value)  # uniform weights: 1 / a_i = N


last, (path, values) = jax.jit(lambda x: jax.lax.scan(step, x, None, length=N_STEPS))(x)

# %%
# Each point keeps its color, which is its direction at the start.

shown = {k: (path[k], values[k]) for k in (0, N_STEPS // 6, N_STEPS // 3)}
shown[N_STEPS] = last, snj.sinkhorn_divergence(last, y, blur=BLUR)
figure, axes = plt.subplots(1, 4, figsize=(12, 3.3), layout="constrained")
for ax, (k, (points, value)) in zip(axes, shown.items(), strict=True):
    ax.scatter(*points.T, s=7, c=np.arctan2(x[:, 1], x[:, 0]), cmap=palette.COLORMAP, linewidths=0)
    ax.set_title(f"step {k}: S = {value:.1e}", fontsize=10)
    ax.set(xlim=(-1.3, 1.3), ylim=(-1.3, 1.3), aspect="equal")
    ax.axis("off")
plt.show()

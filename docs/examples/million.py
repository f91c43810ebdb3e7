"""
A million points
================

A million points on a sphere are sent to a million on a torus. Points that are close together, at
the scale of the blur, are solved as one weighted node, so that the 10\\ :sup:`12` pairs are never
visited; the map then takes every single point.
"""

import time

import numpy as np
from matplotlib import pyplot as plt

import sinkhorn_nb as snb
from sinkhorn_nb.plotting import palette

N = 1_000_000
rng = np.random.default_rng(0)

x = rng.normal(size=(N, 3)).astype(np.float32)
x /= np.linalg.norm(x, axis=1, keepdims=True)
around = 2 * np.pi * rng.random(N)
tube = 2 * np.pi * rng.random(N)
radius = 1.0 + 0.4 * np.cos(tube)
y = np.stack([radius * np.cos(around), radius * np.sin(around), 0.4 * np.sin(tube)], axis=1)
y = y.astype(np.float32)

start = time.perf_counter()
divergence = snb.sinkhorn_divergence(x, y, blur=0.1)
moved = x - divergence.gradient().x * N
seconds = time.perf_counter() - start
print(f"S = {divergence.value:.5f} in {seconds:.1f} s: {divergence.compression.reason}")
print(f"marginal error {divergence.marginal_error:.1e}")

# %%
# One gradient step carries each point to the torus. Colors show where it came from.

shown = rng.choice(N, 20_000, replace=False)
colors = np.arctan2(x[shown, 1], x[shown, 0])
figure = plt.figure(figsize=(11, 3.2), layout="constrained")
clouds = {"a million points": x, "after one gradient step": moved, "the target": y}
for k, (title, cloud) in enumerate(clouds.items()):
    ax = figure.add_subplot(1, 3, k + 1, projection="3d")
    look = {"color": palette.INK} if title == "the target" else {"c": colors, "cmap": "twilight"}
    ax.scatter(*cloud[shown].T, s=1, linewidths=0, **look)
    ax.set(title=title, xlim=(-1.4, 1.4), ylim=(-1.4, 1.4), zlim=(-1.05, 1.05))
    ax.set_box_aspect((1, 1, 0.75), zoom=1.4)
    ax.view_init(35, -60)
    ax.axis("off")
plt.show()

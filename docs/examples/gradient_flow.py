"""
A gradient flow
===============

A square flows to a disc along minus the gradient of the Sinkhorn divergence. Each step starts from
the last one, so that it takes few passes over the pairs.
"""

import numpy as np
from matplotlib import pyplot as plt

import sinkhorn_nb as snb
from sinkhorn_nb.plotting import palette, plot_cloud

N, BLUR, RATE, N_STEPS = 500, 0.05, 0.5, 8

rng = np.random.default_rng(0)
x = rng.random((N, 2))
angles = 2 * np.pi * rng.random(N)
radii = np.sqrt(rng.random(N)) / 2
y = np.column_stack([2 + radii * np.cos(angles), 0.5 + radii * np.sin(angles)])

colors = x[:, 1]
clouds = [x]
solver = snb.Sinkhorn()
for step in range(N_STEPS + 1):
    divergence = snb.sinkhorn_divergence(x, y, blur=BLUR, solver=solver)
    solver = snb.Sinkhorn(init=divergence)  # each step starts from the last one
    print(f"step {step}: S = {divergence.value:.3e} after {divergence.n_passes:.1f} passes")
    x = x - RATE * N * divergence.gradient().x  # uniform weights: 1 / a_i = N
    clouds.append(x)

# %%
# The square after 0, 1, 2, 3 and 8 steps, and the disc.

figure, axes = plt.subplots(1, 6, figsize=(12, 2.2), layout="constrained")
for ax, step in zip(axes, (0, 1, 2, 3, N_STEPS), strict=False):
    plot_cloud(ax, clouds[step], colors)
    ax.set_title(f"step {step}", fontsize=10)
plot_cloud(axes[-1], y, palette.INK)
axes[-1].set_title("target", fontsize=10)
for ax in axes:
    ax.set(xlim=(ax.dataLim.x0 - 0.1, ax.dataLim.x0 + 1.2), ylim=(-0.15, 1.15))
plt.show()

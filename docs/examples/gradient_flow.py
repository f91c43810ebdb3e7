"""
A gradient flow
===============

A square flows to a heart along minus the gradient of the Sinkhorn divergence. Each step starts from
the last one, so that it takes few passes over the pairs.
"""

import numpy as np
from matplotlib import pyplot as plt

import sinkhorn_nb as snb
from sinkhorn_nb.plotting import palette, plot_cloud

N, BLUR, RATE, N_STEPS = 1000, 0.05, 0.4, 10

rng = np.random.default_rng(0)
x = rng.random((N, 2))
u, v = candidates = rng.uniform(-1.3, 1.3, (2, 20 * N))
heart = (u**2 + v**2 - 1) ** 3 < u**2 * v**3
y = 0.5 * candidates.T[heart][:N] + [2.0, 0.5]

colors = x[:, 1]
clouds = [x]
solver = snb.Sinkhorn()
for step in range(N_STEPS):
    divergence = snb.sinkhorn_divergence(x, y, blur=BLUR, solver=solver)
    solver = snb.Sinkhorn(init=divergence)  # each step starts from the last one
    print(f"step {step}: S = {divergence.value:.3e} after {divergence.n_passes:.1f} passes")
    x = x - RATE * N * divergence.gradient().x  # uniform weights: 1 / a_i = N
    clouds.append(x)

# %%
# The square on its way, and the heart.

figure, ax = plt.subplots(figsize=(11, 3.4), layout="constrained")
steps = (0, 1, 2, 4, N_STEPS)
for place, step in enumerate(steps):
    centered = clouds[step] - clouds[step].mean(axis=0) + [1.4 * place, 0.0]
    plot_cloud(ax, centered, colors)
    ax.text(1.4 * place, 0.75, f"step {step}", ha="center")
plot_cloud(ax, y - y.mean(axis=0) + [1.4 * len(steps), 0.0], palette.INK)
ax.text(1.4 * len(steps), 0.75, "target", ha="center")
plt.show()

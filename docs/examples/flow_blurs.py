"""
Gradient flows at several blurs
===============================

The same disc flows to the same spiral along the gradients of divergences with different blurs. With
a small blur it takes the shape of the target in a few steps. The larger the blur, the longer the
details take, as they have hardly any gradient below it; the mean arrives at any blur.
"""

import numpy as np
from matplotlib import pyplot as plt

import sinkhorn_nb as snb
from sinkhorn_nb.plotting import palette, plot_cloud

N, RATE, N_STEPS, BLURS = 400, 0.5, 20, (0.02, 0.2, 0.5, 2.0)
SHOWN = 0, 1, 3, N_STEPS

rng = np.random.default_rng(0)
angle, radius = 2 * np.pi * rng.random(N), 0.25 * np.sqrt(rng.random(N))
start = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
turn = np.sort(rng.random(N))
spiral = 0.2 + 0.8 * turn
target = np.column_stack([spiral * np.cos(9 * turn), spiral * np.sin(9 * turn)])
target += 0.02 * rng.normal(size=(N, 2))


def flow(blur):
    """The clouds at all steps."""
    clouds, solver = [start], snb.Sinkhorn()
    for _ in range(N_STEPS):
        divergence = snb.sinkhorn_divergence(clouds[-1], target, blur=blur, solver=solver)
        solver = snb.Sinkhorn(init=divergence)  # each step starts from the last one
        clouds.append(clouds[-1] - RATE * N * divergence.gradient().x)
    return clouds


figure, axes = plt.subplots(len(BLURS), len(SHOWN), figsize=(9, 8.6), layout="constrained")
colors = np.arctan2(start[:, 1], start[:, 0])
for row, blur in zip(axes, BLURS, strict=True):
    clouds = flow(blur)
    for ax, step in zip(row, SHOWN, strict=True):
        plot_cloud(ax, target, palette.GREY)
        plot_cloud(ax, clouds[step], colors)
        ax.set_title(f"blur {blur:g}, step {step}", fontsize=10)

# %%
# The rate is the same in all rows: the gradient per mass is the way that a point has to go. Colors
# show where a point was in the beginning, and the target is gray.

plt.show()

"""
Unbalanced transport ignores outliers
=====================================

A shape and a moved copy of it, soiled by stray points. Balanced transport must bring mass to every
stray point, which tears the map apart. With a reach of 0.8, mass that would have to travel much
farther is removed here and created there, and the map is the movement of the shape.
"""

import numpy as np
from matplotlib import pyplot as plt

import sinkhorn_nb as snb
from sinkhorn_nb.plotting import palette

rng = np.random.default_rng(0)
angles = rng.uniform(0, 2 * np.pi, 300)
ring = np.stack([np.cos(angles), 0.6 * np.sin(angles)], axis=1) + 0.04 * rng.normal(size=(300, 2))
x = ring
y = np.concatenate([ring[:, ::-1] + [0.3, 0.0], rng.uniform([2, -2], [5, 2], (60, 2))])

figure, axes = plt.subplots(1, 3, figsize=(13, 3.6), layout="constrained")
for ax, reach in zip(axes, (None, 0.8), strict=False):
    solution = snb.entropic_ot(x, y, blur=0.05, reach=reach)
    snb.plotting.plot_map(solution, ax=ax)
    value = snb.sinkhorn_divergence(x, y, blur=0.05, reach=reach)
    title = "balanced" if reach is None else f"reach {reach}"
    ax.set_title(f"{title}: S = {value:.2f}", fontsize=10)
    ax.set(xlim=(-1.4, 5.2), ylim=(-2.2, 2.2))
    ax.axis("off")

# %%
# The plan's marginal tells how much of each target point was reached: outliers are nearly empty.

arrived = solution.plan.sum(axis=0) * len(y)
axes[2].hist([arrived[:300], arrived[300:]], bins=20, color=[palette.TARGET, palette.INK])
axes[2].legend(["the shape", "outliers"], frameon=False)
axes[2].set_title("share of its mass that a target point receives", fontsize=10)
axes[2].set(xlabel="share", ylabel="points")
plt.show()

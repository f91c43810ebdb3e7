"""
Pairs for flow matching
=======================

Flow matching trains a network on straight lines from noise to data. Independent pairs make lines
that cross, so that the network learns their average. Pairs drawn from the transport plan hardly
cross: the flow is nearly straight, and a few steps follow it.
"""

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import make_moons

import sinkhorn_nb as snb
from sinkhorn_nb.plotting import palette

rng = np.random.default_rng(0)
data, _ = make_moons(2000, noise=0.06, random_state=0)
data = 2 * (data - data.mean(axis=0))
noise = rng.normal(size=(2000, 2)) * 0.6

solution = snb.entropic_ot(noise, data, blur=0.1)
pairs = {
    "independent pairs": (rng.integers(0, 2000, 300), rng.integers(0, 2000, 300)),
    "pairs drawn from the plan": solution.sample(300, random_state=0),
}

figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
for ax, (title, (i, j)) in zip(axes, pairs.items(), strict=True):
    lines = np.stack([noise[i], data[j]])
    ax.plot(*lines.transpose(2, 0, 1), color=palette.INK, alpha=0.25, linewidth=0.8)
    ax.scatter(*noise[i].T, s=10, color=palette.SOURCE, linewidths=0, zorder=2)
    ax.scatter(*data[j].T, s=10, color=palette.TARGET, linewidths=0, zorder=2)
    length = np.mean(np.sum((noise[i] - data[j]) ** 2, axis=1))
    ax.set_title(f"{title}: mean squared length {length:.1f}", fontsize=10)
    ax.set_aspect("equal")
    ax.axis("off")
plt.show()

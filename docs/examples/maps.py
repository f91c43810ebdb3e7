"""
Three ways to move a cloud
==========================

The barycentric map sends each point to the mean of its partners, so that the image is smaller than
the target. One gradient step of the divergence subtracts the map of the cloud to itself, which
corrects the bias. At a smaller blur the two agree.
"""

import numpy as np
from matplotlib import pyplot as plt

import sinkhorn_nb as snb
from sinkhorn_nb.plotting import palette, plot_cloud

rng = np.random.default_rng(0)
n = 1200
x = np.stack([rng.uniform(-1, 1, n), rng.uniform(-0.5, 0.5, n)], axis=1)
angles = rng.uniform(0.2, np.pi - 0.2, n)
y = rng.uniform(0.9, 1.5, n)[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
y = y * [1.2, 1.4] - [0.0, 1.2]

figure, axes = plt.subplots(2, 4, figsize=(12, 5.2), layout="constrained", sharex=True, sharey=True)
for row, blur in zip(axes, (0.4, 0.1), strict=True):
    divergence = snb.sinkhorn_divergence(x, y, blur=blur)
    stepped = x + snb.plotting.descent(divergence)
    images = {
        "source": x,
        f"barycentric map, blur {blur}": divergence.xy.map(),
        f"gradient step, blur {blur}": stepped,
        "target": y,
    }
    for ax, (title, points) in zip(row, images.items(), strict=True):
        plot_cloud(ax, points, palette.INK if title == "target" else x[:, 0])
        ax.set_title(title, fontsize=10)
plt.show()

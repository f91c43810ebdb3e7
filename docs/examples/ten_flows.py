"""
Ten flows at once
=================

Each digit becomes the next one. The ten divergences of a step are solved together, and so are their
gradients: one call for the whole batch.
"""

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits

import sinkhorn_nb as snb
from sinkhorn_nb.plotting import palette

N, BLUR, RATE, N_STEPS = 400, 0.4, 0.5, 6  # blur in pixels
SHOWN = 0, 1, 2, N_STEPS

rng = np.random.default_rng(0)
images = load_digits().images[:10]


def ink(image):
    """Points drawn from the pixels of an image by the squares of their ink, upright."""
    pixels = rng.choice(64, N, p=image.ravel() ** 2 / np.sum(image**2))
    return np.stack([pixels % 8, 7 - pixels // 8], axis=1) + rng.random((N, 2))


clouds = np.stack([ink(image) for image in images])
targets = np.roll(clouds, -1, axis=0)
path = [clouds]
for _ in range(N_STEPS):
    divergences = snb.sinkhorn_divergences(path[-1], targets, blur=BLUR)
    path.append(path[-1] - RATE * N * divergences.gradient().x)

# %%
# From top to bottom, with the color of each point.

figure, axes = plt.subplots(len(SHOWN), 10, figsize=(10, 4.4), layout="constrained")
for row, step in zip(axes, SHOWN, strict=True):
    for ax, start, cloud in zip(row, clouds, path[step], strict=True):
        ax.scatter(*cloud.T, s=3, c=start[:, 1], cmap=palette.COLORMAP, linewidths=0)
        ax.axis("off")
        ax.set(xlim=(-0.5, 8.5), ylim=(-0.5, 8.5), aspect="equal")
plt.show()

"""
Between four shapes
===================

Barycenters of a disc, a ring, a cross and two discs. Each picture is the cloud whose mean
divergence to the four corners, with their weights, is smallest; its points move as the weights do.
"""

import numpy as np
from matplotlib import pyplot as plt

import sinkhorn_nb as snb
from sinkhorn_nb.plotting import plot_cloud

N, BLUR = 500, 0.05
rng = np.random.default_rng(0)
square = rng.uniform(-1, 1, (20 * N, 2))
radius = np.hypot(*square.T)
shapes = [
    radius < 0.9,
    (radius < 1) & (radius > 0.65),
    (np.abs(square) < 0.25).any(axis=1) & (np.abs(square) < 0.95).all(axis=1),
    np.hypot(np.abs(square[:, 0]) - 0.5, square[:, 1]) < 0.45,
]
corners = [square[inside][:N] for inside in shapes]

figure, axes = plt.subplots(4, 4, figsize=(8, 8), layout="constrained")
for row, down in enumerate(np.linspace(0, 1, 4)):
    for column, right in enumerate(np.linspace(0, 1, 4)):
        shares = np.outer([1 - down, down], [1 - right, right]).ravel()
        used = [(corner, share) for corner, share in zip(corners, shares, strict=True) if share > 0]
        clouds, weights = zip(*used, strict=True)
        mean = snb.sinkhorn_barycenter(clouds, weights, blur=BLUR, n_points=N, random_state=0)
        ax = axes[row, column]
        plot_cloud(ax, mean.points, np.arctan2(mean.points[:, 1], mean.points[:, 0]))
        ax.set(xlim=(-1.1, 1.1), ylim=(-1.1, 1.1))
plt.show()

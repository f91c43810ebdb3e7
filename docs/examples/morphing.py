"""
From one shape to another
=========================

Barycenters of two images, a cross and a ring. The first row is debiased, as the Sinkhorn divergence
is; the second row minimizes the entropic cost, which blurs every shape.
"""

import numpy as np
from matplotlib import pyplot as plt

import sinkhorn_nb as snb

SIZE, BLUR = 128, 0.04  # pixels; in units of the side
place = (np.arange(SIZE) + 0.5) / SIZE - 0.5
row, column = np.meshgrid(place, place, indexing="ij")
long, wide = np.maximum(abs(row), abs(column)), np.minimum(abs(row), abs(column))
cross = (long < 0.32) & (wide < 0.09)
ring = abs(np.hypot(row, column) - 0.3) < 0.07
start, end = (snb.Grid(shape / shape.sum(), 1 / SIZE) for shape in (cross, ring))

steps = np.linspace(0, 1, 7)
figure, axes = plt.subplots(2, len(steps), figsize=(9, 2.9), layout="constrained")
for of_row, debiased in zip(axes, (True, False), strict=True):
    for ax, t in zip(of_row, steps, strict=True):
        mean = snb.sinkhorn_barycenter([start, end], [1 - t, t], blur=BLUR, debiased=debiased)
        ax.imshow(mean.weights, cmap="magma", vmax=4e-4)
        ax.set(xticks=[], yticks=[])
    of_row[0].set_ylabel("debiased" if debiased else "biased")
plt.show()

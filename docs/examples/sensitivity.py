"""
Who moves the image of a point?
===============================

The map sends a point (the star) to a mean of its partners (the cross). How does this image move if
any other point moves? One pullback has the answer for all points of both clouds. Points of the
target take the image along, and points of the source push it away, because they compete for the
same partners. The larger the blur, the more points count.
"""

import numpy as np
from matplotlib import pyplot as plt

import sinkhorn_nb as snb
from sinkhorn_nb.plotting import palette

rng = np.random.default_rng(0)
N = 250
x = rng.normal(size=(N, 2)) * [0.5, 1.0]
angles = rng.uniform(-1.3, 1.3, N)
y = 2.2 * np.stack([np.cos(angles), np.sin(angles)], axis=1) + [1.5, 0.0]
y += 0.12 * rng.normal(size=(N, 2))
star = np.argmin(np.hypot(*(x - [0.3, 0.2]).T))

figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for ax, blur in zip(axes, (0.15, 0.6), strict=True):
    solution = snb.entropic_ot(x, y, blur=blur, solver=snb.Sinkhorn(tol=1e-8))
    upward = np.zeros_like(x)
    upward[star, 1] = 1.0  # the second coordinate of the image
    gradient = solution.pullback(map=upward)

    # %%
    # Red: the image rises if this point rises. Blue: it falls. The area is the effect.

    points = np.concatenate([x, y])
    effects = np.concatenate([gradient.x[:, 1], gradient.y[:, 1]])
    effects[star] = 0.0
    shares = effects / np.abs(effects).max()
    counts = np.abs(shares) > 0.02
    colors = {"c": np.sign(shares[counts]), "cmap": palette.DIVERGING, "vmin": -1.3, "vmax": 1.3}
    ax.scatter(*points.T, s=4, color=palette.GREY, linewidths=0)
    ax.scatter(*points[counts].T, s=90 * np.abs(shares[counts]), linewidths=0, **colors)
    ax.scatter(*x[star], s=130, marker="*", color=palette.INK, zorder=3)
    ax.scatter(*solution.map()[star], s=50, marker="x", color=palette.INK, zorder=3)
    ax.set_title(f"blur {blur}", fontsize=10)
    ax.set_aspect("equal")
    ax.axis("off")
plt.show()

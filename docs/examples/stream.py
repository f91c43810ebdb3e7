"""
What is kept of a stream
========================

Two hundred thousand points are read in chunks, and none of them is kept: each cell of a grid keeps
the mass, the mean and the covariance of its points, as a few weighted nodes. A transport with a
blur of four cells hardly sees a difference.
"""

import numpy as np
from matplotlib import pyplot as plt

import sinkhorn_nb as snb
from sinkhorn_nb.plotting import palette, plot_cloud

SIDE, CHUNKS, SIZE = 0.1, 20, 10_000


def chunks():
    """A spiral, chunk by chunk; a program would read a file here."""
    rng = np.random.default_rng(0)
    for _ in range(CHUNKS):
        turn = 2.5 * np.pi * np.sqrt(rng.random(SIZE))
        arm = 0.13 * turn[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        yield arm + 0.05 * rng.normal(size=(SIZE, 2))


measure = snb.Measure.from_chunks(chunks(), side=SIDE)
points = np.concatenate(list(chunks()))
print(f"{len(points)} points, {len(measure.points)} nodes")

figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained", sharex=True, sharey=True)
plot_cloud(axes[0], points[::20], palette.SOURCE)
axes[0].set_title("a twentieth of the points", fontsize=10)
sizes = 40 * measure.weights / measure.weights.max()
axes[1].scatter(*measure.points.T, s=sizes, color=palette.TARGET, linewidths=0)
lines = np.arange(-12, 13) * SIDE
for draw in (axes[1].axvline, axes[1].axhline):
    for line in lines:
        draw(line, color=palette.GREY, linewidth=0.4, zorder=0)
axes[1].set(xlim=(-1.2, 1.2), ylim=(-1.2, 1.2), aspect="equal")
axes[1].set_title(f"all {len(measure.points)} nodes; the area is the mass", fontsize=10)
for ax in axes:
    ax.axis("off")
plt.show()

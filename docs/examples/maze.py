"""
Transport around walls
======================

The cost is the length of the shortest path between the walls, which no formula of coordinates
knows: `entropic_ot_matrix` takes the matrix of these lengths. With straight distances the plan goes
through the walls.
"""

import numpy as np
from matplotlib import pyplot as plt
from scipy.sparse.csgraph import dijkstra
from scipy.spatial.distance import cdist

import sinkhorn_nb as snb
from sinkhorn_nb.plotting import palette

SIDE = 40
rng = np.random.default_rng(0)
row, column = np.meshgrid(np.arange(SIDE), np.arange(SIDE), indexing="ij")
is_wall = ((column == 13) & (row > 6)) | ((column == 26) & (row > 2) & (row < 33))
cells = np.argwhere(~is_wall)

# A graph of the free cells: neighbors along the axes and the diagonals are at most 1.5 apart
steps = cdist(cells, cells)
graph = np.where(steps < 1.5, steps, 0)
left, right = np.flatnonzero(cells[:, 1] < 9), np.flatnonzero(cells[:, 1] > 30)
here, there = rng.choice(left, 40, replace=False), rng.choice(right, 40, replace=False)
paths, before = dijkstra(graph, indices=here, return_predecessors=True)

# %%
# Who goes where, one to one: by straight distances, and by paths.

plans = {
    "straight distances": snb.entropic_ot_matrix(steps[np.ix_(here, there)], eps=0.3),
    "shortest paths": snb.entropic_ot_matrix(paths[:, there], eps=0.3),
}
figure, axes = plt.subplots(1, 2, figsize=(9, 4.4), layout="constrained")
for ax, (title, solution) in zip(axes, plans.items(), strict=True):
    ax.imshow(is_wall, cmap="gray_r", vmax=1.4)
    for k, partner in zip(*solution.matching(), strict=True):
        way = [there[partner], here[k]]
        while title == "shortest paths" and way[-2] != here[k]:
            way.insert(-1, before[k, way[-2]])
        ax.plot(*cells[way].T[::-1], color=palette.INK, alpha=0.3, linewidth=0.9)
    for points, color in ((here, palette.SOURCE), (there, palette.TARGET)):
        ax.scatter(*cells[points].T[::-1], s=16, color=color, linewidths=0, zorder=3)
    ax.set_title(f"{title}: mean cost {solution.transport_cost:.0f}", fontsize=10)
    ax.axis("off")
plt.show()

"""
From transport to kernel norms
==============================

A ring against two discs, at blurs from a few thousandths of the diameter to a hundred diameters,
with the costs of both classical distances.
"""

import numpy as np
from matplotlib import pyplot as plt
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

import sinkhorn_nb as snb

N = 300
rng = np.random.default_rng(0)
angles, radii = 2 * np.pi * rng.random(N), np.sqrt(rng.random((N, 1)))
circle = np.column_stack([np.cos(angles), np.sin(angles)])
centers = np.where(rng.random((N, 1)) < 0.5, -0.2, 1.8) - [0.0, 0.4]
ring = circle * (0.9 + 0.2 * rng.random((N, 1)))
discs = 0.35 * radii * circle + centers

blurs = np.geomspace(2e-3, 1e2, 29)  # in diameters
diameter = 20 * snb.suggest_blur(ring, discs)
shift = ring.mean(axis=0) - discs.mean(axis=0)
limits = {
    1: ("half of the energy distance", float(snb.mmd(ring, discs))),
    2: ("half of the squared distance of the means", shift @ shift / 2),
}

figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for p, ax in zip((1, 2), axes, strict=True):
    every = [snb.sinkhorn_divergence(ring, discs, p=p, blur=b * diameter) for b in blurs]
    ax.plot(blurs, [float(divergence) for divergence in every], label="divergence")
    ax.plot(blurs, [divergence.xy.value for divergence in every], ":", label="entropic cost")
    costs = cdist(ring, discs) ** p / p
    exact = costs[linear_sum_assignment(costs)].mean()
    ax.axhline(exact, color="gray", lw=0.8, label="transport without entropy")
    name, limit = limits[p]
    ax.axhline(limit, color="gray", lw=0.8, ls="--", label=name)
    ax.set(xscale="log", ylim=(0, 2.9), title=f"p = {p}", xlabel="blur / diameter")
    ax.legend(loc="upper left", fontsize=9)

# %%
# The divergence falls from the cost of transport to a kernel norm, and keeps the information in
# between that the blur leaves. The entropic cost without the self terms rises to the mean cost of
# the independent plan, which knows nothing of the clouds but their means and spreads.

plt.show()

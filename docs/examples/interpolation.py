"""
From transport to kernel norms
==============================

The divergence and the cost of transport, from small blurs to large ones. At the left both are the
cost of transport without entropy. At the right the divergence is a kernel norm, and the entropic
cost is that of the independent plan.
"""

import numpy as np
from matplotlib import pyplot as plt
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

import sinkhorn_nb as snb
from sinkhorn_nb.plotting import palette

N = 300
BLURS = np.geomspace(2e-3, 1e2, 29)  # in diameters
TITLES = {1: "$|x - y|$", 2: "$|x - y|^2 / 2$"}

# %%
# A ring and two discs.

rng = np.random.default_rng(0)
angles = 2 * np.pi * rng.random(N)
radii = np.sqrt(rng.random(N))
circle = np.column_stack([np.cos(angles), np.sin(angles)])
centers = np.where(rng.random((N, 1)) < 0.5, -0.2, 1.8) - [0.0, 0.4]
x = circle * (0.9 + 0.2 * rng.random((N, 1)))
y = 0.35 * radii[:, None] * circle + centers
diameter = 20 * snb.suggest_blur(x, y)


def exact(p):
    """The least mean cost of a permutation: transport without entropy."""
    costs = cdist(x, y) ** p / p
    return costs[linear_sum_assignment(costs)].mean()


def limit(p):
    """Half of the energy distance, or of the squared distance of the means."""
    return float(snb.mmd(x, y)) if p == 1 else ((x - y).mean(axis=0) ** 2).sum() / 2


figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for p, ax in zip((1, 2), axes, strict=True):
    every = [snb.sinkhorn_divergence(x, y, p=p, blur=blur * diameter) for blur in BLURS]
    ax.plot(BLURS, [float(s) for s in every], color=palette.SOURCE, label=r"$S_\varepsilon$")
    costs = [s.xy.value for s in every]
    ax.plot(BLURS, costs, ":", color=palette.TARGET, label=r"$\mathrm{OT}_\varepsilon$")
    near, far = exact(p), limit(p)
    ax.axhline(near, color=palette.INK, lw=0.8, label="transport without entropy")
    name = "energy distance / 2" if p == 1 else "|difference of means|$^2$ / 2"
    ax.axhline(far, color=palette.INK, lw=0.8, ls="--", label=name)
    ax.set(xscale="log", ylim=(0, None), title=TITLES[p], xlabel="blur / diameter")
    ax.legend(loc="center right", frameon=False)
    print(f"p = {p}: {near:.4f}, S from {every[0]:.4f} to {every[-1]:.4f}, limit {far:.4f}")
plt.show()

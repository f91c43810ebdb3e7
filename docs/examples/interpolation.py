"""
From transport to kernel norms
==============================

The divergence and the cost of transport, from small blurs to large ones. At a small blur both are
the cost of transport without entropy. At a large blur the divergence becomes half of the energy
distance, or of the squared distance between the means, while the cost of transport keeps its bias.
"""

import numpy as np
from matplotlib import pyplot as plt
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

import sinkhorn_nb as snb

N = 300
BLURS = np.geomspace(2e-3, 1e2, 29)  # in diameters

# A ring and two discs
rng = np.random.default_rng(0)
angles, radii = 2 * np.pi * rng.random(N), np.sqrt(rng.random(N))
circle = np.column_stack([np.cos(angles), np.sin(angles)])
centers = np.where(rng.random((N, 1)) < 0.5, -0.2, 1.8) - [0.0, 0.4]
x = circle * (0.9 + 0.2 * rng.random((N, 1)))
y = 0.35 * radii[:, None] * circle + centers
diameter = 20 * snb.suggest_blur(x, y)

figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
limits = {
    1: (float(snb.mmd(x, y)), "energy distance / 2", "$|x - y|$"),
    2: (((x - y).mean(axis=0) ** 2).sum() / 2, "|difference of means|$^2$ / 2", "$|x - y|^2 / 2$"),
}
for ax, (p, (limit, name, title)) in zip(axes, limits.items(), strict=True):
    divergences = [snb.sinkhorn_divergence(x, y, p=p, blur=blur * diameter) for blur in BLURS]
    ax.plot(BLURS, [float(s) for s in divergences], label=r"$S_\varepsilon$")
    ax.plot(BLURS, [s.xy.value for s in divergences], ":", label=r"$\mathrm{OT}_\varepsilon$")
    costs = cdist(x, y) ** p / p
    exact = costs[linear_sum_assignment(costs)].mean()
    ax.axhline(exact, color="gray", lw=0.8, label="transport without entropy")
    ax.axhline(limit, color="gray", lw=0.8, ls="--", label=name)
    ax.set(xscale="log", ylim=(0, None), title=title, xlabel="blur / diameter")
    ax.legend(loc="upper left")
plt.show()

"""
Two units in one table
======================

Incomes and ages of two groups of people. In euros and years, the distance is the difference of the
incomes, and the ages do not count: partners are of any age. Divided by the spread of its column,
each number counts.
"""

import numpy as np
from matplotlib import pyplot as plt

import sinkhorn_nb as snb
from sinkhorn_nb.plotting import palette

rng = np.random.default_rng(0)
N = 120


def people(shift):
    """Incomes in thousands of euros, and ages."""
    return np.stack([rng.lognormal(3.5 + shift, 0.5, N), rng.uniform(18, 80, N)], axis=1)


x, y = people(0.0), people(0.3)
in_euros = np.array([1e3, 1.0])
spread = np.concatenate([x, y]).std(axis=0)

figure, axes = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained", sharey=True)
for ax, scale, title in zip(axes, (in_euros, 1 / spread), ("euros, years", "scaled"), strict=True):
    blur = snb.suggest_blur(x * scale, y * scale, fraction=0.01)
    _, partners = snb.entropic_ot(x * scale, y * scale, blur=blur).matching()
    ways = np.stack([x, y[partners]])
    ax.plot(*ways.transpose(2, 0, 1), color=palette.INK, alpha=0.35, linewidth=0.8)
    ax.scatter(*x.T, s=12, color=palette.SOURCE, linewidths=0, zorder=3)
    ax.scatter(*y.T, s=12, color=palette.TARGET, linewidths=0, zorder=3)
    ax.set(xlabel="income, thousands", title=title)
    apart = np.abs(x - y[partners])[:, 1].mean()
    print(f"{title}: partners are {apart:.0f} years apart")
axes[0].set_ylabel("age")
plt.show()

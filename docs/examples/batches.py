"""
Batch effects: one table, three laboratories
============================================

A table of wines, as three laboratories with other scales would have measured it. `BatchAligner`
moves the three batches to their barycenter, after which a classifier that was trained in two
laboratories works in the third. The usual cure, to standardize each batch on its own, does even
better here, because the laboratories only shift and scale columns. Both need batches that hold the
same mixture of wines.
"""

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.model_selection import LeaveOneGroupOut, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import scale

import sinkhorn_nb as snb
from sinkhorn_nb.plotting import palette

points, kinds = load_wine(return_X_y=True)
rng = np.random.default_rng(0)
batch = rng.integers(0, 3, len(points))
scales = rng.uniform(0.6, 1.6, (3, 13))
offsets = rng.normal(size=(3, 13))
measured = scale(points) * scales[batch] + offsets[batch]

aligner = snb.BatchAligner(reference="barycenter", blur=1.0, random_state=0)
aligned = aligner.fit_transform(measured, sample_domain=batch)

# %%
# Each batch is classified by neighbors in the other two.


def share_known(table):
    neighbors = KNeighborsClassifier(5)
    return cross_val_score(neighbors, table, kinds, groups=batch, cv=LeaveOneGroupOut()).mean()


standardized = np.empty_like(measured)
for k in range(3):
    standardized[batch == k] = scale(measured[batch == k])
tables = {"as measured": measured, "aligned": aligned, "each batch standardized": standardized}
known = {name: share_known(table) for name, table in tables.items()}
for name, share in known.items():
    print(f"{name}: {share:.0%} of the wines of another batch are known")

figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for ax, name in zip(axes, ("as measured", "aligned"), strict=True):
    plane = PCA(2).fit_transform(tables[name])
    for kind, marker in enumerate("o^s"):
        rows = kinds == kind
        colors = np.array(palette.SERIES)[batch[rows]]
        ax.scatter(*plane[rows].T, c=colors, marker=marker, s=20, linewidths=0)
    ax.set_title(f"{name}: {known[name]:.0%} of the wines of another batch are known", fontsize=10)
    ax.axis("off")
figure.suptitle("color = batch, marker = kind of wine", fontsize=9)
plt.show()

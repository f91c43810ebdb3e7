"""
Batch effects: one table, three laboratories
============================================

Batch effects: one table of wines, as three laboratories with other scales would have measured
it.
"""

import argparse

import matplotlib

matplotlib.use("Agg")

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.model_selection import LeaveOneGroupOut, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import scale

import sinkhorn_nb as snb
from sinkhorn_nb.plotting import save

COLORS = np.array(["#1f77b4", "#d6492a", "#2c8c3c"])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", nargs="?", default="batches.png", help="file of the picture")
    picture = parser.parse_args().picture

    points, kinds = load_wine(return_X_y=True)
    rng = np.random.default_rng(0)
    batch = rng.integers(0, 3, len(points))
    scales, offsets = rng.uniform(0.6, 1.6, (3, 13)), rng.normal(size=(3, 13))
    measured = scale(points) * scales[batch] + offsets[batch]
    aligner = snb.BatchAligner(reference="barycenter", blur=1.0, random_state=0)
    aligned = aligner.fit_transform(measured, sample_domain=batch)

    tables = {"as measured": measured, "aligned": aligned}
    for name, table in tables.items():
        print(
            f"{name}: {100 * across(table, kinds, batch):.0f} % of the wines of another batch are "
            "known"
        )
    save(draw(tables, kinds, batch), picture)
    print(picture)


def across(table, kinds, batch):
    """The accuracy on each batch of a classifier that was trained on the other ones."""
    neighbors = KNeighborsClassifier(5)
    return cross_val_score(neighbors, table, kinds, groups=batch, cv=LeaveOneGroupOut()).mean()


def draw(tables, kinds, batch):
    figure, axes = plt.subplots(1, len(tables), figsize=(9, 3.6), layout="constrained")
    for ax, (name, table) in zip(axes, tables.items(), strict=True):
        plane = PCA(2).fit_transform(table)
        for kind, marker in enumerate("o^s"):
            rows = kinds == kind
            ax.scatter(*plane[rows].T, c=COLORS[batch[rows]], marker=marker, s=16, linewidths=0)
        ax.set_title(f"{name}: color = batch, marker = kind of wine", fontsize=9)
        ax.axis("off")
    return figure


if __name__ == "__main__":
    main()

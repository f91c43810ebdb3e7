"""One shape turns into another: barycenters of images, debiased and biased."""

import argparse

import matplotlib

matplotlib.use("Agg")

import numpy as np
from matplotlib import pyplot as plt

import sinkhorn_nb as snb

SIZE, BLUR = 128, 0.04  # pixels; in units of the side
STEPS = np.linspace(0, 1, 7)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", nargs="?", default="morphing.png", help="file of the picture")
    picture = parser.parse_args().picture

    start, end = (snb.Grid(shape / shape.sum(), 1 / SIZE) for shape in shapes())
    rows = []
    for debiased in (True, False):
        steps = [
            snb.sinkhorn_barycenter([start, end], [1 - t, t], blur=BLUR, debiased=debiased)
            for t in STEPS
        ]
        rows.append([step.weights for step in steps])
    draw(rows).savefig(picture, dpi=100)
    away = [snb.sinkhorn_divergence(row[3], start, blur=BLUR) for row in as_grids(rows)]
    print(f"{picture}: halfway, the divergence from the start is {away[0]:.4f} debiased")


def shapes():
    """A cross and a ring."""
    place = (np.arange(SIZE) + 0.5) / SIZE - 0.5
    row, column = np.meshgrid(place, place, indexing="ij")
    long, wide = np.maximum(abs(row), abs(column)), np.minimum(abs(row), abs(column))
    cross = (long < 0.32) & (wide < 0.09)
    ring = abs(np.hypot(row, column) - 0.3) < 0.07
    return cross.astype(float), ring.astype(float)


def as_grids(rows):
    return [[snb.Grid(image, 1 / SIZE) for image in row] for row in rows]


def draw(rows):
    figure, axes = plt.subplots(2, len(STEPS), figsize=(9, 2.9), layout="constrained")
    highest = max(image.max() for image in rows[0])
    for of_row, images, name in zip(axes, rows, ("debiased", "biased"), strict=True):
        for ax, image in zip(of_row, images, strict=True):
            ax.imshow(image, cmap="magma", vmax=0.8 * highest)
            ax.set(xticks=[], yticks=[])
        of_row[0].set_ylabel(name)
    return figure


if __name__ == "__main__":
    main()

"""
A map of handwritten digits by their distances
==============================================

Handwritten 3s, 6s and 7s on a map of their distances, in the colors of the clusters that DBSCAN
finds.
"""

import argparse

import matplotlib

matplotlib.use("Agg")

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from sklearn.cluster import DBSCAN
from sklearn.datasets import load_digits
from sklearn.manifold import MDS

import sinkhorn_nb as snb

DIGITS, N_IMAGES = (3, 6, 7), 200  # those among the first images
BLUR, NEAR = 0.5, 0.7  # pixels
COLORS = np.array([[31, 119, 180], [214, 96, 39], [44, 140, 60]]) / 255


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", nargs="?", default="digits.png", help="file of the picture")
    picture = parser.parse_args().picture

    data = load_digits()
    images = data.images[:N_IMAGES][np.isin(data.target[:N_IMAGES], DIGITS)]
    clouds = [np.argwhere(image > 0) for image in images]  # (row, column) of each pixel with ink
    ink = [image[image > 0] / image.sum() for image in images]

    distances = np.sqrt(
        2 * snb.pairwise_sinkhorn_divergence(clouds, weights=ink, blur=BLUR, progress=True)
    )
    labels = DBSCAN(eps=NEAR, min_samples=4, metric="precomputed").fit_predict(distances)
    places = MDS(metric="precomputed", init="classical_mds", n_init=1).fit_transform(distances)
    draw(images, places, labels).savefig(picture, dpi=100)
    print(f"{picture}: {len(images)} images, {labels.max() + 1} clusters")


def draw(images, places, labels):
    figure, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
    ax.scatter(*places.T, s=0)  # sets the limits
    for image, place, label in zip(images, places, labels, strict=True):
        pixels = np.empty((8, 8, 4))
        pixels[..., :3], pixels[..., 3] = COLORS[label], image / 16
        thumbnail = OffsetImage(pixels, zoom=2.6, interpolation="bilinear")
        ax.add_artist(AnnotationBbox(thumbnail, place, frameon=False))
    ax.set(aspect="equal", xlabel="pixels", ylabel="pixels")
    ax.margins(0.08)
    return figure


if __name__ == "__main__":
    main()

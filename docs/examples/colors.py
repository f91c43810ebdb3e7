"""
A color transfer learned from a sample
======================================

Color transfer: a photograph in the colors of another one.

The map is learned from a sample of pixels and moves every pixel of the photograph.
"""

import argparse

import matplotlib

matplotlib.use("Agg")

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_sample_images

import sinkhorn_nb as snb
from sinkhorn_nb.plotting import save

N_PIXELS = 4000  # of each photograph, from which the map is learned
BLUR = 0.03  # of the range of a color


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", nargs="?", default="colors.png", help="file of the picture")
    picture = parser.parse_args().picture

    temple, flower = (image.astype(np.float32) / 255 for image in load_sample_images().images)
    pixels, colors = temple.reshape(-1, 3), flower.reshape(-1, 3)
    aligner = snb.EntropicAligner(sample(colors), blur=BLUR).fit(sample(pixels))
    moved = aligner.transform(pixels)

    before, after = (divergence(sample(some, 1), sample(colors, 1)) for some in (pixels, moved))
    save(draw([temple, flower, moved.clip(0, 1).reshape(temple.shape)]), picture)
    print(
        f"{picture}: {len(pixels)} pixels; divergence of new samples {before:.4f}, then {after:.4f}"
    )


def sample(points, seed=0):
    return points[np.random.default_rng(seed).choice(len(points), N_PIXELS, replace=False)]


def divergence(x, y):
    return snb.sinkhorn_divergence(x, y, blur=BLUR).value


def draw(images):
    figure, axes = plt.subplots(1, 3, figsize=(11, 2.7), layout="constrained")
    titles = ["photograph", "colors", "photograph in these colors"]
    for ax, image, title in zip(axes, images, titles, strict=True):
        ax.imshow(image)
        ax.set_title(title)
        ax.axis("off")
    return figure


if __name__ == "__main__":
    main()

"""
Two photographs exchange their colors
=====================================

Two whole photographs exchange their colors: each pixel takes the mean of the colors to which
optimal transport sends its own.
"""

import argparse
import time

import matplotlib

matplotlib.use("Agg")

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_sample_images

import sinkhorn_nb as snb

BLUR = 0.08  # 8 % of the range of a channel


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", nargs="?", default="colors.jpg", help="file of the picture")
    picture = parser.parse_args().picture

    photographs = [image / 255 for image in load_sample_images().images]
    x, y = (image.reshape(-1, 3) for image in photographs)
    for attempt in ("the first call", "once compiled"):
        start = time.perf_counter()
        solution = snb.entropic_ot(x, y, blur=BLUR)
        forth, back = solution.map(), solution.map_back()
        seconds = time.perf_counter() - start
        print(f"{len(x)} pixels each, {seconds:.2f} s ({attempt}): {solution.compression.reason}")

    exchanged = [forth.reshape(photographs[0].shape), back.reshape(photographs[1].shape)]
    draw(photographs, exchanged).savefig(picture, dpi=70)
    print(f"{picture}: marginal error {solution.marginal_error:.1e}")


def draw(photographs, exchanged):
    figure, axes = plt.subplots(2, 2, figsize=(8, 5.5), layout="constrained")
    for ax, image in zip(axes.flat, [*photographs, *exchanged], strict=True):
        ax.imshow(np.clip(image, 0, 1))
        ax.set_axis_off()
    return figure


if __name__ == "__main__":
    main()

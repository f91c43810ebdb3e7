"""Handwritten digits on a map by t-SNE, from Sinkhorn divergences between their inks.

Each image is shifted by up to a pixel at random; inks are compared about their centers. A nearest
neighbor by these distances reads the digits, beside one by the pixels. If POT is installed, its
`emd2` and `sinkhorn2` are timed for some of the pairs.
"""

import argparse
import time

import matplotlib

matplotlib.use("Agg")

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits
from sklearn.manifold import TSNE
from sklearn.metrics import pairwise_distances
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier

import sinkhorn_nb as snb
from sinkhorn_nb.plotting import save

BLUR = 0.5  # pixels


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", nargs="?", default="tsne.png", help="file of the picture")
    parser.add_argument("--small", action="store_true", help="few digits, for a test")
    args = parser.parse_args()
    n_images = 40 if args.small else 300

    data = load_digits()
    labels = data.target[:n_images]
    images = shifted(data.images[:n_images])
    ink = [image[image > 0] / image.sum() for image in images]
    pixels = [np.argwhere(image > 0) for image in images]  # (row, column) of each pixel with ink
    clouds = [own - weights @ own for own, weights in zip(pixels, ink, strict=True)]
    start = time.perf_counter()
    S = snb.pairwise_sinkhorn_divergence(clouds, weights=ink, blur=BLUR)
    seconds = time.perf_counter() - start
    n_pairs = n_images * (n_images - 1) // 2
    print(f"sinkhorn_nb: {1e6 * seconds / n_pairs:.0f} us per pair, {n_pairs} pairs")
    for name, each in pots(clouds, ink, 20 if args.small else 200).items():
        print(f"{name}: {1e6 * each:.0f} us per pair")

    distances = np.sqrt(2 * S)
    known = {"ink": distances, "pixels": pairwise_distances(images.reshape(n_images, -1))}
    for name, table in known.items():
        neighbor = KNeighborsClassifier(1, metric="precomputed")
        score = cross_val_score(neighbor, table, labels, cv=2 if args.small else 5).mean()
        print(f"a nearest neighbor by the distances of {name} reads {100 * score:.0f} %")
    how = {"perplexity": 10, "max_iter": 260} if args.small else {"perplexity": 20}
    tsne = TSNE(metric="precomputed", init="random", random_state=0, **how)
    save(draw(tsne.fit_transform(distances), labels), args.picture)
    print(args.picture)


def shifted(images):
    """The images on a larger canvas, each shifted by up to a pixel."""
    rng = np.random.default_rng(0)
    canvas = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    return np.array([np.roll(each, rng.integers(-1, 2, 2), axis=(0, 1)) for each in canvas])


def pots(clouds, ink, count):
    """The seconds of POT per pair; a divergence takes three problems, most of them of a table
    only once.
    """
    try:
        import ot
    except ImportError:
        return {}
    solvers = {
        "POT, emd2": lambda a, b, C: ot.emd2(a, b, C),
        "POT, sinkhorn2": lambda a, b, C: ot.sinkhorn2(a, b, C, 2 * BLUR**2, stopThr=1e-4),
    }
    found = {}
    for name, solver in solvers.items():
        start = time.perf_counter()
        for k in range(count):
            i, j = k % 20, 20 + k % 19
            solver(ink[i], ink[j], ot.dist(clouds[i], clouds[j]))
        found[name] = (time.perf_counter() - start) / count
    return found


def draw(places, labels):
    figure, ax = plt.subplots(figsize=(5, 4), layout="constrained")
    colors = plt.get_cmap("tab10")(labels)
    for place, label, color in zip(places, labels, colors, strict=True):
        ax.text(*place, str(label), color=color, fontsize=9, ha="center", va="center")
    ax.set(xlim=(places[:, 0].min() - 3, places[:, 0].max() + 3))
    ax.set(ylim=(places[:, 1].min() - 3, places[:, 1].max() + 3))
    ax.axis("off")
    return figure


if __name__ == "__main__":
    main()

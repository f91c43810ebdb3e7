"""
t-SNE of handwritten digits, from the distances of their inks
=============================================================

Each digit is a cloud of pixels, weighted by their ink. The images are shifted by up to a pixel at
random, which confuses distances between pixels. Divergences between inks, about their centers, are
not confused: a nearest neighbor by them reads more digits, and t-SNE finds the groups.
"""

import time

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits
from sklearn.manifold import TSNE
from sklearn.metrics import pairwise_distances
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier

import sinkhorn_nb as snb

try:
    import ot
except ImportError:  # then only ours is timed
    ot = None

BLUR, N_IMAGES, PERPLEXITY = 0.5, 300, 20  # blur in pixels

rng = np.random.default_rng(0)
digits = load_digits()
labels = digits.target[:N_IMAGES]
canvas = np.pad(digits.images[:N_IMAGES], ((0, 0), (1, 1), (1, 1)))
images = np.array([np.roll(each, rng.integers(-1, 2, 2), axis=(0, 1)) for each in canvas])
inks = [image[image > 0] / image.sum() for image in images]
pixels = [np.argwhere(image > 0) for image in images]  # (row, column) of each pixel with ink
clouds = [own - ink @ own for own, ink in zip(pixels, inks, strict=True)]

start = time.perf_counter()
S = snb.pairwise_sinkhorn_divergence(clouds, weights=inks, blur=BLUR)
each = (time.perf_counter() - start) / (N_IMAGES * (N_IMAGES - 1) / 2)
print(f"sinkhorn_nb: {1e6 * each:.0f} us per pair")

# %%
# POT takes several times as long per pair for the exact distance, and longer for the entropic one.

if ot:
    solvers = {
        "emd2": ot.emd2,
        "sinkhorn2": lambda a, b, C: ot.sinkhorn2(a, b, C, 2 * BLUR**2, stopThr=1e-4),
    }
    for name, solve in solvers.items():
        start = time.perf_counter()
        for i, j in zip(range(100), range(100, 200), strict=True):
            solve(inks[i], inks[j], ot.dist(clouds[i], clouds[j]))
        print(f"POT, {name}: {1e4 * (time.perf_counter() - start):.0f} us per pair")

# %%
# How many digits does a nearest neighbor read by each of the distances?

distances = np.sqrt(2 * S)
tables = {"inks": distances, "pixels": pairwise_distances(images.reshape(N_IMAGES, -1))}
for name, table in tables.items():
    neighbor = KNeighborsClassifier(1, metric="precomputed")
    score = cross_val_score(neighbor, table, labels).mean()
    print(f"by the distances of {name}: {score:.0%}")

places = TSNE(
    metric="precomputed", init="random", perplexity=PERPLEXITY, random_state=0
).fit_transform(distances)
figure, ax = plt.subplots(figsize=(7, 5), layout="constrained")
colors = plt.get_cmap("tab10")(labels)
for place, label, color in zip(places, labels, colors, strict=True):
    ax.text(*place, str(label), color=color, fontsize=9, ha="center", va="center")
low = places.min(axis=0) - 3
high = places.max(axis=0) + 3
ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
ax.axis("off")
plt.show()

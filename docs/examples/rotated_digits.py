"""
Domain adaptation: reading rotated digits
=========================================

Domain adaptation: a classifier of upright digits reads rotated ones.

Labels are known for upright digits alone. The aligner moves these onto the rotated digits, and the
classifier is trained on the moved ones. If POT is installed, its SinkhornTransport does the same at
the same regularization.
"""

import argparse

import matplotlib

matplotlib.use("Agg")

import numpy as np
from matplotlib import pyplot as plt
from scipy.ndimage import rotate
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

import sinkhorn_nb as snb
from sinkhorn_nb.plotting import save

ANGLE = 20  # degrees
# In units of ink, of which a pixel holds 16 at most; at less the map follows single digits
BLUR = 10.0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", nargs="?", default="rotated.png", help="file of the picture")
    picture = parser.parse_args().picture

    data = load_digits()
    upright, labels = data.images[:900], data.target[:900]
    turned = np.array([rotate(image, ANGLE, reshape=False, order=1) for image in data.images[900:]])
    x, z, truth = upright.reshape(900, -1), turned.reshape(len(turned), -1), data.target[900:]

    moved = snb.EntropicAligner(z, blur=BLUR, debiased=False).fit_transform(x)
    found = {"without alignment": x, "EntropicAligner": moved} | pots(x, z)
    for name, points in found.items():
        score = KNeighborsClassifier(1).fit(points, labels).score(z, truth)
        print(f"{name}: {100 * score:.1f} % of the rotated digits are read")
    save(draw(upright, moved.reshape(-1, 8, 8)), picture)
    print(picture)


def pots(x, z):
    try:
        from ot.da import SinkhornTransport
    except ImportError:
        return {}
    transport = SinkhornTransport(reg_e=2 * BLUR**2, max_iter=10_000).fit(Xs=x, Xt=z)
    return {"POT, SinkhornTransport": transport.transform(Xs=x)}


def draw(upright, moved, count=10):
    figure, axes = plt.subplots(2, count, figsize=(10, 2.2), layout="constrained")
    for row, images, title in zip(axes, (upright, moved), ("upright", "moved"), strict=True):
        row[0].set_title(title, loc="left")
        for ax, image in zip(row, images, strict=False):
            ax.imshow(image, cmap="gray_r", vmin=0, vmax=16)
            ax.axis("off")
    return figure


if __name__ == "__main__":
    main()

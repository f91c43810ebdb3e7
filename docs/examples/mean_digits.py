"""
The mean of handwritten digits
==============================

Each column averages 20 images of a digit, none of which is in the middle. The mean of the pixels is
a blot, and the barycenter of the entropic cost is blurred by the entropy; the debiased one is a
digit.
"""

import numpy as np
from matplotlib import pyplot as plt
from scipy.ndimage import zoom
from sklearn.datasets import load_digits

import sinkhorn_nb as snb

N_IMAGES, SCALE, BLUR = 20, 4, 0.6  # per digit; fine pixels per pixel; in pixels

data = load_digits()
rng = np.random.default_rng(0)


def enlarged(image):
    """Finer pixels, which sum to 1, of an image at a random place."""
    down, right = rng.integers(0, 4, 2)
    moved = np.pad(image, ((down, 3 - down), (right, 3 - right)))
    fine = np.maximum(zoom(moved, SCALE, order=3), 0)
    return snb.Grid(fine / fine.sum(), 1 / SCALE)


rows = {"one image": [], "mean of pixels": [], "biased": [], "debiased": []}
for digit in range(10):
    images = [enlarged(image) for image in data.images[data.target == digit][:N_IMAGES]]
    rows["one image"].append(images[0].weights)
    rows["mean of pixels"].append(np.mean([image.weights for image in images], axis=0))
    for name in ("biased", "debiased"):
        mean = snb.sinkhorn_barycenter(images, blur=BLUR, debiased=name == "debiased")
        rows[name].append(mean.weights)

figure, axes = plt.subplots(len(rows), 10, figsize=(9, 4), layout="constrained")
for of_row, (name, means) in zip(axes, rows.items(), strict=True):
    of_row[0].set_ylabel(name)
    for ax, mean in zip(of_row, means, strict=True):
        ax.imshow(mean, cmap="gray_r")
        ax.set(xticks=[], yticks=[])
plt.show()

"""
A map of handwritten digits by their distances
==============================================

Each image is a cloud of pixels, with its ink as weights. The table of all divergences goes into
scikit-learn's MDS, which draws the map, and into DBSCAN, which finds the clusters.
"""

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from sklearn.cluster import DBSCAN
from sklearn.datasets import load_digits
from sklearn.manifold import MDS

import sinkhorn_nb as snb
from sinkhorn_nb.plotting import palette

DIGITS, N_IMAGES = (3, 6, 7), 200  # those among the first images
BLUR, NEAR = 0.5, 0.7  # pixels

data = load_digits()
images = data.images[:N_IMAGES][np.isin(data.target[:N_IMAGES], DIGITS)]
clouds = [np.argwhere(image > 0) for image in images]  # (row, column) of each pixel with ink
ink = [image[image > 0] / image.sum() for image in images]

distances = np.sqrt(2 * snb.pairwise_sinkhorn_divergence(clouds, weights=ink, blur=BLUR))
labels = DBSCAN(eps=NEAR, min_samples=4, metric="precomputed").fit_predict(distances)
places = MDS(metric="precomputed", init="classical_mds", n_init=1).fit_transform(distances)
print(f"{len(images)} images, {labels.max() + 1} clusters")

# %%
# The map, in pixels: images are as far apart as their ink has to move. Colors are the clusters;
# the last one is for images that belong to none.

figure, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
ax.scatter(*places.T, s=0)  # sets the limits
for image, place, label in zip(images, places, labels, strict=True):
    pixels = np.empty((8, 8, 4))
    pixels[..., :3] = to_rgb(palette.SERIES[label])
    pixels[..., 3] = image / 16
    thumbnail = OffsetImage(pixels, zoom=2.6, interpolation="bilinear")
    ax.add_artist(AnnotationBbox(thumbnail, place, frameon=False))
ax.set(aspect="equal", xlabel="pixels", ylabel="pixels")
ax.margins(0.08)
plt.show()

"""
The mean of two palettes
========================

The colors of a photograph are a histogram with three axes. The barycenter of two histograms is a
palette in between; both photographs take its colors by the barycentric maps. The mean of the
histograms has both palettes instead, side by side.
"""

import numpy as np
from matplotlib import pyplot as plt
from scipy.ndimage import map_coordinates
from sklearn.datasets import load_sample_images

import sinkhorn_nb as snb

BINS, BLUR = 40, 0.04  # per channel; in units of its range

photographs = [image / 255 for image in load_sample_images().images]


def histogram(image):
    """The share of the pixels in each bin of colors."""
    counts, _ = np.histogramdd(image.reshape(-1, 3), bins=BINS, range=3 * [(0, 1)])
    return snb.Grid(counts / counts.sum(), spacing=1 / BINS, origin=0.5 / BINS)


palettes = [histogram(image) for image in photographs]
mean = snb.sinkhorn_barycenter(palettes, blur=BLUR)
print(f"converged: {mean.converged}, {mean.n_iter} steps")

recolored = []
for image, palette in zip(photographs, palettes, strict=True):
    colors = snb.entropic_ot(palette, mean, blur=BLUR).map()  # of each bin, with three channels
    places = np.moveaxis(image, -1, 0) * BINS - 0.5
    channels = [map_coordinates(colors[..., k], places, order=1, mode="nearest") for k in range(3)]
    recolored.append(np.stack(channels, axis=-1))

# %%
# In the middle the palettes, as sums over the blue channel: below the barycenter, above the mean of
# the histograms. Each bin has its mean color.


def shown(weights):
    """The bins of red and green, in their mean colors, on white."""
    mass = weights.sum(axis=2)
    blue = (weights @ ((np.arange(BINS) + 0.5) / BINS)) / np.maximum(mass, 1e-12)
    red, green = np.meshgrid(*2 * [(np.arange(BINS) + 0.5) / BINS], indexing="ij")
    share = np.minimum(mass / np.quantile(mass, 0.99), 1)[..., None] ** 0.5
    return 1 - share + share * np.stack([red, green, blue], axis=-1)


arithmetic = (palettes[0].weights + palettes[1].weights) / 2
columns = [photographs[0], recolored[0]], [arithmetic, mean.weights], [photographs[1], recolored[1]]
figure, axes = plt.subplots(2, 3, figsize=(9, 4), layout="constrained", width_ratios=(1.5, 1, 1.5))
for k, pictures in enumerate(columns):
    for ax, picture in zip(axes[:, k], pictures, strict=True):
        if k == 1:
            ax.imshow(shown(picture).swapaxes(0, 1), origin="lower")
            ax.set(xticks=[], yticks=[], xlabel="red", ylabel="green")
        else:
            ax.imshow(np.clip(picture, 0, 1))
            ax.set_axis_off()
axes[0, 1].set_title("mean of the histograms", fontsize=10)
axes[1, 1].set_title("barycenter", fontsize=10)
plt.show()

"""
A color transfer learned from a sample
======================================

An `EntropicAligner` learns a map of colors from 4000 pixels of each photograph and then moves every
pixel, as any transformer of scikit-learn does.
"""

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_sample_images

import sinkhorn_nb as snb

N_PIXELS = 4000  # of each photograph, from which the map is learned
BLUR = 0.03  # of the range of a color


def sample(points, seed=0):
    return points[np.random.default_rng(seed).choice(len(points), N_PIXELS, replace=False)]


temple, flower = (image.astype(np.float32) / 255 for image in load_sample_images().images)
pixels = temple.reshape(-1, 3)
colors = flower.reshape(-1, 3)
aligner = snb.EntropicAligner(sample(colors), blur=BLUR).fit(sample(pixels))
moved = aligner.transform(pixels)

# %%
# New samples tell how much closer the colors are.

for name, points in (("before", pixels), ("after", moved)):
    S = snb.sinkhorn_divergence(sample(points, 1), sample(colors, 1), blur=BLUR)
    print(f"{name}: S = {S:.4f}")

images = {
    "photograph": temple,
    "colors": flower,
    "photograph in these colors": moved.clip(0, 1).reshape(temple.shape),
}
figure, axes = plt.subplots(1, 3, figsize=(11, 2.7), layout="constrained")
for ax, (title, image) in zip(axes, images.items(), strict=True):
    ax.imshow(image)
    ax.set_title(title)
    ax.axis("off")
plt.show()

"""
A cloud and its shifted copy
============================

How far apart are a cloud and its copy, moved to the right? The divergence grows with the square of
the shift, at any distance. Gaussian kernel norms are flat as soon as the clouds are some bandwidths
apart: there is no gradient left that a flow or a training loop could follow.
"""

import numpy as np
from matplotlib import pyplot as plt

import sinkhorn_nb as snb
from sinkhorn_nb.plotting import palette

BLUR = 0.2
rng = np.random.default_rng(0)
x = rng.normal(size=(300, 2)) * [0.4, 0.8]
shifts = np.linspace(0, 5, 26)
copies = [x + shift * np.array([1.0, 0.0]) for shift in shifts]

losses = {
    "Sinkhorn divergence": [snb.sinkhorn_divergence(x, y, blur=BLUR) for y in copies],
    "energy distance": [snb.mmd(x, y, kernel="energy") for y in copies],
    "Gaussian norm": [snb.mmd(x, y, kernel="gaussian", blur=BLUR) for y in copies],
}

# %%
# The slope is what moves points: minus the mean of the gradients with respect to the points.

figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 3.4), layout="constrained")
left.scatter(*x.T, s=8, color=palette.SOURCE, linewidths=0)
left.scatter(*copies[15].T, s=8, color=palette.TARGET, linewidths=0)
left.set_aspect("equal")
left.axis("off")
left.set_title("a cloud, and its copy at shift 3", fontsize=10)
for color, (name, values) in zip(palette.SERIES, losses.items(), strict=False):
    numbers = np.array([float(value) for value in values])
    slopes = np.array([value.gradient().y[:, 0].sum() for value in values])
    middle.plot(shifts, numbers / numbers.max(), color=color, label=name)
    right.plot(shifts, slopes / np.abs(slopes).max(), color=color)
middle.set(xlabel="shift", title="value, in shares of the largest")
right.set(xlabel="shift", title="slope, in shares of the largest")
middle.legend(frameon=False)
plt.show()

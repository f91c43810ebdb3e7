"""
Soft sorting and ranks
======================

Sorting is a transport onto an ordered line, so that a blur makes it smooth: each value moves a
little with each number, and has derivatives. At a small blur it is the ordinary sort.
"""

import numpy as np
from matplotlib import pyplot as plt

import sinkhorn_nb as snb
from sinkhorn_nb.plotting import palette

rng = np.random.default_rng(0)
numbers = rng.normal(size=40)
blurs = (0.02, 0.2, 1.0)

figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 3.5), layout="constrained")
left.plot(np.sort(numbers), "o", color=palette.GREY, label="sorted")
for color, blur in zip(palette.SERIES, blurs, strict=False):
    left.plot(snb.soft_sort(numbers, blur=blur).values, color=color, label=f"blur {blur}")
left.set(xlabel="place", title="soft sort")
left.legend(frameon=False)

# %%
# Ranks as a function of one number: move it from left to right, past all the others. The hard rank
# jumps; the soft one climbs.

places = np.linspace(-3, 3, 120)
moved = [np.append(place, numbers[1:]) for place in places]
middle.step(places, [(row <= row[0]).sum() for row in moved], color=palette.GREY, where="mid")
for color, blur in zip(palette.SERIES, blurs, strict=False):
    ranks = [snb.soft_rank(row, blur=blur).values[0] for row in moved]
    middle.plot(places, ranks, color=color)
middle.set(xlabel="the number", title="its soft rank")

# %%
# The median by its derivative: how much it moves with each of the numbers.

order = np.argsort(numbers)
for color, blur in zip(palette.SERIES, blurs, strict=False):
    slopes = snb.soft_quantile(numbers, 0.5, blur=blur).pullback(1.0)
    right.plot(numbers[order], np.ravel(slopes)[order], ".-", color=color)
right.set(xlabel="number", title="derivative of the soft median")
plt.show()

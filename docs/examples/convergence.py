"""
Convergence at a small blur
===========================

Sinkhorn's iteration (as in POT and OTT), the annealed scheme of Feydy et al. (as in GeomLoss), and
the two-level method of this library, on two clouds at a blur of 2 % of their diameter. All three
have a step that costs one pass over the pairs.
"""

import warnings

import numpy as np
from matplotlib import pyplot as plt

import sinkhorn_nb as snb
from sinkhorn_nb.plotting import palette

rng = np.random.default_rng(0)
x = rng.random((1500, 2))
y = rng.random((1500, 2)) ** [2.0, 1.0] + [0.3, 0.2]
blur = snb.suggest_blur(x, y, fraction=0.02)

methods = {
    "Sinkhorn's iteration from zeros": snb.Sinkhorn(init="zeros", acceleration="none"),
    "annealed, symmetric": snb.Sinkhorn(acceleration="symmetric"),
    "two-level, mixed (the default)": snb.Sinkhorn(),
}

# %%
# The first two stop at 300 iterations, with a warning that says how far they came.

solutions = {}
for name, solver in methods.items():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", snb.ConvergenceWarning)
        limited = snb.Sinkhorn(**solver.get_params() | {"max_iter": 300, "tol": 1e-6})
        solutions[name] = snb.entropic_ot(x, y, blur=blur, solver=limited)

figure, ax = plt.subplots(figsize=(8, 4.2), layout="constrained")
snb.plotting.plot_convergence(solutions, ax=ax)
ax.set_xscale("symlog", linthresh=10)
ax.set_xlim(0, 300)
for line in ax.lines:
    line.set_marker("")
ax.set_title(f"{len(x)} x {len(y)} points, blur {blur:.3f}", fontsize=10, color=palette.INK)
plt.show()

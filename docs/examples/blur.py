"""
What the blur does
==================

The same transport between two moons at four blurs. Each line is a pair of points drawn from the
plan. At a small blur each point has one partner; at a large one the plan knows nothing any more,
and every pair is as likely.
"""

from matplotlib import pyplot as plt
from sklearn.datasets import make_moons

import sinkhorn_nb as snb

points, side = make_moons(300, noise=0.05, random_state=0)
x = points[side == 0]
y = points[side == 1] + [0.0, -0.6]

figure, axes = plt.subplots(1, 4, figsize=(12, 3.2), layout="constrained")
for ax, blur in zip(axes, (0.02, 0.2, 0.6, 3.0), strict=True):
    solution = snb.entropic_ot(x, y, blur=blur)
    snb.plotting.plot_plan(solution, ax=ax, n_lines=400)
    spread = solution.plan.normalized_entropy
    ax.set_title(f"blur {blur}: spread {spread:.2f}, {solution.n_passes:.0f} passes", fontsize=10)
    ax.axis("off")

# %%
# The spread is ``plan.normalized_entropy``: 0 for one partner each, 1 for the independent plan. A
# smaller blur costs more passes over the pairs, and no memory.

plt.show()

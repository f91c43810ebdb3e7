"""
Where a solve starts
====================

The same problem from five starts. A good start saves passes over the pairs and never changes the
result. The default tries the cheap ones on a sample and takes the best.
"""

import numpy as np
from matplotlib import pyplot as plt

import sinkhorn_nb as snb

rng = np.random.default_rng(0)
centers = np.array([[0, 0], [3, 0], [1, 2.5]])
x = np.concatenate([c + 0.3 * rng.normal(size=(700, 2)) for c in centers]).astype(np.float32)
turn = np.array([[0, -1], [1, 0]])
y = np.concatenate([turn @ c + 0.3 * rng.normal(size=(700, 2)) for c in centers]).astype(np.float32)

solutions = {
    name: snb.entropic_ot(x, y, blur=0.1, solver=snb.Sinkhorn(init=name, tol=1e-4))
    for name in ("zeros", "gaussian", "subsample", "gmm", "coarse")
}
values = np.array([solution.value for solution in solutions.values()])
print(f"the values agree to {np.ptp(values) / values.mean():.1e}")

# %%
# Left, the potential in which they all end; right, the way there. The passes in the legend count
# the start, too.

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
snb.plotting.plot_potentials(solutions["coarse"], ax=left)
left.axis("off")
snb.plotting.plot_convergence(solutions, ax=right)
plt.show()

"""The dtype of the pairs: float32 where its rounding cannot spoil the tolerance."""

import numpy as np

# Rounding leaves a marginal error of about ROUNDING * (diameter / blur)^2 with float32 pairs:
# measured 3e-6 at blur .05, 1e-4 at .01.
ROUNDING = 1e-8
SHARE = 1 / 3  # of the tolerance that rounding may take
LARGEST_BLUR = 2.0  # in diameters: rounding puts an error of 1e-7 eps on the value


def pair_dtype(problem, solver):
    """What the user asked for, else float32 for float32 points when it reaches the tolerance."""
    if solver.dtype is not None:
        return solver.dtype
    clouds = (problem.source.points, problem.target.points)
    if any(cloud.dtype != np.float32 for cloud in clouds):
        return "float64"
    extent = max(float(np.linalg.norm(np.ptp(np.asarray(cloud, dtype=np.float64), axis=0))) for cloud in clouds)
    extent = max(extent, problem.diameter)
    reaches_tol = ROUNDING * (extent / problem.blur) ** 2 <= SHARE * solver.tol
    return "float32" if reaches_tol and problem.blur <= LARGEST_BLUR * problem.diameter else "float64"

"""Libraries behind one signature: solve(problem, effort) -> (f, g).

`effort` is a library's own setting for accuracy, from quick to thorough: a tolerance, a number of
iterations, a scaling. The runner walks along the efforts until the judge is content. A new library
is one function and one line in `installed`. Potentials belong to the cost |x - y|^2 / 2 and to
P = a b exp((f + g - C) / eps).
"""

import warnings

import numpy as np

from ..harness import has

TOLERANCES = [10.0**-k for k in range(2, 13)]


def ours(problem, tol):
    """sinkhorn_nb with its defaults."""
    import sinkhorn_nb as snb

    solver = snb.Sinkhorn(tol=tol)
    x, y, a, b = problem.x, problem.y, problem.a, problem.b
    solution = snb.entropic_ot(x, y, a, b, eps=problem.eps, solver=solver)
    return solution.f, solution.g


def pot(problem, tol):
    """POT's Sinkhorn in the log domain, on the matrix of costs."""
    import ot

    _, log = ot.bregman.sinkhorn_log(
        problem.a, problem.b, problem.costs, problem.eps, numItermax=20_000, stopThr=tol, log=True
    )
    return without_weights(problem, problem.eps * log["log_u"], problem.eps * log["log_v"])


def regot(problem, tol):
    """RegOT's quasi-Newton method with a sparse Hessian and a low-rank correction (SPLR)."""
    import regot

    costs = np.asfortranarray(problem.costs)
    found = regot.sinkhorn_splr(costs, problem.a, problem.b, problem.eps, tol=tol, max_iter=2000)
    n, m = costs.shape
    g = np.append(found.dual[n:], np.zeros(n + m - len(found.dual)))  # its last one is fixed at 0
    return without_weights(problem, found.dual[:n], g)


def geomloss(problem, scaling):
    """GeomLoss's annealed scheme; it has no tolerance."""
    import torch
    from geomloss import SamplesLoss

    blur = float(np.sqrt(problem.eps))
    loss = SamplesLoss("sinkhorn", p=2, blur=blur, scaling=scaling, debias=False, potentials=True)
    arrays = (problem.a, problem.x, problem.b, problem.y)
    f, g = loss(*(torch.from_numpy(np.ascontiguousarray(array)) for array in arrays))
    return f.numpy().ravel(), g.numpy().ravel()


def ott(problem, tol):
    """OTT's Sinkhorn on the matrix of costs; the first of several calls compiles."""
    import jax
    from ott.geometry import geometry
    from ott.solvers import linear

    jax.config.update("jax_enable_x64", True)
    geom = geometry.Geometry(problem.costs, epsilon=problem.eps)
    out = linear.solve(geom, problem.a, problem.b, threshold=tol, max_iterations=20_000)
    f, g = (np.asarray(jax.block_until_ready(p)) for p in (out.f, out.g))
    return without_weights(problem, f, g)


def without_weights(problem, f, g):
    """Potentials without eps log a and eps log b, which these libraries keep in them."""
    return f - problem.eps * np.log(problem.a), g - problem.eps * np.log(problem.b)


def installed():
    """Name -> (function, efforts), for the libraries that can be imported here."""
    warnings.filterwarnings("ignore")
    found = {"sinkhorn_nb": (ours, TOLERANCES)}
    if has("geomloss"):
        found["GeomLoss"] = geomloss, [0.5, 0.7, 0.9, 0.95, 0.99, 0.999, 0.9999]
    if has("ot"):
        found["POT"] = pot, TOLERANCES
    if has("regot"):
        found["RegOT"] = regot, TOLERANCES
    if has("ott"):
        found["OTT"] = ott, TOLERANCES
    return found

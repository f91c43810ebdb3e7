"""Libraries behind one signature: solve(problem, effort) -> (f, g).

`effort` is a library's own setting for accuracy, from quick to thorough: a tolerance, a number of
iterations, a scaling. The runner walks along the efforts until the judge is content. A new library
is one function and one line in `LIBRARIES`. Potentials belong to the cost |x - y|^2 / 2 and to
P = a b exp((f + g - C) / eps).
"""

import subprocess
import warnings
from typing import Any, NamedTuple

import numpy as np

from ..harness import has

TOLERANCES = [10.0**-k for k in range(2, 13)]
ITERATIONS = [10, 30, 100, 300, 1000, 3000, 10_000]
SCALINGS = [0.5, 0.7, 0.9, 0.95, 0.99, 0.999, 0.9999]


def ours(problem, tol):
    """sinkhorn_nb with its defaults."""
    import sinkhorn_nb as snb

    solver = snb.Sinkhorn(tol=tol)
    x, y, a, b = problem.x, problem.y, problem.a, problem.b
    solution = snb.entropic_ot(x, y, a, b, eps=problem.eps, solver=solver)
    return solution.f, solution.g


def pot(problem, iterations):
    """POT's Sinkhorn in the log domain, on the matrix of costs."""
    import ot

    arguments = problem.a, problem.b, problem.costs, problem.eps
    _, log = ot.bregman.sinkhorn_log(*arguments, numItermax=iterations, stopThr=0, log=True)
    return without_weights(problem, problem.eps * log["log_u"], problem.eps * log["log_v"])


def regot(problem, tol):
    """RegOT's quasi-Newton method with a sparse Hessian and a low-rank correction (SPLR)."""
    import regot

    costs = np.asfortranarray(problem.costs)
    found = regot.sinkhorn_splr(costs, problem.a, problem.b, problem.eps, tol=tol, max_iter=2000)
    n, m = costs.shape
    g = np.append(found.dual[n:], np.zeros(n + m - len(found.dual)))  # its last one is fixed at 0
    return without_weights(problem, found.dual[:n], g)


def curegot(problem, tol):
    """RegOT's SPLR on a GPU, on the matrix of costs."""
    import curegot as peer

    costs = np.ascontiguousarray(problem.costs)
    found = peer.sinkhorn_splr(
        costs, problem.a, problem.b, problem.eps, tol=tol, max_iter=2000, verbose=0
    )
    n = len(problem.a)
    return without_weights(problem, found["dual"][:n], found["dual"][n:])


def flash_sinkhorn(problem, scaling):
    """FlashSinkhorn's annealed scheme on a GPU, in float32; it has GeomLoss's interface."""
    import torch
    from flash_sinkhorn import SamplesLoss

    blur = float(np.sqrt(problem.eps))
    options = {"debias": False, "potentials": True, "half_cost": True, "allow_tf32": False}
    loss = SamplesLoss("sinkhorn", p=2, blur=blur, scaling=scaling, **options)
    arrays = (problem.a, problem.x, problem.b, problem.y)
    tensors = (torch.tensor(array, dtype=torch.float32, device="cuda") for array in arrays)
    f, g = (potential.cpu().numpy().astype(np.float64).ravel() for potential in loss(*tensors))
    return f, g


def geomloss(problem, scaling):
    """GeomLoss's annealed scheme; it has no tolerance."""
    import torch
    from geomloss import SamplesLoss

    blur = float(np.sqrt(problem.eps))
    loss = SamplesLoss("sinkhorn", p=2, blur=blur, scaling=scaling, debias=False, potentials=True)
    arrays = (problem.a, problem.x, problem.b, problem.y)
    f, g = loss(*(torch.from_numpy(np.ascontiguousarray(array)) for array in arrays))
    return f.numpy().ravel(), g.numpy().ravel()


def ott(problem, iterations):
    """OTT's Sinkhorn on the matrix of costs; the first of several calls compiles."""
    import jax
    from ott.geometry import geometry
    from ott.solvers import linear

    jax.config.update("jax_enable_x64", True)
    geom = geometry.Geometry(problem.costs, epsilon=problem.eps)
    out = linear.solve(geom, problem.a, problem.b, threshold=0.0, max_iterations=iterations)
    f, g = (np.asarray(jax.block_until_ready(p)) for p in (out.f, out.g))
    return without_weights(problem, f, g)


def without_weights(problem, f, g):
    """Potentials without eps log a and eps log b, which these libraries keep in them."""
    return f - problem.eps * np.log(problem.a), g - problem.eps * np.log(problem.b)


class Library(NamedTuple):
    """A solver, its efforts, the module that it needs, and whether it needs a GPU."""

    solve: Any
    efforts: list
    module: str
    needs_gpu: bool = False


LIBRARIES = {
    "sinkhorn_nb": Library(ours, TOLERANCES, "sinkhorn_nb"),
    "GeomLoss": Library(geomloss, SCALINGS, "geomloss"),
    "POT": Library(pot, ITERATIONS, "ot"),
    "RegOT": Library(regot, TOLERANCES, "regot"),
    "OTT": Library(ott, ITERATIONS, "ott"),
    "cuRegOT": Library(curegot, TOLERANCES, "curegot", needs_gpu=True),
    "FlashSinkhorn": Library(flash_sinkhorn, SCALINGS, "flash_sinkhorn", needs_gpu=True),
}


def missing(library):
    """Why a library cannot run here, or None."""
    if library.needs_gpu and not has_gpu():
        return "needs a GPU"
    return None if has(library.module) else "not installed"


def has_gpu():
    """Whether NVIDIA's driver lists a GPU."""
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return listed.returncode == 0 and b"GPU" in listed.stdout


def installed():
    """Name -> library, of those that can run here."""
    warnings.filterwarnings("ignore")
    return {name: library for name, library in LIBRARIES.items() if missing(library) is None}

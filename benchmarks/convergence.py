"""How many iterations and passes do we need, by family of data, blur and tolerance?

n = 1500 (digits: about 900), float64; blur as a share of the diagonal of the bounding box. A pass
treats every pair once; those of the self problems (half passes) are counted in.
"""

import time
import warnings

import sinkhorn_nb as snb

from . import families
from .harness import arguments, write

FAMILIES = {
    "uniform d=2": families.square,
    "uniform d=3": families.warp,
    "gaussian d=10": families.gaussian,
    "mixture d=3": families.mixture,
    "moons d=2": families.moons,
    "digits d=64": families.digits,
    "lognormal d=2": families.lognormal,
}
BLURS = (0.2, 0.1, 0.05, 0.02, 0.01)
TOLERANCES = (1e-3, 1e-6)
PAPER_BLURS, PAPER_MAX_ITER = (0.05, 0.01), 5000  # for the paper's scheme, to 1e-3


def solve(family, n, blur, tol, max_iter, acceleration="auto"):
    x, y = FAMILIES[family](n)
    start = time.perf_counter()
    solver = snb.Sinkhorn(tol=tol, max_iter=max_iter, acceleration=acceleration)
    divergence = snb.sinkhorn_divergence(x, y, blur=blur * families.diameter(x, y), solver=solver)
    value = divergence.value
    return {
        "family": family, "n": len(x), "m": len(y), "d": x.shape[1], "acceleration": acceleration,
        "blur": blur, "tol": tol,
        "converged": bool(divergence.converged), "marginal_error": divergence.marginal_error, "value": value,
        "iterations": divergence.xy.n_iter, "iterations_self": max(divergence.xx.n_iter, divergence.yy.n_iter),
        "passes": divergence.xy.n_passes, "passes_with_self": divergence.n_passes,
        "seconds": time.perf_counter() - start,
    }  # fmt: skip


def main():
    args = arguments(__doc__)
    n, max_iter, blurs = (300, 100, BLURS[:3]) if args.smoke else (1500, 1000, BLURS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", snb.ConvergenceWarning)
        solve("moons d=2", 100, 0.2, 1e-3, 100)  # warm
        rows = [solve(f, n, blur, tol, max_iter) for f in FAMILIES for blur in blurs for tol in TOLERANCES]
        most = args.smoke * max_iter or PAPER_MAX_ITER
        rows += [solve(f, n, blur, 1e-3, most, "symmetric") for f in FAMILIES for blur in PAPER_BLURS]
    write(args, "convergence", rows, max_iter=max_iter)


if __name__ == "__main__":
    main()

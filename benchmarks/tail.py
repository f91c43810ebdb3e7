"""How long do small blurs and tight tolerances take, with and without sparse steps, and beside RegOT?

`sinkhorn_splr` of RegOT 0.0.3 is a sparse quasi-Newton method in C++ on a dense matrix of costs;
its tolerance is lowered until our measure of the marginal error is met, and its time does not
count the matrix. "two-level" is our solver without its sparse steps. The bounds of the
unregularized cost are beside POT's exact solvers, each in a process that is ended if it takes too
long. Each section takes less than 4 minutes, and leaves the rows of the others in the file.
"""

import multiprocessing
import time
import warnings
from functools import partial

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from sklearn.datasets import load_digits

import sinkhorn_nb as snb
from sinkhorn_nb.solver.tail import Tail

from .families import FAMILIES, diameter, gaussian, lognormal, warp
from .harness import arguments, has, kept, message, write

ROUNDS = 3
LONGEST_S = 3.0  # a job that takes longer is run twice; the first run may compile
MOST = 300  # iterations without sparse steps
SPLR_TOLS = 10.0 ** -np.arange(3, 14)
SPLR_LIMIT_S = 10.0  # a lower tolerance is not tried if a call took longer
EXACT_LIMIT_S = 70.0
MATRIX_CASES = "blurred digits, c = .01", "sphere", "gaussian d=10, 1 %"


def blurred_digits(c, n=1797):
    """Images and the same ones out of focus, and the blur of RegOT's paper for the share c."""
    x = load_digits().data[:n] / 16
    y = np.stack([gaussian_filter(image.reshape(8, 8), 1, mode="wrap").ravel() for image in x])
    return x, y, float(np.sqrt(c * np.std(x @ y.T)))


def shaken(n=200, seed=0):
    """A cloud and nearly the same one."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    return x, x + 1e-4 * rng.normal(size=x.shape), 0.1


def sphere(n=2048, seed=0):
    """A sphere and a noisy one."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return x, x + 0.05 * rng.normal(size=x.shape), 0.01


def classes(share):
    """Images of two digits."""
    images, label = load_digits(return_X_y=True)
    return at(images[label == 3], images[label == 8], share)


def at(x, y, share):
    """Two clouds with a blur that is a share of the diagonal."""
    return x, y, share * diameter(x, y)


CASES = {
    "blurred digits, c = .03": (lambda: blurred_digits(0.03), 1e-3, 1e-6),
    "blurred digits, c = .01": (lambda: blurred_digits(0.01), 1e-3, 1e-6),
    "blurred digits, c = .003": (lambda: blurred_digits(0.003), 1e-3, 1e-6),
    "nearly equal": (shaken, 1e-8),
    "sphere": (sphere, 1e-3, 1e-6),
    "gaussian d=10, 1 %": (lambda: at(*gaussian(1500), 0.01), 1e-6),
    "lognormal d=2, 1 %": (lambda: at(*lognormal(1500), 0.01), 1e-6),
    "digits 3 and 8, 2 %": (lambda: classes(0.02), 1e-6),
    "warp d=3, 1 %, n = 10 000": (lambda: at(*warp(10_000), 0.01), 1e-6),
    "sphere, n = 10 000": (lambda: sphere(10_000), 1e-3),
}
SMOKE = "nearly equal", "digits 3 and 8, 2 %"


def costs(x, y):
    """(n, m) |x - y|^2 / 2."""
    return cdist(x, y, "sqeuclidean") / 2


def timed(job):
    """The least seconds of a few rounds, the least processor seconds, and the last answer."""
    seconds, processor = [], []
    for k in range(ROUNDS):
        start, busy = time.perf_counter(), time.process_time()
        answer = job()
        seconds.append(time.perf_counter() - start)
        processor.append(time.process_time() - busy)
        if k and seconds[-1] > LONGEST_S:
            break
    return {"seconds": min(seconds), "processor_seconds": min(processor)}, answer


def ours(name, clouds, blur, tol, job="sparse", **settings):
    """Our solver between clouds, or for a matrix of costs."""
    look = Tail._look
    if job == "two-level":
        Tail._look = lambda *_: None
        settings["max_iter"] = MOST
    solver = snb.Sinkhorn(tol=tol, **settings)
    try:
        if len(clouds) == 1:
            seconds, solution = timed(
                lambda: snb.entropic_ot_matrix(*clouds, eps=blur**2, solver=solver)
            )
        else:
            seconds, solution = timed(lambda: snb.entropic_ot(*clouds, blur=blur, solver=solver))
    finally:
        Tail._look = look
    row = {"case": name, "job": job, "n": len(clouds[0]), "blur": blur, "tol": tol}
    row |= {"passes": solution.n_passes, "iterations": solution.n_iter}
    row |= {"converged": solution.converged, "marginal_error": solution.marginal_error}
    if solver.certify:
        row |= {"relative_gap": solution.gap / abs(solution.value)}
    return row | {"value": solution.value} | seconds


def regot(name, x, y, blur, tol):
    """The largest of its tolerances that meets ours."""
    import regot as peer

    C = np.asfortranarray(costs(x, y))
    a, b = np.full(len(x), 1 / len(x)), np.full(len(y), 1 / len(y))
    row = {"case": name, "job": "RegOT's SPLR", "n": len(x), "blur": blur, "tol": tol}
    for own_tol in SPLR_TOLS[SPLR_TOLS <= tol]:
        try:
            start = time.perf_counter()
            result = peer.sinkhorn_splr(C, a, b, blur**2, tol=own_tol)
            took = time.perf_counter() - start
        except Exception as error:  # a failed peer is a result
            return row | {"error": message(error)}
        plan = np.asarray(result.plan)
        error = max(np.abs(plan.sum(1) - a).sum(), np.abs(plan.sum(0) - b).sum())
        if error <= tol or took > SPLR_LIMIT_S:
            break
    seconds, _ = timed(lambda: peer.sinkhorn_splr(C, a, b, blur**2, tol=own_tol))
    found = {"own_tol": float(own_tol), "marginal_error": error, "converged": bool(error <= tol)}
    return row | found | seconds


def cases(is_smoke):
    """Sparse and two-level steps."""
    for name in SMOKE if is_smoke else CASES:
        make, *tols = CASES[name]
        *clouds, blur = make()
        for tol in tols:
            yield ours(name, clouds, blur, tol)
            yield ours(name, clouds, blur, tol, "two-level")


def beside(names):
    """A section with RegOT on some cases, where it is installed."""

    def rows(is_smoke):
        chosen = [name for name in names if not is_smoke or name in SMOKE]
        for name in chosen if has("regot") else ():
            make, *tols = CASES[name]
            for tol in tols:
                yield regot(name, *make(), tol)

    return rows


def matrices(is_smoke):
    """Our solver on the matrices that RegOT gets."""
    for name in SMOKE if is_smoke else MATRIX_CASES:
        make, *tols = CASES[name]
        x, y, blur = make()
        C = costs(x, y)
        for job in ("sparse", "two-level"):
            yield ours(f"{name}, as a matrix", (C,), blur, tols[-1], job)


def certified(is_smoke):
    """What a certificate costs where sparse steps are made."""
    for name in SMOKE if is_smoke else ("blurred digits, c = .01", "gaussian d=10, 1 %", "sphere"):
        *clouds, blur = CASES[name][0]()
        for tol in (1e-3, 1e-6):
            yield ours(name, clouds, blur, tol)
            yield ours(name, clouds, blur, tol, "certified", certify=True)


def families(share):
    """A section with all families of data at one blur."""

    def rows(is_smoke):
        for name, make in FAMILIES.items():
            clouds = make(60 if is_smoke else 1500)
            blur = share * diameter(*clouds[:2])
            for tol in (1e-3, 1e-6):
                yield ours(name, clouds, blur, tol) | {"share": share}
                yield ours(name, clouds, blur, tol, "two-level") | {"share": share}

    return rows


def bounds(*sizes):
    """A section with certified bounds, and exact solvers beside them, for pairs (n, d)."""

    def rows(is_smoke):
        for n, d in ((200, 2),) if is_smoke else sizes:
            x, y = warp(n, d=d)
            case = {"case": "Wasserstein bounds", "n": n, "d": d}
            seconds, found = timed(partial(snb.wasserstein_bounds, x, y))
            row = {"job": "certified bounds", "lower": found.lower, "upper": found.upper}
            row |= {"passes": found.n_passes, "converged": found.converged}
            yield case | row | seconds
            for job, solve in EXACT.items():
                yield case | {"job": job} | limited(solve, x, y)

    return rows


def by_assignment(x, y):
    C = costs(x, y)
    return C[linear_sum_assignment(C)].mean()


def by_pot(x, y):
    import ot

    return ot.emd2([], [], costs(x, y), numItermax=10**8)


def by_lazy_pot(x, y):
    import ot

    return ot.lp.emd2_lazy(x, y, metric="sqeuclidean", numItermax=10**8)[0] / 2


EXACT = {"SciPy's assignment": by_assignment}
if has("ot"):
    EXACT |= {"POT's emd2": by_pot, "POT's emd2_lazy": by_lazy_pot}


def limited(solve, x, y):
    """The exact cost and the seconds of a solver in a process of its own."""
    here, there = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=_tell, args=(there, solve, x, y))
    process.start()
    there.close()
    try:
        answer = here.recv() if here.poll(EXACT_LIMIT_S) else None
    except EOFError:  # it ended without an answer, as for lack of memory
        answer = {"error": "it ended"}
    process.terminate()
    process.join()
    return answer or {"error": f"more than {EXACT_LIMIT_S:.0f} s"}


def _tell(pipe, solve, x, y):
    try:
        start, busy = time.perf_counter(), time.process_time()
        exact = float(solve(x, y))
        seconds, processor = time.perf_counter() - start, time.process_time() - busy
        pipe.send({"exact": exact, "seconds": seconds, "processor_seconds": processor})
    except Exception as error:
        pipe.send({"error": message(error)})


DIGITS = [name for name in CASES if name.startswith("blurred")]
OTHERS = ["nearly equal", "gaussian d=10, 1 %", "lognormal d=2, 1 %", "digits 3 and 8, 2 %"]
SECTIONS = {
    "cases": cases,
    "regot-digits": beside(DIGITS),
    "regot-others": beside(OTHERS),
    "matrices": matrices,
    "certified": certified,
    "families-.02": families(0.02),
    "families-.01": families(0.01),
    "families-.005": families(0.005),
    "bounds": bounds((200, 2), (1500, 2), (1500, 10)),
    "bounds-large-2": bounds((10_000, 2)),
    "bounds-large-10": bounds((10_000, 10)),
}


def main():
    args = arguments(__doc__, tuple(SECTIONS))
    for section in list(args.sections):
        args.sections = [section]
        found = kept(args, "tail")
        start = time.perf_counter()
        for row in SECTIONS[section](args.smoke):
            found.append({"section": section} | row)
            print({k: v for k, v in row.items() if k != "value"}, flush=True)
        print(f"{section}: {time.perf_counter() - start:.0f} s", flush=True)
        write(args, "tail", found, max_iter=MOST, exact_limit_s=EXACT_LIMIT_S)


if __name__ == "__main__":
    warnings.simplefilter("ignore", snb.ConvergenceWarning)
    main()

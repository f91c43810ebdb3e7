"""How long do small blurs and tight tolerances take, with and without sparse steps, and beside RegOT?

`sinkhorn_splr` of RegOT 0.0.3 is a sparse quasi-Newton method in C++ on a dense matrix of costs;
its tolerance is lowered until our measure of the marginal error is met, and its time does not
count the matrix. "two-level" is our solver without its sparse steps. The last rows are certified
bounds of the unregularized cost, beside SciPy's assignment where this fits.
"""

import time
import warnings

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.optimize import linear_sum_assignment
from sklearn.datasets import load_digits

import sinkhorn_nb as snb
from sinkhorn_nb.solver.tail import Tail

from .families import FAMILIES, diameter, gaussian, lognormal, warp
from .harness import arguments, has, message, write

ROUNDS = 3
LONGEST_S = 3.0  # a job that takes longer is run twice; the first run may compile
MOST = 300  # iterations without sparse steps
SPLR_TOLS = 10.0 ** -np.arange(3, 14)


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
SMOKE = {"nearly equal": CASES["nearly equal"], "digits 3 and 8, 2 %": CASES["digits 3 and 8, 2 %"]}
GRID = [(blur, tol) for blur in (0.02, 0.01, 0.005) for tol in (1e-3, 1e-6)]


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


def ours(name, clouds, blur, tol, is_sparse=True):
    look = Tail._look
    solver = snb.Sinkhorn(tol=tol, **({} if is_sparse else {"max_iter": MOST}))
    if not is_sparse:
        Tail._look = lambda *_: None
    try:
        seconds, solution = timed(lambda: snb.entropic_ot(*clouds, blur=blur, solver=solver))
    finally:
        Tail._look = look
    return {
        "case": name, "job": "sparse" if is_sparse else "two-level", "n": len(clouds[0]),
        "d": clouds[0].shape[1], "blur": blur, "tol": tol, "passes": solution.n_passes,
        "iterations": solution.n_iter, "converged": solution.converged,
        "marginal_error": solution.marginal_error, "value": solution.value,
    } | seconds  # fmt: skip


def regot(name, x, y, blur, tol):
    """The least of its tolerances that meets ours."""
    import regot as peer

    row = {
        "case": name,
        "job": "RegOT's SPLR",
        "n": len(x),
        "d": x.shape[1],
        "blur": blur,
        "tol": tol,
    }
    C = (x**2).sum(axis=1)[:, None] / 2 + (y**2).sum(axis=1) / 2 - x @ y.T
    C = np.asfortranarray(np.maximum(C, 0))
    a, b = np.full(len(x), 1 / len(x)), np.full(len(y), 1 / len(y))
    for own_tol in SPLR_TOLS[SPLR_TOLS <= tol]:
        try:
            seconds, result = timed(lambda t=own_tol: peer.sinkhorn_splr(C, a, b, blur**2, tol=t))
        except Exception as error:  # a failed peer is a result
            return row | {"error": message(error)}
        plan = np.asarray(result.plan)
        error = max(np.abs(plan.sum(1) - a).sum(), np.abs(plan.sum(0) - b).sum())
        row |= {
            "own_tol": own_tol,
            "marginal_error": error,
            "converged": bool(error <= tol),
        } | seconds
        if error <= tol or row["seconds"] > 20:
            break
    return row


def bounds(n, d):
    x, y = warp(n, d=d)
    seconds, found = timed(lambda: snb.wasserstein_bounds(x, y))
    row = {"case": "certified bounds", "job": "sparse", "n": n, "d": d, "lower": found.lower}
    row |= {"upper": found.upper, "passes": found.n_passes, "converged": found.converged} | seconds
    if n <= 2000:
        C = ((x[:, None] - y) ** 2).sum(axis=2) / 2
        row["exact"] = float(C[linear_sum_assignment(C)].mean())
    return row


def rows(is_smoke):
    for name, (make, *tols) in (SMOKE if is_smoke else CASES).items():
        x, y, blur = make()
        for tol in tols:
            yield ours(name, (x, y), blur, tol)
            yield ours(name, (x, y), blur, tol, is_sparse=False)
            if has("regot") and len(x) < 5000:
                yield regot(name, x, y, blur, tol)
    for name, make in FAMILIES.items() if not is_smoke else ():
        clouds = make(1500)
        for share, tol in GRID:
            blur = share * diameter(*clouds[:2])
            yield ours(name, clouds, blur, tol)
            yield ours(name, clouds, blur, tol, is_sparse=False)
    for n, d in ((200, 2),) if is_smoke else ((1500, 2), (1500, 10), (10_000, 2), (10_000, 10)):
        yield bounds(n, d)


def main():
    args = arguments(__doc__)
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", snb.ConvergenceWarning)
        for row in rows(args.smoke):
            found.append(row)
            print({k: v for k, v in row.items() if k not in ("value", "iterations")}, flush=True)
    note = (
        "The machine was shared with other jobs: compare processor seconds, and ratios of seconds."
    )
    write(args, "tail", found, max_iter=MOST, note=note)


if __name__ == "__main__":
    main()

"""The two-sample test: are two samples drawn from the same distribution? Exact by permutation."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from .. import validation
from ..common.array_types import ArrayLike, Booleans, Floats
from ..common.representation import Represented
from ..common.spans import spans
from ..interop.arrays import HOST
from ..measures.clouds import CloudPairs, Clouds, Named
from ..measures.grid import refuse_grid
from ..results.warning import ConvergenceWarning
from ..solver import DEFAULT
from ..terms import Terms
from .arguments import comparable, with_all_points
from .divergences import diverge_alone
from .jobs import effective_n_jobs, spread
from .labelings import CHUNK, Effort, effort, rounding, sinkhorn_values
from .mean_embeddings import embedding_rounding, embedding_values
from .permutations import labelings, share_as_large, share_as_small

Statistic: TypeAlias = Callable[[Floats, Booleans], ArrayLike]

NAMES = ("sinkhorn", "energy", "mmd")
CURE_FOR_COUNTS = (
    "repeat each pixel of a histogram by its count, "
    "numpy.repeat(grid.points.reshape(-1, d), counts.ravel(), axis=0)"
)


@dataclass(frozen=True, eq=False, repr=False)
class TwoSampleTest(Represented):
    """The result of a two-sample test, with the names of `scipy.stats.permutation_test`.

    Attributes
    ----------
    statistic : float
        The observed statistic; for several blurs, the smallest of their p-values.
    pvalue : float
        The share of the labelings, the observed one among them, that are as extreme.
    null_distribution : (n_permutations,) float64 array
        The statistic of the random labelings.
    pvalues : (n_blurs,) float64 array
        The p-value of each blur by itself.
    converged : bool
        Whether the iterations of all labelings have converged. If not, the statistic is an estimate
        of S_eps, mostly from below; the p-value is exact all the same, because every labeling is
        treated alike.
    """

    statistic: float
    pvalue: float
    null_distribution: Floats
    pvalues: Floats
    converged: bool

    def _facts(self) -> dict[str, object]:
        outcome: dict[str, object] = {"statistic": self.statistic, "pvalue": self.pvalue}
        count = len(self.null_distribution)
        return outcome | {"n_permutations": count, "converged": self.converged}


@validation.native_names
def sinkhorn_two_sample_test(
    x: ArrayLike,
    y: ArrayLike,
    *,
    blur: float | Sequence[float] | None,
    n_permutations: int = 999,
    statistic: str | Statistic = "sinkhorn",
    random_state: int | np.random.Generator | None = None,
    n_jobs: int | None = None,
) -> TwoSampleTest:
    """Test whether two samples come from the same distribution, by permutation of the pooled
    sample.

    The test is exact: if the distributions are the same, the p-value is at most p with a
    probability of at most p, for any sizes of the samples and any statistic. (x, y) and (y, x) have
    the same result, to the bit, unless the statistic is a function.

    Parameters
    ----------
    x, y : (n, d) and (m, d) array-likes
        The samples: independent draws, all with the same weight.
    blur : float or sequence of float
        Length in the unit of the points below which details are smoothed. For a sequence the
        smallest of the p-values is the statistic, with the same labelings: one exact p-value for
        all blurs. For "energy" and for a function it has no effect and may be None.
    n_permutations : int, default 999
        Number of random labelings. The smallest possible p-value is 1 / (n_permutations + 1).
    statistic : {"sinkhorn", "energy", "mmd"} or callable, default "sinkhorn"
        The Sinkhorn divergence S_eps; the energy distance; |a - b|_k^2 / 2 for the Gaussian kernel
        exp(-|x - y|^2 / (2 blur^2)); or a function of the pooled points (N, d) and the labels (B,
        N), True for the first sample, that returns B numbers, which are large if the samples
        differ.
    random_state : int or numpy.random.Generator, optional
        The seed of the labelings.
    n_jobs : int, optional
        Number of processes of joblib, as for `pairwise_sinkhorn_divergence`. None uses the threads
        of this process. The result does not depend on it.

    Returns
    -------
    TwoSampleTest
        statistic, pvalue, null_distribution, pvalues, converged.

    Raises
    ------
    ValueError, TypeError
        On bad input, naming the argument and the cure.

    Notes
    -----
    Cost: about 10 products of an N x N matrix with an N x n_permutations matrix, N = n + m. Up to N
    = 16384 the matrix is stored (4 bytes per entry), beyond that it is computed again for each
    product.

    References
    ----------
    Ramdas, Garcia and Cuturi 2017, "On Wasserstein two-sample testing and related families of
    nonparametric tests".

    Examples
    --------
    >>> import numpy as np, sinkhorn_nb as snb
    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.normal(size=(60, 2)), rng.normal(size=(80, 2)) + 0.8
    >>> snb.sinkhorn_two_sample_test(x, y, blur=0.5, random_state=0).pvalue
    0.001
    """
    z, n = _pooled(x, y)
    if not callable(statistic):
        z, n = _in_one_order(z, n)
    blurs = _blurs(statistic, blur, z)
    count = validation.count("n_permutations", n_permutations)
    rng = np.random.default_rng(
        validation.random_state("random_state", random_state, np.random.Generator)
    )
    labels = labelings(n, len(z) - n, count, rng)
    n_jobs = validation.jobs("n_jobs", n_jobs)

    tables = [_values(statistic, z, labels, each, n_jobs) for each in blurs]
    return _tested(tables)


@dataclass(frozen=True)
class _Table:
    """The values of all labelings for one blur, the bound of their rounding, and whether all
    converged.
    """

    value: Floats
    rounding: float
    converged: bool


def _tested(tables: list[_Table]) -> TwoSampleTest:
    shares = np.array([share_as_large(table.value, table.rounding) for table in tables])
    pvalues = shares[:, 0]
    converged = all(table.converged for table in tables)
    if len(tables) == 1:
        values = tables[0].value
        pvalue = float(pvalues[0])
    else:
        values = shares.min(axis=0)
        pvalue = float(share_as_small(values)[0])
    return TwoSampleTest(float(values[0]), pvalue, values[1:], pvalues, converged)


def _pooled(x: ArrayLike, y: ArrayLike) -> tuple[Floats, int]:
    """The pooled points, and the size of the first sample."""
    for name, sample in (("x", x), ("y", y)):
        refuse_grid(name, sample, "independent draws, an (n, d) array", CURE_FOR_COUNTS)
    source = with_all_points(x, None, ("x", "weights of x"))
    target = with_all_points(y, None, ("y", "weights of y"))
    comparable(source, target, "x", "y")
    for name, measure in (("x", source), ("y", target)):
        least, most = measure.weights.min(), measure.weights.max()
        if least < most:
            raise ValueError(
                f"{name}: expected independent draws, all with the same weight, got a Measure with "
                f"weights from {least:.3g} to {most:.3g}; pass the points, each as often as it was "
                "drawn"
            )
    points = np.concatenate([source.points, target.points]).astype(np.float64)
    return points, len(source)


def _in_one_order(z: Floats, n: int) -> tuple[Floats, int]:
    """The same pooled sample for (x, y) and (y, x), the smaller sample first, and its size."""
    x = z[:n]
    y = z[n:]
    if (len(x), x.tolist()) <= (len(y), y.tolist()):
        return z, n
    return np.concatenate([y, x]), len(y)


def _blurs(statistic: object, blur: Any, points: Floats) -> list[float | None]:
    if not callable(statistic):
        validation.choice("statistic", statistic, NAMES)
    if callable(statistic) or statistic == "energy":
        return [None]
    if np.ndim(blur) == 0:
        return [validation.blur(blur, points)]
    if len(blur) == 0:
        raise ValueError("blur: expected at least one length, got none; pass a number or a list")
    return [validation.blur(each, points) for each in blur]


def _values(
    statistic: str | Statistic, z: Floats, labels: Booleans, blur: float | None, n_jobs: int | None
) -> _Table:
    if callable(statistic):
        return _Table(_checked(statistic(z, labels), len(labels)), 0.0, True)
    if statistic == "sinkhorn" and blur is not None:
        return _sinkhorn_table(z, labels, blur, n_jobs)
    value = embedding_values(z, labels, blur)
    return _Table(value, embedding_rounding(value, z, blur), True)


def _checked(value: ArrayLike, count: int) -> Floats:
    """Check the values that a function of the caller has returned."""
    array = validation.vector("statistic", value)
    return validation.shape("statistic", array, (count,), "a function with one number per labeling")


def _sinkhorn_table(z: Floats, labels: Booleans, blur: float, n_jobs: int | None) -> _Table:
    count = len(labels)
    how = effort(z, count, blur)
    value = np.empty(count)
    converged = np.empty(count, dtype=bool)
    lost = np.empty(count, dtype=bool)
    tasks = ((rows, z, labels[rows], blur, how) for rows in _shares(count, n_jobs))

    for parcel in spread(_solve, tasks, n_jobs):
        rows, value[rows], converged[rows], lost[rows] = parcel.contents
    for k in np.flatnonzero(lost):  # of sides that are far apart relative to the blur
        is_first = labels[k]
        value[k], converged[k] = _divergence(z[is_first], z[~is_first], blur)
    return _Table(value, rounding(value, blur, how.dtype), bool(converged.all()))


def _shares(count: int, n_jobs: int | None) -> list[slice]:
    """The labelings of each job: whole chunks, so that the bits do not depend on the number of
    jobs.
    """
    n_chunks = -(-count // CHUNK)
    each = CHUNK * -(-n_chunks // effective_n_jobs(n_jobs))
    return [slice(*span) for span in spans(count, each)]


def _solve(
    rows: slice, z: Floats, labels: Booleans, blur: float, how: Effort
) -> tuple[slice, Floats, Booleans, Booleans]:
    return rows, *sinkhorn_values(z, labels, blur, how)


def _divergence(x: Floats, y: Floats, blur: float) -> tuple[float, bool]:
    """S_eps by the usual solver, which works with logarithms, and whether it converged."""
    clouds, _ = Clouds.of([Named("x", x, "a", None), Named("y", y, "b", None)])
    source, target = np.arange(2)[:, None]
    pair = CloudPairs(clouds, source, target, Terms(blur**2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the result says it
        found = diverge_alone(pair, DEFAULT, HOST)
    return found.value, found.converged

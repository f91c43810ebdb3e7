"""Sinkhorn barycenters: a cloud, the masses of given points, or an image that is close to several
measures at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from .. import validation
from ..common.array_types import ArrayLike, Floats
from ..measures.grid import Grid
from ..measures.measure import Measure
from ..solver import Sinkhorn
from ..terms import Terms
from .arguments import between, comparable, usual
from .fixed_support import Effort, report, run_on_points
from .free_support import FreeSupport, first_points
from .grid_barycenter import GridBarycenter, grid_barycenter

FREE_TOL, FREE_STEPS = 1e-3, 100  # of points that move
# Of masses: with less than 1e-3, the mean divergence hardly falls, and images grow stripes
FIXED_TOL, FIXED_STEPS = 3e-3, 300


@dataclass(frozen=True, eq=False, repr=False)
class Barycenter(Measure):
    """A cloud that minimizes sum_k w_k S_eps(cloud, measure_k), approximately.

    Attributes
    ----------
    points : (n_points, d) float64 array
    weights : (n_points,) float64 array
        They are equal, unless the points were given.
    converged : bool
        Whether the points, or the masses of given points, have come to rest and all plans are
        within the solver's tolerance.
    history : (n_iter,) float64 array
        Root-mean-square movement of the points in each step, relative to the spread of the
        measures; for given points, the marginal error in each step.
    """

    converged: bool = False
    history: Floats = field(default_factory=lambda: np.zeros(0))

    @property
    def n_iter(self) -> int:
        """The number of steps."""
        return len(self.history)

    def _facts(self) -> dict[str, object]:
        return super()._facts() | {"converged": self.converged, "n_iter": self.n_iter}


@validation.native_names
def sinkhorn_barycenter(
    measures: Sequence[ArrayLike | Measure | Grid],
    weights: ArrayLike | None = None,
    *,
    blur: float,
    n_points: int | None = None,
    support: ArrayLike | None = None,
    debiased: bool = True,
    tol: float | None = None,
    max_iter: int | None = None,
    solver: Sinkhorn | None = None,
    random_state: int | np.random.Generator | None = None,
) -> Barycenter | GridBarycenter:
    """Barycenter of several measures: the cloud, or the image, that minimizes the mean of its
    Sinkhorn divergences.

    The points of a cloud move along minus the gradient, x <- x + sum_k w_k T_k(x) - T_xx(x), with
    T_k the barycentric map of the plan from the cloud to measure k, and T_xx that of the cloud to
    itself. Steps that hardly get shorter have momentum, and each plan starts from the one before.
    On given points and on grids, the masses change: by the iteration of Janati et al. in the log
    domain, with Anderson mixing, from coarser grids to finer ones.

    Parameters
    ----------
    measures : sequence of K (n_k, d) array-likes, Measure or Grid
        Clouds; a `Measure.of(points, weights)` has weights of its own. Or images, histograms or
        volumes with the same pixels. All have the same mass.
    weights : (K,) array-like, optional
        Shares w_k >= 0 of the measures; they are divided by their sum. Equal by default.
    blur : float
        Length in the unit of the points below which details are smoothed.
    n_points : int
        Number of points of the barycenter of clouds, unless their support is given.
    support : (n, d) array-like
        The points of the barycenter of clouds; only their masses are found.
    debiased : bool, default True
        Minimize the mean divergence. False minimizes the mean of OT_eps, whose barycenter of
        clouds is too small, and whose barycenter of images is blurred.
    tol : float, optional
        Movement of the points, relative to the spread of the measures, below which the steps end;
        1e-3 by default. On a fixed support, the marginal error; 3e-3 by default: the mean
        divergence is then within 1e-4 or so of its least value, and beyond 1e-3 images only grow
        stripes.
    max_iter : int, optional
        Largest number of steps, 100 by default; on a fixed support 300.
    solver : Sinkhorn, optional
        How to solve each plan of points that move. Its backend serves masses, too; progress=True
        shows the progress of the steps.
    random_state : int or numpy.random.Generator, optional
        The seed of the first points, which are drawn from the measures, moved to a common mean.

    Returns
    -------
    Barycenter or GridBarycenter
        A `Measure`, or a `Grid`, with converged, history, n_iter.

    Raises
    ------
    ValueError, TypeError
        On bad input, naming the argument and the cure.

    Warns
    -----
    ConvergenceWarning
        Once, if the points or masses have not come to rest.

    Notes
    -----
    Cost: for points that move, K + 1 plans per step, each of a few passes over n_points x n_k
    pairs; the objective is not convex in the points: other seeds may end elsewhere. For masses,
    which have one optimum, 2 K + 1 passes or sweeps per step.

    References
    ----------
    Cuturi and Doucet 2014, "Fast computation of Wasserstein barycenters", algorithm 2; Janati,
    Cuturi and Gramfort 2020, "Debiased Sinkhorn barycenters", algorithm 1.

    Examples
    --------
    >>> import numpy as np, sinkhorn_nb as snb
    >>> x = np.random.default_rng(0).normal(size=(200, 2))
    >>> barycenter = snb.sinkhorn_barycenter(
    ...     [x, x + [4.0, 0.0]], blur=0.3, n_points=100, random_state=0
    ... )
    >>> barycenter.converged
    True
    >>> bool(np.allclose(barycenter.centroid, x.mean(axis=0) + [2.0, 0.0], atol=1e-3))
    True
    """
    listed = validation.sequence("measures", measures, "measure")
    shares = validation.weights("weights", weights, len(listed))
    shares = shares / shares.sum()
    validation.choice("debiased", debiased, (False, True))
    solver = usual(solver)
    are_grids = any(isinstance(each, Grid) for each in listed)
    is_free = support is None and not are_grids
    tol = (FREE_TOL if is_free else FIXED_TOL) if tol is None else validation.positive("tol", tol)
    steps = (FREE_STEPS if is_free else FIXED_STEPS) if max_iter is None else max_iter
    steps = validation.count("max_iter", steps)
    effort = Effort(tol, steps, solver.backend, solver.progress)

    if are_grids:
        _only_for_clouds(n_points=n_points, support=support)
        return grid_barycenter(listed, shares, blur, debiased, effort)
    clouds = _clouds(listed)
    blur = validation.blur(blur, *(cloud.points for cloud in clouds))
    validation.resolved(blur, *((f"measures[{k}]", each) for k, each in enumerate(clouds)))
    if support is not None:
        if n_points is not None:
            raise TypeError(
                f"n_points: expected None beside support, whose points are given, got {n_points!r};"
                " pass one of them"
            )
        return _on_support(clouds, shares, blur, support, debiased, effort)
    if n_points is None:
        raise TypeError(
            "n_points: expected the number of points of the barycenter, got None; pass n_points, "
            "or support=points for a barycenter on given points"
        )
    rng = np.random.default_rng(
        validation.random_state("random_state", random_state, np.random.Generator)
    )
    count = validation.count("n_points", n_points)
    start = first_points(clouds, shares, count, blur, rng)
    descent = FreeSupport(clouds, shares, blur, solver, debiased)
    rest = descent.run(start, tol, steps)
    equal = np.full(count, clouds[0].mass / count)
    return Barycenter(rest.points, equal, converged=rest.converged, history=rest.history)


def _on_support(
    clouds: list[Measure],
    shares: Floats,
    blur: float,
    support: ArrayLike,
    debiased: bool,
    effort: Effort,
) -> Barycenter:
    """The masses of given points."""
    given = Measure.of(support, names=("support", "its weights"))
    both = "weights of measures[0]", "its weights"
    light = replace(clouds[0], weights=clouds[0].probabilities)
    between(light, given, Terms(blur**2), ("measures[0]", "support", *both))
    found = run_on_points(clouds, given, shares, blur, debiased, effort)
    report(found, effort.tol)
    masses = given.weights * given.expand(found.density)
    masses *= clouds[0].mass / masses.sum()
    history = np.array(found.errors)
    return Barycenter(given.points, masses, converged=found.converged, history=history)


def _only_for_clouds(**arguments: Any) -> None:
    for name, value in arguments.items():
        if value is not None:
            raise TypeError(
                f"{name}: expected None beside grids, whose barycenter has their pixels, got "
                f"{type(value).__name__}; leave it out"
            )


def _clouds(listed: list[Any]) -> list[Measure]:
    """Check the measures, and return them in float64."""
    names = [f"measures[{k}]" for k in range(len(listed))]
    clouds = [
        each if isinstance(each, Measure) else Measure.of(each, names=(name, f"weights of {name}"))
        for name, each in zip(names, listed, strict=True)
    ]
    of_names = [f"weights of {name}" for name in names]
    for name, of_name, cloud in zip(names, of_names, clouds, strict=True):
        comparable(clouds[0], cloud, names[0], name)
        units = cloud.traits.mass_unit, clouds[0].traits.mass_unit
        validation.same_unit(of_name, units[0], of_names[0], units[1])
    weights = [cloud.weights for cloud in clouds]
    roundings = [cloud.traits.mass_rounding for cloud in clouds]
    validation.one_mass(of_names, weights, roundings, cure=None)
    return [replace(cloud, points=cloud.points.astype(np.float64)) for cloud in clouds]

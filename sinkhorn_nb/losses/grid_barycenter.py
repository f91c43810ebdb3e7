"""Sinkhorn barycenters of images, histograms and volumes, from coarser grids to finer ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import validation
from ..backends.cpu.threads import single_threaded_blas
from ..common.array_types import Floats
from ..costs import SQUARED_EUCLIDEAN
from ..initializers.pyramid import LEAST_BLUR
from ..kernels.grid import GridKernel
from ..measures.grid import Grid
from ..measures.halving import Halving, long_axes
from ..measures.pixels import GridMeasure
from .fixed_support import Effort, FixedSupport, Found, State, report


@dataclass(frozen=True, eq=False, repr=False)
class GridBarycenter(Grid):
    """An image that minimizes sum_k w_k S_eps(image, image_k).

    Attributes
    ----------
    weights : array in the shape of the images
    converged : bool
        Whether the marginal error is within the tolerance.
    history : (n_iter,) float64 array
        The marginal error in each step on the finest grid.
    """

    converged: bool = field(default=False, kw_only=True)
    history: Floats = field(default_factory=lambda: np.zeros(0), kw_only=True)

    @property
    def n_iter(self) -> int:
        """The number of steps on the finest grid."""
        return len(self.history)

    def _facts(self) -> dict[str, object]:
        return super()._facts() | {"converged": self.converged, "n_iter": self.n_iter}


def grid_barycenter(
    listed: list[Any],
    shares: Floats,
    blur: float,
    debiased: bool,
    effort: Effort,
) -> GridBarycenter:
    """The barycenter of grids with the same pixels."""
    grids = _same_pixels(listed)
    lattice = grids[0].lattice
    blur = validation.blur(blur)
    validation.wide_as_a_pixel(blur, lattice.pixel)
    chosen = np.flatnonzero(shares)
    measures = [grids[k].on_grid for k in chosen]
    with single_threaded_blas():
        found = _found(measures, shares[chosen], blur, debiased, effort)
    report(found, effort.tol)
    masses = lattice.shaped(found.density)
    masses = masses * (grids[0].mass / masses.sum())
    history = np.array(found.errors)
    return GridBarycenter(
        masses, lattice.spacing, lattice.origin, converged=found.converged, history=history
    )


def _found(
    measures: list[GridMeasure],
    shares: Floats,
    blur: float,
    debiased: bool,
    effort: Effort,
) -> Found:
    """Solve on the coarsest grid first; potentials are interpolated from each grid to the next."""
    axes = long_axes(measures[0].lattice)
    state: State | None = None
    eps = blur**2
    if axes:
        halving = Halving(measures[0].lattice, axes)
        coarse = [measure.halved(axes) for measure in measures]
        coarse_blur = max(blur, LEAST_BLUR * halving.pixel)
        above = _found(coarse, shares, coarse_blur, debiased, effort._replace(shows_progress=False))
        state = _refined(above.state, halving)
        if debiased:
            state = _cooled(state, coarse_blur**2, eps, len(halving.fine.shape))
    descent = _descent(measures, shares, eps, debiased, effort.backend)
    return descent.run(descent.start() if state is None else state, effort)


def _descent(
    measures: list[GridMeasure], shares: Floats, eps: float, debiased: bool, backend: str
) -> FixedSupport:
    lattice = measures[0].lattice
    uniform = np.full(lattice.size, 1 / lattice.size)
    support = GridMeasure.on(lattice, uniform, validation.PLAIN).partition
    terms = eps, SQUARED_EUCLIDEAN, backend
    kernels = [GridKernel(support, measure.partition, *terms) for measure in measures]
    own = GridKernel(support, support, *terms) if debiased else None
    return FixedSupport(kernels, own, shares, uniform)


def _refined(state: State, halving: Halving) -> State:
    """Potentials on the finer grid."""
    return State(np.stack([halving.refined(values) for values in state.potentials]))


def _cooled(state: State, eps_before: float, eps: float, dimension: int) -> State:
    """The start at a lower temperature. The debiasing term is eps / 2 times the logarithm of the
    density per sum of the kernel's row, which is proportional to eps^(d/2).
    """
    ratio = eps / eps_before
    own = ratio * state.own - eps * dimension / 4 * np.log(ratio)
    return State(np.stack([*state.f, own]))


def _same_pixels(listed: list[Any]) -> list[Grid]:
    """Check that all measures are grids with the same pixels and the same mass."""
    names = [f"measures[{k}]" for k in range(len(listed))]
    for name, each in zip(names, listed, strict=True):
        if not isinstance(each, Grid):
            raise TypeError(
                f"{name}: expected a Grid like the other measures, got {type(each).__name__}; pass "
                "grids alone, or the pixels of all grids as points: Measure.of("
                "grid.points.reshape(-1, d), grid.weights.ravel())"
            )
        if each.lattice != listed[0].lattice:
            raise ValueError(
                f"{name}: expected the shape, spacing and origin of measures[0], "
                f"{_text(listed[0])}, got {_text(each)}; pad the smaller image with zeros "
                "(numpy.pad), or resample it"
            )
    weights = [each.weights.ravel() for each in listed]
    roundings = [each.on_grid.traits.mass_rounding for each in listed]
    of_names = [f"weights of {name}" for name in names]
    validation.one_mass(of_names, weights, roundings, cure=None)
    return listed


def _text(grid: Grid) -> str:
    shape, spacing, origin = grid.lattice
    return f"{shape}, {_short(spacing)} and {_short(origin)}"


def _short(lengths: tuple[float, ...]) -> str:
    return "(" + ", ".join(f"{length:.6g}" for length in lengths) + ")"

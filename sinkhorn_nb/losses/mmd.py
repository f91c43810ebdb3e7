"""Maximum mean discrepancies: norms of the difference of two measures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .. import validation
from ..backends.cpu.threads import single_threaded_blas
from ..common.array_types import ArrayLike, Floats
from ..common.caching import cached_property
from ..common.real import RealNumber
from ..common.representation import Represented
from ..costs import cost_of
from ..gradients import Gradient
from ..interop.arrays import HOST, Home
from ..kernels.choice import with_points
from ..marginals import Marginals
from ..measures.grid import Grid
from ..measures.measure import Measure
from ..measures.pixels import everywhere
from ..problem import Problem
from ..terms import Terms
from .arguments import comparable, with_all_points
from .grids import cheaper_measures

# The exponent of the distance in each kernel
EXPONENTS = {"energy": 1.0, "gaussian": 2.0, "laplacian": 1.0}
# Diameters in the temperature at which sums of exp(-C / eps) C are sums of C, to the last digit
HOT = 2.0**60
OF_ANY_MASS = 'pass kernel="gaussian" or "laplacian" with a blur'


# There is no plan, whose marginals could be constrained: any masses are allowed.
UNCONSTRAINED = Marginals(1.0, 1.0)


class _Potential(NamedTuple):
    """sum_j k(x_i, z_j) w_j for the signed measure w = a - b, at the points of one side, and its
    derivatives.
    """

    values: Floats
    slopes: Floats


@dataclass(frozen=True, eq=False, repr=False)
class MMD(Represented, RealNumber):
    """|a - b|_k^2 / 2 for a kernel k; a number that compares, computes and prints like its value.

    Attributes
    ----------
    kernel : {"energy", "gaussian", "laplacian"}
    value : float
    """

    kernel: str
    problem: Problem
    home: Home = HOST

    @cached_property
    def value(self) -> float:
        """|a - b|_k^2 / 2, by one pass over the pairs within each measure and one between them."""
        if self.problem.source.equals(self.problem.target):
            return 0.0
        source, target = self.problem.source, self.problem.target
        on_x, on_y = (potential.values for potential in self._potentials)
        # Exact sums do not depend on the order of the rows
        of_source = math.fsum(source.weights * on_x)
        of_target = math.fsum(target.weights * on_y)
        return max(of_source - of_target, 0.0) / 2

    def __float__(self) -> float:
        return self.value

    def gradient(self) -> Gradient:
        """The derivatives of the value in the points and the weights of both measures.

        Returns
        -------
        Gradient
            x (n, d), y (m, d), a (n,), b (m,) float64 arrays. At points of the other measure, where
            the distance has no derivative, 0 stands for it.
        """
        on_x, on_y = self._potentials
        source, target = self.problem.source, self.problem.target
        gradient = Gradient(
            source.weights[:, None] * on_x.slopes,
            -target.weights[:, None] * on_y.slopes,
            on_x.values,
            -on_y.values,
        )
        return gradient.shaped(source, target).sent(self.home)

    @cached_property
    def _potentials(self) -> tuple[_Potential, _Potential]:
        with single_threaded_blas():
            on_x = self._at(self.problem.source)
            on_y = self._at(self.problem.target)
        return on_x, on_y

    def _at(self, measure: Measure) -> _Potential:
        """The potential of source - target at the points of a measure, also where it has no
        mass.
        """
        query = everywhere(measure)
        of_source = self._sums(query.reduced, self.problem.source)
        of_target = self._sums(query.reduced, self.problem.target)
        values = query.expand(of_source.values - of_target.values)
        slopes = query.expand(of_source.slopes - of_target.slopes)
        return _Potential(values, slopes)

    def _sums(self, query: Measure, measure: Measure) -> _Potential:
        """Sums over a measure at distinct points."""
        reduced = measure.reduced
        kernel = with_points(
            self.problem.kernel_between(query.partition, reduced.partition, "float64")
        )
        f = np.zeros(len(query))
        g = np.zeros(len(reduced))
        slopes = measure.mass * kernel.gradient_sums(f, g)
        if self.kernel == "energy":
            costs = kernel.costs(f, g)
            return _Potential(-measure.mass * costs, -slopes)
        ones = np.ones((len(reduced), 1))
        sums = kernel.transport(f, g, ones)[:, 0]
        return _Potential(measure.mass * sums, -slopes / self.problem.eps)

    def _facts(self) -> dict[str, object]:
        return {
            "value": self.value,
            "kernel": self.kernel,
            "n": len(self.problem.source),
            "m": len(self.problem.target),
        }


def mmd(
    x: ArrayLike | Grid | Measure,
    y: ArrayLike | Grid | Measure,
    a: ArrayLike | None = None,
    b: ArrayLike | None = None,
    *,
    kernel: str = "energy",
    blur: float | None = None,
) -> MMD:
    """Maximum mean discrepancy |a - b|_k^2 / 2 between two weighted point clouds.

    Parameters
    ----------
    x, y : (n, d) and (m, d) array-likes, Grid, or Measure
        Points, or images, whose gradients have their shapes.
    a, b : (n,) and (m,) array-likes, optional
        Weights >= 0; uniform probabilities by default. "energy" needs the same total mass.
    kernel : {"energy", "gaussian", "laplacian"}, default "energy"
        -|x - y|; exp(-|x - y|^2 / (2 blur^2)); exp(-|x - y| / blur). "energy" gives half of the
        energy distance, to which Sinkhorn divergences with p=1 tend as the blur grows.
    blur : float, optional
        Length of the gaussian and of the laplacian kernel; "energy" has none.

    Returns
    -------
    MMD
        value (also float(result)), gradient().

    Raises
    ------
    ValueError, TypeError
        On bad input, naming the argument and the cure.

    Notes
    -----
    Cost: O((n + m)^2 d) time, once, and O(n + m) memory. Between grids, a few sweeps along the axes
    or Fourier transforms.

    References
    ----------
    Gretton et al. 2012, "A kernel two-sample test". Feydy et al. 2019, section 2.1.

    Examples
    --------
    >>> import sinkhorn_nb as snb
    >>> float(snb.mmd([[0.0]], [[3.0]]))
    3.0
    """
    validation.choice("kernel", kernel, tuple(EXPONENTS))
    validation.points_first(x, y, a, b)
    source = with_all_points(x, a, ("x", "a"))
    target = with_all_points(y, b, ("y", "b"))
    comparable(source, target, "x", "y")
    validation.same_unit("b", target.traits.mass_unit, "a", source.traits.mass_unit)
    if kernel == "energy":
        rounding = max(source.traits.mass_rounding, target.traits.mass_rounding)
        weights = target.weights, "a", source.weights
        validation.equal_masses("b", *weights, rounding, OF_ANY_MASS)

    cost = cost_of(EXPONENTS[kernel])
    length = _length(kernel, blur, source, target)
    terms = Terms(cost.eps(length), cost, UNCONSTRAINED)
    if isinstance(x, Grid) and isinstance(y, Grid) and _have_one_spacing(x, y):
        source, target = cheaper_measures(x, y, terms)
    home = validation.home(x=x, y=y, a=a, b=b)
    return MMD(kernel, Problem(source, target, *terms), home)


def _have_one_spacing(x: Grid, y: Grid) -> bool:
    return validation.is_same_spacing(x.lattice.spacing, y.lattice.spacing)


def _length(kernel: str, blur: float | None, source: Measure, target: Measure) -> float:
    """The length of the kernel; the one of "energy" is the temperature at which it is summed."""
    if kernel == "energy":
        if blur is not None:
            raise TypeError(
                f'blur: expected None for kernel="energy", which has no length, got {blur!r}; '
                "leave it out"
            )
        diameter = cost_of(EXPONENTS[kernel]).diameter(source, target)
        return HOT * max(diameter, 1e-300)
    if blur is None:
        raise TypeError(
            f"blur: expected a length for kernel={kernel!r}, got None; pass blur=..., or "
            'kernel="energy"'
        )
    return validation.blur(blur, source.points, target.points)

"""The gradient of the Hausdorff divergence of compressed measures.

The first variation of H_eps in the measure a is, with the potential f of its own self problem and
the softmin g at a of the potential of the other measure b,

    h = (E(g) - E(f)) / 2 + eps r R / 2,  r = exp(-f / rho),  R = lam K u - (b / a) W,

where K averages over partners x' of x under the plan of the self problem, W(x) is the sum over b of
exp((f(x) + f(y) - C(x, y)) / eps) / r(x) between probabilities, b / a is the ratio of the masses,
lam = rho / (rho + eps), and u = 1 / lam - R. It follows by the implicit function theorem from f =
lam T(f). Its derivative in a point is the derivative of H_eps, per unit of mass.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..backends.cpu.compressed_sums import scaled_rows
from ..backends.cpu.threads import single_threaded_blas
from ..common.array_types import Floats
from ..dual import self_step
from ..gradients.linear_system import LinearSolve
from ..gradients.reports import ImplicitGradient, with_report
from ..kernels.point_cloud import GibbsKernel
from ..results.compression import Compression
from .check import LARGEST_LOG
from .expansion import expand
from .halves import Difference
from .hausdorff import Hausdorff
from .one_side import OneSide
from .pairing import paired_with_value
from .potentials import PAIRS, OnNodes, extended
from .price import Price
from .rounds import Rounds
from .solution import require_rows

# Side of the cells, in blurs, at most: mass of b that is far from a moves the outermost points of
# a, in a layer thinner than a blur. Cells of .5, .7 and 1 blur left errors of 1, 6 and 17 %.
WIDEST = 0.5
MAX_ITER = 100  # each shrinks the error to a third
LEAST = 1e-30  # of a density, whose logarithm is taken


class _Variation(NamedTuple):
    """Values and slopes of the first variation at the points, and the report of the linear
    system.
    """

    values: Floats
    slopes: Floats
    report: LinearSolve


class _Density(NamedTuple):
    """A signed measure on nodes of a or of b, as a potential and a sign. A term of R is the sum of
    exp((potential - C) / eps) over the nodes, divided by the same sum of the self problem.
    """

    sign: float
    potential: OnNodes


def gradient_of(of: Hausdorff, tol: float) -> ImplicitGradient:
    """The gradient of H_eps in points and weights, between nodes and by polynomials."""
    problem = of.found.problem
    require_rows(problem)
    measures = problem.source, problem.target
    if problem.is_self:
        zeros = [np.zeros(measure.points.shape) for measure in measures]
        weights = [np.zeros(len(measure)) for measure in measures]
        return with_report(ImplicitGradient(*zeros, *weights), LinearSolve(0.0, tol, 0, 0.0))

    parts = [_variation(side, tol) for side in _finer(of).sides]
    on_points = [
        scaled_rows(part.slopes, measure.probabilities, measure.mass)
        for part, measure in zip(parts, measures, strict=True)
    ]
    on_weights = [part.values for part in parts]
    if problem.marginals.are_exact:
        on_weights = paired_with_value(problem, on_weights, of.estimate.value)

    reports = [part.report for part in parts]
    worst = max(reports, key=lambda report: report.residual)
    n_pairs = sum(report.n_passes for report in reports)
    pairs_per_pass = len(problem.source) * len(problem.target)
    report = worst._replace(n_passes=n_pairs / pairs_per_pass)
    return with_report(ImplicitGradient(*on_points, *on_weights), report)


def _finer(of: Hausdorff) -> Hausdorff:
    """The divergence between the nodes of cells that are small enough for the gradient."""
    kappa = of.found.report.kappa
    if kappa is not None and kappa <= WIDEST:
        return of
    with single_threaded_blas():
        found = Rounds(of.found.problem, of.solver, True, WIDEST).run()
    return of if isinstance(found, Compression) else Hausdorff(found, of.solver)


def _variation(side: OneSide, tol: float) -> _Variation:
    """The first variation in the measure of one side."""
    eps, price = side.price.eps, side.price
    lam = float(price.potential(np.ones(1))[0])
    of_b, u, report = _solved(side, lam, tol)
    densities = _densities(side, of_b, lam * u)
    R, slopes_of_R = _implicit(side, densities)

    of_other, of_own = side.factors
    f, images = side.halves[1].mended
    change = side.difference.mended.f + side.shift
    earned = side.earned_beyond(side.own, f, change)
    r = of_own * price.ratios(f)
    values = earned / 2 + eps / 2 * r * R

    slopes_of_f = side.measure.points - images
    slopes_of_log_r = -lam * price.rate / eps * slopes_of_f
    along_both = slopes_of_R + R[:, None] * slopes_of_log_r
    implicit = eps / 2 * r[:, None] * along_both
    slopes = side.difference.slopes(of_other, of_own) / 2 + implicit
    return _Variation(values, slopes, report)


def _solved(side: OneSide, lam: float, tol: float) -> tuple[OnNodes, Floats, LinearSolve]:
    """Solve (1 + lam K) u = 1 / lam + (b / a) W at the nodes, by the steps of a self problem.

    Also return the potential of the nodes of b, whose softmin makes (b / a) W.
    """
    a, b = side.own.potential, side.other.potential
    nodes_b, weights = b.partition, a.partition.probabilities
    at_b = extended(side.other.nodes.points, a)
    f_at_b = side.price.potential(nodes_b.sort(at_b.f))
    ratio = side.other_mass / side.measure.mass
    of_b = OnNodes(nodes_b, a.eps, f_at_b, nodes_b.sort(at_b.map))

    cross = GibbsKernel(a.partition, nodes_b, a.eps, PAIRS, "cpu")
    kernel = GibbsKernel(a.partition, a.partition, a.eps, PAIRS, "cpu")
    ones = np.ones((len(nodes_b), 1))
    W = cross.transport(a.softmin, f_at_b, ones)[:, 0]
    right = 1 / lam + ratio * W
    size = _norm(right, weights)

    u = right / (1 + lam)
    residual, n_iter = np.inf, 0
    while residual > tol and n_iter < MAX_ITER:
        means = kernel.transport(a.softmin, a.f, u[:, None])[:, 0]
        missed = right - u - lam * means
        residual = _norm(missed, weights) / size
        u = u + self_step(1 / lam - 1) * missed
        n_iter += 1

    n_nodes = len(a.f)
    n_pairs = n_nodes * (len(ones) + n_iter * n_nodes)
    report = LinearSolve(residual, tol, n_iter, n_pairs)
    return of_b.times(np.log(ratio)), u, report


def _norm(values: Floats, weights: Floats) -> float:
    """The root of the mean square."""
    return float(np.sqrt(weights @ values**2))


def _densities(side: OneSide, of_b: OnNodes, of_a: Floats) -> list[_Density]:
    """The parts of the density lam u a - (b / a) b, of one sign each."""
    a = side.own.potential
    logs = np.log(np.maximum(np.abs(of_a), LEAST))
    densities = [_Density(-1.0, of_b)]
    for sign in (1.0, -1.0):
        has_sign = sign * of_a > 0
        if has_sign.any():
            own_logs = np.where(has_sign, logs, math.log(LEAST))
            densities.append(_Density(sign, a.times(own_logs)))
    return densities


def _implicit(side: OneSide, densities: list[_Density]) -> tuple[Floats, Floats]:
    """R at the points, and its slopes."""
    own, eps = side.own, side.price.eps
    undamped = Price(eps, 0.0)
    below = side.half(own.expansion, own.potential, undamped)
    R: Floats = np.zeros(len(side.measure))
    slopes: Floats = np.zeros(side.measure.points.shape)
    for sign, potential in densities:
        at_nodes = extended(own.nodes.points, potential)
        expansion = expand(own.parts, at_nodes, potential)
        above = side.half(expansion, potential, undamped)
        ratio = Difference(above, below).mended
        log_part = np.minimum(-ratio.f / eps, LARGEST_LOG)
        part = sign * np.exp(log_part)
        R += part
        slopes += part[:, None] * ratio.map / eps
    return R, slopes

"""Start from the closed form between Gaussians with the means and covariances of the measures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .. import validation
from ..backends.cpu.threads import single_threaded_blas
from ..common.array_types import Floats
from ..costs import SQUARED_EUCLIDEAN
from ..measures.partition import Partition
from ..problem import Problem
from .base import Initializer, Start

if TYPE_CHECKING:
    from ..solver.sinkhorn import Sinkhorn


@dataclass(frozen=True)
class Gaussian(Initializer):
    """Quadratic potentials, exact between Gaussians: f(x) = (|x|^2 - (x - m1)' M (x - m1)) / 2 -
    m2' x, and g alike.

    M solves M S1 M + eps M = S2, for covariances S1 and S2 of any rank. The constants of f and g
    are such that <a, f> + <b, g> is OT_eps between the Gaussians.

    Parameters
    ----------
    entropic : bool, default True
        Whether to take the potentials at the eps of the problem; False takes those of unregularized
        transport (M S1 M = S2), as in the paper.

    Notes
    -----
    Cost: O((n + m) d r + r^3), r = min(max(n, m), d), no pass over the pairs.

    References
    ----------
    Thornton & Cuturi 2023, "Rethinking Initialization of the Sinkhorn Algorithm", appendix D, for
    the cost
    |x - y|^2; the linear term of its equation (6) has the wrong sign.
    Janati et al. 2020, "Entropic Optimal Transport between Unbalanced Gaussian Measures has a
    Closed Form", theorem 1.

    Examples
    --------
    >>> import numpy as np, sinkhorn_nb as snb
    >>> x, y = np.random.default_rng(0).normal(size=(2, 1000, 2))
    >>> snb.entropic_ot(x, 2 * y + 1, blur=1.0, solver=snb.Sinkhorn(init="gaussian")).converged
    True
    """

    entropic: bool = True

    def __post_init__(self) -> None:
        validation.choice("entropic", self.entropic, (False, True))

    def serves(self, problem: Problem) -> bool:
        """Tell whether the cost is |x - y|^2 / 2."""
        return problem.cost == SQUARED_EUCLIDEAN

    def __call__(self, problem: Problem, solver: Sinkhorn) -> Start:
        """Compute the start, without a pass."""
        eps = problem.eps
        with single_threaded_blas():  # the same bits on any number of free threads
            source = _Moments(problem.source.partition, problem.blur)
            target = source
            if not problem.is_self:
                target = _Moments(problem.target.partition, problem.blur)
            # S1 = R1'R1 and S2 = R2'R2: with R1 R2' = U diag(s) V', M = R2'V diag(q) V'R2 needs no
            # inverse, and with R1 and U it is the matrix of the transposed problem.
            U, s, Vt = np.linalg.svd(source.root @ target.root.T)
            f = eps * self._potential(source, target, Vt.T, s)
            if problem.is_self:
                return Start(f, f)
            g = eps * self._potential(target, source, U, s)
        return Start(f, g)

    def _potential(self, here: _Moments, there: _Moments, axes: Floats, s: Floats) -> Floats:
        """(|u|^2 - u'Mu) / 2 + <u, m1 - m2> at u = x - m1, plus half of the constant of f + g."""
        u = here.points
        n_missing = len(axes) - len(s)
        shares = self._shares(np.pad(s, (0, n_missing)))
        coordinates = u @ (there.root.T @ axes)
        mapped = coordinates**2 @ shares
        quadratic = ((u**2).sum(axis=1) - mapped) / 2

        shift = (here.mean - there.mean) / here.blur
        constant = (shift @ shift + self._log_det(s)) / 4
        return quadratic + u @ shift + constant

    def _shares(self, s: Floats) -> Floats:
        """The q of M with s^2 q^2 + q = 1; in the unregularized limit s q = 1 for s > 0, and q = 0
        else.
        """
        if self.entropic:
            return 1 / (np.hypot(s, 0.5) + 0.5)
        rounding = s.max() * len(s) * np.finfo(float).eps
        significant = s > rounding
        return significant / np.where(significant, s, 1.0)

    def _log_det(self, s: Floats) -> float:
        """log det(I + M S1), accurate for small s too; times eps it vanishes in the unregularized
        limit.
        """
        if not self.entropic:
            return 0.0
        root = np.hypot(s, 0.5) + 0.5
        logs = np.log1p(s * (s / root))
        return float(logs.sum())


class _Moments:
    """Points relative to their mean, in units of the blur, and a root R of their covariance R'R."""

    def __init__(self, partition: Partition, blur: float) -> None:
        self.blur = blur
        self.mean = partition.probabilities @ partition.points
        self.points = (partition.points - self.mean) / blur
        roots = np.sqrt(partition.probabilities)
        scaled = roots[:, None] * self.points
        self.root: Floats = np.linalg.qr(scaled, mode="r")  # type: ignore[assignment]  # typed as if with Q

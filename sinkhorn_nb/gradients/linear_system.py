"""The linear system for derivatives of potentials, solved by deflated conjugate gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..backends.cpu.threads import single_threaded_blas
from ..common.array_types import Floats, Indices, Pair
from ..dual import Iterate
from ..kernels.choice import with_pairs
from ..problem import Problem

CLUSTERS = 64, 256  # of the target, at least and at most: more clusters save iterations
# Numbers of clusters times source points, 32 MB, unless the least number of clusters needs more
SUMS = 2**22
LEAST_EIGENVALUE = 1e-10  # of the coarse matrix: smaller ones are rounding
LINEAR_TOL = 1e-4  # gradients are then right to 1e-4 or better at a blur of .05 of the diameter
LEAST_MASS = 1e-100  # of a point: a smaller mass counts as zero
MAX_ITER, PATIENCE = 300, 20  # iterations in all, and without a better residual
# If right-hand sides cancel to less than this share of their terms, tol is relative to this share
ROUNDING = 1e-7
# Bound of sums, which would overflow for points without mass that are far from each other
LARGEST = 1e100


class LinearSolve(NamedTuple):
    """Report of a linear solve.

    Attributes
    ----------
    residual : float
        Norm of the residual in L2 of the plan's marginal, relative to the norm of the right-hand
        side.
    tol : float
        The required residual.
    n_iter : int
        Number of iterations of two passes each.
    n_passes : float
        Full sweeps over the n x m pairs for the whole derivative.
    """

    residual: float
    tol: float
    n_iter: int
    n_passes: float

    @property
    def converged(self) -> bool:
        """Whether the residual is within tol."""
        return self.residual <= self.tol

    @property
    def message(self) -> str:
        """The residual reached and, if it is too large, the cure."""
        if self.converged:
            return f"the linear system is solved: residual {self.residual:.2e} <= {self.tol:.2e}"
        return (
            f"the linear system was not solved: residual {self.residual:.2e} > tol={self.tol:.2e} "
            f"after {self.n_iter} "
            "iterations, because groups of points hardly exchange mass at this blur; use a larger "
            "blur or tol"
        )


class _Best(NamedTuple):
    error: float
    n_iter: int
    x: Floats
    Wx: Floats
    residual: Floats


class LinearSystem:
    """(1 + kx) df + K c dg = hf, K' r df + (1 + ky) dg = hg, for P_ij = r_i c_j K_ij with the
    plan's own marginals: K c = 1, K' r = 1. The rates kx, ky = eps / rho are 0 for exact marginals.

    The plan is the plan of the iterate after an update of its columns. It is optimal between its
    own marginals r and c, so the system has a solution for any marginal error; derivatives are
    right up to this error. All arrays are in the order of the partitions. Points without mass are
    included: the equations define their values.
    """

    def __init__(self, problem: Problem, iterate: Iterate, backend: str) -> None:
        eps = problem.eps
        # All rows are included, repeated ones too, because their derivatives differ. Equal measures
        # may differ in rows.
        source = problem.source.partition
        target = problem.target.partition
        self._kernel = problem.kernel_between(source, target, "float64", backend)
        n_clusters = np.clip(SUMS // len(problem.source), *CLUSTERS)
        bounds = target.clusters(int(n_clusters))

        dual = problem.dual()
        f = iterate.f
        g = dual.updated_columns(iterate)
        log_columns, log_rows, sums = self._kernel.T.cluster_sums(g, f, bounds)
        self._f = f - eps * log_rows
        self._g = g - eps * log_columns
        self.r = _marginal(source.probabilities, log_rows)
        self.c = _marginal(target.probabilities, log_columns)
        if sums is None:  # the parts are not known: only the constant can be deflated
            bounds = bounds[[0, -1]]
            images = np.ones((1, len(f)))
        else:
            by_cluster = np.asarray(sums, dtype=np.float64)
            images = by_cluster * np.exp(-log_rows)
        (kx, ky) = dual.rates
        self.lam = 1 / (1 + kx), 1 / (1 + ky)
        self._coarse = _CoarseSpace(bounds, images, self.r, self.c, self.lam)

    @property
    def potentials(self) -> Pair:
        """f and g with K_ij = exp((f_i + g_j - C_ij) / eps)."""
        return self._f, self._g

    @property
    def n_passes(self) -> float:
        """Number of passes over the pairs so far."""
        return self._kernel.n_passes

    def count_passes(self, number: int) -> None:
        """Count passes over the pairs that others make."""
        pairs_per_pass = len(self.r) * len(self.c)
        with_pairs(self._kernel).count_pairs(number * pairs_per_pass)

    def on_rows(self, V: Floats, factors: Pair | None = None) -> Floats:
        """sum_j K_ij V_j; for factors A (n, r) and B (m, r), sum_j K_ij <A_i, B_j> V_j."""
        (f, g) = self.potentials
        return _columns(V, lambda V: self._kernel.product(f, g, V, factors))

    def on_columns(self, U: Floats, factors: Pair | None = None) -> Floats:
        """sum_i K_ij U_i; for factors A (n, r) and B (m, r), sum_i K_ij <A_i, B_j> U_i."""
        (f, g) = self.potentials
        swapped = None if factors is None else factors[::-1]
        return _columns(U, lambda U: self._kernel.T.product(g, f, U, swapped))

    def slopes_on_rows(self, V: Floats, factors: Pair | None = None) -> Floats:
        """The same as `on_rows` with K_ij times s_ij, where s_ij (x_i - y_j) is the derivative of
        the cost in x_i.
        """
        kernel = with_pairs(self._kernel)
        (f, g) = self.potentials
        return _columns(V, lambda V: kernel.slope_product(f, g, V, factors))

    def slopes_on_columns(self, U: Floats, factors: Pair | None = None) -> Floats:
        """The same as `on_columns` with K_ij times s_ij."""
        kernel = with_pairs(self._kernel).T
        (f, g) = self.potentials
        swapped = None if factors is None else factors[::-1]
        return _columns(U, lambda U: kernel.slope_product(g, f, U, swapped))

    def solve(
        self, hf: Floats, hg: Floats, tol: float, size: float = 0.0
    ) -> tuple[Floats, Floats, LinearSolve]:
        """Solve for (df, dg), up to the constant between them if both marginals are exact; also
        return the `LinearSolve`.

        For exact marginals <r, hf> = <c, hg> must hold; size is the size of the terms whose sums
        are hf and hg. df is eliminated. The rest, (I - lamx lamy K'r Kc) dg = lamy (hg - lamx K'r
        hf) with lam = 1 / (1 + k), is solved by conjugate gradients in L2(c), preconditioned by one
        step of Sinkhorn's iteration and an exact solve on the clusters' indicators (A-DEF2 of Tang
        et al. 2009, which equals the deflated conjugate gradients of Saad et al. 2000 up to
        rounding).
        """
        with single_threaded_blas():
            return self._solve(hf, hg, tol, size)

    def _solve(
        self, hf: Floats, hg: Floats, tol: float, size: float
    ) -> tuple[Floats, Floats, LinearSolve]:
        coarse = self._coarse
        r = self.r
        c = self.c
        (lam_x, lam_y) = self.lam
        damping = lam_x * lam_y
        hf = lam_x * hf
        hg = lam_y * hg
        moments = coarse.moments(hf, hg)
        x, Wx = coarse.solve(moments)
        of_df = self.on_columns(r * (hf - lam_x * Wx))
        residual = self._centered(hg - x - lam_y * of_df)
        scale = self._scale(hf, hg, moments, residual, size)
        best = _Best(self._norm(residual) / scale, 0, x, Wx, residual)

        p = Wp = np.zeros(1)
        n_iter = 0
        rho: Any = 1.0  # a number: NumPy's types take the product of two vectors for an array
        while best.error > tol and n_iter < min(MAX_ITER, best.n_iter + PATIENCE):
            q = self.on_rows(c * residual)
            excess = damping * (coarse.images @ (r * q))
            shift, image = coarse.solve(excess)
            z = residual + shift
            rho_before = rho
            rho = c @ (residual * z)
            beta = rho / rho_before
            p = z + beta * p
            Wp = q + image + beta * Wp
            curvature = c @ p**2 - damping * (r @ Wp**2)
            if not curvature > 0:
                break

            step = rho / curvature
            x = x + step * p
            Wx = Wx + step * Wp
            change = p - damping * self.on_columns(r * Wp)
            residual = self._centered(residual - step * change)
            n_iter += 1
            error = self._norm(residual) / scale
            if error < best.error:
                best = _Best(error, n_iter, x, Wx, residual)

        # Adding the residual is one more update of the columns, which includes points without mass.
        return (
            hf - lam_x * best.Wx,
            best.x + best.residual,
            LinearSolve(best.error, tol, n_iter, self.n_passes),
        )

    def _scale(
        self,
        hf: Floats,
        hg: Floats,
        moments: Floats,
        residual: Floats,
        size: float,
    ) -> float:
        """The norm to which residuals are relative: of the right-hand side, but of its terms if
        these cancel.
        """
        of_sides = np.sqrt(self.r @ hf**2 + self.c @ hg**2)
        size = max(size, float(of_sides))
        of_moments = float(np.linalg.norm(moments))
        return max(of_moments, self._norm(residual), ROUNDING * size, 1e-300)

    def _norm(self, v: Floats) -> float:
        return float(np.sqrt(self.c @ v**2))

    def _centered(self, v: Floats) -> Floats:
        """Remove the constant, which the system of exact marginals leaves free."""
        if self.lam != (1.0, 1.0):
            return v
        return v - self.c @ v / self.c.sum()


class _CoarseSpace:
    """Functions that are constant on clusters of the target, in a basis of unit norm in L2(c), and
    their images K c.
    """

    def __init__(
        self,
        bounds: Indices,
        images: Floats,
        r: Floats,
        c: Floats,
        lam: tuple[float, float],
    ) -> None:
        self._bounds = bounds
        self._c = c
        self._r = r
        self._lam_y = lam[1]
        clusters = np.arange(len(bounds) - 1)
        self._owner = np.repeat(clusters, np.diff(bounds))
        masses = np.add.reduceat(c, bounds[:-1])
        norms = np.sqrt(np.where(masses > 0, masses, np.inf))
        self._scale = 1 / norms
        self.images = self._scale[:, None] * images  # (clusters, n)

        damped = lam[0] * lam[1] * (self.images * r)
        matrix = np.eye(len(masses)) - damped @ self.images.T
        values, vectors = np.linalg.eigh(matrix)
        kept = values > LEAST_EIGENVALUE  # this excludes the constant
        vectors = vectors[:, kept]
        self._inverse = (vectors / values[kept]) @ vectors.T

    def moments(self, hf: Floats, hg: Floats) -> Floats:
        """The coarse part of hg - lamy K'r hf."""
        sums = np.add.reduceat(self._c * hg, self._bounds[:-1])
        of_rows = self.images @ (self._r * hf)
        return self._scale * sums - self._lam_y * of_rows

    def solve(self, moments: Floats) -> tuple[Floats, Floats]:
        """The coarse function x with the given moments of (I - lamx lamy K'r Kc) x, and K c x."""
        shares = self._inverse @ moments
        levels = self._scale * shares
        return levels[self._owner], shares @ self.images


def _marginal(probabilities: Floats, log_sums: Floats) -> Floats:
    marginal = probabilities * np.exp(log_sums)
    return np.where(marginal > LEAST_MASS, marginal, 0.0)


def _columns(V: Floats, product: Callable[[Floats], Floats]) -> Floats:
    """Apply a product with K to V, whose further axes are kept; sums that overflow are bounded."""
    sums = product(V.reshape(len(V), -1))
    sums = np.nan_to_num(sums, nan=LARGEST)
    bounded = np.clip(sums, -LARGEST, LARGEST)
    return bounded.reshape(-1, *V.shape[1:])

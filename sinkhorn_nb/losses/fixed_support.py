"""Sinkhorn barycenters on a given support: the masses of fixed points or pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ..common.array_types import Floats
from ..kernels.protocol import Kernel
from ..measures.measure import Measure
from ..problem import Problem
from ..results.status import warn
from ..solver.mixing import Mixing
from ..solver.progress import counter

START_ERROR = 0.5  # iterates are mixed below this error
LARGEST_RISE = 10.0  # of the error above the best, from which the best iterate is taken again
LARGEST_LOG = 50.0


class Effort(NamedTuple):
    """The effort of a search for masses: its largest marginal error, its largest number of steps,
    its backend, and whether its progress is shown.
    """

    tol: float
    max_iter: int
    backend: str
    shows_progress: bool

    @property
    def bar(self) -> Any:
        """A context with the bar of the steps, or with None."""
        return counter("steps", self.max_iter) if self.shows_progress else nullcontext()


class State(NamedTuple):
    """The iterate: a potential on the support for each measure, and one of the support with
    itself, (K + 1, n), in units of cost.
    """

    potentials: Floats

    @property
    def f(self) -> Floats:
        """(K, n) potentials of the support against the measures, plus eps log(density)."""
        return self.potentials[:-1]

    @property
    def own(self) -> Floats:
        """(n,) the potential of the debiasing term, from the same equation with itself."""
        return self.potentials[-1]


class Found(NamedTuple):
    """The density of the barycenter on its support, the last state, and the error in each step."""

    density: Floats
    state: State
    errors: list[float]
    converged: bool


class FixedSupport:
    """The iteration of Janati et al. 2020, algorithm 1, in the log domain and with Anderson mixing.

    With T the softmin between probabilities, uniform ones on the support, and shares w_k:

        g_k = T(f_k),  t_k = T(g_k),  A = d - sum_k w_k t_k,  f_k = A + t_k,  d = (d + A + T(d)) / 2

    The density of the barycenter is exp(A / eps). Without debiasing, d stays 0.

    Parameters
    ----------
    kernels : sequence of Kernel
        From the support to each measure.
    own : Kernel or None
        From the support to itself; None leaves the barycenter biased.
    shares : (K,) array
        The shares w_k, of sum 1.
    masses : (n,) array
        Probabilities of the points of the support, which the density multiplies.
    """

    def __init__(
        self, kernels: Sequence[Kernel], own: Kernel | None, shares: Floats, masses: Floats
    ) -> None:
        self._kernels, self._own = kernels, own
        self._shares, self._masses = shares, masses
        self._eps = kernels[0].eps

    def start(self) -> State:
        """Potentials that are zero."""
        shape = len(self._kernels) + 1, len(self._masses)
        return State(np.zeros(shape))

    def run(self, state: State, effort: Effort) -> Found:
        """Iterate until the error is within the tolerance, or as often as the effort allows."""
        with effort.bar as bar:
            tell = None if bar is None else bar.update
            return self._run(state, effort.tol, effort.max_iter, tell)

    def _run(
        self, state: State, tol: float, max_iter: int, tell: Callable[[], object] | None
    ) -> Found:
        errors: list[float] = []
        best: tuple[float, State] = np.inf, state
        mixing: Mixing | None = None
        while True:
            density, after = self._next(state)
            error = self._error(state, after, density)
            errors.append(error)
            if tell is not None:
                tell()
            if error <= tol or len(errors) == max_iter:
                return Found(density, after, errors, error <= tol)

            least_error, best_state = best
            if mixing is not None and not error <= LARGEST_RISE * least_error:
                state = best_state
                best = np.inf, state
                mixing = None
                continue
            if error < least_error:
                best = error, after
            if error < START_ERROR:
                mixing = mixing or Mixing(self._weights(density))
                potentials = after.potentials
                mixed = mixing.mixed(state.potentials.ravel(), potentials.ravel())
                after = State(mixed.reshape(potentials.shape))
            state = after

    def _next(self, state: State) -> tuple[Floats, State]:
        """The density, and the potentials after a step; two sweeps or passes for each measure, and
        one for the support.
        """
        softmins = [
            kernel.softmin(kernel.T.softmin(f))
            for f, kernel in zip(state.f, self._kernels, strict=True)
        ]
        log_density = state.own - self._shares @ np.array(softmins)
        own = state.own
        if self._own is not None:
            own = (own + log_density + self._own.softmin(own)) / 2
        density = np.exp(log_density / self._eps)
        potentials = [log_density + softmin for softmin in softmins]
        return density, State(np.stack([*potentials, own]))

    def _error(self, state: State, after: State, density: Floats) -> float:
        """The distance of the marginals of the plans from the barycenter, as a share of its mass;
        and twice the relative change of the debiasing term.
        """
        masses = self._masses * density
        error = 0.0
        for share, f, new in zip(self._shares, state.f, after.f, strict=True):
            # The plan of f has this marginal ratio, because new = eps log(density) + T(g)
            log_ratio = np.minimum((f - new) / self._eps, LARGEST_LOG)
            error += share * _missed(log_ratio, masses)
        change = (after.own - state.own) / self._eps
        change = np.clip(change, -LARGEST_LOG, LARGEST_LOG)
        error = max(error, 2 * _missed(change, masses))
        return error / float(masses.sum())

    def _weights(self, density: Floats) -> Floats:
        masses = self._masses * density
        shares = masses / masses.sum()
        return np.tile(shares, len(self._kernels) + 1)


def _missed(log_ratio: Floats, masses: Floats) -> float:
    """The mass by which ratios differ from 1, in total."""
    return float(masses @ np.abs(np.expm1(log_ratio)))


def run_on_points(
    clouds: list[Measure],
    support: Measure,
    shares: Floats,
    blur: float,
    debiased: bool,
    effort: Effort,
) -> Found:
    """The density on the distinct points of a support, in the order of their partition."""
    chosen = np.flatnonzero(shares)
    points = support.reduced
    measures = [_probability(clouds[k].reduced) for k in chosen]
    problems = [Problem(points, measure, blur**2) for measure in measures]
    kernels = [problem.kernel("float64", effort.backend) for problem in problems]
    own = problems[0].on_source().kernel("float64", effort.backend) if debiased else None
    descent = FixedSupport(kernels, own, shares[chosen], points.partition.probabilities)
    return descent.run(descent.start(), effort)


def _probability(measure: Measure) -> Measure:
    return replace(measure, weights=measure.probabilities)


def report(found: Found, tol: float) -> None:
    """Warn if the masses of a barycenter have not come to rest."""
    if not found.converged:
        warn(
            f"the masses of the barycenter have a marginal error of {found.errors[-1]:.2g} > "
            f"tol={tol:g}; use a larger max_iter, tol or blur"
        )

"""The factors and shifts of many small problems between measures of any mass."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..common.array_types import Floats, Indices
from ..marginals import Marginals
from ..measures.clouds import CloudPairs


class Scales(NamedTuple):
    """The fields of a `Scaling`, as arrays over problems."""

    mass: Floats
    of_f: Floats
    of_g: Floats


class PairScales(NamedTuple):
    """The scales of the problems between pairs of clouds, and of each cloud with itself."""

    cross: Scales
    own: Scales

    @classmethod
    def of(cls, pairs: CloudPairs) -> PairScales:
        """The scales of pairs of clouds."""
        (clouds, sources, targets, terms) = pairs
        masses = clouds.masses
        cross = _scales(terms.marginals, masses[sources], masses[targets], terms.eps)
        return cls(cross, _scales(terms.marginals.of_source(), masses, masses, terms.eps))


def _scales(marginals: Marginals, first: Floats, second: Floats, eps: float) -> Scales:
    if marginals.are_exact:
        mass = (first + second) / 2
        shift = eps / 2 * np.log(mass)
        return Scales(mass, shift, shift)
    known: dict[tuple[float, float], tuple[float, float, float]] = {}
    masses = list(zip(first.tolist(), second.tolist(), strict=True))
    for pair in masses:
        if pair not in known:
            known[pair] = marginals.scaling(*pair, eps)[:3]
    return Scales(*np.array([known[pair] for pair in masses]).T)


def differences(
    pairs: CloudPairs, scales: PairScales, same: Indices, cross: Floats, own: Floats
) -> Floats:
    """Differences of values between probabilities: those of pairs of clouds minus the means of
    those of the clouds with themselves, for measures with masses.

    See `results.divergence.difference`.
    """
    (_, sources, targets, terms) = pairs
    (mass_x, mass_y) = (scales.own.mass[k] for k in (sources, targets))
    of_x = mass_x * own[same[sources]]
    of_y = mass_y * own[same[targets]]
    values = scales.cross.mass * cross - (of_x + of_y) / 2
    if terms.marginals.are_exact:
        return values
    roots = np.sqrt(mass_x) - np.sqrt(mass_y)
    return values + (terms.marginals.source + terms.eps / 2) * roots**2

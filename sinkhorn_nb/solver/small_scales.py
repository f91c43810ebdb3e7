"""The factors and shifts of many small problems between measures of any mass."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..backends.pointwise import LOG2E
from ..common.array_types import Booleans, Floats, Indices
from ..marginals import Marginals
from ..measures.clouds import CloudPairs


class Scales(NamedTuple):
    """The fields of a `Scaling`, as arrays over problems; without shifts for exact marginals, whose
    potentials have a free constant.
    """

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
        if terms.marginals.are_exact:
            none = np.zeros(max(len(masses), len(sources)))
            of_pairs = (masses[sources] + masses[targets]) / 2
            return cls(Scales(of_pairs, none, none), Scales(masses, none, none))
        cross = _scales(terms.marginals, masses[sources], masses[targets], terms.eps)
        return cls(cross, _scales(terms.marginals.of_source(), masses, masses, terms.eps))


def _scales(marginals: Marginals, first: Floats, second: Floats, eps: float) -> Scales:
    known: dict[tuple[float, float], tuple[float, float, float]] = {}
    masses = list(zip(first.tolist(), second.tolist(), strict=True))
    for pair in masses:
        if pair not in known:
            known[pair] = marginals.scaling(*pair, eps)[:3]
    return Scales(*np.array([known[pair] for pair in masses]).T)


class Balance(NamedTuple):
    """The rates eps / rho of the first and the second cloud of each problem, and the shares and
    constants of `Problems`.
    """

    rates: Floats
    shares: Floats
    constants: Floats

    @classmethod
    def of(cls, pairs: CloudPairs, are_turned: Booleans, is_debiased: bool) -> Balance:
        """The balance of pairs of clouds, some of which are solved from the target to the
        source.
        """
        terms = pairs.terms
        count = len(are_turned)
        if terms.marginals.are_exact:
            return cls(np.zeros((count, 2)), np.full((count, 2), 0.5), np.zeros(count))
        (kx, ky) = terms.marginals.rates(terms.eps)
        rates = np.where(are_turned[:, None], (ky, kx), (kx, ky))
        if not is_debiased:
            return cls(rates, np.full((count, 2), 0.5), np.zeros(count))
        scales = PairScales.of(pairs)
        numbers = np.stack([pairs.sources, pairs.targets], axis=1)
        own = np.where(are_turned[:, None], numbers[:, ::-1], numbers)
        mass = scales.cross.mass
        constants = _constants(pairs, scales) * LOG2E / (terms.eps * mass)
        return cls(rates, scales.own.mass[own] / (2 * mass[:, None]), constants)


def _constants(pairs: CloudPairs, scales: PairScales) -> Floats:
    """The part of divergences that comes from unequal masses."""
    (_, sources, targets, terms) = pairs
    roots = np.sqrt(scales.own.mass[sources]) - np.sqrt(scales.own.mass[targets])
    return (terms.marginals.source + terms.eps / 2) * roots**2


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
    return values + _constants(pairs, scales)

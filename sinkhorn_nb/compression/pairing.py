"""Derivatives in the weights of exact marginals, which are known up to a constant."""

from __future__ import annotations

from collections.abc import Sequence

from ..backends.cpu.compressed_sums import weighted_mean
from ..common.array_types import Floats
from ..problem import Problem


def paired_with_value(problem: Problem, potentials: Sequence[Floats], value: float) -> list[Floats]:
    """The potentials of both measures plus a constant, so that their pairing with the weights is
    the value, by sums that do not depend on the order of the points.
    """
    measures = problem.source, problem.target
    paired = mass = 0.0
    for measure, own in zip(measures, potentials, strict=True):
        paired += measure.mass * weighted_mean(own, measure.probabilities)
        mass += measure.mass

    shift = (value - paired) / mass
    return [own + shift for own in potentials]

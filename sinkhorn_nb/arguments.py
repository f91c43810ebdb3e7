"""Arguments of the public functions as they came, under the names that messages give them."""

from __future__ import annotations

from . import validation
from .array_types import Arrays, Indices, Weights
from .backends.home import HOST, Home
from .clouds import Clouds, Named
from .divergence import Divergence
from .measure import Measure
from .problem import Problem
from .solution import Solution
from .solver import DEFAULT, Sinkhorn


def between(
    source: Measure,
    target: Measure,
    blur: float,
    names: tuple[str, str, str, str] = ("x", "y", "a", "b"),
    home: Home = HOST,
) -> Problem:
    """The problem of two measures; the names are those of their points and weights, for messages."""
    x, y, a, b = names
    comparable(source, target, x, y)
    validation.same_unit(b, target.traits.mass_unit, a, source.traits.mass_unit)
    rounding = max(source.traits.mass_rounding, target.traits.mass_rounding)
    validation.equal_masses(b, target.weights, a, source.weights, rounding)
    blur = validation.blur(blur, source.points, target.points)
    validation.resolved(blur, (x, source), (y, target))
    return Problem(source, target, blur**2, home)


def comparable(source: Measure, target: Measure, x: str, y: str) -> None:
    """Points with the same coordinates, in one unit."""
    validation.same_dimension(y, target.points, x, source.points)
    validation.same_meaning(y, target.traits, x, source.traits)


def listed(name: str, clouds: Arrays, weights_name: str, weights: Weights | None, each: str = "pair") -> list[Named]:
    """The points and weights of each measure, both as (name, array)."""
    clouds = validation.sequence(name, clouds, each)
    weights = [None] * len(clouds) if weights is None else validation.sequence(weights_name, weights, each)
    validation.same_length(weights_name, weights, name, clouds, each)
    pairs = enumerate(zip(clouds, weights, strict=True))
    return [((f"{name}[{k}]", x), (f"{weights_name}[{k}]", own)) for k, (x, own) in pairs]


def compared(sources: list[Named], targets: list[Named], blur: float) -> tuple[Clouds, Indices, float, list[Home]]:
    """The clouds of all pairs, the numbers of sources and targets one after another, the blur, and a home per pair."""
    clouds, numbers = Clouds.of(sources + targets)
    blur = validation.blur(blur)
    pairs = list(zip(sources, targets, numbers[: len(sources)], numbers[len(sources) :], strict=True))
    if clouds.surely_fit(numbers[: len(sources)], numbers[len(sources) :], blur):
        return clouds, numbers, blur, [HOST] * len(pairs)
    homes = []
    for (x, a), (y, b), i, j in pairs:
        homes.append(validation.home(**dict([x, y, a, b])))
        names = x[0], y[0], a[0], b[0]
        between(clouds.measure(i), clouds.measure(j), blur, names, homes[-1])
    return clouds, numbers, blur, homes


def usual(solver: Sinkhorn | None) -> Sinkhorn:
    """The solver that was asked for, or the default."""
    return DEFAULT if solver is None else validation.instance("solver", solver, Sinkhorn)


def known_selves(
    clouds: Clouds, numbers: list[int], blur: float, given: dict[str, Solution | None]
) -> dict[int, Solution]:
    """The self solutions that are known already, by the numbers of their clouds."""
    known = {}
    for k, (name, solution) in zip(numbers, given.items(), strict=True):
        if solution is not None:
            _check_self(name, solution, clouds.measure(k), blur**2)
            known[k] = solution
    return known


def _check_self(name: str, known: object, own: Measure, eps: float) -> None:
    if isinstance(known, Divergence):
        own_name = {"self_x": "xx", "self_y": "yy"}[name]
        raise TypeError(f"{name}: expected a Solution, got the Divergence that it belongs to; pass its .{own_name}")
    problem = validation.instance(name, known, Solution).problem
    if not (problem.is_self and problem.source.equals(own) and problem.eps == eps):
        raise ValueError(
            f"{name}: expected the self solution of these points, weights and blur, got that of another problem; "
            "pass .xx or .yy of a divergence with the same measure and blur, or leave it out"
        )

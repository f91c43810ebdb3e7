"""Convert the arguments of the public functions to measures and problems; messages use the caller's
names.
"""

from __future__ import annotations

from .. import validation
from ..common.array_types import ArrayLike, Weights
from ..interop.arrays import HOST, Home
from ..measures.clouds import CloudPairs, Clouds, Named
from ..measures.grid import Measures
from ..measures.measure import Measure, Pixelated
from ..problem import Problem
from ..results.divergence import Divergence
from ..results.solution import Solution
from ..solver import DEFAULT, Sinkhorn
from ..terms import Terms, with_divergence


def between(
    source: Measure,
    target: Measure,
    terms: Terms,
    names: tuple[str, str, str, str] = ("x", "y", "a", "b"),
) -> Problem:
    """Return the problem of two measures; messages call their points and weights by the given
    names.
    """
    x, y, a, b = names
    comparable(source, target, x, y)
    validation.same_unit(b, target.traits.mass_unit, a, source.traits.mass_unit)
    if terms.marginals.are_exact:
        rounding = max(source.traits.mass_rounding, target.traits.mass_rounding)
        validation.equal_masses(b, target.weights, a, source.weights, rounding)
    terms.cost.check(x, source.points)
    terms.cost.check(y, target.points)
    if terms.cost.has_length:
        blur = validation.blur(terms.blur, source.points, target.points)
        validation.resolved(blur, (x, source), (y, target))
    else:
        diameter = terms.cost.diameter(source, target)
        validation.costs_resolved(terms.eps, terms.cost.bound(diameter))
    return Problem(source, target, *terms)


def comparable(source: Measure, target: Measure, x: str, y: str) -> None:
    """Check that two measures have the same coordinates and the same unit."""
    validation.same_dimension(y, target.points, x, source.points)
    validation.same_meaning(y, target.traits, x, source.traits)


def with_all_points(
    points: ArrayLike | Measure | Pixelated, weights: ArrayLike | None, names: tuple[str, str]
) -> Measure:
    """The measure of an argument of a function that does not state what the cells of a stream
    hide.
    """
    measure = Measure.of(points, weights, names)
    if measure.traits.resolution:
        raise ValueError(
            f"{names[0]}: expected points in memory, got a measure that was read from chunks, "
            "whose cells hide an error that is not known here; to take the nodes of the cells, "
            "pass measure.points and measure.weights"
        )
    return measure


def listed(
    name: str,
    clouds: Measures,
    weights_name: str,
    weights: Weights | None,
    each: str = "pair",
) -> list[Named]:
    """Return the points and weights of each measure, with their names."""
    clouds = validation.sequence(name, clouds, each)
    if weights is None:
        weights = [None] * len(clouds)
    else:
        weights = validation.sequence(weights_name, weights, each)
    validation.same_length(weights_name, weights, name, clouds, each)

    named = []
    for k, (x, own) in enumerate(zip(clouds, weights, strict=True)):
        entry = Named(f"{name}[{k}]", x, f"{weights_name}[{k}]", own)
        named.append(entry)
    return named


def compared(
    sources: list[Named], targets: list[Named], terms: Terms
) -> tuple[CloudPairs, list[Home]]:
    """Return the pairs of clouds, and the home of each pair."""
    clouds, numbers = Clouds.of(sources + targets)
    terms = with_divergence(terms)
    count = len(sources)
    pairs = CloudPairs(clouds, numbers[:count], numbers[count:], terms)
    is_anywhere = terms.cost.exponent is not None  # the cost is defined at all points
    if is_anywhere and clouds.surely_fit(pairs.sources, pairs.targets, terms):
        return pairs, [HOST] * count

    homes = []
    for x, y, i, j in zip(sources, targets, pairs.sources, pairs.targets, strict=True):
        names = x.x_name, y.x_name, x.a_name, y.a_name
        arrays = x.x, y.x, x.a, y.a
        home = validation.home(**dict(zip(names, arrays, strict=True)))
        homes.append(home)
        between(clouds.measure(i), clouds.measure(j), terms, names)
    return pairs, homes


def usual(solver: Sinkhorn | None) -> Sinkhorn:
    """Return the given solver, or the default."""
    return DEFAULT if solver is None else validation.instance("solver", solver, Sinkhorn)


def known_selves(pair: CloudPairs, given: dict[str, Solution | None]) -> dict[int, Solution]:
    """Return the given self solutions, by the numbers of their clouds."""
    known = {}
    numbers = (int(pair.sources[0]), int(pair.targets[0]))
    for k, (name, solution) in zip(numbers, given.items(), strict=True):
        if solution is not None:
            check_self(name, solution, pair.clouds.measure(k), pair.terms)
            known[k] = solution
    return known


def check_self(name: str, known: object, own: Measure, terms: Terms) -> None:
    """Check that a given solution is the self solution of a measure."""
    if isinstance(known, Divergence):
        own_name = {"self_x": "xx", "self_y": "yy"}[name]
        raise TypeError(
            f"{name}: expected a Solution, got the Divergence that contains it; pass its "
            f".{own_name}"
        )
    problem = validation.instance(name, known, Solution).problem
    has_same_terms = problem.terms == terms
    if not (problem.is_self and has_same_terms and problem.source.equals(own)):
        raise ValueError(
            f"{name}: expected the self solution of these points, weights and blur, got one of "
            "another problem; "
            "pass .xx or .yy of a divergence with the same measure and blur, or leave it out"
        )

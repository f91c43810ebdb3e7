"""Convert the arguments of the public functions to measures and problems; messages use the caller's names."""

from . import validation
from .backends.home import HOST
from .clouds import Clouds
from .divergence import Divergence
from .problem import Problem
from .solution import Solution
from .solver import DEFAULT, Sinkhorn


def between(source, target, blur, names=("x", "y", "a", "b"), home=HOST):
    """Return the problem of two measures; messages call their points and weights by the given names."""
    x, y, a, b = names
    comparable(source, target, x, y)
    validation.same_unit(b, target.traits.mass_unit, a, source.traits.mass_unit)
    rounding = max(source.traits.mass_rounding, target.traits.mass_rounding)
    validation.equal_masses(b, target.weights, a, source.weights, rounding)
    blur = validation.blur(blur, source.points, target.points)
    validation.resolved(blur, (x, source), (y, target))
    return Problem(source, target, blur**2, home)


def comparable(source, target, x, y):
    """Check that two measures have the same coordinates and the same unit."""
    validation.same_dimension(y, target.points, x, source.points)
    validation.same_meaning(y, target.traits, x, source.traits)


def listed(name, clouds, weights_name, weights, each="pair"):
    """Return the points and weights of each measure, both as (name, array)."""
    clouds = validation.sequence(name, clouds, each)
    weights = [None] * len(clouds) if weights is None else validation.sequence(weights_name, weights, each)
    validation.same_length(weights_name, weights, name, clouds, each)
    pairs = enumerate(zip(clouds, weights, strict=True))
    return [((f"{name}[{k}]", x), (f"{weights_name}[{k}]", own)) for k, (x, own) in pairs]


def compared(sources, targets, blur):
    """Return the clouds of all pairs, the numbers of the sources and of the targets, the blur, and a home per pair."""
    clouds, numbers = Clouds.of(sources + targets)
    blur = validation.blur(blur)
    pairs = list(zip(sources, targets, numbers[: len(sources)], numbers[len(sources) :], strict=True))
    if clouds.surely_fit(numbers[: len(sources)], numbers[len(sources) :], blur):
        return clouds, numbers, blur, [HOST] * len(pairs)
    homes = []
    for (x, a), (y, b), i, j in pairs:
        named = dict([x, y, a, b])
        homes.append(validation.home(**named))
        between(clouds.measure(i), clouds.measure(j), blur, tuple(named), homes[-1])
    return clouds, numbers, blur, homes


def usual(solver):
    """Return the given solver, or the default."""
    return DEFAULT if solver is None else validation.instance("solver", solver, Sinkhorn)


def known_selves(clouds, numbers, blur, given):
    """Return the given self solutions, by the numbers of their clouds."""
    known = {}
    for k, (name, solution) in zip(numbers, given.items(), strict=True):
        if solution is not None:
            _check_self(name, solution, clouds.measure(k), blur**2)
            known[k] = solution
    return known


def _check_self(name, known, own, eps):
    if isinstance(known, Divergence):
        own_name = {"self_x": "xx", "self_y": "yy"}[name]
        raise TypeError(f"{name}: expected a Solution, got the Divergence that contains it; pass its .{own_name}")
    validation.instance(name, known, Solution)
    problem = known.problem
    if not (problem.is_self and problem.source.equals(own) and problem.eps == eps):
        raise ValueError(
            f"{name}: expected the self solution of these points, weights and blur, got one of another problem; "
            "pass .xx or .yy of a divergence with the same measure and blur, or leave it out"
        )

"""The same problem written in another way, which must not change a bit of the value."""

import numpy as np


def ways(problem):
    """Return, by name, equivalent forms of a problem, each with the factor of the divergence's
    value.
    """
    rng = np.random.default_rng(problem.seed)
    told = {"permuted": (permuted(problem, rng), 1), "exchanged": (exchanged(problem), 1)}
    is_float = problem.a is not None and problem.a.dtype == problem.b.dtype == np.float64
    has_pair = isinstance(problem.settings.get("init"), tuple)
    # Potentials and values have terms in the mass
    if is_float and not has_pair and problem.call != "ot":
        told["mass x 16"] = problem._replace(a=16 * problem.a, b=16 * problem.b), 16
    if problem.a is not None and not (problem.a.all() and problem.b.all()) and not has_pair:
        told["without inert points"] = carriers(problem), 1
    if (
        (problem.a is None or is_float)
        and not has_pair
        and all(map(_are_distinct, (problem.x, problem.y)))
    ):
        told["points split"] = split(problem), 1
    return told


def exchanged(problem):
    """Source and target exchanged."""
    settings = dict(problem.settings)
    if isinstance(settings.get("init"), tuple):
        settings["init"] = settings["init"][::-1]
    return problem._replace(x=problem.y, y=problem.x, a=problem.b, b=problem.a, settings=settings)


def permuted(problem, rng):
    """The points in another order."""
    p, q = rng.permutation(len(problem.x)), rng.permutation(len(problem.y))
    settings = dict(problem.settings)
    if isinstance(settings.get("init"), tuple):
        settings["init"] = settings["init"][0][p], settings["init"][1][q]
    weights = {} if problem.a is None else {"a": problem.a[p], "b": problem.b[q]}
    return problem._replace(x=problem.x[p], y=problem.y[q], settings=settings, **weights)


def carriers(problem):
    """Without the points of weight zero."""
    p, q = problem.a > 0, problem.b > 0
    return problem._replace(x=problem.x[p], y=problem.y[q], a=problem.a[p], b=problem.b[q])


def split(problem):
    """Each point twice, with half of its weight."""
    weights = (
        {}
        if problem.a is None
        else {"a": np.tile(problem.a / 2, 2), "b": np.tile(problem.b / 2, 2)}
    )
    return problem._replace(x=np.tile(problem.x, (2, 1)), y=np.tile(problem.y, (2, 1)), **weights)


def _are_distinct(points):
    return len(np.unique(points, axis=0)) == len(points)

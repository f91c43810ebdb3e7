"""Laws of divergences for every cost and price, as far as they hold for all of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from strategies import probabilities, rewritten

import sinkhorn_nb as snb
from sinkhorn_nb.costs import cost_of
from sinkhorn_nb.results.divergence import difference

SOLVER = snb.Sinkhorn(tol=1e-9, dtype="float64")
# Arguments, and the dimension of the points
COSTS = {
    "p = 1": ({"p": 1}, 2),
    "p = 1.5": ({"p": 1.5}, 3),
    "p = 2": ({}, 2),
    "cosine": ({"cost": "cosine"}, 4),
    "haversine": ({"cost": "haversine"}, 2),
    "cityblock": ({"cost": "cityblock"}, 3),
}
EVERY = pytest.mark.parametrize("name", COSTS)


@st.composite
def measures(draw, d):
    """Points in (0, 1]^d, which every cost takes, and probabilities."""
    n = draw(st.integers(1, 8))
    x = draw(hnp.arrays(np.float64, (n, d), elements=st.integers(1, 32).map(lambda k: k / 32)))
    return x, draw(probabilities(n))


def drawn(data, name):
    """Arguments of a divergence: two measures, the cost, the temperature and the price."""
    how, d = COSTS[name]
    terms = {"eps": data.draw(st.sampled_from([0.05, 0.3, 2.0]), label="eps")}
    terms["rho"] = data.draw(st.sampled_from([None, 0.1, 3.0]), label="rho")
    (x, a), (y, b) = (data.draw(measures(d), label=side) for side in "xy")
    mass = 1.0 if terms["rho"] is None else data.draw(st.sampled_from([1.0, 0.1, 4.0]))
    return x, y, a, mass * b, how | terms | {"solver": SOLVER}


@EVERY
@given(data=st.data())
def test_divergences_are_positive_and_symmetric(name, data):
    x, y, a, b, how = drawn(data, name)
    divergence = snb.sinkhorn_divergence(x, y, a, b, **how)
    scale = a.sum() + b.sum()
    assert difference(divergence.xy, divergence.xx, divergence.yy) >= -1e-9 * scale
    swapped = snb.sinkhorn_divergence(y, x, b, a, **how)
    assert divergence.value == pytest.approx(swapped.value, rel=1e-12, abs=1e-15)


@EVERY
@given(data=st.data())
def test_a_measure_written_in_other_rows_has_the_divergence_zero(name, data):
    x, _, a, _, how = drawn(data, name)
    others, weights = data.draw(rewritten(x, a))
    others = np.minimum(others, 1.0) if "cost" in how else others  # a row without mass
    assert snb.sinkhorn_divergence(x, others, a, weights, **how).value == 0.0


@EVERY
@given(data=st.data())
def test_a_matrix_of_the_costs_gives_the_divergence_of_the_points(name, data):
    x, y, a, b, how = drawn(data, name)
    cost = cost_of(**COSTS[name][0])
    matrices = [cost.block(u, v) for u, v in ((x, y), (x, x), (y, y))]
    terms = {key: how[key] for key in ("eps", "rho", "solver")}
    matrix = snb.sinkhorn_divergence_matrix(*matrices, a, b, **terms)
    points = snb.sinkhorn_divergence(x, y, a, b, **how)
    assert matrix.value == pytest.approx(points.value, abs=1e-8 * (a.sum() + b.sum()))

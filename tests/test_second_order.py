"""Derivatives of gradients along points and weights together, as bridges to other libraries use
them.
"""

import numpy as np
import pytest
from test_implicit_costs import Path, quotient

import sinkhorn_nb as snb
from sinkhorn_nb.gradients import Gradient
from sinkhorn_nb.results.second_order import hessian_product

KINDS = {
    "one price": (snb.entropic_ot, 0.4),
    "two prices": (snb.entropic_ot, (0.2, 0.5)),
    "an exact side": (snb.entropic_ot, (None, 0.4)),
    "divergence": (snb.sinkhorn_divergence, 0.4),
}


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_products_are_difference_quotients_of_gradients(kind, p):
    function, rho = KINDS[kind]
    path = Path({"p": p}, rho)

    def result(h):
        return function(*path.measures(h), **path.how)

    product = hessian_product(result(0.0), Gradient(*path.moves, *path.changes), tol=1e-12)
    for name in "xyab":
        expected = quotient(lambda h, name=name: getattr(result(h).gradient(), name))
        np.testing.assert_allclose(getattr(product, name), expected, atol=1e-8)


def test_products_with_exact_marginals_are_right_up_to_a_constant_in_the_weights():
    path = Path({"p": 2})

    def gradient(h):
        return snb.entropic_ot(*path.measures(h), **path.how).gradient()

    solution = snb.entropic_ot(*path.measures(0.0), **path.how)
    product = hessian_product(solution, Gradient(*path.moves, *path.changes), tol=1e-12)
    np.testing.assert_allclose(product.x, quotient(lambda h: gradient(h).x), atol=1e-8)
    difference = product.a - quotient(lambda h: gradient(h).a)
    np.testing.assert_allclose(difference, difference.mean(), atol=1e-8)

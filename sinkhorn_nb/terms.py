"""Terms that all problems of one call share: temperature, cost and marginals."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from . import validation
from .backends.cpu.small_costs import Profile, profile
from .backends.pointwise import LOG2E
from .costs import SQUARED_EUCLIDEAN, Cost, cost_of
from .marginals import BALANCED, Marginals

Price = float | tuple[float | None, float | None] | None  # of one side, or of each of the two


class Terms(NamedTuple):
    """The terms of a problem between any two measures.

    Attributes
    ----------
    eps : float
        The temperature in units of cost.
    cost : Cost
    marginals : Marginals
    """

    eps: float
    cost: Cost = SQUARED_EUCLIDEAN
    marginals: Marginals = BALANCED

    @property
    def blur(self) -> float:
        """The temperature as a length."""
        return self.cost.blur(self.eps)

    @property
    def are_classical(self) -> bool:
        """Whether the cost is |x - y|^2 / 2 and both marginals are exact."""
        return self.cost == SQUARED_EUCLIDEAN and self.marginals.are_exact

    @property
    def profile(self) -> Profile | None:
        """The cost for the compiled solver of small problems, which takes no function of the
        caller.
        """
        per_cost = LOG2E / self.eps
        scale, kind = self.cost.kind(per_cost)
        return profile(kind, scale, per_cost)


def terms_of(
    *,
    blur: float | None = None,
    eps: float | None = None,
    p: float = 2,
    cost: Any = None,
    reach: Price = None,
    rho: Price = None,
) -> Terms:
    """Check the terms that a caller gives as lengths or in units of cost.

    A pair of prices, one for each side, is only for problems that are no divergences: see
    `single_price`.
    """
    kind = cost_of(p, cost)
    if cost is not None:
        _in_units_of_cost("blur", blur, "eps")
        _in_units_of_cost("reach", reach, "rho")
    validation.one_of("blur", blur, "eps", eps, "a length in the unit of the points")
    validation.at_most_one_of("reach", reach, "rho", rho)
    if eps is None:
        length = validation.blur(blur)
        eps = validation.in_units_of_cost("blur", length, kind.eps)
    else:
        eps = validation.positive("eps", eps)
    if reach is not None:
        lengths = _prices("reach", reach)
        source, target = (_price_of(length, kind) for length in lengths)
        validation.comparable_prices("reach", (source, target), eps)
        return Terms(eps, kind, Marginals(source, target))
    return Terms(eps, kind, _marginals(rho, eps))


def terms_with_one_price(
    *,
    blur: float | None = None,
    eps: float | None = None,
    p: float = 2,
    cost: Any = None,
    reach: Price = None,
    rho: Price = None,
) -> Terms:
    """Check the terms of a function that compares measures with themselves, too."""
    single_price("reach", reach)
    single_price("rho", rho)
    return terms_of(blur=blur, eps=eps, p=p, cost=cost, reach=reach, rho=rho)


def terms_in_units_of_cost(cost: Cost, eps: float, rho: Price) -> Terms:
    """Check the terms of a cost that has no unit of length."""
    eps = validation.positive("eps", eps)
    return Terms(eps, cost, _marginals(rho, eps))


def with_divergence(terms: Terms) -> Terms:
    """Refuse a cost whose divergences may be negative, and return the terms of all others."""
    if terms.cost.is_positive is False:
        raise ValueError(
            f"p: expected at most 2 in a divergence, got the cost {terms.cost.formula}, with which "
            "divergences may be negative; pass p <= 2, or use entropic_ot"
        )
    return terms


def single_price(name: str, price: Price) -> None:
    """Refuse a pair of prices for a divergence, which would become negative."""
    if isinstance(price, tuple):
        raise TypeError(
            f"{name}: expected one number for both sides of a divergence, got a pair; with two "
            "different prices, S(a, a) is not 0 and S may be negative; pass one number, or use "
            "entropic_ot"
        )


def _in_units_of_cost(name: str, length: Any, other: str) -> None:
    if length is not None:
        raise TypeError(
            f"{name}: expected {other} beside cost=, in units of this cost, got {length!r} as a "
            f"length; pass {other}=..."
        )


def _marginals(rho: Price, eps: float) -> Marginals:
    prices = _prices("rho", rho)
    validation.comparable_prices("rho", prices, eps)
    return Marginals(*prices)


def _price_of(reach: float, cost: Cost) -> float:
    """The price rho of a reach; None is infinite."""
    if math.isinf(reach):
        return reach
    return validation.in_units_of_cost("reach", reach, cost.eps)


def _prices(name: str, price: Price) -> tuple[float, float]:
    """The prices of both sides; None is infinite."""
    if price is None:
        return math.inf, math.inf
    if not isinstance(price, tuple):
        both = validation.positive(name, price)
        return both, both
    if len(price) != 2:
        raise TypeError(
            f"{name}: expected a number, or a pair for the source and the target, got "
            f"{len(price)} numbers; pass (r_x, r_y), with None for an exact side"
        )
    (source, target) = price
    return _price(f"{name}[0]", source), _price(f"{name}[1]", target)


def _price(name: str, price: float | None) -> float:
    return math.inf if price is None else validation.positive(name, price)

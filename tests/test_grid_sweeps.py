"""Sums over grids against a dense log-sum-exp in float64."""

import numpy as np
import pytest
from scipy.special import logsumexp

from sinkhorn_nb.backends.cpu.grid_lines import NOTHING
from sinkhorn_nb.backends.cpu.grid_recursions import ABOVE, BELOW, BOTH
from sinkhorn_nb.backends.cpu.grids import Axis, Recursions, Sweeps, logarithm

BLURS = 0.5, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002
SHAPES = ((37,), (20, 17), (9, 12, 7))
SPACING = 0.05, 0.065, 0.08  # of the axes
ROUNDING = 4e-12


def dense(L, shape, offsets, eps):
    """The logarithms, base 2, of all sums at once; each axis is summed on its own."""
    L = L * np.log(2)
    for k, n in enumerate(L.shape):
        places = np.arange(shape[k]) + offsets[k]
        exponents = -(((places[:, None] - np.arange(n)) * SPACING[k]) ** 2) / (2 * eps)
        L = np.moveaxis(logsumexp(np.moveaxis(L, k, -1)[..., None, :] + exponents, axis=-1), -1, k)
    return L / np.log(2)


def sweeps(shape, out, offsets, eps, multiplies=None):
    axes = [Axis(*of_axis, eps) for of_axis in zip(shape, out, SPACING, offsets, strict=False)]
    made = Sweeps(axes)
    if multiplies is not None:
        made._multiplies = multiplies
    return made


def logarithms(shape, blur, seed=0):
    """Of an image with 35 % zeros, and a potential whose steps are up to some eps."""
    rng = np.random.default_rng(seed)
    weights = rng.random(shape) * (rng.random(shape) < 0.65)
    return logarithm(weights) + rng.normal(size=shape) * 0.01 / blur**2


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("blur", BLURS)
@pytest.mark.parametrize("multiplies", [None, False])
def test_sums_are_exact_at_every_blur(shape, blur, multiplies):
    offsets = (0.0,) * len(shape)
    L = logarithms(shape, blur)
    found = sweeps(shape, shape, offsets, blur**2, multiplies)(L)
    expected = dense(L, shape, offsets, blur**2)
    assert np.abs(found - expected).max() * np.log(2) <= ROUNDING


@pytest.mark.parametrize("blur", BLURS)
def test_outputs_may_be_another_grid(blur):
    shape, out, offsets = (20, 17), (11, 30), (3.5, -8.25)
    L = logarithms(shape, blur)
    found = sweeps(shape, out, offsets, blur**2)(L)
    assert np.allclose(found, dense(L, out, offsets, blur**2), rtol=1e-13, atol=ROUNDING)


def test_products_give_way_to_tilted_blocks_where_they_underflow():
    L = np.full((40, 4), NOTHING)
    L[0] = 0.0
    made = sweeps((40, 4), (40, 4), (0.0, 0.0), 0.04**2)
    assert made._multiplies
    found = made(L)
    assert not made._multiplies
    assert np.allclose(found, dense(L, (40, 4), (0.0, 0.0), 0.04**2), rtol=1e-13)


def test_empty_lines_stay_empty_until_another_axis_fills_them():
    L = np.full((70, 70), NOTHING)
    L[3, 60] = 1.0
    for multiplies in (True, False):
        found = sweeps((70, 70), (70, 70), (0.0, 0.0), 0.3**2, multiplies)(L)
        assert np.allclose(found, dense(L, (70, 70), (0.0, 0.0), 0.3**2), rtol=1e-12)
        empty = sweeps((70, 70), (70, 70), (0.0, 0.0), 0.3**2, multiplies)(np.full_like(L, NOTHING))
        assert (empty == NOTHING).all()


def test_long_lines_have_tables_that_fit_a_cache():
    axis = Axis(200_000, 200_000, 1.0, 0.0, 1e6)
    assert axis.table.size <= 2**21
    L = np.zeros((1, 200_000))
    L[0, 150_000:] = NOTHING
    found = Sweeps([Axis(1, 1, 1.0, 0.0, 1e6), axis])(L)[0]
    assert found[:100_000].min() > found[149_990:150_010].mean() > found[155_000]
    assert np.isclose(found[150_000] - found[75_000], -1.0, atol=1e-3)


@pytest.mark.parametrize("eps", [2.0, 0.1, 0.002])
@pytest.mark.parametrize("side", [BELOW, BOTH, ABOVE])
@pytest.mark.parametrize("offset", [0.0, -7.0, 2.25])
def test_recursions_are_exact_on_each_side_at_every_temperature(eps, side, offset):
    rng = np.random.default_rng(1)
    L = logarithm(rng.random((21, 37)) * (rng.random((21, 37)) < 0.65))
    L[3] = NOTHING
    axes = [Axis(21, 21, 0.05, 0.0, eps), Axis(37, 30, 0.065, offset, eps)]
    found = Recursions(axes, eps)(L, 1, side)
    along = np.arange(30)[:, None] + offset - np.arange(37)
    counts = {BELOW: along > 0, BOTH: along == along, ABOVE: along < 0}[side]
    exponents = -0.065 * np.abs(along) / eps
    with np.errstate(divide="ignore"):
        lines = logsumexp((L * np.log(2))[:, None] + exponents, axis=2, b=counts)
        across = np.abs(np.arange(21)[:, None] - np.arange(21)) * 0.05 / eps
        expected = logsumexp(lines - across[..., None], axis=1)
    has_mass = np.isfinite(expected) & (expected > -1e20)
    assert np.allclose(found[has_mass] * np.log(2), expected[has_mass], rtol=1e-13, atol=ROUNDING)
    assert (found[~has_mass] < -1e20).all()

"""A divergence is a number: all operations of a float work with it, with the same result."""

import json
import math
import numbers
import operator
import pickle
import sys
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from problems import example

from sinkhorn_nb import sinkhorn_divergence, sinkhorn_divergences
from sinkhorn_nb.common.real import RealNumber

BINARY = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.floordiv,
    operator.mod,
    operator.pow,
    divmod,
    operator.lt,
    operator.le,
    operator.eq,
    operator.ne,
    operator.ge,
    operator.gt,
    math.atan2,
    np.add,
    np.maximum,
]
UNARY = [
    operator.neg,
    operator.pos,
    abs,
    bool,
    int,
    float,
    complex,
    round,
    hash,
    math.trunc,
    math.floor,
    math.ceil,
    math.sqrt,
    math.isnan,
    np.sqrt,
    np.exp,
    np.isfinite,
    np.float64,
]
OTHERS = [
    2,
    0.5,
    True,
    np.float64(0.25),
    np.float32(0.5),
    np.int64(3),
    Fraction(1, 3),
    np.array([0.5, 2.0]),
    np.ones(()),
]


@dataclass(frozen=True, eq=False)
class Number(RealNumber):
    """The least that can be one."""

    number: float

    def __float__(self):
        return self.number


@pytest.fixture(scope="module")
def divergence():
    return sinkhorn_divergence(*example(), blur=0.5)


def same(result, expected):
    """Equal values, NaN included, of the same type; NumPy's powers of scalars and of arrays differ
    by a rounding.
    """
    assert type(result) is type(expected)
    result, expected = np.asarray(result), np.asarray(expected)
    assert result.dtype == expected.dtype
    np.testing.assert_allclose(
        result, expected, rtol=np.finfo(expected.dtype).eps if expected.dtype.kind == "f" else 0
    )


@pytest.mark.parametrize("other", OTHERS, ids=repr)
@pytest.mark.parametrize("operation", BINARY, ids=lambda operation: operation.__name__)
def test_operations_with_other_numbers_are_those_of_the_float(divergence, operation, other):
    if operation in (math.atan2, divmod) and np.ndim(other):
        pytest.skip("for single numbers")
    same(operation(divergence, other), operation(float(divergence), other))
    same(operation(other, divergence), operation(other, float(divergence)))


@pytest.mark.parametrize("operation", BINARY, ids=lambda operation: operation.__name__)
def test_operations_between_divergences(divergence, operation):
    same(operation(divergence, Number(0.5)), operation(float(divergence), 0.5))
    same(operation(divergence, divergence), operation(float(divergence), float(divergence)))


@pytest.mark.parametrize("operation", UNARY, ids=lambda operation: operation.__name__)
def test_functions_of_it_are_those_of_the_float(divergence, operation):
    same(operation(divergence), operation(float(divergence)))


@given(st.floats(), st.floats())
def test_any_float_will_do(left, right):
    for operation in (
        operator.lt,
        operator.le,
        operator.eq,
        operator.ne,
        operator.gt,
        operator.ge,
        operator.add,
    ):
        for pair in ((Number(left), right), (left, Number(right)), (Number(left), Number(right))):
            same(operation(*pair), operation(left, right))
    if left == right:
        assert hash(Number(left)) == hash(right)


def test_it_is_a_real_number(divergence):
    assert isinstance(divergence, numbers.Real)
    assert np.isscalar(divergence)
    assert (divergence.real, divergence.imag) == (float(divergence), 0)


@pytest.mark.parametrize("spec", ["", ".3f", "10.2e", "g", "+.1%", ",.2f"])
def test_it_formats_as_a_number(divergence, spec):
    assert format(divergence, spec) == format(float(divergence), spec)
    assert "%.3f" % divergence == f"{float(divergence):.3f}"  # noqa: UP031


def test_it_rounds(divergence):
    assert round(divergence, 3) == round(float(divergence), 3)
    assert type(round(divergence, 3)) is float


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_it_is_the_ratio_of_integers_that_the_float_is(number):
    assert Number(number).as_integer_ratio() == number.as_integer_ratio()
    assert Number(number).is_integer() is number.is_integer()


def test_it_becomes_a_fraction_and_a_decimal(divergence):
    assert Fraction(*divergence.as_integer_ratio()) == Fraction(divergence.value)
    assert Decimal(float(divergence)) == divergence
    if sys.version_info >= (3, 14):  # older ones take floats alone
        assert Fraction(divergence) == Fraction(divergence.value)


def test_lists_of_them_sort_and_sum():
    numbers_ = [Number(3.0), Number(1.0), Number(2.0)]
    assert [float(n) for n in sorted(numbers_)] == [1, 2, 3]
    assert min(numbers_) is numbers_[1] and max(numbers_) is numbers_[0]
    assert sum(numbers_) == 6 == math.fsum(numbers_)
    assert np.mean(numbers_) == 2
    assert 2.0 in numbers_ and numbers_.index(2.0) == 2
    assert len({Number(1.0), Number(1.0), 1.0}) == 1


def test_numpy_takes_it_for_a_float64_without_axes(divergence):
    array = np.asarray(divergence)
    assert (array.dtype, array.shape, array[()]) == (np.float64, (), divergence.value)
    assert np.asarray(divergence, dtype=np.float32).dtype == np.float32
    assert np.array([divergence, divergence]).dtype == np.float64
    assert divergence.__array__() == divergence.__array__(copy=True) == divergence
    target = np.zeros(2)
    target[1] = divergence
    target += divergence
    np.testing.assert_array_equal(target, [divergence.value, 2 * divergence.value])


def test_arrays_beside_it_keep_their_precision(divergence):
    x = np.ones(3, dtype=np.float32)
    assert (
        (x * divergence).dtype
        == (divergence * x).dtype
        == np.hypot(x, divergence).dtype
        == np.float32
    )
    assert np.add.outer(x, divergence).shape == (3,)


def test_numpy_compares_it(divergence):
    assert np.isclose(divergence, divergence.value) and np.allclose([divergence.value], divergence)
    np.testing.assert_allclose(divergence, divergence.value)


def test_sums_in_place_become_floats(divergence):
    total = 0
    total += divergence
    total *= divergence
    assert type(total) is float and total == divergence.value**2


def test_decimals_compare_with_it_but_do_not_add(divergence):
    assert Decimal(0) < divergence < Decimal(1000)
    with pytest.raises(TypeError, match="unsupported operand"):
        Decimal(1) + divergence


def test_what_is_no_number_is_unequal_and_does_not_add(divergence):
    assert divergence != "0" and divergence != None  # noqa: E711
    with pytest.raises(TypeError, match="unsupported operand"):
        divergence + "1"
    with pytest.raises(TypeError):
        divergence < None  # noqa: B015


def test_pytest_approx_and_json_of_the_float(divergence):
    assert divergence == pytest.approx(divergence.value)
    assert pytest.approx(divergence.value) == divergence
    assert json.loads(json.dumps(float(divergence))) == divergence


def test_equal_values_are_equal_and_hash_alike(divergence):
    copy = pickle.loads(pickle.dumps(divergence))
    assert copy is not divergence and copy == divergence and hash(copy) == hash(divergence)
    assert {divergence: "found"}[copy] == {divergence: "found"}[divergence.value] == "found"


def test_divergences_are_an_array_of_their_values():
    x, y, _, _ = example()
    divergences = sinkhorn_divergences([x, x], [y, x], blur=0.5)
    np.testing.assert_array_equal(np.asarray(divergences), divergences.value)
    assert np.asarray(divergences, dtype=np.float32).dtype == np.float32
    assert np.sqrt(divergences).shape == (2,)
    assert divergences.value.tolist() == list(divergences) == sorted(divergences, reverse=True)

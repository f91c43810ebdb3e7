"""The code for GPUs of passes with other costs, of heavy pairs and over matrices, compiled here as
in `test_ptx`.
"""

import math
import re
from collections import Counter
from functools import cache

import pytest
from numba import float32, float64, int32, int64, njit, types
from test_ptx import check_loop_over_pairs, compiled, hot_blocks, loops_of, side_of

from sinkhorn_nb.backends.cuda import matrix_kernels
from sinkhorn_nb.backends.cuda.grids import lines_kernel
from sinkhorn_nb.backends.cuda.heavy import list_kernel
from sinkhorn_nb.backends.cuda.kernels import sums_kernel
from sinkhorn_nb.backends.cuda.pairs import LIGHT, SIGN, SLOPE
from sinkhorn_nb.backends.cuda.tiles import shape_of, shape_of_function
from sinkhorn_nb.backends.pointwise import Arc, CityBlock, Distance

pytestmark = pytest.mark.slow

CC = 9, 0
SUMS = float64[:, :, ::1]
SLOW = r"\.local|\bcall\b|\batom\.|\bred\."
# The kind of cost, the number of values and the factor
PASSES = {
    "distances": (Distance, 1, None),
    "slopes of distances": (Distance, 3, SLOPE),
    "signs": (CityBlock, 2, SIGN),
    "arcs": (Arc, 1, None),
    "light pairs": (None, 1, LIGHT),
}


@cache
def ptx(name):
    kind, width, factor = PASSES[name]
    columns_too = factor in (None, LIGHT)
    kernel = sums_kernel("float32", shape_of("float32", 3), width, columns_too, False, kind, factor)
    side = side_of(float32)
    return compiled(kernel, (side, side, SUMS, SUMS, int64, int64), CC)


@pytest.mark.parametrize("name", PASSES)
def test_nothing_is_called_and_pairs_are_float32(name):
    check_text(ptx(name))


def check_text(text):
    assert not re.search(SLOW, text)
    blocks = hot_blocks(text)
    assert blocks and not any(".f64" in block for block in blocks)


# Counted: 13.2, 18 and 14.1; 15.9 for signs and 79 for arcs. A pair takes at least the time of 8, that
# of its exponential, and of 16 with the root of its distance.
@pytest.mark.parametrize(
    ("name", "most"), [("distances", 14), ("slopes of distances", 19), ("light pairs", 15)]
)
def test_instructions_a_pair(name, most):
    check_loop_over_pairs(loops_of(ptx(name)), most)


def test_the_list_of_heavy_pairs():
    """Counted: 13 instructions per pair, of the few pairs that are looked at again."""
    kernel = list_kernel("float32", shape_of("float32", 3), None)
    side, places = side_of(float32), int64[:, :, ::1]
    text = compiled(kernel, (side, side, places, int32[::1], int64, int64), CC)
    check_text(text)
    check_loop_over_pairs(loops_of(text), 14)


@njit
def chord(x, y):
    square = 0.0
    for k in range(len(x)):
        square += squared(x[k] - y[k])
    return math.sqrt(square)


@njit
def squared(t):
    return t * t


def test_a_callers_function_and_what_it_calls_are_compiled_into_the_kernel():
    kernel = sums_kernel("float64", shape_of_function("float64"), 1, True, False, chord)
    side = side_of(float64, int32[::1])
    text = compiled(kernel, (side, side, SUMS, SUMS, int64, int64), CC)
    assert "sqrt.rn.f64" in text
    assert not re.search(SLOW, text)


def test_a_pass_over_a_matrix_takes_less_time_than_reading_it():
    """Counted: 22.1. 27 take as long as the memory of the fastest GPU needs for an entry."""
    side = types.NamedTuple(
        (int64[::1], int64[::1], float32[::1], float32[:, ::1]), matrix_kernels.Side
    )
    kernel = matrix_kernels.sums_kernel("float32", 1, 1, False)
    text = compiled(kernel, (float32[:, ::1], float32, side, side, SUMS, SUMS), CC)
    assert not re.search(SLOW, text)
    found = loops_of(text)
    loop = next(loop for loop in found if sum("MUFU.EX2" in line for line in loop) >= 4)
    names = Counter(line.split()[0] for line in loop)
    assert len(loop) / names["MUFU.EX2"] <= 25
    assert not names["LDL"] and not names["STL"]


def test_sums_along_the_lines_of_a_grid_are_float64():
    table = float64[:, ::1]
    text = compiled(lines_kernel, (table, int64, float64, float64, table), CC)
    assert not re.search(SLOW + r"|\.f32", text)

"""The hot loops have packed fused operations, no calls and no gathers."""

import re

import numba
import pytest
from llvmlite import binding
from numba import boolean, float32, float64, int64, types

from sinkhorn_nb.backends.cpu import kernels as cpu_kernels
from sinkhorn_nb.backends.cpu import plan_kernels
from sinkhorn_nb.backends.cpu.kernels import Runs, Side
from sinkhorn_nb.backends.jit import SUM

pytestmark = pytest.mark.slow

# Exp, exp2, expf, exp2f, vector variants
CALL = re.compile(r"^\s*(?:call|jmp)q?\s+.*exp", re.MULTILINE)
GATHER = re.compile(r"^\s*vp?gather", re.MULTILINE)
FUSED = re.compile(r"^\s*vfn?m(?:add|sub)\d+p", re.MULTILINE)
KINDS = {"f32-2": (float32, 2), "f64-2": (float64, 2), "f32-product": (float32, 0)}
BY_COORDINATE = ["f32-2", "f64-2"]


def widest_registers():
    features = (
        binding.get_host_cpu_features() if binding.get_process_triple().startswith("x86_64") else {}
    )
    if features.get("avx512f"):
        return "zmm"
    if features.get("avx2") and features.get("fma"):
        return "ymm"
    pytest.skip("the instructions are known for x86-64 with AVX2 or AVX-512")


def packed(operation, kind, text):
    """Such operations on the widest registers in numbers of this kind."""
    letter = "s" if kind.startswith("f32") else "d"
    return re.findall(rf"^\s*v{operation}p{letter}\s.*%{widest_registers()}", text, re.MULTILINE)


def side(number, d):
    vector, exponents = number[::1], float64[::1]
    points = types.UniTuple(vector, d) if d else number[:, ::1]
    centers = types.UniTuple(exponents, d) if d else float64[:, ::1]
    fields = points, centers, int64[::1], exponents, exponents, vector, types.none  # |x - y|^2 / 2
    return types.NamedTuple(fields, Side)


def runs():
    return types.NamedUniTuple(int64[::1], 4, Runs)


def assembly(function, *arguments):
    """The assembly of a kernel or a part of one with the options of the library, compiled here (a
    cached kernel has no assembly).
    """
    code = getattr(function, "py_func", function)
    compiled = numba.njit(fastmath=SUM, error_model="numpy")(code)
    compiled.compile(arguments)
    (text,) = compiled.inspect_asm().values()
    return text


@pytest.fixture(scope="module")
def panel_sums():
    """Assembly of the main kernel, kind by kind."""

    def compiled(number, d):
        x = side(number, d)
        sums = float64[::1], number[:, ::1]
        return assembly(cpu_kernels.panel_sums, x, x, boolean, runs(), int64, int64, *sums)

    return {kind: compiled(*KINDS[kind]) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_exponential_is_inlined(panel_sums, kind):
    assert not CALL.findall(panel_sums[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_gathered(panel_sums, kind):
    assert not GATHER.findall(panel_sums[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_polynomial_and_sums_use_the_widest_registers(panel_sums, kind):
    """At least the degree of the polynomial and the two sums."""
    fused = packed(r"fn?m(?:add|sub)\d+", kind, panel_sums[kind])
    assert len(fused) >= 2 + (5 if kind.startswith("f32") else 10)
    assert packed("mul", kind, panel_sums[kind])


@pytest.mark.parametrize("kind", BY_COORDINATE)
def test_maximum_of_log_sum_exp_uses_the_widest_registers(kind):
    """The maximum is a separate loop: the exponential, among fused operations, is clipped by packed
    maxima too.
    """
    number, d = KINDS[kind]
    x, sums = side(number, d), float64[::1]
    text = assembly(cpu_kernels.panel_log_sum_exp, x, x, runs(), int64, int64, sums, sums)
    assert not CALL.findall(text)
    blocks = re.split(r"^\.L\w+:", text, flags=re.MULTILINE)
    assert any(packed("max", kind, block) and not FUSED.search(block) for block in blocks)


@pytest.mark.parametrize("name", ["_add_squares", "_exponentiate", "_sum_entries"])
def test_loops_that_read_a_plan_use_the_widest_registers(name):
    row = float64[::1]
    arguments = {
        "_add_squares": (types.none, types.UniTuple(float64, 4), row, row, row, row, row),
        "_exponentiate": (types.none, float64, row, float64, float64, row, row),
        "_sum_entries": (types.none, float64, row, float64, float64, row),
    }[name]
    text = assembly(getattr(plan_kernels, name), *arguments)
    assert not CALL.findall(text)
    assert not GATHER.findall(text)
    assert len(packed(r"fn?m(?:add|sub)\d+", "f64", text)) >= (4 if name == "_add_squares" else 10)

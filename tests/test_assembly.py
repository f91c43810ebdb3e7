"""The hot loops are what the machine does best: packed fused operations, no calls, no gathers."""

import re

import numba
import pytest
from llvmlite import binding
from numba import float32, float64, int64, types

from sinkhorn_nb.backends import cpu_kernels

CALL = re.compile(r"^\s*(?:call|jmp)q?\s+.*exp", re.MULTILINE)  # exp, exp2, expf, exp2f, vector variants
GATHER = re.compile(r"^\s*vp?gather", re.MULTILINE)


def widest_registers():
    features = binding.get_host_cpu_features() if binding.get_process_triple().startswith("x86_64") else {}
    if features.get("avx512f"):
        return "zmm"
    if features.get("avx2") and features.get("fma"):
        return "ymm"
    pytest.skip("the instructions are known for x86-64 with AVX2 or AVX-512")


def signature(number, d):
    vector, sums = number[::1], float64[::1]
    points = types.UniTuple(vector, d) if d else number[:, ::1]
    return types.void(points, vector, vector, points, vector, vector, int64, int64, sums, sums)


@pytest.fixture(
    scope="module", params=[(float32, 3), (float64, 3), (float32, 0)], ids=["f32-3", "f64-3", "f32-product"]
)
def assembly(request):
    """Of panel_sums with the options of the library, compiled here (a cached kernel has no assembly)."""
    number, d = request.param
    options = {name: cpu_kernels.panel_sums.targetoptions[name] for name in ("fastmath", "error_model")}
    compiled = numba.njit(**options)(cpu_kernels.panel_sums.py_func)
    compiled.compile(signature(number, d))
    (text,) = compiled.inspect_asm().values()
    return text, "s" if number is float32 else "d"


def test_exponential_is_inlined(assembly):
    assert not CALL.findall(assembly[0])


def test_nothing_is_gathered(assembly):
    assert not GATHER.findall(assembly[0])


def test_polynomial_and_sums_use_the_widest_registers(assembly):
    """At least the degree of the polynomial and the two sums."""
    text, letter = assembly
    fused = re.findall(rf"^\s*vfn?m(?:add|sub)\d+p{letter}\s.*%{widest_registers()}", text, re.MULTILINE)
    assert len(fused) >= 2 + (5 if letter == "s" else 10)
    assert re.search(rf"^\s*vmulp{letter}\s.*%{widest_registers()}", text, re.MULTILINE)

"""The code of the kernels of small problems for GPUs, compiled here as in `test_ptx`."""

import re
import tempfile
from collections import Counter
from functools import cache

import pytest
from numba import float64, int64, types
from test_ptx import SHARED_MEMORY, assembled, compiled, listed, loops

from sinkhorn_nb.backends.cuda.small_begin import begin
from sinkhorn_nb.backends.cuda.small_kernels import advancing
from sinkhorn_nb.backends.cuda.small_layout import FAR, NEAR, NEAR_ENTRIES, Inputs, Work

pytestmark = pytest.mark.slow

KERNELS = {"begin": lambda: begin, "near": lambda: advancing(NEAR), "far": lambda: advancing(FAR)}
# Bytes of registers that a thread fetches back from local memory, as counted: addresses, none of
# them in the loops over pairs. With 168 registers a thread, 3 blocks of the near kernel and 1 of
# the far one share a multiprocessor.
SPILLS = {
    (8, 0): {"begin": 12, "near": 448, "far": 436},
    (9, 0): {"begin": 12, "near": 828, "far": 1004},
}
SLACK = 64  # bytes that another version of the compilers may add


@cache
def ptx(name, cc=(9, 0)):
    vector, table = float64[::1], float64[:, ::1]
    inputs = types.NamedUniTuple(vector, 2, Inputs)
    work = types.NamedTuple((int64[:, ::1], table, table, table, vector), Work)
    steps = (int64, int64) if name == "begin" else (int64[::1], int64, int64)
    return compiled(KERNELS[name](), (inputs, work, *steps), cc)


@cache
def assembly(name, cc):
    """Loops of the machine code, inner ones first, and what the assembler reports."""
    with tempfile.TemporaryDirectory() as folder:
        code, report = assembled(ptx(name, cc), cc, folder)
        return loops(listed(code)), report


@pytest.mark.parametrize("cc", [(7, 0), (7, 5), (8, 0), (9, 0)])
@pytest.mark.parametrize("name", KERNELS)
def test_nothing_is_called_and_nothing_added_in_an_order_that_may_change(name, cc):
    text = ptx(name, cc)
    assert f".target sm_{cc[0]}{cc[1]}" in text
    assert not re.search(r"\.local|\bcall\b|\batom\.|\bred\.|\b(?:add|mul|fma|ex2)\S*\.f32", text)


@pytest.mark.parametrize("name", KERNELS)
def test_shared_memory_needs_no_leave(name):
    fixed = sum(map(int, re.findall(r"\.shared .*\[(\d+)\];", ptx(name))))
    entries = 8 * NEAR_ENTRIES if name == "near" else 0
    assert (".extern .shared" in ptx(name)) == (name == "near")
    assert 0 < fixed + entries <= SHARED_MEMORY


@pytest.mark.parametrize("cc", SPILLS)
@pytest.mark.parametrize("name", KERNELS)
def test_spilt_registers(name, cc):
    _, report = assembly(name, cc)
    found = re.search(r"(\d+) bytes spill stores, (\d+) bytes spill loads", report)
    assert max(map(int, found.groups())) <= SPILLS[cc][name] + SLACK


# Counted: 14.25 and 16.25 with K in shared memory, 17.25 in global memory.
@pytest.mark.parametrize(("name", "most"), [("near", 17), ("far", 18)])
def test_loops_over_pairs_keep_their_registers(name, most):
    """Products of K with a vector over the columns or rows, in annealing and in iterations."""
    instructions = []
    for loop in assembly(name, (9, 0))[0]:
        names = Counter(line.split()[0] for line in loop)
        reads = {"near": names["LDS.64"], "far": names["LDG.E.64"] / 2}[name]
        if names["DFMA"] == reads > 1 and not any(line.startswith(("ST", "BAR")) for line in loop):
            instructions.append(len(loop) / names["DFMA"])
            assert not names["LDL"] and not names["LDL.64"]
    assert len(instructions) >= 4
    assert sorted(instructions)[3] <= most

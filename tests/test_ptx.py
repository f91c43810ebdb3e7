"""The code of the kernels for several GPUs, compiled here without a GPU.

This needs numba-cuda and the compilers of CUDA; machine code is counted with ptxas and nvdisasm.
All come as wheels.
"""

import re
import shutil
import subprocess
import tempfile
from collections import Counter
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest
from numba import float32, float64, int64, types

INSTALL = "pip install numba-cuda nvidia-cuda-nvcc-cu12 nvidia-cuda-nvrtc-cu12 nvidia-cuda-nvdisasm"
core = pytest.importorskip("numba.cuda.core", reason=f"no numba-cuda: {INSTALL}")
from numba import cuda  # noqa: E402
from numba.cuda import dispatcher  # noqa: E402

from sinkhorn_nb.backends.cuda import kernels as cuda_kernels  # noqa: E402
from sinkhorn_nb.backends.cuda.backend import VALUES  # noqa: E402
from sinkhorn_nb.backends.cuda.device import REGISTERS  # noqa: E402
from sinkhorn_nb.backends.cuda.kernels import Side, sums_kernel  # noqa: E402
from sinkhorn_nb.backends.cuda.log_sums import log_sums_kernel  # noqa: E402
from sinkhorn_nb.backends.cuda.tiles import shape_of  # noqa: E402

if core.config.ENABLE_CUDASIM:
    pytest.skip("the simulator compiles nothing", allow_module_level=True)

pytestmark = pytest.mark.slow

NUMBERS = {"float32": float32, "float64": float64}
PASSES = ["sums", "self", "transport", "log_sums"]
KINDS = [(name, "float32", d) for name in PASSES for d in (3, 64)] + [
    (name, "float64", 3) for name in PASSES
]
SOME = [("sums", "float32", 3), ("transport", "float32", 64)]
EACH = [(*kind, (9, 0)) for kind in KINDS] + [
    (*kind, cc) for cc in ((7, 5), (8, 0)) for kind in SOME
]
EXP2 = "ex2.approx.ftz.f32"
SHARED_MEMORY = 48 * 1024


def kernel_of(name, dtype, d):
    shape = shape_of(dtype, d)
    if name == "log_sums":
        return log_sums_kernel(dtype, shape)
    if name == "transport":
        return sums_kernel(dtype, shape, VALUES[dtype][-1], False, False)
    return sums_kernel(dtype, shape, 1, True, name == "self")


def compiled(kernel, arguments, cc):
    """PTX; numba asks the device at hand what the functions called are compiled for: none need be
    there.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            dispatcher, "get_current_device", lambda: SimpleNamespace(compute_capability=cc)
        )
        try:
            text, _ = cuda.compile_ptx(kernel.py_func, arguments, cc=cc)
        except Exception as error:
            if re.search("libnv(vm|rtc)", str(error), re.IGNORECASE):
                pytest.skip(f"no compiler of CUDA: {INSTALL}")
            raise
    return text


def side_of(number, failed=int64):
    """The type of one side of a pass."""
    table, vector, points = int64[:, ::1], float64[::1], number[:, ::1]
    scalars = number, number, failed
    return types.NamedTuple(
        (points, float64[:, ::1], table, int64[::1], vector, vector, points, *scalars), Side
    )


@cache
def ptx(name, dtype, d, cc=(9, 0)):
    side, sums = side_of(NUMBERS[dtype]), float64[:, :, ::1]
    return compiled(kernel_of(name, dtype, d), (side, side, sums, sums, int64, int64), cc)


def hot_blocks(text):
    """Straight pieces of code with exponentials of a tile."""
    return [
        block for block in re.split(r"^\$L\w+:", text, flags=re.MULTILINE) if block.count(EXP2) >= 4
    ]


@pytest.mark.parametrize(("name", "dtype", "d", "cc"), EACH)
def test_registers_and_order(name, dtype, d, cc):
    """Nothing is kept in (slow) local memory, nothing called, and nothing added in an order that
    may change.
    """
    text = ptx(name, dtype, d, cc)
    assert f".target sm_{cc[0]}{cc[1]}" in text
    assert not re.search(r"\.local|\bcall\b|\batom\.|\bred\.", text)


@pytest.mark.parametrize(("name", "dtype", "d"), KINDS)
def test_shared_memory_needs_no_leave(name, dtype, d):
    sizes = re.findall(r"\.shared .*\[(\d+)\];", ptx(name, dtype, d))
    assert 0 < sum(map(int, sizes)) <= SHARED_MEMORY


@pytest.mark.parametrize("name", PASSES)
@pytest.mark.parametrize("d", [3, 64])
def test_exponential_is_one_instruction_and_pairs_are_float32(name, d):
    blocks = hot_blocks(ptx(name, "float32", d))
    assert blocks
    for block in blocks:
        assert ".f64" not in block and "ex2.approx.f32" not in block


def test_double_pairs_are_not_rounded():
    assert ".f32" not in ptx("sums", "float64", 3)


@pytest.mark.parametrize("name", ["total_kernel", "log_total_kernel", "share_kernel"])
def test_kernels_that_add_up(name):
    parts, vector = float64[:, ::1], float64[::1]
    arguments = {
        "total_kernel": (float32[:, ::1], vector, vector),
        "log_total_kernel": (parts, parts, vector),
        "share_kernel": (float32[:, ::1], vector, int64, parts),
    }
    text = compiled(getattr(cuda_kernels, name), arguments[name], (9, 0))
    assert not re.search(r"\.local|\batom\.|\bred\.", text)


def tool(name):
    """A program of CUDA: on the path, or in a wheel."""
    wheels = Path(pytest.__file__).parents[1] / "nvidia"
    found = shutil.which(name) or next(map(str, wheels.glob(f"*/bin/{name}")), None)
    return found or pytest.skip(f"no {name}: {INSTALL}")


def assembled(text, cc, folder):
    """The file of machine code, and what the assembler reports of it."""
    source, code = Path(folder, "k.ptx"), Path(folder, "k.cubin")
    source.write_text(text)
    command = [
        tool("ptxas"),
        "-v",
        f"-arch=sm_{cc[0]}{cc[1]}",
        f"-maxrregcount={REGISTERS}",
        source,
        "-o",
        code,
    ]
    return code, subprocess.run(command, check=True, capture_output=True, text=True).stderr


@cache
def machine_code(name, d):
    """The loops on compute capability 9.0, float32."""
    return loops_of(ptx(name, "float32", d))


def loops_of(text):
    """The loops of a kernel on compute capability 9.0."""
    with tempfile.TemporaryDirectory() as folder:
        code, _ = assembled(text, (9, 0), folder)
        return loops(listed(code))


def listed(code):
    """The instructions in a file of machine code."""
    return subprocess.run(
        [tool("nvdisasm"), code], check=True, capture_output=True, text=True
    ).stdout


def loops(listing):
    """The loops of machine code, inner ones first."""
    instructions, labels, found_loops = [], {}, []
    for line in listing.splitlines():
        if label := re.match(r"\s*(\.L_x_\w+):", line):
            labels[label[1]] = len(instructions)
        elif found := re.match(r"\s*/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+ +)?(.*?);", line):
            instructions.append(found[1].strip())
            back = re.match(r"BRA.*`\((\.L_x_\w+)\)", found[1])
            if back and back[1] in labels:
                found_loops.append(instructions[labels[back[1]] :])
    return sorted(found_loops, key=len)


# Counted: 5.88, 7.88 and 7.88, with numba-cuda 0.20 and 0.30. A pair takes at least the time of 8,
# that of its exponential: up to 8 instructions cost nothing.
@pytest.mark.parametrize(
    ("name", "d", "most"),
    [
        ("sums", 1, 6.1),
        ("sums", 3, 8.0),
        ("self", 3, 8.0),
    ],
)
def test_instructions_a_pair(name, d, most):
    check_loop_over_pairs(machine_code(name, d), most)


def check_loop_over_pairs(found_loops, most):
    """At most so many instructions per pair, none of them with float64 or memory off the chip."""
    loop = next(loop for loop in found_loops if sum("MUFU.EX2" in line for line in loop) >= 4)
    names = Counter(line.split()[0] for line in loop)
    assert len(loop) / names["MUFU.EX2"] <= most
    assert names["LDS.128"] + names["LDS.64"] >= 4
    assert not [
        line
        for line in names
        if line.startswith(("LDL", "STL", "DFMA", "DADD", "DMUL", "F2F", "LDG"))
    ]


def test_instructions_a_product_of_long_points():
    """Counted: 1.35 for each coordinate of a pair, fetching them and waiting for each other
    included.
    """
    loop = next(
        loop for loop in machine_code("sums", 64) if sum("FFMA" in line for line in loop) >= 64
    )
    names = Counter(line.split()[0] for line in loop)
    assert len(loop) / names["FFMA"] <= 1.5
    assert names["LDS.128"] == 16 and not names["LDS"] and not names["LDL"]


# Bytes of registers that a thread fetches back from local memory, anywhere in the kernel: for
# KINDS, as counted.
SPILLS = {
    (8, 0): [116, 180, 156, 208, 80, 548, 88, 280, 44, 216, 12, 0],
    (9, 0): [0, 0, 0, 84, 0, 420, 0, 0, 0, 56, 4, 8],
}
SLACK = 64  # bytes that another version of the compilers may add


@pytest.mark.parametrize("cc", SPILLS)
@pytest.mark.parametrize(("name", "dtype", "d"), KINDS)
def test_spilt_registers(name, dtype, d, cc):
    """PTX has registers without end: the assembler knows which of them fit. `transport` of long
    points spills most.
    """
    with tempfile.TemporaryDirectory() as folder:
        _, report = assembled(ptx(name, dtype, d, cc), cc, folder)
    found = re.search(r"(\d+) bytes spill stores, (\d+) bytes spill loads", report)
    most = SPILLS[cc][KINDS.index((name, dtype, d))] + SLACK
    assert max(map(int, found.groups())) <= most


# Counted: 39 accesses to local memory beside 4096 products, in `transport` alone.
@pytest.mark.parametrize(
    ("name", "most"), [("sums", 0), ("self", 0), ("log_sums", 0), ("transport", 41)]
)
def test_spilt_registers_in_the_loop_over_pairs_of_long_points(name, most):
    loop = next(
        loop for loop in machine_code(name, 64) if sum("MUFU.EX2" in line for line in loop) >= 4
    )
    assert sum(line.startswith(("LDL", "STL")) for line in loop) <= most

"""Compilation is noticed when it happens, and not when kernels come from the cache."""

import os
import subprocess
import sys
from pathlib import Path

import numba
import pytest

import sinkhorn_nb
from sinkhorn_nb.backends.compilation import noticed

pytestmark = pytest.mark.slow

ROOT = Path(sinkhorn_nb.__file__).parents[1]
MODULE = """
from sinkhorn_nb.backends.jit import kernel
@kernel
def plus_one(x):
    return x + 1
"""
SCRIPT = """
from kernels import plus_one
from sinkhorn_nb.backends.compilation import noticed
with noticed() as kernels:
    plus_one(1)
    plus_one(2)
print(kernels.count)
"""


def test_the_first_compilation_is_told_and_all_are_counted():
    function, told = numba.njit(lambda x: x + 1), []
    with noticed(lambda: told.append("compiling")) as kernels:
        assert (told, kernels.count) == ([], 0)
        function(1)
        function(1.0)
        assert (told, kernels.count) == (["compiling"], 2)
        function(2)
    function(1j)
    assert (told, kernels.count) == (["compiling"], 2)


def test_it_is_told_before_the_compiler_works():
    """Its user waits already."""

    def stop():
        raise KeyboardInterrupt

    function = numba.njit(lambda x: x + 1)
    try:
        with noticed(stop):
            function(1)
    except KeyboardInterrupt:
        pass
    assert function.signatures == []


def counts_of_two_processes(folder, **environment):
    """The numbers of kernels that each of two processes compiles."""
    (folder / "kernels.py").write_text(MODULE)
    package = str(Path(sinkhorn_nb.__file__).parents[1])
    command = [sys.executable, "-c", SCRIPT]
    runs = [
        subprocess.run(
            command,
            cwd=folder,
            env=os.environ | environment | {"PYTHONPATH": package},
            capture_output=True,
            text=True,
            check=True,
        )
        for _ in range(2)
    ]
    return [int(done.stdout) for done in runs]


def test_kernels_from_the_cache_are_not_compiled(tmp_path):
    assert counts_of_two_processes(tmp_path, NUMBA_CACHE_DIR=str(tmp_path / "cache")) == [1, 0]


def test_a_folder_for_the_library_alone(tmp_path):
    numba_folder, own = tmp_path / "numba", tmp_path / "own"
    folders = {"NUMBA_CACHE_DIR": str(numba_folder), "SINKHORN_NB_CACHE": str(own)}
    assert counts_of_two_processes(tmp_path, **folders) == [1, 0]
    assert list(own.rglob("*.nbi")) and not numba_folder.exists()


def test_nothing_is_kept(tmp_path):
    folders = {"NUMBA_CACHE_DIR": str(tmp_path / "cache"), "SINKHORN_NB_CACHE": "off"}
    assert counts_of_two_processes(tmp_path, **folders) == [1, 1]
    assert not list(tmp_path.rglob("*.nbi"))


WARM = """
import numpy as np
import sinkhorn_nb as snb
from sinkhorn_nb.backends.compilation import noticed
from sinkhorn_nb.app.warmup import warm_up
warm_up({dtype!r}, 3)
rng = np.random.default_rng(0)
with noticed() as kernels:
    for n, blur in ((40, 0.02), (900, 0.3), (900, 0.02)):
        x, y = rng.random((2, n, 3)).astype({dtype!r})
        divergence = snb.sinkhorn_divergence(x, y + 0.2, blur=blur)
        divergence.gradient(), divergence.xy.map(), divergence.xy.f
        snb.entropic_ot(x, y, blur=blur)
    snb.sinkhorn_divergences([x[:9], x[:5]], [y[:9], y[:7]], blur=blur).gradient()
print(kernels.count)
"""


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nothing_of_the_main_job_is_compiled_after_the_warm_up(dtype):
    done = subprocess.run(
        [sys.executable, "-c", WARM.format(dtype=dtype)], capture_output=True, text=True, cwd=ROOT
    )
    assert (done.stdout.strip(), done.stderr) == ("0", "")

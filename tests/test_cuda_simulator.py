"""The CUDA backend without a GPU: its kernels in numba's simulator, a process of their own, and its
errors.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import sinkhorn_nb as snb
from sinkhorn_nb.backends import choice
from sinkhorn_nb.backends.cpu.backend import CpuBackend

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
X = np.linspace(0, 1, 8)[:, None]


def run(*arguments, **environment):
    environment["PYTHONPATH"] = str(Path(snb.__file__).parents[1])
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=HERE,
        capture_output=True,
        text=True,
        env=os.environ | environment,
    )


def test_kernels_in_the_simulator():
    names = (
        "backends_agree",
        "cuda_arrays",
        "cuda_compression",
        "cuda_costs",
        "cuda_grids",
        "cuda_heavy_pairs",
        "cuda_matrices",
        "cuda_small",
        "gpu_memory",
    )
    files = [f"test_{name}.py" for name in names]
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", *files, NUMBA_ENABLE_CUDASIM="1")
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 50 and "skipped" not in done.stdout


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(choice, "no_gpu", lambda: "the driver's library libcuda.so.1 was not found")


def test_no_gpu_is_one_clear_error_and_the_next_call_works(no_gpu):
    with pytest.raises(
        ValueError, match=r'backend: expected a usable GPU .* libcuda.* pip install "sinkhorn-nb'
    ):
        snb.entropic_ot(X, X + 1, blur=0.1, solver=snb.Sinkhorn(backend="cuda"))
    assert snb.entropic_ot(X, X + 1, blur=0.1).converged


@pytest.mark.parametrize("name", ["cpu", "auto"])
def test_no_gpu_is_looked_for_in_vain(name, monkeypatch):
    monkeypatch.setattr(choice, "no_gpu", lambda: pytest.fail("looked for"))
    assert isinstance(choice.choose(name), CpuBackend)


def test_unknown_backend():
    with pytest.raises(
        ValueError, match="backend: expected one of 'auto', 'cpu', 'cuda', got 'gpu'"
    ):
        snb.Sinkhorn(backend="gpu")


def test_cuda_is_not_imported_by_a_solve_on_the_cpu():
    code = """
import sys, numpy as np, sinkhorn_nb as snb
x = np.linspace(0, 1, 8)[:, None]
snb.sinkhorn_divergence(x, x + 1, blur=0.5)
print("numba.cuda" in sys.modules)
"""
    done = run("-c", code)
    assert (done.stdout.strip(), done.stderr) == ("False", "")

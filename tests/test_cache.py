"""If numba has no folder for its cache, the library compiles each time and gives no warning."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import sinkhorn_nb

pytestmark = pytest.mark.slow

CODE = """
import numpy as np, sinkhorn_nb as snb
from sinkhorn_nb.backends.cpu import kernels as cpu_kernels
x = np.linspace(0, 1, 20)[:, None]
value = snb.entropic_ot(x, x + 1, blur=0.3).value
assert abs(value - 0.5) < 0.1, value
print(snb.__file__, type(cpu_kernels.panel_sums._cache).__name__)
"""


def solve(folder, **environment):
    """Solve a problem in a fresh interpreter, with the package in a folder."""
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith("NUMBA_CACHE")
    }
    done = subprocess.run(
        [sys.executable, "-B", "-W", "error", "-c", CODE],
        cwd=folder,
        env={**clean, "PYTHONPATH": str(folder), **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    where, cache = done.stdout.split()
    assert Path(where).is_relative_to(folder)
    return cache


@pytest.fixture
def copied_package(tmp_path):
    package = Path(sinkhorn_nb.__file__).parent
    shutil.copytree(package, tmp_path / "sinkhorn_nb", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_no_folder_can_be_written(copied_package):
    """Files stand where folders would be made: this stops root too."""
    backends = copied_package / "sinkhorn_nb" / "backends"
    for folder in (backends, backends / "cpu"):
        (folder / "__pycache__").write_text("no folder")
    (copied_package / "file").write_text("no folder")
    nowhere = str(copied_package / "file" / "cache")
    cache = solve(copied_package, NUMBA_CACHE_DIR=nowhere, HOME=nowhere, XDG_CACHE_HOME=nowhere)
    assert cache == "NullCache"


def test_the_folder_asked_for_is_a_file(copied_package):
    (copied_package / "file").write_text("no folder")
    solve(copied_package, NUMBA_CACHE_DIR=str(copied_package / "file"))


def test_cache_is_used_where_there_is_a_folder(copied_package):
    folder = copied_package / "cache"
    assert solve(copied_package, NUMBA_CACHE_DIR=str(folder)) == "FunctionCache"
    kept = list(folder.rglob("*.nbi"))
    assert any("solve_range" in path.name for path in kept)

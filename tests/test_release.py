"""A release holds the package and nothing else, with its metadata."""

import email
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import sinkhorn_nb

ROOT = Path(__file__).parents[1]
PARTS = ("sinkhorn_nb", "setup.cfg", "pyproject.toml", "README.md", "LICENSE", "CITATION.cff")
ALSO = ("MANIFEST.in", "CHANGELOG.md", "CONTRIBUTING.md", "tests")
BUILD = (
    "from setuptools import build_meta; build_meta.build_sdist('dist'); "
    "build_meta.build_wheel('dist')"
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    """The folder of a source distribution and a wheel, built from a copy of the sources."""
    setuptools = pytest.importorskip("setuptools")
    if tuple(map(int, setuptools.__version__.split(".")[:2])) < (70, 1):
        pytest.importorskip("wheel", reason="setuptools makes wheels by itself since 70.1")
    folder = tmp_path_factory.mktemp("release")
    for part in PARTS + ALSO:
        if (ROOT / part).is_dir():
            without_caches = shutil.ignore_patterns("__pycache__", "*.nbi", "*.nbc")
            shutil.copytree(ROOT / part, folder / part, ignore=without_caches)
        else:
            shutil.copy(ROOT / part, folder)
    another = folder / "benchmarks"
    another.mkdir()
    (another / "__init__.py").touch()
    done = subprocess.run(
        [sys.executable, "-c", BUILD], cwd=folder, env=os.environ, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return folder / "dist"


@pytest.fixture(scope="module")
def wheel(dist):
    (path,) = dist.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def metadata(wheel, name):
    (path,) = (entry for entry in wheel.namelist() if entry.endswith(f".dist-info/{name}"))
    return wheel.read(path).decode()


def test_the_wheel_holds_every_module_and_its_types(wheel):
    files = {str(path.relative_to(ROOT).as_posix()) for path in ROOT.glob("sinkhorn_nb/**/*.py")}
    packaged = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert packaged == files | {"sinkhorn_nb/py.typed"}


def test_the_wheel_runs_on_any_machine_and_says_what_it_is(wheel):
    about = email.message_from_string(metadata(wheel, "METADATA"))
    assert (about["Name"], about["Version"]) == ("sinkhorn-nb", sinkhorn_nb.__version__)
    assert about["Requires-Python"] == ">=3.10"
    assert about["License-Expression"] or about["License"] == "BSD-3-Clause"
    assert about.get_payload().startswith("# sinkhorn_nb")
    assert "Root-Is-Purelib: true" in metadata(wheel, "WHEEL")
    assert "sinkhorn-nb = sinkhorn_nb.app.cli:main" in metadata(wheel, "entry_points.txt")
    assert any(name.endswith("LICENSE") for name in wheel.namelist())


def test_the_source_distribution_can_be_built_again(dist):
    (path,) = dist.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"setup.cfg", "pyproject.toml", "README.md", "LICENSE"} <= names
    assert {"sinkhorn_nb/py.typed", "sinkhorn_nb/backends/cpu/__init__.py"} <= names
    assert {"CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md"} <= names
    tests = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("tests/**/*.py")}
    assert tests <= names


def test_the_citation_has_the_version_of_the_package():
    (line,) = (
        line
        for line in (ROOT / "CITATION.cff").read_text(encoding="utf-8").splitlines()
        if line.startswith("version:")
    )
    assert line.split()[1] == sinkhorn_nb.__version__

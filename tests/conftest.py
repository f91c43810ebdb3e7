"""Settings that must be made before the library is imported: its cache folder, threads, the
Hypothesis profile.
"""

import hashlib
import os
import signal
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

KERNELS = Path(__file__).parents[1] / "sinkhorn_nb" / "backends"


def cache_folder():
    """One folder for each version of the kernels: numba does not notice edits in imported files."""
    sources = b"".join(path.read_bytes() for path in sorted(KERNELS.rglob("*.py")))
    return (
        Path(tempfile.gettempdir())
        / f"sinkhorn_nb_tests_{hashlib.sha256(sources).hexdigest()[:16]}"
    )


os.environ.setdefault("NUMBA_CACHE_DIR", str(cache_folder()))
os.environ.setdefault("NUMBA_NUM_THREADS", str(max(2, os.cpu_count() or 1)))

for profile, max_examples in {"quick": 5, "default": 20, "thorough": 500}.items():
    settings.register_profile(
        profile,
        deadline=None,
        max_examples=max_examples,
        derandomize=False,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow],  # the first example compiles
    )
# Shells start background jobs with Ctrl-C ignored
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture
def work(monkeypatch):
    """The pairs that the CPU has visited so far, by (n, m, dtype)."""
    from counts import pairs_visited  # not before the settings above

    return pairs_visited(monkeypatch)


@pytest.fixture
def libraries(monkeypatch):
    """The fake libraries of device arrays in the places of the real ones."""
    import device_arrays

    device_arrays.install(monkeypatch)


@pytest.fixture
def few_clusters(monkeypatch):
    """The coarse problem of a linear system has 4 clusters: else it is the whole of a small one."""
    from sinkhorn_nb.gradients import linear_system

    monkeypatch.setattr(linear_system, "CLUSTERS", (4, 4))


@pytest.fixture(scope="module")
def by_the_loop():
    """Small problems, too, take the loop over passes."""
    from sinkhorn_nb.solver import small  # not before the settings above

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(small, "LARGEST_STARTED", 0)
        patch.setattr(small, "LARGEST", 0)
        yield

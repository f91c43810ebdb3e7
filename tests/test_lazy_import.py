"""Public names are imported at their first use, and behave as if they had always been there."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import sinkhorn_nb

ROOT = Path(sinkhorn_nb.__file__).parents[1]
SUBMODULES = ["estimators", "initializers", "plotting"]


def run(code):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=ROOT, capture_output=True, text=True
    )


def printed(code):
    done = run(code)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def test_dir_shows_public_names_only():
    expected = sorted([*sinkhorn_nb.__all__, *SUBMODULES, "__version__"])
    assert dir(sinkhorn_nb) == expected
    assert printed("import sinkhorn_nb; print(dir(sinkhorn_nb))") == str(expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", SUBMODULES)
def test_public_submodules_need_no_import_of_their_own(name):
    assert (
        printed(f"import sinkhorn_nb; print(sinkhorn_nb.{name}.__name__)") == f"sinkhorn_nb.{name}"
    )


@pytest.mark.slow
def test_a_name_is_looked_up_once():
    code = "import sinkhorn_nb as snb; 'Plan' in vars(snb) or snb.Plan; print('Plan' in vars(snb))"
    assert printed(code) == "True"


@pytest.mark.slow
def test_star_import_brings_every_public_name():
    code = (
        "import sinkhorn_nb; from sinkhorn_nb import *; print(set(sinkhorn_nb.__all__) <= "
        "set(globals()))"
    )
    assert printed(code) == "True"


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="module 'sinkhorn_nb' has no attribute 'transport'"):
        sinkhorn_nb.transport()
    assert not hasattr(sinkhorn_nb, "transport")
    with pytest.raises(ImportError, match="transport"):
        from sinkhorn_nb import transport  # noqa: F401


def test_type_checkers_see_what_is_there_at_run_time():
    """The names imported for type checkers, from the modules that they come from at run time."""
    tree = ast.parse(Path(sinkhorn_nb.__file__).read_text(encoding="utf-8"))
    block = next(
        node
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    static = {alias.name: node.module for node in block.body for alias in node.names}
    assert static == sinkhorn_nb._HOMES | dict.fromkeys(SUBMODULES)
    assert sorted(sinkhorn_nb._HOMES) == sorted(sinkhorn_nb.__all__)


def test_no_public_name_is_that_of_a_module():
    """A module that is imported would take the place of the name."""
    modules = {path.stem for path in Path(sinkhorn_nb.__file__).parent.iterdir()}
    assert modules.isdisjoint(sinkhorn_nb.__all__)


@pytest.mark.slow
def test_a_pickle_loads_before_anything_was_asked_for():
    code = """
import pickle, subprocess, sys
import sinkhorn_nb as snb
data = pickle.dumps(snb.entropic_ot([[0.0], [1.0]], [[2.0], [3.0]], blur=0.5))
load = "import pickle, sys; print(pickle.load(sys.stdin.buffer).value)"
print(subprocess.run([sys.executable, "-c", load], input=data, capture_output=True).stdout.decode().strip())
"""
    assert float(printed(code)) == pytest.approx(2.0, rel=0.1)


@pytest.mark.slow
def test_threads_may_ask_for_names_at_the_same_time():
    code = """
import threading
import sinkhorn_nb as snb
start, found, names = threading.Barrier(12), {}, (snb.__all__ + ["initializers", "plotting"])[:12]
def ask(name):
    start.wait()
    found[name] = getattr(snb, name).__doc__
threads = [threading.Thread(target=ask, args=(name,)) for name in names]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(found) == 12 and all(found.values()))
"""
    for _ in range(3):
        assert printed(code) == "True"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
def test_a_child_imports_though_a_thread_of_its_parent_was_importing():
    code = """
import os, threading
import sinkhorn_nb as snb
is_held, is_done = threading.Event(), threading.Event()
def hold():
    with snb._importing:
        is_held.set()
        is_done.wait()
threading.Thread(target=hold, daemon=True).start()
is_held.wait()
child = os.fork()
if child == 0:
    snb.Status
    os._exit(7)
is_done.set()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert printed(code) == "7"

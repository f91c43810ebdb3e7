"""Type checkers and editors know what the public functions take and what they return."""

import inspect
import re
import sys
from pathlib import Path

import pytest

import sinkhorn_nb

pytestmark = pytest.mark.slow

api = pytest.importorskip("mypy.api")
ROOT = Path(__file__).parents[1]
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
USER = """
import numpy as np
import sinkhorn_nb as snb

x, v = np.ones((3, 2)), np.ones(3)
d = snb.sinkhorn_divergence(x, x, blur=0.1, solver=snb.Sinkhorn(tol=1e-6, backend="cpu"))
many = snb.sinkhorn_divergences([x, x], [x, x], blur=0.1)
"""
OPEN = {"Plan.dot", "Sinkhorn.set_params"}  # typed by overloads; refuses what it is given
FLOATS, INTEGERS, BOOLEANS = "array of float64", "array of int64", "array of bool"
REVEALED = {
    "d": "Divergence",
    "float(d)": "float",
    "d.value": "float",
    "2 * d - 1": "float",
    "max(d, d).converged": "bool",
    "round(d, 3)": "float",
    "d.gradient().x": FLOATS,
    "d.hessian_vector_product(x).linear_solve.residual": "float",
    "d.potentials[0]": FLOATS,
    "d.xy": "Solution",
    "d.xy.value": "float",
    "d.xy.message": "str",
    "d.xy.map([[0.0, 1.0]])": FLOATS,
    "d.xy.pullback(map=x).y": FLOATS,
    "d.xy.plan @ v": FLOATS,
    "d.xy.plan.T @ v": FLOATS,
    "d.xy.plan.dot(v)": FLOATS,
    "d.xy.plan.sum()": "float",
    "d.xy.plan.sum(axis=1)": FLOATS,
    "np.asarray(many)": FLOATS,
    "d.xy.plan.shape": "tuple[int, int]",
    "d.xy.plan.topk(2).values": FLOATS,
    "d.xy.problem.source": "Measure",
    "many[0]": "Divergence",
    "many[:1]": "Divergences",
    "many.value": FLOATS,
    "many.n_iter": INTEGERS,
    "many.converged": BOOLEANS,
    "[each.value for each in many]": "list[float]",
    "snb.entropic_ot([[0.0]], [[1.0]], blur=0.1)": "Solution",
    "snb.pairwise_sinkhorn_divergence([x, x], blur=0.1)": FLOATS,
    "snb.soft_sort([2.0, 1.0], blur=0.1).values": FLOATS,
    "snb.suggest_blur(x)": "float",
}
FINE = [
    "d * v + v @ d.xy.plan",
    'f"{np.sqrt(d):.3f} {min(many):.3f}"',
    "snb.Sinkhorn(init=d, callback=print)",
    'snb.Sinkhorn(init=(v, v), dtype="float32")',
    "snb.Sinkhorn(init=snb.initializers.Gaussian())",
    "snb.sinkhorn_divergences([x, x], [[[0.0, 1.0]], x], [None, v], blur=np.float64(0.1))",
    "snb.sinkhorn_divergences(np.ones((2, 3, 1)), np.ones((2, 4, 1)), blur=1)",
    "snb.entropic_ot(x, x, v, v.tolist(), blur=0.1).plan.block([0, 1], slice(2))",
]
MISTAKES = {
    'snb.sinkhorn_divergence(x, x, blur="0.1")': 'Argument "blur" .* has incompatible type "str"; expected "float | None"',
    "snb.sinkhorn_divergence(x, x, epsilon=0.1)": 'Unexpected keyword argument "epsilon"',
    "snb.sinkhorn_divergence(x, blur=0.1)": 'Missing positional argument "y"',
    "snb.sinkhron_divergence(x, x, blur=0.1)": 'has no attribute "sinkhron_divergence"',
    'snb.Sinkhorn(backend="gpu")': 'Argument "backend" .* has incompatible type',
    'd.value + ""': "Unsupported operand types",
    "many[0][0]": 'Value of type "Divergence" is not indexable',
}


@pytest.fixture(autouse=True)
def this_checkout(monkeypatch):
    monkeypatch.setenv("MYPYPATH", str(ROOT))


def checked(lines, tmp_path):
    """What mypy says of each line of a user's program; none of the library's own files is checked."""
    program = tmp_path / "program.py"
    program.write_text(USER + "\n".join(lines) + "\n", encoding="utf-8")
    config = tmp_path / "mypy.ini"
    untyped = (
        "scipy",
        "sklearn",
        "numba",
        "llvmlite",
        "tqdm",
        "joblib",
        "threadpoolctl",
        "matplotlib",
        "PIL",
    )
    config.write_text(
        "[mypy]\nstrict = True\n[mypy-sinkhorn_nb.*]\nfollow_imports = silent\n"
        f"[mypy-{','.join(f'{name}.*' for name in untyped)}]\nignore_missing_imports = True\n",
        encoding="utf-8",
    )
    options = ["--config-file", str(config), "--cache-dir", str(tmp_path.parent / "mypy_cache")]
    said, errors, _ = api.run([*options, "--python-version", PYTHON, str(program)])
    assert not errors, errors
    first = len(USER.splitlines()) + 1
    found = re.findall(r"program\.py:(\d+): (?:note|error): (.*)", said)
    assert all(int(number) >= first for number, _ in found), said
    return [[text for number, text in found if int(number) == first + k] for k in range(len(lines))]


def plain(revealed):
    """A type in plain words; NumPy's releases differ in how they spell those of arrays."""
    text = re.search(r'Revealed type is "(.*)"', revealed).group(1)
    text = re.sub(
        r"numpy\.ndarray\[(?:Any|tuple\[.*?\]), numpy\.dtype\[(.*)\]\]$", r"array of \1", text
    )
    text = re.sub(r"numpy\.(?:floating|float64)(\[.*64Bit\])?", "float64", text)
    text = re.sub(r"numpy\.(?:signedinteger|int64)(\[.*64Bit\])?", "int64", text)
    text = re.sub(r"numpy\.bool(_|\[.*\])?$", "bool", text)
    return re.sub(r"builtins\.|sinkhorn_nb\.(\w+\.)*", "", text)


def test_a_user_s_editor_knows_what_each_result_is(tmp_path):
    said = checked([f"reveal_type({expression})" for expression in REVEALED], tmp_path)
    assert {
        name: [plain(text) for text in texts] for name, texts in zip(REVEALED, said, strict=True)
    } == {name: [expected] for name, expected in REVEALED.items()}


def test_what_may_be_passed_may_be_passed(tmp_path):
    assert checked(FINE, tmp_path) == [[] for _ in FINE]


def test_mistakes_are_seen_before_the_program_runs(tmp_path):
    said = checked(list(MISTAKES), tmp_path)
    for (line, expected), texts in zip(MISTAKES.items(), said, strict=True):
        assert any(re.search(expected, text) for text in texts), (line, texts)


def functions(name):
    """The public functions behind a public name: itself, or the methods and properties of a class."""
    value = getattr(sinkhorn_nb, name)
    if not isinstance(value, type):
        return {name: inspect.unwrap(value)}
    own = [base for base in value.__mro__ if base.__module__.startswith("sinkhorn_nb.")]
    members = {
        key: member for base in own for key, member in vars(base).items() if not key.startswith("_")
    }
    found = {
        key: getattr(member, "fget", getattr(member, "_function", member))
        for key, member in members.items()
    }
    found = {f"{name}.{key}": getattr(member, "__func__", member) for key, member in found.items()}
    return {key: member for key, member in found.items() if inspect.isfunction(member)}


@pytest.mark.parametrize("name", sinkhorn_nb.__all__)
def test_public_functions_say_what_they_take_and_return(name):
    for qualified, function in functions(name).items():
        types = function.__annotations__
        untyped = set(inspect.signature(function).parameters) - {"self", "cls"} - set(types)
        assert "return" in types and not untyped, qualified
        assert qualified in OPEN or "Any" not in types.values(), qualified


def test_the_library_is_checked_strictly(monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    said, errors, code = api.run(["--cache-dir", str(tmp_path)])
    assert code == 0, said + errors

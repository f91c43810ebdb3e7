"""The shape of the code: imports point down, files and functions are small, examples run."""

import ast
import doctest
import importlib
import io
import pkgutil
import re
import subprocess
import sys
import tokenize
from collections import Counter
from pathlib import Path

import pytest

import sinkhorn_nb

ROOT = Path(__file__).parents[1]
PACKAGE = Path(sinkhorn_nb.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(sinkhorn_nb.__path__, "sinkhorn_nb.")
    if not module.name.endswith("__main__")
)
PUBLIC = [
    "Barycenter",
    "BatchAligner",
    "ConvergenceWarning",
    "Divergence",
    "Divergences",
    "EntropicAligner",
    "EntropicQuantileTransformer",
    "Gradient",
    "Grid",
    "HausdorffDivergence",
    "MMD",
    "Measure",
    "Negentropy",
    "Plan",
    "Problem",
    "Sinkhorn",
    "SinkhornDriftDetector",
    "SinkhornKMeans",
    "SoftValues",
    "Solution",
    "Status",
    "TwoSampleTest",
    "WassersteinBounds",
    "entropic_ot",
    "entropic_ot_matrix",
    "hausdorff_divergence",
    "mmd",
    "pairwise_sinkhorn_divergence",
    "sinkhorn_barycenter",
    "sinkhorn_divergence",
    "sinkhorn_divergence_matrix",
    "sinkhorn_divergences",
    "sinkhorn_negentropy",
    "sinkhorn_two_sample_test",
    "soft_quantile",
    "soft_rank",
    "soft_sort",
    "suggest_blur",
    "wasserstein_bounds",
]
LONGEST_FILE, LONGEST_FUNCTION, LONGEST_KERNEL = 345, 60, 80
DENSEST_MEAN, DENSEST_TENTH, RICHEST_TENTH = 4, 9, 90
FUNCTIONS = ast.FunctionDef, ast.AsyncFunctionDef
EXPRESSIONS = (
    ast.Name, ast.Attribute, ast.Call, ast.BinOp, ast.Subscript, ast.Compare, ast.UnaryOp,
    ast.BoolOp,
)  # fmt: skip
NO_CODE = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
    tokenize.ENDMARKER,
}  # fmt: skip
MOST_ARGUMENTS = 7
# Their arguments are what users need
FREE = {
    "estimators.aligner.EntropicAligner.__init__",
    "estimators.batches.BatchAligner.__init__",
    "estimators.drift.SinkhornDriftDetector.__init__",
    "estimators.kmeans.SinkhornKMeans.__init__",
    "estimators.quantiles.EntropicQuantileTransformer.__init__",
    "functional.entropic_ot",
    "functional.sinkhorn_divergence",
    "functional.sinkhorn_divergences",
    "losses.barycenter.sinkhorn_barycenter",
    "losses.hausdorff.hausdorff_divergence",
    "losses.matrices.sinkhorn_divergence_matrix",
    "losses.negentropy.sinkhorn_negentropy",
    "losses.pairwise.pairwise_sinkhorn_divergence",
    "torch.samples_loss.SamplesLoss.__init__",
}


def run(code):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=ROOT, capture_output=True, text=True
    )


def blocks(language):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)


def relative(path):
    return str(path.relative_to(PACKAGE))


def test_import_contracts():
    done = run(
        "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_files_are_small(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_functions_are_short(path):
    lengths = {
        name: function.end_lineno - code_of(function)[0].lineno + 1
        for name, function in functions_of(path)
    }
    most = LONGEST_KERNEL if "backends" in path.parts else LONGEST_FUNCTION
    assert {name: length for name, length in lengths.items() if length > most} == {}


def functions_of(path):
    """All functions of a file, with their qualified names."""
    module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)

    def within(node, prefix):
        for child in ast.iter_child_nodes(node):
            name = f"{prefix}.{child.name}" if hasattr(child, "name") else prefix
            if isinstance(child, FUNCTIONS):
                yield name, child
            yield from within(child, name)

    return list(within(ast.parse(path.read_text(encoding="utf-8")), module))


def code_of(function):
    """The statements after the signature and the docstring."""
    first, *others = function.body
    is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return others if is_docstring and others else function.body


def test_lines_are_not_dense():
    """Names, attributes, calls, operators and subscripts per line of code."""
    counts = []
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        lines = Counter(n.lineno for n in ast.walk(tree) if isinstance(n, EXPRESSIONS))
        counts += [lines[number] for number in lines_of_code(text, tree)]
    counts.sort()
    assert sum(counts) / len(counts) <= DENSEST_MEAN
    assert counts[int(0.9 * len(counts))] <= DENSEST_TENTH


def lines_of_code(text, tree):
    """The numbers of the lines that hold more than docstrings, comments and blanks."""
    found = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in NO_CODE:
            found.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(tree):
        if isinstance(node, (*FUNCTIONS, ast.ClassDef, ast.Module)) and ast.get_docstring(node):
            docstring = node.body[0]
            found -= set(range(docstring.lineno, docstring.end_lineno + 1))
    return found


def test_functions_are_not_rich():
    """Expressions per function."""
    counts = [
        sum(isinstance(n, EXPRESSIONS) for part in function.body for n in ast.walk(part))
        for path in SOURCES
        for _, function in functions_of(path)
    ]
    counts.sort()
    assert counts[int(0.9 * len(counts))] <= RICHEST_TENTH


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if "backends" not in path.parts], ids=relative
)
def test_functions_take_few_arguments(path):
    counts = {
        name: len([*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs])
        for name, function in functions_of(path)
        if name not in FREE
    }
    assert {name: count for name, count in counts.items() if count > MOST_ARGUMENTS} == {}


def test_functions_with_many_arguments_are_public():
    named = {name for path in SOURCES for name, _ in functions_of(path)}
    assert named >= FREE
    owners = {name.removesuffix(".__init__").rpartition(".")[2] for name in FREE}
    assert owners <= {*PUBLIC, "SamplesLoss"}


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if path.match("cpu/small_*")], ids=relative
)
def test_no_loop_of_small_problems_stores_and_sums(path):
    """Vectors add in another order where short arrays happen to lie close together in memory."""
    loops = [n for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if is_inner_loop(n)]
    found = [loop.lineno for loop in loops if stores(loop) and sums(loop)]
    assert found == []


def is_inner_loop(node):
    return isinstance(node, ast.For) and not any(
        isinstance(inner, ast.For | ast.While) for inner in ast.walk(node) if inner is not node
    )


def stores(loop):
    targets = [t for n in ast.walk(loop) if isinstance(n, ast.Assign) for t in n.targets]
    targets += [n.target for n in ast.walk(loop) if isinstance(n, ast.AugAssign)]
    return any(isinstance(target, ast.Subscript) for target in targets)


def sums(loop):
    added = [n.target for n in ast.walk(loop) if isinstance(n, ast.AugAssign)]
    return any(isinstance(target, ast.Name) for target in added)


def test_public_names():
    assert sorted(sinkhorn_nb.__all__) == PUBLIC
    for name in PUBLIC:
        assert getattr(sinkhorn_nb, name).__doc__, name


def test_import_is_light():
    heavy = ("numpy", "numba", "scipy", "sklearn", "tqdm", "matplotlib")
    done = run(f"import sys, sinkhorn_nb; print([name for name in {heavy} if name in sys.modules])")
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "[]", "")


@pytest.mark.slow
def test_the_first_use_loads_no_optional_dependency():
    heavy = ("matplotlib", "torch", "numba.cuda", "hypothesis", "pandas")
    code = (
        f"import sys; from sinkhorn_nb import *; print([name for name in {heavy} if name in "
        "sys.modules])"
    )
    done = run(code)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "[]", "")


@pytest.mark.parametrize("name", ["sinkhorn_nb", *MODULES])
def test_doctests(name):
    for library in ("torch", "jax"):
        if name.startswith(f"sinkhorn_nb.{library}"):
            pytest.importorskip(library)
    found = doctest.testmod(importlib.import_module(name))
    assert found.failed == 0


@pytest.mark.parametrize(
    "name", ["functional", "losses.pairwise", "losses.soft", "solver.sinkhorn", "results.plan"]
)
def test_there_are_doctests(name):
    module = importlib.import_module(f"sinkhorn_nb.{name}")
    assert any(test.examples for test in doctest.DocTestFinder().find(module))


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_python_of_the_readme_runs(number, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = "\n".join(blocks("python")[: number + 1])  # later blocks continue earlier ones
    exec(compile(code, f"README.md, python block {number + 1}", "exec"), {"__name__": "readme"})


def test_readme_starts_with_two_commands():
    first = blocks("bash")[0]
    assert (
        len([line for line in first.splitlines() if line.strip() and not line.startswith("#")]) == 2
    )

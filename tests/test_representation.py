"""Results print as one line, in notebooks as a small table, and make no pass for it."""

import re
import warnings
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
from problems import example
from sklearn.mixture import GaussianMixture

import sinkhorn_nb as snb
from sinkhorn_nb import Sinkhorn
from sinkhorn_nb.common import representation
from sinkhorn_nb.gradients import linear_system
from sinkhorn_nb.initializers import GMM, Potentials, Warm
from sinkhorn_nb.interop.arrays import Home
from sinkhorn_nb.kernels.point_cloud import GibbsKernel

LONGEST = 200


@pytest.fixture(scope="module")
def divergence():
    return snb.sinkhorn_divergence(*example(), blur=0.5)


@pytest.fixture(scope="module")
def shown(divergence):
    """Objects that print as one line, by name."""
    x, y, a, b = example()
    solution = divergence.xy
    numbers = np.linspace(0, 1, 40) ** 2
    return {
        "divergence": divergence,
        "solution": solution,
        "plan": solution.plan,
        "problem": solution.problem,
        "measure": solution.problem.source,
        "gradient": divergence.gradient(),
        "divergences": snb.sinkhorn_divergences([x, y], [y, y], [a, b], [b, b], blur=0.5),
        "no divergences": snb.sinkhorn_divergences([x], [y], [a], [b], blur=0.5)[:0],
        "soft_sort": snb.soft_sort(numbers, blur=0.1),
        "soft_quantile": snb.soft_quantile(numbers, [[0.1, 0.5]], blur=0.1),
        "pullback": solution.pullback(f=np.ones(23)),
        "pushforward": solution.pushforward(x=np.ones((23, 2))),
        "hessian": divergence.hessian_vector_product(dx=np.ones((23, 2))),
    }


NAMES = [
    *(
        "divergence",
        "solution",
        "plan",
        "problem",
        "measure",
        "gradient",
        "divergences",
        "no divergences",
    ),
    *("soft_sort", "soft_quantile", "pullback", "pushforward", "hessian"),
]


class Cells(HTMLParser):
    """The texts of a table's cells; tags must be closed in order."""

    def __init__(self, html):
        super().__init__()
        self.open, self.texts = [], []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


@pytest.mark.parametrize("name", NAMES)
def test_one_line(shown, name):
    line = repr(shown[name])
    assert line == str(shown[name])
    assert "\n" not in line and len(line) <= LONGEST
    assert re.fullmatch(r"\w+\(.+\)", line)


@pytest.mark.parametrize("name", NAMES)
def test_the_table_has_the_facts_of_the_line(shown, name):
    title, *texts = Cells(shown[name]._repr_html_()).texts
    names = [text.replace(" ", "_") for text in texts[::2]]
    facts = [f"{fact}={text}" for fact, text in zip(names, texts[1::2], strict=True)]
    assert f"{title}({', '.join(facts)})" == repr(shown[name])


@pytest.mark.parametrize("name", NAMES)
def test_no_pass_is_made_for_it(shown, name, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a pass over the pairs")

    for method in ("log_sums", "log_row_sums", "transport", "barycenters", "product", "softmin"):
        monkeypatch.setattr(GibbsKernel, method, refuse)
    monkeypatch.setattr(linear_system.LinearSystem, "__init__", refuse)
    assert re.fullmatch(r"\w+\(.+\)", repr(shown[name]))  # the fallback has no parentheses


def test_the_line_of_a_divergence(divergence):
    expected = (
        f"Divergence(value={divergence.value:.6g}, converged=True, "
        f"marginal_error={divergence.marginal_error:.2g}, "
        f"n_passes={divergence.n_passes:.4g}, n=23, m=31, d=2, blur=0.5)"
    )
    assert repr(divergence) == expected


def test_the_line_of_a_solution_that_has_not_converged():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", snb.ConvergenceWarning)
        solution = snb.entropic_ot(*example(), blur=0.01, solver=Sinkhorn(max_iter=1))
    assert (
        f"value={solution.value:.6g}, converged=False, "
        f"marginal_error={solution.marginal_error:.2g}," in repr(solution)
    )


def test_lines_of_problems_and_measures(shown):
    assert repr(shown["problem"]) == "Problem(n=23, m=31, d=2, blur=0.5)"
    assert repr(shown["measure"]) == "Measure(n=23, d=2, mass=1, dtype=float64)"


def test_the_line_of_a_result_says_where_its_arrays_go(shown):
    on_device = shown["solution"].at(Home("torch", 1))
    assert repr(on_device).endswith("blur=0.5, arrays=of torch on CUDA device 1)")


def test_lines_of_derivatives_have_shapes(shown):
    assert (
        repr(shown["gradient"])
        == "Gradient(x=float64[23, 2], y=float64[31, 2], a=float64[23], b=float64[31])"
    )
    assert repr(shown["hessian"]).startswith(
        "HessianProduct(x=float64[23, 2], y=float64[31, 2], converged=True, resid"
    )
    assert f"value={shown['pushforward'].value:.6g}" in repr(shown["pushforward"])


def test_lines_of_soft_values_have_a_shape(shown):
    assert repr(shown["soft_sort"]).startswith(
        "SoftSort(shape=(40,), converged=True, marginal_error="
    )
    assert repr(shown["soft_quantile"]).startswith("SoftQuantile(shape=(1, 2), converged=True")


def test_the_line_of_many_divergences_counts_those_that_converged(shown, divergence):
    line = repr(shown["divergences"])
    assert line.startswith("Divergences(count=2, converged=all, value=0 to ")
    assert repr(shown["no divergences"]) == "Divergences(count=0)"
    x, y, a, b = example()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", snb.ConvergenceWarning)
        solver = Sinkhorn(max_iter=8)
        some = snb.sinkhorn_divergences(
            [x, x], [y, 1e4 * y], [a, a], [b, b], blur=0.5, solver=solver
        )
    assert some.converged.tolist() == [True, False]
    assert "count=2, converged=1 of 2" in repr(some)
    assert f"marginal_error={some[1].marginal_error:.2g} at most" in repr(some)


def test_tables_escape_what_they_show():
    class Odd(representation.Represented):
        def _facts(self):
            return {"<name>": "<script>&"}

    assert "<th" in Odd()._repr_html_()
    assert "&lt;script&gt;&amp;" in Odd()._repr_html_() and "<script>" not in Odd()._repr_html_()
    assert "&lt;name&gt;" in Odd()._repr_html_()


def test_half_made_objects_show_their_type():
    """Debuggers find such objects while one is made or unpickled."""
    half = snb.Divergence.__new__(snb.Divergence)
    assert repr(half).startswith("<sinkhorn_nb.results.divergence.Divergence object at")
    assert half._repr_html_() is None


def test_arrays_of_other_libraries_have_their_dtype():
    tensor = SimpleNamespace(shape=(3, 2), dtype="torch.float32")
    assert representation.array(tensor) == "float32[3, 2]"
    assert representation.array(np.float64(0.5)) == "0.5"


@pytest.mark.parametrize(
    ("solver", "line"),
    [
        (Sinkhorn(), "Sinkhorn()"),
        (Sinkhorn(tol=1e-5, init="zeros"), "Sinkhorn(tol=1e-05, init='zeros')"),
        (Sinkhorn(dtype="float64", certify=True), "Sinkhorn(dtype='float64', certify=True)"),
        (Sinkhorn(init=(np.zeros(3), np.zeros(4))), "Sinkhorn(init=(float64[3], float64[4]))"),
        (Sinkhorn(init=GMM(n_components=3)), "Sinkhorn(init=GMM(n_components=3))"),
        (Sinkhorn(callback=print), "Sinkhorn(callback=<built-in function print>)"),
    ],
)
def test_solvers_show_what_is_not_the_default(solver, line):
    assert repr(solver) == line


def test_starts_that_hold_much_show_little(divergence):
    assert (
        repr(Potentials(np.zeros(300), np.zeros(2))) == "Potentials(f=float64[300], g=float64[2])"
    )
    assert repr(Warm(divergence.xy)) == f"Warm(solution={divergence.xy!r})"
    mixture = GaussianMixture(2, means_init=np.arange(40.0).reshape(2, 20)).fit(
        np.random.default_rng(0).random((50, 20))
    )
    line = repr(GMM(source=mixture))
    assert (
        line.startswith("GMM(source=GaussianMixture(") and "\n" not in line and len(line) <= LONGEST
    )

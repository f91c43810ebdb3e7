"""The pass that lists the heavy pairs of a plan and sums the light ones, against dense arrays."""

import numba
import numpy as np
import pytest
from problems import cloud, weights

import sinkhorn_nb as snb
from sinkhorn_nb.backends.cpu import backend as cpu
from sinkhorn_nb.backends.cpu import heavy_pairs, heavy_values
from sinkhorn_nb.terms import terms_of

KINDS = {
    "plane": (2, {"blur": 0.05}),
    "products": (20, {"blur": 0.1}),
    "distance": (2, {"blur": 0.05, "p": 1}),
}


class Case:
    """A problem with exact rows, its kernel, and its plan as an array."""

    def __init__(self, kind="plane", dtype="float32", n=600, m=540):
        d, given = KINDS[kind]
        terms = terms_of(**given)
        source = snb.Measure.of(cloud(n, d), weights(n))
        target = snb.Measure.of(cloud(m, d, shift=0.3), weights(m))
        self.problem = snb.Problem(source, target, *terms)
        exact = self.problem.kernel("float64")
        rng = np.random.default_rng(0)
        x, y = source.partition, target.partition
        self.a, self.b, self.eps = x.probabilities, y.probabilities, terms.eps
        self.g = self.eps * rng.normal(size=m)
        self.f = exact.softmin(self.g)
        costs = terms.cost.block(x.points, y.points)
        logs = (self.f[:, None] + self.g - costs) / self.eps
        self.P = self.a[:, None] * self.b * np.exp(logs)
        self.kernel = self.problem.kernel(dtype)

    def plan(self, theta=1e-6, most=10**6):
        return self.kernel.heavy_plan(self.f, self.g, theta, most)


def dense(pairs):
    rows = np.repeat(np.arange(pairs.shape[0]), np.diff(pairs.starts))
    out = np.zeros(pairs.shape)
    out[rows, pairs.columns] = pairs.values
    return out


@pytest.mark.parametrize(
    ("kind", "dtype"), [*((kind, "float32") for kind in KINDS), ("plane", "float64")]
)
def test_heavy_pairs_and_sums_of_the_light_ones_are_those_of_the_dense_plan(kind, dtype):
    case = Case(kind, dtype)
    plan = case.plan(1e-4)
    found = dense(plan.pairs)
    ratio = case.P / np.minimum(case.a[:, None], case.b)
    is_heavy = found > 0
    assert (np.diff(plan.pairs.starts) > 0).any()
    # Pairs near the limit may be on either side of it
    assert ratio[is_heavy].min() > 0.99e-4
    assert ratio[~is_heavy].max() < 1.01e-4
    np.testing.assert_allclose(found[is_heavy], case.P[is_heavy], rtol=1e-11)
    light = np.where(is_heavy, 0.0, case.P)
    np.testing.assert_allclose(plan.light_rows, light.sum(axis=1), rtol=1e-3, atol=1e-16)
    np.testing.assert_allclose(plan.light_columns, light.sum(axis=0), rtol=1e-3, atol=1e-16)


@pytest.mark.parametrize("kind", ["plane", "products"])
def test_marginals_are_as_exact_as_in_float64_although_the_pairs_are_in_float32(kind):
    case = Case(kind)
    rows, columns = case.plan(1e-8).sums()
    assert np.abs(rows - case.P.sum(axis=1)).sum() < 1e-12
    assert np.abs(columns - case.P.sum(axis=0)).sum() < 1e-12
    plain = np.exp(case.kernel.log_sums(case.f, case.g)[0]) * case.a
    assert np.abs(plain - case.P.sum(axis=1)).sum() > 1e-9


def test_columns_of_a_row_ascend():
    pairs = Case().plan().pairs
    for start, stop in zip(pairs.starts[:-1], pairs.starts[1:], strict=True):
        assert (np.diff(pairs.columns[start:stop]) > 0).all()


def test_the_same_bits_on_any_number_of_threads(monkeypatch):
    monkeypatch.setattr(cpu, "PAIRS_A_PANEL", 2**14)
    monkeypatch.setattr(heavy_values, "PAIRS_A_TASK", 2**8)
    case = Case()
    before = numba.get_num_threads()
    plans = []
    try:
        for n_threads in (1, 2):
            numba.set_num_threads(n_threads)
            plans.append(case.plan())
    finally:
        numba.set_num_threads(before)
    one, two = plans
    for name in ("starts", "columns", "values"):
        np.testing.assert_array_equal(getattr(one.pairs, name), getattr(two.pairs, name))
    np.testing.assert_array_equal(one.light_rows, two.light_rows)
    np.testing.assert_array_equal(one.light_columns, two.light_columns)


def test_too_many_pairs_are_not_listed():
    case = Case()
    count = len(case.plan().pairs)
    assert case.plan(most=count) is not None
    assert case.plan(most=count - 1) is None


def test_rooms_of_panels_grow(monkeypatch):
    case = Case(n=700, m=700)
    count = len(case.plan(1e-12).pairs)
    assert count > 4 * heavy_pairs.FIRST_ROOM
    assert np.count_nonzero(dense(case.plan(1e-12).pairs)) == count


def test_counts_of_some_rows_are_those_of_the_whole_plan():
    case = Case()
    rows = np.arange(0, 600, 7)
    counts = np.diff(case.plan().pairs.starts)
    assert case.kernel.count_heavy(case.f, case.g, rows, 1e-6, 10**6) == counts[rows].sum()
    assert case.kernel.count_heavy(case.f, case.g, rows, 1e-6, 10) == np.inf


def test_passes_count_all_pairs_once_and_the_heavy_ones_again():
    case = Case()
    plan = case.plan()
    assert case.kernel.n_passes == pytest.approx(1 + len(plan.pairs) / (600 * 540))
    case.kernel.count_heavy(case.f, case.g, np.arange(0, 600, 10), 1e-6, 10**6)
    assert case.kernel.n_passes == pytest.approx(1.1 + len(plan.pairs) / (600 * 540))

"""Many measures in flat arrays: the same as one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import pairs

import sinkhorn_nb as snb
from sinkhorn_nb.backends.cpu import flat_rows
from sinkhorn_nb.measures.clouds import Clouds, Named
from sinkhorn_nb.measures.measure import Measure
from sinkhorn_nb.problem import Problem
from sinkhorn_nb.results.solution import Solution


def listed(points, weights):
    return [
        Named(f"xs[{k}]", x, f"a[{k}]", a)
        for k, (x, a) in enumerate(zip(points, weights, strict=True))
    ]


def check_that_they_are_the_same(form, other):
    np.testing.assert_array_equal(form.points, other.points)
    np.testing.assert_allclose(form.probabilities, other.probabilities, rtol=1e-13)
    np.testing.assert_array_equal(form.owner, other.owner)


@given(st.lists(pairs(), min_size=1, max_size=4))
def test_normal_forms_are_those_of_single_measures(drawn):
    """Drawn clouds have equal points, weights of zero, and one point."""
    points = [points for pair in drawn for points in (pair.x, pair.y)]
    weights = [weights for pair in drawn for weights in (pair.a, pair.b)]
    clouds, numbers = Clouds.of(listed(points, weights))
    for k, x, a in zip(numbers, points, weights, strict=True):
        check_that_they_are_the_same(clouds.normal_form(k), Measure.of(x, a).normal_form)


def test_points_are_sorted_merged_and_freed_of_nothing():
    x = np.array([[2.0, 1.0], [0.0, 5.0], [2.0, 0.0], [0.0, 5.0], [-1.0, 0.0], [0.0, -0.0]])
    clouds, _ = Clouds.of(listed([x], [np.array([1.0, 2.0, 1.0, 4.0, 0.0, 5e-324])]))
    form = clouds.normal_form(0)
    np.testing.assert_array_equal(form.points, [[0.0, 5.0], [2.0, 0.0], [2.0, 1.0]])
    np.testing.assert_allclose(form.probabilities, [0.75, 0.125, 0.125])
    np.testing.assert_array_equal(form.owner, [2, 0, 1, 0, -1, -1])


def test_an_array_in_several_places_is_one_cloud():
    x, a = np.zeros((3, 2)), np.ones(3)
    clouds, numbers = Clouds.of(listed([x, x, x.copy(), x], [None, None, None, a]))
    assert (len(clouds), numbers.tolist()) == (3, [0, 0, 1, 2])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_plain_arrays_are_measures_like_any_others(dtype):
    x, a = np.random.default_rng(0).normal(size=(7, 3)).astype(dtype), np.arange(7.0)
    plain, other = (Clouds.of(listed([x], [weights]))[0].measure(0) for weights in (a, a.tolist()))
    assert plain.points.dtype == other.points.dtype == dtype
    assert (plain.traits.short, plain.mass) == (other.traits.short, other.mass)
    assert plain.has_rows_of(other)
    x[:] = 0.0
    assert np.abs(plain.points).min() > 0  # a copy


@pytest.mark.parametrize(
    ("x", "a", "text"),
    [
        ([[np.nan, 0.0]], None, "xs[1]: expected finite"),
        ([[1.0, 0.0]], [-1.0], "a[1]: expected weights >= 0"),
        ([[1.0, 0.0]], [0.0], "a[1]: expected at least one weight > 0"),
        ([[1e9, 0.0]], None, "blur: expected at least 1e-8 of the extent"),
        ([[1.0, 0.0]], [2.0], "b[1]: expected the total mass of a[1] (2), got 1"),
    ],
)
def test_what_is_wrong_with_one_of_many_is_named(x, a, text):
    good, bad = np.zeros((2, 2)), np.array(x)
    weights = [None, None if a is None else np.array(a)]
    with pytest.raises(ValueError) as caught:
        snb.sinkhorn_divergences([good, bad], [good + 1.0, good], weights, blur=0.1)
    assert text in str(caught.value)


def test_large_arrays_are_joined_on_all_threads(monkeypatch):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(40, 3)), rng.normal(size=(80, 1)).astype(np.float32)]
    monkeypatch.setattr(flat_rows, "LARGE", 200)
    joined = flat_rows.flat_rows(arrays)
    np.testing.assert_array_equal(joined, np.concatenate([own.ravel() for own in arrays]))
    assert joined.dtype == np.float64


def test_no_object_is_made_for_a_pair_before_it_is_asked_for(monkeypatch):
    made = []
    for kind in (Measure, Problem, Solution):
        begin = kind.__init__

        def count(self, *args, _begin=begin, **kwargs):
            made.append(type(self))
            _begin(self, *args, **kwargs)

        monkeypatch.setattr(kind, "__init__", count)
    x, y = np.random.default_rng(0).normal(size=(2, 50, 10, 2))
    divergences = snb.sinkhorn_divergences(x, y, blur=0.5)
    gradient = divergences.gradient()
    assert divergences.value.shape == divergences.n_passes.shape == (50,)
    assert "50" in repr(divergences) and "50" in repr(gradient)
    assert made == []
    assert divergences[3].converged and made == []
    assert divergences[3].xy.converged
    assert 0 < len(made) < 12


@given(pairs())
def test_gradients_of_many_are_those_of_each(pair):
    """Turned pairs, a pair of equal clouds, masses other than 1, weights of zero."""
    xs, ys = [pair.x, pair.y, pair.x], [pair.y, pair.x[::-1], pair.x[::-1]]
    a, b = [pair.a, pair.b, pair.a], [pair.b, pair.a[::-1], pair.a[::-1]]
    divergences = snb.sinkhorn_divergences(xs, ys, a, b, blur=pair.blur)
    gradient = divergences.gradient()
    for k in range(3):
        check_gradient(pair, divergences[k], *(part[k] for part in gradient))


def check_gradient(pair, divergence, *parts):
    scales = [pair.size**0.5 * pair.a.sum()] * 2 + [pair.size] * 2
    for one, part, scale in zip(divergence.gradient(), parts, scales, strict=True):
        np.testing.assert_allclose(part, one, rtol=1e-10, atol=1e-12 * scale)


def test_gradients_of_stacked_clouds_are_stacked():
    x, y = np.random.default_rng(0).normal(size=(2, 5, 30, 2))
    stacked = snb.sinkhorn_divergences(x, y, blur=0.3).gradient()
    listed = snb.sinkhorn_divergences(list(x), list(y), blur=0.3).gradient()
    assert [part.shape for part in stacked] == [(5, 30, 2), (5, 30, 2), (5, 30), (5, 30)]
    for part, others in zip(stacked, listed, strict=True):
        assert isinstance(others, list)
        np.testing.assert_array_equal(part, np.stack(others))

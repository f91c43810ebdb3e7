"""The two-sample test: values of labelings, exact p-values, aggregation, other statistics, jobs."""

from itertools import combinations

import numpy as np
import pytest
from problems import cloud, draws
from scipy.spatial.distance import cdist
from scipy.stats import kstest

import sinkhorn_nb as snb
from sinkhorn_nb.losses import labelings as module
from sinkhorn_nb.losses import pooled_kernel
from sinkhorn_nb.losses.labelings import Effort, sinkhorn_values
from sinkhorn_nb.losses.mean_embeddings import embedding_values

STATISTICS = ["sinkhorn", "energy", "mmd"]


def every_labeling(n, m):
    chosen = np.array(list(combinations(range(n + m), n)))
    labels = np.zeros((len(chosen), n + m), dtype=bool)
    labels[np.arange(len(chosen))[:, None], chosen] = True
    return labels


@pytest.mark.parametrize("statistic", STATISTICS)
def test_the_statistic_is_that_of_the_two_samples(statistic):
    x, y = draws(0, shift=0.5)
    result = snb.sinkhorn_two_sample_test(x, y, blur=0.7, statistic=statistic, random_state=0)
    if statistic == "sinkhorn":
        expected = snb.sinkhorn_divergence(x, y, blur=0.7).value
    else:
        kernel = (lambda d: -d) if statistic == "energy" else (lambda d: np.exp(-(d**2) / 2 / 0.49))
        xx, yy, xy = (kernel(cdist(*pair)).mean() for pair in ((x, x), (y, y), (x, y)))
        expected = (xx + yy - 2 * xy) / 2
    assert result.statistic == pytest.approx(expected, rel=1e-3)
    assert result.converged and result.null_distribution.shape == (999,)
    assert result.pvalue == (1 + (result.null_distribution >= result.statistic).sum()) / 1000


def test_all_labelings_of_small_samples_give_fishers_exact_test():
    x, y = draws(2, 4, 3, 2, shift=1.0)
    z, labels = np.concatenate([x, y]), every_labeling(4, 3)
    values = sinkhorn_values(z, labels, 0.5, Effort("float64", 1000)).value
    exact = (values >= values[0] - 1e-9).mean()
    result = snb.sinkhorn_two_sample_test(x, y, blur=0.5, n_permutations=4999, random_state=0)
    assert result.pvalue == pytest.approx(exact, abs=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("blur", [0.4, [0.3, 1.6]])
def test_p_values_are_uniform_where_the_distributions_are_the_same(statistic, blur):
    pvalues = [
        snb.sinkhorn_two_sample_test(
            *draws(seed, 12, 15, 2),
            blur=blur,
            statistic=statistic,
            n_permutations=99,
            random_state=seed,
        ).pvalue
        for seed in range(600)
    ]
    spread = np.random.default_rng(0).uniform(-0.01, 0.0, 600)  # p-values are multiples of 0.01
    assert kstest(pvalues + spread, "uniform").pvalue > 1e-3
    assert np.mean(np.array(pvalues) <= 0.05) < 0.085  # 4 standard errors


@pytest.mark.slow
@pytest.mark.parametrize("most", [1, 2])
def test_the_test_is_exact_before_the_iterations_converge(most, monkeypatch):
    monkeypatch.setattr(module, "LEAST", most)
    monkeypatch.setattr(module, "MOST", most)
    results = [
        snb.sinkhorn_two_sample_test(
            *draws(seed, 12, 15, 2), blur=0.1, n_permutations=99, random_state=seed
        )
        for seed in range(600)
    ]
    assert sum(result.converged for result in results) < 300
    assert np.isfinite([result.null_distribution for result in results]).all()
    assert np.mean([result.pvalue <= 0.05 for result in results]) < 0.085


@pytest.mark.parametrize(
    "statistic, dtype", [("energy", "float64"), ("sinkhorn", "float32"), ("sinkhorn", "float64")]
)
def test_labelings_that_swap_equal_points_count_as_equal(statistic, dtype, monkeypatch):
    """The last digits of their values may differ."""
    monkeypatch.setattr(module, "SMALL_WORK", 0.0 if dtype == "float32" else np.inf)
    x, y = draws(0, 4, 3, 3)
    y[:2] = x[:2]
    z, labels = np.concatenate([x, y]), every_labeling(4, 3)
    if statistic == "energy":
        values = embedding_values(z, labels, None)
    else:
        values = sinkhorn_values(z, labels, 0.7, Effort("float64", 1000)).value
    exact = (values >= values[0] - 1e-9).mean()
    test = {"statistic": statistic, "n_permutations": 4999, "random_state": 0}
    result = snb.sinkhorn_two_sample_test(x, y, blur=0.7, **test)
    assert result.pvalue == pytest.approx(exact, abs=0.02)


@pytest.mark.parametrize("statistic", STATISTICS)
def test_float32_samples_are_tested_in_float64(statistic):
    x, y = (sample.astype(np.float32) for sample in draws(0, 30, 20))
    test = {"blur": 0.5, "statistic": statistic, "n_permutations": 49, "random_state": 0}
    short = snb.sinkhorn_two_sample_test(x, y, **test)
    long = snb.sinkhorn_two_sample_test(x.astype(float), y.astype(float), **test)
    np.testing.assert_array_equal(short.null_distribution, long.null_distribution)
    assert short.statistic == long.statistic


@pytest.mark.parametrize("statistic", ["energy", "mmd"])
def test_rows_beyond_whole_blocks_and_the_place_of_the_samples_count_for_the_statistic(statistic):
    x, y = draws(0, 200, 57, 2, shift=0.5)  # 257 rows: a block, and one of a single row
    test = {"blur": 0.7, "statistic": statistic, "n_permutations": 9, "random_state": 0}
    here, there = (
        snb.sinkhorn_two_sample_test(x + place, y + place, **test) for place in (0.0, 2.0**20)
    )
    kernel = "gaussian" if statistic == "mmd" else "energy"
    expected = snb.mmd(x, y, kernel=kernel, blur=0.7 if statistic == "mmd" else None).value
    assert here.statistic == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(there.null_distribution, here.null_distribution, rtol=1e-6)


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("m", [30, 40])
def test_the_samples_may_be_exchanged(statistic, m):
    x, y = draws(4, 40, m, shift=0.3)
    test = {"blur": [0.4, 0.9], "statistic": statistic, "n_permutations": 49, "random_state": 0}
    here, there = (snb.sinkhorn_two_sample_test(*pair, **test) for pair in ((x, y), (y, x)))
    assert here.statistic == there.statistic
    assert here.pvalue == there.pvalue
    np.testing.assert_array_equal(here.null_distribution, there.null_distribution)


def test_different_distributions_are_told_apart():
    x, y = draws(1, 100, 100, 5, shift=0.6)
    for statistic in STATISTICS:
        result = snb.sinkhorn_two_sample_test(x, y, blur=1.0, statistic=statistic, random_state=0)
        assert result.pvalue == 0.001
    assert snb.sinkhorn_two_sample_test(x, y, blur=[0.5, 1, 2], random_state=0).pvalue < 0.005


def test_several_blurs_have_one_p_value_that_pays_for_the_choice():
    x, y = draws(3, shift=0.3)
    together = snb.sinkhorn_two_sample_test(x, y, blur=[0.2, 1.0], random_state=0)
    alone = [snb.sinkhorn_two_sample_test(x, y, blur=b, random_state=0).pvalue for b in (0.2, 1.0)]
    assert together.pvalues.tolist() == alone
    assert together.statistic == min(alone) <= together.pvalue
    expected = (1 + (together.null_distribution <= together.statistic).sum()) / 1000
    assert together.pvalue == expected
    assert together.null_distribution.shape == (999,)


def test_several_blurs_have_converged_if_each_has(monkeypatch):
    monkeypatch.setattr(module, "LEAST", 6)
    monkeypatch.setattr(module, "MOST", 6)
    test = {"n_permutations": 9, "random_state": 0}
    found = [
        snb.sinkhorn_two_sample_test(*draws(0, 12, 15, 2), blur=blur, **test).converged
        for blur in (0.1, 50.0, [0.1, 50.0])
    ]
    assert found == [False, True, False]


def test_a_blur_too_small_to_converge_at_gives_finite_numbers():
    x, y = draws(0, 40, 40, 10)
    result = snb.sinkhorn_two_sample_test(x, y, blur=0.01, n_permutations=19, random_state=0)
    assert np.isfinite(result.null_distribution).all()


@pytest.mark.parametrize("statistic", STATISTICS)
def test_equal_samples_and_equal_points_are_the_least_extreme(statistic):
    test = {"blur": 0.3, "statistic": statistic, "n_permutations": 199, "random_state": 0}
    x = np.repeat(cloud(20, 2), 3, axis=0)
    result = snb.sinkhorn_two_sample_test(x, x, **test)
    assert abs(result.statistic) < 1e-6
    assert result.pvalue == 1.0
    same = snb.sinkhorn_two_sample_test(np.ones((5, 1)), np.ones((4, 1)), **test)
    assert same.pvalue == 1.0


@pytest.mark.parametrize("distance", [10.0, 1e3, 1e6])
def test_an_outlier_does_not_spoil_the_test(distance):
    x, y = draws(0, 50, 50, 2, shift=1.0)
    x[0] = distance
    result = snb.sinkhorn_two_sample_test(x, y, blur=0.5, n_permutations=99, random_state=0)
    assert np.isfinite(result.statistic) and np.isfinite(result.null_distribution).all()
    expected = snb.sinkhorn_divergence(x, y, blur=0.5).value
    assert result.statistic == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("n, blur", [(40, 0.1), (300, 0.2)])
def test_samples_far_apart_have_the_value_of_the_divergence(n, blur):
    x, y = draws(0, n, n, 2)
    y[:, 0] += 20  # exponents of 2e4 and 5e3: no float holds such a sum
    result = snb.sinkhorn_two_sample_test(x, y, blur=blur, n_permutations=199, random_state=0)
    expected = snb.sinkhorn_divergence(x, y, blur=blur).value
    assert result.statistic == pytest.approx(expected, rel=1e-3)
    assert result.pvalue == 0.005


def test_one_point_against_one_has_a_single_value():
    result = snb.sinkhorn_two_sample_test([[0.0]], [[3.0]], blur=0.3, n_permutations=9)
    assert result.pvalue == 1.0
    assert result.statistic == pytest.approx(4.5, rel=1e-3)


def test_a_kernel_that_is_not_stored_gives_the_same_test(monkeypatch):
    x, y = draws(0, 300, 290, shift=0.2)
    stored = snb.sinkhorn_two_sample_test(x, y, blur=0.5, n_permutations=99, random_state=0)
    monkeypatch.setattr(pooled_kernel, "LARGEST", 0)
    streamed = snb.sinkhorn_two_sample_test(x, y, blur=0.5, n_permutations=99, random_state=0)
    np.testing.assert_allclose(streamed.null_distribution, stored.null_distribution, rtol=1e-9)


@pytest.mark.slow
def test_the_bits_do_not_depend_on_the_number_of_jobs():
    x, y = draws(0, 100, 120, shift=0.2)
    runs = [
        snb.sinkhorn_two_sample_test(
            x, y, blur=0.5, n_permutations=299, random_state=1, n_jobs=n_jobs
        )
        for n_jobs in (None, 2)
    ]
    np.testing.assert_array_equal(runs[0].null_distribution, runs[1].null_distribution)
    assert runs[0].statistic == runs[1].statistic


def test_a_function_of_the_caller_is_tested_by_the_same_labelings():
    def means(z, labels):
        return [abs(z[sides].mean() - z[~sides].mean()) for sides in labels]

    x, y = draws(0, shift=2.0)
    result = snb.sinkhorn_two_sample_test(x, y, blur=None, statistic=means, n_permutations=199)
    assert result.statistic == abs(x.mean() - y.mean()) and result.pvalue == 0.005


def test_the_random_state_chooses_the_labelings():
    x, y = draws(0)
    first, again, other = (
        snb.sinkhorn_two_sample_test(x, y, blur=0.5, n_permutations=19, random_state=seed)
        for seed in (0, np.random.default_rng(0), 1)
    )
    np.testing.assert_array_equal(first.null_distribution, again.null_distribution)
    assert not np.array_equal(first.null_distribution, other.null_distribution)
    assert repr(first).startswith("TwoSampleTest(statistic=")


BAD = {
    "blur left out": ({}, TypeError, "blur"),
    "blur as a word": ({"blur": "auto"}, TypeError, "blur: expected a length > 0"),
    "no blur": ({"blur": []}, ValueError, "blur: .* length, got none; pass a number or a list"),
    "a negative blur": ({"blur": [0.1, -1]}, ValueError, "blur: expected a length > 0"),
    "unknown statistic": ({"blur": 1, "statistic": "t"}, ValueError, "statistic: expected one of"),
    "no permutation": ({"blur": 1, "n_permutations": 0}, ValueError, "n_permutations: expected an"),
    "bad seed": ({"blur": 1, "random_state": "x"}, TypeError, "random_state: expected None, an"),
    "a statistic with other values": (
        {"blur": None, "statistic": lambda z, labels: [1.0]},
        ValueError,
        r"statistic: expected shape \(1000,\).* a function with one number per labeling",
    ),
}


@pytest.mark.parametrize("arguments, kind, message", BAD.values(), ids=BAD)
def test_bad_arguments_are_named(arguments, kind, message):
    with pytest.raises(kind, match=message):
        snb.sinkhorn_two_sample_test(*draws(0), **arguments)


def test_measures_are_samples_if_their_weights_are_equal():
    x = np.random.default_rng(0).normal(size=(30, 2))
    y = x + 1
    found = snb.sinkhorn_two_sample_test(
        snb.Measure(x, np.full(30, 2.0)), y, blur=0.5, random_state=0
    )
    assert found.pvalue == snb.sinkhorn_two_sample_test(x, y, blur=0.5, random_state=0).pvalue
    uneven = snb.Measure(y, np.arange(30) % 2 + 1.0)
    for name, samples in (("x", (uneven, x)), ("y", (x, uneven))):
        with pytest.raises(ValueError, match=f"{name}: .* draws.* from 1 to 2; pass the points"):
            snb.sinkhorn_two_sample_test(*samples, blur=0.5)


def test_samples_of_different_dimensions_are_refused():
    with pytest.raises(ValueError, match="y: expected points in dimension 3 like x"):
        snb.sinkhorn_two_sample_test(cloud(5, 3), cloud(5, 2), blur=1.0)

"""Tables of divergences have the values of single calls, symmetric to the bit, for any blocks."""

import re
import weakref

import numpy as np
import pytest
from problems import cloud, weights
from sklearn.cluster import DBSCAN

import sinkhorn_nb as snb
from sinkhorn_nb.losses import pairwise, pairwise_blocks, pairwise_values
from sinkhorn_nb.measures.clouds import Named
from sinkhorn_nb.solver import progress, small

SIZES = [23, 1, 31, 12, 40, 9, 17]
CLOUDS = [cloud(n, 2, shift=0.3 * k) for k, n in enumerate(SIZES)]
WEIGHTS = [None, *map(weights, SIZES[1:])]
BLUR = 0.3
HASTY = snb.Sinkhorn(tol=1e-12, max_iter=2)


def table(clouds=CLOUDS, *arguments, **options):
    return snb.pairwise_sinkhorn_divergence(clouds, *arguments, **{"blur": BLUR} | options)


def pairs(xs, ys, a=None, b=None):
    """The same table by a list of all pairs."""
    i, j = np.indices((len(xs), len(ys))).reshape(2, -1)
    a, b = a or [None] * len(xs), b or [None] * len(ys)
    lists = [xs[k] for k in i], [ys[k] for k in j], [a[k] for k in i], [b[k] for k in j]
    return snb.sinkhorn_divergences(*lists, blur=BLUR).value.reshape(len(xs), len(ys))


def test_values_are_those_of_lists_of_pairs_to_the_bit():
    assert table().tolist() == pairs(CLOUDS, CLOUDS).tolist()
    assert table(weights=WEIGHTS).tolist() == pairs(CLOUDS, CLOUDS, WEIGHTS, WEIGHTS).tolist()


def test_values_are_those_of_single_calls():
    found = table(weights=WEIGHTS)
    for k in range(1, len(CLOUDS)):
        single = snb.sinkhorn_divergence(CLOUDS[0], CLOUDS[k], WEIGHTS[0], WEIGHTS[k], blur=BLUR)
        assert found[0, k] == pytest.approx(float(single), rel=1e-9)


def test_the_table_is_symmetric_with_a_zero_diagonal():
    found = table()
    assert (found.shape, found.dtype) == ((7, 7), np.float64)
    assert found.tolist() == found.T.tolist()
    assert np.diag(found).tolist() == [0.0] * 7
    assert (found[~np.eye(7, dtype=bool)] > 0).all()


def test_the_order_of_the_clouds_is_that_of_rows_and_columns():
    order = np.random.default_rng(0).permutation(7)
    assert table([CLOUDS[k] for k in order]).tolist() == table()[np.ix_(order, order)].tolist()


def test_others_make_the_columns():
    found = table(CLOUDS[:3], CLOUDS[3:], WEIGHTS[:3], other_weights=WEIGHTS[3:])
    assert found.tolist() == table(weights=WEIGHTS)[:3, 3:].tolist()
    assert (
        table(CLOUDS[:3], CLOUDS[3:], WEIGHTS[:3]).tolist()
        == pairs(CLOUDS[:3], CLOUDS[3:], WEIGHTS[:3]).tolist()
    )


def test_others_that_are_the_clouds_are_compared_once(compared):
    assert table(others=CLOUDS).tolist() == table().tolist()
    assert compared == {"selves": [7, 7], "pairs": [21, 21]}


def test_an_array_in_several_places_is_one_cloud(compared):
    found = table([CLOUDS[0], CLOUDS[2], CLOUDS[0]])
    assert compared == {"selves": [2], "pairs": [1]}
    assert found[0, 2] == 0.0 and found[0].tolist() == found[2].tolist()


def test_an_array_in_several_places_is_stored_once():
    _, named = pairwise._numbered(3 * [Named("clouds[0]", CLOUDS[0], "weights[0]", None)])
    assert len(named) == 1


def test_equal_points_with_other_weights_are_another_cloud():
    found = table([CLOUDS[0], CLOUDS[0]], weights=[None, weights(23)])
    assert found[0, 1] > 0


def test_reordered_copies_are_at_no_distance():
    x = CLOUDS[4]
    twice = np.concatenate([x, x])
    found = table([x, x[::-1], twice, CLOUDS[2]])
    assert found[:3, :3].tolist() == np.zeros((3, 3)).tolist()
    assert len(set(found[3, :2].tolist())) == 1
    assert found[3, 2] == pytest.approx(found[3, 0], rel=1e-9)


@pytest.mark.parametrize("largest", [small.LARGEST, 100])
def test_nearly_equal_clouds_are_solved_as_accurately_as_in_single_calls(monkeypatch, largest):
    monkeypatch.setattr(small, "LARGEST", largest)
    x = CLOUDS[4]
    near = x + 1e-5 * np.random.default_rng(0).normal(size=x.shape)
    single = snb.sinkhorn_divergence(x, near, blur=BLUR)
    assert table([x, near])[0, 1] == pytest.approx(float(single), rel=1e-9)
    assert table([x, near]).tolist() == pairs([x, near], [x, near]).tolist()


def test_one_cloud_has_nothing_to_be_compared_with(compared):
    assert table(CLOUDS[:1]).tolist() == [[0.0]]
    assert compared == {"selves": [], "pairs": []}


def test_stacked_arrays():
    stacked = np.random.default_rng(0).normal(size=(4, 12, 3))
    assert table(stacked).tolist() == table(list(stacked)).tolist()


def test_inputs_are_left_alone():
    copies = [x.copy() for x in CLOUDS]
    table(weights=WEIGHTS)
    for x, copy in zip(CLOUDS, copies, strict=True):
        np.testing.assert_array_equal(x, copy)


def test_large_clouds_take_the_main_loop(monkeypatch):
    monkeypatch.setattr(small, "LARGEST", 500)
    assert table().tolist() == pairs(CLOUDS, CLOUDS).tolist()


def test_the_solver_is_the_callers():
    seen = []
    table(CLOUDS[:3], solver=snb.Sinkhorn(callback=seen.append))
    assert seen and seen[-1].eps == BLUR**2
    precise = table(CLOUDS[:3], solver=snb.Sinkhorn(tol=1e-10))
    np.testing.assert_allclose(table(CLOUDS[:3]), precise, rtol=1e-2)
    assert table(CLOUDS[:3]).tolist() != precise.tolist()


@pytest.fixture
def compared(monkeypatch):
    """Record, by call, the numbers of clouds compared with themselves and of pairs."""
    counts = {"selves": [], "pairs": []}
    solve, values = pairwise_blocks.self_solutions, pairwise_blocks.values

    def counted_selves(measures, *rest):
        counts["selves"].append(len(measures))
        return solve(measures, *rest)

    def counted_values(selves, numbers, *rest):
        counts["pairs"].append(len(numbers))
        return values(selves, numbers, *rest)

    monkeypatch.setattr(pairwise_blocks, "self_solutions", counted_selves)
    monkeypatch.setattr(pairwise_blocks, "values", counted_values)
    return counts


@pytest.mark.parametrize(
    "limit", [{"LARGEST": 1}, {"LARGEST": 4}, {"LARGEST": 9}, {"WORK": 1}, {"WORK": 3000}]
)
def test_blocks_are_of_no_consequence(monkeypatch, compared, limit):
    expected = table(weights=WEIGHTS)
    for name, value in limit.items():
        monkeypatch.setattr(pairwise_blocks, name, value)
    assert table(weights=WEIGHTS).tolist() == expected.tolist()
    assert (sum(compared["selves"]), sum(compared["pairs"])) == (2 * 7, 2 * 21)
    assert len(compared["pairs"]) > 3


def test_a_block_needs_few_clouds():
    numbers = np.stack(np.triu_indices(100, 1), axis=1)
    blocks = pairwise_blocks._blocks(numbers, np.full(100, 50), n_jobs=None)
    assert sorted(np.concatenate(blocks).tolist()) == list(range(len(numbers)))
    assert max(map(len, blocks)) == 1024
    assert max(len(np.unique(numbers[block])) for block in blocks) == 64


def test_several_jobs_have_several_blocks_each():
    numbers = np.stack(np.triu_indices(100, 1), axis=1)
    assert (
        len(pairwise_blocks._blocks(numbers, np.full(100, 50), n_jobs=4))
        >= 4 * pairwise_blocks.BLOCKS_PER_JOB
    )


def test_only_one_block_is_in_memory(monkeypatch):
    living, most, solve = weakref.WeakSet(), [], pairwise_values.solve_pairs

    def watched(*arguments):
        solved = solve(*arguments)
        living.add(solved)
        most.append(len(living))
        return solved

    monkeypatch.setattr(pairwise_values, "solve_pairs", watched)
    monkeypatch.setattr(pairwise_blocks, "LARGEST", 4)
    table()
    assert len(most) > 21 / 4 and max(most) <= 2


def test_one_warning_for_all_names_the_worst_pair(monkeypatch):
    monkeypatch.setattr(pairwise_blocks, "LARGEST", 4)
    with pytest.warns(snb.ConvergenceWarning) as caught:
        table(solver=HASTY)
    assert len(caught) == 1 and caught[0].filename == __file__
    text = r"\d+ of 21 divergences have not converged, the worst of them between clouds\[\d\] and clouds\[\d\]: stopped"
    assert re.match(text, str(caught[0].message))


def test_the_worst_pair_is_that_of_the_largest_error(monkeypatch):
    errors = {}
    for i, j in np.argwhere(np.triu(np.ones((7, 7)), 1)).tolist():
        with pytest.warns(snb.ConvergenceWarning):
            single = snb.sinkhorn_divergence(CLOUDS[i], CLOUDS[j], blur=BLUR, solver=HASTY)
        errors[i, j] = single.marginal_error
    i, j = max(errors, key=errors.get)
    monkeypatch.setattr(pairwise_blocks, "LARGEST", 4)
    with pytest.warns(snb.ConvergenceWarning, match=rf"clouds\[{i}\] and clouds\[{j}\]"):
        table(solver=HASTY)


@pytest.mark.slow
def test_a_blur_that_is_too_small_is_told_once_and_early(monkeypatch):
    monkeypatch.setattr(pairwise_blocks, "LARGEST", 1)
    clouds = [np.random.default_rng(k).lognormal(10.5, 0.8, size=(40 + k, 2)) for k in range(4)]
    with pytest.warns(snb.ConvergenceWarning, match="^The blur .* try blur=") as caught:
        # From the usual start these problems are solved
        table(
            clouds, blur=0.05, solver=snb.Sinkhorn(max_iter=150, acceleration="none", init="zeros")
        )
    assert len(caught) == 1 and caught[0].filename == __file__


def test_the_bar_counts_pairs(capsys, monkeypatch):
    monkeypatch.setattr(progress, "INTERVAL", 0)
    monkeypatch.setattr(pairwise_blocks, "LARGEST", 4)
    expected = table()
    assert capsys.readouterr() == ("", "")
    assert table(progress=True).tolist() == expected.tolist()
    shown = capsys.readouterr()
    lines = [line.strip() for line in shown.err.split("\r")]
    assert shown.out == "" and lines[-1] == ""
    for what, total in (("clouds with themselves", 7), ("pairs of clouds", 21)):
        counts = [
            int(m[1]) for line in lines if (m := re.match(rf"{what}:.* (\d+)/{total} \[", line))
        ]
        assert (
            counts == sorted(counts) and counts[0] == 0 and len(counts) > 2 and counts[-1] == total
        )


def test_the_table_is_a_precomputed_metric():
    clouds = [cloud(20 + k, 2, shift=4.0 * (k % 2)) for k in range(8)]
    distances = np.sqrt(2 * table(clouds))
    labels = DBSCAN(eps=1.0, min_samples=2, metric="precomputed").fit_predict(distances)
    assert labels.tolist() == [0, 1] * 4

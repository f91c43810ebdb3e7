"""Tables of divergences refuse bad input and name the cloud."""

import re

import numpy as np
import pytest
from problems import cloud

import sinkhorn_nb as snb

X = np.zeros((3, 2))
UNEVEN = [np.ones(3), 2 * np.ones(3)]


def table(clouds, *arguments, **options):
    return snb.pairwise_sinkhorn_divergence(clouds, *arguments, **{"blur": 0.3} | options)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "text"),
    [
        (
            (3.0,),
            {},
            TypeError,
            "clouds: expected a list of arrays, one per cloud, got float; pass [...]",
        ),
        (([],), {}, ValueError, "clouds: expected at least one array, got none; pass data"),
        (
            ([X, X[0]],),
            {},
            ValueError,
            "clouds[1]: expected an (n, d) array of points, got shape (2,)",
        ),
        (
            ([X, X[:, :1]],),
            {},
            ValueError,
            "clouds[1]: expected points in dimension 2 like clouds[0], got dimension 1",
        ),
        (
            ([X], [X[:, :1]]),
            {},
            ValueError,
            "others[0]: expected points in dimension 2 like clouds[0], got dimension",
        ),
        (
            ([X, X], None, [None]),
            {},
            ValueError,
            "expected 2 arrays like clouds, got 1; pass one for each cloud",
        ),
        (
            ([X], None, [np.ones(2)]),
            {},
            ValueError,
            "weights[0]: expected 3 weights, one per point, got shape (2,)",
        ),
        (
            ([X, X + 1], None, UNEVEN),
            {},
            ValueError,
            "weights[1]: expected the total mass of weights[0] (3), got 6",
        ),
        (
            ([X], [X]),
            {"other_weights": [np.ones(3)]},
            ValueError,
            "other_weights[0]: expected the total mass of",
        ),
        (
            ([X], [np.ones(3)]),
            {},
            TypeError,
            "others: expected a list of clouds (n, d), got one of arrays (n,)",
        ),
        (
            ([X],),
            {"other_weights": [None]},
            TypeError,
            "other_weights: expected None without others, got weights",
        ),
        (
            (X,),
            {},
            TypeError,
            "clouds: expected a list of clouds (n, d), got one of arrays (n,), such as weights",
        ),
        (([X],), {"blur": -1.0}, ValueError, "blur: expected a length > 0"),
        (
            ([X, X + 1e9],),
            {},
            ValueError,
            "blur: expected at least 1e-8 of the extent of the points",
        ),
        (([X],), {"solver": "fast"}, TypeError, "solver: expected a Sinkhorn, got str"),
        (
            ([X],),
            {"progress": "yes"},
            ValueError,
            "progress: expected one of False, True, got 'yes'",
        ),
        (
            ([X],),
            {"n_jobs": 0},
            ValueError,
            "n_jobs: expected None or an integer other than 0, got 0; pass None",
        ),
        (
            ([X],),
            {"n_jobs": 1.5},
            TypeError,
            "n_jobs: expected None or an integer other than 0, got 1.5",
        ),
        (
            ([X],),
            {"n_jobs": True},
            TypeError,
            "n_jobs: expected None or an integer other than 0, got True",
        ),
        (([X],), {"reg": 0.02}, TypeError, "pass blur=0.1"),
    ],
)
def test_bad_input(arguments, options, error, text):
    with pytest.raises(error) as caught:
        table(*arguments, **options)
    assert text in str(caught.value)


def test_a_missing_blur_is_told():
    with pytest.raises(
        TypeError, match=r"blur: expected a keyword of .*, got 0\.1 by position; pass blur=0\.1"
    ):
        snb.pairwise_sinkhorn_divergence([X, X + 1], 0.1)


class Frame:
    """A data frame of which only the names of the columns are known."""

    iloc = None

    def __init__(self, columns):
        self.columns = columns

    def __array__(self, dtype=None, copy=None):
        return np.random.default_rng(0).random((4, len(self.columns)))


def test_columns_in_another_order_are_told_wherever_they_are():
    """The first cloud has no names: it can be compared with both of the others, which cannot with
    each other.
    """
    with pytest.raises(
        ValueError, match=re.escape("clouds[2]: expected columns in the order of clouds[1]")
    ):
        table([X, Frame(["a", "b"]), Frame(["b", "a"])])


def test_masses_that_drift_apart_are_told():
    """The first agrees to 1e-6 with both others, which do not agree with each other."""
    drifting = [np.full(3, (1 + drift) / 3) for drift in (7e-7, 0.0, 14e-7)]
    clouds = [X, X + 1, X + 2]
    assert table(clouds[:2], None, drifting[:2]).shape == (2, 2)
    with pytest.raises(
        ValueError, match=re.escape("weights[2]: expected the total mass of weights[1]")
    ):
        table(clouds, None, drifting)


def test_weights_in_float32_may_differ_by_their_rounding():
    x, heavier = cloud(100, 2), np.full(100, (1 + 3e-6) / 100)
    assert table([x, x + 1], None, [None, heavier.astype(np.float32)])[0, 1] > 0
    with pytest.raises(
        ValueError, match=re.escape("weights[1]: expected the total mass of weights[0]")
    ):
        table([x, x + 1], None, [None, heavier])

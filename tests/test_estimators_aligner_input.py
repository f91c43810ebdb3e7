"""Settings and arguments that EntropicAligner refuses, and masks and labels that it takes."""

import numpy as np
import pytest
from problems import cloud

import sinkhorn_nb as snb
from sinkhorn_nb.estimators import EntropicAligner

X, Z = cloud(60, 3), 1.4 * cloud(50, 3, shift=2.0)


BAD = {
    "blur as another name": (
        {"blur": "median"},
        {},
        ValueError,
        r'blur: expected "auto" or a length > 0, got .median.',
    ),
    "p of no divergence": ({"p": 3}, {}, ValueError, "p: expected at most 2 in a divergence"),
    "negative reach": ({"reach": -1.0}, {}, ValueError, "reach: expected a finite number > 0"),
    "two reaches": ({"reach": (1.0, 2.0)}, {}, TypeError, "reach: expected one number for both"),
    "negative blur": ({"blur": -1.0}, {}, ValueError, "blur: expected a length > 0"),
    "reference of another dimension": (
        {"reference": Z[:, :2]},
        {},
        ValueError,
        "reference: expected 3 features like X, got 2",
    ),
    "reference with nan": (
        {"reference": np.full((4, 3), np.nan)},
        {},
        ValueError,
        "reference: expected finite numbers",
    ),
    "one domain": (
        {},
        {"sample_domain": np.ones(60)},
        ValueError,
        "sample_domain: expected rows of the source",
    ),
    "the other domain alone": (
        {},
        {"sample_domain": -np.ones(60)},
        ValueError,
        "sample_domain: expected rows of the source",
    ),
    "labels for other rows": (
        {},
        {"sample_domain": np.ones(7)},
        ValueError,
        "sample_domain: expected 60 integers",
    ),
    "labels that are words": (
        {},
        {"sample_domain": ["a"] * 60},
        ValueError,
        "sample_domain: expected 60 integers",
    ),
    "a missing label": (
        {},
        {"sample_domain": np.repeat([1.0, np.nan, -1.0], 20)},
        ValueError,
        "sample_domain: expected integers, got nan at row 20",
    ),
    "domains beside a reference": (
        {"reference": Z},
        {"sample_domain": np.repeat([1, -1], 30)},
        ValueError,
        "sample_domain: expected None beside a reference",
    ),
    "negative weights": (
        {},
        {"sample_weight": -np.ones(60)},
        ValueError,
        "sample_weight: expected weights >= 0",
    ),
    "weights that are all zero": (
        {},
        {"sample_weight": np.zeros(60)},
        ValueError,
        "sample_weight: expected at least",
    ),
    "debiased as a word": (
        {"debiased": "yes"},
        {},
        ValueError,
        "debiased: expected one of False, True",
    ),
    "verbose as a level": ({"verbose": 3}, {}, ValueError, "verbose: expected one of False, True"),
    "unknown backend": ({"backend": "gpu"}, {}, ValueError, "backend: expected one of"),
    "solver's object": (
        {"init": snb.initializers.Zeros()},
        {},
        TypeError,
        "init: expected the name of an initializer",
    ),
}


@pytest.mark.parametrize("settings, arguments, kind, message", BAD.values(), ids=BAD)
def test_bad_settings_and_arguments_are_named(settings, arguments, kind, message):
    with pytest.raises(kind, match=message):
        EntropicAligner(**settings).fit(X, **arguments)


def test_a_masked_array_without_masked_entries_is_taken():
    plain, masked = (EntropicAligner(Z).fit(points) for points in (X, np.ma.masked_array(X)))
    np.testing.assert_array_equal(masked.transform(np.ma.masked_array(X)), plain.transform(X))

"""The rules by which small problems are solved, as formulas: compiled and interpreted they say the
same.
"""

import numba
import numpy as np
import pytest

from sinkhorn_nb.backends import small_rules as rules
from sinkhorn_nb.backends.small_rules import Aim

CASES = {
    "levels": [(1.0, 0), (32.0, 0), (33.0, 2), (800.0, 4), (1e4, 6)],
    "are_near": [(0.7, True), (0.8, False)],
    "heat": [(0, 1.0), (1, 4.0), (5, 2.0**10)],
    "log_ratio": [(0.25, 3.0, 0.5, 2.0), (0.0, 10.0, 0.25, -688.0)],
    "share_of_error": [(0.5, 1.0, 0.5), (0.5, -1.0, 0.25), (0.25, 2000.0, 2.0**998)],
    "share_of_gain": [(0.5, 0.0, 0.0), (0.5, 1.0, 0.5 * (np.log2(np.e) - 1.0))],
    "earned": [
        (3.0, 0.0, 3.0),
        (1.0, 1.0, np.log2(np.e) / 2),
        (-1.0, 0.5, -2 * np.log2(np.e) * (np.sqrt(2) - 1)),
        (1.0, 1e-12, 1.0),
    ],
    "share_of_priced_error": [(0.5, 1.0, 0.5), (0.25, 2000.0, 2.0**298)],
    "share_of_priced_gain": [
        (0.5, 1.0, 0.0, 0.5 * (np.log2(np.e) - 1.0)),
        (0.5, 1.0, 1e-12, 0.5 * (np.log2(np.e) - 1.0)),
        (1.0, 2.0, 1.0, np.log2(np.e)),
    ],
    "self_share": [(0.0, False, 2 / 3), (1.0, False, 0.8), (0.0, True, 1 / 2), (1.0, True, 2 / 3)],
    "log2_of_1_plus": [(0.0, 0.0), (1.0, 1.0), (1e-12, 1e-12 * np.log2(np.e))],
    "is_tiny": [(1e-5, 10, True), (1e-5, 1000, False)],
    "is_better": [
        (0.2, 9.0, 0.3, 1.0, 0.1, True),
        (0.3, 1.0, 0.2, 9.0, 0.1, False),
        (0.08, 1.0, 0.05, 2.0, 0.1, True),
        (0.05, 2.0, 0.08, 1.0, 0.1, False),
        (0.05, 2.0, np.inf, np.inf, 0.1, True),
    ],
    "is_settled": [
        (0.2, 0.0, 9, 0.1, False),
        (0.05, 0.1, 1, 0.1, True),
        (0.05, 1.0, 6, 0.1, False),
        (0.05, 1.0, 7, 0.1, True),
    ],
    "is_accurate": [
        (Aim(rules.NO_VALUE, 0.0, False), 1.0, 0.0, 0.1, 0.1, 0, True),
        (Aim(0.0, 0.0, False), 1.0, 0.0, 1e-4, 0.1, 0, False),
        (Aim(0.0, 0.0, False), 1.0, 0.0, 1e-6, 0.1, 0, True),
        (Aim(0.0, 0.0, True), 1.0, 0.0, 1e-6, 0.1, 0, False),
        (Aim(0.0, 0.0, True), 1.0, 0.99, 1e-3, 0.1, 1, True),
        (Aim(0.0, 0.0, True), 1.0, 0.9, 1e-3, 0.1, 1, False),
        (Aim(0.0, 0.0, True), 1.0, 0.9, 1e-3, 1e-9, 1, True),
    ],
    "sharpened": [(8e-3, 1e-3), (1e-9, 1e-9)],
    "first_look": [(2**18, 32), (2**10, 2**12)],
    "stalls": [(0.6, 1.0, True), (0.4, 1.0, False)],
    "has_fallen": [
        (1.0, -np.inf, False),
        (1.0, 1.0 + 5e-13, False),
        (1.0, 1.1, True),
        (np.nan, 1.0, True),
    ],
    "is_to_be_mixed": [
        (0.2, 5.0, 0.1, True),
        (0.05, 5.0, 0.1, False),
        (0.6, 5.0, 0.1, False),
        (0.2, 31.0, 0.1, False),
    ],
}


@pytest.mark.parametrize("name", CASES)
def test_rules(name):
    rule = getattr(rules, name)
    compiled = numba.njit(lambda *arguments: rule(*arguments))
    for *arguments, expected in CASES[name]:
        assert rule(*arguments) == pytest.approx(expected, rel=1e-14)
        assert compiled(*arguments) == pytest.approx(expected, rel=1e-14)

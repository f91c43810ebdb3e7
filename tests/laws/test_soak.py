"""A hundred random hard problems; `python -m tests.soak` draws thousands."""

import os

import pytest
from hard_problems import draw
from soak import check

pytestmark = pytest.mark.slow

SEED = int(os.environ.get("SOAK_SEED", 0))


@pytest.mark.parametrize("index", range(100))
def test_a_random_hard_problem_is_what_it_says(index):
    problem = draw([SEED, index])
    failures = check(problem)
    words = "".join(f"\n  {kind}: {text}" for kind, text in failures)
    assert not failures, f"python -m tests.soak --only {SEED} {index} ({problem.told}){words}"

"""If a GPU that "auto" has chosen fails, the CPU continues and gives its own answers."""

import numpy as np
import pytest
from pairs import CHECKS, CPU, Pairs, check_slope_sums

from sinkhorn_nb.backends.cpu.backend import CpuBackend
from sinkhorn_nb.backends.fallback import FallbackBackend

SIZE = 150, 90
QUESTIONS = [
    "load",
    "sums",
    "cluster_sums",
    "self_sums",
    "row_sums",
    "log_sum_exp",
    "transport",
    "slope_sums",
]
FAILURE = r"backend: the GPU failed \(RuntimeError: lost\), and the CPU goes on"


class Sums:
    """Cluster sums of a device that is lost."""

    dtype = np.dtype(np.float64)

    def __getattr__(self, name):
        raise RuntimeError("lost")

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("lost")


class Fails(CpuBackend):
    """Is lost at one of the questions."""

    points_a_tile = 32

    def __init__(self, *questions):
        for name in questions:
            setattr(self, name, self.fail)

    def fail(self, *arguments):
        raise RuntimeError("lost")


class LosesSums(CpuBackend):
    def cluster_sums(self, *arguments):
        return super().cluster_sums(*arguments)[0], Sums()


def pairs(backend):
    return Pairs.near(*SIZE, 2, "float64", backend, 32)


@pytest.mark.parametrize("check", [*CHECKS, check_slope_sums])
def test_no_failure_no_warning(check):
    check(pairs(FallbackBackend(Fails, CPU)))


@pytest.mark.parametrize("check", [*CHECKS, check_slope_sums])
def test_the_other_answers_every_question_after_a_failure(check):
    with pytest.warns(RuntimeWarning, match=FAILURE) as caught:
        check(pairs(FallbackBackend(lambda: Fails(*QUESTIONS), CPU)))
    assert len(caught) == 1


def test_the_other_takes_over_where_the_first_cannot_be_made():
    with pytest.warns(RuntimeWarning, match=FAILURE):
        backend = FallbackBackend(lambda: Fails().fail(), CPU)
    assert backend.points_a_tile == CPU.points_a_tile
    t = pairs(backend)
    t.compare(backend.row_sums(t.X, t.F, t.Y, t.G, t.b), t.p @ t.b)


@pytest.mark.parametrize(
    "question",
    [
        lambda C: C.columns(),
        lambda C: C.totals(np.array([1.0, 2.0])),
        lambda C: C.shares(np.ones(90)),
        lambda C: C.grouped(np.ones(90), 30),
        lambda C: np.asarray(C),
    ],
)
def test_cluster_sums_that_are_lost_are_computed_again(question):
    answers = []
    for backend in (CPU, FallbackBackend(LosesSums, CPU)):
        t = pairs(backend)
        _, sums = backend.cluster_sums(t.X, t.F, t.a, t.Y, t.G, t.b, np.array([0, 64, 150]))
        if backend is CPU:
            answers.append(question(sums))
        else:
            with pytest.warns(RuntimeWarning, match=FAILURE):
                answers.append(question(sums))
    np.testing.assert_array_equal(*answers)


def test_a_failure_of_both_reaches_the_caller():
    backend = FallbackBackend(lambda: Fails("row_sums"), Fails("row_sums"))
    t = pairs(backend)
    with pytest.warns(RuntimeWarning, match=FAILURE), pytest.raises(RuntimeError, match="lost"):
        backend.row_sums(t.X, t.F, t.Y, t.G, t.b)
    with pytest.raises(RuntimeError, match="lost"):
        backend.row_sums(t.X, t.F, t.Y, t.G, t.b)


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_an_interruption_is_no_failure(interruption):
    class Interrupted(CpuBackend):
        def row_sums(self, *arguments):
            raise interruption

    backend = FallbackBackend(Interrupted, CPU)
    t = pairs(backend)
    with pytest.raises(interruption):
        backend.row_sums(t.X, t.F, t.Y, t.G, t.b)
    assert type(backend._backend) is Interrupted


def test_heavy_pairs_are_listed_by_the_other_after_a_failure():
    t = pairs(FallbackBackend(lambda: Fails("heavy_pairs"), CPU))
    question = t.F, t.a, t.Y, t.G, t.b, 1e-3, 10**6
    with pytest.warns(RuntimeWarning, match=FAILURE):
        found = t.backend.heavy_pairs(t.X, *question)
    is_heavy = t.p * np.maximum(t.a[:, None], t.b) > 1e-3
    np.testing.assert_array_equal(found.columns, np.nonzero(is_heavy)[1])

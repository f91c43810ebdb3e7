"""The progress bar shows iterations, the marginal error beside the tolerance, and the time, and
nothing else.
"""

import re
import threading

import numpy as np
import pytest
from problems import example

from sinkhorn_nb import Sinkhorn, entropic_ot, sinkhorn_divergence
from sinkhorn_nb.solver import progress


@pytest.fixture
def every_line(monkeypatch):
    """Lines are shown however fast they come."""
    monkeypatch.setattr(progress, "INTERVAL", 0)


def lines(capsys):
    shown = capsys.readouterr()
    assert shown.out == ""
    return [line.strip() for line in shown.err.split("\r") if line.strip()]


def test_each_line_has_iterations_error_tolerance_and_time(capsys, every_line):
    solution = entropic_ot(
        *example(), blur=0.3, solver=Sinkhorn(tol=1e-4, progress=True, init="zeros")
    )
    first, *others = lines(capsys)
    assert first == "23 and 31 points: 0 iterations, 00:00"
    assert len(others) == solution.n_iter
    for k, (line, error) in enumerate(zip(others, solution.history, strict=True), start=1):
        expected = rf"23 and 31 points: {k} iterations, marginal error {error:.1e} \(tol 0.0001\), \d\d:\d\d"
        assert re.fullmatch(expected, line)


def test_there_is_no_estimate_of_the_time_left(capsys, every_line):
    entropic_ot(*example(), blur=0.1, solver=Sinkhorn(progress=True))
    assert not any(word in line for line in lines(capsys) for word in ("3000", "%", "it/s", "?"))


def test_errors_at_a_larger_blur_say_so(capsys, every_line):
    entropic_ot(*example(), blur=0.3, solver=Sinkhorn(progress=True, acceleration="symmetric"))
    shown = lines(capsys)
    assert re.search(r"marginal error [\d.e+-]+ at blur [\d.]+ \(tol", shown[1])
    assert "at blur" not in shown[-1]


def test_a_divergence_shows_one_problem_after_another(capsys, every_line):
    sinkhorn_divergence(*example(), blur=0.3, solver=Sinkhorn(progress=True))
    names = list(dict.fromkeys(line.partition(":")[0] for line in lines(capsys)))
    assert names == ["23 points with themselves", "31 points with themselves", "23 and 31 points"]


def test_the_bar_goes_when_the_solve_is_over(capsys):
    entropic_ot(*example(), blur=0.3, solver=Sinkhorn(progress=True))
    assert capsys.readouterr().err.split("\r")[-2].strip() == ""


def test_the_bar_goes_when_a_callback_fails(capsys):
    def fail(iteration):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        entropic_ot(*example(), blur=0.3, solver=Sinkhorn(progress=True, callback=fail))
    assert capsys.readouterr().err.split("\r")[-2].strip() == ""


def test_it_changes_no_result_and_is_silent_by_default(capsys):
    problem = example(
        1100, 1000
    )  # smaller ones are solved by one compiled call, which shows nothing
    shown = entropic_ot(*problem, blur=0.3, solver=Sinkhorn(progress=True))
    capsys.readouterr()
    silent = entropic_ot(*problem, blur=0.3)
    np.testing.assert_array_equal(shown.f, silent.f)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("shown", [False, True])
def test_it_starts_no_thread(shown):
    """tqdm's monitor lives as long as the process."""
    entropic_ot(*example(), blur=0.3, solver=Sinkhorn(progress=shown))
    assert not any("monitor" in type(thread).__name__.lower() for thread in threading.enumerate())

"""Small problems on the GPU, or in numba's simulator, are those of the CPU and of the dense oracle.

python -m pytest tests/test_cuda_small.py     (with NUMBA_ENABLE_CUDASIM=1: see
test_cuda_simulator.py)
"""

import numpy as np
import pytest
from gpus import SIMULATED, Gpu
from problems import example
from test_small import (
    Case,
    case,
    check_that_all_is_true,
    check_that_it_is_solved,
    forms_of,
    own,
    solved,
)

import sinkhorn_nb as snb
from sinkhorn_nb.backends.cpu.small_costs import profile
from sinkhorn_nb.backends.cpu.small_problems import Problems, solve_all
from sinkhorn_nb.backends.cuda import device as cuda_device
from sinkhorn_nb.backends.cuda import small as cuda_small

SIZES = [(1, 1), (1, 5), (5, 1), (2, 2), (4, 7), (9, 11)] + (
    [] if SIMULATED else [(64, 70), (200, 300), (1, 3000)]
)


def on_gpu(cases, max_iter=500):
    return solved(cases, max_iter, cuda_small.solve_all)


def check_that_they_agree(cases, max_iter=500, atol=1e-9):
    """Check that the answers, in bits, agree with those of the CPU; return the answers."""
    answers = on_gpu(cases, max_iter)
    for found, expected in zip(answers, solved(cases, max_iter), strict=True):
        assert (len(found.history), found.n_kernels) == (len(expected.history), expected.n_kernels)
        assert found.n_levels == expected.n_levels
        for name in ("u", "v", "logs", "history"):
            np.testing.assert_allclose(
                getattr(found, name), getattr(expected, name), rtol=1e-9, atol=atol
            )
    return answers


def far_clusters():
    """At distances of 300 blurs, rounding alone changes the number of iterations."""
    x, y = np.random.default_rng(1).normal(size=(2, 6, 2))
    x[::3] += [100.0, 0.0]
    y[::3] += [0.0, 100.0]
    return Case(x, y, np.full(6, 1 / 6), np.full(6, 1 / 6), blur=1.0, tol=1e-6)


def tiny_masses(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(7, 2)), rng.normal(size=(9, 2))
    a, b = 10 ** rng.uniform(-8, 0, 7), 10 ** rng.uniform(-8, 0, 9)
    return Case(x, y, a / a.sum(), b / b.sum(), blur=0.15, tol=1e-3)


def some_of_all_kinds():
    """Near and far ones, alone with themselves, started, of several dimensions; they stop after 1
    to 30 iterations.
    """
    cases = [case(4, 7), case(9, 11, 5), own(6), own(1), case(1, 5), case(3, 3, tol=1e-3)]
    return [*cases, case(5, 4, start=np.linspace(-5, 5, 4)), far_clusters()]


@pytest.mark.parametrize("blur", [0.4, 30.0])
def test_problems_of_all_sizes_are_those_of_the_cpu(blur):
    cases = [case(n, m, blur=blur) for n, m in SIZES] + [own(n, blur=blur) for n in (1, 6)]
    for problem, answer in zip(cases, check_that_they_agree(cases), strict=True):
        check_that_it_is_solved(problem, answer)


def test_problems_of_all_dimensions_are_those_of_the_cpu():
    cases = [case(4, 7, d, blur=1.0) for d in (1, 3, 7)] + [own(6, d, blur=1.0) for d in (1, 40)]
    for problem, answer in zip(cases, check_that_they_agree(cases), strict=True):
        check_that_it_is_solved(problem, answer)


def test_far_clusters_are_annealed():
    (answer,) = check_that_they_agree([far_clusters()], atol=1e-6)
    check_that_all_is_true(far_clusters(), answer, atol=1e-8)
    assert answer.n_levels == 5
    assert answer.error <= 1e-6


def test_tiny_masses_are_brought_home():
    """Extra iterations within the tolerance do this."""
    cases = [tiny_masses(seed) for seed in (366, 2440)]
    for problem, answer in zip(cases, check_that_they_agree(cases), strict=True):
        check_that_all_is_true(problem, answer)
        assert (answer.history <= problem.tol).sum() > 5
        assert np.abs(answer.logs).max() < 0.15


def test_the_kernel_is_built_anew_where_the_potential_has_moved_far():
    problem = case(4, 7, blur=0.2, start=np.linspace(-300, 300, 7))
    (answer,) = check_that_they_agree([problem])
    check_that_it_is_solved(problem, answer)
    assert answer.n_kernels == 4


@pytest.mark.parametrize("max_iter", [1, 3])
def test_what_is_said_of_a_solve_that_is_not_done_is_true(max_iter):
    cases = [
        case(9, 11, blur=0.05),
        own(6, blur=0.05),
        case(4, 7, blur=0.05, start=np.linspace(-40, 40, 7)),
    ]
    for problem, answer in zip(cases, check_that_they_agree(cases, max_iter), strict=True):
        assert len(answer.history) == max_iter
        assert answer.error > problem.tol
        check_that_all_is_true(problem, answer)


def test_columns_that_nobody_sees_are_measured_all_the_same():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 2)), rng.normal(size=(6, 2))
    y[::2, 0] += 1000.0
    problem = Case(x, y, np.full(5, 0.2), np.full(6, 1 / 6), blur=1.0, start=np.zeros(6))
    for max_iter in (1, 2, 12):
        (answer,) = on_gpu([problem], max_iter)
        check_that_all_is_true(problem, answer)
    assert answer.n_kernels > 1


def test_mixing_that_lowers_the_dual_is_taken_back():
    """Else this problem is not solved in 400 iterations."""
    rng = np.random.default_rng(15)
    n, m = 6, 7
    x, y = rng.normal(size=(n, 2)), rng.normal(size=(m, 2)) + rng.normal(size=2)
    a, b = rng.exponential(size=n) ** 2 + 1e-3, rng.exponential(size=m) ** 2 + 1e-3
    problem = Case(x, y, a / a.sum(), b / b.sum(), blur=0.3, tol=1e-8)
    (answer,) = check_that_they_agree([problem], 60, atol=1e-7)
    assert answer.error <= 1e-8


def test_the_same_bits_however_short_the_launches(monkeypatch):
    """Even if each makes one step, or adds one coordinate; K is built anew in each."""
    expected = [answer.bytes for answer in on_gpu(some_of_all_kinds())]
    active = []

    def one(wave, instructions):
        active.append(len(wave))
        return 1

    monkeypatch.setattr(cuda_small, "_allowed", one)
    assert [answer.bytes for answer in on_gpu(some_of_all_kinds())] == expected
    assert len(active) > 20
    assert min(active) < max(active)  # what is solved has left the launch


def test_launches_are_as_short_as_asked_for(monkeypatch):
    wave = table_of([case(4, 7), case(9, 11)])
    pairs = cuda_small.BLOCKS * 99 * cuda_small.COST["float64"]
    for steps in (1, 5, 1000):
        monkeypatch.setattr(cuda_small, "MOST_A_LAUNCH", 10 * pairs * (steps + 0.5))
        assert cuda_small._allowed(wave, 10) == steps
    monkeypatch.setattr(cuda_small, "MOST_A_LAUNCH", 1)
    assert cuda_small._allowed(wave, 10) == 1


def table_of(cases):
    """The table of what `solved` asks."""
    asked = []

    def ask(forms, problems, own, max_iter):
        answers = solve_all(forms, problems, own, max_iter)
        asked.append(cuda_small._table(forms, problems, own, answers))
        return answers

    solved(cases, 1, ask)
    return asked[0]


def test_the_same_bits_in_any_company(monkeypatch):
    cases = some_of_all_kinds()
    expected = [on_gpu([problem])[0].bytes for problem in cases]
    assert [answer.bytes for answer in on_gpu(cases[::-1])] == expected[::-1]
    monkeypatch.setattr(cuda_small, "SCRATCH", 10_000)  # waves of one or two
    assert [answer.bytes for answer in on_gpu(cases)] == expected


def test_the_same_bits_from_two_devices(monkeypatch):
    cases = some_of_all_kinds()
    expected = [answer.bytes for answer in on_gpu(cases)]
    monkeypatch.setattr(cuda_device.cuda, "gpus", [Gpu(0), Gpu(1)])
    monkeypatch.setattr(cuda_small, "devices", lambda: [0, 1])
    assert [answer.bytes for answer in on_gpu(cases)] == expected


def test_kernels_in_shared_memory_and_in_global_memory_say_the_same(monkeypatch):
    problem = case(4, 7)
    (near,) = on_gpu([problem])
    monkeypatch.setattr(cuda_small, "NEAR_ENTRIES", 0)
    (far,) = on_gpu([problem])
    np.testing.assert_allclose(far.v, near.v, rtol=1e-12)
    check_that_it_is_solved(problem, far)


def pairs_of_clouds(ask, tol=1e-3):
    """Answers for three clouds with themselves, then for pairs of them: two that are near, and one
    pair not wanted.
    """
    x, y, a, b = example(5, 6, 2)
    near = x + 1e-2 * np.random.default_rng(0).normal(size=x.shape)
    forms = forms_of(
        [Case(x, near, a, a), Case(20 * y, 20 * y, b, b)]
    )  # in blurs; y is too near to be annealed
    selves = problems_between([0, 1, 2], [0, 1, 2], 1e-7, [True, True, True])
    own = ask(forms, selves, None, 100)
    own.gains[:] += 1e-3  # so that they matter
    pairs = problems_between([0, 0, 2], [1, 2, 1], tol, [True, True, False])
    return own, ask(forms, pairs, own, 100)


def problems_between(sources, targets, tol, are_wanted):
    count = len(sources)
    return Problems(
        *map(np.array, (sources, targets)),
        profile=profile(None, 1.0, np.log2(np.e)),
        rates=np.zeros((count, 2)),
        tols=np.full(count, tol),
        shares=np.full((count, 2), 0.5),
        constants=np.zeros(count),
        are_fine=np.arange(count) == 1,
        are_wanted=np.array(are_wanted),
        starts=np.empty(0),
        are_started=np.zeros(count, dtype=bool),
    )


def test_values_of_divergences_are_as_accurate_as_those_of_the_cpu():
    """They start near the potentials of self problems, and are solved in rounds of smaller
    tolerances.
    """
    for found, expected in zip(
        pairs_of_clouds(cuda_small.solve_all), pairs_of_clouds(solve_all), strict=True
    ):
        np.testing.assert_array_equal(found.counts, expected.counts)
        np.testing.assert_array_equal(found.are_accurate, expected.are_accurate)
        np.testing.assert_allclose(found.values, expected.values, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(found.gains, expected.gains, rtol=1e-3, atol=1e-12)
        np.testing.assert_allclose(found.v, expected.v, atol=1e-9)
        assert found.are_accurate[:2].all()
    # The first was near, the second was annealed
    assert found.counts[:, 2].tolist()[0] == 0 < found.counts[1, 2]
    assert found.errors[0] < 1e-3 / 8
    assert found.errors[2] == np.inf
    assert not found.v[found.v_ends[2] :].any()


def test_divergences_have_the_same_bits_however_short_the_launches(monkeypatch):
    expected = pairs_of_clouds(cuda_small.solve_all)
    monkeypatch.setattr(cuda_small, "_allowed", lambda wave, instructions: 1)
    for found, known in zip(pairs_of_clouds(cuda_small.solve_all), expected, strict=True):
        for name in ("u", "v", "logs", "values", "gains", "errors", "counts"):
            np.testing.assert_array_equal(getattr(found, name), getattr(known, name))


def test_solves_without_progress_are_left_at_the_same_iteration(monkeypatch):
    """Here after four, unless the error has halved."""
    monkeypatch.setattr(cuda_small, "first_look", lambda pairs: 4)
    (answer,) = on_gpu([case(4, 7, blur=0.05)])
    assert len(answer.history) in (4, 8, 16)
    assert answer.error > 1e-10


def test_batches_with_the_backend_cuda_ask_the_gpu(monkeypatch):
    asked, on_the_gpu = [], cuda_small.solve_all

    def spy(*arguments):
        asked.append(arguments)
        return on_the_gpu(*arguments)

    monkeypatch.setattr(cuda_small, "solve_all", spy)
    xs, ys = ([example(5, 6, 2)[k] + shift for shift in range(3)] for k in (0, 1))
    found, expected = (
        snb.sinkhorn_divergences(xs, ys, blur=0.3, solver=snb.Sinkhorn(backend=name))
        for name in ("cuda", "cpu")
    )
    assert asked
    assert found.converged.all()
    assert found[0].xy.backend == "cuda"
    np.testing.assert_allclose(found.value, expected.value, rtol=1e-9)

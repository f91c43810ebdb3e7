"""An earlier divergence as the start of the next: fewer passes in a flow, and results as right as
without it.
"""

import pickle
from functools import cache

import numpy as np
import pytest
from oracle import Dense
from problems import cloud, example

from sinkhorn_nb import (
    ConvergenceWarning,
    Sinkhorn,
    entropic_ot,
    sinkhorn_divergence,
    sinkhorn_divergences,
)
from sinkhorn_nb.initializers import Resumed
from sinkhorn_nb.initializers.tracks import updated

BLUR, RATE = 0.1, 0.1


def flow(n, n_steps, is_warm, noise=0.0, dtype="float32"):
    """The divergences of the steps of a gradient flow from one square to another, warped one."""
    rng = np.random.default_rng(0)
    x, y = rng.random((n, 2)).astype(dtype), (rng.random((n, 2)) ** 2 + [0.5, 0.0]).astype(dtype)
    found = []
    for _ in range(n_steps):
        init = found[-1] if found and is_warm else "auto"
        found.append(sinkhorn_divergence(x, y, blur=BLUR, solver=Sinkhorn(init=init)))
        move = RATE * n * found[-1].gradient().x + noise * BLUR * rng.normal(size=x.shape)
        x = (x - move).astype(dtype)
    return found


@cache
def known_flow(n, is_warm):
    return flow(n, 8, is_warm)


@cache
def long_flow():
    return flow(740, 40, is_warm=True)


def solved(tol=1e-3, init="auto", blur=BLUR, **kwargs):
    """The divergence of an example, with pairs in float64."""
    return sinkhorn_divergence(
        *example(**kwargs), blur=blur, solver=Sinkhorn(tol=tol, init=init, dtype="float64")
    )


def test_a_step_of_a_flow_takes_a_few_passes():
    """The start takes none, the target's own problem is not solved again."""
    for divergence in known_flow(740, True)[1:]:
        assert divergence.converged
        assert divergence.xy.n_passes == divergence.xy.n_iter <= 3
        assert divergence.xx.n_passes == divergence.xx.n_iter / 2 <= 2
        assert divergence.yy.n_passes == divergence.yy.n_iter == 0


def test_a_step_of_a_small_flow_takes_two_thirds_of_the_passes():
    """Small problems take the same starts; each forms its kernel, and their own problems have a
    tighter tolerance.
    """
    warm, cold = (known_flow(400, is_warm)[1:] for is_warm in (True, False))
    assert all(divergence.yy.n_passes == 0 for divergence in warm)
    assert max(divergence.xy.n_iter for divergence in warm) <= 7
    assert sum(each.n_passes for each in warm) < 0.67 * sum(each.n_passes for each in cold)


def test_a_warm_flow_takes_little_more_than_half_of_the_passes_of_a_cold_one_from_the_first_step():
    warm, cold = (
        sum(each.n_passes for each in known_flow(740, is_warm)[1:]) for is_warm in (True, False)
    )
    assert warm < 0.55 * cold


def test_a_warm_flow_goes_where_a_cold_one_goes():
    for warm, cold in zip(known_flow(740, True), known_flow(740, False), strict=True):
        assert warm.value == pytest.approx(cold.value, rel=1e-3)


def test_the_error_of_a_solution_is_mended_by_the_step_that_it_tells():
    """At no pass: the next problem starts nearer than this one has ended."""
    first, exact = solved(tol=1e-2), solved(tol=1e-9)
    for known, best in (
        (first.xx, exact.xx),
        (first.yy, exact.yy),
        (first.xy, exact.xy),
        (first.xy.T, exact.xy.T),
    ):
        off = [f - best.iterate.f for f in (updated(known), known.iterate.f)]
        assert np.ptp(off[0]) <= np.ptp(off[1])
    for known, best in ((first.xx, exact.xx), (first.yy, exact.yy)):
        off = [np.abs(f - best.iterate.f).mean() for f in (updated(known), known.iterate.f)]
        assert off[0] < 0.5 * off[1]


def test_noise_in_the_steps_leaves_the_start_useful():
    warm, cold = (
        sum(each.n_passes for each in flow(740, 5, w, noise=0.1)[1:]) for w in (True, False)
    )
    assert warm < 0.7 * cold


def test_a_long_flow_takes_less_than_four_passes_a_step():
    assert np.mean([divergence.n_passes for divergence in long_flow()[5:]]) <= 3.6


@pytest.mark.slow
def test_errors_do_not_build_up_over_many_steps():
    divergence = long_flow()[-1]
    x, y = divergence.xy.problem.source.points, divergence.xy.problem.target.points
    expected = Dense.of(x.astype(np.float64), y.astype(np.float64), blur=BLUR)
    assert divergence.value == pytest.approx(expected.divergence, rel=0.01)


@pytest.mark.parametrize(
    "kwargs", [{}, {"mass": 3.0}, {"zeros": 5}, {"n": 31, "m": 23}, {"n": 31, "m": 31}]
)
def test_each_of_the_three_solutions_starts_its_problem(kwargs):
    first = solved(tol=1e-6, **kwargs)
    again = solved(tol=1e-6, init=first, **kwargs)
    assert (again.xy.n_iter, again.xx.n_iter, again.yy.n_iter) == (1, 0, 0)
    assert again.value == pytest.approx(first.value, rel=1e-9)


def test_self_solutions_that_are_less_accurate_than_asked_for_are_gone_on_with():
    first, cold = solved(), solved(tol=1e-10)
    again = solved(tol=1e-10, init=first)
    assert 0 < again.xx.n_iter < cold.xx.n_iter
    assert 0 < again.yy.n_iter < cold.yy.n_iter
    assert again.converged and again.marginal_error <= 1e-10
    assert again.value == pytest.approx(cold.value, rel=1e-9)


def test_unconverged_solutions_are_gone_on_with():
    with pytest.warns(ConvergenceWarning):
        first = sinkhorn_divergence(
            *example(), blur=BLUR, solver=Sinkhorn(max_iter=1, dtype="float64")
        )
    again = solved(init=first)
    assert again.converged and again.marginal_error <= 1e-3
    assert min(again.xy.n_iter, again.xx.n_iter, again.yy.n_iter) > 0


def test_self_solutions_in_float32_do_not_serve_float64_points():
    x, y, a, b = example()
    single, double = (
        (z.astype(dtype).astype("float64") for z in (x, y)) for dtype in ("float32", "float32")
    )
    first = sinkhorn_divergence(
        *(z.astype("float32") for z in single), a, b, blur=BLUR, solver=Sinkhorn(init="zeros")
    )
    again = sinkhorn_divergence(*double, a, b, blur=BLUR, solver=Sinkhorn(init=first))
    assert first.yy.dtype == "float32"
    assert again.yy.dtype == "float64" and again.yy.n_iter > 0


def test_a_certified_solve_certifies_self_solutions_too():
    first = solved()
    again = sinkhorn_divergence(*example(), blur=BLUR, solver=Sinkhorn(init=first, certify=True))
    for solution in (again.xx, again.yy):
        assert solution.n_iter > 0
        assert solution.gap <= 1e-3 * max(abs(solution.value), BLUR**2)


@pytest.mark.parametrize(
    "changes", [{"n": 40}, {"m": 20}, {"n": 40, "m": 20}, {"mass": 2.0}, {"blur": 0.2}]
)
def test_other_points_weights_and_blurs_are_served(changes):
    first, expected = solved(), solved(tol=1e-9, **changes)
    warm = solved(init=first, **changes)
    assert warm.converged
    assert warm.value == pytest.approx(expected.value, rel=1e-3)


def test_a_side_drawn_anew_is_extended_and_the_other_is_not():
    """One softmin over the 80 new points by the 100 old ones, in a problem of 100 by 80."""
    x, y = cloud(100, 2), cloud(90, 2, shift=0.5)
    first = sinkhorn_divergence(x, y, blur=0.3, solver=Sinkhorn(dtype="float64"))
    warm = Sinkhorn(dtype="float64", init=first)
    again = sinkhorn_divergence(x + 0.01, cloud(80, 2, shift=0.5), blur=0.3, solver=warm)
    assert again.xy.n_passes - again.xy.n_iter == pytest.approx(1.0)
    assert again.converged


@pytest.mark.slow
@pytest.mark.parametrize(("n", "m"), [(40, 50), (50, 40)])
def test_weights_that_change_take_no_pass_for_the_start(n, m):
    x, y, a, b = example(n, m)
    first = sinkhorn_divergence(x, y, blur=BLUR, solver=Sinkhorn(dtype="float64"))
    again = sinkhorn_divergence(x, y, a, b, blur=BLUR, solver=Sinkhorn(init=first, dtype="float64"))
    expected = Dense.of(x, y, a, b, blur=BLUR).divergence
    assert again.converged and again.xy.n_passes <= again.xy.n_iter + 5  # kernels that are formed
    assert again.value == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("seed", [1, 4, 21, 32])
def test_a_divergence_far_below_the_one_it_starts_from_is_right(seed):
    """Errors of the first divergence at small masses, which the marginal errors do not show, took
    20 to 30 % off.
    """
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(30, 2))
    y = x + 0.003 * rng.normal(size=x.shape)
    first = sinkhorn_divergence(x + 0.2 * rng.normal(size=x.shape), y, blur=0.2)
    warm = sinkhorn_divergence(x, y, blur=0.2, solver=Sinkhorn(init=first))
    assert warm.converged and warm.value >= 0
    assert warm.value == pytest.approx(Dense.of(x, y, blur=0.2).divergence, rel=0.05)


def test_the_problem_between_two_measures_starts_from_their_own_new_solutions():
    """Nearer than from what their potentials are expected to be, which a plain problem starts from."""
    first = known_flow(740, True)[0]
    x, y = first.xy.problem.source.points, first.xy.problem.target.points
    moved, solver = x - 0.3 * len(x) * first.gradient().x, Sinkhorn(init=first)
    beside = sinkhorn_divergence(moved, y, blur=BLUR, solver=solver).xy
    alone = entropic_ot(moved, y, blur=BLUR, solver=solver)
    assert beside.history[0] < 0.5 * alone.history[0]


def test_clouds_that_meet_and_part_again_are_served():
    x, y, a, b = example(30, 30)
    apart = sinkhorn_divergence(x, y, a, a, blur=BLUR)
    met = sinkhorn_divergence(y, y, a, a, blur=BLUR, solver=Sinkhorn(init=apart))
    assert met.value == 0.0
    parted = sinkhorn_divergence(x, y, a, b, blur=BLUR, solver=Sinkhorn(init=met))
    assert parted.value == pytest.approx(Dense.of(x, y, a, b, blur=BLUR).divergence, rel=1e-3)


@pytest.mark.parametrize(("n", "m"), [(23, 31), (31, 23), (30, 30)])
def test_a_divergence_starts_the_plain_problems(n, m):
    x, y, a, b = example(n, m)
    divergence = solved(tol=1e-6, n=n, m=m)
    solver = Sinkhorn(tol=1e-6, init=divergence, dtype="float64")
    for arguments in ((x, y, a, b), (x, x, a, a), (y, y, b, b)):
        assert entropic_ot(*arguments, blur=BLUR, solver=solver).n_iter == 1


def test_many_divergences_may_start_from_one():
    x, y, a, b = example()
    first = solved(tol=1e-6)
    solver = Sinkhorn(init=first, tol=1e-6, dtype="float64")
    (again,) = sinkhorn_divergences([x], [y], [a], [b], blur=BLUR, solver=solver)
    assert (again.xy.n_iter, again.xx.n_iter, again.yy.n_iter) == (1, 0, 0)


def test_arrays_that_change_later_do_not_matter():
    x, y, a, b = example()
    first = sinkhorn_divergence(x, y, a, b, blur=BLUR, solver=Sinkhorn(dtype="float64"))
    solver = Sinkhorn(init=first, dtype="float64")
    for array in (x, y, a, b):
        array[:] = 1.0
    assert solved(init=first).xy.n_iter == 1
    assert sinkhorn_divergence(*example(), blur=BLUR, solver=solver).xy.n_iter == 1


def test_a_pickled_divergence_and_a_pickled_solver_start_as_well():
    first = solved()
    solver = pickle.loads(
        pickle.dumps(Sinkhorn(init=pickle.loads(pickle.dumps(first)), dtype="float64"))
    )
    assert sinkhorn_divergence(*example(), blur=BLUR, solver=solver).xy.n_iter == 1


@pytest.mark.parametrize("init", ["divergence", "initializer"])
def test_a_divergence_in_another_dimension_is_refused(init):
    divergence = solved(d=1)
    start = (
        divergence if init == "divergence" else Resumed(divergence.xy, divergence.xx, divergence.yy)
    )
    message = (
        "init: divergence: expected points in dimension 2 like the data, got dimension 1; compare "
        "clouds with"
    )
    with pytest.raises(ValueError, match=message):
        solved(init=start)
    with pytest.raises(ValueError, match=message):
        entropic_ot(*example(), blur=BLUR, solver=Sinkhorn(init=start))


@pytest.mark.parametrize("init", [None, 3, object(), [1.0, 2.0]])
def test_other_objects_are_refused(init):
    with pytest.raises(
        TypeError,
        match=r"init: expected a name, an Initializer, a Solution, a Divergence or a pair",
    ):
        Sinkhorn(init=init)


def test_rows_of_equal_points_may_part():
    x, y, _, _ = example(40, 30)
    x[1] = x[0]
    first = sinkhorn_divergence(x, y, blur=BLUR)
    x[1] += 0.01
    parted = sinkhorn_divergence(x, y, blur=BLUR, solver=Sinkhorn(init=first))
    assert parted.value == pytest.approx(Dense.of(x, y, blur=BLUR).divergence, rel=1e-3)

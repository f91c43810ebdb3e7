"""An earlier divergence as the start of the next: fewer passes in a flow, and results as right as without it."""

import pickle
from functools import cache

import numpy as np
import pytest
from oracle import Dense
from problems import cloud, example

from sinkhorn_nb import ConvergenceWarning, Measure, Sinkhorn, entropic_ot, sinkhorn_divergence, sinkhorn_divergences
from sinkhorn_nb.initializers import Resumed
from sinkhorn_nb.initializers.moved import along_geodesic, of_self, translated
from sinkhorn_nb.initializers.tracks import Track, updated

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
    return flow(150, 40, is_warm=True)


def solved(tol=1e-3, init="auto", blur=BLUR, **kwargs):
    """The divergence of an example, with pairs in float64."""
    return sinkhorn_divergence(*example(**kwargs), blur=blur, solver=Sinkhorn(tol=tol, init=init, dtype="float64"))


@pytest.mark.parametrize("n", [250, 600])
def test_a_step_of_a_flow_takes_a_few_passes(n):
    """The start takes none, the target's own problem is not solved again."""
    for divergence in known_flow(n, True)[1:]:
        assert divergence.converged
        assert divergence.xy.n_passes == divergence.xy.n_iter <= 3
        assert divergence.xx.n_passes == divergence.xx.n_iter / 2 <= 2
        assert divergence.yy.n_passes == divergence.yy.n_iter == 0


def test_a_warm_flow_takes_little_more_than_half_of_the_passes_of_a_cold_one_from_the_first_step():
    warm, cold = (sum(each.n_passes for each in known_flow(600, is_warm)[1:]) for is_warm in (True, False))
    assert warm < 0.55 * cold


def test_a_warm_flow_goes_where_a_cold_one_goes():
    for warm, cold in zip(known_flow(600, True), known_flow(600, False), strict=True):
        assert warm.value == pytest.approx(cold.value, rel=1e-3)


def test_the_error_of_a_solution_is_mended_by_the_step_that_it_tells():
    """At no pass: the next problem starts nearer than this one has ended."""
    first, exact = solved(tol=1e-2), solved(tol=1e-9)
    for known, best in ((first.xx, exact.xx), (first.yy, exact.yy), (first.xy, exact.xy), (first.xy.T, exact.xy.T)):
        off = [f - best.iterate.f for f in (updated(known), known.iterate.f)]
        assert np.ptp(off[0]) <= np.ptp(off[1])
    for known, best in ((first.xx, exact.xx), (first.yy, exact.yy)):
        off = [np.abs(f - best.iterate.f).mean() for f in (updated(known), known.iterate.f)]
        assert off[0] < 0.5 * off[1]


def test_noise_in_the_steps_leaves_the_start_useful():
    warm, cold = (sum(each.n_passes for each in flow(600, 5, w, noise=0.1)[1:]) for w in (True, False))
    assert warm < 0.7 * cold


def test_a_long_flow_takes_less_than_four_passes_a_step():
    assert np.mean([divergence.n_passes for divergence in long_flow()[5:]]) <= 3.6


def test_errors_do_not_build_up_over_many_steps():
    divergence = long_flow()[-1]
    x, y = divergence.xy.problem.source.points, divergence.xy.problem.target.points
    expected = Dense.of(x.astype(np.float64), y.astype(np.float64), blur=BLUR)
    assert divergence.value == pytest.approx(expected.divergence, rel=0.01)


@pytest.mark.parametrize("kwargs", [{}, {"mass": 3.0}, {"zeros": 5}, {"n": 31, "m": 23}, {"n": 31, "m": 31}])
def test_each_of_the_three_solutions_starts_its_problem(kwargs):
    first = solved(tol=1e-6, **kwargs)
    again = solved(tol=1e-6, init=first, **kwargs)
    assert (again.xy.n_iter, again.xx.n_iter, again.yy.n_iter) == (1, 0, 0)
    assert again.value == pytest.approx(first.value, rel=1e-9)


def test_self_solutions_that_are_less_accurate_than_asked_for_are_gone_on_with():
    first, cold = solved(), solved(tol=1e-8)
    again = solved(tol=1e-8, init=first)
    assert 0 < again.xx.n_iter < cold.xx.n_iter
    assert 0 < again.yy.n_iter < cold.yy.n_iter
    assert again.converged and again.marginal_error <= 1e-8
    assert again.value == pytest.approx(cold.value, rel=1e-9)


def test_unconverged_solutions_are_gone_on_with():
    with pytest.warns(ConvergenceWarning):
        first = sinkhorn_divergence(*example(), blur=BLUR, solver=Sinkhorn(max_iter=1, dtype="float64"))
    again = solved(init=first)
    assert again.converged and again.marginal_error <= 1e-3
    assert min(again.xy.n_iter, again.xx.n_iter, again.yy.n_iter) > 0


def test_self_solutions_in_float32_do_not_serve_float64_points():
    x, y, a, b = example()
    single, double = ((z.astype(dtype).astype("float64") for z in (x, y)) for dtype in ("float32", "float32"))
    first = sinkhorn_divergence(*(z.astype("float32") for z in single), a, b, blur=BLUR, solver=Sinkhorn(init="zeros"))
    again = sinkhorn_divergence(*double, a, b, blur=BLUR, solver=Sinkhorn(init=first))
    assert first.yy.dtype == "float32"
    assert again.yy.dtype == "float64" and again.yy.n_iter > 0


def test_a_certified_solve_certifies_self_solutions_too():
    first = solved()
    again = sinkhorn_divergence(*example(), blur=BLUR, solver=Sinkhorn(init=first, certify=True))
    for solution in (again.xx, again.yy):
        assert solution.n_iter > 0
        assert solution.gap <= 1e-3 * max(abs(solution.value), BLUR**2)


@pytest.mark.parametrize("changes", [{"n": 40}, {"m": 20}, {"n": 40, "m": 20}, {"mass": 2.0}, {"blur": 0.2}])
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


@pytest.mark.parametrize(("n", "m"), [(40, 50), (50, 40)])
def test_weights_that_change_take_no_pass_for_the_start(n, m):
    x, y, a, b = example(n, m)
    first = sinkhorn_divergence(x, y, blur=BLUR, solver=Sinkhorn(dtype="float64"))
    again = sinkhorn_divergence(x, y, a, b, blur=BLUR, solver=Sinkhorn(init=first, dtype="float64"))
    expected = Dense.of(x, y, a, b, blur=BLUR).divergence
    assert again.converged and again.xy.n_passes == again.xy.n_iter
    assert again.value == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("seed", [1, 4, 21, 32])
def test_a_divergence_far_below_the_one_it_starts_from_is_right(seed):
    """What is left of the other one at small masses, unseen by the marginal errors, took 20 to 30 % off."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(30, 2))
    y = x + 0.003 * rng.normal(size=x.shape)
    first = sinkhorn_divergence(x + 0.2 * rng.normal(size=x.shape), y, blur=0.2)
    warm = sinkhorn_divergence(x, y, blur=0.2, solver=Sinkhorn(init=first))
    assert warm.converged and warm.value >= 0
    assert warm.value == pytest.approx(Dense.of(x, y, blur=0.2).divergence, rel=0.05)


def test_the_problem_between_two_measures_starts_from_their_own_new_solutions():
    """Nearer than from what their potentials are expected to be, which a plain problem starts from."""
    first = known_flow(600, True)[0]
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
    assert (again.xy.n_iter, again.xx.n_iter, again.yy.n_iter) == (1, 1, 1)


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
    solver = pickle.loads(pickle.dumps(Sinkhorn(init=pickle.loads(pickle.dumps(first)), dtype="float64")))
    assert sinkhorn_divergence(*example(), blur=BLUR, solver=solver).xy.n_iter == 1


@pytest.mark.parametrize("init", ["divergence", "initializer"])
def test_a_divergence_in_another_dimension_is_refused(init):
    divergence = solved(d=1)
    start = divergence if init == "divergence" else Resumed(divergence.xy, divergence.xx, divergence.yy)
    message = "init: divergence: expected points in dimension 2 like the data, got dimension 1; compare clouds with"
    with pytest.raises(ValueError, match=message):
        solved(init=start)
    with pytest.raises(ValueError, match=message):
        entropic_ot(*example(), blur=BLUR, solver=Sinkhorn(init=start))


@pytest.mark.parametrize("init", [None, 3, object(), [1.0, 2.0]])
def test_other_objects_are_refused(init):
    with pytest.raises(TypeError, match=r"init: expected a name, an Initializer, a Solution, a Divergence or a pair"):
        Sinkhorn(init=init)


def linear_problem(n=400):
    """A cloud, its image under a linear map, and the potentials between the two without regularization."""
    x = np.random.default_rng(0).normal(size=(n, 2))
    return x, np.array([[2.0, 0.5], [0.5, 0.7]])


def linear_potentials(x, y, matrix):
    """Those of y = matrix x, up to a constant that is the same for both."""
    inverse = np.linalg.inv(matrix)
    return tuple((z * (z - z @ M)).sum(axis=1) / 2 for z, M in ((x, matrix), (y, inverse)))


def off_by(f, g, expected_f, expected_g):
    """How far potentials are from others, constants that f + g does not have left out."""
    df, dg = f - expected_f, g - expected_g
    return max(np.ptp(df), np.ptp(dg), abs(df.mean() + dg.mean()))


def track(before, after):
    return Track(before, after, np.full(len(before), 1 / len(before)), Measure.of(after))


@pytest.mark.parametrize(("s", "t"), [(0.1, 0.0), (0.0, 0.2), (0.3, 0.3), (-0.2, 0.1), (1.0, 0.0)])
def test_potentials_along_a_geodesic_are_exact(s, t):
    x, matrix = linear_problem()
    x = x - x.mean(axis=0)
    y = x @ matrix
    new_x, new_y = x + s * (y - x), y + t * (x - y)
    step = np.linalg.solve((1 - s) * np.eye(2) + s * matrix, (1 - t) * matrix + t * np.eye(2))
    shift = np.array([3.0, -1.0])  # of all, which does not matter
    moved = along_geodesic(*_interleaved(x + shift, new_x + shift, y, new_y, matrix, shift))
    expected = linear_potentials(new_x, new_y, step)
    assert off_by(*moved, *_translated(expected, new_x, new_y, shift)) < 1e-6


def _translated(potentials, x, y, shift):
    """Potentials after the translation of all x, which have mean zero as y has."""
    return potentials[0] + x @ shift + shift @ shift / 4, potentials[1] - y @ shift + shift @ shift / 4


def _interleaved(x, new_x, y, new_y, matrix, shift):
    f, g = _translated(linear_potentials(x - shift, y, matrix), x - shift, y, shift)
    return track(x, new_x), f, track(y, new_y), g


def test_potentials_follow_translations_exactly_and_other_moves_not_at_all():
    x, matrix = linear_problem()
    x = x - x.mean(axis=0)
    y = x @ matrix
    f, g = linear_potentials(x, y, matrix)
    shift = np.array([3.0, -1.0])
    moved = translated(track(x, x + shift), f, track(y, y), g)
    assert off_by(*moved, *_translated((f, g), x, y, shift)) < 1e-9
    noise = np.random.default_rng(1).normal(size=x.shape)
    noise -= noise.mean(axis=0)
    f_there, g_there = along_geodesic(track(x, x + 0.01 * noise), f, track(y, y), g)
    np.testing.assert_allclose(f_there, f)
    np.testing.assert_allclose(g_there, g)


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.1])
def test_the_potential_of_a_measure_with_itself_follows_its_density(factor):
    x = np.random.default_rng(0).random((500, 2))
    before, after = (entropic_ot(z, z, blur=0.05, solver=Sinkhorn(tol=1e-6)) for z in (x, factor * x))
    path = Track.of(before.problem.source, after.problem.source)
    off = np.abs(of_self(path, before, after.problem.source, 0.05**2) - after.iterate.f).mean()
    assert off <= 0.3 * np.abs(path.carried(before) - after.iterate.f).mean() + 1e-8


def test_rows_correspond_if_they_have_moved_little_from_a_translation():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    far, near, anew = x + 100.0, x + 0.3 * rng.normal(size=x.shape), rng.normal(size=x.shape)
    old = Measure.of(x)
    assert Track.of(old, Measure.of(far)) is not None
    assert Track.of(old, Measure.of(near)) is not None
    assert Track.of(old, Measure.of(anew)) is None
    assert Track.of(old, Measure.of(x[:100])) is None


def test_equal_measures_correspond_in_any_order_of_the_rows():
    x = np.random.default_rng(0).normal(size=(200, 3))
    path = Track.of(Measure.of(x), Measure.of(x[::-1]))
    assert not path.has_moved and path.length == 0


def test_rows_of_equal_points_may_part():
    x, y, _, _ = example(40, 30)
    x[1] = x[0]
    first = sinkhorn_divergence(x, y, blur=BLUR)
    x[1] += 0.01
    parted = sinkhorn_divergence(x, y, blur=BLUR, solver=Sinkhorn(init=first))
    assert parted.value == pytest.approx(Dense.of(x, y, blur=BLUR).divergence, rel=1e-3)

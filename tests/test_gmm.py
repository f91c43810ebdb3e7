"""The start from mixtures: coupled at Bures costs, read out at the points; fitted or given."""

import subprocess
import sys

import numpy as np
import pytest
from counts import start_and_passes
from hypothesis import given
from hypothesis import strategies as st
from oracle import costs, softmin
from problems import blobs, cloud, example
from scipy.linalg import sqrtm
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture

from sinkhorn_nb import Measure, Problem, Sinkhorn, entropic_ot, sinkhorn_divergence
from sinkhorn_nb.initializers import GMM, gmm
from sinkhorn_nb.initializers.mixture import Components

KINDS = ("full", "tied", "diag", "spherical")
READ_OUTS = ("softmin", "posterior")


def problem_of(x, y, a=None, b=None, blur=0.4):
    return Problem(Measure.of(x, a), Measure.of(y, b), blur**2)


def start(problem, initializer):
    """f and g in the caller's order, and the passes."""
    f, g, n_passes = start_and_passes(initializer, problem)
    return problem.source.partition.restore(f), problem.target.partition.restore(g), n_passes


def centered(potential):
    return potential - potential.mean()


def iterations(x, y, init, blur, acceleration="none"):
    return entropic_ot(
        x, y, blur=blur, solver=Sinkhorn(tol=1e-2, init=init, acceleration=acceleration)
    ).n_iter


@given(seed=st.integers(0, 2**32 - 1), exponent=st.integers(-20, 20), kind=st.sampled_from(KINDS))
def test_scales(seed, exponent, kind):
    """x -> s x, blur -> s blur gives f -> s^2 f; powers of 2 round nothing."""
    x, y = np.random.default_rng(seed).normal(size=(2, 30, 2))
    scale, initializer = 2.0**exponent, GMM(3, kind, random_state=0)
    plain, scaled = (
        start(problem_of(s * x, s * y, blur=0.5 * s), initializer) for s in (1.0, scale)
    )
    for potential, known in zip(scaled[:2], plain[:2], strict=True):
        np.testing.assert_allclose(potential / scale**2, known, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_regularization_is_relative(scale):
    """Points on a line have singular covariances."""
    x, y = (np.column_stack([points[:, 0], points[:, 0]]) for points in blobs()[:2])
    plain, scaled = (
        start(problem_of(s * x, s * y, blur=0.4 * s), GMM(random_state=0)) for s in (1.0, scale)
    )
    np.testing.assert_allclose(scaled[0] / scale**2, plain[0], atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("read_out", READ_OUTS)
def test_translations(kind, read_out):
    x, y, _ = blobs()
    initializer = GMM(3, kind, random_state=0, read_out=read_out)
    plain, moved = (start(problem_of(x + t, y + t), initializer) for t in (0.0, 2.0**30))
    np.testing.assert_allclose(moved[0], plain[0], atol=1e-4)


def gaussians(mixture):
    """Weights, means and (d, d) covariances."""
    size, d = mixture.means_.shape
    kind, covariances = mixture.covariance_type, mixture.covariances_
    if kind in ("diag", "spherical"):
        covariances = [np.eye(d) * v for v in covariances]
    return mixture.weights_, mixture.means_, np.broadcast_to(covariances, (size, d, d))


def bures_costs(source, target):
    """W2^2 / 2 between components."""
    _, means, spreads = gaussians(source)
    _, other_means, others = gaussians(target)
    C = costs(means, other_means)
    for k, S in enumerate(spreads):
        root = np.real(sqrtm(S))
        for other, T in enumerate(others):
            C[k, other] += np.trace(S + T - 2 * np.real(sqrtm(root @ T @ root))) / 2
    return C


@pytest.mark.slow
@pytest.mark.parametrize("blur", [0.2, 1.0])
@pytest.mark.parametrize(
    "kinds", [("full", "full"), ("full", "diag"), ("diag", "spherical"), ("tied", "full")]
)
def test_component_potentials_solve_the_problem_with_bures_costs(kinds, blur):
    x, y = np.random.default_rng(0).normal(size=(2, 300, 3)) ** 3
    source, target = (
        GaussianMixture(k, covariance_type=c).fit(z)
        for k, c, z in zip((4, 6), kinds, (x, y), strict=True)
    )
    f, g = gmm._between(Components(source), Components(target), blur**2, Sinkhorn())
    C, a, b = bures_costs(source, target), source.weights_, target.weights_
    plan = np.outer(a, b) * np.exp((f[:, None] + g - C) / blur**2)
    assert max(np.abs(plan.sum(axis=1) - a).sum(), np.abs(plan.sum(axis=0) - b).sum()) < 1.1e-3


def test_component_potentials_of_a_mixture_and_itself():
    mixture = GaussianMixture(4, random_state=0).fit(cloud(300, 3))
    components = Components(mixture)
    f, g = gmm._between(components, components, 0.01, Sinkhorn())
    assert f is g
    rows = np.exp((f[:, None] + f - bures_costs(mixture, mixture)) / 0.01) @ mixture.weights_
    np.testing.assert_allclose(rows, 1, atol=0.01)


@pytest.fixture
def known(monkeypatch):
    """Mixtures with component potentials set by hand."""
    x, y, a, b = example(50, 40)
    source, target = (
        GaussianMixture(3, random_state=0).fit(x),
        GaussianMixture(2, random_state=0).fit(y),
    )
    between = np.array([0.3, -0.1, 0.2]), np.array([0.5, 0.1])
    monkeypatch.setattr(gmm, "_between", lambda *_: between)
    return problem_of(x, y, a, b), source, target, *between


def test_read_out_by_softmin(known):
    problem, source, target, f, g = known
    found = start(problem, GMM(source=source, target=target))
    sides = (problem.source, target, g), (problem.target, source, f)
    for potential, (measure, mixture, other) in zip(found[:2], sides, strict=True):
        b, means, spreads = gaussians(mixture)
        C = costs(measure.points, means) + np.trace(spreads, axis1=1, axis2=2) / 2
        np.testing.assert_allclose(potential, softmin(problem.eps, C, other, b), atol=1e-12)


def test_read_out_by_posteriors(known):
    problem, source, target, f, g = known
    found = start(problem, GMM(source=source, target=target, read_out="posterior"))
    np.testing.assert_allclose(
        found[0], source.predict_proba(problem.source.points) @ f, atol=1e-12
    )
    np.testing.assert_allclose(
        found[1], target.predict_proba(problem.target.points) @ g, atol=1e-12
    )


@pytest.mark.parametrize("read_out", READ_OUTS)
def test_fewer_iterations_than_from_zero(read_out):
    x, y, _ = blobs()
    assert (
        iterations(x, y, GMM(3, random_state=0, read_out=read_out), 0.4)
        < iterations(x, y, "zeros", 0.4) / 2
    )


@pytest.mark.parametrize("seed", range(3))
def test_softmin_reads_out_better_than_posteriors_where_shapes_differ(seed):
    """Not so between equal blobs, where the shift that posteriors stand for is right."""
    rng = np.random.default_rng(0)

    def mixture():
        centers, widths, which = (
            rng.random((5, 2)),
            rng.uniform(0.02, 0.1, 5),
            rng.integers(5, size=800),
        )
        return centers[which] + widths[which, None] * rng.normal(size=(800, 2))

    x, y = mixture(), mixture()
    n_iter = [
        iterations(x, y, GMM(random_state=seed, read_out=read_out), 0.12) for read_out in READ_OUTS
    ]
    assert n_iter[0] < n_iter[1] < iterations(x, y, "zeros", 0.12)


@pytest.mark.parametrize("read_out", READ_OUTS)
@pytest.mark.parametrize("is_self", [True, False])
def test_the_result_does_not_depend_on_the_start(read_out, is_self):
    x, y, a, b = example(80, 70, zeros=10)
    arguments = (x, x, a, a) if is_self else (x, y, a, b)
    solvers = (
        Sinkhorn(tol=1e-10, init=init) for init in (GMM(random_state=0, read_out=read_out), "zeros")
    )
    mine, zeros = (entropic_ot(*arguments, blur=0.4, solver=solver) for solver in solvers)
    assert mine.converged
    assert mine.value == pytest.approx(zeros.value, abs=1e-12)
    np.testing.assert_allclose(mine.plan.toarray(), zeros.plan.toarray(), atol=1e-10)


def test_the_named_start_gives_the_same_bits_again_and_the_other_way_round():
    x, y, a, b = example(300, 310)
    solver = Sinkhorn(init="gmm")
    first, second = (entropic_ot(x, y, a, b, blur=0.3, solver=solver) for _ in range(2))
    np.testing.assert_array_equal(first.f, second.f)
    assert entropic_ot(y, x, b, a, blur=0.3, solver=solver).value == first.value


def test_random_states():
    x, y, _ = blobs()
    problem = problem_of(x, y)
    same, other = (start(problem, GMM(random_state=np.random.RandomState(s)))[0] for s in (0, 1))
    np.testing.assert_array_equal(
        same, start(problem, GMM(random_state=np.random.RandomState(0)))[0]
    )
    assert (same != other).any()


@pytest.fixture
def fits(monkeypatch):
    """Sizes of the measures that mixtures were fitted to."""
    sizes, real = [], gmm.fit

    def counted(partition, *arguments):
        sizes.append(len(partition))
        return real(partition, *arguments)

    monkeypatch.setattr(gmm, "fit", counted)
    return sizes


def test_a_measure_and_itself_have_one_mixture_and_one_potential(fits):
    x = cloud(90, 2)
    f, g = GMM(random_state=0)(problem_of(x, x.copy()), Sinkhorn())
    assert f is g
    assert fits == [90]


@pytest.mark.slow
def test_mixtures_already_fitted(fits):
    x, y, _ = blobs()
    x = x[:500]
    mine, theirs = (
        GaussianMixture(3, random_state=0).fit(x),
        BayesianGaussianMixture(n_components=4, random_state=0),
    )
    init = GMM(source=mine, target=theirs.fit(y))
    n_iter = iterations(x, y, init, 0.4)
    assert n_iter == iterations(y, x, init.T, 0.4) < iterations(x, y, "zeros", 0.4)
    assert not fits
    iterations(x, y, GMM(3, source=mine, random_state=0), 0.4)
    assert fits == [600]
    iterations(y, x, GMM(3, source=mine, random_state=0), 0.4)
    assert fits == [600, 500]


def test_a_divergence_with_mixtures_already_fitted(fits):
    """They are for the two measures: each problem of a measure with itself fits its own."""
    x, y, _ = blobs(300)
    init = GMM(
        3, source=GaussianMixture(3).fit(x), target=GaussianMixture(3).fit(y), random_state=0
    )
    mine, plain = (
        sinkhorn_divergence(x, y, blur=0.4, solver=Sinkhorn(tol=1e-9, init=init))
        for init in (init, "zeros")
    )
    assert mine.value == pytest.approx(plain.value, rel=1e-9)
    assert fits == [300, 300]


def test_passes_are_shares_of_the_pairs():
    x, y, _ = blobs(400)
    given = GMM(source=GaussianMixture(3).fit(x), target=GaussianMixture(5).fit(y[:300]))
    for read_out, pairs in (("softmin", 400 * 5 + 300 * 3), ("posterior", 400 * 3 + 300 * 5)):
        problem = problem_of(x, y[:300])
        initializer = GMM(source=given.source, target=given.target, read_out=read_out)
        least = pairs / (400 * 300)
        assert least < start(problem, initializer)[2] < least + 15 * 100 / (400 * 300)
        assert start(problem, GMM(3, random_state=0, read_out=read_out))[2] > least


def test_scikit_learn_is_imported_when_needed():
    code = "import sys, sinkhorn_nb; print(any(name.startswith('sklearn') for name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout.strip()) == (0, "False"), done.stderr


@pytest.mark.parametrize("blur", [1e-4, 1e-2, 10.0, 1e4])
@pytest.mark.parametrize("read_out", READ_OUTS)
def test_any_blur_gives_numbers(blur, read_out):
    f, g, _ = start(problem_of(*example(), blur), GMM(3, random_state=0, read_out=read_out))
    assert np.isfinite(f).all() and np.isfinite(g).all()

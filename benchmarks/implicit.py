"""How many passes does the derivative of potentials take, and how long, beside OTT's implicit
differentiation?

The scalar is <r, f> for standard normal r of mean 0. Passes are counted for `Solution.pullback` on
every family, at a blur of .05 of the diagonal, with the linear system to 1e-3 and to the default.
Seconds are measured at n = 4000, d = 3, with float32 points, for the solve and the derivative of
both libraries at a marginal error of 1e-3. Relative errors are those against our float64 derivative
to 1e-9.
"""

import statistics

import numpy as np

import sinkhorn_nb as snb

from .families import FAMILIES, diameter, warp
from .harness import arguments, goal, has, in_turn, ratio, write

BLUR, TOL, TOLERANCES, EXACT = 0.05, 1e-3, (1e-3, 1e-4), 1e-9
N_PASSES, N_TIME = 1500, 4000


def cotangent(n):
    r = np.random.default_rng(0).normal(size=n)
    return r - r.mean()


def passes(n):
    """Yield one row per family and tolerance."""
    for family, clouds in FAMILIES.items():
        x, y, *weights = clouds(n)
        solver = snb.Sinkhorn(tol=1e-8)
        solution = snb.entropic_ot(x, y, *weights, blur=BLUR * diameter(x, y), solver=solver)
        r = cotangent(len(x)) * solution.problem.source.weights
        exact = solution.pullback(f=r, tol=EXACT).x
        for tol in TOLERANCES:
            found = solution.pullback(f=r, tol=tol)
            yield {
                "question": "passes", "family": family, "n": len(x), "d": x.shape[1], "tol": tol,
                "passes": found.linear_solve.n_passes, "iterations": found.linear_solve.n_iter,
                "converged": found.linear_solve.converged, "relative_error": relative(found.x, exact),
            }  # fmt: skip


def relative(found, exact):
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))


def ours(x, y, blur, r):
    def job():
        solution = snb.entropic_ot(x, y, blur=blur, solver=snb.Sinkhorn(tol=TOL))
        yield solution.value
        yield solution.pullback(f=r).x

    return job


def ott(x, y, blur, r):
    """linear.solve of a dense point cloud, threshold 1e-3, with its default implicit
    differentiation; compiled.
    """
    import jax
    import jax.numpy as jnp
    from ott.geometry import pointcloud
    from ott.problems.linear import linear_problem
    from ott.solvers.linear import implicit_differentiation, sinkhorn

    x, y, r = jnp.asarray(x), jnp.asarray(y), jnp.asarray(r, dtype=jnp.float32)
    solve = sinkhorn.Sinkhorn(
        threshold=TOL, max_iterations=2000, implicit_diff=implicit_differentiation.ImplicitDiff()
    )

    def scalar(x):
        geometry = pointcloud.PointCloud(x, y, epsilon=2 * blur**2)
        return jnp.sum(solve(linear_problem.LinearProblem(geometry)).f * r) / 2

    traced = jax.jit(lambda x: jax.vjp(scalar, x))
    _, pull_shapes = jax.eval_shape(traced, x)
    forward = traced.lower(x).compile()
    backward = jax.jit(lambda pull: pull(jnp.float32(1))[0]).lower(pull_shapes).compile()

    def job():
        value, pull = jax.block_until_ready(forward(x))
        yield value
        yield np.asarray(backward(pull))

    return job


def times(n, rounds):
    """Yield one row per library, with the seconds of the derivative after the solve."""
    x, y = (points.astype(np.float32) for points in warp(n))
    blur, r = BLUR * diameter(x, y), cotangent(n) / n
    solution = snb.entropic_ot(
        x.astype(float), y.astype(float), blur=blur, solver=snb.Sinkhorn(tol=EXACT)
    )
    exact = solution.pullback(f=r, tol=EXACT).x
    jobs = {"sinkhorn_nb": ours(x, y, blur, r)} | (
        {"ott dense": ott(x, y, blur, r)} if has("ott") else {}
    )
    in_turn({"sinkhorn_nb": jobs["sinkhorn_nb"]}, 1)
    timings = in_turn(jobs, rounds, budget_s=60.0)
    for timing in timings.values():
        for laps in timing.times:
            laps.append(laps[1] - laps[0])
    for name, timing in timings.items():
        row = {"question": "time", "library": name, "n": n, "d": 3}
        if timing.times:
            row |= {
                "relative_error": relative(timing.answers[1], exact),
                "solve_s": timing.median(0),
            }
            row |= {
                "ours_faster": ratio(timing, timings["sinkhorn_nb"], 2),
                "whole_s": timing.median(1),
            }
        yield row | timing.summary(2)


def goals(rows):
    for tol in TOLERANCES:
        counted = [row["passes"] for row in rows if row.get("tol") == tol]
        what = f"pullback to {tol:g} at blur {BLUR:g}, {{}} of {len(counted)} families"
        yield goal(what.format("median"), statistics.median(counted), "passes", at_most=12)
        yield goal(what.format("most"), max(counted), "passes", at_most=12)
    for row in rows:
        if row.get("library") == "ott dense":
            yield goal(
                f"derivative, n = {row['n']}, against OTT",
                row.get("ours_faster"),
                "times faster",
                at_least=20,
            )


def main():
    args = arguments(__doc__)
    n_passes, n_time = (300, 500) if args.smoke else (N_PASSES, N_TIME)
    rows = [*passes(n_passes), *times(n_time, 2 if args.smoke else 5)]
    write(args, "implicit", rows, goals(rows), blur="a share of the diagonal of the bounding box")


if __name__ == "__main__":
    main()

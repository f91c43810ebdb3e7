"""How long do a sweep, S_eps and a barycenter of images take, here and by OTT's Grid and POT's
convolutions, and how long a barycenter of clouds with free support?

Blurs are shares of the diagonal. OTT computes in float32, POT and we in float64. Sweeps follow each
other, as in a solve: the times are those of ten. OTT's OT_eps is the cross term alone, to a
marginal error of 1e-3. POT's debiased barycenter takes 100 iterations. Free support: three rings of
1000 points each, 500 points of the barycenter, from the peers' starts; POT makes 10 steps, OTT
stops by its default rule. `excess` compares the mean divergence of a barycenter with the least one
that was found.
"""

import math

import numpy as np

import sinkhorn_nb as snb

from .harness import arguments, goal, has, in_turn, ratio, write

OURS = "sinkhorn_nb"
SWEEPS = 10  # a single one would be timed with the caches and the threads of another library
TOL = 1e-3
POT_STEPS = 100
FINE = snb.Sinkhorn(tol=1e-5)


def shapes(n, d, background):
    """Two disks, and a ring or a shell, on a background."""
    place = (np.arange(n) + 0.5) / n
    x, y, *_ = axes = np.meshgrid(*d * [place], indexing="ij")
    disks = (np.hypot(x - 0.3, y - 0.35) < 0.2) | (np.hypot(x - 0.75, y - 0.2) < 0.1)
    distance = np.sqrt(sum((axis - 0.6) ** 2 for axis in axes))
    ring = abs(distance - 0.25) < 0.05
    images = [image + background for image in (disks, ring)]
    return [image / image.sum() for image in images]


def grids(images):
    return [snb.Grid(image, 1 / len(image)) for image in images]


def our_sweep(images, eps):
    x, y = (grid.on_grid.partition for grid in grids(images))
    kernel = snb.Problem(*(g.on_grid for g in grids(images)), eps).kernel_between(x, y, "float64")
    g = np.zeros(x.points.shape[0])
    return lambda: kernel.softmin(g)


def ott_geometry(images, eps):
    import jax.numpy as jnp
    from ott.geometry import grid

    place = [jnp.asarray((np.arange(n) + 0.5) / n, jnp.float32) for n in images[0].shape]
    return grid.Grid(x=place, epsilon=2 * eps)


def ott_sweep(images, eps):
    import jax
    import jax.numpy as jnp

    geometry = ott_geometry(images, eps)
    f, g = (jnp.zeros(images[0].size, jnp.float32) for _ in range(2))
    log_b = 2 * eps * jnp.log(jnp.asarray(images[1].ravel(), jnp.float32))
    sweep = jax.jit(lambda f, g: geometry.apply_lse_kernel(f, g + log_b, 2 * eps, axis=1)[0])
    return lambda: sweep(f, g).block_until_ready()


def ott_transport(images, eps):
    import jax
    import jax.numpy as jnp
    from ott.problems.linear import linear_problem
    from ott.solvers.linear import sinkhorn

    a, b = (jnp.asarray(image.ravel(), jnp.float32) for image in images)
    solver = sinkhorn.Sinkhorn(threshold=TOL, max_iterations=2000)
    problem = linear_problem.LinearProblem(ott_geometry(images, eps), a, b)

    @jax.jit
    def solve():
        found = solver(problem)
        return found.reg_ot_cost, found.converged

    def job():
        """The value, or nan if the iterations ran out."""
        value, converged = solve()
        return float(value) / 2 if converged else math.nan

    return job


def compared(case, jobs, rounds):
    """Rows for the jobs, each of which has run once."""
    for job in jobs.values():
        job()
    timings = in_turn(jobs, rounds, budget_s=60)
    return [
        {"case": case, "library": name, "ours_faster": ratio(timing, timings[OURS])}
        | {"value": _number(timing.answers)}
        | timing.summary()
        for name, timing in timings.items()
    ]


def _number(answers):
    """The last answer, if it is a number."""
    return answers[-1] if answers and isinstance(answers[-1], float) else None


def sweeps(sizes, rounds):
    rows = []
    for n, d in sizes:
        images, eps = shapes(n, d, 0.02), (0.05 * math.sqrt(d)) ** 2
        jobs = {OURS: our_sweep(images, eps)}
        if has("ott"):
            jobs["OTT Grid"] = ott_sweep(images, eps)
        several = {name: repeated(job) for name, job in jobs.items()}
        rows += compared(f"{SWEEPS} sweeps {n}^{d}, blur .05", several, rounds)
    return rows


def repeated(job):
    def jobs():
        for _ in range(SWEEPS):
            job()

    return jobs


def transports(sizes, rounds):
    rows = []
    for n, d, blur, background in sizes:
        images, length = shapes(n, d, background), blur * math.sqrt(d)
        x, y = grids(images)
        jobs = {OURS: lambda x=x, y=y, b=length: snb.entropic_ot(x, y, blur=b).value}
        if has("ott") and n <= 256 and background:  # it does not converge with empty pixels
            jobs["OTT Grid"] = ott_transport(images, length**2)
        name = f"{n}^{d}, blur {blur}, background {background}"
        rows += compared(f"OT_eps {name}", jobs, rounds)
        job = {OURS: lambda x=x, y=y, b=length: snb.sinkhorn_divergence(x, y, blur=b).value}
        rows += compared(f"S_eps {name}", job, rounds)
    return rows


def barycenters(sizes, rounds):
    rows = []
    for n, blur in sizes:
        images, length = shapes(n, 2, 0.0), blur * math.sqrt(2)
        measures = grids(images)
        jobs = {OURS: lambda m=measures, b=length: snb.sinkhorn_barycenter(m, blur=b).weights}
        if has("ot"):
            import ot

            # Its pixels are linspace(0, 1, n), and its cost is |x - y|^2
            scale = 2 * (length * n / (n - 1)) ** 2
            stack = np.stack(images)
            jobs["POT"] = lambda i=stack, e=scale: ot.bregman.convolutional_barycenter2d_debiased(
                i, e, numItermax=POT_STEPS, stopThr=0, warn=False
            )
        of_case = compared(f"barycenter {n}^2 x 2, blur {blur}", jobs, rounds)
        found = {name: grids([_image(job())])[0] for name, job in jobs.items()}
        rows += with_excess(of_case, found, measures, length)
    return rows


def _image(weights):
    weights = np.maximum(weights, 0)
    return weights / weights.sum()


def with_excess(rows, found, measures, blur):
    """The rows with how much the mean divergence of a barycenter exceeds the least one."""
    means = {
        name: np.mean(
            [snb.sinkhorn_divergence(each, y, blur=blur, solver=FINE).value for y in measures]
        )
        for name, each in found.items()
    }
    least = min(means.values())
    return [row | {"excess": float(means[row["library"]] / least - 1)} for row in rows]


def rings(n):
    """Three noisy ellipses at different places."""
    rng = np.random.default_rng(0)
    clouds = []
    for wide, high in ((1.0, 1.5), (1.5, 1.0), (1.0, 1.5)):
        angle = 2 * math.pi * rng.random(n)
        ring = np.stack([wide * np.cos(angle), high * np.sin(angle)], axis=1)
        clouds.append(ring + rng.normal(scale=0.05, size=(n, 2)) + rng.normal(scale=0.5, size=2))
    return clouds


def free_supports(sizes, rounds):
    rows = []
    for n, n_points, share in sizes:
        clouds = rings(n)
        blur = share * float(np.linalg.norm(np.ptp(np.concatenate(clouds), axis=0)))
        settings = {"blur": blur, "n_points": n_points, "random_state": 0}
        jobs = {OURS: lambda c=clouds, s=settings: snb.sinkhorn_barycenter(c, **s).points}
        start = np.random.default_rng(3).normal(scale=0.1, size=(n_points, 2))
        start += np.mean(clouds, axis=(0, 1))
        if has("ot"):
            jobs["POT"] = pot_free_support(clouds, start, 2 * blur**2)
        if has("ott"):
            jobs["OTT"] = ott_free_support(clouds, start, 2 * blur**2)
        of_case = compared(f"free support {n} x 3, blur {share}", jobs, rounds)
        rows += with_excess(of_case, {name: job() for name, job in jobs.items()}, clouds, blur)
    return rows


def pot_free_support(clouds, start, eps):
    import ot

    weights = [np.full(len(cloud), 1 / len(cloud)) for cloud in clouds]
    return lambda: ot.bregman.free_support_sinkhorn_barycenter(
        clouds, weights, start.copy(), eps, numItermax=10, numInnerItermax=1000, stopThr=1e-8
    )


def ott_free_support(clouds, start, eps):
    import jax
    import jax.numpy as jnp
    from ott.problems.linear import barycenter_problem
    from ott.solvers.linear import continuous_barycenter, sinkhorn

    y, x = (jnp.asarray(each, jnp.float32) for each in (np.stack(clouds), start))
    b = jnp.full(y.shape[:2], 1 / y.shape[1])
    problem = barycenter_problem.FreeBarycenterProblem(y, b, epsilon=eps)
    inner = sinkhorn.Sinkhorn(threshold=TOL)
    solver = jax.jit(
        continuous_barycenter.FreeWassersteinBarycenter(inner), static_argnames="bar_size"
    )
    return lambda: np.asarray(solver(problem, bar_size=len(start), x_init=x).x, np.float64)


def main():
    args = arguments(__doc__)
    rounds = 1 if args.smoke else 3
    small = [(32, 2)]
    rows = sweeps(small if args.smoke else [(64, 2), (256, 2), (512, 2), (64, 3)], rounds)
    cases = [(256, 2, 0.05, 0.02), (512, 2, 0.05, 0.02), (512, 2, 0.01, 0.02), (128, 3, 0.05, 0.0)]
    rows += transports([(32, 2, 0.05, 0.02)] if args.smoke else cases, rounds)
    rows += barycenters([(32, 0.05)] if args.smoke else [(64, 0.05), (256, 0.05)], rounds)
    rows += free_supports([(60, 30, 0.1)] if args.smoke else [(1000, 500, 0.05)], rounds)
    found = {(row["case"], row["library"]): row for row in rows}

    def faster(case, library, least):
        row = found.get((case, library), {})
        name = f"{case} against {library}"
        return goal(name, row.get("ours_faster"), "times as fast", at_least=least)

    def within(case, most):
        return goal(case, found.get((case, OURS), {}).get("median_s"), "s", at_most=most)

    goals = [
        faster(f"{SWEEPS} sweeps 256^2, blur .05", "OTT Grid", 25),
        faster(f"{SWEEPS} sweeps 512^2, blur .05", "OTT Grid", 40),
        faster("OT_eps 256^2, blur 0.05, background 0.02", "OTT Grid", 50),
        within("S_eps 512^2, blur 0.05, background 0.02", 1.0),
        within("S_eps 512^2, blur 0.01, background 0.02", 1.0),
        within("S_eps 128^3, blur 0.05, background 0.0", 4.0),
        faster("barycenter 64^2 x 2, blur 0.05", "POT", 4),
        faster("barycenter 256^2 x 2, blur 0.05", "POT", 30),
        faster("free support 1000 x 3, blur 0.05", "POT", 5),
        faster("free support 1000 x 3, blur 0.05", "OTT", 20),
    ]
    write(args, "grids", rows, goals, blur="share of the diagonal", dtype="float64; OTT float32")


if __name__ == "__main__":
    main()

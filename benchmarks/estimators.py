"""How long do the two-sample test, the aligner and the clusters of given mass take, here and
elsewhere?

The test: two samples of a Gaussian, d = 10, 999 labelings, at blurs that are shares of the
root-mean-square distance. The aligner: fit and transform between two bent Gaussians, d = 3, beside
POT's SinkhornTransport with the same regularization and marginal error; and ours alone at n = 20
000. POT's iterations go through logarithms of dense matrices: it has one round, and 2000 points,
because with 5000 the benchmark did not end in ten minutes. The clusters: 1e5 points, d = 8, 20
clusters, beside scikit-learn's KMeans from one start of k-means++; once with blobs and once with a
single Gaussian, where centers move for long.
"""

import resource

import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs

import sinkhorn_nb as snb

from .harness import arguments, goal, has, in_turn, ratio, write

SHARES = (0.05, 0.1, 0.2, 0.4, 0.8)  # of the root-mean-square distance
OURS, POT = "sinkhorn_nb", "POT, marginal error 1e-3 or 1000 iterations"


def rms_distance(x):
    return float(np.sqrt(2 * x.var(axis=0).sum()))


def tests(sizes, rounds):
    rows = []
    for n in sizes:
        x, y = np.random.default_rng(0).normal(size=(2, n, 10))
        rms = rms_distance(x)
        jobs = {share: _test(x, y, share * rms) for share in SHARES}
        jobs["energy"] = _test(x, y, None, statistic="energy")
        for job in jobs.values():
            job()
        for blur, timing in in_turn(jobs, rounds).items():
            converged = timing.answers[-1].converged
            case = f"test, n = m = {n}, d = 10, {_named(blur)}"
            row = {"case": case, "library": OURS, "blur": blur}
            rows.append(row | {"converged": converged} | timing.summary())
    return rows


def _named(blur):
    return "energy distance" if blur == "energy" else f"blur {blur:g}"


def _test(x, y, blur, **settings):
    return lambda: snb.sinkhorn_two_sample_test(x, y, blur=blur, random_state=0, **settings)


def clouds(n):
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(2, n, 3))
    z[:, 0] += 2 + z[:, 1] ** 2 / 2
    return x, z


def aligners(n, alone, rounds):
    rows = []
    for size, with_peers in ((n, True), (alone, False)):
        x, z = clouds(size)
        blur = 0.05 * rms_distance(np.concatenate([x, z]))
        jobs = {OURS: _align(x, z, blur)}
        if with_peers and has("ot"):
            jobs[POT] = _pot(x, z, blur)
        _align(x, z, blur)()  # compiles
        timings = in_turn(jobs, rounds, budget_s=10)
        for name, timing in timings.items():
            row = {"case": f"aligner, n = m = {size}, d = 3", "library": name}
            row["ours_faster"] = ratio(timing, timings[OURS])
            row["peak_gb_so_far"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
            rows.append(row | timing.summary())
    return rows


def _align(x, z, blur):
    return lambda: snb.EntropicAligner(z, blur=blur).fit_transform(x)


def _pot(x, z, blur):
    from ot.da import SinkhornTransport

    def job():
        tol = 1e-3 / np.sqrt(len(z))  # of POT's 2-norm
        transport = SinkhornTransport(reg_e=2 * blur**2, max_iter=1000, tol=tol)
        return transport.fit(Xs=x, Xt=z).transform(Xs=x)

    return job


def clusters(n, rounds):
    rows = []
    blobs, _ = make_blobs(n, 8, centers=20, random_state=0)
    gaussian = np.random.default_rng(0).normal(size=(n, 8))
    for name, x in {"20 blobs": blobs, "a Gaussian": gaussian}.items():
        jobs = {
            OURS: lambda x=x: snb.SinkhornKMeans(20, random_state=0).fit(x),
            "scikit-learn": lambda x=x: KMeans(20, n_init=1, random_state=0).fit(x),
        }
        snb.SinkhornKMeans(20, random_state=0).fit(x[:4000])
        timings = in_turn(jobs, rounds, budget_s=30)
        for library, timing in timings.items():
            found = timing.answers[-1]
            sizes = np.bincount(found.labels_)
            row = {"case": f"20 clusters of {n} points, d = 8, {name}", "library": library}
            row |= {"n_iter": found.n_iter_, "sizes": [int(sizes.min()), int(sizes.max())]}
            row["times_scikit_learn"] = ratio(timing, timings["scikit-learn"])
            rows.append(row | timing.summary())
    return rows


def slowest(rows, case):
    return max((row["median_s"] for row in rows if row["case"].startswith(case)), default=None)


def main():
    args = arguments(__doc__)
    rounds = 1 if args.smoke else 3
    rows = tests((40, 50) if args.smoke else (500, 1000), rounds)
    n, alone, many = (200, 300, 2000) if args.smoke else (2000, 20_000, 100_000)
    rows += aligners(n, alone, rounds) + clusters(many, rounds)
    peer = next((row for row in rows if row["library"] == POT), {})
    shares = [
        row["times_scikit_learn"] for row in rows if row.get("library") == OURS and "n_iter" in row
    ]
    goals = [
        goal("test, n = m = 500", slowest(rows, "test, n = m = 500"), "s", at_most=1),
        goal("test, n = m = 1000", slowest(rows, "test, n = m = 1000"), "s", at_most=4),
        goal(
            "aligner against SinkhornTransport",
            peer.get("ours_faster"),
            "times as fast",
            at_least=30,
        ),
        goal("clusters", max(shares), "times scikit-learn", at_most=10),
    ]
    write(
        args, "estimators", rows, goals, blur="5 % of the root-mean-square distance, unless given"
    )


if __name__ == "__main__":
    main()

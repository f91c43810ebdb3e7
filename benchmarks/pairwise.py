"""How long does the table of divergences between all clouds of a list take, here and by POT's loop
over pairs?

float32, blur 5 % of the diagonal, times per pair of the table. Our times include the clouds' self
terms. POT solves a sample of the pairs, in float64, and no self term. Its `sinkhorn2` gives <P, C>
without the entropy, which is not S_eps, so no error is given.
"""

import numpy as np

import sinkhorn_nb as snb

from .families import gaussian, mixture
from .harness import arguments, goal, has, in_turn, ratio, write

PRECISE = snb.Sinkhorn(tol=1e-8)
SAMPLE = 40  # pairs
OURS = "sinkhorn_nb"


def equal_clouds(count, n):
    """Clouds of n points in three dimensions."""
    return [mixture(n, seed)[0].astype(np.float32) for seed in range(count)]


def ragged_groups(count, n):
    """Groups of n / 2 to 3 n / 2 points in 50 dimensions."""
    sizes = np.random.default_rng(0).integers(n // 2, 3 * n // 2, count, endpoint=True)
    return [
        gaussian(int(size), seed, d=50)[1].astype(np.float32) for seed, size in enumerate(sizes)
    ]


def ours(clouds, blur, n_jobs=None):
    return lambda: snb.pairwise_sinkhorn_divergence(clouds, blur=blur, n_jobs=n_jobs)


def pot(clouds, sample, blur, stop):
    """The calls of a loop over pairs, at POT's default tolerance or at our error 1e-3, converted to
    its 2-norm.
    """
    import ot

    clouds = [cloud.astype(np.float64) for cloud in clouds]

    def cost(i, j):
        x, y = clouds[i], clouds[j]
        tol = {} if stop is None else {"stopThr": stop / np.sqrt(len(y))}
        a, b = np.full(len(x), 1 / len(x)), np.full(len(y), 1 / len(y))
        return ot.sinkhorn2(a, b, ot.dist(x, y), 2 * blur**2, numItermax=10_000, **tol) / 2

    return lambda: np.array([cost(i, j) for i, j in sample])


def measure(case, clouds, rounds, with_peers):
    blur = 0.05 * float(np.linalg.norm(np.ptp(np.concatenate(clouds), axis=0)))
    count = len(clouds)
    n_pairs = count * (count - 1) // 2
    sample = _sample(count)
    jobs, solved = {OURS: ours(clouds, blur), f"{OURS}, two processes": ours(clouds, blur, 2)}, {}
    if with_peers and has("ot"):
        for name, stop in (
            ("POT, its default tolerance", None),
            ("POT, marginal error 1e-3", 1e-3),
        ):
            jobs[name], solved[name] = pot(clouds, sample, blur, stop), len(sample)
    for n_jobs in (None, 2):
        ours(clouds[:4], blur, n_jobs)()  # starts processes, loads kernels
    timings = in_turn(jobs, rounds, budget_s=120)
    xs, ys = ([clouds[pair[side]] for pair in sample] for side in (0, 1))
    exact = snb.sinkhorn_divergences(xs, ys, blur=blur, solver=PRECISE).value
    rows = []
    for name, timing in timings.items():
        pairs = solved.get(name, n_pairs)
        faster = ratio(timing, timings[OURS])
        row = {"case": case, "pairs": n_pairs, "library": name, "pairs_solved": pairs}
        row["ms_a_pair"] = 1e3 * timing.median() / pairs if timing.times else None
        row["ours_faster"] = faster and faster * n_pairs / pairs
        row["relative_error_of_value"] = None if name in solved else _worst(timing, sample, exact)
        rows.append(row | timing.summary())
    return rows


def _sample(count):
    pairs = np.stack(np.triu_indices(count, 1), axis=1)
    chosen = np.random.default_rng(0).permutation(len(pairs))[:SAMPLE]
    return pairs[chosen].tolist()


def _worst(timing, sample, exact):
    found = np.array([timing.answers[-1][i, j] for i, j in sample])
    return float(np.abs(found / exact - 1).max())


def main():
    args = arguments(__doc__)
    rounds, few = (1, 6) if args.smoke else (3, None)
    clouds, groups = equal_clouds(few or 200, 100), ragged_groups(few or 100, 300)
    rows = measure("200 clouds of 100 points, d = 3", clouds, rounds, with_peers=True)
    rows += measure("100 groups of 150 to 450 points, d = 50", groups, rounds, with_peers=False)
    found = {(row["case"][:3], row["library"]): row for row in rows}
    default = found.get(("200", "POT, its default tolerance"), {})
    goals = [
        goal(
            "200 clouds of 100 points against POT's loop",
            default.get("ours_faster"),
            "times as fast",
            at_least=50,
        ),
        goal(
            "100 ragged groups, d = 50, all pairs",
            found["100", OURS].get("median_s"),
            "s",
            at_most=60,
        ),
    ]
    write(
        args,
        "pairwise",
        rows,
        goals,
        blur="5 % of the diagonal of the bounding box",
        dtype="float32",
    )


if __name__ == "__main__":
    main()

"""How often does each statistic of the two-sample test find a difference between two samples of 50?

Families like those of hyppo, one difference each. The level is 5 %, with 199 random labelings.
Blurs are shares of the root-mean-square distance of the pooled sample; "all" takes the smallest
p-value over them.
"""

import numpy as np
from sklearn.datasets import load_digits

import sinkhorn_nb as snb

from .harness import arguments, write

N, LEVEL, N_PERMUTATIONS = 50, 0.05, 199
SHARES = (0.1, 0.2, 0.4, 0.8)
STATISTICS = {
    "energy": ("energy", (0.4,)),
    "S 0.1": ("sinkhorn", (0.1,)),
    "S 0.4": ("sinkhorn", (0.4,)),
    "S 0.8": ("sinkhorn", (0.8,)),
    "S all": ("sinkhorn", SHARES),
    "MMD all": ("mmd", SHARES),
}


def mean(rng):
    return rng.normal(size=(N, 10)), rng.normal(size=(N, 10)) + 0.15


def correlation(rng):
    common = rng.normal(size=(N, 1))
    return rng.normal(size=(N, 5)), np.sqrt(0.6) * rng.normal(size=(N, 5)) + np.sqrt(0.4) * common


def cluster(rng):
    y = rng.normal(size=(N, 5))
    y[rng.random(N) < 0.1] += 2.5
    return rng.normal(size=(N, 5)), y


def spread(rng):
    return rng.normal(size=(N, 10)), 1.15 * rng.normal(size=(N, 10))


def tails(rng):
    return rng.normal(size=(N, 3)), rng.standard_t(3, size=(N, 3)) / np.sqrt(3)


def ring(rng):
    angle = rng.uniform(0, 2 * np.pi, N)
    circle = np.sqrt(2) * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return rng.normal(size=(N, 2)), circle + 0.2 * rng.normal(size=(N, 2))


def digits(rng):
    images, labels = load_digits(return_X_y=True)
    others, threes = images[labels != 3] / 16, images[labels == 3] / 16
    y = others[rng.choice(len(others), N)]
    is_three = rng.random(N) < 0.15
    y[is_three] = threes[rng.choice(len(threes), is_three.sum())]
    return others[rng.choice(len(others), N)], y


def same(rng):
    return rng.normal(size=(N, 5)), rng.normal(size=(N, 5))


FAMILIES = {
    "mean, d = 10": mean,
    "correlation, d = 5": correlation,
    "10 % in a cluster, d = 5": cluster,
    "scale, d = 10": spread,
    "heavy tails, d = 3": tails,
    "ring, d = 2": ring,
    "digits, 15 % threes": digits,
    "no difference": same,
}


def is_found(x, y, statistic, shares, seed):
    rms = np.sqrt(2 * np.concatenate([x, y]).var(axis=0).sum())
    result = snb.sinkhorn_two_sample_test(
        x,
        y,
        blur=[share * rms for share in shares],
        statistic=statistic,
        n_permutations=N_PERMUTATIONS,
        random_state=seed,
    )
    return result.pvalue <= LEVEL


def main():
    args = arguments(__doc__)
    repeats = 2 if args.smoke else 100
    rows = []
    for family, draw in FAMILIES.items():
        samples = [draw(np.random.default_rng([7, seed])) for seed in range(repeats)]
        row = {"family": family}
        for name, (statistic, shares) in STATISTICS.items():
            found = [is_found(x, y, statistic, shares, k) for k, (x, y) in enumerate(samples)]
            row[name] = float(np.mean(found))
        rows.append(row)
        print(row, flush=True)
    write(args, "power", rows, n=N, level=LEVEL, repeats=repeats, n_permutations=N_PERMUTATIONS)


if __name__ == "__main__":
    main()

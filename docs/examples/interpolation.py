"""From transport to kernel norms: the divergence and the cost of transport, from small blurs to
large ones.
"""

import argparse

import matplotlib

matplotlib.use("Agg")

import numpy as np
from matplotlib import pyplot as plt
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

import sinkhorn_nb as snb

N = 300
BLURS = np.geomspace(2e-3, 1e2, 29)  # in diameters
TITLES = {1: "$|x - y|$", 2: "$|x - y|^2 / 2$"}


def clouds():
    """A ring and two discs."""
    rng = np.random.default_rng(0)
    angles, radii = 2 * np.pi * rng.random(N), np.sqrt(rng.random(N))
    circle = np.column_stack([np.cos(angles), np.sin(angles)])
    centers = np.where(rng.random((N, 1)) < 0.5, -0.2, 1.8) - [0.0, 0.4]
    return circle * (0.9 + 0.2 * rng.random((N, 1))), 0.35 * radii[:, None] * circle + centers


def exact(x, y, p):
    """The least mean cost of a permutation: transport without entropy."""
    costs = cdist(x, y) ** p / p
    return costs[linear_sum_assignment(costs)].mean()


def limit(x, y, p):
    """Half of the energy distance, or of the squared distance of the means."""
    return float(snb.mmd(x, y)) if p == 1 else ((x - y).mean(axis=0) ** 2).sum() / 2


def draw(x, y):
    diameter = 20 * snb.suggest_blur(x, y)
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for p, ax in zip((1, 2), axes, strict=True):
        every = [snb.sinkhorn_divergence(x, y, p=p, blur=blur * diameter) for blur in BLURS]
        ax.plot(BLURS, [float(s) for s in every], label=r"$S_\varepsilon$")
        ax.plot(BLURS, [s.xy.value for s in every], ":", label=r"$\mathrm{OT}_\varepsilon$")
        near, far = exact(x, y, p), limit(x, y, p)
        ax.axhline(near, color="gray", lw=0.8, label="transport without entropy")
        name = "energy distance / 2" if p == 1 else "|difference of means|$^2$ / 2"
        ax.axhline(far, color="gray", lw=0.8, ls="--", label=name)
        ax.set(xscale="log", ylim=(0, None), title=TITLES[p], xlabel="blur / diameter")
        ax.legend(loc="upper left")
        print(f"p = {p}: {near:.4f}, S from {every[0]:.4f} to {every[-1]:.4f}, limit {far:.4f}")
    return figure


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "picture", nargs="?", default="interpolation.png", help="file of the picture"
    )
    picture = parser.parse_args().picture

    draw(*clouds()).savefig(picture, dpi=100)
    print(picture)


if __name__ == "__main__":
    main()

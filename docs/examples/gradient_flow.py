"""
A square flows to a disc
========================

A square flows to a disc along the gradient of the Sinkhorn divergence.
"""

import numpy as np

import sinkhorn_nb as snb

N, BLUR, RATE, N_STEPS = 500, 0.05, 0.5, 8


def main():
    rng = np.random.default_rng(0)
    x = rng.random((N, 2))
    angles, radii = 2 * np.pi * rng.random(N), np.sqrt(rng.random(N)) / 2
    y = np.column_stack([2 + radii * np.cos(angles), 0.5 + radii * np.sin(angles)])

    solver = snb.Sinkhorn()
    for step in range(N_STEPS + 1):
        divergence = snb.sinkhorn_divergence(x, y, blur=BLUR, solver=solver)
        solver = snb.Sinkhorn(init=divergence)  # each step starts from the last one
        print(f"step {step}: S = {divergence.value:.3e} after {divergence.n_passes:.1f} passes")
        x = x - RATE * N * divergence.gradient().x  # uniform weights: 1 / a_i = N


if __name__ == "__main__":
    main()

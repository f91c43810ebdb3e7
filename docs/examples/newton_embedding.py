"""An embedding learned by the Hessian: the affine map of the irises' four measurements into the
plane whose image is closest to three discs.

Newton's method in a trust region takes `torch.func.hessian` of the Sinkhorn divergence in the ten
numbers of the map; gradient descent with Adam from the same start is shown beside it.
"""

import argparse

import matplotlib

matplotlib.use("Agg")

import numpy as np
import torch
from matplotlib import pyplot as plt
from scipy.optimize import minimize
from sklearn.datasets import load_iris
from sklearn.preprocessing import scale

import sinkhorn_nb.torch as snt
from sinkhorn_nb import Sinkhorn
from sinkhorn_nb.plotting import save

BLUR = 0.5
SOLVER = Sinkhorn(tol=1e-8)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", nargs="?", default="embedding.png", help="file of the picture")
    parser.add_argument("--small", action="store_true", help="few points, for a test")
    args = parser.parse_args()
    table, kinds = load_iris(return_X_y=True)
    rows = slice(None, None, 5 if args.small else 1)
    data, kinds = torch.tensor(scale(table))[rows], kinds[rows]
    target = discs(len(data))

    def loss(theta):
        return snt.sinkhorn_divergence(embedded(data, theta), target, blur=BLUR, solver=SOLVER)

    start = 0.1 * torch.randn(10, generator=torch.manual_seed(0), dtype=torch.float64)
    newton = by_newton(loss, start, 3 if args.small else 40)
    adam = by_adam(loss, start, 5 if args.small else 200)
    for name, found in {"Newton": newton, "Adam": adam}.items():
        print(f"{name}: S = {found[-1][0]:.6f} after {len(found) - 1} steps")
    best = torch.as_tensor(newton[-1][1])
    save(draw(embedded(data, best), target, kinds, newton, adam), args.picture)
    print(args.picture)


def embedded(data, theta):
    """The images of the data under the map with these ten numbers."""
    return data @ theta[:8].reshape(4, 2) + theta[8:]


def discs(n):
    rng = np.random.default_rng(0)
    corner = 2 * np.pi * (np.arange(n) % 3) / 3
    angle, radius = 2 * np.pi * rng.random(n), 0.5 * np.sqrt(rng.random(n))
    center = 1.5 * np.stack([np.cos(corner), np.sin(corner)])
    return torch.tensor((center + radius * np.stack([np.cos(angle), np.sin(angle)])).T)


def by_newton(loss, start, n_steps):
    """The values and the parameters of all steps."""
    found = [(loss(start).item(), start.numpy())]
    gradient, hessian = torch.func.grad(loss), torch.func.hessian(loss)
    minimize(
        lambda theta: loss(torch.tensor(theta)).item(),
        start.numpy(),
        jac=lambda theta: gradient(torch.tensor(theta)).numpy(),
        hess=lambda theta: hessian(torch.tensor(theta)).numpy(),
        method="trust-exact",
        callback=lambda theta: found.append((loss(torch.tensor(theta)).item(), theta.copy())),
        options={"maxiter": n_steps, "gtol": 1e-5},
    )
    return found


def by_adam(loss, start, n_steps):
    theta = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([theta], lr=0.05)
    found = []
    for _ in range(n_steps + 1):
        optimizer.zero_grad()
        value = loss(theta)
        value.backward()
        found.append((value.item(), theta.detach().numpy().copy()))
        optimizer.step()
    return found


def draw(points, target, kinds, newton, adam):
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
    left.scatter(*target.T, s=10, c="0.8", linewidths=0)
    left.scatter(
        *points.T, s=12, c=np.array(["#1f77b4", "#d6492a", "#2c8c3c"])[kinds], linewidths=0
    )
    left.set(title="irises, embedded; gray: the target", aspect="equal")
    left.axis("off")
    best = min(value for value, _ in newton + adam)
    for name, found in {"Newton, with the Hessian": newton, "Adam": adam}.items():
        right.semilogy([value - best + 1e-8 for value, _ in found], label=name)
    right.set(xlabel="steps", ylabel="S - smallest S")
    right.legend()
    return figure


if __name__ == "__main__":
    main()

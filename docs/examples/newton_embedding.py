"""
An embedding learned by the Hessian
===================================

Which affine map of the irises' four measurements into the plane is closest to three discs? Newton's
method in a trust region takes `torch.func.hessian` of the divergence in the ten numbers of the map.
Ten steps find the minimum; Adam from the same start is far from it after two hundred.
"""

import numpy as np
import torch
from matplotlib import pyplot as plt
from scipy.optimize import minimize
from sklearn.datasets import load_iris
from sklearn.preprocessing import scale

import sinkhorn_nb.torch as snt
from sinkhorn_nb import Sinkhorn
from sinkhorn_nb.plotting import palette

BLUR, N_ADAM, EVERY = 0.5, 200, 1
SOLVER = Sinkhorn(tol=1e-8)

table, kinds = load_iris(return_X_y=True)
data = torch.tensor(scale(table))[::EVERY]
rng = np.random.default_rng(0)
corner = 2 * np.pi * (np.arange(len(data)) % 3) / 3
angle = 2 * np.pi * rng.random(len(data))
radius = 0.5 * np.sqrt(rng.random(len(data)))
centers = 1.5 * np.stack([np.cos(corner), np.sin(corner)])
target = torch.tensor((centers + radius * np.stack([np.cos(angle), np.sin(angle)])).T)


def embedded(theta):
    return data @ theta[:8].reshape(4, 2) + theta[8:]


def loss(theta):
    return snt.sinkhorn_divergence(embedded(theta), target, blur=BLUR, solver=SOLVER)


start = 0.1 * torch.randn(10, generator=torch.manual_seed(0), dtype=torch.float64)
gradient = torch.func.grad(loss)
hessian = torch.func.hessian(loss)
newton = [loss(start).item()]
found = minimize(
    lambda theta: loss(torch.tensor(theta)).item(),
    start.numpy(),
    jac=lambda theta: gradient(torch.tensor(theta)).numpy(),
    hess=lambda theta: hessian(torch.tensor(theta)).numpy(),
    method="trust-exact",
    callback=lambda theta: newton.append(loss(torch.tensor(theta)).item()),
    options={"gtol": 1e-5},
)

# %%
# Adam, which knows the gradient alone.

theta = start.clone().requires_grad_()
optimizer = torch.optim.Adam([theta], lr=0.05)
adam = []
for _ in range(N_ADAM + 1):
    optimizer.zero_grad()
    value = loss(theta)
    value.backward()
    adam.append(value.item())
    optimizer.step()
print(f"Newton: S = {newton[-1]:.4f} after {len(newton) - 1} steps")
print(f"Adam: S = {adam[-1]:.4f} after {N_ADAM} steps, {adam[-1] / newton[-1] - 1:.0%} more")

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
points = embedded(torch.tensor(found.x))
left.scatter(*target.T, s=14, color=palette.GREY, linewidths=0)
left.scatter(*points.T, s=16, c=np.array(palette.SERIES)[kinds[::EVERY]], linewidths=0)
left.set(title="the three kinds, embedded; gray: the target", aspect="equal")
left.axis("off")
least = min(newton + adam)
right.semilogy([value - least + 1e-8 for value in newton], ".-", label="Newton, by the Hessian")
right.semilogy([value - least + 1e-8 for value in adam], label="Adam, by the gradient")
right.set(xlabel="steps", ylabel="S - smallest S")
right.legend(frameon=False)
plt.show()

"""
A generator in PyTorch, trained by the divergence
=================================================

A small network moves Gaussian noise onto two moons. Its loss is the Sinkhorn divergence between a
batch of its points and a batch of the data, whose gradient PyTorch takes to the weights of the
network.
"""

from itertools import pairwise

import torch
from matplotlib import pyplot as plt
from sklearn.datasets import make_moons

import sinkhorn_nb.torch as snt
from sinkhorn_nb.plotting import palette

BLUR, N_STEPS, BATCH = 0.05, 800, 256

torch.manual_seed(0)
data = torch.tensor(make_moons(2000, noise=0.06, random_state=0)[0], dtype=torch.float32)
widths = (2, 128, 128, 128, 2)
layers = []
for n_in, n_out in pairwise(widths):
    layers += [torch.nn.Linear(n_in, n_out), torch.nn.ReLU()]
generator = torch.nn.Sequential(*layers[:-1])
optimizer = torch.optim.Adam(generator.parameters(), lr=5e-3)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, N_STEPS)

noise = torch.randn(1000, 2)
shown = {0: generator(noise).detach()}
for step in range(1, N_STEPS + 1):
    sample = data[torch.randint(len(data), (BATCH,))]
    loss = snt.sinkhorn_divergence(generator(torch.randn(BATCH, 2)), sample, blur=BLUR)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    schedule.step()
    if step in (N_STEPS // 10, N_STEPS):
        shown[step] = generator(noise).detach()

# %%
# New points, after no step, a tenth of the steps and all of them.

figure, axes = plt.subplots(1, 3, figsize=(12, 3.4), layout="constrained")
for ax, (step, points) in zip(axes, shown.items(), strict=True):
    S = snt.sinkhorn_divergence(points, data[:1000], blur=BLUR).item()
    ax.scatter(*data.T, s=3, color=palette.GREY, linewidths=0)
    ax.scatter(*points.T, s=5, color=palette.SOURCE, linewidths=0)
    ax.set_title(f"{step} steps: S = {S:.1e}", fontsize=10)
    ax.set(xlim=(-1.5, 2.5), ylim=(-1, 1.5), aspect="equal")
    ax.axis("off")
plt.show()

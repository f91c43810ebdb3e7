"""A generator in PyTorch learns a distribution in the plane: a small network moves Gaussian noise
onto two moons, by the gradient of the Sinkhorn divergence between samples.
"""

import argparse

import matplotlib

matplotlib.use("Agg")

import torch
from matplotlib import pyplot as plt
from sklearn.datasets import make_moons

import sinkhorn_nb.torch as snt
from sinkhorn_nb.plotting import save

BLUR = 0.05


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", nargs="?", default="generator.png", help="file of the picture")
    parser.add_argument("--small", action="store_true", help="few steps, for a test")
    args = parser.parse_args()
    n_steps, batch = (20, 64) if args.small else (800, 256)

    torch.manual_seed(0)
    data = torch.tensor(make_moons(2000, noise=0.06, random_state=0)[0], dtype=torch.float32)
    generator = torch.nn.Sequential(
        torch.nn.Linear(2, 128), torch.nn.ReLU(),
        torch.nn.Linear(128, 128), torch.nn.ReLU(),
        torch.nn.Linear(128, 128), torch.nn.ReLU(),
        torch.nn.Linear(128, 2),
    )  # fmt: skip
    optimizer = torch.optim.Adam(generator.parameters(), lr=5e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_steps)
    noise = torch.randn(1000, 2)
    shown = {0: generator(noise).detach()}
    for step in range(1, n_steps + 1):
        sample = data[torch.randint(len(data), (batch,))]
        loss = snt.sinkhorn_divergence(generator(torch.randn(batch, 2)), sample, blur=BLUR)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step in (n_steps // 10, n_steps):
            shown[step] = generator(noise).detach()

    for step, points in shown.items():
        divergence = snt.sinkhorn_divergence(points, data[:1000], blur=BLUR)
        print(f"step {step}: S = {divergence.item():.2e} between new samples and the data")
    save(draw(data, shown), args.picture)
    print(args.picture)


def draw(data, shown):
    figure, axes = plt.subplots(1, len(shown), figsize=(9, 2.6), layout="constrained")
    for ax, (step, points) in zip(axes, shown.items(), strict=True):
        ax.scatter(*data.T, s=2, c="0.85", linewidths=0)
        ax.scatter(*points.T, s=4, c="#1f77b4", linewidths=0)
        ax.set(title=f"{step} steps", xlim=(-1.5, 2.5), ylim=(-1, 1.5), aspect="equal")
        ax.axis("off")
    return figure


if __name__ == "__main__":
    main()

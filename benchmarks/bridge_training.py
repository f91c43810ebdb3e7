"""A generator's training loop: the passes of a step from the last solution, and from nothing."""

import time

import numpy as np

from .families import moons_and_ring

N, STEPS, BLUR, RATE = 1000, 60, 0.05, 2e-3
CASES = {"the same points in each step": False, "new points in each step": True}


def rows(steps=STEPS):
    """Passes and milliseconds of a step, and the value at the end."""
    for is_warm in (True, False):  # compiles
        trained(2, False, is_warm)
    for case, is_new in CASES.items():
        for is_warm in (True, False):
            passes, seconds, value = trained(steps, is_new, is_warm)
            name = "sinkhorn_nb.torch, " + ("warm" if is_warm else "cold")
            row = {"case": case, "n": N, "library": name, "passes": float(np.mean(passes[1:]))}
            yield row | {"ms_a_step": 1e3 * seconds / steps, "value": value}


def trained(steps, is_new, is_warm):
    """A small network moves noise onto two moons, at full batch or with new points each step."""
    import torch

    import sinkhorn_nb.torch as snt

    torch.manual_seed(0)
    moons = torch.tensor(moons_and_ring(N)[0], dtype=torch.float32)
    data = moons
    noise = torch.randn(N, 2)
    hidden = [torch.nn.Linear(2, 64), torch.nn.ReLU(), torch.nn.Linear(64, 64), torch.nn.ReLU()]
    generator = torch.nn.Sequential(*hidden, torch.nn.Linear(64, 2))
    optimizer = torch.optim.Adam(generator.parameters(), lr=RATE)
    start = snt.WarmStart()
    passes = []
    begin = time.perf_counter()
    for _ in range(steps):
        if is_new:
            noise = torch.randn(N, 2)
            data = moons[torch.randint(N, (N,))] + 0.02 * torch.randn(N, 2)
        start = start if is_warm else snt.WarmStart()
        loss = snt.sinkhorn_divergence(generator(noise), data, blur=BLUR, warm_start=start)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        passes.append(start.result.n_passes)
    return passes, time.perf_counter() - begin, loss.item()

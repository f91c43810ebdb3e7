"""How much memory do the value and the gradient of S_eps take, beyond the import of the library?

Each answer comes from a fresh process: the high-water mark of its resident memory, less the memory
right after its imports. Peak memory does not depend on the number of iterations, so these are few.
"""

import json
import resource
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np

from .harness import arguments, environment, goal, has, write

TIMEOUT_S = 400
BLUR = 0.05 * 3**0.5


def peak_mb():
    """High-water mark in MB; ru_maxrss would include the mark of the parent process."""
    try:
        line = next(
            li
            for li in Path("/proc/self/status").read_text().splitlines()
            if li.startswith("VmHWM")
        )
        return int(line.split()[1]) * 1024 / 1e6
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def sinkhorn_nb():
    import sinkhorn_nb as snb

    def answer(x, y):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", snb.ConvergenceWarning)
            solver = snb.Sinkhorn(max_iter=5, compression=None)
            divergence = snb.sinkhorn_divergence(x, y, blur=BLUR, solver=solver)
        return divergence.value, divergence.gradient()

    return answer


def geomloss_tensorized():
    import torch
    from geomloss import SamplesLoss

    def answer(x, y):
        x, y = (torch.tensor(points, requires_grad=True) for points in (x, y))
        value = SamplesLoss("sinkhorn", p=2, blur=BLUR, scaling=0.2, backend="tensorized")(x, y)
        return float(value), torch.autograd.grad(value, [x, y])

    return answer


def pot():
    import ot

    def answer(x, y):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ot.solve_sample(x, y, reg=2 * BLUR**2, debias=True, max_iter=2).value

    return answer


LIBRARIES = {"sinkhorn_nb": sinkhorn_nb, "geomloss tensorized": geomloss_tensorized, "pot": pot}
MODULES = {"sinkhorn_nb": "sinkhorn_nb", "geomloss tensorized": "geomloss", "pot": "ot"}


def child(library, n):
    answer = LIBRARIES[library]()
    rng = np.random.default_rng(0)
    x, y = rng.random((n, 3), np.float32), rng.random((n, 3), np.float32) ** 2
    before = peak_mb()
    answer(x, y)
    print(
        json.dumps(
            {"after_import_mb": before, "peak_mb": peak_mb(), "over_import_mb": peak_mb() - before}
        )
    )


def measure(library, n):
    row = {"library": library, "n": n, "dtype": "float32", "d": 3}
    command = [sys.executable, "-m", "benchmarks.memory", "--child", library, str(n)]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            cwd=Path(__file__).parents[1],
            check=False,
        )
    except subprocess.TimeoutExpired:
        return row | {"error": f"more than {TIMEOUT_S} s"}
    if done.returncode:
        text = done.stderr.strip().splitlines() or ["no message"]
        return row | {"error": f"exit code {done.returncode}: {text[-1]}"[:500]}
    return row | json.loads(done.stdout.splitlines()[-1])


def main():
    args = arguments(__doc__)
    sizes = {"sinkhorn_nb": (1000, 10_000, 100_000)}
    if environment() == "torch":
        sizes |= {"geomloss tensorized": (1000, 3000, 10_000), "pot": (1000, 3000, 10_000)}
    rows = []
    measure("sinkhorn_nb", 200)  # fills the cache of compiled kernels
    for library, all_n in sizes.items():
        if has(MODULES[library]):
            rows += [measure(library, n) for n in (all_n[:1] if args.smoke else all_n)]
    mine = {r["n"]: r.get("over_import_mb") for r in rows if r["library"] == "sinkhorn_nb"}
    goals = [
        goal(
            "value and gradient, n = 100 000, d = 3, over the import",
            mine.get(100_000),
            "MB",
            at_most=500,
        )
    ]
    write(
        args,
        "memory",
        rows,
        goals,
        iterations="few: memory does not depend on them",
        pot="value alone",
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], int(sys.argv[3]))
    else:
        main()

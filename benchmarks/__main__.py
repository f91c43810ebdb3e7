"""Run every benchmark in order, each in its environment, then make the report and the pictures.

python -m benchmarks [--torch-python PYTHON] [--ott-python PYTHON] [--smoke] [--output DIR]
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

from .harness import RESULTS, SMOKE

STEPS = (
    ("passes", ("here", "torch", "ott")),
    ("family", ("here", "torch")),
    ("matrix", ("here", "torch")),
    ("feydy", ("here", "torch")),
    ("divergence", ("here", "torch", "ott")),
    ("scaling", ("here", "torch", "ott")),
    ("implicit", ("here", "ott")),
    ("overhead", ("here",)),
    ("plan", ("here",)),
    ("pairwise", ("here", "torch")),
    ("small", ("here", "torch")),
    ("bridges", ("torch", "ott")),
    ("flow", ("here", "torch")),
    ("estimators", ("here", "torch")),
    ("power", ("here",)),
    ("memory", ("here", "torch")),
    ("startup", ("here",)),
    ("million", ("here", "torch")),
    ("convergence", ("here",)),
    ("tail", ("here",)),
    ("suite", ("torch", "ott")),
    ("unbalanced", ("here", "torch")),
    ("grids", ("torch", "ott")),
    ("thornton_cuturi", ("here",)),
)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--torch-python", help="interpreter of the environment of requirements-peers.txt"
    )
    parser.add_argument(
        "--ott-python", help="interpreter of the environment of requirements-ott.txt"
    )
    parser.add_argument("--smoke", action="store_true", help="small sizes: does it run?")
    parser.add_argument(
        "--output", type=Path, help="folder of the results; of --smoke: one for temporary files"
    )
    args = parser.parse_args()
    output = str((args.output or (SMOKE if args.smoke else RESULTS)).resolve())
    pythons = {"torch": args.torch_python, "ott": args.ott_python}
    pythons["here"] = sys.executable
    options = ["--output", output] + ["--smoke"] * args.smoke

    failed = []
    for step, environments in STEPS:
        with_peers = [e for e in environments if e != "here" and pythons[e]]
        for environment in with_peers or ["here"]:  # our own rows come with the peers' ones
            start = time.perf_counter()
            print(f"--- {step} ({environment})", flush=True)
            if run(pythons[environment], step, options):
                failed.append(f"{step} ({environment})")
            print(f"--- {time.perf_counter() - start:.0f} s", flush=True)
    for step in ("report", "figures"):
        if run(sys.executable, step, ["--output", output]):
            failed.append(step)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def run(python, step, options):
    command = [python, "-m", f"benchmarks.{step}", *options]
    return subprocess.run(command, cwd=Path(__file__).parents[1], check=False).returncode


if __name__ == "__main__":
    main()

"""Run the examples of the gallery and write what they leave to docs/images/gallery.

Each leaves its last picture and the lines that it prints. Lines with times are left out, because
times change from run to run.

python docs/draw_gallery.py            # all of them, about two minutes on two cores
python docs/draw_gallery.py drift      # some of them
"""

import contextlib
import io
import os
import re
import runpy
import sys
import time
import warnings
from pathlib import Path

os.environ.setdefault("MPLBACKEND", "agg")

from matplotlib import pyplot as plt

from sinkhorn_nb.plotting import save

DOCS = Path(__file__).parent
EXAMPLES = sorted((DOCS / "examples").glob("*.py"))
PICTURES = DOCS / "images" / "gallery"
TIME = re.compile(r"\d (s|us)\b")


def main(names):
    warnings.filterwarnings("ignore", message=".*cannot be shown.*")
    for path in EXAMPLES:
        if names and path.stem not in names:
            continue
        start = time.perf_counter()
        draw(path)
        print(f"{path.stem}: {time.perf_counter() - start:.1f} s", flush=True)


def draw(path):
    """Run an example, and save the picture and the lines that it leaves."""
    plt.close("all")
    sys.argv = [str(path)]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        runpy.run_path(str(path), run_name="__main__")
    if plt.get_fignums():
        save(plt.gcf(), PICTURES / f"{path.stem}.png")

    sys.stdout.write(printed.getvalue())
    lines = [line for line in printed.getvalue().splitlines(keepends=True) if not TIME.search(line)]
    if lines:
        (PICTURES / f"{path.stem}.txt").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])

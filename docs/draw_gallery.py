"""Run the examples of the gallery and write the last picture of each to docs/images/gallery.

python docs/draw_gallery.py            # all of them, about two minutes on two cores
python docs/draw_gallery.py drift      # some of them
"""

import os
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


def main(names):
    warnings.filterwarnings("ignore", message=".*cannot be shown.*")
    for path in EXAMPLES:
        if names and path.stem not in names:
            continue
        start = time.perf_counter()
        draw(path)
        print(f"{path.stem}: {time.perf_counter() - start:.1f} s", flush=True)


def draw(path):
    """Run an example and save the picture that it leaves."""
    plt.close("all")
    sys.argv = [str(path)]
    runpy.run_path(str(path), run_name="__main__")
    if plt.get_fignums():
        save(plt.gcf(), PICTURES / f"{path.stem}.png")


if __name__ == "__main__":
    main(sys.argv[1:])

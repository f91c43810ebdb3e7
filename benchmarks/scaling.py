"""How do time and passes of S_eps and its gradient grow with the points, the dimension and 1 /
blur?

x is uniform in the unit cube, y are squares of uniform points, float32, marginal error 1e-3
(GeomLoss: scaling .9). The blur is a share of the diagonal of the bounding box. Each axis starts at
its cheap end. A peer leaves it before the first point that should take more than 20 s, as its last
point predicts.
"""

from typing import NamedTuple

import numpy as np

from .divergence import left_out, marginal_error, started, warm
from .families import diameter, warp
from .harness import arguments, in_turn, write
from .peers import installed

LONGEST_S = 20.0
LARGEST_JUDGED = 20_000  # for larger n the marginal error, a pass in float64, is not measured


class Point(NamedTuple):
    """One point of an axis."""

    axis: str
    n: int = 2048
    d: int = 3
    blur: float = 0.05


POINTS = (
    *(Point("blur", blur=blur) for blur in (0.2, 0.1, 0.05, 0.02, 0.01, 0.005)),
    *(Point("n", n=n) for n in (1000, 2000, 4000, 8000, 16_000, 50_000, 100_000)),
    *(Point("d", d=d) for d in (1, 2, 3, 5, 10, 30, 100)),
)
SMOKE = (
    *(Point("blur", n=512, blur=blur) for blur in (0.2, 0.1)),
    *(Point("n", n=n) for n in (256, 512)),
    *(Point("d", n=512, d=d) for d in (2, 10)),
)


def libraries_of(axis, libraries):
    """KeOps compiles for each dimension, so its only axis is n; our time has no limit."""
    chosen = {}
    for name, library in libraries.items():
        if not name.endswith("online") or axis == "n":
            chosen[name] = library._replace(
                longest_s=np.inf if name == "sinkhorn_nb" else LONGEST_S
            )
    return chosen


def measure(point, name, library, rounds, pace):
    """Return one row; pace[axis, name] records the seconds per pair."""
    row = {"axis": point.axis, "library": name, "n": point.n, "d": point.d, "blur": point.blur}
    if why := left_out(library, point, pace.get((point.axis, name), 0.0) * point.n**2):
        return row | {"error": why}
    x, y = (points.astype(np.float32) for points in warp(point.n, d=point.d))
    blur = point.blur * diameter(x, y)
    job = started(library, x, y, blur)
    if isinstance(job, str):
        return row | {"error": job}
    timing = in_turn({name: job}, rounds, budget_s=3.0)[name]
    if not timing.times:
        return row | {"error": timing.error}
    pace[point.axis, name] = timing.median() / point.n**2
    answer = timing.answers[0]
    judged = point.n <= LARGEST_JUDGED
    error = marginal_error(x, y, blur, answer.f, answer.g) if judged else None
    return (
        row
        | {"value_s": timing.median(0), "passes": answer.passes, "marginal_error": error}
        | timing.summary()
    )


def compile_ours(job, dimensions):
    """Compile the kernels of the first dimensions, one by one."""
    for d in dimensions:
        x, y = (points.astype(np.float32) for points in warp(256, d=d))
        in_turn({"": job(x, y, 0.05 * diameter(x, y))}, rounds=1)


def main():
    args = arguments(__doc__)
    libraries, pace, rows = installed(), {}, []
    compile_ours(libraries["sinkhorn_nb"].job, sorted({point.d for point in POINTS}))
    for name, library in list(libraries.items()):
        if error := warm(library):
            del libraries[name]
            rows.append({"library": name, "error": error})
    for point in SMOKE if args.smoke else POINTS:
        for name, library in libraries_of(point.axis, libraries).items():
            rows.append(measure(point, name, library, 2 if args.smoke else 5, pace))
        print(f"{point.axis}: n = {point.n}, d = {point.d}, blur {point.blur}: done", flush=True)
    write(
        args, "scaling", rows, blur="a share of the diagonal of the bounding box", dtype="float32"
    )


if __name__ == "__main__":
    main()

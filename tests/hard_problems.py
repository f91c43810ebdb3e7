"""Random hard problems: every size, scale, mass, weight, kind of cloud and setting that users may
have.
"""

import warnings
from typing import Any, NamedTuple

import numpy as np

import sinkhorn_nb as snb

LARGEST = 60
DIMENSIONS = (1, 1, 1, 2, 2, 3, 5, 10, 30, 100, 300)
CLOUDS = ("normal", "uniform", "lattice", "line", "point", "cauchy", "clusters", "repeated")
TARGETS = ("other", "other", "other", "other", "shifted", "permuted", "nearly", "nearly", "part")
WEIGHTS = ("none", "none", "uneven", "zeros", "logs", "extreme", "counts", "one")
INITS = ("auto", "zeros", "coarse", "gaussian", "gmm", "subsample", "sorting", "pair", "warm")


class Problem(NamedTuple):
    """Arguments of the public functions, and words that say how they were drawn."""

    call: str  # "ot", "divergence" or "batch"
    x: Any
    y: Any
    a: Any
    b: Any
    blur: float
    settings: dict  # of the solver
    words: tuple
    seed: list  # of further draws

    @property
    def told(self):
        """One line that says how the problem was drawn, with the solver's settings."""
        settings = self.settings | (
            {"init": "pair"} if isinstance(self.settings.get("init"), tuple) else {}
        )
        return f"{' '.join(self.words)} {settings}"

    @property
    def solver(self):
        """The solver; its start may be the solution of a similar problem."""
        settings = dict(self.settings)
        if settings.get("init") == "warm":
            rough = snb.Sinkhorn(max_iter=5)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                settings["init"] = snb.entropic_ot(
                    self.x, self.y, self.a, self.b, blur=2 * self.blur, solver=rough
                )
        return snb.Sinkhorn(**settings)

    @property
    def program(self):
        """Lines that state the problem."""
        function = {
            "ot": "entropic_ot",
            "divergence": "sinkhorn_divergence",
            "batch": "sinkhorn_divergence",
        }[self.call]
        lines = ["import numpy as np, sinkhorn_nb as snb"]
        lines += [
            f"{name} = {_stated(array)}" for name, array in zip("xyab", self[1:5], strict=True)
        ]
        settings = ", ".join(f"{key}={_stated(value)}" for key, value in self.settings.items())
        lines.append(
            f"result = snb.{function}(x, y, a, b, blur={self.blur!r}, "
            f"solver=snb.Sinkhorn({settings}))"
        )
        return "\n".join(lines)


def _stated(value):
    if isinstance(value, tuple):
        return f"({', '.join(map(_stated, value))})"
    return (
        f"np.array({value.tolist()}, dtype={value.dtype.name!r})"
        if isinstance(value, np.ndarray)
        else repr(value)
    )


def draw(seed):
    """The problem of a seed: whatever numpy.random.default_rng takes."""
    rng = np.random.default_rng(seed)
    d, kind, target = int(rng.choice(DIMENSIONS)), rng.choice(CLOUDS), rng.choice(TARGETS)
    x = cloud(rng, kind, size(rng), d)
    y, order = second(rng, target, kind, x)
    a, b, weighting = weights(rng, len(x), len(y), order)
    x, y, dtype = placed(rng, x, y)
    both = np.concatenate([x, y]).astype(float)
    diameter = np.linalg.norm(np.ptp(both, axis=0)) or np.abs(both).max() or 1.0
    blur = float(diameter * 10 ** rng.uniform(-4, 3))
    if x.dtype == np.float32 and np.spacing(np.abs(both).max().astype(np.float32)) > blur / 4:
        # Float32 is refused for this blur
        x, y, dtype = x.astype(float), y.astype(float), f"{dtype}/in float64"
    call = str(rng.choice(["ot", "divergence", "divergence", "batch"]))
    settings = setting(rng, d, len(x), len(y), blur**2 + diameter**2)
    if call == "batch" and isinstance(settings.get("init"), tuple):  # potentials fit one pair alone
        settings["init"] = "auto"
    words = (call, f"{len(x)}x{len(y)}", f"d={d}", str(kind), str(target), weighting, dtype)
    return Problem(
        call,
        x,
        y,
        a,
        b,
        blur,
        settings,
        (*words, f"blur={blur / diameter:.1e}"),
        list(np.atleast_1d(seed)),
    )


def size(rng):
    """Draw a size from 1 to the largest, with all orders of magnitude equally likely."""
    return int(np.ceil(LARGEST ** rng.uniform()))


def cloud(rng, kind, n, d):
    """(n, d) points of about unit size."""
    if kind == "uniform":
        return rng.uniform(size=(n, d))
    if kind == "lattice":
        return rng.integers(0, 4, size=(n, d)) / 4
    if kind == "line":
        return np.outer(rng.uniform(size=n), rng.normal(size=d))
    if kind == "point":
        return np.tile(rng.normal(size=d), (n, 1))
    if kind == "cauchy":
        return rng.standard_cauchy(size=(n, d)) ** rng.choice([1, 3])
    points = rng.normal(size=(n, d))
    if kind == "clusters":
        return 10 ** rng.uniform(1, 5) * rng.normal(size=(3, d))[rng.integers(0, 3, n)] + points
    return points[rng.integers(0, n, n)] if kind == "repeated" else points


def second(rng, target, kind, x):
    """The other cloud, and the order of its points and weights in terms of the first where it is a
    copy.
    """
    n = len(x)
    if target == "permuted":
        order = rng.permutation(n)
        return x[order], order
    if target == "nearly":
        order = np.arange(n)
        return x + np.abs(x).max() * 10 ** rng.uniform(-12, -1) * rng.normal(size=x.shape), order
    if target == "shifted":
        return x + rng.normal(size=x.shape[1]), np.arange(n)
    if target == "part":
        return x[rng.integers(0, n, size(rng))], None
    return cloud(
        rng, kind if rng.uniform() < 0.5 else rng.choice(CLOUDS), size(rng), x.shape[1]
    ), None


def weights(rng, n, m, order):
    """Weights of both sides, of one mass; a copy has those of the original, or nearly."""
    kind = str(rng.choice(WEIGHTS))
    if kind == "none":
        return None, None, kind
    if kind == "counts":
        total = int(10 ** rng.uniform(0, 9))
        return *(rng.multinomial(total, probabilities(rng, "uneven", k)) for k in (n, m)), kind
    a, b = probabilities(rng, kind, n), probabilities(rng, kind, m)
    if order is not None and rng.uniform() < 0.7:
        b = a[order]
    mass = 1.0 if rng.uniform() < 0.5 else 10 ** rng.uniform(-12, 12)
    a, b = mass * a, mass * b
    if rng.uniform() < 0.15:
        return a.astype(np.float32), b.astype(np.float32), f"{kind}/float32"
    return a, b, f"{kind}/mass={mass:.0e}"


def probabilities(rng, kind, n):
    """n weights of sum 1."""
    p = rng.uniform(0.1, 1, size=n)
    if kind == "logs":
        p = 10 ** rng.uniform(-12, 0, size=n)
    elif kind == "extreme":
        p = 10 ** rng.uniform(-rng.choice([20, 40, 100, 300]), 0, size=n)
    elif kind == "zeros":
        p[rng.permutation(n)[: int(rng.integers(0, n))]] = 0
    elif kind == "one":
        p = np.where(np.arange(n) == rng.integers(n), 1.0, 10 ** rng.uniform(-30, -3) * p)
    return p / p.sum()


def placed(rng, x, y):
    """The clouds at another scale, away from the origin, in another dtype."""
    size = np.abs(np.concatenate([x, y])).max() or 1.0
    far = 0.0 if rng.uniform() < 0.5 else 10 ** rng.uniform(0, 6)
    offset = far * rng.normal(size=x.shape[1])
    if rng.uniform() < 0.15:
        steps = 10 ** rng.uniform(0, 6)
        dtype = rng.choice(["int64", "int32"]) if far * steps < 1e8 else "int64"
        return *(np.rint((z / size + offset) * steps).astype(dtype) for z in (x, y)), str(dtype)
    scale = 1.0 if rng.uniform() < 0.5 else 10 ** rng.uniform(-15, 15)
    dtype = str(rng.choice(["float64", "float64", "float32"]))
    words = f"{dtype}/scale={scale * size:.0e}/offset={far:.0e}"
    return *(((z + size * offset) * scale).astype(dtype) for z in (x, y)), words


def setting(rng, d, n, m, largest):
    """Draw settings that differ from the default solver; in 40 % of the cases only max_iter."""
    settings = {"max_iter": 3000 if rng.uniform() < 0.4 else int(10 ** rng.uniform(0, 3.4))}
    if rng.uniform() < 0.4:
        return settings
    init = str(rng.choice(INITS))
    if init == "pair":
        init = tuple(largest * 10 ** rng.uniform(-4, 0.5) * rng.normal(size=k) for k in (n, m))
    settings["init"] = "auto" if init == "sorting" and d > 1 else init
    settings["acceleration"] = str(rng.choice(["auto", "auto", "none", "symmetric"]))
    settings["tol"] = 1e-3 if rng.uniform() < 0.4 else 10 ** rng.uniform(-9, -1)
    settings["dtype"] = [None, None, "float32", "float64"][rng.integers(4)]
    settings["certify"] = bool(rng.uniform() < 0.25)
    return settings

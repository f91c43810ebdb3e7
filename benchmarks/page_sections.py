"""Sections of docs/benchmarks.md for results that need not be there: each takes what is committed."""

from typing import NamedTuple

from .families import FAMILIES
from .page_family import costs, feydy, images, matrices, unbalanced
from .page_tables import number, section, table

STEPS = ("sparse", "two-level", "RegOT's SPLR")
HEADS = {
    "case": "",
    "library": "library",
    "n": "n",
    "median_s": "median, s",
    "section": "",
    "count": "count",
    "ms_a_pair": "ms per pair",
    "overhead_ms": "over the call with arrays, ms",
    "passes": "passes",
    "relative_error_of_value": "error of the value",
    "relative_error": "error of the value",
    "times_scikit_learn": "times scikit-learn",
    "ours_faster": "times ours",
}


class Rows(NamedTuple):
    """A section with one row for each row of some files that has a value."""

    title: str
    text: str
    files: tuple
    names: str  # of the rows
    values: str

    def __call__(self, found):
        """The text, or nothing if no file is there."""
        records = [found[name] for name in self.files if name in found]
        keys, values = self.names.split(), self.values.split()
        lines = [
            [cell(row.get(key)) for key in keys + values]
            for record in records
            for row in record["rows"]
            if any(row.get(key) is not None for key in values)
        ]
        if not lines:
            return ""
        body = table([HEADS[key] for key in keys + values], lines)
        return section(self.title, self.text, body, records)


def cell(value):
    """A number, a text, or nothing."""
    if value is None:
        return ""
    return number(value) if isinstance(value, float) else value


def seconds(row):
    """Seconds of a row of the benchmark of small blurs, and what is wrong with it."""
    if row is None:
        return ""
    if "seconds" not in row:
        return row.get("error", "")
    return f"{number(row['seconds'])} s" + ("" if row.get("converged", True) else ", not reached")


def tail(found):
    """Small blurs and tight tolerances."""
    record = found.get("tail.alone")
    rows = record["rows"] if record else []
    by = {
        (row["case"], row["n"], row["tol"], row["job"]): row
        for row in rows
        if row["job"] in STEPS and "tol" in row and row["case"] not in FAMILIES
    }
    keys = dict.fromkeys(key[:3] for key in by)
    if not keys:
        return ""
    lines = [[*key, *(seconds(by.get((*key, job))) for job in STEPS)] for key in keys]
    text = (
        "Best times to a marginal error, with our sparse steps, without them (at most 300 iterations), and of\n"
        "RegOT's SPLR, which gets the matrix of costs for nothing ([explanation](explanation/tail.rst))."
    )
    body = table(["problem", "n", "to", "sparse steps", "two-level steps", "RegOT's SPLR"], lines)
    return section("Small blurs and tight tolerances", text, body, [record])


def wasserstein(found):
    """Certified bounds of the unregularized cost, beside exact solvers."""
    record = found.get("tail.alone")
    rows = [row for row in record["rows"] if row["case"] == "Wasserstein bounds"] if record else []
    by = {(row["n"], row["d"], row["job"]): row for row in rows}
    jobs = list(dict.fromkeys(row["job"] for row in rows))
    sizes = dict.fromkeys(key[:2] for key in by)
    if not sizes:
        return ""
    lines = [[*size, *(seconds(by.get((*size, job))) for job in jobs)] for size in sizes]
    text = "Bounds of the Wasserstein cost that are at most 0.1 % apart, beside exact solvers."
    return section("Without regularization", text, table(["n", "d", *jobs], lines), [record])


def suite(found):
    """The suite for everybody: best times of each library, judged alike."""
    records = [found[name] for name in sorted(found) if name.startswith("suite.")]
    rows = [row for record in records for row in record["rows"]]
    by = {(row["case"], row["target"], row["library"]): row for row in rows}
    libraries = list(dict.fromkeys(row["library"] for row in rows))
    if not libraries:
        return ""
    lines = []
    for key in dict.fromkeys(key[:2] for key in by):
        best = [by.get((*key, library), {}) for library in libraries]
        times = (
            f"{number(row['best_s'])} s" if row.get("best_s") else "not reached" for row in best
        )
        lines.append([*key, *times])
    skipped = {
        name: why for record in records for name, why in record["settings"]["skipped"].items()
    }
    left_out = "; ".join(f"{name}: {why}" for name, why in skipped.items() if name not in libraries)
    text = (
        "Best times to a marginal error, by a judge that is the same for all libraries; each has 20 seconds per\n"
        f"problem (how: `benchmarks/suite/README.md`). Left out: {left_out or 'none'}."
    )
    return section(
        "Problems with known answers", text, table(["", "to", *libraries], lines), records
    )


SECTIONS = (
    costs,
    matrices,
    unbalanced,
    feydy,
    images,
    Rows(
        "Tensors of PyTorch and JAX",
        "Value and gradient of a divergence in the plane, in float32, at a blur of 5 %: alone, in batches and\n"
        "lists of `count` pairs, and in the training of a generator.",
        ("bridges.torch", "bridges.ott"),
        "section n count library",
        "ms_a_pair overhead_ms passes relative_error_of_value ours_faster",
    ),
    Rows(
        "Estimators",
        "Tests, aligners and clusters.",
        ("estimators.torch", "estimators.alone"),
        "case library",
        "median_s ours_faster times_scikit_learn",
    ),
    tail,
    wasserstein,
    suite,
)

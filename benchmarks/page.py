"""The page docs/benchmarks.md, and the numbers of other pages, from the JSON files."""

import json
from statistics import median

from . import page_claims, readme_claims, tail_claims
from .claims import restated
from .harness import arguments
from .page_sections import SECTIONS
from .page_tables import number, table, where

INTRODUCTION = """# Benchmarks

Every number of this project comes from a file in `benchmarks/results`, with its machine and its versions. This page is made
from them by `python -m benchmarks.page`; `python -m benchmarks` measures all of it again.

Libraries are compared at an equal marginal error of 1e-3, not at equal settings, on the same points, in one process and in
turn; ratios are medians over the rounds. GeomLoss has no tolerance, so that it runs to the end of its schedule, and its
error is stated. Blurs are shares of the diagonal of the bounding box.
"""
LOSSES = """## Where others are better

- **Tests for scale, tails and fine structure.** A kernel test (`statistic="mmd"`) finds them far more often than the
  Sinkhorn divergence does. The table has the share of repeats in which a difference is found, at the level of 5 %:

{power}

- **Exact transport of small problems.** Without a blur, POT's network simplex and SciPy's assignment are the right tools.
  A blur below the distance of neighboring points takes many iterations here.
- **An accuracy of 1e-6 near a permutation, where the cost is a function or on a grid.** Between points, and for a matrix of
  costs, the solver takes sparse Newton steps there ([measured beside RegOT](explanation/tail.rst)). Functions and grids have
  none, so that a solver of second order, such as RegOT, may need far fewer steps. This is not measured yet.
- **The first call.** It compiles: {compiling:.0f} s once per machine, then {cached:.1f} s in a new process. Libraries of
  compiled wheels do not have this cost.
- **GPUs.** The CUDA backend has not been timed on a device in these files. On a GPU, KeOps, FlashSinkhorn and OTT are the
  measured choices.
- **A flow of few points from scratch.** At 256 points a step without the last solution takes {cold:.2f} ms, and a step with
  it {warm:.2f} ms: moving the potentials costs more than it saves.
"""


def divergences(found):
    """The time to the value, by library and number of points."""
    rows = [
        row
        for name in ("divergence.torch", "divergence.ott")
        for row in found[name]["rows"]
        if row["case"] == "warp" and row["blur"] == 0.05 and row.get("task") == "value"
    ]
    sizes = (1024, 4096, 16384)
    lines = []
    for library in dict.fromkeys(row["library"] for row in rows):
        of = {row["n"]: row for row in reversed(rows) if row["library"] == library}
        cells = [library]
        for n in sizes:
            seconds = of.get(n, {}).get("median_s")
            ratio = of.get(n, {}).get("ours_faster")
            behind = f" ({number(ratio)} x)" if seconds and ratio != 1 else ""
            cells.append(f"{number(seconds)} s{behind}" if seconds else "not run")
        first = of[sizes[0]]
        cells += [f"{first['marginal_error']:.1g}", f"{first['relative_error_of_value']:.0e}"]
        lines.append(cells)
    heads = ["", *(f"n = {n}" for n in sizes), "marginal error", "error of S"]
    return f"""## Time to the divergence

Two clouds of n points in the unit cube, one of them warped, in float32, at a blur of 5 %. Errors are those at n = 1024,
against a converged float64 solve.

{table(heads, lines)}
![Seconds against n](../benchmarks/results/divergence.png)

{where(found["divergence.torch"])}"""


def passes(found):
    """How many passes it takes, over the families of data."""
    record = found["convergence.alone"]
    rows = [(goal["goal"], f"{goal['measured']:.1f}") for goal in record["goals"]]
    plain = {
        (scheme, blur): median(
            row["passes"]
            for row in record["rows"]
            if (row["acceleration"], row["blur"], row["tol"]) == (scheme, blur, 1e-3)
        )
        for scheme in ("none", "symmetric")
        for blur in (0.05, 0.02)
    }
    return f"""## Passes over the pairs

The time of a solve is its passes times the time of a pass. Sinkhorn's iteration from zeros takes {plain["none", 0.05]:.0f}
passes to 1e-3 at a blur of 5 % and {plain["none", 0.02]:.0f} at 2 % (medians of the same families, n = 1500, at most 300
iterations); the annealed scheme of Feydy et al. {plain["symmetric", 0.05]:.0f} and {plain["symmetric", 0.02]:.0f}.

{table(["", "passes"], rows)}
![Passes against the blur](../benchmarks/results/convergence.png)

{where(found["convergence.alone"])}"""


def small_problems(found):
    """Milliseconds per pair, together and one by one."""
    rows = found["small.torch"]["rows"]
    sizes = sorted({row["n"] for row in rows})
    lines = []
    for way, library in dict.fromkeys((row["way"], row["library"]) for row in rows):
        of = {r["n"]: r["ms_a_pair"] for r in rows if (r["way"], r["library"]) == (way, library)}
        lines.append([way, library, *(number(of.get(n)) for n in sizes)])
    table_of_all, loop = (
        next(row for row in found["pairwise.torch"]["rows"] if row["library"] == library)
        for library in ("sinkhorn_nb", "POT, its default tolerance")
    )
    return f"""## Many small problems

Milliseconds per pair of clouds, value and gradient, d = 3:

{table(["", "library", *(f"n = {n}" for n in sizes)], lines)}
The table of all divergences between {table_of_all["case"]} takes {table_of_all["median_s"]:.1f} s,
{loop["ours_faster"]:.0f} times less than a loop over POT.

{where(found["small.torch"])}"""


def memory(found):
    """Megabytes over the import."""
    rows = found["memory.torch"]["rows"]
    lines = [
        (row["library"], row["n"], f"{row['over_import_mb']:.0f} MB")
        for row in rows
        if not row.get("error")
    ]
    return f"""## Memory

Value and gradient, d = 3, in float32, over what the import takes:

{table(["library", "n", "peak"], lines)}
{where(found["memory.torch"])}"""


def millions(found):
    """Seconds of a million points against a million, on two threads."""
    record = of_millions(found)
    rows = [r for r in record["rows"] if r["n"] == 1_000_000 and r.get("threads") == 2]
    lines = [
        (r["case"], f"{r['min_s']:.2g} s", f"{r['value_error']:.0e}", f"{r['marginal_error']:.1g}")
        for r in rows
    ]
    return f"""## A million points

A million against a million, with both gradients, compressed, on two threads:

{table(["data", "best", "stated error of S", "marginal error"], lines)}
{where(record)}"""


def of_millions(found):
    """The record with peers, if there is one."""
    return found.get("million.torch") or found["million.alone"]


def derivatives(found):
    """Implicit differentiation, beside OTT's."""
    goals = [
        (goal["goal"], f"{goal['measured']:.0f}")
        for goal in found["implicit.ott"]["goals"]
        if goal["goal"].startswith("pullback")
    ]
    theirs = next(r for r in found["implicit.ott"]["rows"] if (r.get("ours_faster") or 0) > 1)
    return f"""## Derivatives of potentials

At n = {theirs["n"]}, OTT's implicit differentiation of a function of the potentials takes
{theirs["ours_faster"]:.0f} times as long as ours. In passes over the pairs:

{table(["", "passes"], goals)}

{where(found["implicit.ott"])}"""


def losses(found):
    """Where other libraries are better."""
    power = found["power.alone"]["rows"]
    heads = list(power[0])
    best = [[row[k] if k == "family" else f"{row[k]:.2f}" for k in heads] for row in power]
    startup = {row["what"]: row["median_s"] for row in found["startup.alone"]["rows"]}
    flow = {(row["n"], row["library"]): row["ms_a_step"] for row in found["flow.torch"]["rows"]}
    return LOSSES.format(
        power=table(heads, best),
        compiling=startup["main job, float32, empty cache"],
        cached=startup["main job, float32, warm cache"],
        cold=flow[256, "sinkhorn_nb, cold"],
        warm=flow[256, "sinkhorn_nb, init=previous"],
    )


def unmet(found):
    """The goals that are missed."""
    records = {name: each for name, each in found.items() if not name.startswith("million.")}
    records["million"] = of_millions(found)
    goals = [
        goal for each in records.values() for goal in each["goals"] if goal["measured"] is not None
    ]
    missed = [goal for goal in goals if not goal["met"]]
    lines = [
        [goal["goal"], f"{number(goal['measured'])} {goal['unit']}", aim(goal)] for goal in missed
    ]
    return f"""## Goals that are not met

{len(missed)} of the {len(goals)} goals that the project has set itself:

{table(["goal", "measured", "aim"], lines)}"""


def aim(goal):
    """What a goal asks for."""
    if goal["at_least"] is not None:
        return f"at least {number(goal['at_least'])}"
    return f"at most {number(goal['at_most'])}"


def results(folder):
    """The records of all files, by their names."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


def page(folder):
    """The text of docs/benchmarks.md."""
    found = results(folder)
    parts = (
        divergences,
        passes,
        small_problems,
        memory,
        millions,
        derivatives,
        *SECTIONS,
        losses,
        unmet,
    )
    return "\n".join([INTRODUCTION, *filter(None, (part(found) for part in parts))])


def claims(folder):
    """What README and the pages say of the results: lists of claims, by page."""
    found, by_page = results(folder), {}
    for module in (readme_claims, page_claims, tail_claims):
        for part in module.CLAIMS:
            for claim in part(found):
                by_page.setdefault(claim.page, []).append(claim)
    return by_page


def main():
    folder = arguments(__doc__).output
    root = folder.parents[1]
    (root / "docs" / "benchmarks.md").write_text(page(folder), encoding="utf-8")
    for name, stated in claims(folder).items():
        text = (root / name).read_text(encoding="utf-8")
        (root / name).write_text(restated(text, stated), encoding="utf-8")


if __name__ == "__main__":
    main()

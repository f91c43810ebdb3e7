"""Pictures of the results: one PNG per question in the folder of results; for committed ones
docs/images/scaling-*.svg and million-n.svg.

They need matplotlib; without it nothing is drawn.
"""

from collections import defaultdict
from pathlib import Path

from .harness import RESULTS, arguments, has
from .report import read

DOCS = Path(__file__).parents[1] / "docs" / "images"
SECONDS = "time of S and its gradient (s)"
COLORS = ("blue", "orange", "green", "red", "purple", "brown", "pink", "gray", "olive", "cyan")
NOTES = {"geomloss": " (scaling .9)", "pot": " (value alone)"}
# Ways of the benchmark of a million points
MINE = {"auto": "sinkhorn_nb", "plain": "sinkhorn_nb, compression=None"}
SHARE = "blur (share of the bounding box's diagonal)"


def lines(ax, rows, x, y, label):
    """Draw one line per label through its measured rows."""
    grouped = defaultdict(list)
    for row in rows:
        if row.get(y) is not None:
            grouped[label(row)].append((row[x], row[y]))
    for name, points in grouped.items():
        ax.plot(*zip(*sorted(points), strict=True), marker="o", label=name)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ticks = sorted({line_x for line in ax.get_lines() for line_x in line.get_xdata()})
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.set_xticks([], minor=True)
    ax.yaxis.get_major_locator().set_params(subs=(1, 2, 5))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter("")
    ax.grid(alpha=0.3, which="both")


def library(row):
    return row["library"]


def passes(figure, rows):
    ax = figure.subplots()
    rates = [r for r in rows if r["question"] == "rate"]
    lines(ax, rates, "d", "gpairs_per_s", lambda r: f"{r['dtype']}, {r['sums']}")
    ax.set(
        xlabel="dimension d", ylabel="pairs per second (10^9)", title="Pairs per second in one pass"
    )
    ax.legend(fontsize="small", ncols=2)


def divergence(figure, rows):
    ax = figure.subplots()
    chosen = [
        r
        for r in rows
        if (r.get("task"), r["case"], r.get("blur", 0.05)) == ("value", "warp", 0.05)
    ]
    largest = defaultdict(float)
    for row in chosen:
        largest[library(row)] = max(largest[library(row)], row["marginal_error"])
    lines(
        ax,
        chosen,
        "n",
        "median_s",
        lambda r: f"{library(r)} (marginal error {largest[library(r)]:.1g})",
    )
    title = "Time of S: d = 3, blur 5 % of the diameter, float32"
    ax.set(xlabel="points n = m", ylabel="time (s)", title=title)
    ax.legend(fontsize="small")


def memory(figure, rows):
    ax = figure.subplots()
    lines(ax, rows, "n", "over_import_mb", library)
    ax.set(
        xlabel="points n = m",
        ylabel="memory over the import (MB)",
        title="Peak memory of value and gradient",
    )
    ax.legend(fontsize="small")


def convergence(figure, rows):
    size, finest = max(r["size"] for r in rows), min(r["tol"] for r in rows)
    shown = [
        r for r in rows if r["converged"] and r["acceleration"] == "auto" and r["size"] == size
    ]
    axes = figure.subplots(1, 2, sharey=True)
    colors = [f"tab:{name}" for name in COLORS]
    for ax, tol in zip(axes, sorted({r["tol"] for r in rows}, reverse=True), strict=True):
        ax.set_prop_cycle(color=2 * colors, linestyle=10 * ["-"] + 10 * [":"])
        lines(ax, [r for r in shown if r["tol"] == tol], "blur", "passes", lambda r: r["family"])
        ax.set(xlabel=SHARE, title=f"Passes to a marginal error of {tol:g}, n = {size}")
        ax.invert_xaxis()
        if tol == finest:
            ax.legend(fontsize="x-small", ncols=2)
    axes[0].set_ylabel("passes over the pairs")


def feydy(figure, rows):
    ax = figure.subplots()
    lines(ax, [r for r in rows if not r["extrapolated"]], "n", "median_s", library)
    colors = {line.get_label(): line.get_color() for line in ax.get_lines()}
    for row in (r for r in rows if r["extrapolated"]):  # hollow: from the time of a pass
        ax.plot(row["n"], row["median_s"], "o", color=colors[library(row)], mfc="none")
    title = "Time of the loss and its gradient: d = 3, p = 1, eps = .1"
    ax.set(xlabel="points n = m", ylabel="time (s)", title=title)
    ax.legend(fontsize="small")


def scaling_blur(figure, rows):
    ax = _scaling(figure, rows, "blur", SHARE, "n = m = 2048, d = 3")
    ax.invert_xaxis()


def scaling_n(figure, rows):
    _scaling(figure, rows, "n", "points n = m", "d = 3, blur .05")


def scaling_d(figure, rows):
    _scaling(figure, rows, "d", "dimension d", "n = m = 2048, blur .05")


def noted(name):
    """What a library's line in a legend adds to its name."""
    return NOTES.get(name.split()[0], "")


def _scaling(figure, rows, axis, xlabel, where):
    ax = figure.subplots()
    ax.margins(y=0.1)
    lines(ax, rows, axis, "median_s", lambda r: library(r) + noted(library(r)))
    mine = sorted(
        (r[axis], r["median_s"], r["passes"]) for r in rows if r.get("passes") is not None
    )
    for x, y, count in mine:
        ax.annotate(
            f"{count:.0f}",
            (x, y),
            xytext=(0, -13),
            textcoords="offset points",
            ha="center",
            fontsize="small",
        )
    ax.set(
        xlabel=xlabel, ylabel=SECONDS, title=f"{where}, marginal error 1e-3; numbers: our passes"
    )
    ax.legend(fontsize="small")
    return ax


def million(figure, rows):
    ax = figure.subplots()
    best = {}
    for row in rows:
        name = row.get("library") or MINE.get(row["way"])
        is_shown = row["case"] in ("warped square", "time against n") and row.get("min_s")
        if is_shown and name:
            key = name, row["n"]
            best[key] = min(row["min_s"], best.get(key, row["min_s"]))
    shown = [{"library": name, "n": n, "min_s": s} for (name, n), s in sorted(best.items())]
    lines(ax, shown, "n", "min_s", library)
    ordered_legend(ax)
    powers = [10**k for k in range(3, 8)]
    ax.set_xticks(powers, ["1000", "10 000", "100 000", "a million", "ten millions"])
    ax.set(xlabel="points n = m", ylabel="time of S and both gradients (s)")
    ax.grid(visible=False, which="minor")


def ordered_legend(ax):
    """The names of the lines in the order of their ends, ours in bold."""
    handles = sorted(ax.get_lines(), key=lambda line: -line.get_ydata()[-1])
    names = [line.get_label() for line in handles]
    is_mine = [name == "sinkhorn_nb" for name in names]
    for line, mine in zip(handles, is_mine, strict=True):
        line.set(linewidth=3 if mine else 1.5, markersize=6 if mine else 4)
    legend = ax.figure.legend(
        handles,
        [name + noted(name) for name in names],
        loc="outside upper center",
        ncols=2,
        fontsize="small",
    )
    for text, mine in zip(legend.get_texts(), is_mine, strict=True):
        text.set_fontweight("bold" if mine else "normal")


SIZE = {"convergence": (11, 4.5)}  # inches
SIZE_OF_MILLION = (6, 4)  # in README, among text
PLOTS = {
    "passes": passes,
    "divergence": divergence,
    "memory": memory,
    "convergence": convergence,
    "feydy": feydy,
}
SCALING = {"blur": scaling_blur, "n": scaling_n, "d": scaling_d}


def unrepeated(records):
    """Rows of one benchmark from several environments; our own are taken from the longest."""
    rows, seen = [], set()
    for record in sorted(records, key=lambda record: len(record["rows"]), reverse=True):
        libraries = {row.get("library") for row in record["rows"]}
        rows += [row for row in record["rows"] if row.get("library") not in seen]
        seen |= libraries
    return rows


def save(plot, rows, path, size=(7, 4.5)):
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    plot(figure, rows)
    with rc_context({"svg.hashsalt": "sinkhorn_nb"}):  # the same bytes for the same results
        figure.savefig(path, dpi=120, metadata={"Date": None} if path.suffix == ".svg" else None)
    print(path.name)


def main():
    folder = arguments(__doc__).output
    if not has("matplotlib"):
        print("no pictures: matplotlib is not installed")
        return
    records = read(folder)
    for name, plot in PLOTS.items():
        rows = unrepeated([r for r in records if r["benchmark"] == name])
        if rows:
            save(plot, rows, folder / f"{name}.png", SIZE.get(name, (7, 4.5)))
    rows = unrepeated([r for r in records if r["benchmark"] == "scaling"])
    images = DOCS if folder.resolve() == RESULTS else folder
    for axis, plot in SCALING.items():
        shown = [row for row in rows if row.get("axis") == axis]
        if shown:
            save(plot, shown, images / f"scaling-{axis}.svg")
    rows = [r["rows"] for r in records if r["benchmark"] == "million"]
    if rows:
        save(million, max(rows, key=len), images / "million-n.svg", SIZE_OF_MILLION)


if __name__ == "__main__":
    main()

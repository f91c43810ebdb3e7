"""Tables and pictures of the results: report.md and *.png beside the JSON files."""

import json
from collections import defaultdict

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from .harness import arguments

COLUMNS = {
    "rates": "d n dtype sums gpairs_per_s median_s min_s cpu_share rounds",
    "updates": "library n updates update_s gpairs_per_s ours_faster_per_pass ours_faster_per_update rounds error",
    "divergence": "case n task library median_s min_s rounds marginal_error relative_error_of_value ours_faster error",
    "memory": "library n after_import_mb peak_mb over_import_mb error",
    "startup": "what median_s min_s rounds",
    "convergence": "family acceleration blur tol iterations passes passes_with_self marginal_error converged seconds",
}
HEADS = {
    "gpairs_per_s": "Gpair/s", "median_s": "median (s)", "min_s": "best (s)", "update_s": "one update (s)",
    "ours_faster": "sinkhorn_nb is faster by", "ours_faster_per_pass": "faster, whole pass against it",
    "ours_faster_per_update": "faster, per update", "after_import_mb": "after import (MB)", "peak_mb": "peak (MB)",
    "over_import_mb": "over the import (MB)", "marginal_error": "marginal error", "seconds": "time (s)",
    "cpu_share": "cores busy",
    "relative_error_of_value": "error of S (relative)", "passes_with_self": "passes with self problems",
}  # fmt: skip


def text(value):
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1e3 else f"{value:.0f}"
    return str(value).replace("|", "/").replace("\n", " ")


def table(rows, columns):
    shown = [c for c in columns if any(row.get(c) is not None for row in rows)]
    lines = [" | ".join(HEADS.get(c, c) for c in shown), " | ".join("---" for _ in shown)]
    lines += [" | ".join(text(row.get(c)) for c in shown) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def section(record):
    name = record["benchmark"]
    rows = record["rows"]
    machine, versions = record["machine"], record["versions"]
    words = [f"## {name} ({record['environment']})"]
    if record["smoke"]:
        words.append("**A smoke run: the numbers mean nothing.**")
    words.append(
        f"{record['date']}; {machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB, {machine['os']}; "
        f"load average {machine['load_average_1min']} at the end; threads: {named(record['threads'])}; "
        f"{named(versions)}. {named(record['settings'], ': ')}".strip()
    )
    if record["goals"]:
        words.append(table([judged(g) for g in record["goals"]], ("goal", "wanted", "measured", "met")))
    if name == "passes":
        for question in ("rate", "update"):
            asked = [r for r in rows if r["question"] == question]
            words += [table(asked, COLUMNS[question + "s"].split())] if asked else []
    else:
        words.append(table(rows, COLUMNS[name].split()))
    return "\n\n".join(words)


def named(found, between=" "):
    return ", ".join(f"{key}{between}{value}" for key, value in found.items())


def judged(goal):
    least, most = goal["at_least"], goal["at_most"]
    wanted = f">= {least}" if least is not None else f"<= {most}"
    measured = "not measured" if goal["measured"] is None else f"{text(goal['measured'])} {goal['unit']}"
    return {"goal": goal["goal"], "wanted": f"{wanted} {goal['unit']}", "measured": measured, "met": goal["met"]}


def lines(ax, rows, x, y, label):
    """One line a label through its rows that were measured."""
    grouped = defaultdict(list)
    for row in rows:
        if row.get(y) is not None:
            grouped[label(row)].append((row[x], row[y]))
    for name, points in grouped.items():
        ax.plot(*zip(*sorted(points), strict=True), marker="o", label=name)
    if grouped:
        ax.legend(fontsize="small")
    ax.set_xscale("log")
    ax.set_yscale("log")
    ticks = sorted({point[0] for points in grouped.values() for point in points})
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.set_xticks([], minor=True)
    ax.grid(alpha=0.3, which="both")


def plot_passes(ax, rows):
    rates = [r for r in rows if r["question"] == "rate"]
    lines(ax, rates, "d", "gpairs_per_s", lambda r: f"{r['dtype']}, {r['sums']}")
    ax.set(xlabel="dimension d", ylabel="Gpair/s", title="Pairs a second of one pass")


def plot_divergence(ax, rows):
    chosen = [r for r in rows if r.get("task") == "value" and r["case"] == "warp"]
    largest = defaultdict(float)
    for row in chosen:
        largest[row["library"]] = max(largest[row["library"]], row["marginal_error"])
    lines(ax, chosen, "n", "median_s", lambda r: f"{r['library']} (marginal error {largest[r['library']]:.1g})")
    ax.set(xlabel="points n = m", ylabel="s", title="Time of S_eps: d = 3, blur 5 % of the diameter, float32")


def plot_memory(ax, rows):
    lines(ax, rows, "n", "over_import_mb", lambda r: r["library"])
    ax.set(xlabel="points n = m", ylabel="MB over the import", title="Peak memory of value and gradient")


def plot_convergence(ax, rows):
    finest = min(r["tol"] for r in rows)
    shown = [r for r in rows if r["tol"] > finest and r["converged"] and r["acceleration"] == "auto"]
    lines(ax, shown, "blur", "passes_with_self", lambda r: r["family"])
    ax.set(xlabel="blur / diameter", ylabel="passes", title="Passes to a marginal error of 1e-3")


PLOTS = {"passes": plot_passes, "divergence": plot_divergence, "memory": plot_memory, "convergence": plot_convergence}


def unrepeated(records):
    """Rows of one benchmark from several environments; our own are taken from the first."""
    rows, seen = [], set()
    for record in records:
        libraries = {row.get("library") for row in record["rows"]}
        rows += [row for row in record["rows"] if row.get("library") not in seen]
        seen |= libraries
    return rows


def main():
    folder = arguments(__doc__).output
    order = list(COLUMNS)
    records = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    records.sort(key=lambda r: order.index(r["benchmark"]) if r["benchmark"] in order else -1)
    (folder / "report.md").write_text("# Results\n\n" + "\n\n".join(map(section, records)) + "\n")
    for name, plot in PLOTS.items():
        rows = unrepeated([r for r in records if r["benchmark"] == name])
        if rows:
            figure, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
            plot(ax, rows)
            figure.savefig(folder / f"{name}.png", dpi=120)
            plt.close(figure)
    print(f"report.md of {len(records)} files")


if __name__ == "__main__":
    main()

"""Tables of the results: report.md in the folder of the JSON files."""

import json

from .harness import arguments

COLUMNS = {
    "rates": "d n dtype sums gpairs_per_s median_s min_s cpu_share rounds",
    "updates": "library n updates update_s gpairs_per_s ours_faster_per_pass ours_faster_per_update rounds error",
    "divergence": "case blur n task library median_s min_s rounds passes marginal_error relative_error_of_value"
    " ours_faster error",
    "scaling": "axis blur n d library value_s median_s rounds passes marginal_error error",
    "pairwise": "case pairs library ms_a_pair median_s pairs_solved rounds relative_error_of_value ours_faster error",
    "small": "way n pairs library ms_a_pair rounds relative_error_of_value ours_faster error",
    "bridges": "section case n count library ms_a_pair overhead_ms ms_a_step passes rounds relative_error_of_value ours_faster error",
    "flow": "n library steps ms_a_step passes iterations value relative_error_of_value ours_faster error",
    "overhead": "n wall_s share_outside passes rounds",
    "plan": "question n d times_a_pass median_s min_s rounds error",
    "memory": "library n after_import_mb peak_mb over_import_mb error",
    "startup": "what median_s min_s rounds",
    "implicit": "question family library n d tol passes iterations converged relative_error solve_s median_s whole_s"
    " rounds ours_faster error",
    "thornton_cuturi": "table case n d blur init paper plain_iterations plain_s passes seconds partitions_s",
    "gpu": "part job backend library d n count dtype blur pairs_per_s problems_per_s value_s median_s rounds"
    " peak_device_mb passes marginal_error relative_error says error",
    "million": "case n way threads min_s median_s cpu_s nodes value value_error marginal_error over_input_mb over_start_mb reading_cpu_s error",
    "unbalanced": "question family acceleration n reach tol passes converged marginal_error gap_over_value library"
    " cloud median_s min_s rounds relative_error times_ours error",
    "family": "question cost d n dtype family tol library gpairs_per_s time_of_p_2 passes converged value"
    " relative_error median_s min_s rounds ours_faster error",
    "matrix": "question job library family n dtype reads iterations passes median_s min_s rounds ours_faster error",
    "feydy": "library n median_s min_s rounds passes value extrapolated from_n pass_s error",
    "suite": "case n d library target effort best_s marginal_error dual_value diagonal_mass error",
    "convergence": "family acceleration init n blur tol passes iterations marginal_error converged seconds value",
}
HEADS = {
    "ms_a_call": "per call (ms)", "overhead_ms": "over the call with arrays (ms)",
    "ms_a_pair": "per pair (ms)", "ms_a_step": "per step (ms)", "pairs_solved": "pairs timed",
    "gpairs_per_s": "Gpair/s", "median_s": "median (s)", "min_s": "best (s)", "update_s": "one update (s)",
    "ours_faster": "sinkhorn_nb is faster by", "times_ours": "time over ours", "ours_faster_per_pass": "faster, whole pass against it",
    "ours_faster_per_update": "faster, per update", "after_import_mb": "after import (MB)", "peak_mb": "peak (MB)",
    "over_import_mb": "over the import (MB)", "marginal_error": "marginal error", "seconds": "time (s)",
    "relative_error": "error of the derivative (relative)", "solve_s": "solve, median (s)",
    "whole_s": "solve and derivative, median (s)", "plain_iterations": "plain Sinkhorn (iterations)",
    "plain_s": "plain Sinkhorn (s)", "partitions_s": "partitions (s)", "paper": "the paper's (iterations)",
    "cpu_share": "cores busy", "times_a_pass": "in the time of a pass",
    "cpu_s": "CPU seconds", "over_start_mb": "beyond the start (MB)", "reading_cpu_s": "reading (CPU seconds)", "value_error": "stated error of S", "over_input_mb": "beyond the input (MB)",
    "best_s": "best (s)", "diagonal_mass": "mass on the diagonal",
    "value_s": "value alone, median (s)", "wall_s": "median (s)",
    "share_outside": "share outside of the passes", "relative_error_of_value": "error of S (relative)",
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
    name = record["benchmark"].partition("-")[0]  # gpu-<device>
    rows = record["rows"]
    machine, versions = record["machine"], record["versions"]
    words = [f"## {record['benchmark']} ({record['environment']})"]
    if record["smoke"]:
        words.append("**A smoke run: the numbers mean nothing.**")
    words.append(
        f"{record['date']}; {machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB, "
        f"{machine['os']}; "
        f"load average {machine['load_average_1min']} at the end; threads: "
        f"{named(record['threads'])}; "
        f"{named(versions)}. {named(record['settings'], ': ')}".strip()
    )
    if record["goals"]:
        words.append(
            table([judged(g) for g in record["goals"]], ("goal", "wanted", "measured", "met"))
        )
    if name == "passes":
        for question in ("rate", "update"):
            asked = [r for r in rows if r["question"] == question]
            words += [table(asked, COLUMNS[question + "s"].split())] if asked else []
    else:
        words.append(table(rows, _columns(name, rows)))
    return "\n\n".join(words)


def _columns(name, rows):
    """The columns of a benchmark, or all there are if it has no choice of them."""
    return (
        COLUMNS[name].split()
        if name in COLUMNS
        else list(dict.fromkeys(k for r in rows for k in r))
    )


def named(found, between=" "):
    return ", ".join(f"{key}{between}{value}" for key, value in found.items())


def judged(goal):
    least, most = goal["at_least"], goal["at_most"]
    wanted = f">= {least}" if least is not None else f"<= {most}"
    measured = (
        "not measured" if goal["measured"] is None else f"{text(goal['measured'])} {goal['unit']}"
    )
    return {
        "goal": goal["goal"],
        "wanted": f"{wanted} {goal['unit']}",
        "measured": measured,
        "met": goal["met"],
    }


def read(folder):
    """All results of a folder, in the order of COLUMNS; others come last."""
    order = {name: place for place, name in enumerate(["passes", *COLUMNS])}
    records = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    names = [record["benchmark"].partition("-")[0] for record in records]
    ranked = sorted(range(len(records)), key=lambda k: order.get(names[k], len(order)))
    return [records[k] for k in ranked]


def main():
    folder = arguments(__doc__).output
    records = read(folder)
    (folder / "report.md").write_text("# Results\n\n" + "\n\n".join(map(section, records)) + "\n")
    print(f"report.md of {len(records)} files")


if __name__ == "__main__":
    main()

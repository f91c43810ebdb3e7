"""Sections of docs/benchmarks.md on the family of losses: costs, matrices, marginals, images."""

from statistics import median

from .page_tables import number, pivot, rows_of, section


def costs(found):
    """The time of a pass by the cost, and the divergence with p = 1 beside GeomLoss."""
    records, rows = rows_of(found, "family")
    if not rows:
        return ""
    rates = [row for row in rows if row["question"] == "rate"]
    body = pivot(
        rates,
        ["cost"],
        lambda row: f"d = {row['d']}, {row['dtype']}",
        lambda row: f"{row['time_of_p_2']:.1f}",
        ["cost"],
    )
    found_by = {row["library"]: row for row in rows if row["question"] == "divergence"}
    beside = ", ".join(
        f"{name} {number(row['median_s'])} s (error {row['relative_error']:.0e})"
        for name, row in found_by.items()
    )
    n = found_by["sinkhorn_nb"]["n"]
    text = (
        "Time of a pass, in passes of |x - y|²/2 over as many pairs. The divergence of two clouds of\n"
        f"{n} points with p = 1 and its gradient, at a blur of 5 %, takes: {beside}."
    )
    return section("Other costs", text, body, records)


def matrices(found):
    """The time of a solve with a matrix of costs, beside POT's."""
    records, rows = rows_of(found, "matrix")
    solves = [row for row in rows if row["question"] == "solve"]
    if not solves:
        return ""
    ours = {row["family"]: row["median_s"] for row in solves if row["library"] == "sinkhorn_nb"}
    lines = {row["family"]: row for row in solves if row["library"] != "sinkhorn_nb"}
    body = pivot(
        solves,
        ["family", "n"],
        lambda row: row["library"],
        lambda row: (
            f"{number(ours[row['family']] * row['ours_faster'])} s, {row['iterations']} iterations"
        ),
        ["data", "n"],
    )
    slower = " and ".join(number(row["ours_faster"]) for row in lines.values())
    text = (
        "A matrix of costs in float64, to a marginal error of 1e-3 at a blur of 5 %. POT is timed for two of its\n"
        f"iterations, and its time is that of all that it takes: {slower} times ours."
    )
    return section("Matrices of costs", text, body, records)


def unbalanced(found):
    """Passes by reach, and times beside peers."""
    records, rows = rows_of(found, "unbalanced")
    counts = [row for row in rows if row["question"] == "passes"]
    if not counts:
        return ""
    of_reach = {}
    for row in counts:
        kind = "plain iteration" if row["acceleration"] == "none" else "ours"
        column = f"{kind}, to {row['tol']:g}"
        of_reach.setdefault((row["reach"], column), []).append(row["passes"])
    medians = [
        {"reach": reach, "column": column, "passes": median(passes)}
        for (reach, column), passes in of_reach.items()
    ]
    body = pivot(
        medians,
        ["reach"],
        lambda row: row["column"],
        lambda row: number(row["passes"]),
        ["reach"],
    )
    timed = [row for row in rows if row["question"] == "times" and row["cloud"] == "uniform d=3"]
    beside = pivot(
        timed,
        ["library"],
        lambda row: f"reach {row['reach']:g}",
        lambda row: f"{number(row['median_s'])} s, error {row['relative_error']:.0e}",
        ["n = 4000"],
    )
    text = (
        "Passes over all pairs, as medians over twelve families of data; blur and reach are shares of the\n"
        "diagonal. Below, the time of the divergence with its gradient, or of the plan's mass alone."
    )
    return section("Unbalanced transport", text, f"{body}\n{beside}", records)


def feydy(found):
    """The timing figure of Feydy et al. 2019."""
    records, rows = rows_of(found, "feydy")
    if not rows:
        return ""
    body = pivot(
        rows,
        ["library"],
        lambda row: f"n = {row['n']}",
        lambda row: ("≈ " if row["extrapolated"] else "") + f"{number(row['median_s'])} s",
        [""],
    )
    text = (
        "The figure of Feydy et al. 2019: clouds in the unit cube, p = 1, ε = 0.1, loss and gradient, float32.\n"
        "A time after ≈ is extrapolated from a timed share of one pass."
    )
    return section("To a million points with p = 1", text, body, records)


def images(found):
    """Sweeps, values, divergences and barycenters of grids."""
    records, rows = rows_of(found, "grids")
    if not rows:
        return ""
    compared = {row["case"] for row in rows if row["library"] != "sinkhorn_nb"}
    ours = {}
    for row in rows:
        if row["library"] == "sinkhorn_nb":
            ours.setdefault(row["case"], row)
    shown = [row for row in rows if row["case"] in compared or row is ours[row["case"]]]
    body = pivot(
        shown,
        ["case"],
        lambda row: row["library"],
        lambda row: f"{number(row['median_s'])} s{behind(row)}",
        [""],
    )
    return section(
        "Images and volumes",
        "Sweeps, costs, divergences and barycenters of grids. OTT computes in float32, the others in float64.",
        body,
        records,
    )


def behind(row):
    """How many times our time that is."""
    return "" if row["library"] == "sinkhorn_nb" else f" ({number(row['ours_faster'])}x)"

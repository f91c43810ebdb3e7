"""What README.md claims."""

from .claims import Claim, digits

PAGE = "README.md"
LINES = {  # of the table: label, file, library
    "GeomLoss 0.3.1, scaling .9, tensorized": ("divergence.torch", "geomloss tensorized"),
    "GeomLoss 0.3.1, scaling .9, online (KeOps)": ("divergence.torch", "geomloss online"),
    "POT 0.9.7, `solve_sample`": ("divergence.torch", "pot"),
    "OTT 0.6.0, `sinkdiv`, dense": ("divergence.ott", "ott dense"),
}


def error(value):
    """One digit of tiny errors, two of others."""
    return (f"{value:.0e}" if value < 1e-4 else f"{value:.1e}").replace("e-0", "e-")


def table(found):
    """The table of all libraries."""
    by = {
        (name, row["library"], row["n"]): row
        for name in ("divergence.torch", "divergence.ott")
        for row in found[name]["rows"]
        if (row["case"], row["blur"], row.get("task")) == ("warp", 0.05, "value")
    }
    ours = [by["divergence.torch", "sinkhorn_nb", n] for n in (1024, 4096, 16384)]
    times = tuple(f"{row['median_s']:.2f}" for row in ours)
    words = "| **sinkhorn_nb** | **{} s** | **{} s** | **{} s** | {} | {} |"
    yield Claim(PAGE, words, (*times, *errors(ours[0])))

    for label, key in LINES.items():
        words, numbers = f"| {label} |", ()
        for n in (1024, 4096, 16384):
            row = by.get((*key, n))
            words += " {} s ({}x) |" if row else " not run |"
            numbers += (digits(row["median_s"]), f"{row['ours_faster']:.0f}") if row else ()
        yield Claim(PAGE, f"{words} {{}} | {{}} |", numbers + errors(by[(*key, 1024)]))


def errors(row):
    """The marginal error and the error of the value."""
    return f"{row['marginal_error']:.1g}", error(row["relative_error_of_value"])


def millions(found):
    """A million points against a million."""
    rows = [row for row in found["million.torch"]["rows"] if row.get("threads") == 2]
    best = {row["case"]: row["min_s"] for row in rows if row["n"] == 1_000_000}
    words = "take {} s on surfaces, {} s in clusters and {} to {} s in a cube"
    cases = "surfaces", "clusters", "cube"
    numbers = *(f"{best[case]:.1f}" for case in cases), f"{best['cube, fine']:.0f}"
    yield Claim(PAGE, words, numbers)


def suite(found):
    """How many times faster than the best of all others, on the problems with known answers."""
    best = {}
    for name in ("suite.torch", "suite.ott"):
        for row in found[name]["rows"]:
            if row.get("best_s"):
                times = best.setdefault((row["case"], row["target"]), {})
                times.setdefault(row["library"], row["best_s"])
    ratios = [
        min(times.values()) / ours
        for times in best.values()
        if (ours := times.pop("sinkhorn_nb")) and times
    ]
    words = "first every time, {} to {} times faster than the best"
    yield Claim(PAGE, words, (f"{min(ratios):.1f}", f"{max(ratios):.0f}"))


def startup(found):
    """The first call."""
    seconds = [row["median_s"] for row in found["startup.alone"]["rows"] if "empty" in row["what"]]
    words = "which compiles for {} to {} s here"
    yield Claim(PAGE, words, (f"{min(seconds):.0f}", f"{max(seconds):.0f}"))


CLAIMS = table, millions, suite, startup

"""What the page of small blurs and tight tolerances claims."""

from .claims import Claim, digits

PAGE = "docs/explanation/tail.rst"
SPLR = "RegOT's SPLR"
CASES = {  # in the table of steps, with the tolerance of each row
    "blurred digits, c = .03": ("blurred digits, c = .03 (n = 1797, d = 64)", 1e-3, 1e-6),
    "blurred digits, c = .01": ("blurred digits, c = .01", 1e-6),
    "sphere": ("sphere (2048, 3)", 1e-6),
    "gaussian d=10, 1 %": ("Gaussians (1500, 10), 1 %", 1e-6),
    "warp d=3, 1 %, n = 10 000": ("warp (10 000, 3), 1 %", 1e-6),
    "sphere, n = 10 000": ("sphere (10 000, 3)", 1e-3),
    "lognormal d=2, 1 %": ("lognormal (1500, 2), 1 %: half of the pairs are heavy", 1e-6),
}
CERTIFIED = {  # in the table of certificates
    ("blurred digits, c = .01", 1e-3): "blurred digits, c = .01",
    ("blurred digits, c = .01", 1e-6): "",
    ("gaussian d=10, 1 %", 1e-3): "Gaussians (1500, 10), 1 %",
    ("sphere", 1e-3): "sphere (2048, 3)",
}


def power(value):
    """A power of ten times a digit, such as 4e-5."""
    return f"{value:.0e}".replace("e-0", "e-")


def item(cell):
    return f" - {cell}" if cell else " -"


def steps(found):
    """Passes and seconds of sparse steps, of two-level steps and of RegOT's SPLR."""
    rows = found["tail.alone"]["rows"]
    by = {(r["case"], r.get("tol"), r["job"]): r for r in rows if r["section"] != "certified"}
    for case, (title, *tols) in CASES.items():
        for tol in tols:
            words, numbers = f"*{item(title)}{item(power(tol))}", ()
            for job in ("sparse", "two-level"):
                row = by[case, tol, job]
                words += item("{}, {} s" if row["converged"] else "{}, {} s, not reached")
                numbers += f"{row['passes']:.0f}", digits(row["seconds"])
            if peer := by.get((case, tol, SPLR)):
                words += item("{} s")
                numbers += (digits(peer["seconds"]),)
            yield Claim(PAGE, words, numbers)
            title = ""

    names = "blurred digits, c = .01", "gaussian d=10, 1 %"
    ours = [by[f"{name}, as a matrix", 1e-6, "sparse"]["seconds"] for name in names]
    theirs = [by[name, 1e-6, SPLR]["seconds"] for name in names]
    words = (
        "our solver takes {} s for the blurred digits with c = .01 and {} s for the Gaussians, to "
        "1e-6, where SPLR takes {} and {} s"
    )
    yield Claim(PAGE, words, tuple(map(digits, ours + theirs)))


def families(found):
    """How often sparse steps begin among families of data, and what they save."""
    rows = [r for r in found["tail.alone"]["rows"] if r["section"].startswith("families")]
    by = {(r["case"], r["share"], r["tol"], r["job"]): r for r in rows}
    both = [(by[(*key, "sparse")], by[(*key, "two-level")]) for key in {key[:3] for key in by}]
    begun = [pair for pair in both if pair[0]["iterations"] != pair[1]["iterations"]]
    saved = max(other["seconds"] / row["seconds"] for row, other in both)
    solved = sum(row["converged"] and not other["converged"] for row, other in both)
    words = (
        "Of {} problems (twelve families, blurs of .02, .01 and .005 of the diagonal, to 1e-3 and "
        "1e-6), sparse steps begin in {} and save up to a factor of {}."
    )
    yield Claim(PAGE, words, (str(len(both)), str(len(begun)), f"{saved:.0f}"))
    yield Claim(PAGE, "solve {} problems that two-level steps do not solve", (str(solved),))


def certificates(found):
    """What a certificate costs."""
    rows = [row for row in found["tail.alone"]["rows"] if row["section"] == "certified"]
    by = {(row["case"], row["tol"], row["job"]): row for row in rows}
    for key, title in CERTIFIED.items():
        plain, certified = by[(*key, "sparse")], by[(*key, "certified")]
        passes = f"{plain['passes']:.1f}", f"{certified['passes']:.1f}"
        words = f"*{item(title)}{item(power(key[1]))}" + 3 * " - {}"
        yield Claim(PAGE, words, (*passes, power(certified["relative_gap"])))

    error = by["sphere", 1e-3, "certified"]["marginal_error"]
    yield Claim(PAGE, "continues until the error is {}", (power(error),))


CLAIMS = steps, families, certificates

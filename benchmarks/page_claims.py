"""What the pages claim: the words around the numbers, and the rows that have them."""

from math import ceil
from statistics import median

from .claims import Claim, digits

SMALL = {
    "together": ("together", "sinkhorn_nb, tol 1e-3"),
    "together, tol 1e-6": ("together", "sinkhorn_nb, tol 1e-6"),
    "GeomLoss, scaling .5, in batches": ("together", "GeomLoss, scaling 0.5, tensorized"),
    "GeomLoss, scaling .9, in batches": ("together", "GeomLoss, scaling 0.9, tensorized"),
    "one after another": ("alone", "sinkhorn_nb, tol 1e-3"),
    "one after another, tol 1e-6": ("alone", "sinkhorn_nb, tol 1e-6"),
    "GeomLoss, scaling .5, one by one": ("alone", "GeomLoss, scaling 0.5, tensorized"),
    "GeomLoss, scaling .9, one by one": ("alone", "GeomLoss, scaling 0.9, tensorized"),
}
FLOWS = {
    "from the last divergence (`init=previous`)": "sinkhorn_nb, init=previous",
    "from scratch": "sinkhorn_nb, cold",
    "GeomLoss, scaling .5": "GeomLoss, scaling 0.5, tensorized",
    "GeomLoss, scaling .9": "GeomLoss, scaling 0.9, tensorized",
}
STARTS = {
    "zeros": "zeros",
    "Gaussian, as in the paper": "gaussian, as in the paper",
    "Gaussian, entropic": "gaussian",
    "GMM, as in the paper": "gmm, as in the paper",
    "GMM, softmin": "gmm",
    "subsample": "subsample",
    "coarse": "coarse",
    "auto": "auto",
}
PERFORMANCE = "docs/explanation/performance.rst"
INITIALIZERS = "docs/explanation/initializers.rst"


def whole(value):
    return f"{value:.0f}"


def tenths(value):
    return f"{value:.1f}"


def short(value):
    return f"{value:g}"


def off(rows, scaling):
    """The least and the largest error of GeomLoss's values at a scaling, in percent."""
    library = f"GeomLoss, scaling {scaling}, tensorized"
    errors = [100 * r["relative_error_of_value"] for r in rows if r["library"] == library]
    return min(errors), max(errors)


def small(found):
    """Many small problems."""
    rows = found["small.torch"]["rows"]
    by = {(r["way"], r["library"], r["n"]): r["ms_a_pair"] for r in rows}
    for label, key in SMALL.items():
        times = tuple(digits(by[(*key, n)]) for n in (32, 128, 256, 1024))
        yield Claim(PERFORMANCE, label + 4 * " {}", times)

    coarse, fine = off(rows, 0.5), off(rows, 0.9)
    words = "off by {} to {} % at a scaling of .5 and by {} to {} % at .9"
    yield Claim(PERFORMANCE, words, (*map(whole, coarse), *map(tenths, fine)))
    words = (
        "at `scaling=.5`, GeomLoss's default, its value is off by {} to {} %, and at `scaling=.9` "
        "by {} to {} %"
    )
    yield Claim("docs/how-to/migrate.rst", words, (*map(whole, coarse), *map(tenths, fine)))


def pairs(found):
    """Tables of divergences."""
    clouds, _, plain, equal, groups, *_ = found["pairwise.torch"]["rows"]
    words = (
        "between 200 clouds of 100 points in three dimensions takes {} s, {} times less than a "
        "loop over POT's `sinkhorn2` at its default tolerance and {} times less than at a "
        "marginal error"
    )
    ratios = whole(plain["ours_faster"]), whole(equal["ours_faster"])
    yield Claim(PERFORMANCE, words, (tenths(clouds["median_s"]), *ratios))
    words = "between 100 groups of 150 to 450 points in 50 dimensions takes {} s"
    yield Claim(PERFORMANCE, words, (tenths(groups["median_s"]),))


def flows(found):
    """A gradient flow."""
    by = {(row["library"], row["n"]): row for row in found["flow.torch"]["rows"]}
    for label, library in FLOWS.items():
        rows = [by[library, n] for n in (256, 1000, 4000)]
        words = label + 3 * " {}"
        numbers = tuple(digits(row["ms_a_step"]) for row in rows)
        if library.startswith("sinkhorn_nb"):
            words += " ... passes" + 3 * " {}"
            numbers += tuple(digits(row["passes"]) for row in rows)
        yield Claim(PERFORMANCE, words, numbers)


def single(found):
    """One divergence, and what it takes beside the passes."""
    rows = found["divergence.torch"]["rows"]
    peer = next(row for row in rows if row["library"] == "geomloss tensorized")
    numbers = (
        whole(100 * peer["marginal_error"]),
        tenths(100 * peer["relative_error_of_value"]),
    )
    words = "stops at a marginal error of {} %, where the value is off by {} %"
    yield Claim(PERFORMANCE, words, numbers)

    share = {row["n"]: 100 * row["share_outside"] for row in found["overhead.alone"]["rows"]}
    words = "{} % of the divergence at n = 10 000, {} % at 16 384"
    yield Claim(PERFORMANCE, words, (whole(share[10000]), whole(share[16384])))


def landing(found):
    """The first page."""
    startup = {row["what"]: row["median_s"] for row in found["startup.alone"]["rows"]}
    compiling = startup["main job, float32, empty cache"]
    yield Claim("docs/index.rst", "inner loops, which takes about {} s", (whole(compiling),))

    passes = {
        scheme: median(
            row["passes"]
            for row in found["convergence.alone"]["rows"]
            if (row["acceleration"], row["blur"], row["tol"]) == (scheme, 0.05, 1e-3)
        )
        for scheme in ("auto", "none")
    }
    words = (
        "about {} passes over all pairs of points at a blur of 5 % of the diameter, where "
        "Sinkhorn's iteration takes {}"
    )
    yield Claim("docs/index.rst", words, (whole(passes["auto"]), whole(passes["none"])))


def starts(found):
    """The experiments of Thornton and Cuturi, but for the clouds of words."""
    rows = found["thornton_cuturi.alone"]["rows"]
    by = {(row["case"], row["init"]): row for row in rows}
    cases = "2-moons", "S-curve / moons", "3 blobs"
    for label, init in STARTS.items():
        row = [by[case, init] for case in cases]
        numbers = [(short(each["plain_iterations"]), tenths(each["passes"])) for each in row]
        yield Claim(INITIALIZERS, label + 3 * " {} ({})", sum(numbers, ()))

    yield Claim(
        INITIALIZERS,
        "takes {} to {} iterations at n from 16 to 1024, and zeros take {} to {};",
        (*span(rows, "sorting"), *span(rows, "zeros")),
    )
    words = "one of the exact duals, and take {} to {} iterations on our samples"
    yield Claim(INITIALIZERS, words, span(rows, "dual sort"))
    sorting = next(row["seconds"] for row in rows if row["table"] == "sorting")
    yield Claim(INITIALIZERS, "A million points take {} s", (tenths(sorting),))

    passes = [by[case, init]["passes"] for init in ("zeros", "coarse") for case in cases]
    words = (
        "From zeros it takes {} to {} passes, and the best start saves one to three of them; on "
        "the three blobs it takes {} from zeros and {} from the coarse start"
    )
    numbers = min(passes[:3]), max(passes[:3]), passes[2], passes[5]
    yield Claim(INITIALIZERS, words, tuple(map(whole, numbers)))
    yield from of_words(by)


def of_words(by):
    """Clouds of words."""
    plain = [by["words", init]["plain_iterations"] for init in ("zeros", "gaussian", "gmm")]
    plain += [by["words", init]["plain_iterations"] for init in ("subsample", "coarse")]
    passes = [by["words", init]["passes"] for init in ("zeros", "coarse")]
    words = (
        "Zeros take {} iterations, the Gaussian start {}, mixtures {} (and a fit), samples {}, "
        "the coarse start {}. The two-level solver takes {} passes from zeros and {} from the "
        "coarse start"
    )
    yield Claim(INITIALIZERS, words, (*map(short, plain), *map(tenths, passes)))


def span(rows, init):
    """The least and the most iterations from a start on a line."""
    counts = [r["plain_iterations"] for r in rows if (r["table"], r["init"]) == ("figure 3", init)]
    return whole(min(counts)), whole(ceil(max(counts)))


def recipes(found):
    """Numbers of the pages that tell how to."""
    times = {
        (cost, dtype): [
            row["time_of_p_2"]
            for row in found["family.torch"]["rows"]
            if (row.get("cost"), row.get("dtype"), row["question"]) == (cost, dtype, "rate")
        ]
        for cost, dtype in (("p = 1", "float32"), ("p = 1", "float64"))
    }
    bounds = [bound(of) for of in times.values() for bound in (min, max)]
    words = "takes {} to {} times as long as for `p=2` in float32, and {} to {} times in float64"
    yield Claim("docs/how-to/costs.rst", words, tuple(map(tenths, bounds)))

    passes = median(
        row["passes"]
        for row in found["implicit.ott"]["rows"]
        if (row["question"], row.get("tol")) == ("passes", 1e-4)
    )
    words = "{} passes in all, the median of 12 families"
    yield Claim("docs/how-to/differentiate.rst", words, (whole(passes),))

    ratios = [row.get("times_scikit_learn") for row in found["estimators.torch"]["rows"]]
    slower = [ratio for ratio in ratios if ratio and ratio > 1]
    words = "it takes {} to {} times as long as scikit-learn's `KMeans`"
    bounds = whole(min(slower)), whole(max(slower))
    yield Claim("docs/how-to/estimators.rst", words, bounds)

    stream = next(row for row in found["million.torch"]["rows"] if row["case"] == "streams")
    words = (
        "are compared in {} s on two cores, about half of them for making the points, and in {} MB"
    )
    numbers = whole(stream["min_s"]), whole(stream["over_start_mb"])
    yield Claim("docs/how-to/streams.rst", words, numbers)


CLAIMS = small, pairs, flows, single, landing, starts, recipes

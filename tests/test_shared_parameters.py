"""Parameters that several functions share have one description, one type and one default."""

import inspect
import re

import pytest

import sinkhorn_nb as snb

TERMS = "blur", "eps", "p", "cost", "reach", "rho", "solver"
FUNCTIONS = (
    snb.sinkhorn_divergences,
    snb.entropic_ot,
    snb.pairwise_sinkhorn_divergence,
    snb.hausdorff_divergence,
    snb.sinkhorn_negentropy,
)
PAIRS = {(snb.entropic_ot, "reach"), (snb.entropic_ot, "rho")}  # a price for each side, too


def descriptions(function):
    """The type and the description of each parameter."""
    section = inspect.getdoc(function).split("Parameters\n----------\n")[1].split("\n\n")[0]
    entries = re.split(r"\n(?=\S)", section)
    found = [re.match(r"(\w+) : (.*?)\n(.*)", entry, re.DOTALL) for entry in entries]
    return {each[1]: (each[2], " ".join(each[3].split())) for each in found if each}


@pytest.mark.parametrize("name", TERMS)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_terms_are_described_alike(function, name):
    """Details of one function may follow."""
    kind, text = descriptions(snb.sinkhorn_divergence)[name]
    own_kind, own_text = descriptions(function)[name]
    assert own_kind.replace(" or pair", "") == kind
    first = "How to solve" if name == "solver" else text
    assert own_text.startswith(first)


@pytest.mark.parametrize("name", TERMS)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_terms_have_the_same_type_and_default(function, name):
    expected, own = (
        inspect.signature(f).parameters[name] for f in (snb.sinkhorn_divergence, function)
    )
    assert own.kind is expected.kind is inspect.Parameter.KEYWORD_ONLY
    assert own.default == expected.default
    assert own.annotation == ("Price" if (function, name) in PAIRS else expected.annotation)

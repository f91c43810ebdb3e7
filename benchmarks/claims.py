"""Numbers in the prose and the tables of the documentation, which committed results determine.

A claim is a piece of a page with {} in the place of each number. Line breaks and the width of
columns do not matter. `python -m benchmarks.page` writes the numbers of all claims anew.
"""

import re
from typing import NamedTuple

NUMBER = r"(\d*\.?\d+(?:e-?\d+)?)"


class Claim(NamedTuple):
    """The words of a page around some numbers, and the numbers as the results have them."""

    page: str  # from the root of the repository
    words: str
    numbers: tuple


def digits(value):
    """Two digits, or all before the point."""
    return f"{value:.0f}" if value >= 100 else f"{value:#.2g}".rstrip(".")


def places(text, claim):
    """The matches of the words in the text of the page; there should be one."""
    parts = (
        r"\s+".join(map(re.escape, re.split(r"\s+", part))) for part in claim.words.split("{}")
    )
    return list(re.finditer(NUMBER.join(parts), text))


def restated(text, claims):
    """The text with the numbers of all claims that it makes."""
    for claim in claims:
        for place in places(text, claim):
            for k in reversed(range(len(claim.numbers))):
                text = replaced(text, place.span(k + 1), claim.numbers[k])
    return text


def replaced(text, span, number):
    """The text with another number; what follows in a table stays in its column."""
    start, end = span
    rest = text[end:].lstrip(" ")
    blanks = len(text) - end - len(rest)
    if blanks > 1:
        blanks = max(2, blanks + end - start - len(number))
    return text[:start] + number + " " * blanks + rest


def wrong(text, claims):
    """What a page should say, for each claim that it makes with other numbers or not at all."""
    stated = [[place.groups() for place in places(text, claim)] for claim in claims]
    return [
        claim.words.format(*claim.numbers)
        for claim, found in zip(claims, stated, strict=True)
        if found != [claim.numbers]
    ]

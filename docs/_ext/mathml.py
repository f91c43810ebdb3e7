"""Formulas as MathML, which browsers draw themselves: no network, no scripts, no fonts.

docutils translates TeX to MathML; Sphinx has no builder for it.
"""

import re

from docutils import nodes
from docutils.utils.math import latex2mathml
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)
# TeX reads \tfrac12 as one half; docutils takes 12 for the numerator
FRACTION_OF_DIGITS = re.compile(r"(\\[td]?frac)\s*(\d)\s*(\d)")


def translated(node, as_block):
    """The MathML of a formula; a formula that docutils cannot read is a warning, hence an error."""
    formula = FRACTION_OF_DIGITS.sub(r"\1{\2}{\3}", node.astext())
    try:
        return latex2mathml.tex2mathml(formula, as_block=as_block)
    except SyntaxError as error:
        LOGGER.warning("no MathML for %r: %s", formula, error, location=node)
        return f"<code>{formula}</code>"


def visit_math(translator, node):
    """Write a formula within a line."""
    translator.body.append(translated(node, as_block=False))
    raise nodes.SkipNode


def visit_displayed(translator, node):
    """Write a formula on its own lines; a wide one scrolls within its box."""
    formula = translated(node, as_block=True)
    translator.body.append(f'<div class="formula">{formula}</div>\n')
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_displayed, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""Sphinx configuration: `python -m sphinx -W -b html docs docs/_build`."""

import sinkhorn_nb

project = "sinkhorn_nb"
author = "The sinkhorn_nb developers"
release = version = sinkhorn_nb.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.doctest",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "numpydoc",
]
exclude_patterns = ["_build", "gallery"]
nitpicky = False
default_role = "code"

autosummary_generate = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"
numpydoc_show_class_members = False

html_theme = "alabaster"
html_theme_options = {
    "description": "Sinkhorn divergences between point clouds",
    "fixed_sidebar": True,
}


def escape_bars(app, what, name, obj, options, lines):
    """Docstrings write |x - y| as one reads it; reStructuredText would take it for a
    substitution.
    """
    lines[:] = [
        line if line.lstrip().startswith((">>>", "...")) else line.replace("|", r"\|")
        for line in lines
    ]


def setup(app):
    app.connect("autodoc-process-docstring", escape_bars)

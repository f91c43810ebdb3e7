"""Sphinx configuration: `python -m sphinx -W -b html docs docs/_build`.

The examples of the gallery run only if asked: add `-D plot_gallery=True`.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

from members import MEMBERS

import sinkhorn_nb

project = "sinkhorn_nb"
author = "The sinkhorn_nb developers"
project_copyright = author
release = version = sinkhorn_nb.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.doctest",
    "sphinx.ext.viewcode",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "mathml",
    "pictures",
]
exclude_patterns = [
    "_build",
    "examples",
    "gallery/*.ipynb",
    "gallery/*.py",
    "**sg_execution_times*",
]
templates_path = ["_templates"]
nitpicky = False
default_role = "code"
html_math_renderer = "mathml"

autosummary_generate = True
autosummary_context = {"shown": MEMBERS}
autodoc_member_order = "bysource"
autodoc_typehints = "none"
numpydoc_show_class_members = False

# The prompts of doctests and their results are no part of what one copies
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

doctest_global_setup = """
try:
    import torch
except ImportError:
    torch = None
"""

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$",
    "plot_gallery": "False",
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 1e9,
    "backreferences_dir": "reference/generated/backreferences",
    "doc_module": ("sinkhorn_nb",),
    "within_subsection_order": "gallery_order.FirstTheseKey",
}
suppress_warnings = ["config.cache"]  # the gallery's settings cannot be pickled

html_theme = "pydata_sphinx_theme"
html_title = "sinkhorn_nb"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_show_sourcelink = False
html_theme_options = {
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": False,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_sidebars = {"index": [], "gallery/*": []}


def escape_bars(app, what, name, obj, options, lines):
    """Docstrings write |x - y| as one reads it; reStructuredText would take it for a
    substitution.
    """
    lines[:] = [
        line if line.lstrip().startswith((">>>", "...")) else line.replace("|", r"\|")
        for line in lines
    ]


def hide_constructors(app, what, name, obj, options, signature, return_annotation):
    """Results are returned, not made: their constructors are noise."""
    folders = ("sinkhorn_nb.results.", "sinkhorn_nb.losses.", "sinkhorn_nb.compression.")
    is_result = what == "class" and obj.__module__.startswith(folders)
    return ("", return_annotation) if is_result else None


def setup(app):
    app.connect("autodoc-process-docstring", escape_bars)
    app.connect("autodoc-process-signature", hide_constructors)

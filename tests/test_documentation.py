"""The documentation is complete: every public name has a page, every example a picture."""

import ast
import json
import re
from pathlib import Path

import pytest

import sinkhorn_nb as snb
from benchmarks.claims import Claim, restated, wrong
from benchmarks.page import claims, page

DOCS = Path(__file__).parents[1] / "docs"
RESULTS = DOCS.parent / "benchmarks" / "results"
CLAIMS = claims(RESULTS)
EXAMPLES = sorted((DOCS / "examples").glob("*.py"))
MADE = {"generated", "gallery", "_build"}  # by Sphinx
# First words of sentences without a subject
HEADLESS = re.compile(r"(Of|What|That|Those|As|For|From|To|By|With|In|On|Where|How)\b")
SOURCES = sorted(Path(snb.__file__).parent.rglob("*.py"))
PAGES = sorted(path for path in DOCS.rglob("*.rst") if not MADE & set(path.parts))
TUTORIALS = [path for path in PAGES if path.parent.name == "tutorials" and path.stem != "index"]
PERCENT = re.compile(r"(\d+) ?%")
PICTURE = re.compile(r"^\.\. (?:image|figure):: (\S+)", re.MULTILINE)


def text(path):
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("module", ["sinkhorn_nb", "sinkhorn_nb.plotting"])
def test_every_public_name_has_a_page_in_the_reference(module):
    names = snb.__all__ if module == "sinkhorn_nb" else snb.plotting.__all__
    listed = re.findall(r"^   ~?([\w.]+)$", text(DOCS / "reference" / "index.rst"), re.MULTILINE)
    internal = {"INSTALL", "row_of_axes"}
    assert set(names) - {name.rpartition(".")[2] for name in listed} - internal == set()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_has_a_title_and_a_picture_and_names_what_exists(path):
    tree = ast.parse(text(path))
    title, line = (ast.get_docstring(tree) or "\n").splitlines()[:2]
    assert title and line == "=" * len(title)
    assert (DOCS / "images" / "gallery" / f"{path.stem}.png").exists()
    for name in re.findall(r"\bsnb\.plotting\.(\w+)", text(path)):
        assert hasattr(snb.plotting, name), name
    for name in re.findall(r"\bsnb\.(\w+)", text(path)):
        assert hasattr(snb, name), name


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(DOCS)))
def test_pictures_of_pages_exist(path):
    for target in PICTURE.findall(text(path)):
        here = DOCS / target[1:] if target.startswith("/") else path.parent / target
        assert here.exists(), target


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(DOCS)))
def test_pages_name_what_exists(path):
    """Tables and blocks of code, too, which no doctest runs."""
    for name in re.findall(r"\bsnb\.(\w+)", text(path)):
        assert hasattr(snb, name), name


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(DOCS)))
def test_percentages_of_an_example_are_those_that_it_prints(path):
    for paragraph in re.split(r"\n *\n", text(path)):
        for name in re.findall(r"/gallery/(\w+)[`>]", paragraph):
            printed = DOCS / "images" / "gallery" / f"{name}.txt"
            lines = text(printed) if printed.exists() else ""
            if "%" in lines:
                assert set(PERCENT.findall(paragraph)) - set(PERCENT.findall(lines)) == set()


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_tutorials_show_a_picture_before_their_first_section(path):
    introduction, *_ = re.split(r"^-+$", text(path), flags=re.MULTILINE)
    assert PICTURE.search(introduction)


def test_every_example_is_shown_on_a_page():
    shown = {Path(target).stem for path in PAGES for target in PICTURE.findall(text(path))}
    assert {path.stem for path in EXAMPLES} - shown == set()


def test_every_page_is_reached_from_an_index():
    pages = {
        path.stem
        for folder in ("tutorials", "how-to", "explanation")
        for path in DOCS.glob(f"{folder}/*.rst")
    }
    listed = {
        entry.strip()
        for folder in ("tutorials", "how-to", "explanation")
        for entry in text(DOCS / folder / "index.rst").splitlines()
    }
    assert pages - {"index"} - listed == set()


def test_the_page_of_benchmarks_is_made_from_the_committed_results():
    """If it fails: `python -m benchmarks.page`."""
    assert text(DOCS / "benchmarks.md") == page(RESULTS)


@pytest.mark.parametrize("name", CLAIMS)
def test_numbers_in_a_page_are_the_committed_results(name):
    """If it fails: `python -m benchmarks.page`, or the words around a number have changed."""
    assert wrong(text(DOCS.parent / name), CLAIMS[name]) == []


def test_a_number_that_has_changed_is_found_and_restated_in_its_column():
    table = "ours   0.2   13\ntheirs 4     5\n"
    claims = [Claim("", "ours {} {}", ("0.25", "7")), Claim("", "missing {}", ("1",))]
    assert wrong(table, claims) == ["ours 0.25 7", "missing 1"]
    assert restated(table, claims) == "ours   0.25  7\ntheirs 4     5\n"


def test_the_table_of_the_two_sample_test_has_the_committed_results():
    found = json.loads(text(RESULTS / "power.alone.json"))["rows"]
    family, *statistics = found[0]
    lines = text(DOCS / "how-to" / "two-sample-test.rst").replace("**", "").splitlines()
    start = next(k for k, line in enumerate(lines) if line.startswith(family))
    shown = [re.split(" {2,}", line) for line in lines[start + 2 : start + 2 + len(found)]]
    assert re.split(" {2,}", lines[start]) == [family, *statistics]
    assert shown == [[row[family], *(f"{row[k]:.2f}" for k in statistics)] for row in found]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_docstrings_begin_with_a_sentence_that_has_a_subject(path):
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    nodes = [node for node in ast.walk(ast.parse(text(path))) if isinstance(node, documented)]
    first_lines = [(ast.get_docstring(node) or "").partition("\n")[0] for node in nodes]
    assert [line for line in first_lines if HEADLESS.match(line)] == []

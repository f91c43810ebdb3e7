"""The examples of the docs run, at a small size, and draw their pictures."""

import runpy
import sys
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

EXAMPLES = sorted((Path(__file__).parents[1] / "docs" / "examples").glob("*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
def test_an_example_runs(path, monkeypatch, tmp_path, capsys):
    source = path.read_text(encoding="utf-8")
    for library in ("torch", "jax"):
        if f"\nimport {library}\n" in source:
            pytest.importorskip(library)
    picture = tmp_path / "picture.png"
    arguments = [str(picture)] if "--small" not in source else [str(picture), "--small"]
    monkeypatch.setattr(sys, "argv", [str(path), *arguments])
    runpy.run_path(str(path), run_name="__main__")
    assert capsys.readouterr().out
    assert picture.exists() == ("matplotlib" in source)

"""The examples of the gallery run, those that take long at a smaller size, and draw a picture."""

import ast
import sys
from pathlib import Path

import pytest

matplotlib = pytest.importorskip("matplotlib")

EXAMPLES = sorted((Path(__file__).parents[1] / "docs" / "examples").glob("*.py"))
OPTIONAL = "torch", "jax"
# What is replaced for the test; the text must be there
SMALLER = {
    "barycenters": [("N, BLUR = 500, 0.05", "N, BLUR = 100, 0.1")],
    "color_transfer": [("image / 255 for image in", "image[::6, ::6] / 255 for image in")],
    "colors": [("N_PIXELS = 4000", "N_PIXELS = 300"), ("image.astype", "image[::8, ::8].astype")],
    "digits_by_distance": [("N_IMAGES = (3, 6, 7), 200", "N_IMAGES = (3, 6, 7), 100")],
    "digits_tsne": [
        ("N_IMAGES, PERPLEXITY = 0.5, 300, 20", "N_IMAGES, PERPLEXITY = 0.5, 200, 10"),
        ("TSNE(", "TSNE(max_iter=260, "),
        ("if ot:", "if None:"),
    ],
    "flow_blurs": [("N_STEPS, BLURS = 400, 0.5, 20", "N_STEPS, BLURS = 60, 0.5, 4")],
    "interpolation": [("N = 300", "N = 60"), ("1e2, 29", "1e2, 9")],
    "jax_flow": [("0.05, 0.2, 600, 24", "0.05, 0.2, 60, 6")],
    "mean_colors": [
        ("BINS, BLUR = 40, 0.04", "BINS, BLUR = 10, 0.1"),
        ("image / 255 for image in", "image[::6, ::6] / 255 for image in"),
    ],
    "mean_digits": [("SCALE, BLUR = 20, 4", "SCALE, BLUR = 2, 2")],
    "million": [("N = 1_000_000", "N = 100_000")],
    "newton_embedding": [("BLUR, N_ADAM, EVERY = 0.5, 200, 1", "BLUR, N_ADAM, EVERY = 0.5, 5, 5")],
    "registration": [("STEPS = 48, 0.04, 0.1, 16", "STEPS = 20, 0.1, 0.2, 7")],
    "stream": [("SIDE, CHUNKS, SIZE = 0.1, 20, 10_000", "SIDE, CHUNKS, SIZE = 0.1, 2, 1000")],
    "ten_flows": [("RATE, N_STEPS = 400, 0.4, 0.5, 6", "RATE, N_STEPS = 60, 0.4, 0.5, 2")],
    "torch_generator": [("0.05, 800, 256", "0.05, 20, 64")],
}


def required(source):
    """The optional libraries that an example imports, outside of a `try`."""
    nodes = ast.parse(source).body
    imports = [node for node in nodes if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = [alias.name for node in imports for alias in node.names]
    return [library for library in OPTIONAL if library in names]


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore:.*cannot be shown:UserWarning")
@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
def test_an_example_runs_and_draws(path, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", [str(path), str(tmp_path / "picture.png")])
    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    source = path.read_text(encoding="utf-8")
    for library in required(source):
        pytest.importorskip(library)
    for old, new in SMALLER.get(path.stem, ()):
        assert old in source
        source = source.replace(old, new)
    plt.close("all")
    exec(compile(source, str(path), "exec"), {"__name__": "__main__", "__file__": str(path)})
    assert plt.get_fignums()
    plt.close("all")

"""The command line: what it prints, where, and its exit codes."""

import builtins
import json
import subprocess
import sys

import numba
import numpy as np
import pytest

import sinkhorn_nb as snb
from sinkhorn_nb import plotting
from sinkhorn_nb.app import cli, demo
from sinkhorn_nb.backends import choice

COMMAND = [sys.executable, "-m", "sinkhorn_nb"]


@pytest.fixture
def clouds():
    rng = np.random.default_rng(0)
    return rng.normal(size=(30, 2)), rng.normal(size=(20, 2)) + 1


@pytest.fixture
def files(tmp_path, clouds):
    paths = tmp_path / "x.npy", tmp_path / "y.npy"
    for path, cloud in zip(paths, clouds, strict=True):
        np.save(path, cloud)
    return [str(path) for path in paths]


def run(capsys, *arguments):
    """Exit code, stdout, stderr; no error is more than one line."""
    try:
        code = cli.main([str(argument) for argument in arguments])
    except SystemExit as error:  # argparse's way out
        code = error.code
    out, err = capsys.readouterr()
    assert err == "" or (
        err.startswith("sinkhorn-nb: ") and err.count("\n") == 1 and err.endswith("\n")
    )
    return code, out, err


def value_of(capsys, *arguments):
    code, out, _ = run(capsys, "divergence", *arguments, "--blur", 0.5, "--json")
    assert code == 0
    return json.loads(out)["value"]


# divergence


def test_json_is_one_object_with_the_library_s_numbers(capsys, files, clouds):
    code, out, err = run(capsys, "divergence", *files, "--blur", "0.5", "--tol", "1e-6", "--json")
    expected = snb.sinkhorn_divergence(*clouds, blur=0.5, solver=snb.Sinkhorn(tol=1e-6))
    facts = json.loads(out)
    assert (code, err, out.count("\n")) == (0, "", 1)
    assert facts["value"] == expected.value
    assert facts["converged"] is True
    assert facts["marginal_error"] == expected.marginal_error <= 1e-6
    assert (facts["n_iter"], facts["n_passes"]) == (expected.n_iter, expected.n_passes)
    assert (facts["n"], facts["m"], facts["d"], facts["blur"], facts["tol"]) == (
        30,
        20,
        2,
        0.5,
        1e-6,
    )


def test_mass_may_be_left_over(capsys, files, clouds):
    code, out, _ = run(capsys, "divergence", *files, "--blur", "0.5", "--reach", "1", "--json")
    facts = json.loads(out)
    assert (code, facts["reach"]) == (0, 1.0)
    assert facts["value"] == snb.sinkhorn_divergence(*clouds, blur=0.5, reach=1.0).value


def test_text_has_a_line_a_fact(capsys, files, clouds):
    code, out, _ = run(capsys, "divergence", *files, "--blur", "0.5")
    facts = {line[:16].strip(): line[16:].strip() for line in out.splitlines()}
    assert code == 0
    assert float(facts["value"]) == pytest.approx(
        snb.sinkhorn_divergence(*clouds, blur=0.5).value, rel=1e-9
    )
    assert facts["converged"] == "yes"
    assert {"marginal error", "n iter", "n passes"} <= facts.keys()


def test_not_converged_is_a_warning_on_stderr_and_exit_code_1(capsys, files):
    code, out, err = run(
        capsys, "divergence", *files, "--blur", "0.05", "--max-iter", "2", "--json"
    )
    assert code == 1
    assert json.loads(out)["converged"] is False
    assert err.startswith("sinkhorn-nb: warning: ") and "tol" in err


@pytest.mark.parametrize("header", ["", "lon,lat\n", '"a b","c"\n', "\ufeff"])
def test_csv(capsys, tmp_path, files, clouds, header):
    path = tmp_path / "x.csv"
    rows = "".join(f"{p!r},{q!r}\n" for p, q in clouds[0].tolist())
    path.write_text(header + rows, encoding="utf-8")
    assert value_of(capsys, path, files[1]) == value_of(capsys, *files)


def test_csv_of_one_column_is_a_cloud_on_the_line(capsys, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("1\n2\n\n3\n")
    assert value_of(capsys, path, path) == 0


def test_npz_with_and_without_weights(capsys, tmp_path, files, clouds):
    x, y = clouds
    a = np.linspace(1, 2, 30) / np.linspace(1, 2, 30).sum()
    np.savez(tmp_path / "weighted.npz", a=a, x=x)
    np.savez_compressed(tmp_path / "plain.npz", x)
    weighted = snb.sinkhorn_divergence(x, y, a, blur=0.5).value
    assert value_of(capsys, tmp_path / "weighted.npz", files[1]) == weighted
    assert (
        value_of(capsys, tmp_path / "plain.npz", files[1]) == value_of(capsys, *files) != weighted
    )


# errors


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.npy", None, "No such file"),
        ("x.txt", b"1,2", "expected a file named .npy, .npz or .csv"),
        ("x.npy", b"not NumPy's", "magic string"),
        ("x.npy", b"", "EOF"),
        ("x.npz", b"not a zip", "zip"),
        ("x.csv", b"", "expected rows of numbers, got none"),
        ("x.csv", b"a,b\n", "expected rows of numbers, got none"),
        ("x.csv", b"1,2\n3,four\n", "four"),
        ("x.csv", b"1,2\n3\n", "columns"),
        ("x.csv", b"1,nan\n", "expected finite numbers"),
        ("x.csv", b"\xff\xfe1,2\n", "decode"),
    ],
)
def test_a_bad_file_is_named(capsys, tmp_path, files, name, content, message):
    path = tmp_path / "bad" / name
    path.parent.mkdir()
    if content is not None:
        path.write_bytes(content)
    code, out, err = run(capsys, "divergence", path, files[1], "--blur", "1")
    assert (code, out) == (2, "")
    assert err.startswith("sinkhorn-nb: error: ") and str(path) in err and message in err


def test_a_pickle_is_refused(capsys, tmp_path, files):
    np.save(tmp_path / "x.npy", np.array([{}]), allow_pickle=True)
    code, _, err = run(capsys, "divergence", tmp_path / "x.npy", files[1], "--blur", "1")
    assert code == 2 and "allow_pickle" in err


def test_an_archive_of_no_arrays(capsys, tmp_path, files):
    np.savez(tmp_path / "x.npz")
    code, _, err = run(capsys, "divergence", tmp_path / "x.npz", files[1], "--blur", "1")
    assert code == 2 and "expected an archive of arrays" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--blur", "-1"], "blur: expected a length > 0"),
        (["--blur", "nan"], "blur: expected a length > 0"),
        (["--blur", "1", "--tol", "0"], "tol: expected"),
        (["--blur", "1", "--max-iter", "0"], "max_iter: expected"),
        (["--blur", "1", "--reach", "-1"], "reach: expected"),
        (["--blur", "wide"], "argument --blur: invalid float value: 'wide'"),
        ([], "the following arguments are required: --blur"),
    ],
)
def test_bad_options(capsys, files, arguments, message):
    code, out, err = run(capsys, "divergence", *files, *arguments)
    assert (code, out) == (2, "")
    assert message in err


def test_dimensions_must_agree(capsys, tmp_path, files):
    np.save(tmp_path / "z.npy", np.zeros((3, 5)))
    code, _, err = run(capsys, "divergence", files[0], tmp_path / "z.npy", "--blur", "1")
    assert code == 2 and "expected points in dimension 2" in err


@pytest.mark.parametrize(
    "arguments", [[], ["transport"], ["demo", "--n", "0"], ["demo", "--n", "many"]]
)
def test_bad_commands(capsys, arguments):
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("sinkhorn-nb: error: ")


def test_ctrl_c_is_130(capsys, monkeypatch):
    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.machine, "describe", interrupt)
    assert run(capsys, "info") == (130, "", "")


def test_out_of_memory_is_an_error(capsys, monkeypatch):
    def exhaust():
        raise MemoryError

    monkeypatch.setattr(cli.machine, "describe", exhaust)
    assert run(capsys, "info") == (2, "", "sinkhorn-nb: error: MemoryError\n")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no pipes that break")
def test_a_reader_that_goes_away_is_no_traceback():
    with subprocess.Popen(
        [*COMMAND, "info"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=120) == 141


# info, warmup, help


def test_info(capsys):
    code, out, err = run(capsys, "info")
    facts = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert (code, err) == (0, "")
    assert facts["sinkhorn-nb"] == snb.__version__
    assert {
        "numba",
        "llvmlite",
        "numpy",
        "scipy",
        "scikit-learn",
        "python",
        "processor",
        "vectors",
    } <= facts.keys()
    assert int(facts["threads"]) >= 1
    assert facts["GPU"] == choice.describe_gpu()


def test_info_without_a_cache_folder(capsys, monkeypatch):
    here = cli.machine.describe()._replace(cache=None, vector_bits=None)
    monkeypatch.setattr(cli.machine, "describe", lambda: here)
    _, out, _ = run(capsys, "info")
    assert "compiled in every process" in out and "unknown" in out


def test_warmup(capsys, monkeypatch):
    monkeypatch.setattr(cli, "KINDS", [("float32", 2)])
    code, out, _ = run(capsys, "warmup")
    assert code == 0
    assert out.startswith("float32, d = 2") and "s in all" in out


@pytest.mark.parametrize("command", ["demo", "divergence", "info", "warmup"])
def test_help(capsys, command):
    code, out, _ = run(capsys, command, "--help")
    assert code == 0 and out.startswith(f"usage: sinkhorn-nb {command}")


def test_version(capsys):
    assert run(capsys, "--version") == (0, f"sinkhorn-nb {snb.__version__}\n", "")


# demo


def test_demo_reports_and_draws(capsys, tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "demo.png"
    code, out, _ = run(capsys, "demo", "--n", 300, "--output", path)
    assert code == 0
    assert "300 and 300" in out and "converged" in out and str(path) in out
    assert path.read_bytes().startswith(b"\x89PNG")


def test_demo_without_matplotlib_says_how_to_get_it(capsys, tmp_path, monkeypatch):
    real_import = builtins.__import__

    def no_matplotlib(name, *rest):
        if name.partition(".")[0] == "matplotlib":
            raise ImportError(name)
        return real_import(name, *rest)

    monkeypatch.setattr(builtins, "__import__", no_matplotlib)
    code, out, _ = run(capsys, "demo", "--n", 50, "--output", tmp_path / "demo.png")
    assert code == 0
    assert 'pip install "sinkhorn-nb[plot]"' in out.splitlines()[-1]
    assert not (tmp_path / "demo.png").exists()


@pytest.mark.slow
def test_demo_says_that_it_compiles_only_when_it_does(capsys, tmp_path, monkeypatch):
    arguments = "demo", "--n", 50, "--output", tmp_path / "demo.png"
    run(capsys, *arguments)
    _, out, _ = run(capsys, *arguments)
    # The last has the path of the picture
    assert not any("compil" in line for line in out.splitlines()[:-1])
    warm_up = demo.warm_up

    def compile_and_warm_up(*arguments):
        numba.njit(lambda: 0)()
        return warm_up(*arguments)

    monkeypatch.setattr(demo, "warm_up", compile_and_warm_up)
    _, out, _ = run(capsys, *arguments)
    assert out.splitlines()[1] == "  compiling, 10 s or more ..."
    assert sum("compilation" in line for line in out.splitlines()[:-1]) == 1


@pytest.mark.parametrize("digit", range(10))
def test_a_digit_has_as_many_points_as_asked_for(digit):
    for n in (1, 400):
        cloud = demo.digit_cloud(digit, n)
        assert cloud.shape == (n, 2) and cloud.dtype == np.float32
        assert (cloud >= 0).all() and (cloud <= 1).all()


def test_a_gradient_step_lands_on_the_target():
    result = demo.run(500)
    assert result.after.value < 0.02 * result.divergence.value


def test_descent_leaves_points_without_mass():
    x = np.array([[0.0, 0.0], [1.0, 0.0]])
    divergence = snb.sinkhorn_divergence(x, x + 1, [1.0, 0.0], [1.0, 0.0], blur=0.1)
    np.testing.assert_allclose(plotting.descent(divergence), [[1, 1], [0, 0]], atol=1e-6)

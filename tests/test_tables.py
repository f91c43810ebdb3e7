"""Tables as NumPy, pandas, R and spreadsheets write them."""

import numpy as np
import pytest

import sinkhorn_nb as snb
from sinkhorn_nb.app import cli
from sinkhorn_nb.measures import files, tables

X, Y = np.random.default_rng(0).random((30, 2)), np.random.default_rng(0).random((30, 2))[:25] + 0.5
ROWS = [f"{p!r},{q!r}" for p, q in X.tolist()]
FORMS = {
    "no header": ROWS,
    "names": ["lon,lat", *ROWS],
    "pandas without names": ["0,1", *ROWS],
    "pandas with an index": [",0,1", *(f"{k},{row}" for k, row in enumerate(ROWS))],
    "pandas, read and written again": [
        "Unnamed: 0,lon,lat",
        *(f"{k},{row}" for k, row in enumerate(ROWS)),
    ],
    "R": ['"","lon","lat"', *(f'"row, {k}",{row}' for k, row in enumerate(ROWS))],
    "R, names of rows without a name": [
        '"lon","lat"',
        *(f'"{k}",{row}' for k, row in enumerate(ROWS)),
    ],
    "empty lines": ["", "lon , lat", "", *ROWS, ""],
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_tables(form):
    table = tables.parse("\n".join(FORMS[form]))
    np.testing.assert_array_equal(table.numbers, X)
    assert table.columns == (
        None if form in ("no header",) or form.startswith("pandas w") else ("lon", "lat")
    )


def test_the_command_line_gives_the_value_of_the_arrays(tmp_path, capsys):
    for name, points in (("x.csv", X), ("y.csv", Y)):
        rows = "\n".join(f"{p!r},{q!r}" for p, q in points.tolist())
        (tmp_path / name).write_text(f"0,1\n{rows}\n")
    assert (
        cli.main(["divergence", str(tmp_path / "x.csv"), str(tmp_path / "y.csv"), "--blur", "0.1"])
        == 0
    )
    assert "0.27498" in capsys.readouterr().out
    assert snb.sinkhorn_divergence(X, Y, blur=0.1).value == pytest.approx(0.27499, abs=1e-5)


def test_a_first_line_that_may_be_a_header_or_a_point():
    with pytest.raises(
        ValueError, match=r"got '0,1', which may be .* write names such as x0,x1 .* or 0\.0"
    ):
        tables.parse("0,1\n2,3\n")
    np.testing.assert_array_equal(tables.parse("0.0,1\n2,3\n").numbers, [[0, 1], [2, 3]])
    np.testing.assert_array_equal(tables.parse("x0,x1\n2,3\n").numbers, [[2, 3]])
    np.testing.assert_array_equal(tables.parse("1,2\n3,4\n").numbers, [[1, 2], [3, 4]])


@pytest.mark.parametrize("text", ["1,2\n3\n", ",a,b\n0,1,2\n1,3\n", ",a,b\n0,1,2\n1,3,4,5\n"])
def test_rows_of_different_lengths_are_refused(text):
    with pytest.raises(ValueError, match="columns"):
        tables.parse(text)


NO_NUMBERS = {
    "an empty field": (
        "1,2\n\n3,\n",
        r"^expected a number in every field, got none in line 3, field 2; .*leave out",
    ),
    "an empty field under names": ("a,b\n1,2\n,4\n", "got none in line 3, field 1;"),
    "an empty field under an index": (",a,b\n0,1,2\n1,3,\n", "got none in line 3, field 3;"),
    "an empty field in the first line": ("1,\n2,3\n", "got none in line 1, field 2;"),
    "an empty field at the very start": (",2.5\n2,3\n", "got none in line 1, field 1;"),
    "commas at the ends": ("a,b,\n1,2,\n", "got none in line 1, field 3; .*commas at the ends"),
    "NA of R": ('"a","b"\n1,NA\n', "got 'NA' in line 2, field 2; .*leave out the"),
    "NA of R in the first line": ("1,NA\n2,3\n", "got 'NA' in line 1, field 2;"),
    "semicolons": (
        "1;2\n3;4\n",
        r"^expected commas between numbers, got ';' in line 2, '3;4'; replace each",
    ),
    "semicolons under names": ("a;b\n1;2\n", "got ';' in line 2, '1;2'"),
    "semicolons and decimal commas": (
        "a;b\n1,5;2,5\n",
        "got ';' in line 2, '1,5;2,5'; write decimal .* then replace",
    ),
    "semicolons in one line": ("1;2\n", "with commas between coordinates"),
    "tabs": ("1\t2\n3\t4\n", r"got '\\t' in line 2"),
    "spaces": ("x y\n3 4\n", r"got ' ' in line 2"),
    "words": (
        "x,y\n3,four; five\n",
        r"expected a number in every field, got 'four; five' in line 2, field 2;",
    ),
}


@pytest.mark.parametrize("case", NO_NUMBERS)
def test_fields_that_are_no_numbers_are_refused_with_a_cure(case):
    text, message = NO_NUMBERS[case]
    with pytest.raises(ValueError, match=message):
        tables.parse(text)


def test_integers_keep_their_digits():
    numbers = tables.parse(f"t\n{2**60 + 1}\n-{2**60 + 3}\n").numbers
    assert numbers.ravel().tolist() == [2**60 + 1, -(2**60) - 3]
    assert tables.parse(f"{2**70}\n1\n").numbers.dtype == np.float64


def test_integers_beyond_float64_in_a_file_are_refused(tmp_path, capsys):
    path = tmp_path / "t.csv"
    path.write_text(f"t\n{2**60}\n{2**60 + 100}\n")
    assert cli.main(["divergence", str(path), str(path), "--blur", "10"]) == 2
    assert "rounds by 128" in capsys.readouterr().err


def test_files_whose_columns_are_in_another_order_are_refused(tmp_path, capsys):
    paths = [tmp_path / "x.csv", tmp_path / "y.csv"]
    for path, header in zip(paths, ("lon,lat", "lat,lon"), strict=True):
        path.write_text("\n".join([header, *ROWS]))
    assert files.read(paths[0]).traits.columns == ("lon", "lat")
    assert cli.main(["divergence", *map(str, paths), "--blur", "10"]) == 2
    assert "y.csv: expected columns in the order of" in capsys.readouterr().err

"""Input that loses its meaning as a plain array: the right value, or an error whose cure works."""

import subprocess
import sys

import numpy as np
import pytest
from problems import cloud
from scipy import sparse

import sinkhorn_nb as snb
from sinkhorn_nb import Sinkhorn, entropic_ot, sinkhorn_divergence

X, Y = cloud(6, 2), cloud(5, 2, shift=0.5)
VALUE = sinkhorn_divergence(X, Y, blur=0.3).value


class Quantity(np.ndarray):
    """An array with a unit, like astropy's, which numpy.asarray drops."""

    @classmethod
    def of(cls, numbers, unit):
        array = np.asarray(numbers, dtype=float).view(cls)
        array.unit = unit
        return array

    def __array_finalize__(self, other):
        self.unit = getattr(other, "unit", None)


class Scalar:
    """A scalar like a tensor of torch without axes."""

    shape = ()

    def __init__(self, number):
        self._number = number

    def item(self):
        return self._number


class Frame:
    """A data frame like those of pandas."""

    iloc = None

    def __init__(self, numbers, columns):
        self._numbers, self.columns = np.asarray(numbers), columns

    def __array__(self, dtype=None, copy=None):
        return np.array(self._numbers, dtype=dtype)

    def __getitem__(self, names):
        return Frame(self._numbers[:, [self.columns.index(name) for name in names]], names)

    def to_numpy(self):
        return self._numbers


def masked(numbers, *rows):
    array = np.ma.masked_array(numbers, mask=np.zeros(np.shape(numbers)))
    for row in rows:
        array[row] = np.ma.masked
    return array


def solution():
    return entropic_ot(X, Y, blur=0.3)


MASKED = {
    "x": lambda: sinkhorn_divergence(masked(X, 2), Y, blur=0.3),
    "y": lambda: sinkhorn_divergence(X, masked(Y, 2), blur=0.3),
    "a": lambda: sinkhorn_divergence(X, Y, masked(np.full(6, 1 / 6), 1), blur=0.3),
    r"xs\[1\]": lambda: snb.sinkhorn_divergences([X, masked(X, 0)], [Y, Y], blur=0.3),
    "x_new": lambda: solution().map(masked(X, 0)),
    "init: f": lambda: Sinkhorn(init=(masked(np.zeros(6), 0), np.zeros(5))),
    "v": lambda: solution().plan @ masked(np.ones(5), 0),
}


@pytest.mark.parametrize("name", MASKED)
def test_masked_entries_are_refused_wherever_arrays_come_in(name):
    with pytest.raises(
        ValueError, match=rf"^{name}: expected .* without masked entries.*getmaskarray"
    ):
        MASKED[name]()


def test_masked_numbers_are_not_sorted():
    with pytest.raises(ValueError, match=r"^x: .*masked"):
        snb.soft_sort(masked([3.0, 1.0, 2.0], 1), blur=0.1)


def test_masked_rows_of_a_list_are_refused():
    rows = masked(X, 2)
    with pytest.raises(ValueError, match=r"^x: .*masked entries, got 2 of them"):
        sinkhorn_divergence([rows[0], rows[2]], Y, blur=0.3)


def test_the_cure_for_masks_names_the_first_entry_and_is_that_of_rows_or_numbers():
    cure = r"v.data\[~numpy.ma.getmaskarray\(v\)"
    with pytest.raises(ValueError, match=rf"first at index \[2, 0\]; .*{cure}.any\(axis=1\)\] of"):
        sinkhorn_divergence(masked(X, 4, 2), Y, blur=0.3)
    with pytest.raises(ValueError, match=rf"first at index \[1\]; .*{cure}\] of"):
        sinkhorn_divergence(X, Y, masked(np.full(6, 1 / 6), 3, 1), blur=0.3)


def test_the_cure_for_masks_works_and_masks_without_entries_are_accepted():
    v = masked(np.vstack([X, [99.0, 99.0]]), 6)
    assert (
        sinkhorn_divergence(v.data[~np.ma.getmaskarray(v).any(axis=1)], Y, blur=0.3).value == VALUE
    )
    assert sinkhorn_divergence(masked(X), Y, blur=0.3).value == VALUE


def test_units_that_differ_are_refused_and_one_unit_is_accepted():
    x, y = Quantity.of(X, "kpc"), Quantity.of(Y, "kpc")
    assert sinkhorn_divergence(x, y, blur=0.3).value == VALUE
    for other in (Quantity.of(1000 * Y, "pc"), Y):
        with pytest.raises(TypeError, match=r"^y: expected numbers in kpc like x, got .*to_value"):
            sinkhorn_divergence(x, other, blur=0.3)
    with pytest.raises(TypeError, match=r"^ys\[0\]: expected numbers in kpc"):
        snb.sinkhorn_divergences([x], [Y], blur=0.3)
    with pytest.raises(TypeError, match=r"^x: expected entries in one unit, got kpc and pc"):
        sinkhorn_divergence([x[0], Quantity.of(X[1], "pc")], y, blur=0.3)


def test_new_points_are_in_the_unit_of_the_data():
    known = entropic_ot(Quantity.of(X, "kpc"), Quantity.of(Y, "kpc"), blur=0.3)
    np.testing.assert_allclose(known.map(Quantity.of(X, "kpc")), known.map(), rtol=1e-12)
    with pytest.raises(TypeError, match=r"^x_new: expected numbers in kpc"):
        known.potential(Quantity.of(X, "pc"))


def test_lengths_are_plain_numbers():
    with pytest.raises(
        TypeError,
        match=r"^blur: expected a plain number, in the unit of the points, got one in kpc",
    ):
        sinkhorn_divergence(X, Y, blur=Quantity.of(0.3, "kpc"))


def test_columns_in_another_order_are_refused_and_put_in_order_by_the_cure():
    x, y = Frame(X, ["lon", "lat"]), Frame(Y, ["lon", "lat"])
    assert sinkhorn_divergence(x, y, blur=0.3).value == VALUE
    turned = y[["lat", "lon"]]
    with pytest.raises(
        ValueError, match=r"^y: expected columns in the order of x.*y\[\['lon', 'lat'\]\]"
    ):
        sinkhorn_divergence(x, turned, blur=0.3)
    assert sinkhorn_divergence(x, turned[["lon", "lat"]], blur=0.3).value == VALUE
    with pytest.raises(ValueError, match=r"^x_new: expected columns in the order of the data"):
        entropic_ot(x, y, blur=0.3).map(x[["lat", "lon"]])


def test_other_columns_are_refused_and_those_without_names_taken_by_position():
    x = Frame(X, ["lon", "lat"])
    with pytest.raises(
        ValueError, match=r"^y: expected the columns \['lon', 'lat'\] of x, got \['lon', 'height'\]"
    ):
        sinkhorn_divergence(x, Frame(Y, ["lon", "height"]), blur=0.3)
    for y in (Y, Frame(Y, range(2)), Frame(Y, ["lon", "height"]).to_numpy()):
        assert sinkhorn_divergence(x, y, blur=0.3).value == VALUE


def test_integer_names_of_two_frames_are_compared():
    x, y = Frame(X, [0, 1]), Frame(Y, range(2))
    assert sinkhorn_divergence(x, y, blur=0.3).value == VALUE
    with pytest.raises(
        ValueError, match=r"^y: expected columns in the order of x, .*got \[1, 0\].*y\[\[0, 1\]\]"
    ):
        sinkhorn_divergence(x, Frame(Y[:, ::-1], [1, 0]), blur=0.3)
    with pytest.raises(
        ValueError, match=r"^y: expected columns in the order of x, \[1, 0\], got \[0, 1\]"
    ):
        sinkhorn_divergence(Frame(X[:, ::-1], [1, 0]), y, blur=0.3)
    with pytest.raises(
        ValueError, match=r"^y: expected the columns \[0, 1\] of x, got \[2, 3\].*to_numpy"
    ):
        sinkhorn_divergence(x, Frame(Y, [2, 3]), blur=0.3)
    with pytest.raises(
        ValueError, match=r"^x_new: expected columns in the order of the data, \[0, 1\]"
    ):
        entropic_ot(x, y, blur=0.3).map(Frame(X[:, ::-1], [1, 0]))
    assert sinkhorn_divergence(Frame(X, [3, 2]), Y, blur=0.3).value == VALUE


def test_units_of_weights_that_differ_are_refused_and_one_unit_is_accepted():
    a, b = np.full(6, 1 / 6), np.full(5, 1 / 5)
    of_a = Quantity.of(a, "kg")
    assert sinkhorn_divergence(X, Y, of_a, Quantity.of(b, "kg"), blur=0.3).value == pytest.approx(
        VALUE, rel=1e-12
    )
    for other in (Quantity.of(b, "g"), b, None):
        with pytest.raises(TypeError, match=r"^b: expected numbers in kg like a, got .*to_value"):
            sinkhorn_divergence(X, Y, of_a, other, blur=0.3)
    with pytest.raises(
        TypeError, match=r"^b\[0\]: expected numbers in kg like a\[0\], got numbers in g"
    ):
        snb.sinkhorn_divergences([X], [Y], [of_a], [Quantity.of(b, "g")], blur=0.3)
    with pytest.raises(TypeError, match=r"^a: expected entries in one unit, got g and kg"):
        entropic_ot([[0.0], [1.0]], [[0.0]], [Quantity.of(1, "kg"), Quantity.of(1, "g")], blur=0.3)


MESSAGES = {
    "a batch of clouds": (
        lambda: sinkhorn_divergence(X[None], Y[None], blur=1),
        ValueError,
        "sinkhorn_divergences",
    ),
    "a sparse matrix": (
        lambda: sinkhorn_divergence(sparse.csr_array(X), Y, blur=1),
        TypeError,
        r"pass x\.toarray\(\)",
    ),
    "a path": (lambda: sinkhorn_divergence("x.npy", Y, blur=1), TypeError, r"numpy\.load\(path\)"),
    "records": (
        lambda: sinkhorn_divergence(np.zeros(2, "f8,f8"), Y, blur=1),
        TypeError,
        "structured_to_unstructured",
    ),
    "GeomLoss's order": (
        lambda: sinkhorn_divergence(np.ones(6), X, np.ones(5), Y, blur=1),
        TypeError,
        r"\(x, y, a, b\)",
    ),
    "POT's reg": (
        lambda: entropic_ot(X, Y, reg=0.02),
        TypeError,
        "^reg: .*pass blur=0.1: reg = 2 ",
    ),
    "OTT's epsilon": (
        lambda: entropic_ot(X, Y, epsilon=0.02),
        TypeError,
        "^epsilon: .*pass blur=0.1: epsilon = 2 ",
    ),
    "GeomLoss's scaling": (
        lambda: sinkhorn_divergence(X, Y, blur=1, scaling=0.9),
        TypeError,
        "^scaling: .*tol",
    ),
    "a solver's option": (
        lambda: snb.soft_sort([1.0], blur=1, max_iter=3),
        TypeError,
        r"Sinkhorn\(max_iter=",
    ),
    "one point": (lambda: solution().map(X[0]), ValueError, r"^x_new: .*x_new\[None, :\]"),
    "a blur by position": (
        lambda: sinkhorn_divergence(X, Y, 0.1),
        TypeError,
        r"^blur: expected a keyword of sinkhorn_divergence, got 0.1 by position; pass blur=0.1$",
    ),
    "a blur after the weights": (
        lambda: entropic_ot(X, Y, None, None, 0.1),
        TypeError,
        r"^blur: .*pass blur=0.1$",
    ),
    "a blur of a sort by position": (
        lambda: snb.soft_sort([1.0], np.float32(0.5)),
        TypeError,
        "pass blur=0.5$",
    ),
    "a blur of a quantile by position": (
        lambda: snb.soft_quantile([1.0], 0.5, 0.1),
        TypeError,
        "pass blur=0.1$",
    ),
    "no blur": (
        lambda: snb.soft_quantile([1.0], 0.5),
        TypeError,
        "^blur: .*got none; pass blur=",
    ),
    "a blur among the weights": (
        lambda: entropic_ot(X, Y, 0.1, blur=1),
        ValueError,
        r"^a: .*blur=\.\.\.",
    ),
    "a column of weights": (
        lambda: entropic_ot(X, Y, np.ones((6, 1)), blur=1),
        ValueError,
        r"^a: .*\.ravel\(\)",
    ),
    "a divergence for a solution": (
        lambda: sinkhorn_divergence(X, Y, blur=0.3, self_y=sinkhorn_divergence(X, Y, blur=0.3)),
        TypeError,
        r"^self_y: expected a Solution, got the Divergence.*pass its \.yy",
    ),
}


@pytest.mark.parametrize("case", MESSAGES)
def test_messages(case):
    call, error, text = MESSAGES[case]
    with pytest.raises(error, match=text):
        call()


def test_the_translated_blur_is_the_same_problem():
    reg = 0.18  # eps of OTT and POT
    assert sinkhorn_divergence(X, Y, blur=np.sqrt(reg / 2)).value == pytest.approx(VALUE, rel=1e-12)


def test_entries_that_are_no_numbers_are_named_by_row_and_column():
    class NAType:
        def __float__(self):
            raise TypeError

    missing = Frame(np.array([[1.0, 2.0], [NAType(), 1.0]], dtype=object), ["age", "height"])
    with pytest.raises(TypeError, match=r"^x: .*\(row 1, column 'age'\); remove or impute"):
        sinkhorn_divergence(missing, Y, blur=0.3)
    with pytest.raises(ValueError, match=r"^x: .*nan at index \[0, 1\] \(row 0, column 'height'\)"):
        sinkhorn_divergence(Frame([[0.0, np.nan]], ["age", "height"]), Y, blur=0.3)
    dates = np.array([["2020-01-01", "2021-01-01"]], dtype="datetime64[D]")
    with pytest.raises(TypeError, match=r"^x: .*dates.*column 'begin'.*timedelta64"):
        sinkhorn_divergence(Frame(dates, ["begin", "end"]), Y, blur=0.3)
    mixed = np.array([[1.0, dates[0, 0].item()]], dtype=object)
    with pytest.raises(TypeError, match=r"^x: .*\(row 0, column 'end'\).*timedelta64"):
        sinkhorn_divergence(Frame(mixed, ["begin", "end"]), Y, blur=0.3)


def test_scalars_of_any_library_are_numbers():
    solver = Sinkhorn(tol=Scalar(1e-3), max_iter=Scalar(3000))
    assert sinkhorn_divergence(X, Y, blur=Scalar(0.3), solver=solver).value == VALUE
    with pytest.raises(TypeError, match=r"^blur"):
        sinkhorn_divergence(X, Y, blur=Scalar(True))


def test_a_switched_off_compiler_is_one_clear_line(monkeypatch):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    code = "import sinkhorn_nb as snb; snb.sinkhorn_divergence([[0.0]], [[1.0]], blur=1.0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(
        "RuntimeError: NUMBA_DISABLE_JIT: expected 0, got 1"
    )

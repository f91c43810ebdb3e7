"""Labels of rows: domains, batches and columns, and the errors that name the row."""

import numpy as np
import pytest

from sinkhorn_nb.estimators.labels import (
    batch_labels,
    column_number,
    comparable_labels,
    is_source_row,
)


class NAType:
    """pandas' NA: it has no truth value, and neither have comparisons with it."""

    def __ne__(self, other):
        return self

    def __bool__(self):
        raise TypeError("boolean value of NA is ambiguous")


class NaTType:
    """A missing time that equals itself, unlike NaN."""


def test_rows_of_the_source_have_labels_of_zero_or_more():
    for labels in ([0, 1, -1, 2, -2], [0.0, 1.0, -1.0, 2.0, -2.0]):
        assert is_source_row(labels, 5).tolist() == [True, True, False, True, False]


BAD_DOMAINS = {
    "truth values": ([True, False, True], r"one label per row, got shape \(3,\) and dtype bool"),
    "words": (["a", "b", "c"], r"one label per row, got shape \(3,\) and dtype <U1"),
    "a column": (np.ones((3, 1)), r"expected 3 integers, .* got shape \(3, 1\)"),
    "infinite": ([1, np.inf, -1], "expected integers, got inf at row 1; label rows of the target"),
    "between": ([1, -1, 0.5], "expected integers, got 0.5 at row 2; label rows of the target"),
}


@pytest.mark.parametrize("labels, message", BAD_DOMAINS.values(), ids=BAD_DOMAINS)
def test_labels_of_domains_are_whole_numbers(labels, message):
    with pytest.raises(ValueError, match=f"^sample_domain: .*{message}.*by -1 and all others by 1"):
        is_source_row(labels, 3)


def test_labels_of_batches_are_numbers_or_words_and_without_any_all_rows_are_one_batch():
    assert batch_labels(None, 3).tolist() == [0, 0, 0]
    assert batch_labels(["a", "b", "a"], 3).tolist() == ["a", "b", "a"]
    assert batch_labels([2.0, -1, True], 3).tolist() == [2.0, -1.0, 1.0]


@pytest.mark.parametrize(
    "missing", [None, np.nan, NAType(), NaTType()], ids=["None", "NaN", "NA", "NaT"]
)
def test_a_missing_label_is_named_with_its_row(missing):
    labels = np.array(["a", missing, "b", missing], dtype=object)
    with pytest.raises(ValueError, match=r"^batch: .* at row 1 \(2 such rows\); leave these rows"):
        comparable_labels("batch", labels)


def test_columns_are_counted_from_both_ends_or_named():
    names = np.array(["u", "v", "w"])
    found = [column_number("batch", column, 3, names) for column in (0, 2, -1, -3, "u", "w")]
    assert found == [0, 2, 2, 0, 0, 2]


BAD_COLUMNS = {
    "beyond the last": (3, ValueError, "at most 2, got 3; columns are counted from 0"),
    "before the first": (-4, ValueError, "expected an integer >= -3, got -4"),
    "a fraction": (1.5, TypeError, "expected an integer"),
    "another name": ("x", ValueError, r"got 'x' beside the names \['u', 'v', 'w'\]; pass a data"),
}


@pytest.mark.parametrize("column, kind, message", BAD_COLUMNS.values(), ids=BAD_COLUMNS)
def test_columns_that_are_not_there_are_refused(column, kind, message):
    with pytest.raises(kind, match=f"^batch: .*{message}"):
        column_number("batch", column, 3, ["u", "v", "w"])

"""Memory of small problems serves the next ones, and not too much of it waits for them."""

import numpy as np
import pytest
from problems import cloud

from sinkhorn_nb import sinkhorn_divergence
from sinkhorn_nb.backends.cpu import small_scratch
from sinkhorn_nb.backends.cpu.small_scratch import aligned, borrow, give_back
from sinkhorn_nb.backends.jit import kernel, view


@pytest.fixture(autouse=True)
def waiting(monkeypatch):
    scratches = []
    monkeypatch.setattr(small_scratch, "_waiting", scratches)
    monkeypatch.setattr(small_scratch, "LEAST_KEPT", 0)
    return scratches


def test_scratch_serves_problems_of_its_size_and_smaller_ones():
    first = borrow(100, 10, 30)
    give_back(first)
    assert borrow(100, 10, 30) is first
    give_back(first)
    assert borrow(60, 10, 20) is first


def test_nobody_else_has_scratch_that_is_in_use():
    first = borrow(100, 10, 30)
    assert borrow(100, 10, 30) is not first


@pytest.mark.parametrize("size", [(101, 10, 30), (100, 11, 30), (100, 10, 31)])
def test_scratch_that_is_too_small_is_freed(size, waiting):
    first = borrow(100, 10, 30)
    give_back(first)
    assert borrow(*size) is not first
    assert waiting == []


def test_no_more_than_the_limit_is_kept(monkeypatch, waiting):
    first, second = borrow(100, 10, 30), borrow(100, 10, 30)
    monkeypatch.setattr(small_scratch, "MOST_KEPT", first.n_bytes)
    give_back(first)
    give_back(second)
    assert len(waiting) == 1


def test_small_scratch_is_left_to_the_allocator(monkeypatch, waiting):
    first = borrow(100, 10, 30)
    monkeypatch.setattr(small_scratch, "LEAST_KEPT", 100)
    give_back(first)
    assert waiting == []
    waiting.append(first)
    assert borrow(100, 10, 30) is not first


def test_what_other_problems_left_changes_no_bit(waiting):
    x, y = cloud(31, 2), cloud(23, 2, shift=0.5)
    expected = sinkhorn_divergence(x, y, blur=0.1)
    sinkhorn_divergence(cloud(60, 3), cloud(70, 3), blur=0.1)
    assert len(waiting) == 1
    for array in waiting[0]:
        array.fill(np.nan)
    again = sinkhorn_divergence(x, y, blur=0.1)
    assert again.value == expected.value
    np.testing.assert_array_equal(again.xy.f, expected.xy.f)


def test_a_solve_gives_its_scratch_back(waiting):
    sinkhorn_divergence(cloud(9, 2), cloud(7, 2), blur=0.5)
    assert len(waiting) == 1


def test_aligned_room_starts_at_a_cache_line():
    rooms = [aligned(count) for count in range(1, 20)]
    assert {room.ctypes.data % 64 for room in rooms} == {0}
    assert [len(room) for room in rooms] == [*range(1, 20)]


def test_views_are_slices_of_flat_arrays_in_another_shape():
    values = np.arange(30.0)
    part = kernel(lambda values, first, n, d: view(values, first, (n, d)))(values, 5, 4, 3)
    assert np.array_equal(part, values[5:17].reshape((4, 3)))
    part[3, 2] = -1.0
    assert values[16] == -1.0

"""The rows and columns of a tile that belong to one thread on the GPU, by the `Shape` of its block.

Threads of one group, `lanes` of them, have the same rows and lie side by side along the columns;
`me` is the number of the thread.
"""

from functools import cache

import numpy as np

from .device import device


@cache
def first_column(shape):
    """The function (s, me) for the first column of a thread in step s; its next ones are `lanes`
    apart.
    """
    lanes = shape.lanes
    step = shape.step

    @device
    def first(s, me):
        return np.uint32(s * np.uint32(step) + me % np.uint32(lanes))

    return first


@cache
def own_row(shape):
    """The function (r, me) for the place of a thread's row r among the rows of its block."""
    lanes = shape.lanes
    groups = shape.groups

    @device
    def row(r, me):
        return me // lanes + r * groups

    return row


@cache
def entries(count):
    """The function (array, i, k) -> (array[i, k], ..., array[i, k + count - 1])."""
    if count == 1:
        return device(lambda array, i, k: (array[i, k],))
    before = entries(count - 1)
    last = count - 1
    return device(lambda array, i, k: before(array, i, k) + (array[i, k + last],))


@cache
def sharing(shape):
    """The function that puts number k of each row of a thread in shared memory: a row of `parts`
    for each lane, from `first` on.
    """
    lanes = shape.lanes
    rows = shape.rows
    row_of = own_row(shape)

    @device
    def share(numbers, k, parts, first, me):
        for r in range(rows):
            parts[first + me % lanes, row_of(r, me)] = numbers[r, k]

    return share

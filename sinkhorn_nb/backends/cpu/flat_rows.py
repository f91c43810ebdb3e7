"""The numbers of several arrays in one, which for many of them takes all threads."""

import numpy as np

from .compressed_sums import over_pieces

LARGE = 1 << 20  # numbers; threads gain nothing for fewer


def flat_rows(arrays):
    """All numbers of some arrays as float64, row by row."""
    rows = [array.ravel() for array in arrays]
    if sum(map(len, rows)) < LARGE:
        return np.concatenate(rows, dtype=np.float64)
    ends = np.cumsum([len(own) for own in rows])
    flat = np.empty(ends[-1])
    for own, end in zip(rows, ends, strict=True):
        place = flat[end - len(own) : end]

        def copy(start, stop, own=own, place=place):
            place[start:stop] = own[start:stop]

        over_pieces(copy, len(own))
    return flat

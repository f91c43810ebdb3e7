"""The numbers of several arrays in one, which for many of them takes all threads."""

import numpy as np

from .compressed_sums import over_pieces

LARGE = 1 << 20  # numbers; threads gain nothing for fewer


def flat_rows(arrays):
    """All numbers of some arrays as float64, row by row, and whether all of them are finite."""
    rows = [array.ravel() for array in arrays]
    if sum(map(len, rows)) < LARGE:
        flat = np.concatenate(rows, dtype=np.float64)
        return flat, bool(np.isfinite(flat).all())
    ends = np.cumsum([len(own) for own in rows])
    flat = np.empty(ends[-1])
    are_finite = []
    for own, end in zip(rows, ends, strict=True):
        place = flat[end - len(own) : end]

        def copy(start, stop, own=own, place=place):
            place[start:stop] = own[start:stop]
            are_finite.append(np.isfinite(place[start:stop]).all())

        over_pieces(copy, len(own))
    return flat, all(are_finite)

"""Cut consecutive points into pieces."""

import numpy as np


def starts_of_pieces(cuts, most):
    """Starts of pieces of at most `most` points. Between two consecutive cuts the pieces have about
    equal sizes.
    """
    sizes = np.diff(cuts)
    counts = -(-sizes // most)
    first_pieces = np.cumsum(counts) - counts
    owner = np.repeat(np.arange(len(sizes)), counts)
    number = np.arange(len(owner)) - first_pieces[owner]
    points_before = -(-number * sizes[owner] // counts[owner])
    return cuts[owner] + points_before


def even_ends(n, count):
    """Ends, counted from 0, of at most `count` pieces of n, of about equal sizes."""
    ends = np.linspace(0, n, count + 1).astype(np.int64)
    return np.unique(ends)

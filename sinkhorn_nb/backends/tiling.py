"""Cut consecutive points into pieces."""

import numpy as np


def starts_of_pieces(cuts, most):
    """Starts of pieces of at most `most` points. Between two consecutive cuts the pieces have about
    equal sizes.
    """
    sizes = np.diff(cuts)
    counts = -(-sizes // most)
    owner = np.repeat(np.arange(len(sizes)), counts)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    return cuts[owner] + -(-number * sizes[owner] // counts[owner])

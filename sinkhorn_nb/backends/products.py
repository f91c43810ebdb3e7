"""Products of pairs with matrices, from passes that take a few columns at a time."""

import numpy as np


def by_columns(multiply, V, n, width):
    """(n, k) products with all columns of V (m, k), from a function of (m, width) arrays; the last
    of these are filled up with zeros.
    """
    count = V.shape[1]
    out = np.empty((n, count))
    for first in range(0, count, width):
        columns = slice(first, min(first + width, count))
        n_taken = columns.stop - first
        values = np.zeros((len(V), width))
        values[:, :n_taken] = V[:, columns]
        out[:, columns] = multiply(values)[:, :n_taken]
    return out


def by_factors(multiply, A, B, V):
    """sum_j p_ij <A_i, B_j> V_j, from the function W -> sum_j p_ij W_j: W has a column for each one
    of B and one of V.
    """
    n, rank = A.shape
    products = B[:, :, None] * V[:, None, :]
    sums = multiply(products.reshape(len(V), -1))
    return np.einsum("ir,irk->ik", A, sums.reshape(n, rank, -1))

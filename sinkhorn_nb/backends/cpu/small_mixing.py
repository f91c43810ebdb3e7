"""Anderson mixing (type II) of one vector, inside compiled code."""

from typing import Any, NamedTuple

import numpy as np

from ..jit import leaf, wide_vectors

MEMORY = 6
RIDGE = 1e-10  # on the Gram matrix of unit differences


class Mixing(NamedTuple):
    """Anderson mixing of v: rings of unit changes of the residual, of what undoes them, and their
    inner products.
    """

    changes: Any
    corrections: Any
    gram: Any
    shares: Any
    system: Any  # (MEMORY, MEMORY + 1)


@leaf
def mix(mixing, n_known, weights, residual, v):
    """Subtract from v what undoes the residual within the span of the known changes, by Gaussian
    elimination.
    """
    wide_vectors()
    m = len(v)
    changes, corrections, gram, shares, A = mixing

    for p in range(n_known):
        inner = 0.0
        for j in range(m):
            inner += changes[p, j] * weights[j] * residual[j]
        for q in range(n_known):
            A[p, q] = gram[p, q]
        A[p, p] += RIDGE
        A[p, n_known] = inner

    for p in range(n_known):
        for q in range(p + 1, n_known):
            factor = A[q, p] / A[p, p]
            for r in range(p, n_known + 1):
                A[q, r] -= factor * A[p, r]

    for p in range(n_known - 1, -1, -1):
        rest = A[p, n_known]
        for q in range(p + 1, n_known):
            rest -= A[p, q] * shares[q]
        shares[p] = rest / A[p, p]

    for p in range(n_known):
        for j in range(m):
            v[j] -= shares[p] * corrections[p, j]


@leaf
def remember(mixing, n_seen, weights, v, residual, last, last_residual):
    """Add the last change of the residual to the rings. Returns how many have been seen."""
    wide_vectors()
    m = len(v)
    changes, corrections, gram, _, _ = mixing
    size = 0.0
    for j in range(m):
        change = residual[j] - last_residual[j]
        size += weights[j] * change * change
    size = np.sqrt(size)
    if not size > 0:
        return n_seen

    slot = n_seen % MEMORY
    for j in range(m):
        change = residual[j] - last_residual[j]
        move = v[j] - last[j]
        correction = move + residual[j] - last_residual[j]
        changes[slot, j] = change / size
        corrections[slot, j] = correction / size

    for p in range(min(n_seen + 1, MEMORY)):
        inner = 0.0
        for j in range(m):
            product = changes[p, j] * changes[slot, j]
            inner += product * weights[j]
        gram[p, slot] = gram[slot, p] = inner
    return n_seen + 1

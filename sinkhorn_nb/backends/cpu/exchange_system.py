"""The Newton system of a plan with few heavy pairs, solved by conjugate gradients.

With Q = diag(e^s) P diag(e^t), the system is (D_c - Q' D_r^-1 Q) x = y: the Schur complement of
[[D_r, Q], [Q', D_c]] in the columns. After a change of signs, the latter is the Laplacian of a
graph with an edge for each pair and a ground, to which the remainders D_r - Q 1 and D_c - Q' 1 tie
all points.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import types

from ..jit import exact_kernel, kernel, overload
from .laplacian import factorize, solve_factored
from .sparse_products import panel_product_twice

SINGULAR = 1e-10  # of D_c: least diagonal entry of the complement


class ExchangeSystem:
    """The system for one Newton step.

    Parameters
    ----------
    pairs : SparseRows
        P.
    scales : pair of (n,) and (m,) arrays
        e^s and e^t.
    diagonals : pair of arrays
        D_r and D_c.
    grounds : pair of arrays
        D_r - Q 1 and D_c - Q' 1.
    """

    def __init__(self, pairs, scales, diagonals, grounds):
        self._pairs = pairs
        self._scales = scales
        self._grounds = grounds
        self._diagonals = diagonals
        self._weights = scales[0] ** 2 / diagonals[0]
        self.n_sweeps = 0

    def jacobi(self):
        """The diagonal of the complement, as a preconditioner."""
        self.n_sweeps += 1
        squares = self._pairs.left_product_of_squares(self._weights)
        diagonal = self._diagonals[1] - self._scales[1] ** 2 * squares
        return np.maximum(diagonal, SINGULAR * self._diagonals[1])

    def factors(self, thin):
        """Sampled factors of the graph, as a preconditioner.

        Pairs of at most the share `thin` of both Q 1 and Q' 1 are tied to the ground.
        """
        self.n_sweeps += 1
        pairs = self._pairs
        n_vertices = sum(pairs.shape) + 1
        size = len(pairs) + n_vertices - 1
        left = np.empty(size, np.int32)
        right = np.empty(size, np.int32)
        weights = np.empty(size)
        edges = left, right, weights
        grounds = [ground.copy() for ground in self._grounds]
        count = _list_edges(*pairs.fields, *self._scales, *self._diagonals, *grounds, thin, *edges)
        return factorize(n_vertices, *(values[:count] for values in edges))

    def descend(self, x, residual, goal, most, preconditioner):
        """Improve x until its residual has an l1 norm of at most the goal, in at most so many
        iterations; x and residual are overwritten. Returns the number of iterations.
        """
        pairs = self._pairs
        arguments = self._weights, self._scales[1], self._diagonals[1], preconditioner
        arguments += x, residual, goal, most
        if pairs.n_panels == 1:
            count = conjugate_gradients(pairs.fields, *arguments)
        else:
            count = parallel_conjugate_gradients(pairs, *arguments)
        self.n_sweeps += 2 * count
        return count


@exact_kernel
def _list_edges(
    starts, columns, values, es, et, Dr, Dc, ground_rows, ground_columns, thin, left, right, weights
):
    """Edges of the graph, with the ground as the last vertex; returns their number."""
    n = len(es)
    m = len(et)
    count = 0
    for i in range(n):
        for k in range(starts[i], starts[i + 1]):
            j = columns[k]
            weight = es[i] * values[k] * et[j]
            lighter = min(Dr[i], Dc[j])
            if weight > thin * lighter:
                left[count] = i
                right[count] = n + j
                weights[count] = weight
                count += 1
            else:
                ground_rows[i] += weight
                ground_columns[j] += weight

    for i in range(n + m):
        left[count] = i
        right[count] = n + m
        ground = ground_rows[i] if i < n else ground_columns[i - n]
        weights[count] = ground
        count += 1
    return count


def parallel_conjugate_gradients(
    pairs, weights, scales, diagonal, preconditioner, x, residual, goal, most
):
    """`conjugate_gradients` with products by several threads. The factors stay on one thread: their
    eliminations follow one another.
    """
    work = vectors(len(weights), len(x))
    parts = np.empty((pairs.n_panels, len(x)))
    before = 0.0
    for count in range(most):
        if np.abs(residual).sum() <= goal:
            return count
        before = find_direction(preconditioner, residual, scales, before, work)
        pairs.product_twice(work.scaled, weights, parts)
        if not advance(parts, scales, diagonal, before, work, x, residual):
            return count
    return most


@kernel
def conjugate_gradients(pairs, weights, scales, diagonal, preconditioner, x, residual, goal, most):
    """Conjugate gradients for diagonal - scales P' weights P scales; returns the number of
    iterations.
    """
    m = len(x)
    starts, columns, values = pairs
    n = len(weights)
    work = vectors(n, m)
    parts = np.empty((1, m))
    before = 0.0
    for count in range(most):
        size = 0.0
        for j in range(m):
            size += abs(residual[j])
        if size <= goal:
            return count
        before = find_direction(preconditioner, residual, scales, before, work)
        panel_product_twice(starts, columns, values, work.scaled, weights, 0, n, parts[0])
        if not advance(parts, scales, diagonal, before, work, x, residual):
            return count
    return most


class Vectors(NamedTuple):
    """Work space: the preconditioned residual, the direction, also scaled, and all vertices."""

    z: Any
    direction: Any
    scaled: Any
    vertices: Any


@kernel
def vectors(n, m):
    """Work space for n rows and m columns."""
    return Vectors(
        z=np.empty(m),
        direction=np.zeros(m),
        scaled=np.empty(m),
        vertices=np.empty(n + m + 1),
    )


@kernel
def find_direction(preconditioner, residual, scales, before, work):
    """The next direction; returns the residual's product with itself under the preconditioner,
    which was `before` in the last iteration, or 0 if there was none.
    """
    z, direction, scaled, vertices = work
    m = len(z)
    precondition(preconditioner, residual, vertices, z)
    product = np.dot(residual, z)
    share = product / before if before > 0 else 0.0
    for j in range(m):
        direction[j] = z[j] + share * direction[j]
        scaled[j] = scales[j] * direction[j]
    return product


@kernel
def advance(parts, scales, diagonal, product, work, x, residual):
    """Improve x along the direction, whose products with P' weights P are the sum of the parts;
    returns whether this was possible.
    """
    m = len(x)
    direction = work.direction
    image = work.z
    for j in range(m):
        image[j] = 0.0
    for p in range(len(parts)):
        for j in range(m):
            image[j] += parts[p, j]
    for j in range(m):
        own = diagonal[j] * direction[j]
        image[j] = own - scales[j] * image[j]

    curvature = np.dot(direction, image)
    if curvature <= 0:  # by rounding
        return False

    step = product / curvature
    for j in range(m):
        x[j] += step * direction[j]
        residual[j] -= step * image[j]
    return True


def precondition(preconditioner, residual, vertices, out):
    """out = M^-1 residual for a diagonal M, or for factors of the graph's Laplacian."""
    raise TypeError("for compiled code")


@overload(precondition)
def _overload_precondition(preconditioner, residual, vertices, out):
    def by_diagonal(preconditioner, residual, vertices, out):
        for j in range(len(out)):
            out[j] = residual[j] / preconditioner[j]

    def by_factors(preconditioner, residual, vertices, out):
        n = len(vertices) - 1 - len(out)
        for i in range(n):
            vertices[i] = 0.0
        for j in range(len(out)):
            vertices[n + j] = residual[j]
        vertices[len(vertices) - 1] = 0.0
        solve_factored(preconditioner, vertices)
        for j in range(len(out)):
            out[j] = vertices[n + j]

    return by_diagonal if isinstance(preconditioner, types.Array) else by_factors

"""Approximate Cholesky factors of the Laplacian of a graph by sampled elimination.

Kyng and Sachdeva 2016, "Approximate Gaussian elimination for Laplacians: fast, sparse, and simple",
algorithm 1, in the variant of Gao, Kyng and Spielman 2023, "Robust and practical solution of
Laplacian equations by approximate elimination", algorithm 5: a vertex with k neighbors is replaced
by k - 1 edges between these. The order is that of least degree. The draws are those of a fixed
seed, so the factors depend on the graph alone.
"""

from typing import Any, NamedTuple

import numpy as np

from ..jit import exact_kernel

LARGEST_DEGREE = 1023  # all larger degrees count as this
SEED = 88172645463325252
UNIT = 1.0 / 2.0**53


class Graph(NamedTuple):
    """Half-edges 2 e and 2 e + 1 of each edge e, in lists by vertex. A weight of 0 is no edge."""

    heads: Any  # first half-edge of each vertex
    followers: Any  # the next half-edge in the list
    others: Any  # the vertex at the other end
    weights: Any


class Queue(NamedTuple):
    """Vertices in lists by degree."""

    heads: Any
    followers: Any
    leaders: Any
    degrees: Any


class Factors(NamedTuple):
    """The elimination of the vertices order_s, each with its neighbors from starts_s to starts_(s +
    1) and the fractions of its weight that were left at their turns.
    """

    order: Any
    starts: Any
    others: Any
    fractions: Any
    pivots: Any


@exact_kernel
def factorize(n, left, right, weights):
    """Factors of the Laplacian of a graph of n vertices with edges (left, right). The last vertex,
    the ground, stays.
    """
    graph = _graph(n, left, right, weights)
    queue = _queue(n, graph)
    state = np.empty(1, np.uint64)
    state[0] = SEED
    n_halves = 2 * len(left)
    order = np.empty(n - 1, np.int64)
    starts = np.zeros(n, np.int64)
    others = np.empty(n_halves + 2 * n, np.int32)
    fractions = np.empty(len(others))
    pivots = np.zeros(n)
    found = np.empty(n_halves + 1, np.int64)
    places = np.full(n, -1, np.int64)

    least = 0
    filled = 0
    for step in range(n - 1):
        least = _least_degree(queue, least)
        i = queue.heads[least]
        _remove(queue, i)
        queue.degrees[i] = -1
        order[step] = i

        count = _neighbors(graph, queue, i, found, places)
        if filled + count > len(others):
            others = _longer(others, filled, count)
            fractions = _longer(fractions, filled, count)
        if count > 0:
            stop = filled + count
            edges = found[:count]
            neighbors = others[filled:stop]
            shares = fractions[filled:stop]
            pivots[i] = _eliminate(graph, queue, i, edges, state, neighbors, shares)
            # The degrees of the neighbors may have fallen by several
            for k in range(filled, stop):
                if others[k] != n - 1:
                    least = min(least, queue.degrees[others[k]])
        filled += count
        starts[step + 1] = filled
    others = others[:filled].copy()
    fractions = fractions[:filled].copy()
    return Factors(order, starts, others, fractions, pivots)


@exact_kernel
def _graph(n, left, right, weights):
    n_edges = len(left)
    graph = Graph(
        np.full(n, -1, np.int64),
        np.empty(2 * n_edges, np.int64),
        np.empty(2 * n_edges, np.int32),
        np.empty(2 * n_edges),
    )
    for e in range(n_edges):
        i = left[e]
        j = right[e]
        weight = weights[e]
        _attach(graph, 2 * e, i, j, weight)
        _attach(graph, 2 * e + 1, j, i, weight)
    return graph


@exact_kernel
def _attach(graph, half, vertex, other, weight):
    """Put a half-edge in front of the list of a vertex."""
    graph.others[half] = other
    graph.weights[half] = weight
    graph.followers[half] = graph.heads[vertex]
    graph.heads[vertex] = half


@exact_kernel
def _queue(n, graph):
    queue = Queue(
        np.full(LARGEST_DEGREE + 1, -1, np.int64),
        np.full(n, -1, np.int64),
        np.full(n, -1, np.int64),
        np.zeros(n, np.int64),
    )
    for vertex in range(n - 1):
        degree = 0
        half = graph.heads[vertex]
        while half >= 0:
            degree += 1
            half = graph.followers[half]
        _add(queue, vertex, degree)
    return queue


@exact_kernel
def _add(queue, vertex, degree):
    degree = min(max(degree, 0), LARGEST_DEGREE)
    head = queue.heads[degree]
    queue.degrees[vertex] = degree
    queue.leaders[vertex] = -1
    queue.followers[vertex] = head
    if head >= 0:
        queue.leaders[head] = vertex
    queue.heads[degree] = vertex


@exact_kernel
def _remove(queue, vertex):
    leader = queue.leaders[vertex]
    follower = queue.followers[vertex]
    if leader >= 0:
        queue.followers[leader] = follower
    else:
        queue.heads[queue.degrees[vertex]] = follower
    if follower >= 0:
        queue.leaders[follower] = leader


@exact_kernel
def _change_degree(queue, vertex, change):
    """The degree of a vertex after edges have come or gone; the ground is in no list."""
    if vertex == len(queue.degrees) - 1:
        return
    degree = queue.degrees[vertex]
    if degree < LARGEST_DEGREE:
        _remove(queue, vertex)
        _add(queue, vertex, degree + change)


@exact_kernel
def _least_degree(queue, least):
    while queue.heads[least] < 0:
        least += 1
    return least


@exact_kernel
def _neighbors(graph, queue, i, found, places):
    """Half-edges of a vertex, one to each neighbor: several edges are merged. Returns their
    number.
    """
    count = 0
    half = graph.heads[i]
    while half >= 0:
        if graph.weights[half] > 0:
            j = graph.others[half]
            if places[j] >= 0:
                graph.weights[found[places[j]]] += graph.weights[half]
                graph.weights[half ^ 1] = 0.0
                _change_degree(queue, j, -1)
            else:
                places[j] = count
                found[count] = half
                count += 1
        half = graph.followers[half]
    for k in range(count):
        places[graph.others[found[k]]] = -1
    return count


@exact_kernel
def _eliminate(graph, queue, i, found, state, others, fractions):
    """Replace the edges of a vertex by edges between its neighbors, in the order of their weights:
    each neighbor gets one edge to a later one, drawn with a probability proportional to its weight.
    Returns the pivot.
    """
    count = len(found)
    weights = np.empty(count)
    for k in range(count):
        weights[k] = graph.weights[found[k]]
    ranks = np.argsort(weights)
    running = np.cumsum(weights[ranks])

    scale = 1.0
    rest = running[-1]
    for k in range(count - 1):
        half = found[ranks[k]]
        j = graph.others[half]
        fraction = weights[ranks[k]] * scale / rest
        later = found[ranks[_draw(running, k, state)]]
        other = graph.others[later]
        weight = fraction * (1 - fraction) * rest
        # The half-edge of j now leads to the other one, and that of i becomes its counterpart
        graph.others[half ^ 1] = other
        graph.weights[half ^ 1] = weight
        _attach(graph, half, other, j, weight)
        _change_degree(queue, other, 1)
        others[k] = j
        fractions[k] = fraction
        scale *= 1 - fraction
        rest *= (1 - fraction) ** 2

    last = found[ranks[count - 1]]
    others[count - 1] = graph.others[last]
    fractions[count - 1] = 1.0
    graph.weights[last ^ 1] = 0.0
    _change_degree(queue, graph.others[last], -1)
    return weights[ranks[count - 1]] * scale


@exact_kernel
def _draw(running, k, state):
    """A number after k with a probability proportional to the differences of the running sums."""
    x = state[0]
    x ^= x << np.uint64(13)
    x ^= x >> np.uint64(7)
    x ^= x << np.uint64(17)
    state[0] = x
    share = (x >> np.uint64(11)) * UNIT
    before = running[k]
    target = before + share * (running[-1] - before)
    low = k + 1
    high = len(running) - 1
    while low < high:
        middle = (low + high) // 2
        if running[middle] < target:
            low = middle + 1
        else:
            high = middle
    return low


@exact_kernel
def _longer(values, count, more):
    longer = np.empty(2 * (count + more), values.dtype)
    for k in range(count):
        longer[k] = values[k]
    return longer


@exact_kernel
def solve_factored(factors, y):
    """Overwrite y, of all vertices, by an approximate solution of L x = y with x = 0 at the
    ground.
    """
    order, starts, others, fractions, pivots = factors
    ground = len(order)
    for step in range(ground):
        first = starts[step]
        last = starts[step + 1] - 1
        if last >= first:
            value = y[order[step]]
            for k in range(first, last):
                y[others[k]] += fractions[k] * value
                value *= 1 - fractions[k]
            y[others[last]] += value
            y[order[step]] = value

    for i in range(ground):
        if pivots[i] > 0:
            y[i] /= pivots[i]
    y[ground] = 0.0

    for step in range(ground - 1, -1, -1):
        first = starts[step]
        last = starts[step + 1] - 1
        if last >= first:
            value = y[order[step]] + y[others[last]]
            for k in range(last - 1, first - 1, -1):
                fraction = fractions[k]
                kept = (1 - fraction) * value
                value = kept + fraction * y[others[k]]
            y[order[step]] = value

"""The compiled part of the partition: median cuts of a point cloud, level by level, in place."""

from .jit import kernel, leaf


@kernel
def median_cuts(points, order, depth):
    """Permute the rows of points, and order alike, until every node of every level is split at its
    median.

    The q-th node of level k holds the rows (q n) >> k to ((q + 1) n) >> k; it is cut along its
    coordinate of largest variance.
    """
    n = len(points)
    for level in range(depth):
        for q in range(1 << level):
            start = (q * n) >> level
            stop = ((q + 1) * n) >> level
            if stop - start < 2:
                continue
            cut = ((2 * q + 1) * n) >> (level + 1)
            k = _widest(points, start, stop)
            _select(points, order, k, start, stop - 1, cut)


@leaf
def _widest(points, start, stop):
    best = 0
    largest = -1.0
    for k in range(points.shape[1]):
        origin = points[start, k]
        total = 0.0
        squares = 0.0
        for i in range(start, stop):
            t = points[i, k] - origin
            total += t
            squares += t * t
        variance = squares - total * total / (stop - start)
        if variance > largest:
            best = k
            largest = variance
    return best


@leaf
def _select(points, order, k, low, high, cut):
    """Quickselect: afterwards no row before `cut` exceeds any row after it in coordinate k."""
    while low < high:
        first = points[low, k]
        middle = points[(low + high) // 2, k]
        last = points[high, k]
        lower = min(first, middle)
        upper = max(first, middle)
        pivot = max(lower, min(upper, last))
        i = low
        j = high
        while i <= j:
            while points[i, k] < pivot:
                i += 1
            while points[j, k] > pivot:
                j -= 1
            if i <= j:
                for c in range(points.shape[1]):
                    points[i, c], points[j, c] = points[j, c], points[i, c]
                order[i], order[j] = order[j], order[i]
                i += 1
                j -= 1
        if cut <= j:
            high = j
        elif cut >= i:
            low = i
        else:
            return

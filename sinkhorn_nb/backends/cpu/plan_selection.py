"""Choose entries of a row of a plan: the largest ones, and those at running sums."""

from ..jit import leaf, wide_vectors


@leaf
def count_above(row, floor):
    """Number of entries above the floor."""
    wide_vectors()
    count = 0
    for j in range(len(row)):
        count += row[j] > floor
    return count


@leaf
def keep(row, j0, floor, kept, where, count):
    """Append the entries above the floor to the candidates; return the number of candidates."""
    for j in range(len(row)):
        if row[j] > floor:
            kept[count] = row[j]
            where[count] = j0 + j
            count += 1
    return count


@leaf
def cut_down(kept, where, count, k, scratch):
    """Keep the k largest candidates, and of equal ones the first, in their order; return the least
    that is kept.
    """
    for c in range(count):
        scratch[c] = kept[c]
    floor = kth_largest(scratch, count, k)
    ties = k - count_above(kept[:count], floor)
    size = 0
    for c in range(count):
        tied = kept[c] == floor and ties > 0
        ties -= tied
        if tied or kept[c] > floor:
            kept[size] = kept[c]
            where[size] = where[c]
            size += 1
    return floor


@leaf
def kth_largest(values, count, k):
    """Hoare's selection; the values are reordered."""
    low = 0
    high = count - 1
    while low < high:
        pivot = values[(low + high) // 2]
        i = low
        j = high
        while i <= j:
            while values[i] > pivot:
                i += 1
            while values[j] < pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if k - 1 <= j:
            high = j
        elif k - 1 >= i:
            low = i
        else:
            break
    return values[k - 1]


@leaf
def invert(row, j0, done, after, targets, columns, head, stop):
    """Set the columns of the draws from head on whose targets are below `after`, the sum at the
    tile's end; return the next draw.
    """
    j = 0
    column = j0
    while head < stop and targets[head] < after:
        while j < len(row) and done <= targets[head]:
            if row[j] > 0:
                column = j0 + j
            done += row[j]
            j += 1
        columns[head] = column
        head += 1
    return head

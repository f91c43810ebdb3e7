"""The layout of small problems in the memory of a GPU: few arrays, because each adds 4 us to a
launch.

Problem q of a launch has a row of `Work.table` (integers), one of `Work.figures` (numbers), pieces
of the arrays that those integers point to, and a block of threads, which sees it as a `Room`.
"""

from typing import Any, NamedTuple

from ..cpu.small_mixing import MEMORY
from .device import SIMULATOR, device

# Columns of the table. Where things are: inputs, scratch, sizes
X, Y, A, B, START, OWN = range(6)
ROW, COLUMN, PAIR = range(6, 9)
N, M, D, STRIDE = range(9, 13)
# What kind of problem it is, and how far it has come
IS_SELF, IS_FINE = range(13, 15)
IS_TRIED, LEVEL, N_LEVELS = range(15, 18)
N_ITER, N_BUILDS, N_SEEN, N_WITHIN, N_ROUNDS = range(18, 23)
NEXT_LOOK, IS_STALE, HAS_LAST, IS_DONE, IS_ACCURATE = range(23, 28)
ENTRIES = 28  # columns in all
# Columns of the figures: what is asked for, the two clouds, the iterates
SCALE, TOL, BASE, AIM_GAIN = range(4)
SPREAD, DISTANCE = range(4, 6)
BEST_DUAL, LEAST_ERROR, LEAST_UNEVENNESS = range(6, 9)
VALUE, GAIN, LAST_VALUE, LAST_ERROR = range(9, 13)
# From here on the Gram matrix of the mixing, then the history of errors
GRAM = 13
HISTORY = GRAM + MEMORY * MEMORY
# Vectors over the rows and over the columns of a problem, in the order of `room_of`. The rings of
# the mixing are the last of the columns.
N_ROW_VECTORS = 4
CHANGES = 12
CORRECTIONS = CHANGES + MEMORY
N_COLUMN_VECTORS = CORRECTIONS + MEMORY


class Team(NamedTuple):
    """A block of threads: so many of them share a row of K, and so many lie side by side along its
    columns.
    """

    threads: int
    lanes: int
    columns: int


# K is in shared memory for the one, in global memory for the other.
NEAR = Team(4, 2, 2) if SIMULATOR else Team(128, 4, 32)
FAR = Team(4, 4, 2) if SIMULATOR else Team(256, 32, 32)
NEAR_ENTRIES = 40 if SIMULATOR else 5000  # of K: with what else is shared, less than 48 KB


def stride_of(m):
    """Entries from one row of K to the next in shared memory: 16 threads, 4 in each of 4 rows, meet
    no bank twice.
    """
    return m + (4 - m) % 8


class Inputs(NamedTuple):
    """The input arrays, which all problems share."""

    points: Any  # coordinates of the clouds, (n, d) blocks
    # Of the clouds; then the starts of v and the potentials of clouds with themselves, in bits
    weights: Any


class Work(NamedTuple):
    """The problems of a launch and their scratch; all of it outlives the launch, apart from K in
    shared memory.
    """

    table: Any  # (problems, ENTRIES)
    figures: Any  # (problems, HISTORY + max_iter)
    rows: Any  # (N_ROW_VECTORS, all rows)
    columns: Any  # (N_COLUMN_VECTORS, all columns)
    pairs: Any  # cost blocks, each followed by K where that is not in shared memory


class Room(NamedTuple):
    """A problem as its block of threads sees it, with the scratch vectors of `small_kernels` and
    `small_mixing`.
    """

    n: Any
    m: Any
    stride: Any
    is_self: Any
    figures: Any
    a: Any
    b: Any
    C: Any
    best_u: Any
    u: Any
    top: Any
    shares: Any
    best_v: Any
    best_logs: Any
    v: Any
    logs: Any
    base: Any
    reference: Any
    residual: Any
    plain: Any
    last: Any
    last_residual: Any
    factors: Any
    sums: Any
    changes: Any
    corrections: Any


@device
def room_of(inputs, work, q):
    """The problem number q of a launch; the best of u, v and logs come first in their arrays."""
    task = work.table[q]
    n = task[N]
    m = task[M]
    a = task[A]
    b = task[B]
    pair = task[PAIR]
    i0 = task[ROW]
    i1 = task[ROW] + n
    j0 = task[COLUMN]
    j1 = task[COLUMN] + m
    rows = work.rows
    columns = work.columns

    return Room(
        n=n,
        m=m,
        stride=task[STRIDE],
        is_self=task[IS_SELF] != 0,
        figures=work.figures[q],
        a=inputs.weights[a : a + n],
        b=inputs.weights[b : b + m],
        C=work.pairs[pair : pair + n * m],
        best_u=rows[0, i0:i1],
        u=rows[1, i0:i1],
        top=rows[2, i0:i1],
        shares=rows[3, i0:i1],
        best_v=columns[0, j0:j1],
        best_logs=columns[1, j0:j1],
        v=columns[2, j0:j1],
        logs=columns[3, j0:j1],
        base=columns[4, j0:j1],
        reference=columns[5, j0:j1],
        residual=columns[6, j0:j1],
        plain=columns[7, j0:j1],
        last=columns[8, j0:j1],
        last_residual=columns[9, j0:j1],
        factors=columns[10, j0:j1],
        sums=columns[11, j0:j1],
        changes=columns[CHANGES:CORRECTIONS, j0:j1],
        corrections=columns[CORRECTIONS:N_COLUMN_VECTORS, j0:j1],
    )

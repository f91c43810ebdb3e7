"""Launches of kernels: passes in pieces, and the sums of their parts."""

import numpy as np

from .costs import raise_failure, telling_refusal
from .device import SIMULATOR, cuda, starting
from .kernels import total_kernel

THREADS, MOST = (2, 2) if SIMULATOR else (128, 1024)  # of the kernels that sum parts
# Instructions per launch, about: a tenth of a second on a small GPU, whose display would stop the
# computation after two seconds, and 10 ms on the largest, where a launch and the wait for it take
# 20 us. Ctrl-C works in between.
MOST_A_LAUNCH = 2**38
COST = {"float32": 1, "float64": 32}  # of one instruction on GPUs for displays


def launch(kernel, clouds, x, y, *sums):
    """Make a pass over the pairs of two sides, in launches that are short enough."""
    threads = clouds[0].shape.threads
    chunks = len(y.ends) - 1
    (m, d) = y.points.shape
    instructions = len(x.points) * m * (8 + d) * COST[y.points.dtype.name]
    pieces = -(-len(y.pieces) // chunks)  # of a chunk
    step = max(1, int(pieces * MOST_A_LAUNCH / instructions))
    for start in range(0, pieces, step):
        if start > 0:
            cuda.synchronize()
        with starting, telling_refusal():
            kernel[(len(x.ends) - 1, chunks), threads](x, y, *sums, start, start + step)
    if clouds[0].on_host is not None and x.failed.copy_to_host()[0]:
        raise_failure(*clouds)


def total(parts, scales=None):
    """The sums over the first axis, scaled, on the host."""
    parts, scales = flat(parts), cuda.to_device(np.ones(len(parts)) if scales is None else scales)
    out = cuda.device_array(parts.shape[1], np.float64)
    with starting:
        total_kernel[grid(len(out)), THREADS](parts, scales, out)
    return out.copy_to_host()


def flat(parts):
    """Parts as a matrix whose rows are to be summed."""
    return parts.reshape(parts.shape[0], parts.size // parts.shape[0])


def grid(count):
    """The number of blocks of the kernels that sum parts."""
    return min(-(-count // THREADS), MOST)

"""Launches of kernels: passes in pieces, and the sums of their parts."""

import numpy as np

from .costs import raise_failure, telling_refusal
from .device import SIMULATOR, cuda, starting
from .kernels import log_total_kernel, total_kernel

THREADS, MOST = (2, 2) if SIMULATOR else (128, 1024)  # of the kernels that sum parts
# Instructions per launch, about: a tenth of a second on a small GPU, whose display would stop the
# computation after two seconds, and 10 ms on the largest, where a launch and the wait for it take
# 20 us. Ctrl-C works in between.
MOST_A_LAUNCH = 2**38
COST = {"float32": 1, "float64": 32}  # of one instruction on GPUs for displays


def launch(kernel, clouds, x, y, *sums):
    """Make a pass over the pairs of two sides, in launches that are short enough."""
    x_cloud, _ = clouds
    n = len(x.points)
    m, d = y.points.shape
    instructions_a_pair = (8 + d) * COST[y.points.dtype.name]
    instructions = n * m * instructions_a_pair
    blocks = x.n_parts, y.n_parts
    pieces = -(-len(y.pieces) // y.n_parts)  # of a chunk
    step = max(1, int(pieces * MOST_A_LAUNCH / instructions))

    for start in range(0, pieces, step):
        if start > 0:
            cuda.synchronize()
        with starting, telling_refusal():
            kernel[blocks, x_cloud.shape.threads](x, y, *sums, start, start + step)

    is_given = x_cloud.on_host is not None
    if is_given and x.failed.copy_to_host()[0]:
        raise_failure(*clouds)


def total(parts, scales=None):
    """The sums over the first axis, scaled, on the host."""
    parts = flat(parts)
    if scales is None:
        scales = np.ones(len(parts))
    scales = cuda.to_device(scales)
    out = cuda.device_array(parts.shape[1], np.float64)
    with starting:
        total_kernel[grid(len(out)), THREADS](parts, scales, out)
    return out.copy_to_host()


def log_total(maxima, sums):
    """log2 of the sums over the first axis, each relative to 2^maximum, on the host."""
    maxima = flat(maxima)
    sums = flat(sums)
    n = maxima.shape[1]
    out = cuda.device_array(n, np.float64)
    with starting:
        log_total_kernel[grid(n), THREADS](maxima, sums, out)
    return out.copy_to_host()


def flat(parts):
    """Parts as a matrix whose rows are to be summed."""
    count = parts.shape[0]
    return parts.reshape(count, parts.size // count)


def grid(count):
    """The number of blocks of the kernels that sum parts."""
    return min(-(-count // THREADS), MOST)

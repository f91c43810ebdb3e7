"""Arrays: points, weights, vectors; of NumPy, of what it can read, or on a GPU."""

import numpy as np

from ..backends.choice import INSTALL, no_gpu
from ..backends.home import HOST, Home, is_on_device, is_readable, library_of

MASS_TOLERANCE = 1e-6


def home(**arrays):
    """Where arrays that are computed with together live: all on the host, or all in one library on one device."""
    (first, known), *others = [(name, _home(name, value)) for name, value in arrays.items() if value is not None]
    for name, where in others:
        if where.library != known.library:
            raise TypeError(
                f"{name}: expected an array {known}, like {first}, got one {where}; copy one of them to "
                "where the other is"
            )
        if where.device != known.device:
            raise ValueError(
                f"{name}: expected an array on CUDA device {known.device}, like {first}, got one on CUDA device "
                f"{where.device}; copy one of them to the other device"
            )
    return known


def _home(name, value):
    if not is_on_device(value):
        return HOST
    if library_of(value) == "numba":
        if (why := no_gpu()) is not None:
            raise ValueError(
                f"{name}: expected a usable GPU for a {type(value).__name__} on a device, got none: {why}; pass a copy "
                f"on the host, or {INSTALL}"
            )
        if not is_readable(value):
            raise TypeError(
                f"{name}: expected a device array with __cuda_array_interface__, got a {type(value).__name__} that has "
                f"DLPack alone; pass cupy.from_dlpack({name}) or torch.from_dlpack({name})"
            )
    return Home.of(value)


def host_array(name, value, what="an array"):
    """The caller's array on the host; np.asarray where it is there already."""
    where = _home(name, value)
    try:
        return where.fetch(value)
    except ValueError as error:
        raise ValueError(f"{name}: expected {what}, got rows of different lengths; make it rectangular") from error
    except (RuntimeError, TypeError) as error:  # the words of the library that the array is of
        raise TypeError(
            f"{name}: expected {what} that NumPy can read, got {type(value).__name__}: {error}; convert it to a dense "
            "array of float32 or float64"
        ) from error


def _real_array(name, value, what):
    """A float32 or float64 array of any shape, or a TypeError."""
    array = host_array(name, value, what)
    if array.dtype == object:
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"{name}: expected {what} of real numbers, got {type(value).__name__} with entries that are not "
                "numbers; convert it with numpy.asarray(..., dtype=float)"
            ) from error
    if array.dtype.kind == "c":
        raise TypeError(f"{name}: expected {what} of real numbers, got complex ones; pass the real and imaginary parts")
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name}: expected {what} of real numbers, got dtype {array.dtype}; convert it to float")
    return array.astype(np.float32 if array.dtype in (np.float16, np.float32) else np.float64, copy=False)


def _check_finite(name, array):
    finite = np.isfinite(array)
    if not finite.all():
        where = np.argwhere(~finite)[0].tolist()
        raise ValueError(
            f"{name}: expected finite numbers, got {array[tuple(where)]} at index {where} "
            f"({np.count_nonzero(~finite)} such entries); remove or impute them"
        )


def points(name, value):
    """An (n, d) array of points, n and d at least 1; the caller's array is never written to."""
    array = _real_array(name, value, "an (n, d) array of points")
    if array.ndim != 2:
        cure = "reshape(-1, 1) for points on a line" if array.ndim == 1 else "reshape it to one row a point"
        raise ValueError(f"{name}: expected an (n, d) array of points, got shape {array.shape}; use {cure}")
    if array.shape[0] == 0 or array.shape[1] == 0:
        raise ValueError(f"{name}: expected at least one point and one coordinate, got shape {array.shape}; pass data")
    _check_finite(name, array)
    return np.ascontiguousarray(array)


def same_dimension(name, value, other_name, other):
    """Two clouds live in one space."""
    if value.shape[1] != other.shape[1]:
        raise ValueError(
            f"{name}: expected points in dimension {other.shape[1]} like {other_name}, "
            f"got dimension {value.shape[1]}; compare clouds with the same coordinates"
        )


def on_a_line(name, value):
    """Points with one coordinate."""
    if value.shape[1] != 1:
        raise ValueError(
            f"{name}: expected points on a line, of one coordinate, got dimension {value.shape[1]}; "
            'use init="auto" for any dimension'
        )


def uniform(name, value, n):
    """n equal weights."""
    if len(value) != n:
        raise ValueError(f"{name}: expected as many points on both sides, got {n} and {len(value)}; use Sorting()")
    if not np.allclose(value, value[0], rtol=MASS_TOLERANCE, atol=0):
        raise ValueError(
            f"{name}: expected equal weights, got weights from {value.min():.3g} to {value.max():.3g}; use Sorting()"
        )


def weights(name, value, n):
    """An (n,) array of weights >= 0, not all zero; uniform probabilities for None."""
    if value is None:
        return np.full(n, 1 / n)
    array = _real_array(name, value, f"an ({n},) array of weights").astype(np.float64)
    if array.shape != (n,):
        raise ValueError(f"{name}: expected {n} weights, one a point, got shape {array.shape}; pass one number a point")
    _check_finite(name, array)
    if (array < 0).any():
        i = int(np.argmin(array))
        raise ValueError(f"{name}: expected weights >= 0, got {array[i]} at index {i}; remove or clip negative weights")
    if not array.any():
        raise ValueError(f"{name}: expected at least one weight > 0, got all zeros; pass weights with a positive sum")
    with np.errstate(over="ignore"):
        overflows = not np.isfinite(array.sum())
    if overflows:
        raise ValueError(f"{name}: expected a finite sum, got an overflow; divide the weights by their largest")
    return array


def equal_masses(name, value, other_name, other):
    """A balanced problem moves all the mass of one measure onto the other."""
    mass, other_mass = value.sum(), other.sum()
    if abs(mass - other_mass) > MASS_TOLERANCE * max(mass, other_mass):
        raise ValueError(
            f"{name}: expected the total mass of {other_name} ({other_mass:.9g}), got {mass:.9g}; "
            f"divide each of them by its sum to compare probabilities"
        )


def matrix(name, value, n):
    """An (n,) or (n, k) array of finite numbers, to be multiplied by a plan."""
    array = _real_array(name, value, f"an ({n},) or ({n}, k) array").astype(np.float64)
    if array.ndim not in (1, 2) or array.shape[0] != n:
        raise ValueError(f"{name}: expected shape ({n},) or ({n}, k), got {array.shape}; pass one row a point")
    _check_finite(name, array)
    return array


def vector(name, value):
    """A copy, (n,) float64, of finite numbers."""
    array = np.array(_real_array(name, value, "an (n,) array"), dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"{name}: expected an (n,) array, got shape {array.shape}; pass one number a point")
    _check_finite(name, array)
    return array


def shape(name, array, expected, cure):
    """An array of a known shape."""
    if array.shape != expected:
        raise ValueError(f"{name}: expected shape {expected}, got {array.shape}; pass {cure}")
    return array


def like(name, value, known):
    """A float64 array of finite numbers, of the shape of a known one."""
    array = _real_array(name, value, f"a {known.shape} array").astype(np.float64)
    shape(name, array, known.shape, "one number or row a point")
    _check_finite(name, array)
    return array


def sequence(name, value):
    """A list of at least one entry, of a list, a tuple or an array of any library."""
    if not isinstance(value, (list, tuple)) and not getattr(value, "shape", ()):
        raise TypeError(f"{name}: expected a list of arrays, one a pair, got {type(value).__name__}; pass [...]")
    if len(value) == 0:
        raise ValueError(f"{name}: expected at least one array, got none; pass data")
    return list(value)


def same_length(name, value, other_name, other):
    """Two lists with an entry for each pair."""
    if len(value) != len(other):
        raise ValueError(
            f"{name}: expected {len(other)} arrays like {other_name}, got {len(value)}; pass one for each pair"
        )


def levels(name, value):
    """A float64 array, of any shape, of numbers from 0 to 1."""
    array = _real_array(name, value, "a number or an array").astype(np.float64)
    outside = array[~((array >= 0) & (array <= 1))]
    if outside.size:
        raise ValueError(f"{name}: expected levels from 0 to 1, got {outside[0]}; divide percentages by 100")
    return array


def factors(name, value, n, m):
    """A pair of (n, k) and (m, k) arrays."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(f"{name}: expected a pair of ({n}, k) and ({m}, k) arrays, got {value!r}; pass (U, V) for U V'")
    U, V = (matrix(f"{name}[{k}]", value[k], size).reshape(size, -1) for k, size in enumerate((n, m)))
    shape(f"{name}[1]", V, (m, U.shape[1]), f"as many columns as {name}[0]")
    return U, V

"""All options of numba in the library, in one place.

There are two sets of fastmath flags. The exponential subtracts the magic constant of its rounding
trick and must not be reassociated (`FORMULA`); sums may be reassociated (`SUM`). LLVM keeps the
flags of each instruction when it inlines one function into the other.
"""

import os
from functools import wraps

from llvmlite import ir
from numba import config, extending, njit, types
from numba.core import cgutils
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic, register_jitable
from numba.np.arrayobj import make_array, populate_array

FORMULA = {"contract", "nsz", "nnan", "ninf"}
SUM = True

# The folder of the library's compiled kernels, or NO_CACHE; numba's own folder by default
CACHE = os.environ.get("SINKHORN_NB_CACHE", "")
NO_CACHE = "off"

# Scalar functions that the kernels of all backends call; no fast-math flags: some compare with
# infinity.
formula = register_jitable(no_cfunc_wrapper=True)


def kernel(function):
    """Compile a loop over pairs. It releases the GIL, and is cached on disk if a folder can be
    written.
    """
    return _compiled(function, SUM)


def plain_kernel(function):
    """Compile a loop like `kernel` that makes and returns no arrays; see `leaf`."""
    return _compiled(function, SUM, _nrt=False)


def exact_kernel(function):
    """Compile a loop like `kernel`, but with the arithmetic as it is written, so that the bits of
    each point do not depend on the others.
    """
    return _compiled(function, False)


# Callees are compiled into their callers. Otherwise the process that compiles them links other code
# than a process that loads them from the cache, and the last bits differ.
OPTIONS = {"forceinline": True, "error_model": "numpy", "no_cfunc_wrapper": True}
# Numba compiles what a function calls once for each set of the caller's options; therefore inner
# loops have those of overloads.
CALLED = {"fastmath": SUM, **OPTIONS}


def inner(function):
    """Compile a loop like `kernel`, for calls by other kernels alone: it is no kernel by itself,
    and has neither a wrapper for Python nor a file in the cache.
    """
    return register_jitable(**CALLED)(function)


def leaf(function):
    """Compile a loop like `inner` that makes and returns no arrays: without the code that counts
    references, it is compiled in a fraction of the time.
    """
    return register_jitable(_nrt=False, **CALLED)(function)


def overload(function, fastmath=None):
    """Choose the code of a function by the types of its arguments, like
    `numba.extending.overload`, without a pointer for C to each; it has the flags of its caller
    unless some are given.
    """
    flags = {} if fastmath is None else {"fastmath": fastmath}
    return extending.overload(function, jit_options=flags | {"no_cfunc_wrapper": True})


def inlined(function):
    """Copy the code of a function into the one kernel that calls it, before types are known: LLVM
    then optimizes it once, not by itself and once more as a part of the kernel.
    """
    return njit(inline="always", **CALLED)(function)


def _compiled(function, fastmath, **others):
    options = {"nogil": True, "fastmath": fastmath, **OPTIONS, **others}
    if config.DISABLE_JIT:
        return _refusing(function)
    return njit(**options)(function) if CACHE == NO_CACHE else _cached(function, options)


def _cached(function, options):
    """A kernel that is kept in the folder, or in the process if no folder can be written."""
    usual = config.CACHE_DIR
    try:
        config.CACHE_DIR = CACHE or usual
        return njit(cache=True, **options)(function)
    except RuntimeError:  # numba found no folder for its cache
        return njit(**options)(function)
    finally:
        config.CACHE_DIR = usual


def _refusing(function):
    """Raise an error at a call, because code with intrinsics cannot run while numba's compiler is
    switched off.
    """

    @wraps(function)
    def refuse(*args):
        raise RuntimeError(
            "NUMBA_DISABLE_JIT: expected 0, got 1: the kernels of sinkhorn_nb cannot run as "
            "Python; "
            "unset the variable, or set numba.config.DISABLE_JIT = 0 before sinkhorn_nb is imported"
        )

    return refuse


@intrinsic
def wide_vectors(typing_context):
    """Ask LLVM for 512-bit vectors in the calling kernel (it prefers 256 on Intel: 1.7x slower)."""

    def generate(context, builder, signature, arguments):
        # llvmlite accepts only the attributes of its own list, hence set.add.
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return types.none(), generate


@intrinsic
def view(typing_context, values, first, shape):
    """The numbers of a flat array from the first on, as an array of this shape. It is compiled in a
    fraction of the time of a slice and its reshape, because nothing is checked.
    """
    result = types.Array(values.dtype, len(shape), "C")

    def generate(context, builder, signature, arguments):
        flat = make_array(values)(context, builder, value=arguments[0])
        sizes = cgutils.unpack_tuple(builder, arguments[2])
        strides = [flat.itemsize]
        for size in sizes[:0:-1]:
            strides.insert(0, builder.mul(strides[0], size))

        array = make_array(result)(context, builder)
        populate_array(
            array,
            data=builder.gep(flat.data, [arguments[1]]),
            shape=sizes,
            strides=strides,
            itemsize=flat.itemsize,
            meminfo=flat.meminfo,
            parent=flat.parent,
        )
        return impl_ret_borrowed(context, builder, result, array._getvalue())

    return result(values, types.intp, types.UniTuple(types.intp, len(shape))), generate


def _bitcast(source, target, llvm_type):
    @intrinsic
    def bitcast(typing_context, value):
        def generate(context, builder, signature, arguments):
            return builder.bitcast(arguments[0], llvm_type)

        return target(source), generate

    return bitcast


float32_as_int = _bitcast(types.float32, types.int32, ir.IntType(32))
int_as_float32 = _bitcast(types.int32, types.float32, ir.FloatType())
float64_as_int = _bitcast(types.float64, types.int64, ir.IntType(64))
int_as_float64 = _bitcast(types.int64, types.float64, ir.DoubleType())

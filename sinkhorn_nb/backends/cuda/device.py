"""The only module that imports numba's CUDA target. It knows the package, the device and missing
features.
"""

import math
import threading
from contextlib import suppress
from functools import wraps

import numpy as np
from llvmlite import ir
from numba import config, cuda, types  # cuda is the built-in target, or numba-cuda's in its place
from numba.extending import intrinsic, register_jitable

from .. import elementary, forks
from . import driver

# NumPy 2.5 has removed it; numba-cuda needs it when it first compiles
if not hasattr(np, "row_stack"):
    setattr(np, "row_stack", np.vstack)  # noqa: B010

SIMULATOR = bool(config.ENABLE_CUDASIM)
OLDEST = (7, 0)  # compute capability

# The number of blocks follows the work, so small passes would warn each time.
config.CUDA_LOW_OCCUPANCY_WARNINGS = 0

# Per thread, so that 12 warps share a multiprocessor; spills happen outside of the inner loops
REGISTERS = 168
kernel = cuda.jit if SIMULATOR else cuda.jit(max_registers=REGISTERS)

# Held while a kernel is made and started: two threads would compile it twice, and the simulator
# runs one at a time.
starting = threading.RLock()
forks.wait_for(starting)

# Functions called by kernels: plain functions in the simulator, else compiled into the kernels.
device = register_jitable


def _simulated_syncthreads():
    # The simulator has cuda.syncthreads only in the kernel's own module
    threading.current_thread().syncthreads()


syncthreads = _simulated_syncthreads if SIMULATOR else cuda.syncthreads


def problem():
    """Explain in one line why no GPU can be used, or return None."""
    if SIMULATOR:
        return None
    try:
        if not cuda.is_available():
            return _reason(cuda.cuda_error())
        capability = cuda.get_current_device().compute_capability
        cuda.cudadrv.nvvm.NVVM()
    except Exception as error:  # any error of a half-installed driver or toolkit
        return _reason(error)
    if capability < OLDEST:
        return "the GPU is of compute capability {}.{}, {}.{} is needed".format(
            *capability, *OLDEST
        )
    return None


def _reason(error):
    lines = map(str.strip, str(error or "").splitlines())
    return " ".join(filter(None, lines)) or "no CUDA device was found"


def devices():
    """Numbers of the GPUs that are new enough."""
    # Numba frees memory in the thread that drops it, which must have a context
    cuda.current_context()
    return [
        number
        for number, gpu in enumerate(cuda.gpus)
        if SIMULATOR or gpu.compute_capability >= OLDEST
    ]


def on_device(number):
    """A context in which a thread's calls go to the GPU with a number."""
    return cuda.gpus[number]


def name(number):
    """Name and compute capability of a GPU, for display."""
    if SIMULATOR:
        return "numba's CUDA simulator"
    found = cuda.gpus[number]
    text = found.name.decode() if isinstance(found.name, bytes) else found.name
    return "{} (compute capability {}.{})".format(text, *found.compute_capability)


def current():
    """Number of the GPU that the calling thread uses."""
    return 0 if SIMULATOR else cuda.current_context().device.id


class Resident:
    """An object on a GPU. It frees its memory in the GPU's context, whichever thread drops it.

    Numba frees memory in the thread that drops it. In a thread without a context this fails, and
    the memory is lost.
    """

    def __init__(self, number):
        self._number = number

    def __del__(self):
        with suppress(Exception), on_device(self._number):
            vars(self).clear()


def free_memory():
    """Free bytes of the current device; infinite if a plugin manages the memory and gives no
    number.
    """
    context = cuda.current_context()
    # Numba keeps dropped arrays for a while; the simulator and some plugins do not.
    pending = getattr(getattr(context, "memory_manager", None), "deallocations", None)
    if pending is not None:
        pending.clear()
    try:
        return context.get_memory_info()[0]
    except NotImplementedError:  # a plugin with a pool
        return math.inf


OUT_OF_MEMORY = 2  # the driver's number


def telling_shortage(method):
    """Decorate a method: numba's error for too little memory on the GPU becomes a MemoryError with
    a cure.
    """

    @wraps(method)
    def answer(*arguments):
        try:
            return method(*arguments)
        except Exception as error:
            if getattr(error, "code", None) != OUT_OF_MEMORY:
                raise
            raise MemoryError(
                "backend: expected room on the GPU for the sums of a pass, got none, although "
                "there was enough before it started; free memory that other programs have taken "
                'there, take backend="cpu", or fewer points'
            ) from error

    return answer


def number_of(array):
    """Number of the device that holds an array; the current device if the driver does not know."""
    if SIMULATOR:
        return 0
    memory = getattr(array, "gpu_data", None)
    if memory is not None:
        return memory.context.device.id
    in_use = current()  # this starts the driver, and so comes before its call
    found = driver.device_of(array.__cuda_array_interface__["data"][0])
    return in_use if found is None else found


def to_host(array, number):
    """A NumPy copy of any array on a device that has the CUDA array interface.

    This waits for all work of the device: interfaces of version 2 name no stream, and those of
    version 3 may name a stream that is gone.
    """
    if SIMULATOR:
        return array.copy_to_host()
    with cuda.gpus[number]:
        interface = {**array.__cuda_array_interface__, "stream": None}
        cuda.synchronize()
        return cuda.from_cuda_array_interface(interface, owner=array).copy_to_host()


def to_device(host, number):
    """Copy a NumPy array to a device and wait for it, so that readers may be on any stream."""
    with cuda.gpus[number]:
        array = cuda.to_device(host)
        cuda.synchronize()
        return array


def _machine_function(name):
    """A function of one float32 by one instruction, relative error 2^-22."""

    @intrinsic
    def function(typing_context, t):
        def generate(context, builder, signature, arguments):
            kind = ir.FunctionType(ir.FloatType(), [ir.FloatType()])
            return builder.call(ir.InlineAsm(kind, f"{name} $0, $1;", "=f,f"), arguments)

        return types.float32(types.float32), generate

    return function


_machine_exp2 = _machine_function("ex2.approx.ftz.f32")  # 0 and inf beyond the range
machine_root = _machine_function("sqrt.approx.ftz.f32")
machine_inverse_root = _machine_function("rsqrt.approx.ftz.f32")  # inf at 0


def _simulated_exp2(t):
    with np.errstate(over="ignore", under="ignore"):
        return np.exp2(t)


EXP2 = {
    "float32": _simulated_exp2 if SIMULATOR else _machine_exp2,
    "float64": elementary.exp2,
}

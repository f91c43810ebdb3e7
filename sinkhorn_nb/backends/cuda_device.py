"""The one module that imports numba's CUDA target: which of its packages there is, its device, its gaps."""

import threading

import numpy as np
from llvmlite import ir
from numba import config, cuda, types  # cuda: the built-in target, or numba-cuda's in its place
from numba.extending import intrinsic, register_jitable

from . import pointwise

if not hasattr(np, "row_stack"):  # gone from NumPy 2.5; numba-cuda asks for it when it first compiles
    setattr(np, "row_stack", np.vstack)  # noqa: B010

SIMULATOR = bool(config.ENABLE_CUDASIM)
OLDEST = (7, 0)  # compute capability

# Blocks are as many as the work is large: small passes would warn each time.
config.CUDA_LOW_OCCUPANCY_WARNINGS = 0

REGISTERS = 168  # of a thread: 12 warps share a multiprocessor; what does not fit is spilt outside of the inner loops
kernel = cuda.jit if SIMULATOR else cuda.jit(max_registers=REGISTERS)

# Held by who makes and starts a kernel. Two threads would compile it twice, and the simulator runs one at a time.
starting = threading.Lock()

# Functions called by kernels: plain ones in the simulator, else compiled into them.
device = register_jitable


def _simulated_syncthreads():
    threading.current_thread().syncthreads()  # the simulator knows cuda.syncthreads in the kernel's own module only


syncthreads = _simulated_syncthreads if SIMULATOR else cuda.syncthreads


def problem():
    """Why no GPU can be used, in one line, or None."""
    if SIMULATOR:
        return None
    try:
        if not cuda.is_available():
            return _reason(cuda.cuda_error())
        capability = cuda.get_current_device().compute_capability
        cuda.cudadrv.nvvm.NVVM()
    except Exception as error:  # whatever a half-installed driver or toolkit comes up with
        return _reason(error)
    if capability < OLDEST:
        return "the GPU is of compute capability {}.{}, {}.{} is needed".format(*capability, *OLDEST)
    return None


def _reason(error):
    lines = [line.strip() for line in str(error or "").splitlines() if line.strip()]
    return " ".join(lines) or "no CUDA device was found"


def devices():
    """Numbers of the GPUs that are new enough."""
    cuda.current_context()  # numba frees memory of any device in the thread that drops it, which must have a context
    return [number for number, gpu in enumerate(cuda.gpus) if SIMULATOR or gpu.compute_capability >= OLDEST]


def on_device(number):
    """Within it a thread's calls go to that GPU."""
    return cuda.gpus[number]


def name(number):
    """Of a GPU."""
    if SIMULATOR:
        return "numba's CUDA simulator"
    found = cuda.gpus[number]
    text = found.name.decode() if isinstance(found.name, bytes) else found.name
    return "{} (compute capability {}.{})".format(text, *found.compute_capability)


def free_memory():
    """Bytes of the device in use that nobody has taken."""
    return cuda.current_context().get_memory_info()[0]


def number_of(array):
    """Of the device that an array is on: numba's tell, for others it is the device in use."""
    if SIMULATOR:
        return 0
    memory = getattr(array, "gpu_data", None)
    return (cuda.current_context() if memory is None else memory.context).device.id


def to_host(array, number):
    """A NumPy copy of any array on a device that has the CUDA array interface.

    All work of the device is waited for: interfaces of version 2 tell no stream, and those of version 3 may tell one
    that is gone.
    """
    if SIMULATOR:
        return array.copy_to_host()
    with cuda.gpus[number]:
        interface = {**array.__cuda_array_interface__, "stream": None}
        cuda.synchronize()
        return cuda.from_cuda_array_interface(interface, owner=array).copy_to_host()


def to_device(host, number):
    """A copy of a NumPy array on a device."""
    with cuda.gpus[number]:
        return cuda.to_device(host)


@intrinsic
def _machine_exp2(typing_context, t):
    """2^t by one instruction, relative error 2^-22; 0 and inf beyond the range."""

    def generate(context, builder, signature, arguments):
        kind = ir.FunctionType(ir.FloatType(), [ir.FloatType()])
        return builder.call(ir.InlineAsm(kind, "ex2.approx.ftz.f32 $0, $1;", "=f,f"), arguments)

    return types.float32(types.float32), generate


def _simulated_exp2(t):
    with np.errstate(over="ignore", under="ignore"):
        return np.exp2(t)


EXP2 = {
    "float32": _simulated_exp2 if SIMULATOR else _machine_exp2,
    "float64": pointwise.exp2,
}

"""Direct calls of NVIDIA's driver library, because not all versions of numba return its answers."""

import ctypes
import os
import sys

NAME = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
DEVICE_ORDINAL = 9  # CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL


def library():
    """Load the driver's library from the place where numba looks for it; raise an OSError if there
    is none.
    """
    return ctypes.CDLL(os.environ.get("NUMBA_CUDA_DRIVER", NAME))


def device_of(pointer):
    """Number of the device whose memory contains a pointer, or None if the driver does not know."""
    number = ctypes.c_int(-1)
    try:
        status = library().cuPointerGetAttribute(
            ctypes.byref(number), DEVICE_ORDINAL, ctypes.c_uint64(pointer)
        )
    except (OSError, AttributeError):  # no library, or a library without this function
        return None
    return number.value if status == 0 and number.value >= 0 else None

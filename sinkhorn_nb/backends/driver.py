"""The library of NVIDIA's driver, asked directly because not all versions of numba pass the answer on."""

import ctypes
import os
import sys

NAME = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
DEVICE_ORDINAL = 9  # CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL


def library():
    """The driver's library, where numba looks for it; an OSError if there is none."""
    return ctypes.CDLL(os.environ.get("NUMBA_CUDA_DRIVER", NAME))


def device_of(pointer):
    """Number of the device whose memory a pointer is in, or None if the driver does not know."""
    number = ctypes.c_int(-1)
    try:
        status = library().cuPointerGetAttribute(ctypes.byref(number), DEVICE_ORDINAL, ctypes.c_uint64(pointer))
    except (OSError, AttributeError):  # no library, or one without this call
        return None
    return number.value if status == 0 and number.value >= 0 else None

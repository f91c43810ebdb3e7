"""Convert tensors to arrays and back, and check those of a caller."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

# Types that NumPy has too
SHARED = {torch.float32: np.float32, torch.float64: np.float64}


def arrays(tensor: Tensor, sizes: Sequence[int]) -> list[Any]:
    """Parts of a flat tensor: NumPy arrays that share its memory, or tensors on its GPU."""
    tensor = tensor.detach()
    if tensor.dtype not in SHARED:
        tensor = tensor.to(torch.float32)
    parts = tensor.split(list(sizes)) if len(sizes) > 1 else (tensor,)
    return [part if part.is_cuda else part.numpy() for part in parts]


def like(tensor: Tensor, parts: Sequence[Any]) -> Tensor:
    """The parts one after another, with the type and the device of a tensor."""
    if isinstance(parts[0], Tensor):
        return torch.cat(list(parts)).to(tensor)
    flat = parts[0] if len(parts) == 1 else np.concatenate(parts)
    # NumPy converts in less time. Potentials are read-only, so they are copied.
    flat = np.require(flat, SHARED.get(tensor.dtype), ["C", "W"])
    shared = torch.from_numpy(flat)
    is_alike = tensor.is_cpu and shared.dtype == tensor.dtype
    return shared if is_alike else shared.to(tensor)


def checked(**tensors: Tensor) -> None:
    """Check that all arguments are dense real tensors on one device."""
    for name, value in tensors.items():
        dense(name, value)
    first, *_ = tensors
    together(first, **tensors)


def dense(name: str, value: Tensor) -> None:
    """Check that an argument is a dense real tensor."""
    if not isinstance(value, Tensor):
        raise TypeError(
            f"{name}: expected a torch.Tensor, got {type(value).__name__}; pass "
            f"torch.as_tensor({name}), or call the function of sinkhorn_nb"
        )
    if value.layout != torch.strided:
        raise TypeError(
            f"{name}: expected a dense tensor, got one of layout {value.layout}; pass "
            f"{name}.to_dense()"
        )
    if not value.dtype.is_floating_point:
        raise TypeError(
            f"{name}: expected a tensor of real floating-point numbers, got {value.dtype}; "
            f"pass {name}.to(torch.float32)"
        )


def together(first: str, **tensors: Tensor | None) -> None:
    """Check that all tensors are on the device of the first; others may be None."""
    known: Any = tensors[first]
    for name, value in tensors.items():
        if value is not None and value.device != known.device:
            raise TypeError(
                f"{name}: expected a tensor on {known.device}, like {first}, got one on "
                f"{value.device}; pass {name}.to({first}.device)"
            )


def readable(name: str, tensor: Tensor) -> None:
    """Check that a tensor is on the host, or on a device of CUDA."""
    if not (tensor.is_cpu or tensor.is_cuda):
        raise TypeError(
            f"{name}: expected a tensor on cpu or cuda, got one on {tensor.device}; pass "
            f"{name}.cpu()"
        )


def without_derivatives(options: dict[str, Any]) -> None:
    """Refuse options that need a derivative, which would be dropped in silence."""
    for name, value in options.items():
        if isinstance(value, Tensor) and value.requires_grad:
            raise TypeError(
                f"{name}: expected a value without derivatives, got a tensor that requires grad; "
                f"pass {name}.detach()"
            )

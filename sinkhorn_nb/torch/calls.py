"""The points and weights of a call as flat tensors: the clouds of all problems one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor

from .. import validation
from ..bridges import LARGEST_ROUNDING, conserves_mass
from .jobs import Job
from .tensors import checked, dense, readable, together, without_derivatives

Clouds: TypeAlias = Tensor | Sequence[Tensor]
Weights: TypeAlias = Tensor | Sequence[Tensor] | None

NARROW = torch.float16, torch.bfloat16

with torch.inference_mode(False):  # else it could not be saved for a backward pass
    UNIFORM = torch.zeros(0, device="cpu")  # weights that are not given; made once, to save time


class Call(NamedTuple):
    """Checked flat tensors, and the numbers of points of the clouds; uniform weights are empty."""

    x: Tensor
    y: Tensor
    a: Tensor
    b: Tensor
    sizes: tuple[Sequence[int], Sequence[int]]
    is_single: bool

    @classmethod
    def of(cls, x: Clouds, y: Clouds, a: Weights, b: Weights) -> Call:
        """The arguments of a caller."""
        on_x, n = _points("x", x)
        on_y, m = _points("y", y)
        if len(n) != len(m):
            raise ValueError(f"y: expected {len(n)} clouds like x, got {len(m)}; pass as many")
        on_a = None if a is None else _weights("a", a, x, n)
        on_b = None if b is None else _weights("b", b, y, m)
        together("x", x=on_x, y=on_y, a=on_a, b=on_b)
        readable("x", on_x)
        on_a = UNIFORM if on_a is None else on_a
        on_b = UNIFORM if on_b is None else on_b
        is_single = isinstance(x, Tensor) and x.dim() == 2
        return cls(on_x, on_y, on_a, on_b, (n, m), is_single)

    def apply(self, function: Any, kind: str, options: dict[str, Any]) -> Any:
        """Apply a function of flat tensors."""
        without_derivatives(options)
        weights = self.a, self.b
        if conserves_mass(kind, options):
            weights = tuple(map(_probabilities, weights, self.sizes))
        job = Job.of(kind, self.sizes, options, self.is_single)
        return function.apply(self.x, self.y, *weights, job)


def _points(name: str, clouds: Clouds) -> tuple[Tensor, Sequence[int]]:
    if isinstance(clouds, (list, tuple)):
        return _listed(name, clouds)
    points: Any = clouds
    dense(name, points)
    if points.dim() == 3:
        count, size, _ = points.shape
        return points.flatten(0, 1), (size,) * count
    _check_axes(name, points)
    return points, (points.shape[0],)


def _listed(name: str, clouds: Sequence[Tensor]) -> tuple[Tensor, Sequence[int]]:
    if not clouds:
        raise ValueError(f"{name}: expected at least one cloud, got none; pass tensors (n, d)")
    checked(**{f"{name}[{k}]": cloud for k, cloud in enumerate(clouds)})
    for k, cloud in enumerate(clouds):
        _check_axes(f"{name}[{k}]", cloud)
        validation.same_dimension(f"{name}[{k}]", cloud, f"{name}[0]", clouds[0])
    sizes = tuple(map(len, clouds))
    return torch.cat(list(clouds)), sizes


def _check_axes(name: str, points: Tensor) -> None:
    if points.dim() != 2:
        raise ValueError(
            f"{name}: expected points (n, d) or clouds (B, n, d), got shape {tuple(points.shape)}; "
            f"points on a line are {name}[:, None]"
        )


def _weights(
    name: str, weights: Tensor | Sequence[Tensor], clouds: Clouds, sizes: Sequence[int]
) -> Tensor:
    if isinstance(weights, (list, tuple)):
        parts = {f"{name}[{k}]": part for k, part in enumerate(weights)}
        shapes = [torch.Size([size]) for size in sizes]
    else:
        parts = {name: weights}
        shapes = [clouds.shape[:-1]] if isinstance(clouds, Tensor) else []
    checked(**parts)
    found = [part.shape for part in parts.values()]
    if found != shapes:
        expected = list(sizes) if len(sizes) > 1 else sizes[0]
        raise ValueError(
            f"{name}: expected {expected} weights, one per point, got {list(map(tuple, found))}; "
            "pass weights in the shape of the points, or None for uniform weights"
        )
    flat = [part.reshape(-1) for part in parts.values()]
    return flat[0] if len(flat) == 1 else torch.cat(flat)


def _probabilities(weights: Tensor, sizes: Sequence[int]) -> Tensor:
    """Weights of 16 bits whose sums are 1 up to their rounding, as probabilities of 32 bits."""
    if weights.dtype not in NARROW or not len(weights):
        return weights
    parts = weights.float().split(list(sizes))
    return torch.cat([_normalized(part) for part in parts])


def _normalized(weights: Tensor) -> Tensor:
    total = weights.sum()
    is_one = (total - 1).abs() <= LARGEST_ROUNDING
    return weights / torch.where(is_one, total, 1.0)

"""Soft sorting, ranks and quantiles of tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from ..losses import soft
from .autograd import REVERSE
from .tensors import arrays, checked, like, readable, without_derivatives

SECOND = (
    "second derivatives: expected one derivative of a soft operation, got one more; detach() its "
    "gradient"
)


class _Values(Function):
    """The values of a soft operation, with one derivative."""

    @staticmethod
    def forward(x: Tensor, operation: Callable[..., Any], options: dict[str, Any]) -> Any:
        (numbers,) = arrays(x, [len(x)])
        found = operation(numbers, **options)
        return like(x, [found.values.reshape(-1)]), found

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.found = output[1]
        ctx.save_for_backward(inputs[0])

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Any) -> tuple[Tensor, None, None]:
        return _Pullback.apply(ctx.saved_tensors[0], grad, ctx.found), None, None

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        raise NotImplementedError(REVERSE.format("a soft operation"))

    @staticmethod
    def vmap(info: Any, in_dims: Any, x: Tensor, *settings: Any) -> tuple[Any, Any]:
        rows = x.movedim(in_dims[0], 0)
        found = [_Values.apply(row, *settings) for row in rows]
        values, results = zip(*found, strict=True)
        return (torch.stack(values), results), (0, None)


class _Pullback(Function):
    """The gradient of a soft operation."""

    @staticmethod
    def forward(x: Tensor, grad: Tensor, found: Any) -> Tensor:
        (cotangent,) = arrays(grad, [len(grad)])
        pulled = found.pullback(cotangent.reshape(found.values.shape))
        return like(x, [pulled])

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Keep nothing."""

    @staticmethod
    def vmap(info: Any, in_dims: Any, x: Tensor, grad: Tensor, found: Any) -> tuple[Any, int]:
        count = info.batch_size
        x_dim, grad_dim, _ = in_dims
        xs, results = [x] * count, [found] * count
        if x_dim is not None:  # then there is a result for each
            xs, results = x.movedim(x_dim, 0), found
        grads = [grad] * count if grad_dim is None else grad.movedim(grad_dim, 0)
        pulled = [_Pullback.apply(*each) for each in zip(xs, grads, results, strict=True)]
        return torch.stack(pulled), 0

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        raise NotImplementedError(SECOND)

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        raise NotImplementedError(SECOND)


def _call(operation: Callable[..., Any], x: Tensor, options: dict[str, Any]) -> Tensor:
    checked(x=x)
    readable("x", x)
    without_derivatives(options)
    if x.dim() != 1:
        raise ValueError(
            f"x: expected numbers (n,), got shape {tuple(x.shape)}; call the function for each row"
        )
    values, _ = _Values.apply(x, operation, options)
    return values


@torch.compiler.disable
def soft_sort(x: Tensor, **options: Any) -> Tensor:
    """The sorted numbers of x, smoothed, as `sinkhorn_nb.soft_sort`, with a derivative in x."""
    return _call(soft.soft_sort, x, options)


@torch.compiler.disable
def soft_rank(x: Tensor, **options: Any) -> Tensor:
    """The ranks of x, smoothed, as `sinkhorn_nb.soft_rank`, with a derivative in x."""
    return _call(soft.soft_rank, x, options)


@torch.compiler.disable
def soft_quantile(x: Tensor, q: Any, **options: Any) -> Tensor:
    """Quantiles of x, smoothed, as `sinkhorn_nb.soft_quantile`, with a derivative in x."""
    values = _call(soft.soft_quantile, x, {"q": q} | options)
    return values if torch.as_tensor(q).dim() else values[0]

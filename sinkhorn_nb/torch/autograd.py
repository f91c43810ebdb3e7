"""The differentiable functions: values, their gradients, and the products of their Hessians.

Each function's derivative is the next one, so that autograd and `torch.func` differentiate twice.
The third derivative is an error: it would otherwise be dropped. All tensors are flat: the clouds of
all problems of a `Job` one after another; empty weights are uniform.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from .. import bridges
from ..gradients import Gradient
from ..results.second_order import hessian_product
from .jobs import Job, Results
from .tensors import like

N_PRIMALS = 4  # x, y, a, b


class _ByPosition(inspect.Signature):
    """Any arguments by position. torch asks for the signature of `forward` and binds the arguments
    at each call, which takes 15 to 40 microseconds for others.
    """

    def bind(self, *arguments: Any) -> inspect.BoundArguments:  # type: ignore[override]
        """Bind arguments that need no checks."""
        return inspect.BoundArguments(self, {"arguments": arguments})  # type: ignore[arg-type]


POSITIONAL = _ByPosition([inspect.Parameter("arguments", inspect.Parameter.VAR_POSITIONAL)])


def by_position(function: Any) -> Any:
    """Let torch pass arguments to a class's `forward` by position alone."""
    function.forward.__signature__ = POSITIONAL
    return function


@by_position
class Value(Function):
    """(K,) values of problems, and their results."""

    @staticmethod
    def forward(x: Tensor, y: Tensor, a: Tensor, b: Tensor, job: Job) -> tuple[Tensor, Results]:
        """Solve the problems."""
        results = job.solve(x, y, a, b)
        values = bridges.values_of(results)
        return like(x, [values.reshape(job.shape)]), results

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Keep the points, the weights and the results."""
        *primals, ctx.job = inputs
        ctx.results = output[1]
        ctx.save_for_backward(*primals)
        ctx.save_for_forward(*primals)

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Any) -> tuple[Any, ...]:
        """The gradient, times a number for each problem."""
        primals = ctx.saved_tensors
        job = ctx.job.needing(ctx.needs_input_grad)
        # Those of `torch.vmap` belong to other tensors
        are_own = len(ctx.results) == job.n_results
        if are_own and not torch.is_grad_enabled():  # there will be no further derivative
            parts = job.joined(job.gradients(ctx.results), primals)
        else:
            derivative = Derivative.apply(*primals, ctx.results, job)
            parts = needed(ctx, derivative)
        return *job.scaled(parts, grad), None

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> tuple[Tensor, None]:
        """The derivative along a direction."""
        primals = ctx.saved_tensors
        parts = Derivative.apply(*primals, ctx.results, ctx.job)
        moves = filled(tangents[:N_PRIMALS], primals)
        return ctx.job.inner_products(parts, moves), None

    @staticmethod
    def vmap(info: Any, in_dims: Any, *arguments: Any) -> tuple[Any, Any]:
        """Solve all problems of a batch together."""
        *primals, job = arguments
        count = info.batch_size
        flat = flattened(primals, in_dims, count)
        values, results = Value.apply(*flat, job.repeated(count, with_results=True))
        return (values.reshape(count, *job.shape), results), (0, None)


@by_position
class Derivative(Function):
    """The gradients of the values in x, y, a and b; zeros where the job needs none."""

    @staticmethod
    def forward(
        x: Tensor, y: Tensor, a: Tensor, b: Tensor, results: Results, job: Job
    ) -> tuple[Tensor, ...]:
        """Read the gradients."""
        return like_primals((x, y, a, b), job.gradients(results), job)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Keep the points, the weights and the results."""
        *primals, ctx.results, ctx.job = inputs
        ctx.save_for_backward(*primals)
        ctx.save_for_forward(*primals)

    @staticmethod
    def backward(ctx: Any, *directions: Tensor) -> tuple[Any, ...]:
        """The products of the symmetric Hessians with the directions."""
        primals = ctx.saved_tensors
        job = ctx.job.needing(ctx.needs_input_grad)
        parts = HessianProduct.apply(*primals, *directions, ctx.results, job)
        return *needed(ctx, parts), None, None

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        """The products of the Hessians with the tangents."""
        primals = ctx.saved_tensors
        moves = filled(tangents[:N_PRIMALS], primals)
        return HessianProduct.apply(*primals, *moves, ctx.results, ctx.job)

    @staticmethod
    def vmap(info: Any, in_dims: Any, *arguments: Any) -> tuple[Any, Any]:
        """All problems of a batch together."""
        return batched(Derivative, info, in_dims, arguments)


class Last(Function):
    """A function without a further derivative."""

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Keep nothing."""

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """Refuse a further derivative."""
        raise NotImplementedError(THIRD)

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        """Refuse a further derivative."""
        raise NotImplementedError(THIRD)


@by_position
class HessianProduct(Last):
    """The products of the Hessians of the values with directions of x, y, a and b."""

    @staticmethod
    def forward(*arguments: Any) -> tuple[Tensor, ...]:
        """Solve a linear system per problem."""
        *tensors, results, job = arguments
        if job.kind not in bridges.TWICE:
            raise NotImplementedError(SECOND)
        directions = job.split(*tensors[N_PRIMALS:])
        products = [
            hessian_product(results[k].on_host, direction)
            for k, direction in zip(job.which, directions, strict=True)
        ]
        return like_primals(tensors[:N_PRIMALS], products, job)

    @staticmethod
    def vmap(info: Any, in_dims: Any, *arguments: Any) -> tuple[Any, Any]:
        """All directions of a batch together."""
        return batched(HessianProduct, info, in_dims, arguments)


CURE = "detach() the quantity that must not be differentiated"
SECOND = bridges.SECOND + CURE
THIRD = bridges.THIRD + CURE
REVERSE = (
    "jvp: expected a derivative of {} in reverse mode, got one in forward mode; use torch.func.vjp "
    "or torch.func.jacrev"
)


def needed(ctx: Any, parts: Sequence[Tensor]) -> list[Tensor | None]:
    """The derivatives in the points and the weights, None where no derivative is needed."""
    needs = ctx.needs_input_grad[:N_PRIMALS]
    return [part if need else None for part, need in zip(parts, needs, strict=True)]


def filled(tangents: Sequence[Tensor | None], primals: Sequence[Tensor]) -> list[Tensor]:
    """The tangents, with zeros for those that are missing."""
    return [
        torch.zeros_like(primal) if tangent is None else tangent
        for tangent, primal in zip(tangents, primals, strict=True)
    ]


def like_primals(
    primals: Sequence[Tensor], gradients: Sequence[Gradient], job: Job
) -> tuple[Tensor, ...]:
    """Flat tensors of gradients, with zeros where they are not needed."""
    return tuple(filled(job.joined(gradients, primals), primals))


def flattened(tensors: Sequence[Tensor], in_dims: Any, count: int) -> list[Tensor]:
    """The rows of all elements of a batch, one element after another."""
    flat = []
    for tensor, dim in zip(tensors, in_dims, strict=False):
        if dim is None:
            batch = tensor.expand(count, *tensor.shape)
        else:
            batch = tensor.movedim(dim, 0)
        flat.append(batch.flatten(0, 1))
    return flat


def batched(
    function: Any, info: Any, in_dims: Any, arguments: Any, n_static: int = 2
) -> tuple[Any, Any]:
    """Apply a function of tensors, settings, results and a job to a batch. The results belong to
    the points and weights: there are more of them only if these are batched.
    """
    tensors = arguments[:-n_static]
    static = arguments[-n_static:-1]
    job = arguments[-1]
    count = info.batch_size
    with_results = any(dim is not None for dim in in_dims[:N_PRIMALS])
    flat = flattened(tensors, in_dims, count)
    repeated = job.repeated(count, with_results)
    parts = function.apply(*flat, *static, repeated)
    rows = [part.unflatten(0, (count, len(part) // count)) for part in parts]
    return tuple(rows), (0,) * len(rows)

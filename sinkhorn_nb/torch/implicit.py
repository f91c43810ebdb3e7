"""Potentials and maps with one derivative, by implicit differentiation."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.autograd import Function

from ..gradients import Gradient
from .autograd import N_PRIMALS, REVERSE, THIRD, batched, filled, flattened, needed
from .jobs import Job, Results
from .tensors import arrays, like


class Potentials(Function):
    """The potentials f and g of problems, and their results."""

    @staticmethod
    def forward(
        x: Tensor, y: Tensor, a: Tensor, b: Tensor, job: Job
    ) -> tuple[Tensor, Tensor, Results]:
        """Solve the problems."""
        results = job.solve(x, y, a, b)
        return like(x, [each.f for each in results]), like(y, [each.g for each in results]), results

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Keep the points, the weights and the results."""
        *primals, ctx.job = inputs
        ctx.results = output[-1]
        ctx.save_for_backward(*primals)
        ctx.save_for_forward(*primals)

    @staticmethod
    def backward(ctx: Any, df: Tensor, dg: Tensor, _: Any) -> tuple[Any, ...]:
        """The gradient of <df, f> + <dg, g>."""
        parts = Pullback.apply(*ctx.saved_tensors, df, dg, "potentials", ctx.results, ctx.job)
        return *needed(ctx, parts), None

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> tuple[Tensor, Tensor, None]:
        """The derivatives along a direction."""
        primals = ctx.saved_tensors
        moves = filled(tangents[:N_PRIMALS], primals)
        return *Pushforward.apply(*primals, *moves, ctx.results, ctx.job), None

    @staticmethod
    def vmap(info: Any, in_dims: Any, *arguments: Any) -> tuple[Any, Any]:
        """Solve all problems of a batch together."""
        *primals, job = arguments
        flat = flattened(primals, in_dims, info.batch_size)
        f, g, results = Potentials.apply(*flat, job.repeated(info.batch_size, with_results=True))
        shape = info.batch_size, -1
        return (f.reshape(shape), g.reshape(shape), results), (0, 0, None)


class Map(Function):
    """The images of the points x under the barycentric maps of problems, and their results."""

    @staticmethod
    def forward(x: Tensor, y: Tensor, a: Tensor, b: Tensor, job: Job) -> tuple[Tensor, Results]:
        """Solve the problems."""
        results = job.solve(x, y, a, b)
        return like(x, [each.map() for each in results]), results

    setup_context = Potentials.setup_context

    @staticmethod
    def backward(ctx: Any, images: Tensor, _: Any) -> tuple[Any, ...]:
        """The gradient of <images, map>."""
        parts = Pullback.apply(
            *ctx.saved_tensors, images, images.new_zeros(0), "map", ctx.results, ctx.job
        )
        return *needed(ctx, parts), None

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        """Refuse forward mode."""
        raise NotImplementedError(REVERSE.format("the map"))

    @staticmethod
    def vmap(info: Any, in_dims: Any, *arguments: Any) -> tuple[Any, Any]:
        """Solve all problems of a batch together."""
        *primals, job = arguments
        flat = flattened(primals, in_dims, info.batch_size)
        images, results = Map.apply(*flat, job.repeated(info.batch_size, with_results=True))
        return (images.reshape(info.batch_size, -1, images.shape[-1]), results), (0, None)


class _Last(Function):
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


class Pullback(_Last):
    """Gradients of scalars that depend on potentials or maps."""

    @staticmethod
    def forward(*arguments: Any) -> tuple[Tensor, ...]:
        """Solve a linear system per problem."""
        *tensors, kind, results, job = arguments
        first, second = tensors[N_PRIMALS:]
        on_x = arrays(first, job.n)
        on_y = arrays(second, job.m) if len(second) else None
        pulled = []
        for q, k in enumerate(job.which):
            if kind == "map":
                found = results[k].pullback(map=on_x[q])
            else:
                found = results[k].pullback(f=on_x[q], g=on_y[q] if on_y is not None else None)
            pulled.append(Gradient(*found))
        primals = tensors[:N_PRIMALS]
        return tuple(filled(job.joined(pulled, primals), primals))

    @staticmethod
    def vmap(info: Any, in_dims: Any, *arguments: Any) -> tuple[Any, Any]:
        """All cotangents of a batch together."""
        return batched(Pullback, info, in_dims, arguments, n_static=3)


class Pushforward(_Last):
    """Derivatives of potentials along directions."""

    @staticmethod
    def forward(*arguments: Any) -> tuple[Tensor, Tensor]:
        """Solve a linear system per problem."""
        *tensors, results, job = arguments
        moves = job.split(*tensors[N_PRIMALS:])
        found = [results[k].pushforward(*move) for k, move in zip(job.which, moves, strict=True)]
        x, y = tensors[:2]
        return like(x, [each.f for each in found]), like(y, [each.g for each in found])

    @staticmethod
    def vmap(info: Any, in_dims: Any, *arguments: Any) -> tuple[Any, Any]:
        """All directions of a batch together."""
        return batched(Pushforward, info, in_dims, arguments)

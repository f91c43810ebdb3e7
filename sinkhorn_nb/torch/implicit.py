"""Potentials and maps with one derivative, by implicit differentiation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torch.autograd import Function

from ..gradients import Gradient
from .autograd import (
    N_PRIMALS,
    REVERSE,
    Last,
    batched,
    filled,
    flattened,
    like_primals,
    needed,
)
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
        return *_flat_potentials(results, x, y), results

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
        primals = ctx.saved_tensors
        parts = Pullback.apply(*primals, df, dg, "potentials", ctx.results, ctx.job)
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
        count = info.batch_size
        flat = flattened(primals, in_dims, count)
        f, g, results = Potentials.apply(*flat, job.repeated(count, with_results=True))
        rows = f.reshape(count, -1), g.reshape(count, -1)
        return (*rows, results), (0, 0, None)


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
        primals = ctx.saved_tensors
        nothing = images.new_zeros(0)
        parts = Pullback.apply(*primals, images, nothing, "map", ctx.results, ctx.job)
        return *needed(ctx, parts), None

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        """Refuse forward mode."""
        raise NotImplementedError(REVERSE.format("the map"))

    @staticmethod
    def vmap(info: Any, in_dims: Any, *arguments: Any) -> tuple[Any, Any]:
        """Solve all problems of a batch together."""
        *primals, job = arguments
        count = info.batch_size
        flat = flattened(primals, in_dims, count)
        images, results = Map.apply(*flat, job.repeated(count, with_results=True))
        rows = images.reshape(count, -1, images.shape[-1])
        return (rows, results), (0, None)


def _flat_potentials(results: Sequence[Any], x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The potentials of all results, or their tangents, one after another."""
    f = [result.f for result in results]
    g = [result.g for result in results]
    return like(x, f), like(y, g)


class Pullback(Last):
    """Gradients of scalars that depend on potentials or maps."""

    @staticmethod
    def forward(*arguments: Any) -> tuple[Tensor, ...]:
        """Solve a linear system per problem."""
        *tensors, kind, results, job = arguments
        first, second = tensors[N_PRIMALS:]
        on_x = arrays(first, job.n)
        if kind == "map":
            cotangents = [{"map": each} for each in on_x]
        else:
            on_y = arrays(second, job.m)
            cotangents = [{"f": f, "g": g} for f, g in zip(on_x, on_y, strict=True)]

        pulled = []
        for k, each in zip(job.which, cotangents, strict=True):
            found = results[k].pullback(**each)
            pulled.append(Gradient(*found))
        return like_primals(tensors[:N_PRIMALS], pulled, job)

    @staticmethod
    def vmap(info: Any, in_dims: Any, *arguments: Any) -> tuple[Any, Any]:
        """All cotangents of a batch together."""
        return batched(Pullback, info, in_dims, arguments, n_static=3)


class Pushforward(Last):
    """Derivatives of potentials along directions."""

    @staticmethod
    def forward(*arguments: Any) -> tuple[Tensor, Tensor]:
        """Solve a linear system per problem."""
        *tensors, results, job = arguments
        x, y = tensors[:2]
        moves = job.split(*tensors[N_PRIMALS:])
        found = [
            results[k].on_host.pushforward(*move) for k, move in zip(job.which, moves, strict=True)
        ]
        return _flat_potentials(found, x, y)

    @staticmethod
    def vmap(info: Any, in_dims: Any, *arguments: Any) -> tuple[Any, Any]:
        """All directions of a batch together."""
        return batched(Pushforward, info, in_dims, arguments)

"""The work of a differentiable function of tensors: one problem, or several in flat tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor

from ..bridges import solve_all
from ..gradients import Gradient
from ..losses.divergences import Divergences
from ..results.one_sided import Sides, gradient_in
from .tensors import arrays, like

Results: TypeAlias = Sequence[Any]  # a Divergence or a Solution for each problem


class Job(NamedTuple):
    """Problems between clouds that lie one after another in flat tensors.

    Attributes
    ----------
    kind : {"divergence", "transport", "hausdorff", "mmd"}
    n, m : tuple of int
        Numbers of points of the clouds of both sides.
    options : dict
        blur, reach, ... and solver, as the functions of `sinkhorn_nb` take them.
    which : tuple of int
        The result of each problem: tangents of one solution may be many.
    n_results : int
    is_single : bool
        Whether there is one problem, whose value has no axes.
    needs : tuple of bool
        Whether derivatives are needed in x, in y, in a and in b.
    """

    kind: str
    n: tuple[int, ...]
    m: tuple[int, ...]
    options: dict[str, Any]
    which: tuple[int, ...]
    n_results: int
    is_single: bool = False
    needs: Sequence[bool] = (True, True, True, True)

    @classmethod
    def of(
        cls,
        kind: str,
        sizes: tuple[Sequence[int], Sequence[int]],
        options: dict[str, Any],
        is_single: bool,
    ) -> Job:
        """A job whose problems have a result each."""
        n, m = map(tuple, sizes)
        count = len(n)
        which = tuple(range(count))
        return cls(kind, n, m, options, which, count, is_single)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the values."""
        return () if self.is_single else (len(self.n),)

    def repeated(self, count: int, with_results: bool) -> Job:
        """The job several times, with other results each time, or with the same ones."""
        step = self.n_results if with_results else 0
        which = tuple(k + r * step for r in range(count) for k in self.which)
        return self._replace(
            n=self.n * count,
            m=self.m * count,
            which=which,
            n_results=max(step * count, self.n_results),
            is_single=False,
        )

    def needing(self, needs: Sequence[bool]) -> Job:
        """The job for derivatives in some of x, y, a and b."""
        return self._replace(needs=needs[:4])

    def solve(self, x: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Results:
        """The result of each problem; empty weights are uniform."""
        clouds = arrays(x, self.n), arrays(y, self.m)
        on_x = arrays(a, self.n) if a.numel() else None
        on_y = arrays(b, self.m) if b.numel() else None
        return solve_all(self.kind, clouds, (on_x, on_y), self.options)

    def gradients(self, results: Results) -> list[Gradient]:
        """The gradient of each problem, in the points that are needed."""
        is_all = len(results) == len(self.which)
        if isinstance(results, Divergences) and is_all:
            parts = results.gradient()
            return [Gradient(*each) for each in zip(*parts, strict=True)]
        sides = Sides(*self.needs[:2])
        return [gradient_in(results[k], sides) for k in self.which]

    def split(self, x: Tensor, y: Tensor, a: Tensor, b: Tensor) -> list[Gradient]:
        """Tangents of each problem as float64 arrays on the host; empty ones are zero."""
        a = a if len(a) else a.new_zeros(sum(self.n))
        b = b if len(b) else b.new_zeros(sum(self.m))
        parts = map(_on_host, (x, y, a, b), self._sizes())
        return [Gradient(*each) for each in zip(*parts, strict=True)]

    def joined(
        self, gradients: Sequence[Gradient], tensors: Sequence[Tensor]
    ) -> list[Tensor | None]:
        """Flat tensors of the gradients, like the given ones; None where these are empty, and
        where no derivatives are needed.
        """
        parts = zip(*gradients, strict=True)
        return [
            like(tensor, part) if is_needed and tensor.numel() else None
            for tensor, part, is_needed in zip(tensors, parts, self.needs, strict=True)
        ]

    def scaled(self, parts: Sequence[Tensor | None], factors: Tensor) -> list[Tensor | None]:
        """The rows of each problem times a number; parts that are not needed are None."""
        if self.is_single:
            return [None if part is None else part * factors for part in parts]
        scaled: list[Tensor | None] = []
        for part, sizes in zip(parts, self._sizes(), strict=True):
            if part is None:
                scaled.append(None)
            else:
                scaled.append(part * _per_row(factors, part, sizes))
        return scaled

    def inner_products(self, parts: Sequence[Tensor], others: Sequence[Tensor]) -> Tensor:
        """The sum of products of the entries of each problem, over all flat tensors."""
        total: Any = 0.0
        for part, other, sizes in zip(parts, others, self._sizes(), strict=True):
            if len(part):
                per_row = (part * other).reshape(len(part), -1).sum(dim=1)
                sums = [rows.sum() for rows in per_row.split(list(sizes))]
                total = total + torch.stack(sums)
        return total.reshape(self.shape)

    def _sizes(self) -> tuple[tuple[int, ...], ...]:
        return self.n, self.m, self.n, self.m


def _on_host(tensor: Tensor, sizes: Sequence[int]) -> list[Any]:
    """Parts of a flat tensor as float64 arrays."""
    return [np.asarray(part, dtype=np.float64) for part in arrays(tensor.cpu(), sizes)]


def _per_row(factors: Tensor, part: Tensor, sizes: Sequence[int]) -> Tensor:
    """One number per problem, for each of its rows."""
    # NumPy starts no threads for so little
    numbers = np.repeat(np.arange(len(sizes)), sizes)
    which = torch.from_numpy(numbers).to(part.device)
    ones = (1,) * (part.dim() - 1)
    return factors.to(part)[which].reshape(-1, *ones)

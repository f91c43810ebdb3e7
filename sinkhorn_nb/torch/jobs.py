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
        return cls(kind, n, m, options, tuple(range(len(n))), len(n), is_single)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the values."""
        return () if self.is_single else (len(self.n),)

    def repeated(self, count: int, with_results: bool) -> Job:
        """The job several times, with other results each time, or with the same ones."""
        n_results = self.n_results if with_results else 0
        return self._replace(
            n=self.n * count,
            m=self.m * count,
            which=tuple(k + r * n_results for r in range(count) for k in self.which),
            n_results=max(n_results * count, self.n_results),
            is_single=False,
        )

    def needing(self, needs: Sequence[bool]) -> Job:
        """The job for derivatives in some of x, y, a and b."""
        return self._replace(needs=needs[:4])

    def solve(self, x: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Results:
        """The result of each problem; empty weights are uniform."""
        clouds = arrays(x, self.n), arrays(y, self.m)
        on_x = arrays(a, self.n) if len(a) else None
        on_y = arrays(b, self.m) if len(b) else None
        return solve_all(self.kind, clouds, (on_x, on_y), self.options)

    def gradients(self, results: Results) -> list[Gradient]:
        """The gradient of each problem, in the points that are needed."""
        if isinstance(results, Divergences) and len(results) == len(self.which):
            parts = results.gradient()
            return [Gradient(*each) for each in zip(*parts, strict=True)]
        sides = Sides(*self.needs[:2])
        return [gradient_in(results[k], sides) for k in self.which]

    def split(self, x: Tensor, y: Tensor, a: Tensor, b: Tensor) -> list[Gradient]:
        """Tangents of each problem as float64 arrays on the host; empty ones are zero."""
        a = a if len(a) else a.new_zeros(sum(self.n))
        b = b if len(b) else b.new_zeros(sum(self.m))
        parts = [arrays(t, sizes) for t, sizes in zip((x, y, a, b), self._sizes(), strict=True)]
        wide = [[np.asarray(each, dtype=np.float64) for each in part] for part in parts]
        return [Gradient(*each) for each in zip(*wide, strict=True)]

    def joined(
        self, gradients: Sequence[Gradient], tensors: Sequence[Tensor]
    ) -> list[Tensor | None]:
        """Flat tensors of the gradients, like the given ones; None where these are empty, and
        where no derivatives are needed.
        """
        parts = zip(*gradients, strict=True)
        return [
            like(tensor, part) if is_needed and len(tensor) else None
            for tensor, part, is_needed in zip(tensors, parts, self.needs, strict=True)
        ]

    def scaled(self, parts: Sequence[Tensor | None], factors: Tensor) -> list[Tensor | None]:
        """The rows of each problem times a number; parts that are not needed are None."""
        return [
            None if part is None else part * self._per_row(factors, part, sizes)
            for part, sizes in zip(parts, self._sizes(), strict=True)
        ]

    def sums(self, products: Sequence[Tensor]) -> Tensor:
        """The sum of the entries of each problem, over all flat tensors."""
        total: Any = 0.0
        for product, sizes in zip(products, self._sizes(), strict=True):
            if len(product):
                rows = product.reshape(len(product), -1).sum(dim=1)
                total = total + torch.stack([part.sum() for part in rows.split(list(sizes))])
        return total.reshape(self.shape)

    def _sizes(self) -> tuple[tuple[int, ...], ...]:
        return self.n, self.m, self.n, self.m

    def _per_row(self, factors: Tensor, part: Tensor, sizes: Sequence[int]) -> Tensor:
        """One number per problem, for each of its rows."""
        if self.is_single:
            return factors
        # NumPy starts no threads for so little
        rows = torch.from_numpy(np.repeat(np.arange(len(sizes)), sizes)).to(part.device)
        return factors.to(part)[rows].reshape(-1, *[1] * (part.dim() - 1))

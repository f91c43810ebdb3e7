"""The work of a differentiable function of tensors: one problem, or several in flat tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from .. import functional
from ..gradients import BOTH, Gradient
from ..losses.divergences import Divergences
from ..losses.hausdorff import hausdorff_divergence
from ..losses.mmd import mmd
from ..results.one_sided import Sides, gradient_in
from .tensors import arrays, like

Results: TypeAlias = Sequence[Any]  # a Divergence or a Solution for each problem


SOLVE: dict[str, Callable[..., Any]] = {
    "divergence": functional.sinkhorn_divergence,
    "transport": functional.entropic_ot,
    "hausdorff": hausdorff_divergence,
    "mmd": mmd,
}


@dataclass(frozen=True)
class Job:
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
    sides : Sides
        Whether derivatives are needed in the points x, and in the points y.
    """

    kind: str
    n: tuple[int, ...]
    m: tuple[int, ...]
    options: dict[str, Any]
    which: tuple[int, ...]
    n_results: int
    sides: Sides = BOTH

    @classmethod
    def of(cls, kind: str, n: Sequence[int], m: Sequence[int], options: dict[str, Any]) -> Job:
        """A job whose problems have a result each."""
        return cls(kind, tuple(n), tuple(m), options, tuple(range(len(n))), len(n))

    def repeated(self, count: int, with_results: bool) -> Job:
        """The job several times, with other results each time, or with the same ones."""
        if not with_results:
            return replace(self, n=self.n * count, m=self.m * count, which=self.which * count)
        which = tuple(k + r * self.n_results for r in range(count) for k in self.which)
        total = self.n_results * count
        return replace(self, n=self.n * count, m=self.m * count, which=which, n_results=total)

    def needing(self, needs: Sequence[bool]) -> Job:
        """The job for derivatives in some of x, y, a and b."""
        return replace(self, sides=Sides(bool(needs[0]), bool(needs[1])))

    def solve(self, x: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Results:
        """The result of each problem; empty weights are uniform."""
        xs, ys = arrays(x, self.n), arrays(y, self.m)
        weights = [arrays(a, self.n) if len(a) else None, arrays(b, self.m) if len(b) else None]
        if self.kind == "divergence" and len(xs) > 1:
            return functional.sinkhorn_divergences(xs, ys, *weights, **self.options)
        none = [None] * len(xs)
        sides = zip(xs, ys, weights[0] or none, weights[1] or none, strict=True)
        return [SOLVE[self.kind](*each, **self.options) for each in sides]

    def gradients(self, results: Results) -> list[Gradient]:
        """The gradient of each problem, in the points that are needed."""
        if isinstance(results, Divergences) and len(results) == len(self.which):
            parts = results.gradient()
            return [Gradient(*each) for each in zip(*parts, strict=True)]
        return [gradient_in(results[k], self.sides) for k in self.which]

    def split(self, x: Tensor, y: Tensor, a: Tensor, b: Tensor) -> list[Gradient]:
        """Tangents of each problem as float64 arrays on the host; empty ones are zero."""
        a = a if len(a) else a.new_zeros(sum(self.n))
        b = b if len(b) else b.new_zeros(sum(self.m))
        parts = [arrays(t, sizes) for t, sizes in zip((x, y, a, b), self._sizes(), strict=True)]
        wide = [[np.asarray(each, dtype=np.float64) for each in part] for part in parts]
        return [Gradient(*each) for each in zip(*wide, strict=True)]

    def joined(
        self, gradients: Sequence[Gradient], tensors: Sequence[Tensor]
    ) -> tuple[Tensor, ...]:
        """Flat tensors of the gradients, like the given ones; empty where these are empty, and
        zeros where no derivatives are needed.
        """
        parts = zip(*gradients, strict=True)
        needs = *self.sides, True, True
        return tuple(
            like(tensor, part) if is_needed and len(tensor) else torch.zeros_like(tensor)
            for tensor, part, is_needed in zip(tensors, parts, needs, strict=True)
        )

    def spread(self, values: Tensor, tensors: Sequence[Tensor]) -> list[Tensor]:
        """One number per problem, repeated for each of its rows, in the shape of flat tensors."""
        if len(self.n) == 1:
            return [values.reshape([1] * tensor.dim()) for tensor in tensors]
        spread = []
        for tensor, sizes in zip(tensors, self._sizes(), strict=True):
            rows = torch.repeat_interleave(
                torch.arange(len(sizes), device=tensor.device),
                torch.tensor(sizes, device=tensor.device),
            )
            rows = rows[: len(tensor)]
            spread.append(values[rows].reshape(-1, *[1] * (tensor.dim() - 1)))
        return spread

    def sums(self, products: Sequence[Tensor]) -> Tensor:
        """The sum of the entries of each problem, over all flat tensors."""
        total: Any = 0.0
        for product, sizes in zip(products, self._sizes(), strict=True):
            if len(product):
                rows = product.reshape(len(product), -1).sum(dim=1)
                total = total + torch.stack([part.sum() for part in rows.split(list(sizes))])
        return total

    def _sizes(self) -> tuple[tuple[int, ...], ...]:
        return self.n, self.m, self.n, self.m

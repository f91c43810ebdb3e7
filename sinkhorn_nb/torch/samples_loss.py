"""A loss with the signature of GeomLoss's `SamplesLoss`."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor

from .. import validation
from ..solver import Sinkhorn
from .functional import (
    entropic_ot,
    entropic_potentials,
    hausdorff_divergence,
    mmd,
    sinkhorn_divergence,
)
from .warm import WarmStart

LOSSES = ("sinkhorn", "hausdorff", "energy", "gaussian", "laplacian")


class SamplesLoss(torch.nn.Module):
    """A loss between weighted point clouds, called as GeomLoss's class.

    It converges to `tol` at the exact temperature; settings of GeomLoss that trade accuracy for
    speed have no effect. `sinkhorn_nb.torch.sinkhorn_divergence` is the same as a function.

    Parameters
    ----------
    loss : {"sinkhorn", "hausdorff", "energy", "gaussian", "laplacian"}, default "sinkhorn"
    p : float, default 2
        Exponent of the cost |x - y|^p / p.
    blur : float, default 0.05
        Length in the unit of the points, eps = blur**p.
    reach : float, optional
        Length of unbalanced transport, rho = reach**p.
    diameter, scaling, truncate, cluster_scale, verbose
        Accepted and without effect. GeomLoss's scaling=.5 leaves errors of 24 % in the median.
    debias : bool, default True
        False gives OT_eps.
    potentials : bool, default False
        Return the potentials instead of the value: (f_ab - f_aa, g_ab - g_bb), and (f, g) for
        debias=False, which have a derivative.
    backend : str
        GeomLoss's "tensorized", "online" and "multiscale" have no effect.
    warm_start : bool, default False
        Start from the last solution, if the clouds are as large: in a training loop steps then take
        few passes. Batches start anew. `start.result` is the last result, with its `n_passes`.
    tol : float, default 1e-3
        Largest accepted marginal error.
    solver : Sinkhorn, optional
        How to solve, instead of tol.

    Examples
    --------
    >>> import torch
    >>> from sinkhorn_nb.torch import SamplesLoss
    >>> x, y = torch.zeros(3, 2), torch.ones(3, 2)
    >>> round(float(SamplesLoss(blur=0.1)(x, y)), 3)
    1.0
    """

    def __init__(
        self,
        loss: str = "sinkhorn",
        p: float = 2,
        blur: float = 0.05,
        reach: float | None = None,
        diameter: float | None = None,
        scaling: float | None = None,
        truncate: float | None = None,
        cost: Any = None,
        kernel: Any = None,
        cluster_scale: float | None = None,
        debias: bool = True,
        potentials: bool = False,
        verbose: bool = False,
        backend: str = "auto",
        *,
        warm_start: bool = False,
        tol: float = 1e-3,
        solver: Sinkhorn | None = None,
    ) -> None:
        super().__init__()
        validation.choice("loss", loss, LOSSES)
        if cost is not None or kernel is not None:
            raise TypeError(
                "cost: expected None, got GeomLoss's kind of cost or kernel; pass p, or call "
                "sinkhorn_nb.torch.sinkhorn_divergence(cost=..., eps=...)"
            )
        if potentials and loss != "sinkhorn":
            raise ValueError(
                f"potentials: expected False for loss={loss!r}, got True; take the derivatives of "
                "the value in the weights by torch.autograd.grad"
            )
        if scaling is not None:
            warnings.warn(
                f"scaling: {scaling!r} has no effect: the loss converges to tol={tol:g}; leave "
                "scaling out, or set tol",
                UserWarning,
                stacklevel=2,
            )
        self.loss = loss
        self.blur, self.p, self.reach = blur, p, reach
        self.debias, self.potentials = debias, potentials
        self.solver = solver or Sinkhorn(tol=tol)
        self.start = WarmStart() if warm_start else None

    def forward(self, *clouds: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """The loss of (x, y) or of (a, x, b, y), single clouds or (B, n, d) batches."""
        x, y, a, b = _arguments(clouds)
        if self.loss not in ("sinkhorn", "hausdorff"):
            length = None if self.loss == "energy" else self.blur
            return mmd(x, y, a, b, kernel=self.loss, blur=length)

        options: dict[str, Any] = {"blur": self.blur, "p": self.p, "reach": self.reach}
        options["solver"] = self.solver
        if self.loss == "hausdorff":
            return hausdorff_divergence(x, y, a, b, **options)
        if self.potentials:
            return self._potentials(x, y, a, b, options)
        function = sinkhorn_divergence if self.debias else entropic_ot
        return function(x, y, a, b, warm_start=self.start, **options)

    def _potentials(
        self, x: Tensor, y: Tensor, a: Tensor | None, b: Tensor | None, options: dict[str, Any]
    ) -> tuple[Tensor, Tensor]:
        f, g = entropic_potentials(x, y, a, b, **options)
        if not self.debias:
            return f, g
        own_f, _ = entropic_potentials(x, x, a, a, **options)
        own_g, _ = entropic_potentials(y, y, b, b, **options)
        return f - own_f, g - own_g


def _arguments(clouds: tuple[Tensor, ...]) -> tuple[Any, Any, Any, Any]:
    """Points and weights x, y, a, b of a call; weights may have a last axis of length 1."""
    if len(clouds) == 2:
        return *clouds, None, None
    if len(clouds) != 4:
        raise TypeError(
            f"SamplesLoss: expected (x, y) or (a, x, b, y), got {len(clouds)} tensors; pass "
            "weights for both clouds or for none, and no labels of clusters"
        )
    a, x, b, y = clouds
    return x, y, _flat(a, x), _flat(b, y)


def _flat(weights: Any, points: Any) -> Any:
    if not (isinstance(weights, Tensor) and isinstance(points, Tensor)):
        return weights
    has_column = weights.dim() == points.dim()
    return weights.squeeze(-1) if has_column else weights

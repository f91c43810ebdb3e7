"""PyTorch: tensors in, tensors out, with derivatives by autograd and by `torch.func`.

The functions have the names and the arguments of those of `sinkhorn_nb`. They need PyTorch.
"""

from __future__ import annotations

try:
    import torch as _torch  # noqa: F401
except ImportError as error:
    raise ImportError(
        "torch: expected PyTorch for sinkhorn_nb.torch, got none; pip install 'sinkhorn-nb[torch]'"
    ) from error

from .functional import (
    entropic_map,
    entropic_ot,
    entropic_potentials,
    hausdorff_divergence,
    mmd,
    sinkhorn_divergence,
)
from .samples_loss import SamplesLoss
from .soft import soft_quantile, soft_rank, soft_sort
from .warm import WarmStart

__all__ = [
    "SamplesLoss",
    "WarmStart",
    "entropic_map",
    "entropic_ot",
    "entropic_potentials",
    "hausdorff_divergence",
    "mmd",
    "sinkhorn_divergence",
    "soft_quantile",
    "soft_rank",
    "soft_sort",
]

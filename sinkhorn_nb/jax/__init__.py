"""JAX: functions of arrays that can be differentiated, compiled and vectorized.

The functions have the names and the arguments of those of `sinkhorn_nb`. They need JAX, and compute
on the host.
"""

from __future__ import annotations

try:
    import jax as _jax  # noqa: F401
except ImportError as error:
    raise ImportError(
        "jax: expected JAX for sinkhorn_nb.jax, got none; pip install 'sinkhorn-nb[jax]'"
    ) from error

from .functional import (
    entropic_map,
    entropic_ot,
    entropic_potentials,
    hausdorff_divergence,
    mmd,
    sinkhorn_divergence,
)
from .soft import soft_quantile, soft_rank, soft_sort

__all__ = [
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

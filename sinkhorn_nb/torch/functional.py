"""The public functions of tensors."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .autograd import Value
from .calls import Call, Clouds, Weights
from .implicit import Map, Potentials
from .tensors import checked
from .warm import WarmStart


@torch.compiler.disable
def sinkhorn_divergence(
    x: Clouds,
    y: Clouds,
    a: Weights = None,
    b: Weights = None,
    *,
    warm_start: WarmStart | None = None,
    **options: Any,
) -> Tensor:
    """Sinkhorn divergence of tensors, with first and second derivatives in all of them.

    Parameters
    ----------
    x, y : (n, d) and (m, d) tensors
        Points. (B, n, d) and (B, m, d) tensors, or lists of B tensors with any number of points,
        are B pairs of clouds, solved together.
    a, b : (n,) and (m,) tensors, optional
        Weights, (B, n) and (B, m) or lists of tensors for B pairs; uniform by default.
    warm_start : WarmStart, optional
        Start from the last solution that it keeps, and keep this one, in a loop.
    **options
        blur, eps, p, cost, reach, rho and solver, as for `sinkhorn_nb.sinkhorn_divergence`.

    Returns
    -------
    Tensor
        The value, without axes, or (B,) values; of the type of x.

    Raises
    ------
    ValueError, TypeError
        On bad input, naming the argument and the cure.

    Warns
    -----
    ConvergenceWarning
        If the tolerance was not reached.

    Notes
    -----
    `torch.autograd` and the transforms of `torch.func` (grad, vmap, jvp, hessian) work. Third
    derivatives raise. float16 and bfloat16 are computed in float32. Tensors on the CPU are not
    copied.

    Examples
    --------
    >>> import torch
    >>> import sinkhorn_nb.torch as snt
    >>> x = torch.linspace(0, 1, 50)[:, None].requires_grad_()
    >>> snt.sinkhorn_divergence(x, x.detach() + 2, blur=0.05).backward()
    >>> round(float(x.grad.sum()), 2)
    -2.0
    """
    return solved("divergence", x, y, a, b, options, warm_start)


@torch.compiler.disable
def entropic_ot(
    x: Clouds,
    y: Clouds,
    a: Weights = None,
    b: Weights = None,
    *,
    warm_start: WarmStart | None = None,
    **options: Any,
) -> Tensor:
    """OT_eps of tensors, with first and second derivatives in all of them; arguments and result are
    those of `sinkhorn_divergence`.
    """
    return solved("transport", x, y, a, b, options, warm_start)


@torch.compiler.disable
def hausdorff_divergence(
    x: Clouds, y: Clouds, a: Weights = None, b: Weights = None, **options: Any
) -> Tensor:
    """Hausdorff divergence of tensors, with one derivative in all of them; arguments and result are
    those of `sinkhorn_divergence`.
    """
    return solved("hausdorff", x, y, a, b, options)


@torch.compiler.disable
def mmd(x: Clouds, y: Clouds, a: Weights = None, b: Weights = None, **options: Any) -> Tensor:
    """Kernel norm |a - b|_k^2 / 2 of tensors, with one derivative in all of them; `kernel` and
    `blur` are those of `sinkhorn_nb.mmd`.
    """
    return solved("mmd", x, y, a, b, options)


@torch.compiler.disable
def entropic_potentials(
    x: Tensor, y: Tensor, a: Tensor | None = None, b: Tensor | None = None, **options: Any
) -> tuple[Tensor, Tensor]:
    """The potentials f and g of OT_eps, of (n,) and (m,) entries, with one derivative in all
    tensors by implicit differentiation.
    """
    checked(x=x, y=y)
    call = Call.of(x, y, a, b)
    f, g, _ = call.apply(Potentials, "transport", options)
    return f.reshape(x.shape[:-1]), g.reshape(y.shape[:-1])


@torch.compiler.disable
def entropic_map(
    x: Tensor, y: Tensor, a: Tensor | None = None, b: Tensor | None = None, **options: Any
) -> Tensor:
    """The images (n, d) of the points x under the barycentric map of the entropic plan, with one
    derivative in all tensors by implicit differentiation.
    """
    checked(x=x, y=y)
    call = Call.of(x, y, a, b)
    images, _ = call.apply(Map, "transport", options)
    return images.reshape(x.shape)


def solved(
    kind: str,
    x: Clouds,
    y: Clouds,
    a: Weights,
    b: Weights,
    options: dict[str, Any],
    start: WarmStart | None = None,
) -> Tensor:
    """The value, or the values of several pairs of clouds."""
    call = Call.of(x, y, a, b)
    if start is not None:
        if not isinstance(start, WarmStart):
            raise TypeError(
                f"warm_start: expected a WarmStart, got {type(start).__name__}; pass the same "
                "WarmStart() to all calls of a loop"
            )
        options = start.options(kind, x, y, options)
    values, results = call.apply(Value, kind, options)
    if start is not None:
        start.keep(kind, x, y, results)
    return values

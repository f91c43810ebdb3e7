"""The public functions of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor

from .. import validation
from .autograd import Value
from .implicit import Map, Potentials
from .jobs import Job, Results
from .tensors import checked, without_derivatives

Clouds: TypeAlias = Tensor | Sequence[Tensor]
Weights: TypeAlias = Tensor | Sequence[Tensor] | None


@torch.compiler.disable
def sinkhorn_divergence(
    x: Clouds, y: Clouds, a: Weights = None, b: Weights = None, **options: Any
) -> Tensor:
    """Sinkhorn divergence of tensors, with first and second derivatives in all of them.

    Parameters
    ----------
    x, y : (n, d) and (m, d) tensors
        Points. (B, n, d) and (B, m, d) tensors, or lists of B tensors with any number of points,
        are B pairs of clouds, solved together.
    a, b : (n,) and (m,) tensors, optional
        Weights, (B, n) and (B, m) or lists of tensors for B pairs; uniform by default.
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
    return solved("divergence", x, y, a, b, options)[0]


@torch.compiler.disable
def entropic_ot(
    x: Clouds, y: Clouds, a: Weights = None, b: Weights = None, **options: Any
) -> Tensor:
    """OT_eps of tensors, with first and second derivatives in all of them; arguments and result are
    those of `sinkhorn_divergence`.
    """
    return solved("transport", x, y, a, b, options)[0]


@torch.compiler.disable
def hausdorff_divergence(
    x: Clouds, y: Clouds, a: Weights = None, b: Weights = None, **options: Any
) -> Tensor:
    """Hausdorff divergence of tensors, with one derivative in all of them; arguments and result are
    those of `sinkhorn_divergence`.
    """
    return solved("hausdorff", x, y, a, b, options)[0]


@torch.compiler.disable
def mmd(x: Clouds, y: Clouds, a: Weights = None, b: Weights = None, **options: Any) -> Tensor:
    """Kernel norm |a - b|_k^2 / 2 of tensors, with one derivative in all of them; `kernel` and
    `blur` are those of `sinkhorn_nb.mmd`.
    """
    return solved("mmd", x, y, a, b, options)[0]


@torch.compiler.disable
def entropic_potentials(
    x: Tensor, y: Tensor, a: Tensor | None = None, b: Tensor | None = None, **options: Any
) -> tuple[Tensor, Tensor]:
    """The potentials f and g of OT_eps, of (n,) and (m,) entries, with one derivative in all
    tensors by implicit differentiation.
    """
    checked(x=x, y=y)
    f, g, _ = _Call(x, y, a, b).apply(Potentials, "transport", options)
    return f.reshape(x.shape[:-1]), g.reshape(y.shape[:-1])


@torch.compiler.disable
def entropic_map(
    x: Tensor, y: Tensor, a: Tensor | None = None, b: Tensor | None = None, **options: Any
) -> Tensor:
    """The images (n, d) of the points x under the barycentric map of the entropic plan, with one
    derivative in all tensors by implicit differentiation.
    """
    checked(x=x, y=y)
    images, _ = _Call(x, y, a, b).apply(Map, "transport", options)
    return images.reshape(x.shape)


@torch.compiler.disable
def solved(
    kind: str, x: Clouds, y: Clouds, a: Weights, b: Weights, options: dict[str, Any]
) -> tuple[Tensor, Results]:
    """The value, or the values of several pairs of clouds, and the results."""
    values, results = _Call(x, y, a, b).apply(Value, kind, options)
    return values[0] if _is_single(x) else values, results


class _Call:
    """The arguments of a call as flat tensors."""

    def __init__(self, x: Clouds, y: Clouds, a: Weights, b: Weights) -> None:
        self._x, self._n = _flat("x", x)
        self._y, self._m = _flat("y", y)
        if len(self._n) != len(self._m):
            raise ValueError(
                f"y: expected {len(self._n)} clouds like x, got {len(self._m)}; pass as many"
            )
        self._a = self._weights("a", a, x, self._n)
        self._b = self._weights("b", b, y, self._m)
        checked(x=self._x, y=self._y, a=self._a, b=self._b)

    def apply(self, function: Any, kind: str, options: dict[str, Any]) -> Any:
        """Apply a function of flat tensors."""
        without_derivatives(options)
        job = Job.of(kind, self._n, self._m, options)
        return function.apply(self._x, self._y, self._a, self._b, job)

    def _weights(self, name: str, weights: Weights, clouds: Clouds, sizes: Sequence[int]) -> Tensor:
        if weights is None:
            return self._x.new_zeros(0)
        if isinstance(weights, (list, tuple)):
            parts = {f"{name}[{k}]": part for k, part in enumerate(weights)}
            shapes = [torch.Size([size]) for size in sizes]
        else:
            parts = {name: weights}
            shapes = [clouds.shape[:-1]] if isinstance(clouds, Tensor) else []
        checked(**parts)
        if [part.shape for part in parts.values()] != shapes:
            expected = list(sizes) if len(sizes) > 1 else sizes[0]
            found = [tuple(part.shape) for part in parts.values()]
            raise ValueError(
                f"{name}: expected {expected} weights, one per point, got {found}; pass weights in "
                "the shape of the points, or None for uniform weights"
            )
        return torch.cat([part.reshape(-1) for part in parts.values()])


def _is_single(x: Clouds) -> bool:
    return isinstance(x, Tensor) and x.dim() <= 2


def _flat(name: str, clouds: Clouds) -> tuple[Tensor, list[int]]:
    """The points of all clouds, one after another, and their numbers."""
    if not isinstance(clouds, (list, tuple)):
        points: Any = clouds
        checked(**{name: points})
        if points.dim() == 3:
            return points.reshape(-1, points.shape[-1]), [points.shape[1]] * points.shape[0]
        return _points(name, points), [len(points)]
    if not clouds:
        raise ValueError(f"{name}: expected at least one cloud, got none; pass tensors (n, d)")
    checked(**{f"{name}[{k}]": cloud for k, cloud in enumerate(clouds)})
    for k, cloud in enumerate(clouds):
        _points(f"{name}[{k}]", cloud)
        validation.same_dimension(f"{name}[{k}]", cloud, f"{name}[0]", clouds[0])
    return torch.cat(list(clouds)), [len(cloud) for cloud in clouds]


def _points(name: str, points: Tensor) -> Tensor:
    if points.dim() != 2:
        raise ValueError(
            f"{name}: expected points (n, d) or clouds (B, n, d), got shape {tuple(points.shape)}; "
            f"points on a line are {name}[:, None]"
        )
    return points

"""The public functions of JAX arrays."""

from __future__ import annotations

from typing import Any

from .calls import called
from .implicit import barycentric_map, potentials
from .values import value


def sinkhorn_divergence(x: Any, y: Any, a: Any = None, b: Any = None, **options: Any) -> Any:
    """Sinkhorn divergence of arrays, with first and second derivatives in all of them.

    Parameters
    ----------
    x, y : (n, d) and (m, d) arrays
    a, b : (n,) and (m,) arrays, optional
        Weights; uniform by default.
    **options
        blur, eps, p, cost, reach, rho and solver, as for `sinkhorn_nb.sinkhorn_divergence`. They
        must be known when the function is traced.

    Returns
    -------
    Array
        The value, without axes.

    Notes
    -----
    `jit`, `grad`, `value_and_grad`, `jvp`, `hessian` and `lax.scan` work; `vmap` solves a batch.
    Third derivatives raise. Integers and narrow types are computed in float32.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> import sinkhorn_nb.jax as snj
    >>> x = jnp.linspace(0, 1, 50)[:, None]
    >>> gradient = jax.grad(lambda x: snj.sinkhorn_divergence(x, x + 2, blur=0.05))
    >>> value = jax.jit(lambda x, y: snj.sinkhorn_divergence(x, y, blur=0.05))(x, x + 2)
    >>> round(float(value), 2)
    2.0
    """
    return called(value, "divergence", (x, y, a, b), options)


def entropic_ot(x: Any, y: Any, a: Any = None, b: Any = None, **options: Any) -> Any:
    """OT_eps of arrays, with first and second derivatives in all of them; arguments and result are
    those of `sinkhorn_divergence`.
    """
    return called(value, "transport", (x, y, a, b), options)


def hausdorff_divergence(x: Any, y: Any, a: Any = None, b: Any = None, **options: Any) -> Any:
    """Hausdorff divergence of arrays, with one derivative in all of them; arguments and result are
    those of `sinkhorn_divergence`.
    """
    return called(value, "hausdorff", (x, y, a, b), options)


def mmd(x: Any, y: Any, a: Any = None, b: Any = None, **options: Any) -> Any:
    """Kernel norm |a - b|_k^2 / 2 of arrays, with one derivative in all of them; `kernel` and
    `blur` are those of `sinkhorn_nb.mmd`.
    """
    return called(value, "mmd", (x, y, a, b), options)


def entropic_potentials(
    x: Any, y: Any, a: Any = None, b: Any = None, **options: Any
) -> tuple[Any, Any]:
    """The potentials f (n,) and g (m,) of OT_eps, with one derivative in all arrays, in reverse
    mode.
    """
    f, g = called(potentials, "transport", (x, y, a, b), options)
    return f, g


def entropic_map(x: Any, y: Any, a: Any = None, b: Any = None, **options: Any) -> Any:
    """The images (n, d) of the points x under the barycentric map, with one derivative in all
    arrays, in reverse mode.
    """
    return called(barycentric_map, "transport", (x, y, a, b), options)

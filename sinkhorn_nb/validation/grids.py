"""Check images, histograms and volumes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..common.array_types import Floats
from . import meaning
from .arrays import check_finite, converted, host_array, real_array
from .masses import check_sum

MOST_AXES = 3
CHANNELS = (3, 4)  # of colors, and with their opacity
MANY = 16  # pixels along both other axes, from which numbers of any dtype may be colors, too
LEAST_BLUR = 0.5  # in pixels: below, the plan between pixels is not that of the image


def image(name: str, value: Any, is_volume: bool = False) -> tuple[Floats, float, str | None]:
    """Convert to an array of pixels >= 0 with one to three axes; return the relative error of its
    sum that the original dtype allows, and its unit, too. A volume may have as many layers as
    images have channels.
    """
    what = "an array of pixels, with one axis for each dimension"
    meaning.refuse_path(name, value, what)
    if np.ma.is_masked(value):
        raise ValueError(
            f"{name}: expected {what} without masked entries, got {np.ma.count_masked(value)} of "
            f"them; pass {name}.filled(0) if masked pixels have no mass"
        )
    raw = host_array(name, value, what)
    array = np.array(converted(name, value, raw, what), dtype=np.float64, order="C")
    if not 1 <= array.ndim <= MOST_AXES or array.size == 0:
        raise ValueError(
            f"{name}: expected 1 to {MOST_AXES} axes with at least one pixel each, got shape "
            f"{array.shape}; pass one image, histogram or volume"
        )
    if array.ndim == MOST_AXES and not is_volume:
        _refuse_channels(name, array.shape, raw.dtype)
    check_finite(name, array)
    if (array < 0).any():
        place = np.unravel_index(np.argmin(array), array.shape)
        where = [int(k) for k in place]
        raise ValueError(
            f"{name}: expected pixels >= 0, got {array[place]} at index {where}; clip negative "
            "pixels, or compare positive and negative parts apart"
        )
    if not array.any():
        raise ValueError(
            f"{name}: expected at least one pixel > 0, got an empty image; leave it out, or add a "
            "background and pass reach"
        )
    check_sum(name, array, "pixels")
    rounding = meaning.mass_rounding(raw.dtype, array.size)
    return array, rounding, meaning.unit(name, value)


def _refuse_channels(name: str, shape: tuple[int, ...], dtype: Any) -> None:
    """Refuse three axes that may be those of an image with channels, last or first."""
    for axis, first, colors in ((-1, "..., 0", "..., :3"), (0, "0", ":3")):
        pixels = shape[:-1] if axis else shape[1:]
        least = 1 if dtype == np.uint8 else MANY
        if shape[axis] in CHANNELS and min(pixels) >= least:
            raise ValueError(
                f"{name}: expected one number per pixel, got shape {shape} of {dtype}, which "
                f"looks like an image with {shape[axis]} channels; pass one channel, "
                f"{name}[{first}], or their sum, {name}[{colors}].sum(axis={axis}); if it is a "
                "volume, pass a spacing for each axis: spacing=(1, 1, 1)"
            )


def per_axis(name: str, value: Any, d: int) -> tuple[float, ...]:
    """Convert to one finite number per axis; a single number serves all axes."""
    array = real_array(name, value, f"a number, or one for each of {d} axes").astype(np.float64)
    if array.shape not in ((), (d,)):
        raise ValueError(
            f"{name}: expected one number, or {d} of them, one per axis of the image, got shape "
            f"{array.shape}; pass as many as the image has axes"
        )
    check_finite(name, array)
    return tuple(np.broadcast_to(array, d).tolist())


def spacing(name: str, value: Any, d: int) -> tuple[float, ...]:
    """Convert to one positive length per axis."""
    lengths = per_axis(name, value, d)
    if min(lengths) <= 0:
        raise ValueError(
            f"{name}: expected lengths > 0, got {min(lengths):g}; pass the distance of neighboring "
            "pixels, and flip an axis that runs backwards"
        )
    return lengths


def without_weights(name: str, weights: Any, kind: str) -> None:
    """Refuse weights beside an object that has its own."""
    if weights is not None:
        raise TypeError(
            f"{name}: expected None beside a {kind}, which has its weights, got "
            f"{type(weights).__name__}; leave it out, or make a {kind} with these weights"
        )


def is_same_spacing(value: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Tell whether two grids have the same axes and pixels of the same size."""
    if len(value) != len(other):
        return False
    return np.allclose(value, other, rtol=1e-9, atol=0)


def same_spacing(
    name: str, value: tuple[float, ...], other_name: str, other: tuple[float, ...]
) -> None:
    """Check that two grids have the same axes and pixels of the same size."""
    if len(value) != len(other):
        raise ValueError(
            f"{name}: expected a grid with {len(other)} axes like {other_name}, got {len(value)}; "
            "compare images with images and volumes with volumes"
        )
    if not is_same_spacing(value, other):
        raise ValueError(
            f"{name}: expected the spacing {_listed(other)} of {other_name}, got {_listed(value)}; "
            "resample one of them, such as with scipy.ndimage.zoom, or pass pixels as points: "
            "grid.points.reshape(-1, d) and grid.weights.ravel()"
        )


def wide_as_a_pixel(blur: float, widest: float) -> None:
    """Check that a blur is not far below the size of a pixel."""
    if blur < LEAST_BLUR * widest:
        raise ValueError(
            f"blur: expected at least half a pixel, {LEAST_BLUR * widest:.3g} in the unit of the "
            f"spacing, got {blur:.3g}; use a larger blur, give the spacing of the pixels, or pass "
            "pixels as points: grid.points.reshape(-1, d) and grid.weights.ravel()"
        )


def _listed(lengths: tuple[float, ...]) -> str:
    return "(" + ", ".join(f"{length:.9g}" for length in lengths) + ")"

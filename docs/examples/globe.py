"""
Costs on the globe
==================

Ships on the west of the Pacific, and harbors on its east. The squared distance between degrees
takes the map for flat: nobody crosses its edge, the date line, and all ships go the long way round.
Great circles, ``cost="haversine"``, know no edge.
"""

import numpy as np
from matplotlib import pyplot as plt

import sinkhorn_nb as snb
from sinkhorn_nb.plotting import palette

rng = np.random.default_rng(0)


def around(latitude, longitude, n=40):
    """Points around a place, in degrees; longitudes are from -180 to 180."""
    points = [latitude, longitude] + 8 * rng.normal(size=(n, 2))
    points[:, 1] = (points[:, 1] + 180) % 360 - 180
    return points


def unit(points):
    """Unit vectors: toward the eye, to the right and up; the date line is in the middle."""
    latitude, longitude = np.radians(points).T
    level = np.cos(latitude)
    return np.stack([-level * np.cos(longitude), -level * np.sin(longitude), np.sin(latitude)], -1)


def draw(ax, way, color, width):
    """The part of a way on this side of the globe."""
    depth, right, up = way.T
    ax.plot(*np.where(depth > 0, [right, up], np.nan), color=color, linewidth=width)


ships = np.concatenate([around(35, 150), around(-20, 165)])
harbors = np.concatenate([around(45, -135), around(-25, -130)])
flat = snb.entropic_ot(ships, harbors, blur=4.0)
curved = snb.entropic_ot(np.radians(ships), np.radians(harbors), cost="haversine", eps=0.01)

# %%
# One harbor for each ship, and the way to it.

share = np.linspace(0, 1, 80)[:, None]
angles = np.linspace(-180, 180, 121)
figure, axes = plt.subplots(1, 2, figsize=(9, 4.4), layout="constrained")
for ax, solution, title in zip(axes, (flat, curved), ("a flat map", "great circles"), strict=True):
    for k in range(-150, 181, 30):
        draw(ax, unit(np.stack([angles / 2, np.full(121, k)], axis=1)), palette.GREY, 0.6)
    for k in range(-60, 61, 30):
        draw(ax, unit(np.stack([np.full(121, k), angles], axis=1)), palette.GREY, 0.6)

    ax.add_patch(plt.Circle((0, 0), 1, fill=False, color=palette.GREY))
    partners = harbors[solution.matching()[1]]
    for here, there in zip(ships, partners, strict=True):
        straight = here + share * (there - here)
        chord = unit(here) + share * (unit(there) - unit(here))
        circle = chord / np.linalg.norm(chord, axis=1, keepdims=True)
        draw(ax, unit(straight) if solution is flat else circle, palette.INK, 0.5)
    for points, color in ((ships, palette.SOURCE), (harbors, palette.TARGET)):
        ax.scatter(*unit(points)[:, 1:].T, s=12, color=color, linewidths=0, zorder=3)
    ax.set(title=title, aspect="equal")
    ax.axis("off")
plt.show()

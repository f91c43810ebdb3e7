"""
Registration of two volumes
===========================

A volume turns and moves onto another one, by the gradient flow of the divergence among rigid
motions: each step is the rigid motion that is closest to minus the gradient in the places of the
voxels. The target has a ball that the volume lacks; with a reach, its mass need not be transported.
"""

import numpy as np
from matplotlib import pyplot as plt
from scipy.ndimage import affine_transform
from scipy.spatial.transform import Rotation

import sinkhorn_nb as snb

N, BLUR, REACH, STEPS = 48, 0.04, 0.1, 16
SHOWN = 0, 2, 6, STEPS

place = (np.arange(N) + 0.5) / N - 0.5
places = np.stack(np.meshgrid(place, place, place, indexing="ij"), axis=-1)


def ellipsoid(center, axes):
    """1 inside, 0 outside."""
    return (((places - center) / axes) ** 2).sum(axis=-1) < 1


def moved(volume, turn, shift):
    """The volume after x -> turn x + shift, by interpolation."""
    center = (N - 1) / 2
    back = turn.T
    offset = center - back @ (N * shift + center)
    return np.maximum(affine_transform(volume, back, offset, order=1), 0)


body = ellipsoid([0, 0, 0], [0.3, 0.13, 0.1]) | ellipsoid([0.18, 0.12, 0], [0.1, 0.15, 0.08])
volume = body / body.sum()
known_turn = Rotation.from_euler("xyz", [20, -15, 40], degrees=True).as_matrix()
known_shift = np.array([0.06, -0.05, 0.08])
target = moved(volume, known_turn, known_shift)
target += 0.1 * ellipsoid([-0.35, -0.35, 0], 3 * [0.08]) / ellipsoid([0, 0, 0], 3 * [0.08]).sum()
goal = snb.Grid(target, spacing=1 / N, origin=place[0])

turn, shift = np.eye(3), np.zeros(3)
pictures = {}
for step in range(STEPS + 1):
    now = moved(volume, turn, shift)
    divergence = snb.sinkhorn_divergence(
        snb.Grid(now, spacing=1 / N, origin=place[0]), goal, blur=BLUR, reach=REACH
    )
    if step in SHOWN:
        pictures[step] = now
        print(f"step {step}: divergence {float(divergence):.5f}")
    filled = now > 0
    mass, x = now[filled], places[filled]
    new = x - divergence.gradient().x[filled] / mass[:, None]
    middle, new_middle = np.average(x, axis=0, weights=mass), np.average(new, axis=0, weights=mass)
    small, _ = Rotation.align_vectors(new - new_middle, x - middle, weights=mass)
    turn = small.as_matrix() @ turn
    shift = small.as_matrix() @ (shift - middle) + new_middle

angle = np.degrees(Rotation.from_matrix(turn @ known_turn.T).magnitude())
print(f"left: {angle:.1f} degrees, {np.linalg.norm(shift - known_shift) * N:.2f} voxels")

# %%
# Sums over the last axis: the target in orange, the volume that moves in blue.

figure, axes = plt.subplots(1, len(SHOWN), figsize=(9, 2.6), layout="constrained")
for ax, (step, now) in zip(axes, pictures.items(), strict=True):
    blue, orange = (image.sum(axis=2) / target.sum(axis=2).max() for image in (now, target))
    colors = 1 - blue[..., None] * [0.9, 0.5, 0.1] - orange[..., None] * [0.05, 0.45, 0.9]
    ax.imshow(np.clip(colors, 0, 1), interpolation="bilinear")
    ax.set(title=f"step {step}", xticks=[], yticks=[])
plt.show()

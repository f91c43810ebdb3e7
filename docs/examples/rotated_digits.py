"""
Domain adaptation: reading rotated digits
=========================================

Labels are known for upright digits alone. The aligner moves these onto rotated digits without
labels, and a classifier that is trained on the moved ones reads the rotated ones. If POT is
installed, its SinkhornTransport does the same at the same regularization.
"""

import numpy as np
from matplotlib import pyplot as plt
from scipy.ndimage import rotate
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

import sinkhorn_nb as snb

try:
    from ot.da import SinkhornTransport
except ImportError:
    SinkhornTransport = None

ANGLE = 20  # degrees
# In units of ink, of which a pixel holds 16 at most; at less the map follows single digits
BLUR = 10.0

data = load_digits()
upright = data.images[:900]
labels = data.target[:900]
turned = np.array([rotate(image, ANGLE, reshape=False, order=1) for image in data.images[900:]])
x = upright.reshape(900, -1)
z = turned.reshape(len(turned), -1)

moved = snb.EntropicAligner(z, blur=BLUR, debiased=False).fit_transform(x)
trained_on = {"upright digits": x, "digits moved by EntropicAligner": moved}
if SinkhornTransport:
    transport = SinkhornTransport(reg_e=2 * BLUR**2, max_iter=10_000).fit(Xs=x, Xt=z)
    trained_on["digits moved by POT"] = transport.transform(Xs=x)
for name, points in trained_on.items():
    score = KNeighborsClassifier(1).fit(points, labels).score(z, data.target[900:])
    print(f"trained on {name}: {score:.0%} of the rotated digits are read")

# %%
# Upright digits, where the transport moves them, and the rotated digits that are to be read.

rows = {"upright": upright, "moved": moved.reshape(-1, 8, 8), "to be read": turned}
figure, axes = plt.subplots(3, 10, figsize=(10, 3.3), layout="constrained")
for row, (title, images) in zip(axes, rows.items(), strict=True):
    row[0].set_title(title, loc="left", fontsize=10)
    for ax, image in zip(row, images, strict=False):
        ax.imshow(image, cmap="gray_r", vmin=0, vmax=16)
        ax.axis("off")
plt.show()

"""What an initializer returns."""

from typing import NamedTuple

import numpy as np


class Start(NamedTuple):
    """Potentials between probabilities, in the order of the partitions, and the passes they took."""

    f: np.ndarray
    g: np.ndarray
    n_passes: float

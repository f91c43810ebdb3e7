"""The types of arrays in annotations: what a caller passes, and what the library computes with."""

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Coordinates: TypeAlias = npt.NDArray[np.floating[Any]]  # float32 or float64
Indices: TypeAlias = npt.NDArray[np.intp]
Booleans: TypeAlias = npt.NDArray[np.bool_]
Numbers: TypeAlias = npt.NDArray[Any]
Pair: TypeAlias = tuple[Floats, Floats]  # arrays of the source and of the target

Precision: TypeAlias = Literal["float32", "float64"]  # of the pairs

ArrayLike: TypeAlias = npt.ArrayLike
Arrays: TypeAlias = Sequence[ArrayLike] | Numbers  # a list of clouds
Weights: TypeAlias = Sequence[ArrayLike | None] | Numbers  # and of their weights

"""The report of a compression, or the reason why there was none."""

from __future__ import annotations

from dataclasses import dataclass

from ..common.representation import Represented


@dataclass(frozen=True, repr=False)
class Compression(Represented):
    """The nodes that stood for the points of a solve, or the reason why there were none.

    Attributes
    ----------
    kappa : float or None
        Side of the cells in units of the blur; None for a plain solve.
    n_nodes : pair of int
        Numbers of nodes that stood for the points of the source and of the target.
    n_rounds : int
        Sizes of cells that were tried.
    reason : str
        The reason in words.
    """

    kappa: float | None
    n_nodes: tuple[int, int]
    n_rounds: int
    reason: str

    @classmethod
    def of(cls, kappa: float, n_nodes: tuple[int, int], n_rounds: int) -> Compression:
        """The report of a compressed solve."""
        n, m = n_nodes
        reason = f"solved between {n} and {m} nodes, in cells of {kappa:.2g} blur"
        return cls(kappa, n_nodes, n_rounds, reason)

    @classmethod
    def none(cls, reason: str) -> Compression:
        """The report of a plain solve."""
        return cls(None, (0, 0), 0, reason)

    def __bool__(self) -> bool:
        """Whether the solve was compressed."""
        return self.kappa is not None

    def _facts(self) -> dict[str, object]:
        if self.kappa is None:
            return {"kappa": None, "reason": self.reason}
        return {"kappa": self.kappa, "n_nodes": self.n_nodes, "n_rounds": self.n_rounds}


LEAST_POINTS = 12_000  # of both measures together: smaller problems are solved as fast without
LEAST_ON_GPU = 300_000  # a GPU makes a plain solve of so many in a tenth of a second, on paper
SMALL = Compression.none(f"there are no more than {LEAST_POINTS} points")

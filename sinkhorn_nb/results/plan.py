"""The transport plan as a linear operator that is never formed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar, overload

import numpy as np
import numpy.typing as npt
from scipy.sparse.linalg import LinearOperator

from .. import validation
from ..backends.choice import NAMES
from ..backends.plan_entries import PlanEntries
from ..backends.pointwise import LOG2E
from ..common.array_types import ArrayLike, Floats, Indices
from ..common.caching import cached_property, know
from ..common.representation import Represented
from ..interop.arrays import HOST, Home
from ..kernels.protocol import Kernel
from ..problem import Problem
from .plan_points import PlanPoints
from .plan_rows import HIGHEST, HIGHEST_SHARE, Chosen, entries
from .plan_statistics import Pairs, TopK, draw, normalized_entropy

Result = TypeVar("Result")

EVERY = slice(None)
MAX_ENTRIES = 10**8
# Bound of the log of a row sum relative to the weight, so that the sum stays finite
LARGEST_LOG = 600.0
# Of a product relative to the weight: larger sums cannot come from the potentials of a solution
LARGEST_SUM = 1e280


@dataclass(frozen=True, eq=False, repr=False)
class Plan(Represented, LinearOperator):
    """P_ij = a_i b_j exp((f_i + g_j - C_ij) / eps), as an (n, m)
    `scipy.sparse.linalg.LinearOperator`.

    Products and marginals cost one pass over the pairs (O(n m d) time, O(n + m) memory), in
    float64, on the backend. Entries (`row`, `block`, `toarray`, `topk`, `sample`,
    `normalized_entropy`) are computed on the CPU with any backend, from differences of the
    coordinates: an entry depends on its two points alone.

    Parameters
    ----------
    problem : Problem
    f, g : (n,) and (m,) arrays
        Potentials in units of cost, such as `Solution.f` and `Solution.g`; the plan keeps float64
        copies on the host.
    backend : {"auto", "cpu", "cuda"}
    home : Home
        The library and the device of the arrays of all results; NumPy on the host by default.

    Examples
    --------
    >>> import numpy as np, sinkhorn_nb as snb
    >>> plan = snb.entropic_ot([[0.0], [1.0]], [[0.0], [1.0]], blur=0.1).plan
    >>> plan
    Plan(n=2, m=2, mass=1, blur=0.1)
    >>> np.round(plan @ np.ones(2), 3)
    array([0.5, 0.5])
    >>> np.round(np.asarray(2 * plan @ plan.T @ np.eye(2)), 3)
    array([[0.5, 0. ],
           [0. , 0.5]])
    """

    problem: Problem
    f: Floats
    g: Floats
    backend: str = "auto"
    home: Home = HOST

    dtype = np.dtype(np.float64)

    def __post_init__(self) -> None:
        f = validation.like("f", self.f, self.problem.source.weights)
        g = validation.like("g", self.g, self.problem.target.weights)
        backend = validation.choice("backend", self.backend, NAMES)
        self.__dict__.update(f=f, g=g, backend=backend)
        # What SciPy keeps in an operator; its own initializer cannot write into a frozen one
        blank = LinearOperator(self.shape, np.copy, dtype=self.dtype)
        self.__dict__.update(vars(blank))

    def __reduce__(self) -> tuple[Any, ...]:
        return Plan, (self.problem, self.f, self.g, self.backend, self.home)

    @property
    def shape(self) -> tuple[int, int]:
        """(n, m)."""
        return len(self.f), len(self.g)

    @property
    def T(self) -> Plan:
        """The transposed plan, from target to source."""
        return Plan(self.problem.T, self.g, self.f, self.backend, self.home)

    def _transpose(self) -> Plan:
        return self.T

    def _adjoint(self) -> Plan:
        return self.T

    def _facts(self) -> dict[str, object]:
        return dict(zip("nm", self.shape, strict=True)) | {
            "mass": self.problem.mass,
            **self.problem._temperature,
        }

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> Floats:
        if copy is False:
            raise ValueError(
                "copy: expected None or True, got False; a plan has no array to share, pass None "
                "for a new one"
            )
        return self._dense(MAX_ENTRIES).astype(dtype or self.dtype, copy=False)

    @overload
    def dot(self, x: Plan | complex) -> LinearOperator: ...

    @overload
    def dot(self, x: ArrayLike) -> Floats: ...

    @overload
    def dot(self, x: LinearOperator) -> LinearOperator: ...

    def dot(self, x: Any) -> Floats | LinearOperator:
        """P x for an array (m,) or (m, k), on the device of the problem's arrays. `@` and `*` do
        the same.

        The product with a number or with another linear operator is a linear operator.
        """
        x = validation.entry(x)
        if np.isscalar(x) or isinstance(x, LinearOperator):
            return super().dot(x)
        return self._send(self._matmat(x))

    def __rmul__(self, u: object) -> LinearOperator:
        return super().__rmul__(validation.entry(u))

    def __truediv__(self, number: object) -> LinearOperator:
        return super().__truediv__(validation.entry(number))

    @overload
    def __matmul__(self, v: Plan) -> LinearOperator: ...

    @overload
    def __matmul__(self, v: ArrayLike) -> Floats: ...

    @overload
    def __matmul__(self, v: LinearOperator) -> LinearOperator: ...

    def __matmul__(self, v: Any) -> Floats | LinearOperator:
        return super().__matmul__(validation.entry(v))

    def __rmatmul__(self, u: ArrayLike) -> Floats:
        u = validation.entry(u)
        if np.isscalar(u):
            return super().__rmatmul__(u)
        columns = validation.host_array("u", u).T
        return self._send(self.T._matmat(columns).T)

    def _matmat(self, v: ArrayLike) -> Floats:
        n, m = self.shape
        v = validation.matrix("v", v, m)
        products = self._transport(v.reshape(m, -1))
        return products.reshape(n, *v.shape[1:])

    def _matvec(self, v: ArrayLike) -> Floats:
        return self._matmat(v)

    def _rmatmat(self, u: ArrayLike) -> Floats:
        return self.T._matmat(u)

    def _rmatvec(self, u: ArrayLike) -> Floats:
        return self.T._matmat(u)

    def _transport(self, V: Floats) -> Floats:
        """sum_j P_ij V_j for the rows V_j of an (m, k) array."""
        rows, columns = self._points
        means = columns.average(V)
        sums = self._kernel.transport(rows.potential, columns.potential, means)
        sums = np.nan_to_num(sums, nan=LARGEST_SUM)
        return rows.expand(np.clip(sums, -LARGEST_SUM, LARGEST_SUM))

    @overload
    def sum(self, axis: None = None, *, out: None = None) -> float: ...

    @overload
    def sum(self, axis: int, *, out: None = None) -> Floats: ...

    def sum(self, axis: int | None = None, *, out: None = None) -> float | Floats:
        """The marginals: axis=1 or -1 gives the row sums (n,), axis=0 or -2 the column sums (m,),
        and None the mass.

        `numpy.sum(plan)` passes `out`, which must be None.
        """
        validation.choice("axis", axis, (None, 0, 1, -1, -2))
        if out is not None:
            raise TypeError(
                f"out: expected None, got {type(out).__name__}; copy the result into it"
            )
        if axis in (0, -2):
            return self.T.sum(axis=1)
        rows, columns = self._points
        log_ratios = self._kernel.log_row_sums(rows.potential, columns.potential)
        ratios = np.exp(np.minimum(log_ratios, LARGEST_LOG))
        sums = rows.expand(ratios)
        return float(sums.sum()) if axis is None else self._send(sums)

    def block(self, rows: ArrayLike | slice, cols: ArrayLike | slice) -> Floats:
        """The dense, two-dimensional P[rows][:, cols] for indices, slices or booleans."""
        n, m = self.shape
        rows = validation.indices("rows", rows, n)
        cols = validation.indices("cols", cols, m)
        return self._send(self._entries(rows, cols).dense())

    def row(self, i: int) -> Floats:
        """Row i as a dense (m,) array."""
        chosen = validation.indices("i", [i], self.shape[0])
        return self._send(self._entries(chosen).dense()[0])

    def toarray(self, max_entries: int = MAX_ENTRIES) -> Floats:
        """The dense (n, m) plan. Like `numpy.asarray(plan)`, it is refused above max_entries
        numbers (8 bytes each).
        """
        return self._send(self._dense(max_entries))

    def topk(self, k: int) -> TopK:
        """The k largest entries of each row; among equal entries those with lower indices.

        Returns
        -------
        TopK
            indices (n, k) and values (n, k), largest first. Cost: O(n m d) time, O(n k + m) memory.
        """
        k = min(validation.count("k", k), self.shape[1])
        columns, values = self._entries().largest(k)
        return TopK(self._send(columns), self._send(values))

    def sample(self, k: int, random_state: int | np.random.Generator | None = None) -> Pairs:
        """Draw k pairs (i, j) independently from P / sum(P).

        Parameters
        ----------
        k : int
        random_state : None, int or numpy.random.Generator

        Returns
        -------
        Pairs
            rows (k,) and columns (k,), in the order of the draws. Cost: at most two passes over the
            pairs, or one if the row sums are known, as after a solve in float64; O(n + m + k)
            memory.
        """
        k = validation.count("k", k)
        rng = np.random.default_rng(
            validation.random_state("random_state", random_state, np.random.Generator)
        )
        rows, columns = draw(k, rng, self._log_sums, self._conditional)
        return Pairs(self._send(rows), self._send(columns))

    @cached_property
    def normalized_entropy(self) -> float:
        """The spread of the plan: 0 for a one-to-one plan, 1 for the independent plan a (x) b.

        It is (H(P) - max(H(a), H(b))) / min(H(a), H(b)), where H is the entropy of probabilities
        and equal points count as one point. For n equal weights on both sides this is H(P) / log(n)
        - 1. If one side is a single point it is 0. It takes two passes.
        """
        row_sums, row_logs = self._shares(EVERY).sums_with_logs()
        return normalized_entropy(self.problem, row_sums, row_logs, self.T._row_sums)

    @cached_property
    def _log_rows(self) -> Floats:
        """Logarithms of the row sums between probabilities, for the distinct points."""
        rows, columns = self._points
        return self._kernel.log_row_sums(rows.potential, columns.potential)

    @cached_property
    def _log_sums(self) -> Floats:
        """log sum_j P_ij, of any size."""
        return self._points[0].log_sums(self._log_rows)

    @cached_property
    def _row_sums(self) -> Floats:
        """sum_j P_ij, as shares of the mass."""
        sums = self._shares(EVERY).sums()
        if not sums.any():
            raise ValueError(
                "plan: expected potentials with a positive sum of P, got 0: each entry is below "
                "1e-308 of the mass; "
                "take f and g of a solution of this problem"
            )
        return sums

    def _dense(self, max_entries: int) -> Floats:
        n, m = self.shape
        if n * m > max_entries:
            raise ValueError(
                f"max_entries: expected at least {n * m} for this {n} x {m} plan "
                f"({8e-9 * n * m:.1f} GB), got "
                f"{max_entries}; use plan @ v, block, row or topk, or raise max_entries"
            )
        return self._entries().dense()

    def _shares(self, rows: Chosen) -> PlanEntries:
        """Entries of some rows relative to the mass."""
        return self._entries(rows, log2_unit=np.log2(self.problem.mass), highest=HIGHEST_SHARE)

    def _conditional(self, rows: Indices) -> PlanEntries:
        """Entries of some rows relative to the sum of each."""
        return self._entries(rows, log2_unit=LOG2E * self._log_sums[rows], highest=HIGHEST_SHARE)

    def _entries(
        self,
        rows: Chosen = EVERY,
        cols: Chosen = EVERY,
        log2_unit: float | Floats = 0.0,
        highest: float = HIGHEST,
    ) -> PlanEntries:
        return entries(self.problem, self.f, self.g, rows, cols, log2_unit, highest)

    @property
    def _kernel(self) -> Kernel:
        return self.problem.reduced.kernel("float64", self.backend)

    @property
    def _points(self) -> list[PlanPoints]:
        """The distinct points of both sides."""
        rows = PlanPoints(self.f, self.problem)
        columns = PlanPoints(self.g, self.problem.T)
        return [rows, columns]

    def _send(self, values: Result) -> Result:
        return self.home.send(values)


def with_log_rows(plan: Plan, log_rows: Floats) -> Plan:
    """Give the plan its row sums, as the logs of an `Iterate` measured in float64, and return
    it.
    """
    return know(plan, _log_rows=log_rows)

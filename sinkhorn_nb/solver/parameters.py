"""The settings of a solver in the form that scikit-learn requires, and for the comparison of two
solvers.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, NoReturn

from ..common.representation import Settings
from ..initializers import Initializer, initializer


class Parameters(Settings):
    """A frozen dataclass whose setting `init` is kept unchanged, because `sklearn.clone` requires
    this.
    """

    init: Any
    _start: Initializer

    def __post_init__(self) -> None:
        # Copies arrays, which may change
        object.__setattr__(self, "_start", initializer(self.init))

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._compared == other._compared

    def __hash__(self) -> int:
        return hash(tuple(self._compared.values()))

    @property
    def _compared(self) -> dict[str, Any]:
        return self.get_params() | {"init": self._start}  # pairs of arrays cannot be compared

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the settings by name, for scikit-learn.

        Parameters
        ----------
        deep : bool
            It has no effect, because no setting has settings of its own.
        """
        settings = fields(self)  # type: ignore[arg-type]  # of the dataclass that inherits this
        return {setting.name: getattr(self, setting.name) for setting in settings}

    def set_params(self, **settings: Any) -> NoReturn:
        """Refuse, because a solver never changes; the error tells how to make another one."""
        raise TypeError(
            f"set_params: expected no change of a {type(self).__name__}, which is frozen, got "
            f"{', '.join(settings) or 'none'}; make another one with dataclasses.replace(solver, "
            "tol=...), and in a "
            "grid search vary the solver as a whole: solver=[Sinkhorn(...), Sinkhorn(...)]"
        )

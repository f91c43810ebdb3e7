"""The settings of a solver as scikit-learn wants them, and as what two solvers are compared by."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, NoReturn

from ..initializers import Initializer, initializer
from ..representation import Settings


class Parameters(Settings):
    """A frozen dataclass with a setting `init`, which stays as it was given: `sklearn.clone` insists on it."""

    init: Any
    _start: Initializer

    def __post_init__(self) -> None:
        object.__setattr__(self, "_start", initializer(self.init))  # a copy of arrays: they may change

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._compared == other._compared

    def __hash__(self) -> int:
        return hash(tuple(self._compared.values()))

    @property
    def _compared(self) -> dict[str, Any]:
        return self.get_params() | {"init": self._start}  # pairs of arrays are neither equal nor unequal

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The settings by name, as scikit-learn asks for them.

        Parameters
        ----------
        deep : bool
            Without effect: no setting has settings of its own.
        """
        settings = fields(self)  # type: ignore[arg-type]  # of the dataclass that inherits this
        return {setting.name: getattr(self, setting.name) for setting in settings}

    def set_params(self, **settings: Any) -> NoReturn:
        """Refuse, and tell how to have other settings: a solver never changes."""
        raise TypeError(
            f"set_params: expected no change of a {type(self).__name__}, which is frozen, got "
            f"{', '.join(settings) or 'none'}; make another one with dataclasses.replace(solver, tol=...), and in a "
            "grid search vary the solver as a whole: solver=[Sinkhorn(...), Sinkhorn(...)]"
        )

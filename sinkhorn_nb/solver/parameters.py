"""The settings of a solver as scikit-learn wants them, and as what two solvers are compared by."""

from dataclasses import fields

from ..initializers import initializer
from ..representation import Settings


class Parameters(Settings):
    """A frozen dataclass with a setting `init`, which stays as it was given: `sklearn.clone` insists on it."""

    def __post_init__(self):
        object.__setattr__(self, "_start", initializer(self.init))  # a copy of arrays: they may change

    def __eq__(self, other):
        return type(other) is type(self) and self._compared == other._compared

    def __hash__(self):
        return hash(tuple(self._compared.values()))

    @property
    def _compared(self):
        return self.get_params() | {"init": self._start}  # pairs of arrays are neither equal nor unequal

    def get_params(self, deep=True):
        """The settings by name, as scikit-learn asks for them.

        Parameters
        ----------
        deep : bool
            Without effect: no setting has settings of its own.
        """
        return {setting.name: getattr(self, setting.name) for setting in fields(self)}

    def set_params(self, **settings):
        """Refuse, and tell how to have other settings: a solver never changes."""
        raise TypeError(
            f"set_params: expected no change of a {type(self).__name__}, which is frozen, got "
            f"{', '.join(settings) or 'none'}; make another one with dataclasses.replace(solver, tol=...), and in a "
            "grid search vary the solver as a whole: solver=[Sinkhorn(...), Sinkhorn(...)]"
        )

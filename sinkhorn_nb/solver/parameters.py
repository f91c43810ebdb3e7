"""The settings of a solver in the form that scikit-learn requires, and for the comparison of two solvers."""

from dataclasses import fields

from ..initializers import initializer
from ..representation import Settings


class Parameters(Settings):
    """A frozen dataclass whose setting `init` is kept unchanged, because `sklearn.clone` requires this."""

    def __post_init__(self):
        object.__setattr__(self, "_start", initializer(self.init))  # copies arrays, which may change

    def __eq__(self, other):
        return type(other) is type(self) and self._compared == other._compared

    def __hash__(self):
        return hash(tuple(self._compared.values()))

    @property
    def _compared(self):
        return self.get_params() | {"init": self._start}  # pairs of arrays cannot be compared

    def get_params(self, deep=True):
        """Return the settings by name, for scikit-learn.

        Parameters
        ----------
        deep : bool
            It has no effect, because no setting has settings of its own.
        """
        return {setting.name: getattr(self, setting.name) for setting in fields(self)}

    def set_params(self, **settings):
        """Refuse, because a solver never changes; the error tells how to make another one."""
        raise TypeError(
            f"set_params: expected no change of a {type(self).__name__}, which is frozen, got "
            f"{', '.join(settings) or 'none'}; make another one with dataclasses.replace(solver, tol=...), and in a "
            "grid search vary the solver as a whole: solver=[Sinkhorn(...), Sinkhorn(...)]"
        )

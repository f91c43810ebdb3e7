"""The one warning of the library, in a file of its own: scikit-learn takes a second to import."""

from sklearn import exceptions


class ConvergenceWarning(exceptions.ConvergenceWarning):
    """The marginal error is above the tolerance: the numbers returned are not the solution's."""

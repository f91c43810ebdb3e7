"""The only warning class of the library, in a file of its own because scikit-learn takes a second
to import.
"""

from sklearn import exceptions


class ConvergenceWarning(exceptions.ConvergenceWarning):
    """The marginal error is above the tolerance: the returned numbers are not those of the
    solution.
    """

"""The errors that convstep raises. Their one rule: line 1 is the fact with its numbers, line 2 is what was given."""

__all__ = ["ArgumentTypeError", "ConvStepError", "DataError", "DataUnavailableError", "MissingExtraError", "OutOfMemoryError", "ShapeError"]


class ConvStepError(Exception):
    """Anything that convstep refuses."""


class DataError(ConvStepError):
    """A data file that is missing, damaged or not what it says it is."""


class DataUnavailableError(DataError):
    """A data set that is nowhere on this machine and that no mirror delivered. The command line leaves with code 3."""


class MissingExtraError(ConvStepError, ModuleNotFoundError):
    """A package that one of convstep's extras brings is not installed."""


class ShapeError(ConvStepError, ValueError):
    """A size, a shape or a value that the operation cannot take."""


class ArgumentTypeError(ConvStepError, TypeError):
    """An argument of a kind that the operation cannot take: text for an array, 2.5 for a whole number."""


class OutOfMemoryError(ShapeError, MemoryError):
    """A legal size for which the machine refused the memory."""

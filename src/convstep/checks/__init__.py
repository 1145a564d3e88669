"""Arguments become arrays, whole numbers and windows here, or an error that explains: the only place that validates.

`assignment` holds the doors of the eight functions; `values` and `words` are what every door is made of.
"""

from convstep.checks.values import (
    Array,
    DType,
    accumulator,
    array,
    cast,
    fits_memory,
    gradient,
    numbers,
    one_of,
    options,
    public,
    result_type,
    whole,
    word,
)
from convstep.checks.words import counted, refusal, shown, told

__all__ = [
    "Array",
    "DType",
    "accumulator",
    "array",
    "cast",
    "counted",
    "fits_memory",
    "gradient",
    "numbers",
    "one_of",
    "options",
    "public",
    "refusal",
    "result_type",
    "shown",
    "told",
    "whole",
    "word",
]

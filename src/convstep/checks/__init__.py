"""Arguments become arrays, whole numbers and windows here, or an error that explains: the only place that validates.

`assignment` holds the doors of the eight functions, `operations` those of `convstep.ops`; both are made of `values` and `words`.
"""

from convstep.checks.boundary import public
from convstep.checks.values import (
    Array,
    DType,
    accumulator,
    array,
    cast,
    fits_memory,
    gradient,
    listed,
    numbers,
    one_of,
    options,
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
    "listed",
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

"""The eight functions of the assignment as loops, in the course's own notation: the truth that everything else is measured against."""

from convstep.steps.convolution import conv_backward, conv_forward, conv_single_step
from convstep.steps.padding import zero_pad
from convstep.steps.pooling import create_mask_from_window, distribute_value, pool_backward, pool_forward
from convstep.steps.tracing import TRACE_SCHEMA, trace

__all__ = [
    "TRACE_SCHEMA",
    "conv_backward",
    "conv_forward",
    "conv_single_step",
    "create_mask_from_window",
    "distribute_value",
    "pool_backward",
    "pool_forward",
    "trace",
    "zero_pad",
]

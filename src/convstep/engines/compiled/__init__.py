"""The engine that runs on compiled kernels; whatever is not replaced here stays NumPy's, kernel by kernel."""

from dataclasses import replace

from convstep.engines import Engine
from convstep.engines.compiled.linear import correlate, correlate_to_w, correlate_to_x
from convstep.engines.numpy import ENGINE as NUMPY

__all__ = ["ENGINE", "EXACT"]

EXACT = replace(NUMPY, name="compiled", correlate=correlate, correlate_to_x=correlate_to_x, correlate_to_w=correlate_to_w)
ENGINE = EXACT

"""The engine that always works: NumPy's matmul and elementwise loops, in blocks.

One rule: no temporary exceeds a few megabytes, however large the images, whatever their layout; the filters may be copied once.
"""

import numpy as np

from convstep.engines import Engine
from convstep.engines.numpy.arithmetic import combine, plus, product, softmax, softmax_to_x, times
from convstep.engines.numpy.channels import affine, arrange, local_response
from convstep.engines.numpy.correlation import correlate, correlate_to_w, correlate_to_x
from convstep.engines.numpy.elementwise import activate, activate_to_x
from convstep.engines.numpy.normalization import moments, normalize, normalize_to_gamma_beta, normalize_to_x
from convstep.engines.numpy.pooling import max_pool, max_pool_to_x, window_sum, window_sum_to_x
from convstep.engines.numpy.sampling import resample
from convstep.engines.numpy.sums import pixel_sum
from convstep.engines.numpy.updates import update

__all__ = ["ENGINE"]

ENGINE = Engine(
    "numpy", correlate, correlate_to_x, correlate_to_w, pixel_sum, max_pool, max_pool_to_x, window_sum, window_sum_to_x,
    activate, activate_to_x, moments, normalize, normalize_to_gamma_beta, normalize_to_x, update, plus, times, product,
    softmax, softmax_to_x, resample, np.empty, combine, arrange, affine, local_response,
    workers=lambda: 1,
    program=None,
)  # fmt: skip

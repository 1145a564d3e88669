"""The engine that runs on compiled kernels; whatever is not replaced here stays NumPy's, kernel by kernel."""

from dataclasses import replace
from functools import partial

from convstep.engines.compiled.arithmetic import plus, product, softmax, softmax_to_x, times
from convstep.engines.compiled.arranging import arrange
from convstep.engines.compiled.arrays import empty
from convstep.engines.compiled.channels import affine, local_response
from convstep.engines.compiled.combining import combine
from convstep.engines.compiled.elementwise import activate, activate_to_x
from convstep.engines.compiled.linear import correlate, correlate_to_w, correlate_to_x
from convstep.engines.compiled.normalization import moments, normalize, normalize_to_gamma_beta, normalize_to_x
from convstep.engines.compiled.pooling import max_pool, max_pool_to_x, window_sum, window_sum_to_x
from convstep.engines.compiled.program import Program
from convstep.engines.compiled.sampling import resample
from convstep.engines.compiled.sums import pixel_sum
from convstep.engines.compiled.threads import threads as workers
from convstep.engines.compiled.updates import update
from convstep.engines.numpy import ENGINE as NUMPY

__all__ = ["ENGINE", "EXACT"]

EXACT = replace(
    NUMPY,
    name="compiled",
    correlate=partial(correlate, exact=True),
    correlate_to_x=partial(correlate_to_x, exact=True),
    correlate_to_w=partial(correlate_to_w, exact=True),
    pixel_sum=pixel_sum,
    max_pool=max_pool,
    max_pool_to_x=max_pool_to_x,
    window_sum=window_sum,
    window_sum_to_x=window_sum_to_x,
    activate=activate,
    activate_to_x=activate_to_x,
    moments=moments,
    normalize=normalize,
    normalize_to_gamma_beta=normalize_to_gamma_beta,
    normalize_to_x=normalize_to_x,
    update=update,
    plus=plus,
    times=times,
    product=product,
    softmax=softmax,
    softmax_to_x=softmax_to_x,
    resample=resample,
    empty=empty,
    combine=combine,
    arrange=arrange,
    affine=affine,
    local_response=local_response,
    workers=workers,
    program=Program,
)
ENGINE = replace(
    EXACT,
    correlate=partial(correlate, exact=False),
    correlate_to_x=partial(correlate_to_x, exact=False),
    correlate_to_w=partial(correlate_to_w, exact=False),
)

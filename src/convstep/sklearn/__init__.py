"""A classifier of images for scikit-learn (extra `sklearn`).

One rule: what is not an image by its own shape is told its shape, or taken as a row; nothing is scaled, cut or turned in silence.
"""

from convstep.extras import require

require("sklearn", extra="sklearn", op="convstep.sklearn")

from convstep.sklearn.classifier import EXPECTED_FAILED_CHECKS, ConvNetClassifier  # noqa: E402 - it is made of scikit-learn's classes
from convstep.sklearn.networks import NETWORKS, auto  # noqa: E402 - so that a missing scikit-learn is the first thing that is said

__all__ = ["EXPECTED_FAILED_CHECKS", "NETWORKS", "ConvNetClassifier", "auto"]

"""Keras's name for `convstep.training.metrics`."""

from convstep.training.metrics import *  # noqa: F403

"""Keras's name for `convstep.training.optimizers`."""

from convstep.training.optimizers import *  # noqa: F403

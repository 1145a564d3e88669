"""Keras's name for `convstep.training.callbacks`."""

from convstep.training.callbacks import *  # noqa: F403

"""Keras's name for `convstep.training.losses`."""

from convstep.training.losses import *  # noqa: F403

"""Keras's name for `convstep.layers.initializers`."""

from convstep.layers.initializers import *  # noqa: F403

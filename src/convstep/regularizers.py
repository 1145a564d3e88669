"""Keras's name for `convstep.layers.regularizers`."""

from convstep.layers.regularizers import *  # noqa: F403

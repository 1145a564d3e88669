"""Keras's name for `convstep.layers.activations`."""

from convstep.layers.activations import *  # noqa: F403

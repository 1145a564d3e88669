"""Keras's name for `convstep.training.optimizers`."""

from convstep.training import schedules as schedules  # noqa: PLC0414 - offered here too
from convstep.training.optimizers import *  # noqa: F403

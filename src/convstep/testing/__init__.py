"""Tools for testing an implementation of one's own: a learner's functions, a layer, an engine."""

from convstep.testing.cases import Case, cases
from convstep.testing.engines import assert_engine
from convstep.testing.gradients import GradientCheck, gradient_check

__all__ = ["Case", "GradientCheck", "assert_engine", "cases", "gradient_check"]

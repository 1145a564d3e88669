"""Keras's name for `convstep.models.saving`."""

from convstep.models.saving import load_model, load_weights, save_model, save_weights

__all__ = ["load_model", "load_weights", "save_model", "save_weights"]

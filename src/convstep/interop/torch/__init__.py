"""Weights as PyTorch has them: read from its files without it, put into a model, and written."""

from convstep.interop.torch.reading import read
from convstep.interop.torch.weights import load_weights, save, to_state_dict

__all__ = ["load_weights", "read", "save", "to_state_dict"]

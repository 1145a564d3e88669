"""Weights as PyTorch has them: read from its files without it, put into a model, and written."""

from convstep.interop.torch.reading import read

__all__ = ["read"]

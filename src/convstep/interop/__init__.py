"""Networks that come from elsewhere or go there: ONNX, Keras and PyTorch. The one place that knows images with their channels first."""

from convstep.interop import keras, onnx, torch

__all__ = ["keras", "onnx", "torch"]

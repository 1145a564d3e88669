"""Networks as ONNX files: read into a model, and written from one. Needs the extra `onnx`."""

from convstep.interop.onnx.model import OnnxModel, load
from convstep.interop.onnx.writing import save

__all__ = ["OnnxModel", "load", "save"]

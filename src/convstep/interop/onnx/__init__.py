"""Networks as ONNX files: read into a model, and written from one. Needs the extra `onnx`."""

from convstep.interop.onnx.model import LAYOUT_NOTE, OnnxModel, load
from convstep.interop.onnx.writing import save

__all__ = ["LAYOUT_NOTE", "OnnxModel", "load", "save"]

"""Networks as ONNX files: read into a model, and written from one. Needs the extra `onnx`."""

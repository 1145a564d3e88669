"""Networks as Keras has them: read from its files or its models, and written."""

from convstep.interop.keras.reading import load, load_weights
from convstep.interop.keras.writing import save, to_keras

__all__ = ["load", "load_weights", "save", "to_keras"]

"""Weights that others trained, in a model of ours: the digit recognizer of the PyPI package `digit-recognizer-py` on all MNIST test images.

    python benchmarks/real_weights.py handwriting_model.pth t10k-images-idx3-ubyte t10k-labels-idx1-ubyte

The first file lies in the package (`digit_recognizer/models/`), whose `model.py` says how the network is built; the others are MNIST's own.
PyTorch is not needed. Prints what went where, the accuracy and the time.
"""

import argparse
import time
from typing import Any

import numpy as np

from convstep import Input, Sequential
from convstep.data.idx import read_idx
from convstep.interop.torch import load_weights
from convstep.layers import Conv2D, Dense, Flatten, MaxPooling2D

MEAN, DEVIATION = 0.1307, 0.3081  # what the package takes off, and divides by


def main() -> None:
    """Load the weights, classify the images and print what came out."""
    parser = argparse.ArgumentParser(description="Classifies MNIST's test images with weights that PyTorch trained.")
    for name in ("weights", "images", "labels"):
        parser.add_argument(name)
    options = parser.parse_args()
    model = network()
    for module, layer in load_weights(model, options.weights).items():
        print(f"{module:16} -> {layer}")
    images = (read_idx(options.images).astype(np.float32)[..., None] / 255 - MEAN) / DEVIATION
    labels = read_idx(options.labels)
    model.predict(images[:1], verbose=0)
    start = time.perf_counter()
    classes = model.predict(images, verbose=0).argmax(axis=1)
    seconds = time.perf_counter() - start
    print(f"{np.count_nonzero(classes == labels)} of {len(labels)} right: accuracy {np.mean(classes == labels):.4f}, {seconds:.1f} s")


def network() -> Any:
    """Return the package's network: three convolutions with pooling, two dense layers."""
    layers: list[Any] = [Input((28, 28, 1))]
    for filters in (32, 64, 128):
        layers += [Conv2D(filters, 3, padding="same", activation="relu"), MaxPooling2D()]
    return Sequential([*layers, Flatten(), Dense(256, activation="relu"), Dense(10)])


if __name__ == "__main__":
    main()

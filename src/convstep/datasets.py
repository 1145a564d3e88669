"""Keras's name for the data sets of `convstep.data`."""

from convstep.data import cifar10, fashion_mnist, mnist

__all__ = ["cifar10", "fashion_mnist", "mnist"]

"""Data to run networks on. The one rule: images come as uint8 (n, height, width), labels as uint8 (n,)."""

from convstep.data.embedded import load_digits

__all__ = ["load_digits"]

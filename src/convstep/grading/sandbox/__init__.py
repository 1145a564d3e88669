"""Code of strangers, run in a process of its own: within limits, without reach, ended with all that it started.

One rule: what comes back is bytes. Nothing that the other side says is believed.
"""

from .process import run
from .promised import Promise, promises
from .records import Ended, Limits

__all__ = ["Ended", "Limits", "Promise", "promises", "run"]

"""HDF5 files of Keras: groups, texts and arrays by name.

One rule: only hard links to what lies in this very file are followed, by names that are known beforehand, and never deeper than `DEEPEST`.
"""

import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from convstep.checks import Array, shown
from convstep.data.files import FilePath, refusal
from convstep.data.h5 import cells
from convstep.errors import DataError
from convstep.extras import require

DEEPEST, MOST_NAMES, LONGEST = 12, 50_000, 4 * 2**20  # groups in groups; names in all; characters of a text
HEAP, COLLECTION, OBJECT = b"GCOL\x01\0\0\0", struct.Struct("<8sQ"), struct.Struct("<HHLQ")  # where long texts lie
Group: TypeAlias = Any  # h5py.Group


@dataclass(frozen=True)
class Store:
    """An open file.

    Attributes
    ----------
    op : str
        Who asks, for errors.
    root : h5py.Group
    path : path
        Of the file, or of that which it lies in, for errors.
    size : int
        How many bytes it has.
    """

    op: str
    root: Group
    path: FilePath
    size: int

    def group(self, parent: Group | None, name: str) -> Group | None:
        """Return the group of a name in another one; None if there is none."""
        h5py = require("h5py", extra="data", op=self.op)
        if parent is None or not parent.id.links.exists(name.encode()):
            return None
        if parent.id.links.get_info(name.encode()).type != h5py.h5l.TYPE_HARD:
            raise refusal(self.op, f"{name} is a link to another place: refused", self.path)
        found = parent[name]
        return found if isinstance(found, h5py.Group) else None

    def names(self, group: Group) -> list[str]:
        """Return what is in a group."""
        if len(group) > MOST_NAMES:
            raise refusal(self.op, f"a group of the file has {len(group)} names, more than {MOST_NAMES}", self.path)
        return [str(name) for name in group]

    def array(self, group: Group, key: str, name: str) -> Array:
        """Return an array of floating-point numbers; `name` is what errors call it."""
        return cells(self.op, group, key, self.path, size=self.size, kinds="f", name=name)

    def arrays(self, group: Group) -> dict[tuple[str, ...], tuple[Group, str]]:
        """Return where each array in a group and in the groups inside it lies, by the names on the way."""
        found: dict[tuple[str, ...], tuple[Group, str]] = {}
        waiting: list[tuple[tuple[str, ...], Group]] = [((), group)]
        left = MOST_NAMES
        while waiting:
            way, inside = waiting.pop()
            for name in self.names(inside):
                left -= 1
                if left < 0 or len(way) > DEEPEST:
                    fact = f"the file has more than {MOST_NAMES} names, or groups inside groups deeper than {DEEPEST}"
                    raise refusal(self.op, fact, self.path)
                deeper = self.group(inside, name)
                if deeper is None:
                    found[(*way, name)] = (inside, name)
                else:
                    waiting.append(((*way, name), deeper))
        return found

    def has(self, group: Group, name: str) -> bool:
        """Return whether an attribute hangs on a group; Keras cuts long lists into several, "name0", "name1"."""
        h5py = require("h5py", extra="data", op=self.op)
        return any(h5py.h5a.exists(group.id, word.encode()) for word in (name, f"{name}0"))

    def text(self, name: str) -> str | None:
        """Return a text that hangs on the file; None if there is none."""
        h5py = require("h5py", extra="data", op=self.op)
        if not h5py.h5a.exists(self.root.id, name.encode()):
            return None
        held = h5py.h5a.open(self.root.id, name.encode())
        kind, space = held.get_type(), held.get_space()
        if kind.get_class() != h5py.h5t.STRING or space.get_simple_extent_npoints() != 1 or kind.get_size() > LONGEST:
            raise refusal(self.op, f"{name} is no text, or longer than {LONGEST} characters", self.path)
        if kind.is_variable_str():
            _check_heaps(self.op, self.path)
        value = self.root.attrs[name]
        text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
        if len(text) > LONGEST:
            raise refusal(self.op, f"{name} is longer than {LONGEST} characters", self.path)
        return text


@contextmanager
def opened(op: str, content: FilePath | bytes, path: FilePath, size: int) -> Iterator[Store]:
    """Open a file, by its path or its content; whatever h5py raises for a damaged one becomes one clear error."""
    h5py = require("h5py", extra="data", op=op)
    try:
        image = h5py.h5f.open_file_image(content) if isinstance(content, bytes) else content
        with h5py.File(image, "r", locking=False) as file:
            yield Store(op, file, path, size)
    except DataError:
        raise
    except MemoryError:
        raise refusal(op, "the file needs more memory than there is", path) from None
    except Exception as error:  # noqa: BLE001 - h5py raises a dozen kinds of error for damaged files
        raise refusal(op, f"this is no HDF5 file, or a damaged one: {shown(str(error))}", path) from None


def _check_heaps(op: str, path: FilePath) -> None:
    """Refuse heaps of texts that the HDF5 library would walk for ever: each entry must lead on, inside its heap and the file."""
    with Path(path).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        left = len(content)  # steps: a heap in a heap would make them many
        at = content.find(HEAP)
        while at >= 0:
            steps = _steps(content, at, left)
            if steps is None:
                raise refusal(op, f"the file is damaged: its heap of texts at byte {at} does not add up", path)
            left -= steps
            at = content.find(HEAP, at + 1)


def _steps(content: mmap.mmap, start: int, most: int) -> int | None:
    """Return how many entries a heap has; None if they do not end with it, or are more than `most`."""
    if len(content) - start < COLLECTION.size:
        return None
    at, steps = start + COLLECTION.size, 0
    end = start + COLLECTION.unpack_from(content, start)[1]
    while end - at >= OBJECT.size and end <= len(content):
        number, _, _, size = OBJECT.unpack_from(content, at)
        step = size if number == 0 else OBJECT.size + -(-size // 8) * 8
        steps += 1
        if step < OBJECT.size or step > end - at or steps > most:
            return None
        at += step
    return steps if end <= len(content) else None

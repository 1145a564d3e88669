"""Files of networks, damaged in thousands of ways: each is refused in one sentence, or read as those who made the format read it.

`python -m benchmarks.fuzz_files [--count N] [--seed N]` prints what became of them; every file can be made again from its number.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.fuzz_subjects import SUBJECTS, Subject

SECONDS = 20  # for one file, on a busy machine
MEMORY = 6 * 2**30  # bytes of address space, most of which libraries take before the first file
FORBIDDEN = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "socket.connect", "ctypes.dlopen", "shutil.rmtree")
PART = 100  # files for one process
OUTCOMES = ("refused", "equal", "read here alone", "differs", "no sentence", "outside", "died")
BAD = OUTCOMES[3:]


def main() -> int:
    """Damage, read, count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="files of all formats together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--formats", nargs="+", choices=SUBJECTS, default=list(SUBJECTS))
    parser.add_argument("--worker", nargs=2, type=int, metavar=("FIRST", "LAST"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        worker(SUBJECTS[options.formats[0]], options.seed, range(*options.worker))
        return 0
    each = -(-options.count // len(options.formats))
    failed = 0
    for name in options.formats:
        found = [
            outcome for first in range(0, each, PART) for outcome in in_process(name, options.seed, range(first, min(first + PART, each)))
        ]
        counts = Counter(kind for kind, _, _ in found)
        print(f"{name:<12} {each:6} files: {', '.join(f'{counts[kind]} {kind}' for kind in OUTCOMES if counts[kind])}", flush=True)
        for kind, number, text in found:
            if kind in BAD:
                failed += 1
                print(f"  {name} {number}: {kind}: {text}", flush=True)
    return 1 if failed else 0


def in_process(name: str, seed: int, numbers: range) -> list[tuple[str, int, str]]:
    """Return what became of files that a process of its own reads; where it dies, another goes on behind the file that killed it."""
    found: list[tuple[str, int, str]] = []
    first = numbers.start
    while first < numbers.stop:
        command = [
            sys.executable,
            "-m",
            "benchmarks.fuzz_files",
            "--formats",
            name,
            "--seed",
            str(seed),
            "--worker",
            str(first),
            str(numbers.stop),
        ]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        lines = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("[")]
        found += [(kind, number, text) for kind, number, text in lines]
        first += len(lines)
        if first < numbers.stop:
            found.append(("died", first, f"exit code {run.returncode}: {run.stderr[-300:]!r}"))
            first += 1
    return found


def worker(subject: Subject, seed: int, numbers: range) -> None:
    """Read files one after the other, and print a line for each."""
    watched: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        originals = subject.make(Path(folder))
        for path in originals:
            judged(subject, path, [])  # whatever is imported late is imported now
        _limit_memory()
        sys.addaudithook(_watch(Path(folder), watched))
        for number in numbers:
            path = Path(folder) / f"mutant{originals[number % len(originals)].suffix}"
            path.write_bytes(mutant(subject, originals, seed, number))
            if hasattr(signal, "alarm"):
                signal.alarm(SECONDS)
            kind, text = judged(subject, path, watched)
            if hasattr(signal, "alarm"):
                signal.alarm(0)
            print(json.dumps([kind, number, text]), flush=True)


def mutant(subject: Subject, originals: list[Path], seed: int, number: int) -> bytes:
    """Return the file of a number."""
    rng = random.Random(f"{seed} {number}")  # noqa: S311 - repeated, not secret
    content = originals[number % len(originals)].read_bytes()
    return subject.mutate(content, rng) if rng.random() < 1 / 2 else scrambled(content, rng)


def scrambled(content: bytes, rng: random.Random) -> bytes:
    """Return bytes with some changed, cut out, repeated or cut off."""
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 4, 16])):
        at = rng.randrange(len(changed)) if rng.random() < 1 / 2 else rng.randrange(min(len(changed), 512))
        what = rng.random()
        if what < 0.6:
            changed[at] = rng.choice([0, 1, 127, 128, 255, rng.randrange(256)])
        elif what < 0.75:
            del changed[at : at + rng.randrange(1, 64)]
        elif what < 0.9:
            changed[at:at] = changed[at : at + rng.randrange(1, 64)]
        else:
            del changed[max(at, 1) :]
        if not changed:
            return b""
    return bytes(changed)


def judged(subject: Subject, path: Path, watched: list[str]) -> tuple[str, str]:
    """Return what became of one file."""
    from convstep.errors import ConvStepError

    del watched[:]
    try:
        answer = subject.read(path)
    except ConvStepError as error:
        text = str(error)
        kind = "refused" if len(text.splitlines()) <= 2 and ": " in text.splitlines()[0] else "no sentence"
        return ("outside", watched[0]) if watched else (kind, text)
    except BaseException as error:  # noqa: BLE001 - this is what it is about
        return "no sentence", f"{type(error).__name__}: {error}"[:300]
    if watched:
        return "outside", watched[0]
    return subject.compare(path, answer)


def _watch(folder: Path, watched: list[str]) -> Callable[[str, tuple[Any, ...]], None]:
    kernels = os.environ.get("NUMBA_CACHE_DIR") or str(Path.home() / ".cache" / "convstep")
    here = str(Path(__file__).parents[1])
    allowed = (str(folder), sys.prefix, sys.base_prefix, here, kernels, "/proc", "/dev/null", "/dev/urandom", "/sys")

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], str) and not arguments[0].startswith(allowed):
            watched.append(f"opened {arguments[0]}")
        elif event in FORBIDDEN:
            watched.append(f"{event} {arguments!r:.200}")

    return hook


def _limit_memory() -> None:
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))


if __name__ == "__main__":
    sys.exit(main())

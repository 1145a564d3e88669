"""What hostile programs do to the machine: nothing. Real processes, real layers; a layer that is not here is a skip that says so."""

from __future__ import annotations

import contextlib
import ctypes
import json
import marshal
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from convstep.grading.sandbox import Ended, Limits, process, promised, promises, run
from convstep.grading.sandbox.channel import Channel
from convstep.grading.sandbox.folder import PREFIX, empty_folder
from convstep.grading.sandbox.inside import frame, linux, tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

pytestmark = pytest.mark.once

LIMITS = Limits(seconds=1.0, memory=2**30, processes=8, messages=2**20, files=2**20)
PATIENT = replace(LIMITS, seconds=10.0)  # for what ends by itself
MARGIN = 3.0  # seconds; the machine may be busy
SOURCE = Path(process.__file__).resolve().parents[3]

WAYS: dict[str, tuple[str, ...]] = {
    "every layer": (),
    "no mounts": ("mounts",),
    "no namespaces": ("namespaces",),
    "limits and another user alone": ("namespaces", "landlock", "seccomp"),
}

# What a program does, and the reasons that may be given for its end.
ATTACKS: dict[str, tuple[str, set[str]]] = {
    "infinite loop": ("while True: pass", {"timeout"}),
    "endless sleep": ("import time\ntime.sleep(1000)", {"timeout"}),
    "os._exit": ("import os\nos._exit(3)", {"exit"}),
    "sys.exit": ("import sys\nsys.exit(0)", {"exit"}),
    "an error": ("raise ValueError", {"exit"}),
    "a hostile error": (
        "class M(type):\n    @property\n    def __name__(cls): raise SystemExit\nclass E(Exception, metaclass=M): pass\nraise E",
        {"exit"},
    ),
    "no Python": ("def (:\n", {"exit"}),
    "fork bomb": ("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", {"timeout", "memory"}),
    "a bomb of sessions": (
        "import os\nwhile True:\n    try:\n        if not os.fork(): os.setsid()\n    except OSError: pass",
        {"timeout", "memory"},
    ),
    "a grandchild that hides": (
        (
            "import os, signal, time\n"
            "if not os.fork():\n"
            "    os.setsid()\n"
            "    if os.fork(): os._exit(0)\n"
            "    for n in range(1, 65):\n"
            "        try: signal.signal(n, signal.SIG_IGN)\n"
            "        except (OSError, ValueError): pass\n"
            "    os.closerange(0, 256)\n"
            "    time.sleep(1000)\n"
            "time.sleep(0.2)"
        ),
        {"finished"},
    ),
    "threads that never end": (
        "import threading, time\nfor _ in range(4): threading.Thread(target=time.sleep, args=(1000,)).start()",
        {"finished"},
    ),
    "10 GB": ("bytearray(10 * 2**30)", {"memory"}),
    "an array of 10 GB": ("import numpy as np\nnp.ones(10 * 2**30 // 8)", {"memory"}),
    "memory of many": (
        "import os, time\nfor _ in range(6):\n    if not os.fork(): break\nx = bytearray(b'x') * (300 * 2**20)\ntime.sleep(1000)",
        {"memory"},
    ),
    "100 MB of prints": ("for _ in range(100): print('x' * 2**20)\nimport os\nos.write(2, b'x' * 2**20)", {"finished"}),
    "segfault": ("import ctypes\nctypes.string_at(0)", {"signal"}),
    "abort": ("import os\nos.abort()", {"signal"}),
    "SIGKILL to itself": ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", {"signal"}),
    "SIGSTOP to itself": ("import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)", {"timeout"}),
    "nothing open": ("import os, time\nos.closerange(0, 256)\ntime.sleep(1000)", {"timeout"}),
    "nothing open at its end": ("import os\nos.closerange(0, 256)", {"exit"}),
    "deep recursion": ("import sys\nsys.setrecursionlimit(10**9)\ndef f(): return [*map(lambda _: f(), 'a')]\nf()", {"signal", "memory"}),
    "handlers at exit": (
        "import atexit, time\natexit.register(send, b'late')\natexit.register(time.sleep, 1000)",
        {"finished"},
    ),
    "an endless stream": ("while True: send(b'x' * 60000)", {"messages"}),
    "one message too long": ("send(b'x' * 2**21)", {"messages"}),
    "limits set back": (
        (
            "import resource\n"
            "for n in range(16):\n"
            "    try: resource.setrlimit(n, (-1, -1))\n"
            "    except (OSError, ValueError): pass\n"
            "bytearray(10 * 2**30)"
        ),
        {"memory"},
    ),
}
WRITE = "import os\nfor n in range(3, 256):\n    try: os.write(n, {data})\n    except OSError: pass\n"
ATTACKS |= {
    "garbage": (WRITE.format(data="b'no frame at all'"), {"garbled"}),
    "a prefix of 4 GB": (WRITE.format(data="b'\\xff' * 4"), {"garbled"}),
    "a frame of 4 GB": (WRITE.format(data=repr(frame.HEADER.pack(frame.MAGIC, frame.MESSAGE, 2**32 - 1, 0))), {"messages"}),
    "a wrong check sum": (WRITE.format(data=repr(frame.HEADER.pack(frame.MAGIC, frame.MESSAGE, 1, 0) + b"x")), {"garbled"}),
    "half a frame": (WRITE.format(data=repr(frame.pack(frame.MESSAGE, b"half")[:-1])) + "os._exit(0)", {"garbled"}),
    "a piece of a header": (WRITE.format(data=repr(frame.MAGIC[:2])) + "os._exit(0)", {"garbled"}),
}
# Signals to everyone are tried only where something holds them back.
KILLS = "import os, signal\ntry: os.kill(-1, signal.SIGKILL)\nexcept OSError: pass\nsend(b'alive')"


def attack(name: str, without: Iterable[str]) -> Ended:
    """Run one of them."""
    program, reasons = ATTACKS[name]
    limits = LIMITS if "timeout" in reasons else PATIENT
    return process.run_without(without, program, b"", limits).ended


def bearers(name: str) -> list[int]:
    """The processes that have a variable of this name."""
    return [number for number in tree.processes() if f"{name}=".encode() in tree.read(f"/proc/{number}/environ")]


def wait_until_none(name: str, seconds: float = 3.0) -> bool:
    """Whether they are gone within some time."""
    until = time.monotonic() + seconds
    while bearers(name):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


needs_linux = pytest.mark.skipif(not linux.LINUX, reason="what is left is looked up in /proc")


def promised_here(*names: str) -> None:
    """Skip where something is not enforced on this machine."""
    found = {promise.name: promise for promise in promises()}
    for name in names:
        if not found[name].enforced:
            pytest.skip(f"not enforced here: {name} ({found[name].how})")


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder for temporary folders that every user may reach."""
    folder = Path(tempfile.mkdtemp(prefix="sandbox-tests-", dir="/tmp" if linux.LINUX else None)).resolve()  # noqa: S108
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(autouse=True)
def nothing_is_left(monkeypatch: pytest.MonkeyPatch, temporary: Path) -> Iterator[str]:
    """After each test: no process of its runs, no child, no folder."""
    mark = f"CONVSTEP_{uuid.uuid4().hex}"
    monkeypatch.setattr(process, "MARK", mark)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    children = set(tree.descendants(os.getpid()))
    yield mark
    assert bearers(mark) == []
    assert set(tree.descendants(os.getpid())) <= children
    assert [path.name for path in temporary.iterdir() if path.name.startswith(PREFIX)] == []


# -------------------------------------------------------------------------------------------------- what works


def test_a_program_answers_with_numpy() -> None:
    program = "import numpy as np\nsend(receive() + bytes(np.arange(3, dtype=np.uint8)))\nsend(b'')"
    ended = run(program, b"\x09", LIMITS)
    assert (ended.messages, ended.reason, ended.detail) == ((b"\x09\x00\x01\x02", b""), "finished", "")
    assert 0 < ended.seconds < LIMITS.seconds


def test_a_request_may_be_larger_than_a_pipe() -> None:
    ended = run("send(str(len(receive())).encode())", bytes(10 * 2**20), LIMITS)
    assert ended.messages == (b"10485760",)


def test_an_answer_may_be_larger_than_a_pipe() -> None:
    assert run("send(receive() * 9)", bytes(100_000), LIMITS).messages == (bytes(900_000),)


def test_messages_that_came_before_the_end_are_kept() -> None:
    ended = run("send(b'a')\nsend(b'b')\nwhile True: pass", b"", LIMITS)
    assert (ended.messages, ended.reason) == ((b"a", b"b"), "timeout")


def test_details_say_what_happened() -> None:
    assert attack("segfault", ()).detail == "SIGSEGV"
    assert attack("os._exit", ()).detail == "3"
    assert attack("an error", ()).detail == "ValueError"
    assert attack("infinite loop", ()).detail == "1 s"
    assert attack("half a frame", ()).detail == "half a message"


def test_a_batch_runs_in_threads() -> None:
    with ThreadPoolExecutor(6) as pool:
        ended = list(pool.map(lambda n: run("send(receive())", str(n).encode(), LIMITS), range(12)))
    assert [one.messages for one in ended] == [(str(n).encode(),) for n in range(12)]


def test_the_caller_is_not_changed() -> None:
    def state() -> list[object]:
        subreaper = ctypes.c_int(-1)
        if linux.LINUX:
            linux.libc().prctl(37, ctypes.byref(subreaper), 0, 0, 0)
        ids = [getattr(os, name)() for name in ("getuid", "geteuid", "getpgrp") if hasattr(os, name)]
        return [subreaper.value, ids, Path.cwd(), dict(os.environ), [signal.getsignal(n) for n in signal.valid_signals()]]

    before, threads = state(), threading.active_count()
    attack("infinite loop", ())
    attack("fork bomb", ())
    assert state() == before
    assert threading.active_count() == threads


def test_the_other_side_knows_little() -> None:
    program = """
import json, os, sys
send(json.dumps([sorted(os.environ), os.listdir("."), sys.argv, [p for p in sys.path if "convstep" in p],
    [n for n in sys.modules if n.startswith(("convstep", "inside"))],
    [n for n in range(3, 256) if opened(n)]]).encode())
"""
    help_ = "import os\ndef opened(n):\n    try: os.fstat(n)\n    except OSError: return False\n    return True\n"
    os.environ["SANDBOX_VARIABLE"] = "expected answers"
    try:
        ended = run(help_ + program, b"", LIMITS)
    finally:
        del os.environ["SANDBOX_VARIABLE"]
    variables, files, arguments, paths, modules, descriptors = json.loads(ended.messages[0])
    assert "SANDBOX_VARIABLE" not in variables
    assert set(variables) <= set(process.environment("", ""))
    assert (files, arguments, paths, modules) == ([], [""], [], [])
    assert len(descriptors) == 1


# ------------------------------------------------------------------------------------------- what hostile code does


@needs_linux
@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_ends_in_time_and_for_the_right_reason(name: str) -> None:
    started = time.monotonic()
    ended = attack(name, ())
    assert ended.reason in ATTACKS[name][1], ended
    assert time.monotonic() - started < (LIMITS.seconds if ended.reason == "timeout" else PATIENT.seconds) + MARGIN
    assert b"late" not in ended.messages


@needs_linux
@pytest.mark.parametrize("way", [way for way in WAYS if WAYS[way]])
@pytest.mark.parametrize(
    "name", ["fork bomb", "a bomb of sessions", "a grandchild that hides", "SIGSTOP to itself", "half a frame", "10 GB"]
)
def test_processes_end_without_some_layers_too(name: str, way: str) -> None:
    if os.geteuid() != 0 and "bomb" in name:
        pytest.skip("a bomb of a user's own is tried in the test for users")
    started = time.monotonic()
    ended = attack(name, WAYS[way])
    assert ended.reason in ATTACKS[name][1], ended
    assert time.monotonic() - started < LIMITS.seconds + MARGIN


@needs_linux
@pytest.mark.parametrize("without", [(), ("seccomp",), ("namespaces",)])
def test_a_signal_to_everyone_reaches_no_one(without: tuple[str, ...]) -> None:
    promised_here("signals")
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        ended = process.run_without(without, KILLS, b"", LIMITS).ended
        assert (ended.reason, ended.messages) == ("finished", (b"alive",))
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


REACH = """
import ctypes, json, os, signal, socket
asked = json.loads(receive())
reached = []

def attempt(name, action):
    try:
        result = action()
    except (OSError, ImportError, ValueError, AttributeError):
        return
    if result != -1:
        reached.append(name)

def read(path):
    with open(path, "rb") as file:
        file.read(10)

def create(path):
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY))

def through_link(path):
    os.symlink(path, "link")
    try:
        read("link")
    finally:
        os.unlink("link")

libc = ctypes.CDLL(None)
outside, caller = asked["outside"], asked["caller"]
for path in asked["read"]:
    attempt("read " + path, lambda: read(path))
    attempt("link to " + path, lambda: through_link(path))
for folder in asked["write"]:
    attempt("create in " + folder, lambda: create(folder + "/" + asked["name"]))
attempt("write", lambda: open(outside + "/marker", "ab").close())
attempt("delete", lambda: os.unlink(outside + "/marker"))
attempt("rename", lambda: os.rename(outside + "/marker", outside + "/other"))
attempt("chmod", lambda: os.chmod(outside + "/marker", 0))
attempt("times", lambda: os.utime(outside + "/marker"))
attempt("owner", lambda: os.chown(outside + "/marker", os.getuid(), os.getgid()))
attempt("make a folder", lambda: os.mkdir(outside + "/folder"))
attempt("hard link", lambda: os.link(outside + "/marker", "hard"))
attempt("above", lambda: create("../" + asked["name"]))
attempt("convstep", lambda: __import__("convstep"))
attempt("convstep by path", lambda: read(asked["source"] + "/convstep/__init__.py"))
attempt("connect", lambda: socket.create_connection(("127.0.0.1", asked["port"]), 1))
attempt("datagram", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", asked["port"])))
attempt("unix socket", lambda: socket.socket(socket.AF_UNIX).connect(outside + "/socket"))
attempt("signal", lambda: os.kill(caller, 0))
attempt("priority", lambda: os.setpriority(os.PRIO_PROCESS, caller, 0))
attempt("limits of the caller", lambda: __import__("resource").prlimit(caller, 7))
attempt("debug", lambda: libc.ptrace(16, caller, 0, 0))
attempt("mount", lambda: libc.mount(b"none", b".", b"tmpfs", 0, None))
attempt("unmount", lambda: libc.umount2(b"/", 2))
attempt("unmount its folder", lambda: libc.umount2(os.fsencode(os.getcwd()), 2))
attempt("namespace", lambda: libc.unshare(0x10000000))
attempt("root", lambda: os.chroot("."))
attempt("user", lambda: os.setuid(0))
attempt("execute", lambda: os.posix_spawn("/bin/sh", ["sh", "-c", "exit"], {}))
for number in range(1, 3):
    attempt("signal to " + str(number), lambda: number != os.getpid() and os.kill(number, 9) or -1)
send(json.dumps(reached).encode())
"""


def reach(outside: Path, without: Iterable[str] = ()) -> list[str]:
    """What a program reached of all that it tried; the folder outside is as it was."""
    outside.mkdir()
    outside.chmod(0o777)
    (outside / "marker").write_bytes(b"as it was")
    (outside / "marker").chmod(0o666)
    name = f"sandbox-{uuid.uuid4().hex}"
    folders = [str(outside), "/tmp", str(Path.home()), "/dev/shm", str(Path.cwd()), "/", "/proc", "/run"]  # noqa: S108
    asked = {
        "outside": str(outside),
        "caller": os.getpid(),
        "name": name,
        "port": 9,
        "source": str(SOURCE),
        "write": folders,
        "read": [
            str(outside / "marker"),
            "/etc/passwd",
            "/proc/self/environ",
            f"/proc/{os.getpid()}/environ",
            f"/proc/{os.getpid()}/mem",
            *(str(path) for path in (SOURCE / "convstep/steps/__init__.py", SOURCE.parent / "pyproject.toml", Path(__file__))),
        ],
    }
    ended = process.run_without(without, REACH, json.dumps(asked).encode(), Limits(seconds=10, memory=2**30)).ended
    assert ended.reason == "finished", ended
    assert (outside / "marker").read_bytes() == b"as it was"
    assert (outside / "marker").stat().st_mode & 0o777 == 0o666
    assert [path.name for path in outside.iterdir()] == ["marker"]
    assert [folder for folder in folders if Path(folder, name).exists()] == []
    reached: list[str] = json.loads(ended.messages[0])
    return reached


@needs_linux
@pytest.mark.parametrize("without", [(), ("mounts",), ("namespaces",)])
def test_nothing_outside_is_reached(temporary: Path, without: tuple[str, ...]) -> None:
    promised_here("files_read", "files_write", "signals", "network")
    assert reach(temporary / "outside", without) == []


@needs_linux
def test_a_root_of_its_own_holds_without_landlock(temporary: Path) -> None:
    promised_here("room")
    assert reach(temporary / "outside", ("landlock",)) == []


def test_importing_convstep_says_that_it_earns_nothing() -> None:
    program = "try: import convstep.steps\nexcept ImportError as error: send(str(error).encode())"
    assert run(program, b"", LIMITS).messages == (b"importing convstep earns no credit: the function must be your own",)


FILL = """
import os
total = 0
def write(name, size):
    global total
    with open(name, "wb", 0) as file:
        total += file.write(bytes(size))
for n in range(200):
    try: write(str(n), 2**20)
    except OSError as error: break
send(str(total).encode())
try: write("long", 2**22); write("long", 2**22)
except OSError as error: send(b"refused")
for n in range(200):
    try: os.mkdir("d"); os.chdir("d")
    except OSError: break
    os.symlink("/", "link") if n < 100 else None
"""


@needs_linux
@pytest.mark.parametrize("way", WAYS)
def test_its_folder_has_little_room_and_goes_away(way: str) -> None:
    ended = process.run_without(WAYS[way], FILL, b"", Limits(seconds=10, files=2**18)).ended
    total = int(ended.messages[0])
    assert ended.reason == "finished"
    if not WAYS[way]:
        promised_here("room")
        assert total <= 16 * 2**18
    assert total <= 200 * 2**18


def test_a_folder_goes_away_whatever_is_in_it(temporary: Path) -> None:
    (temporary / "kept").write_bytes(b"x")
    with empty_folder() as folder:
        place = os.open(folder, os.O_RDONLY)
        for _ in range(1100):  # more than calls may nest
            os.mkdir("deep", dir_fd=place)
            inner = os.open("deep", os.O_RDONLY, dir_fd=place)
            os.close(place)
            place = inner
        os.symlink(temporary, "link", dir_fd=place)
        os.mkdir("closed", 0, dir_fd=place)
        os.close(place)
    assert not Path(folder).exists()
    assert (temporary / "kept").exists()


# ---------------------------------------------------------------------------------------------- the caller leaves

CALLER = """
import sys, tempfile
from convstep.grading.sandbox import Limits, process
process.MARK, tempfile.tempdir = sys.argv[1:]
print("ready", flush=True)
program = "import os, time\\nif not os.fork(): os.setsid()\\ntime.sleep(1000)"
process.run_without({without}, program, b"", Limits(seconds=60))
"""


@needs_linux
@pytest.mark.parametrize("without", [(), ("namespaces", "landlock", "seccomp")])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_caller_that_is_interrupted_leaves_nothing(
    nothing_is_left: str, temporary: Path, number: signal.Signals, without: tuple[str, ...]
) -> None:
    command = [sys.executable, "-c", CALLER.format(without=without), nothing_is_left, str(temporary)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as caller:
        assert caller.stdout is not None
        caller.stdout.readline()
        until = time.monotonic() + 10
        while len(bearers(nothing_is_left)) < 4 and time.monotonic() < until:  # warden, first, worker and its child
            time.sleep(0.02)
        assert len(bearers(nothing_is_left)) >= 4
        caller.send_signal(number)
    assert wait_until_none(nothing_is_left)
    if number == signal.SIGKILL:
        shutil.rmtree(next(temporary.glob(f"{PREFIX}*"), temporary / "none"), ignore_errors=True)


@needs_linux
def test_what_is_left_of_a_warden_that_was_killed_is_ended(nothing_is_left: str) -> None:
    program = "import os, time\nif not os.fork(): os.setsid()\ntime.sleep(1000)"

    def kill() -> None:
        until = time.monotonic() + 5
        while len(bearers(nothing_is_left)) < 4 and time.monotonic() < until:
            time.sleep(0.02)
        os.kill(min(bearers(nothing_is_left)), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    ended = process.run_without(("namespaces",), program, b"", Limits(seconds=4)).ended
    killer.join()
    assert (ended.reason, ended.detail) == ("signal", "SIGKILL")


# ------------------------------------------------------------------------------------------------- other users


def user_python() -> str:
    """An interpreter that a stranger may run, with this one's version."""
    candidates = [sys.executable, f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"]
    test = [
        "-c",
        f"import sys; sys.path += {[path for path in sys.path if path and 'pyenv' not in path]!r}; import numpy, pytest, convstep",
    ]
    for python in candidates:
        with contextlib.suppress(OSError):
            done = subprocess.run([python, *test], user=65534, group=65534, capture_output=True, cwd="/", check=False)
            if not done.returncode:
                return python
    pytest.skip("no interpreter that another user may run")


USER_WAYS = {
    "a user with namespaces": (),
    "a user without namespaces": ("namespaces",),
    "a user without Landlock": ("namespaces", "landlock"),
    "a user with limits alone": ("namespaces", "landlock", "seccomp"),
}
# What holds for a user in each of these ways, if the machine has the layers at all.
ALWAYS = {"time", "output", "descendants", "numpy", "convstep", "memory", "processes"}
FILTERED = ALWAYS | {"network", "signals"}
HELD = {
    "a user with namespaces": FILTERED | {"files_read", "files_write", "environment", "room"},
    "a user without namespaces": FILTERED | {"files_read", "files_write", "environment"},
    "a user without Landlock": FILTERED,
    "a user with limits alone": ALWAYS,
}


@needs_linux
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("way", USER_WAYS)
def test_another_user_is_as_safe_as_is_promised(nothing_is_left: str, way: str) -> None:
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o777)
    path = os.pathsep.join(path for path in sys.path if path and "pyenv" not in path)
    command = [user_python(), __file__, nothing_is_left, str(folder), json.dumps(USER_WAYS[way])]
    stranger: dict[str, Any] = {"user": 65534, "group": 65534, "extra_groups": [], "cwd": "/", "env": {"PYTHONPATH": path}}
    try:
        done = subprocess.run(command, **stranger, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        told = json.loads(done.stdout)
        assert list(folder.iterdir()) == []
    finally:
        shutil.rmtree(folder)
    for name, reason, detail, seconds in told["attacks"]:
        assert reason in ATTACKS[name][1], (name, reason, detail)
        assert seconds < LIMITS.seconds + MARGIN
    assert told["reached"] == []
    missing = HELD[way] - {name for name, held in told["promises"].items() if held}
    assert not missing & ALWAYS
    if missing:
        pytest.skip(f"not enforced here for another user: {sorted(missing)}")


def as_user() -> None:
    """What the test above runs: attacks, and what is promised."""
    process.MARK, tempfile.tempdir, ways = sys.argv[1:]
    without = json.loads(ways)
    names = ["fork bomb", "a grandchild that hides", "10 GB", "garbage", "limits set back"]
    ended = [(name, attack(name, without)) for name in names]
    attacks = [(name, one.reason, one.detail, one.seconds) for name, one in ended]
    promises_ = {promise.name: promise.enforced for promise in promised.attempt(without)}
    reached = []
    if promises_["files_write"] and promises_["signals"]:
        with tempfile.TemporaryDirectory() as outside:
            reached = reach(Path(outside, "outside"), without)
    sys.stdout.write(json.dumps({"attacks": attacks, "promises": promises_, "reached": reached}))


# ------------------------------------------------------------------------------------------------- what is promised


def test_promises_are_told_once_and_have_names() -> None:
    found = promises()
    assert found is promises()
    names = [promise.name for promise in found]
    assert len(set(names)) == len(names)
    assert {"time", "output", "descendants", "network", "files_read", "files_write", "memory", "processes", "signals"} <= set(names)
    assert all(promise.how for promise in found)


@needs_linux
def test_a_promise_is_not_made_without_its_layer() -> None:
    found = {promise.name: promise for promise in promised.attempt(("namespaces", "landlock", "seccomp", "uid"))}
    assert not found["network"].enforced
    assert not found["files_read"].enforced
    assert not found["signals"].enforced
    assert found["time"].enforced
    assert found["convstep"].enforced


PLAIN = ["infinite loop", "an error", "10 GB", "garbage", "half a frame", "SIGSTOP to itself", "segfault", "threads that never end"]


@needs_linux
def test_what_is_written_for_other_systems_works(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = {}
    for path in process.INSIDE.glob("*.py"):
        name = "inside" if path.stem == "__init__" else f"inside.{path.stem}"
        text = path.read_text(encoding="utf-8").replace('LINUX = sys.platform.startswith("linux")', "LINUX = False")
        codes[name] = compile(text.replace("os.pidfd_open", "os.no_such_call"), name, "exec")
    monkeypatch.setattr(process, "modules", lambda: marshal.dumps(codes))
    outcome = process.run_without((), "import numpy\nsend(receive())", b"hi", PATIENT)
    assert (outcome.ended.messages, outcome.ended.reason, outcome.layers) == ((b"hi",), "finished", ())
    for name in PLAIN:
        ended = attack(name, ())
        assert ended.reason in ATTACKS[name][1], (name, ended)


# -------------------------------------------------------------------------------------------------- the channel


@pytest.mark.parametrize("size", [1, 3, 13, 14, 1000])
def test_frames_may_come_in_any_pieces(size: int) -> None:
    channel = Channel(10_000)
    data = frame.pack(frame.MESSAGE, b"one") + frame.pack(frame.MESSAGE, b"") + frame.pack(frame.ENDED, b"")
    for start in range(0, len(data), size):
        channel.feed(data[start : start + size])
    assert (channel.messages, channel.ended, channel.problem, channel.torn) == ([b"one", b""], True, "", False)


def test_a_name_that_was_raised_is_plain_and_short() -> None:
    channel = Channel(10_000)
    channel.feed(frame.pack(frame.RAISED, b"\x1b[31m\xff\n" + b"E" * 500))
    assert channel.raised.isprintable()
    assert len(channel.raised) <= 80


if __name__ == "__main__":
    as_user()

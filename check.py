"""Every gate of this project in one command: `python3 check.py`.

It needs Python and pip alone: the tools go into `.venv` (`.venv-bare` with --bare) and every cache into `.cache`,
both inside the checkout. Exit codes: 0 all passed, 1 a gate or the installation failed, 2 usage, 130 interrupted.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

try:
    import tomllib
except ModuleNotFoundError:
    sys.stderr.write(f"check.py: convstep needs Python 3.11 or newer; this is {sys.version.split()[0]}\n")
    sys.exit(2)

ROOT = Path(__file__).resolve().parent
CACHE = ROOT / ".cache"
SCRIPTS = "Scripts" if os.name == "nt" else "bin"

SIDE_BY_SIDE = ["--numprocesses", "auto", "--dist", "worksteal"]  # as many processes as processors
# What reaches every branch of what all else is measured against. Traced, loops take twice their time, so the other tests are not. No extra
# makes a difference to these.
TRACED = [f"tests/test_{name}.py" for name in ("geometry", "messages", "ops_messages", "steps", "testing", "tracing")]
UNTRACED = ["tests", *(f"--ignore={path}" for path in TRACED)]
EXAMPLES = ["README.md", "docs", "src"]  # each document's examples stand on those before them: one process, in order

# gate: what it is, its command
GATES = {
    "lint": ("ruff's rules", ["ruff", "check", "."]),
    "format": ("ruff's formatting", ["ruff", "format", "--check", "."]),
    "types": ("mypy, strict", ["mypy"]),
    "imports": ("import contracts", ["lint-imports", "--no-logo", "--cache-dir", ".cache/import-linter"]),
    "docs": (
        "Sphinx, a warning is an error",
        ["sphinx-build", "-q", "-j", "auto", "-E", "-W", "--keep-going", "-d", ".cache/sphinx", "docs", "docs/_build/html"],
    ),
    "examples": ("the examples of README, documents and docstrings", ["pytest", *EXAMPLES]),
    "coverage": ("tests of the loops, every branch of them covered", ["pytest", *TRACED, "--cov", *SIDE_BY_SIDE]),
    "tests": ("all other tests", ["pytest", *UNTRACED, *SIDE_BY_SIDE]),
}
BARE_GATES = {
    "examples": ("examples without extras", ["pytest", *EXAMPLES]),
    "tests": ("tests without extras and oracles", ["pytest", *UNTRACED, "-m", "not once", *SIDE_BY_SIDE]),
}
FIXES = [["ruff", "check", "--fix-only", "--quiet", "."], ["ruff", "format", "--quiet", "."]]

FULL_INSTALL = ["-e", ".[all]", "--group", "dev", "--group", "oracles"]
BARE_INSTALL = ["-e", ".", "--group", "test"]


def main(argv: list[str] | None = None) -> int:
    """Read the command line, prepare the environment, run the gates."""
    parser = argument_parser()
    options = parser.parse_args(argv)
    gates = BARE_GATES if options.bare else GATES
    unknown = [name for name in options.gates if name not in gates]
    if unknown:
        parser.error(f"no gate {', '.join(unknown)}; there are {', '.join(gates)}")
    if options.bare and options.fix:
        parser.error("--fix needs the tools that --bare leaves out")
    default = ["lint", "format"] if options.fix else list(gates)
    chosen = [name for name in gates if name in (options.gates or default)]

    try:
        venv = prepared_venv(bare=options.bare)
        if options.fix:
            for command in FIXES:
                run_tool(venv, command)
        return report({name: run_gate(venv, name, *gates[name]) for name in chosen})
    except subprocess.CalledProcessError as error:
        print(f"check.py: this command failed, exit code {error.returncode}:\n  {subprocess.list2cmdline(error.cmd)}")
        return 1
    except KeyboardInterrupt:
        print("\ncheck.py: interrupted")
        return 130


def argument_parser() -> argparse.ArgumentParser:
    """The command line of this script."""
    parser = argparse.ArgumentParser(prog="check.py", description="Installs the tools inside this checkout and runs the project's gates.")
    parser.add_argument("gates", nargs="*", metavar="GATE", help=f"which gates: {', '.join(GATES)} (default: all)")
    parser.add_argument("--bare", action="store_true", help="run the tests in .venv-bare: no extras, no oracles")
    parser.add_argument("--fix", action="store_true", help="let ruff repair and format, then lint and format")
    return parser


def prepared_venv(*, bare: bool) -> Path:
    """The environment's folder; made anew where it is missing or what it should hold has changed."""
    venv = ROOT / (".venv-bare" if bare else ".venv")
    stamp = venv / "convstep-installed.txt"
    wanted = requirements_digest()
    CACHE.mkdir(exist_ok=True)
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return venv

    what = "the test tools" if bare else "every tool, and PyTorch to compare with"
    print(f"== setup: {venv.name} with {what}; this happens once and can take some minutes", flush=True)
    # The interpreter below this one: a virtual environment cannot rebuild itself.
    base = getattr(sys, "_base_executable", sys.executable)
    subprocess.run([base, "-m", "venv", "--clear", str(venv)], cwd=ROOT, env=environment(), check=True)
    pip = [str(venv / SCRIPTS / "python"), "-m", "pip", "install", "-qq"]
    for arguments in (["--upgrade", "pip"], BARE_INSTALL if bare else FULL_INSTALL):
        subprocess.run([*pip, *arguments], cwd=ROOT, env=environment(), check=True)
    stamp.write_text(wanted, encoding="utf-8")
    return venv


def requirements_digest() -> str:
    """Changes whenever an installed environment may no longer be the one that pyproject.toml asks for."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    parts = [settings["build-system"], settings["project"], settings["dependency-groups"], sys.version, str(ROOT)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def run_gate(venv: Path, name: str, title: str, command: list[str]) -> tuple[bool, float]:
    """Run one gate with its output shown; whether it passed, and its seconds."""
    print(f"\n== {name}: {title}", flush=True)
    start = time.perf_counter()
    passed = run_tool(venv, command) == 0
    return passed, time.perf_counter() - start


def run_tool(venv: Path, command: list[str]) -> int:
    """Run one of the environment's own tools from the root of the checkout."""
    tool, *arguments = command
    return subprocess.run([str(venv / SCRIPTS / tool), *arguments], cwd=ROOT, env=environment(), check=False).returncode


def environment() -> dict[str, str]:
    """The environment's variables, with every cache inside the checkout, but for kernels where somebody keeps them elsewhere."""
    return os.environ | {
        "MPLBACKEND": "agg",
        "MPLCONFIGDIR": str(CACHE / "matplotlib"),
        "NUMBA_CACHE_DIR": os.environ.get("NUMBA_CACHE_DIR") or str(CACHE / "numba"),  # kernels are for a processor, not for a checkout
        "PIP_CACHE_DIR": str(CACHE / "pip"),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PYTHONUTF8": "1",
    }


def report(results: dict[str, tuple[bool, float]]) -> int:
    """Print the summary; the exit code."""
    print("\n== summary")
    for name, (passed, seconds) in results.items():
        print(f"{'passed' if passed else 'FAILED'}  {name:<8} {seconds:6.1f} s")
    return 0 if all(passed for passed, _ in results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())

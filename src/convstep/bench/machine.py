"""Which machine and which packages the numbers are of, and what else the machine did meanwhile."""

import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from convstep.engines import current_engine

PACKAGES = ("convstep", "numpy", "numba", "llvmlite", "torch", "keras", "onnxruntime")
VECTORS = ("avx512f", "avx2", "neon")
SETTINGS = ("OPENBLAS_", "OMP_", "MKL_", "NUMBA_", "GOMP_", "KMP_")  # what begins so changes how fast someone is


def machine(threads: int) -> dict[str, Any]:
    """Return the facts."""
    return {
        "cpu": _cpu(),
        "vectors": _vectors(),
        "processors": os.cpu_count() or 1,
        "threads": threads,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "engine": current_engine().name,
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
        "environment": {name: value for name, value in sorted(os.environ.items()) if name.startswith(SETTINGS)},
    }


def watch_others() -> Callable[[], float | None]:
    """Begin to watch; the function that is returned says which share of the processors other programs took since, None if nobody knows."""
    start, began = time.perf_counter(), _taken()

    def share() -> float | None:
        ended = _taken()
        if began is None or ended is None:
            return None
        return round(max(ended - began, 0.0) / ((time.perf_counter() - start) * (os.cpu_count() or 1)), 3)

    return share


def _taken() -> float | None:
    """Return the processor seconds that programs other than this one and those that it started have taken."""
    try:
        counts = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
    except OSError:
        return None
    user, nice, system, _idle, _wait, *interrupts = (int(count) / os.sysconf("SC_CLK_TCK") for count in counts[:8])
    return user + nice + system + sum(interrupts) - sum(os.times()[:4])


def _cpu() -> str:
    """Return the name of the processor with its family and model, which tell more than some names do."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0].splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    facts = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    name = facts.get("model name", platform.machine())
    return f"{name} (family {facts['cpu family']}, model {facts['model']})" if "cpu family" in facts and "model" in facts else name


def _vectors() -> str:
    """Return the widest vectors that the processor has, "unknown" where nobody says."""
    try:
        from convstep.engines.compiled.native import host_features
    except ImportError:
        return "unknown"
    return next((name for name in VECTORS if name in host_features()), f"none of {', '.join(VECTORS)}")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None

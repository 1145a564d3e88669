"""What is to be measured, and how thoroughly; `measure` goes through the parts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from convstep.bench.machine import machine, watch_others
from convstep.bench.rivals import installed, missing, share_threads

__all__ = ["NETWORKS", "PARTS", "Plan", "measure"]

PARTS = ("layers", "training", "inference", "memory", "startup", "epochs", "ceiling")  # each is a module with measure(plan, tell)
NETWORKS = ("lenet5", "signs", "happy_house", "vgg", "resnet18")
Tell = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be measured.

    Attributes
    ----------
    parts : sequence of str
        Some of `PARTS`.
    rounds : int
        How often each side works; parts that start processes take a third.
    threads : int
    networks : sequence of str
        Some of `NETWORKS`.
    random : int
        So many layers of random shapes besides the chosen ones.
    quick : bool
        Whether everything is so small that the numbers mean nothing, to see that all works.
    rivals : sequence of str
        Who is measured beside us.
    onnx : sequence of path, optional
        ONNX files whose networks are measured too; none of them means the light models that the package onnx brings.
    """

    parts: Sequence[str] = PARTS
    rounds: int = 15
    threads: int = 2
    networks: Sequence[str] = NETWORKS
    random: int = 0
    quick: bool = False
    rivals: Sequence[str] = field(default_factory=installed)
    onnx: Sequence[str] | None = None

    @property
    def starts(self) -> int:
        """How often each side starts a process."""
        return max(1, self.rounds // 3)


def measure(plan: Plan, tell: Tell) -> dict[str, Any]:
    """Measure and return everything as plain data.

    Parameters
    ----------
    plan : Plan
    tell : callable
        Is told what comes next.
    """
    share_threads(plan.rivals, plan.threads)
    settings = {"rounds": plan.rounds, "threads": plan.threads, "quick": plan.quick}
    found: dict[str, Any] = {"machine": machine(plan.threads), "settings": settings, "not_installed": list(missing())}
    others = watch_others()
    for part in PARTS:
        if part in plan.parts:
            found[part] = import_module(f"convstep.bench.{part}").measure(plan, lambda what, part=part: tell(f"{part}: {what}"))
    if plan.onnx is not None:
        found["onnx"] = import_module("convstep.bench.light").measure(plan, lambda what: tell(f"onnx: {what}"))
    found["others"] = others()
    return found

"""How fast this machine multiplies matrices at all, and which share of that direct convolution reaches; all in GFLOP/s."""

from collections.abc import Callable
from typing import Any

import numpy as np

from convstep.bench.clock import Call, Spread, in_turn, rounded
from convstep.bench.convolutions import convolution
from convstep.bench.plan import Plan
from convstep.bench.rivals import OURS
from convstep.bench.shapes import Shape
from convstep.engines import current_engine, use_engine

TILE = "1x1, 256 to 256"
FLOATS = 1 << 24  # of the copy that shows how fast memory is; 64 MB, which no cache holds
TILE_SHAPE = Shape(name=TILE, kind="known", batch=8, size=(32, 32), channels=256, filters=256, kernel=(1, 1))
DIRECT = tuple(
    Shape(
        name=f"3x3, {channels} to {channels}, {size}x{size}", kind="known", batch=8, size=(size, size), channels=channels, filters=channels,
        kernel=(3, 3), padding=((1, 1), (1, 1)),
    )
    for channels, size in ((64, 56), (128, 28), (256, 14), (512, 7))
)  # fmt: skip


def measure(plan: Plan, tell: Callable[[str], None]) -> dict[str, Any]:
    """Measure matrix products, our tile, direct convolution and memory."""
    calls, operations = _products(plan)
    shapes = [TILE_SHAPE, *(DIRECT[:1] if plan.quick else DIRECT)]
    for shape in shapes:
        with _exact():
            halves = convolution(shape, OURS)
        calls |= {(shape.name, half): _exactly(getattr(halves, half)) for half in ("forward", "backward")}
        operations |= {(shape.name, "forward"): shape.operations, (shape.name, "backward"): 2 * shape.operations}
    tell(f"{len(calls)} products and convolutions")
    seconds = in_turn(calls, plan.rounds)
    speeds = {key: [1e-9 * operations[key] / taken for taken in seconds[key]] for key in calls}
    names = {side: Spread.of(speeds["matmul", side]).plain() for name, side in calls if name == "matmul"}
    best = [max(round_) for round_ in zip(*(speeds["matmul", side] for side in names), strict=True)]
    found = [_shares(shape.name, speeds, best) for shape in shapes]
    return {
        "matmul": names,
        "ceiling": rounded(max(best + [value for half in ("forward", "backward") for value in speeds[TILE, half]])),
        "gigabytes_per_second": rounded(_bandwidth(plan)),
        "direct": found,
    }


def _products(plan: Plan) -> tuple[dict[tuple[str, str], Call], dict[tuple[str, str], int]]:
    size = 256 if plan.quick else 2048
    a, b = (np.random.default_rng(seed).standard_normal((size, size)).astype(np.float32) for seed in range(2))
    out = np.empty_like(a)
    calls: dict[tuple[str, str], Call] = {("matmul", "numpy"): lambda: np.matmul(a, b, out=out)}
    if "torch" in plan.rivals:
        import torch

        c, d = torch.from_numpy(a), torch.from_numpy(b)
        result = torch.empty(size, size)
        calls["matmul", "torch"] = lambda: torch.matmul(c, d, out=result)
    return calls, dict.fromkeys(calls, 2 * size**3)


def _exact() -> use_engine:
    return use_engine(current_engine().name, exact=True)


def _exactly(call: Call) -> Call:
    def exact() -> Any:
        with _exact():
            return call()

    return exact


def _shares(name: str, speeds: dict[tuple[str, str], list[float]], best: list[float]) -> dict[str, Any]:
    row: dict[str, Any] = {"name": name}
    for half in ("forward", "backward"):
        reached = speeds[name, half]
        share = Spread.of(speed / ceiling for speed, ceiling in zip(reached, best, strict=True)).plain()
        row[half] = {"gflops": rounded(Spread.of(reached).median), "share": share}
    return row


def _bandwidth(plan: Plan) -> float:
    """Return the gigabytes that a copy of a large array reads and writes in a second: the best of several."""
    floats = FLOATS >> 8 if plan.quick else FLOATS
    source, target = np.ones(floats, np.float32), np.ones(floats, np.float32)
    calls: dict[str, Call] = {"numpy": lambda: np.copyto(target, source)}
    if "torch" in plan.rivals:
        import torch

        into, of = torch.from_numpy(target), torch.from_numpy(source)
        calls["torch"] = lambda: into.copy_(of)
    seconds = in_turn(calls, plan.rounds)
    return 2e-9 * source.nbytes / min(value for taken in seconds.values() for value in taken)

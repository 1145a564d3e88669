"""Memory that ends, or begins, at a page which nobody may touch; run as a program, it convolves in such memory alone.

Whoever reads or writes a byte too far dies of it, after the case was named.
"""

import ctypes
import itertools
import mmap
from types import TracebackType
from typing import Any, Self

import numpy as np

from convstep.checks import Array

PAGE = mmap.PAGESIZE
EDGES = ("end", "start")


def guarded_address(size: int, edge: str) -> tuple[int, Any]:
    """The address of so many bytes beside a forbidden page, and what keeps them alive."""
    pages = -(-max(size, 1) // PAGE)
    memory = mmap.mmap(-1, (pages + 2) * PAGE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    libc = ctypes.CDLL(None, use_errno=True)
    for page in (start, start + (pages + 1) * PAGE):
        if libc.mprotect(ctypes.c_void_p(page), ctypes.c_size_t(PAGE), 0):
            raise OSError(ctypes.get_errno(), "mprotect")
    return start + PAGE + (pages * PAGE - size if edge == "end" else 0), memory


def guarded(shape: tuple[int, ...], dtype: Any, edge: str) -> Array:
    """A new array beside a forbidden page."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    address, memory = guarded_address(size, edge)
    offset = address - ctypes.addressof(ctypes.c_char.from_buffer(memory))
    return np.frombuffer(memory, dtype, int(np.prod(shape)), offset).reshape(shape)


def all_copied(case: Any, edge: str) -> Any:
    return case.changed(lambda x: copied(x, edge))


def copied(x: Array, edge: str) -> Array:
    copy = guarded(x.shape, x.dtype, edge)
    copy[...] = x
    copy.flags.writeable = False
    return copy


class Guarded:
    """NumPy whose new arrays are guarded, and buffers of which each piece is."""

    def __init__(self, edge: str) -> None:
        self.edge = edge
        self.kept: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def empty(self, shape: tuple[int, ...], dtype: Any = float) -> Array:
        array = guarded(shape, dtype, self.edge)
        array.view(np.uint8)[...] = 0xFF  # NaN, where a kernel forgets to write
        return array

    def zeros(self, shape: tuple[int, ...], dtype: Any = float) -> Array:
        return guarded(shape, dtype, self.edge)

    def __call__(self) -> "Guarded":
        return Guarded(self.edge)

    def __enter__(self) -> Self:
        return self

    def take(self, size: int, *, lasting: bool = False) -> int:
        del lasting  # nothing is recorded
        address, memory = guarded_address(size, self.edge)
        self.kept.append(memory)
        return address

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.kept.clear()


def main() -> None:
    """Convolve, and pool, in guarded memory alone."""
    from tests.convolutions import Draw, assert_explained, of, rooms

    from convstep import use_engine

    use_engine("compiled")
    for edge in EDGES:
        for module in rooms():
            for name in {"np", "Buffers"} & set(vars(module)):
                setattr(module, name, Guarded(edge))
        for number, dtype in enumerate(("float32", "float64")):
            draw = Draw(number, dtype)
            for case in _cases(draw):
                print(edge, case, flush=True)  # noqa: T201 - the last line names the case that died
                assert_explained(case, of("compiled", all_copied(case, edge)))
        for size, channels, filters in itertools.product((3, 4, 6, 9, 13, 16), (8, 9, 16, 24, 33), (8, 15, 16, 17, 33)):
            case = Draw(size, "float32").convolution(2, (size, 17 - size), (3, 3), (channels, filters), padding=1)
            print(edge, "fast", case, flush=True)  # noqa: T201
            fast, exact = (of("compiled", all_copied(case, edge), exact=exact) for exact in (False, True))
            for name, value in exact.items():
                np.testing.assert_allclose(fast[name], value, rtol=1e-3, atol=1e-3)
        for size, window, stride, channels in itertools.product((3, 6, 13), (1, 2, 3), (1, 2, 3), (1, 3, 4, 7, 8, 9, 16, 17, 31, 32, 33)):
            print(edge, "pool", size, window, stride, channels, flush=True)  # noqa: T201
            _pool(copied(Draw(size, "float32").array(2, size, size + 1, channels), edge), window, stride, edge)
        for number, (size, channels) in enumerate(itertools.product((1, 3, 6, 13), (1, 2, 3, 4, 7, 8, 9, 16, 17, 33))):
            print(edge, "channels", size, channels, flush=True)  # noqa: T201
            _work_on_channels(Draw(number, "float32"), (2, size, size + 1, channels), edge)


def _cases(draw: Any) -> Any:
    """Draw convolutions of every kind, and of sizes around those of tiles."""
    for _ in range(60):
        yield draw.case()
    for filters in (1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33):
        for pixels in (1, 5, 6, 7, 11, 12, 13, 14, 15, 25):
            yield draw.convolution(1, (2, pixels), (2, 1), (filters % 5 + 1, filters), padding=draw.whole(0, 1))
            yield draw.convolution(1, (3, pixels), (3, 3), (filters, filters % 7 + 1), padding=1, strides=draw.whole(1, 3))


def _pool(x: Array, window: int, stride: int, edge: str) -> None:
    """Pool on both engines, both ways."""
    from convstep import ops, use_engine

    def pooled() -> list[Array]:
        y = ops.max_pool2d(x, window, strides=stride)
        dy = copied(y * 3, edge)
        back = [pool(dy, x, window, strides=stride) for pool in (ops.max_pool2d_backward, ops.average_pool2d_backward)]
        return [y, ops.average_pool2d(x, window, strides=stride), *back]

    with use_engine("numpy"):
        want = pooled()
    for got, right in zip(pooled(), want, strict=True):
        np.testing.assert_allclose(got, right, rtol=1e-5, atol=1e-5)


def _work_on_channels(draw: Any, shape: tuple[int, ...], edge: str) -> None:
    """Copy, scale, combine and normalize on both engines: whole images, and parts of their channels."""
    from convstep.checks import operations as doors
    from convstep.engines import current_engine
    from convstep.engines.numpy import ENGINE

    channels, (scale, shift) = shape[3], (copied(draw.array(shape[3]), edge) for _ in range(2))
    window = doors.pooling("pool", np.empty(shape), 2, {"strides": 1, "padding": 1, "ceil_mode": False}).window
    for before, behind in ((0, 0), (0, 3), (3, 0)):
        x = copied(draw.array(*shape[:3], before + channels + behind), edge)[..., before : before + channels]
        room = guarded((*shape[:3], before + channels + behind), x.dtype, edge)[..., before : before + channels]
        for order in itertools.permutations(range(4)):
            np.testing.assert_array_equal(current_engine().arrange(x.transpose(order)), x.transpose(order))
        want = worked_on(ENGINE, x, room.copy(), (scale, shift), window)
        for got, right in zip(worked_on(current_engine(), x, room, (scale, shift), window), want, strict=True):
            np.testing.assert_allclose(got, right, rtol=1e-5, atol=1e-5)


def worked_on(engine: Any, x: Array, room: Array, rows: tuple[Array, Array], window: Any) -> list[Array]:
    """What an engine makes of an image's channels."""
    return [
        engine.arrange(x, room).copy(), engine.affine(x, *rows, floor=True, out=room), engine.local_response(x, 5, 0.1, 0.75, 1.0),
        engine.combine("product", x, rows[0]), engine.combine("minus", rows[0], x), engine.window_sum(x, window, mean=True),
        engine.activate("hard_silu", x, 0.0, None),
    ]  # fmt: skip


if __name__ == "__main__":
    main()

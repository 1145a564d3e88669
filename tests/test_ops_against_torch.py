"""The operations agree with PyTorch and Keras on generated cases: outputs and all gradients, in float64."""

import itertools
from typing import Any

import numpy as np
import pytest

from convstep import ops
from convstep.checks import Array

torch = pytest.importorskip("torch", reason="PyTorch, the oracle of these tests, is not installed")
F = torch.nn.functional
torch.set_num_threads(1)

CONVOLUTIONS, TRANSPOSED, POOLINGS, KERAS = range(160), range(120), range(120), range(80)


def tensor(x: Array) -> Any:
    """Return images as PyTorch has them, ready for a gradient."""
    return torch.tensor(np.moveaxis(x, -1, 1).copy(), requires_grad=True)


def weights(w: Array) -> Any:
    """Return filters as PyTorch has them: (filters, channels, rows, columns), and the transpose of that for a transposed convolution."""
    return torch.tensor(w.transpose(3, 2, 0, 1).copy(), requires_grad=True)


def array(result: Any) -> Array:
    """Return images of PyTorch as an array (m, height, width, channels)."""
    return np.moveaxis(result.detach().numpy(), 1, -1)


def agree(got: Array, want: Any) -> None:
    want = np.asarray(want)
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-11)


class Draw:
    """Draws sizes and options; the seed alone decides."""

    def __init__(self, *seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.seed = seed[-1]

    def whole(self, least: int, most: int) -> int:
        return int(self.rng.integers(least, most + 1))

    def pair(self, least: int, most: int) -> tuple[int, int]:
        return self.whole(least, most), self.whole(least, most)

    def images(self, channels: int, least: int, most: int) -> Array:
        return self.rng.standard_normal((self.whole(0, 7) % 4, *self.pair(least, most), channels))


# --- Convolution ---


@pytest.mark.parametrize("seed", CONVOLUTIONS)
def test_a_convolution_and_its_gradients_agree_with_torch(seed: int) -> None:
    draw = Draw(1, seed)
    groups = draw.whole(1, 4) if seed % 2 else 1
    channels = groups * (1 if seed % 4 == 1 else draw.whole(1, 3))  # every fourth one is depthwise
    filters, kernel, dilation = groups * draw.whole(1, 3), draw.pair(1, 4), draw.pair(1, 3)
    strides = draw.pair(1, 4) if seed % 5 else (1, 1)
    x, w, b = (
        draw.images(channels, 10, 14),
        draw.rng.standard_normal((*kernel, channels // groups, filters)),
        draw.rng.standard_normal(filters),
    )
    (top, bottom), (left, right) = draw.pair(0, 3), draw.pair(0, 3)
    options: dict[str, Any] = {"strides": strides, "dilation_rate": dilation, "groups": groups}
    tx, tw, tb = tensor(x), weights(w), torch.tensor(b, requires_grad=True)
    padded: Any = tx
    if seed % 5 == 0:
        total = [(cells - 1) * gap for cells, gap in zip(kernel, dilation, strict=True)]
        left, top = total[1] // 2, total[0] // 2
        options["padding"] = "same"
        padded = F.pad(tx, (left, total[1] - left, top, total[0] - top))
    elif seed % 5 < 3:
        options["padding"] = ((top, bottom), (left, right))
        padded = F.pad(tx, (left, right, top, bottom))
    else:
        options["padding"] = (top, left)
        padded = F.pad(tx, (left, left, top, top))
    want = F.conv2d(padded, tw, tb, stride=strides, dilation=dilation, groups=groups)
    agree(ops.conv2d(x, w, b, **options), array(want))
    dy = draw.rng.standard_normal(array(want).shape)
    want.backward(tensor(dy))
    dx, dw, db = ops.conv2d_backward(dy, x, w, **options)
    agree(dx, array(tx.grad))
    agree(dw, tw.grad.numpy().transpose(2, 3, 1, 0))
    agree(db, tb.grad.numpy())


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize(("rows", "columns", "dilation"), list(itertools.product(range(1, 5), range(1, 5), range(1, 4))))
def test_same_at_stride_1_is_the_same_of_torch(rows: int, columns: int, dilation: int) -> None:
    draw = Draw(2, rows, columns, dilation)
    x, w = draw.images(2, 1, 9), draw.rng.standard_normal((rows, columns, 2, 3))
    agree(
        ops.conv2d(x, w, padding="same", dilation_rate=dilation), array(F.conv2d(tensor(x), weights(w), padding="same", dilation=dilation))
    )


@pytest.mark.parametrize("seed", TRANSPOSED)
def test_a_transposed_convolution_and_its_gradients_agree_with_torch(seed: int) -> None:
    draw = Draw(3, seed)
    channels, filters, kernel, strides, dilation = draw.whole(1, 4), draw.whole(1, 4), draw.pair(1, 4), draw.pair(1, 4), draw.pair(1, 3)
    x, w, b = draw.images(channels, 2, 5), draw.rng.standard_normal((*kernel, filters, channels)), draw.rng.standard_normal(filters)
    full = [(size - 1) * s + (k - 1) * d + 1 for size, s, k, d in zip(x.shape[1:3], strides, kernel, dilation, strict=True)]
    cut = [min(draw.whole(0, 2), (cells - 1) // 2) for cells in full]
    extra = [draw.whole(0, stride - 1) for stride in strides] if seed % 2 else [0, 0]
    options: dict[str, Any] = {"strides": strides, "padding": tuple(cut), "dilation_rate": dilation}
    if seed % 2:
        options["output_padding"] = tuple(extra)
    tx, tw, tb = tensor(x), weights(w), torch.tensor(b, requires_grad=True)
    want = F.conv_transpose2d(tx, tw, tb, stride=strides, padding=cut, output_padding=extra, dilation=dilation)
    agree(ops.conv2d_transpose(x, w, b, **options), array(want))
    dy = draw.rng.standard_normal(array(want).shape)
    want.backward(tensor(dy))
    dx, dw, db = ops.conv2d_transpose_backward(dy, x, w, **options)
    agree(dx, array(tx.grad))
    agree(dw, tw.grad.numpy().transpose(2, 3, 1, 0))
    agree(db, tb.grad.numpy())


@pytest.mark.parametrize("seed", range(20))
def test_uneven_padding_of_a_transposed_convolution_cuts_the_output_of_torch(seed: int) -> None:
    draw = Draw(4, seed)
    strides, (top, bottom), (left, right) = draw.pair(1, 3), draw.pair(0, 2), draw.pair(0, 2)
    x, w = draw.images(2, 3, 5), draw.rng.standard_normal((4, 3, 2, 2))
    full = array(F.conv_transpose2d(tensor(x), weights(w), stride=strides))
    want = full[:, top : full.shape[1] - bottom, left : full.shape[2] - right]
    agree(ops.conv2d_transpose(x, w, strides=strides, padding=((top, bottom), (left, right))), want)


@pytest.mark.parametrize("seed", range(20))
def test_dense_and_its_gradients_agree_with_torch(seed: int) -> None:
    draw = Draw(5, seed)
    leading = [(), (0,), (5,), (2, 3), (1, 2, 3)][seed % 5]
    x, w, b = (draw.rng.standard_normal(shape) for shape in ((*leading, 4), (4, 3), (3,)))
    tx, tw, tb = (torch.tensor(values, requires_grad=True) for values in (x, w.T.copy(), b))
    want = F.linear(tx, tw, tb)
    agree(ops.dense(x, w, b), want.detach().numpy())
    dy = draw.rng.standard_normal((*leading, 3))
    want.backward(torch.tensor(dy))
    for got, oracle in zip(ops.dense_backward(dy, x, w), (tx.grad, tw.grad.T, tb.grad), strict=True):
        agree(got, oracle.numpy())


# --- Pooling ---


def pool_options(draw: Draw) -> tuple[tuple[int, int], dict[str, Any]]:
    """Draw a window, and options that PyTorch has too: it pads by half a window at most."""
    size = draw.pair(1, 4)
    options: dict[str, Any] = {"padding": tuple(draw.whole(0, cells // 2) for cells in size), "ceil_mode": draw.seed % 2 == 1}
    if draw.seed % 4:
        options["strides"] = draw.pair(1, 5)
    return size, options


def for_torch(options: dict[str, Any]) -> dict[str, Any]:
    names = {"strides": "stride", "dilation_rate": "dilation"}
    return {names.get(name, name): value for name, value in options.items()}


@pytest.mark.parametrize("seed", POOLINGS)
def test_max_pooling_and_its_first_winners_agree_with_torch(seed: int) -> None:
    draw = Draw(6, seed)
    dilation = draw.pair(1, 3) if seed % 3 else (1, 1)
    size, options = pool_options(draw)
    options["dilation_rate"] = dilation
    x = np.round(draw.images(3, 10, 13))  # full of ties
    tx = tensor(x)
    want, indices = F.max_pool2d(tx, size, return_indices=True, **for_torch(options))
    np.testing.assert_array_equal(ops.max_pool2d(x, size, **options), array(want))
    dy = np.round(8 * draw.rng.standard_normal(array(want).shape))
    dx = torch.zeros(*tx.shape[:2], tx.shape[2] * tx.shape[3], dtype=torch.float64)
    dx.scatter_add_(2, indices.flatten(2), tensor(dy).detach().flatten(2))
    got = ops.max_pool2d_backward(dy, x, size, ties="first", **options)
    np.testing.assert_array_equal(got, array(dx.reshape(tx.shape)))
    want.backward(tensor(dy))
    np.testing.assert_array_equal(got, array(tx.grad))


@pytest.mark.parametrize("seed", POOLINGS)
def test_average_pooling_and_its_gradient_agree_with_torch(seed: int) -> None:
    draw = Draw(7, seed)
    size, options = pool_options(draw)
    options["count_include_pad"] = seed % 3 == 0
    x = draw.images(3, 6, 11)
    tx = tensor(x)
    want = F.avg_pool2d(tx, size, **for_torch(options))
    agree(ops.average_pool2d(x, size, **options), array(want))
    dy = draw.rng.standard_normal(array(want).shape)
    want.backward(tensor(dy))
    agree(ops.average_pool2d_backward(dy, x, size, **options), array(tx.grad))


@pytest.mark.parametrize("size", range(1, 8))
@pytest.mark.parametrize("kernel", range(1, 5))
def test_a_window_that_starts_behind_the_image_is_dropped_as_in_torch(size: int, kernel: int) -> None:
    dropped = 0
    for stride, pad in itertools.product(range(1, 7), range(kernel // 2 + 1)):
        if size + 2 * pad < kernel or pad == kernel:
            continue
        x = np.arange(1.0, 1 + size * size).reshape(1, size, size, 1)
        options = {"strides": stride, "padding": pad, "ceil_mode": True}
        want = array(F.max_pool2d(tensor(x), kernel, **for_torch(options)))
        np.testing.assert_array_equal(ops.max_pool2d(x, kernel, strides=stride, padding=pad, ceil_mode=True), want)
        for included in (False, True):
            mean = array(F.avg_pool2d(tensor(x), kernel, count_include_pad=included, **for_torch(options)))
            agree(ops.average_pool2d(x, kernel, strides=stride, padding=pad, ceil_mode=True, count_include_pad=included), mean)
        dropped += -(-(size + 2 * pad - kernel) // stride) + 1 > want.shape[1]
    assert dropped or kernel > size + 1 or kernel == 1 == size


@pytest.mark.parametrize("seed", range(40))
def test_uneven_padding_of_pooling_is_that_of_padded_images(seed: int) -> None:
    draw = Draw(8, seed)
    size, strides = draw.pair(2, 4), draw.pair(1, 3)
    (top, bottom), (left, right) = (draw.pair(0, cells - 1) for cells in size)
    x, pads = draw.images(2, 5, 9), (left, right, top, bottom)
    padding = ((top, bottom), (left, right))
    most = F.max_pool2d(F.pad(tensor(x), pads, value=-np.inf), size, stride=strides)
    np.testing.assert_array_equal(ops.max_pool2d(x, size, strides=strides, padding=padding), array(most))
    mean = F.avg_pool2d(F.pad(tensor(x), pads), size, stride=strides)
    agree(ops.average_pool2d(x, size, strides=strides, padding=padding, count_include_pad=True), array(mean))
    share = F.avg_pool2d(F.pad(tensor(np.ones_like(x)), pads), size, stride=strides)  # of the cells that are not padding
    agree(ops.average_pool2d(x, size, strides=strides, padding=padding), array(mean / share))


# --- Keras ---


@pytest.mark.parametrize("seed", KERAS)
def test_same_and_valid_agree_with_keras(seed: int, keras: Any) -> None:
    draw = Draw(9, seed)
    kernel, strides, padding = draw.pair(1, 5), draw.whole(1, 4), ("same", "valid")[seed % 4 == 0]
    dilation = draw.whole(1, 3) if strides == 1 and padding == "same" else 1  # Keras has one or the other
    x, w = draw.rng.standard_normal((2, *draw.pair(5, 9), 2)), draw.rng.standard_normal((*kernel, 2, 3))
    want = keras.ops.conv(x, w, strides=strides, padding=padding, dilation_rate=dilation)
    agree(ops.conv2d(x, w, strides=strides, padding=padding, dilation_rate=dilation), keras.ops.convert_to_numpy(want))
    want = keras.ops.max_pool(x, kernel, strides=strides, padding=padding)
    agree(ops.max_pool2d(x, kernel, strides=strides, padding=padding), keras.ops.convert_to_numpy(want))
    total = [max((-(-size // strides) - 1) * strides + cells - size, 0) for size, cells in zip(x.shape[1:3], kernel, strict=True)]
    if padding == "same" and any(cells % 2 for cells in total):
        return  # Keras on PyTorch pads unevenly with copies of the edge here, Keras on TensorFlow does not
    want = keras.ops.average_pool(x, kernel, strides=strides, padding=padding)
    agree(ops.average_pool2d(x, kernel, strides=strides, padding=padding), keras.ops.convert_to_numpy(want))


@pytest.mark.parametrize("seed", KERAS)
def test_a_transposed_convolution_agrees_with_keras(seed: int, keras: Any) -> None:
    draw = Draw(10, seed)
    kernel, strides, padding = draw.pair(1, 5), draw.pair(1, 4), ("same", "valid")[seed % 2]
    extra = tuple(draw.whole(0, stride - 1) for stride in strides) if seed % 3 else None
    dilation = draw.whole(1, 2) if strides == (1, 1) else 1
    x, w = draw.rng.standard_normal((2, *draw.pair(2, 5), 3)), draw.rng.standard_normal((*kernel, 2, 3))
    want = keras.ops.conv_transpose(x, w, strides=strides, padding=padding, output_padding=extra, dilation_rate=dilation)
    got = ops.conv2d_transpose(x, w, strides=strides, padding=padding, output_padding=extra, dilation_rate=dilation)
    agree(got, keras.ops.convert_to_numpy(want))

"""Networks drawn at random, several operators in a row with branches, against onnxruntime; folded or not they give the same numbers."""

from typing import Any

import numpy as np
import pytest
from tests.onnx_graphs import file, node, normal, same

GRAPHS, EACH = 24, 10
MOST_CHANNELS = 12


class Drawing:
    """Draws a network on images: `value` is the newest tensor, with its channels, height and width."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[Any] = []
        self.weights: dict[str, Any] = {}
        self.count = 0
        self.value, self.size = "x", (3, int(self.rng.integers(6, 13)), int(self.rng.integers(6, 13)))
        self.first = self.size
        self.made: list[tuple[str, tuple[int, int, int]]] = []

    def add(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> list[str]:
        """Add a node, and return the names of its results."""
        names = [f"v{self.count + i}" for i in range(outputs)]
        self.count += outputs
        self.nodes.append(node(kind, " ".join(name or "-" for name in inputs), " ".join(names), **attributes))
        return names

    def constant(self, array: Any) -> str:
        """Add weights."""
        name = f"w{len(self.weights)}"
        self.weights[name] = array
        return name

    def step(self) -> None:
        """Add one operator or a few that belong together."""
        getattr(self, str(self.rng.choice(STEPS)))()
        self.made.append((self.value, self.size))

    # --- steps ---

    def conv(self) -> None:
        c, h, w = self.size
        groups = c if self.rng.random() < 0.3 else 2 if c % 2 == 0 and self.rng.random() < 0.3 else 1
        filters = groups * int(self.rng.integers(1, max(MOST_CHANNELS // groups, 1) + 1))
        kernel = int(self.rng.choice([1, 3]))
        stride = int(self.rng.choice([1, 1, 2])) if min(h, w) > 5 else 1
        weights = [self.constant(normal(self.rng, filters, c // groups, kernel, kernel) / np.float32(kernel * np.sqrt(c / groups)))]
        if self.rng.random() < 0.6:
            weights.append(self.constant(normal(self.rng, filters)))
        [self.value] = self.add("Conv", self.value, *weights, group=groups, strides=[stride] * 2, pads=[kernel // 2] * 4)
        self.size = (filters, (h - 1) // stride + 1, (w - 1) // stride + 1)

    def norm(self) -> None:
        c = self.size[0]
        others = [self.constant(normal(self.rng, c)) for _ in range(3)]
        [self.value] = self.add(
            "BatchNormalization", self.value, *others, self.constant(self.rng.random(c).astype(np.float32) + np.float32(0.3))
        )

    def activation(self) -> None:
        kind = str(self.rng.choice(["Relu", "LeakyRelu", "Sigmoid", "Tanh", "HardSigmoid", "Elu", "Softplus", "Abs", "Neg", "HardSwish"]))
        [self.value] = self.add(kind, self.value)

    def prelu(self) -> None:
        [self.value] = self.add("PRelu", self.value, self.constant(normal(self.rng, self.size[0], 1, 1)))

    def scale(self) -> None:
        c, h, w = self.size
        shape = [(c, 1, 1), (1, c, 1, 1), (), (w,), (h, 1), (1,)][self.rng.integers(6)]
        kind = str(self.rng.choice(["Add", "Mul", "Sub", "Div"]))
        constant = self.constant(np.abs(normal(self.rng, *shape)) + np.float32(0.5))
        pair = [self.value, constant]
        if kind != "Div" and self.rng.random() < 0.4:
            pair.reverse()
        [self.value] = self.add(kind, *pair)

    def pool(self) -> None:
        c, h, w = self.size
        if min(h, w) < 4:
            return
        kind = str(self.rng.choice(["MaxPool", "AveragePool"]))
        [self.value] = self.add(kind, self.value, kernel_shape=[2, 2], strides=[2, 2])
        self.size = (c, h // 2, w // 2)

    def residual(self) -> None:
        alike = [name for name, size in self.made if size == self.size]
        if alike:
            [self.value] = self.add(str(self.rng.choice(["Add", "Mul", "Max", "Sub"])), self.value, str(self.rng.choice(alike)))

    def join(self) -> None:
        fitting = [(name, size) for name, size in self.made if size[1:] == self.size[1:] and size[0] + self.size[0] <= MOST_CHANNELS]
        if fitting:
            name, size = fitting[self.rng.integers(len(fitting))]
            [self.value] = self.add("Concat", self.value, name, axis=1)
            self.size = (size[0] + self.size[0], *self.size[1:])

    def squeeze(self) -> None:
        [mean] = self.add("GlobalAveragePool", self.value)
        c = self.size[0]
        [gate] = self.add("Conv", mean, self.constant(normal(self.rng, c, c, 1, 1)))
        [gate] = self.add("Sigmoid", gate)
        [self.value] = self.add("Mul", self.value, gate)

    def shuffle(self) -> None:
        c, h, w = self.size
        if c % 2 == 0:
            [apart] = self.add("Reshape", self.value, self.constant(np.array([0, 2, c // 2, h, w])))
            [turned] = self.add("Transpose", apart, perm=[0, 2, 1, 3, 4])
            [self.value] = self.add("Reshape", turned, self.constant(np.array([0, c, h, w])))

    def halves(self) -> None:
        c = self.size[0]
        if c > 1:
            one, other = self.add("Split", self.value, self.constant(np.array([1, c - 1])), outputs=2, axis=1)
            [self.value] = self.add("Concat", other, one, axis=1)

    def larger(self) -> None:
        c, h, w = self.size
        if max(h, w) < 10:
            mode: dict[str, Any] = (
                {"mode": "linear"} if self.rng.random() < 0.5 else {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
            )
            [self.value] = self.add("Resize", self.value, "", self.constant(np.array([1, 1, 2, 2], np.float32)), **mode)
            self.size = (c, 2 * h, 2 * w)

    def edge(self) -> None:
        c, h, w = self.size
        mode: dict[str, Any] = {"mode": str(self.rng.choice(["constant", "reflect", "edge"]))}
        [self.value] = self.add("Pad", self.value, self.constant(np.array([0, 0, 1, 0, 0, 0, 0, 2])), **mode)
        self.size = (c, h + 1, w + 2)

    def cut(self) -> None:
        c, h, w = self.size
        if h > 4:
            numbers = [self.constant(np.array([n])) for n in (1, h, 2)]
            [self.value] = self.add("Slice", self.value, *numbers)
            self.size = (c, h - 1, w)

    def softmax(self) -> None:
        [self.value] = self.add("Softmax", self.value, axis=int(self.rng.choice([1, 2, 3, -1])))

    def head(self) -> None:
        """Add what classifiers end with."""
        c, h, w = self.size
        how = self.rng.integers(4)
        if how == 0:
            [flat] = self.add("Flatten", self.value)
        elif how == 1:
            [flat] = self.add("Reshape", self.value, self.constant(np.array([0, -1])))
        else:
            [flat] = self.add("ReduceMean", self.value, axes=[2, 3], keepdims=0)
        features = c * h * w if how < 2 else c
        kernel = self.constant(normal(self.rng, features, 4) / np.float32(np.sqrt(features)))
        [self.value] = self.add("Gemm", flat, kernel, self.constant(normal(self.rng, 4)))


STEPS = (
    "conv", "conv", "conv", "norm", "norm", "activation", "activation", "prelu", "scale", "scale", "pool", "residual", "residual", "join",
    "squeeze", "shuffle", "halves", "larger", "edge", "cut", "softmax",
)  # fmt: skip


@pytest.mark.parametrize("group", range(GRAPHS))
def test_networks_drawn_at_random_are_onnxruntimes(group: int) -> None:
    for seed in range(group * EACH, (group + 1) * EACH):
        drawing = Drawing(seed)
        for _ in range(drawing.rng.integers(3, 12)):
            drawing.step()
        if seed % 2:
            drawing.head()
        outputs = list(dict.fromkeys([drawing.value, *(name for name, _ in drawing.made[-2:])]))[: 1 + seed % 3]
        if "x" in outputs or not drawing.nodes:
            continue
        fixed = seed % 4 < 2 or seed % 2
        sizes = list(drawing.first) if fixed else [3, "h", "w"]
        proto = file(drawing.nodes, {"x": ["n", *sizes]}, drawing.weights, outputs)
        x = {"x": normal(drawing.rng, 1 + seed % 3, *drawing.first)}
        same(proto, x, tolerance=1e-4)
        same(proto, x, tolerance=1e-4, fold=True)

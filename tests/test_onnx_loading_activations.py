"""Activations that a file writes out, and what else becomes a layer of ours so that the model can be saved."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.onnx_graphs import file, node, normal, same

import convstep

RNG = np.random.default_rng(31)
NUMBERS = {
    "three": np.float32(3), "zero": np.float32(0), "six": np.float32(6), "sixth": np.float32(1 / 6), "half": np.float32(0.5),
    "one": np.float32(1), "root": np.float32(2**0.5), "back": np.float32(0.5**0.5), "w": normal(RNG, 4, 3, 1, 1), "two": np.float32(2),
}  # fmt: skip
SHAPES = {"matrix": (("N", 5), (3, 5)), "images": (("N", 3, "h", "w"), (2, 3, 4, 5))}
ERF = [node("Div", "x root", "a"), node("Erf", "a", "b"), node("Add", "b one", "c")]
SIX = [node("Add", "x three", "a"), node("Clip", "a zero six", "b")]
WRITTEN: dict[str, tuple[list[Any], str]] = {
    "hard swish": ([*SIX, node("Mul", "x b", "c"), node("Div", "c six", "y")], "hard_silu"),
    "hard swish, a sixth first": ([*SIX, node("Mul", "b sixth", "c"), node("Mul", "c x", "y")], "hard_silu"),
    "hard swish, divided first": ([*SIX, node("Div", "b six", "c"), node("Mul", "x c", "y")], "hard_silu"),
    "hard swish by hard sigmoid": ([node("HardSigmoid", "x", "a", alpha=1 / 6), node("Mul", "a x", "y")], "hard_silu"),
    "gelu of PyTorch": ([*ERF, node("Mul", "x c", "d"), node("Mul", "d half", "y")], "gelu"),
    "gelu, half of x": ([node("Mul", "half x", "d"), *ERF, node("Mul", "d c", "y")], "gelu"),
    "gelu, half of the error function": ([*ERF, node("Mul", "c half", "d"), node("Mul", "d x", "y")], "gelu"),
    "gelu by the root's reciprocal": ([node("Mul", "x back", "a"), *ERF[1:], node("Mul", "x c", "d"), node("Div", "d two", "y")], "gelu"),
    "silu": ([node("Sigmoid", "x", "a"), node("Mul", "x a", "y")], "silu"),
    "mish": ([node("Softplus", "x", "a"), node("Tanh", "a", "b"), node("Mul", "b x", "y")], "mish"),
    "exponential": ([node("Exp", "x", "y")], "exponential"),
    "selu": ([node("Selu", "x", "y")], "selu"),
}
OTHERS: dict[str, list[Any]] = {
    "a sixth of more": [node("Add", "x one", "a"), node("Clip", "a zero six", "b"), node("Mul", "x b", "c"), node("Div", "c six", "y")],
    "another end": [node("Add", "x three", "a"), node("Clip", "a zero three", "b"), node("Mul", "x b", "c"), node("Div", "c six", "y")],
    "another divisor": [*SIX, node("Mul", "x b", "c"), node("Div", "c three", "y")],
    "something else": [*SIX, node("Neg", "x", "z"), node("Mul", "z b", "c"), node("Div", "c six", "y")],
    "the error function of x": [node("Erf", "x", "b"), *ERF[2:], node("Mul", "x c", "d"), node("Mul", "d half", "y")],
    "twice gelu": [*ERF, node("Mul", "x c", "y")],
    "sigmoid of twice x": [node("Mul", "x two", "z"), node("Sigmoid", "z", "a"), node("Mul", "x a", "y")],
    "hard sigmoid of another slope": [node("HardSigmoid", "x", "a", alpha=0.2), node("Mul", "a x", "y")],
    "selu of other numbers": [node("Selu", "x", "y", alpha=1.5)],
}


def needed(nodes: list[Any]) -> dict[str, Any]:
    """Return the numbers that nodes read."""
    return {name: NUMBERS[name] for item in nodes for name in item.input if name in NUMBERS}


def functions(model: Any) -> list[str]:
    """Return what the layers Activation do."""
    return [layer.activation.name for layer in model.layers if isinstance(layer, convstep.layers.Activation)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("name", "dtype"), [*((name, np.float32) for name in WRITTEN), ("silu", np.float64), ("exponential", np.float64)])
def test_an_activation_that_is_written_out_is_one_layer(name: str, shape: str, dtype: Any) -> None:
    (nodes, function), (sizes, sizes_given) = WRITTEN[name], SHAPES[shape]
    numbers = {key: array.astype(dtype) for key, array in needed(nodes).items()}
    x = (4 * normal(RNG, *sizes_given)).astype(dtype)
    model = same(file(nodes, {"x": (sizes, dtype)}, numbers), {"x": x})
    assert functions(model) == [function]
    assert len(model.layers) == 2


@pytest.mark.parametrize("name", OTHERS)
def test_what_only_looks_like_one_is_left_as_it_is(name: str) -> None:
    model = same(file(OTHERS[name], {"x": ("N", 5)}, needed(OTHERS[name])), {"x": 4 * normal(RNG, 3, 5)})
    assert not {"hard_silu", "gelu", "silu", "selu"} & set(functions(model))


def test_what_it_is_made_of_may_have_other_readers() -> None:
    nodes = [*SIX, node("Mul", "x b", "c"), node("Div", "c six", "y"), node("Neg", "b", "p"), node("Relu", "c", "q")]
    model = same(file(nodes, {"x": ("N", 5)}, needed(nodes), ["y", "p", "q", "a"]), {"x": 4 * normal(RNG, 3, 5)})
    assert "hard_silu" in functions(model)


def test_one_between_convolutions_is_found_whatever_the_order_of_axes() -> None:
    conv = [node("Conv", "i w", "x")]
    nodes = [*conv, *SIX, node("Mul", "x b", "c"), node("Div", "c six", "d"), node("GlobalAveragePool", "d", "y")]
    model = same(file(nodes, {"i": ("N", 3, 6, 7)}, needed(nodes)), {"i": normal(RNG, 2, 3, 6, 7)})
    assert functions(model) == ["hard_silu"]


@pytest.mark.parametrize("name", WRITTEN)
def test_models_of_activations_that_are_written_out_can_be_saved(name: str, tmp_path: Path) -> None:
    nodes, _ = WRITTEN[name]
    model = same(file(nodes, {"x": ("N", 5)}, needed(nodes)), {"x": normal(RNG, 3, 5)})
    x = normal(RNG, 4, 5)
    model.save(tmp_path / "m.convstep")
    np.testing.assert_allclose(convstep.load_model(tmp_path / "m.convstep").predict(x), model.predict(x), rtol=0, atol=1e-6)


# --- outputs that are inputs ---


@pytest.mark.parametrize("kind", ["Identity", "Dropout"])
def test_an_output_that_is_an_input_can_be_saved_and_is_no_view(kind: str, tmp_path: Path) -> None:
    x = normal(RNG, 2, 3, 4, 4)
    model = same(file([node(kind, "x", "y"), node("Relu", "x", "z")], {"x": ("N", 3, 4, 4)}, {}, ["x", "y", "z"]), {"x": x})
    assert model.operators == []
    assert not any(np.shares_memory(x, item) for item in model.predict(x).values())
    model.save(tmp_path / "m.convstep")


def test_an_output_that_is_an_input_of_another_type_stays_what_it_is() -> None:
    model = same(file([node("Identity", "x", "y")], {"x": (("N", 3), np.int64)}, {}), {"x": np.arange(6).reshape(2, 3)})
    assert model.operators == ["Identity"]

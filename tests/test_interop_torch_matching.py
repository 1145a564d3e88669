"""Modules go to the layers that they belong to, or to none: by names, by maps, by the order that is known, in clear words."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convstep
from convstep import layers as la
from convstep.checks import Array
from convstep.errors import ArgumentTypeError, ConvStepError, DataError, ShapeError
from convstep.interop.torch import load_weights, read, save, to_state_dict

OP = "torch.load_weights: "


def drawn(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def convolution(name: str, filters: int, channels: int, size: int = 3, seed: int = 0) -> dict[str, Array]:
    return {f"{name}.weight": drawn(seed, filters, channels, size, size), f"{name}.bias": drawn(seed + 1, filters)}


def linear(name: str, units: int, inputs: int, seed: int = 0) -> dict[str, Array]:
    return {f"{name}.weight": drawn(seed, units, inputs), f"{name}.bias": drawn(seed + 1, units)}


def normalization(name: str, channels: int, seed: int = 0) -> dict[str, Array]:
    words = ("weight", "bias", "running_mean", "running_var")
    arrays = {f"{name}.{word}": abs(drawn(seed + i, channels)) for i, word in enumerate(words)}
    return {**arrays, f"{name}.num_batches_tracked": np.array(7)}


def chain(*layers: Any, shape: tuple[int, ...] = (8, 8, 3)) -> Any:
    return convstep.Sequential([convstep.Input(shape), *layers])


def refused(model: Any, source: Any, *, kind: type[ConvStepError] = ShapeError, **options: Any) -> str:
    """Return the message, after holding against each other that nothing was changed."""
    before = [(array.tobytes(), array.shape) for array in model.get_weights()] if isinstance(model, convstep.Model) else None
    with pytest.raises(kind) as error:
        load_weights(model, source, **options)
    if before is not None:
        assert [(array.tobytes(), array.shape) for array in model.get_weights()] == before
    return str(error.value)


# --- by names ---


def test_layers_with_the_names_of_the_modules_get_theirs_in_any_order() -> None:
    model = chain(la.Conv2D(3, 3, name="first"), la.Conv2D(3, 3, name="second"))
    state = convolution("second", 3, 3, seed=5) | convolution("first", 3, 3)
    assert load_weights(model, state) == {"second": "second", "first": "first"}
    assert np.array_equal(model.get_layer("second").parameter("bias"), state["second.bias"])
    around = {f"net.{name}": array for name, array in state.items()}
    assert load_weights(model, around) == {"net.second": "second", "net.first": "first"}


def test_what_is_written_is_read_again_by_its_names(tmp_path: Path) -> None:
    def make() -> Any:
        part = convstep.Input((6, 6, 2))
        inner = convstep.Model(part, la.BatchNormalization()(la.SeparableConv2D(4, 3)(part)), name="inner")
        inputs = convstep.Input((6, 6, 2))
        return convstep.Model(inputs, la.Dense(3)(la.Flatten()(la.Conv2DTranspose(2, 2, 2)(inner(inputs)))))

    model, other = make(), make()
    names = ["inner.separable_conv2d.depthwise.weight", "inner.separable_conv2d.pointwise.weight", "inner.separable_conv2d.pointwise.bias"]
    names += [f"inner.batch_normalization.{word}" for word in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")]
    names += [f"{layer}.{word}" for layer in ("conv2d_transpose", "dense") for word in ("weight", "bias")]
    assert list(to_state_dict(model)) == names
    for file in ("w.pth", "w.pt", "w.bin", "w.safetensors"):
        save(model, tmp_path / file)
        assert {name: array.tobytes() for name, array in read(tmp_path / file).items()} == {
            name: array.tobytes() for name, array in to_state_dict(model).items()
        }
        other.set_weights([array + 1 for array in other.get_weights()])
        load_weights(other, tmp_path / file)
        assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), other.get_weights(), strict=True))


def test_equal_weights_are_equal_files(tmp_path: Path) -> None:
    model = chain(la.Conv2D(2, 3), la.Flatten(), la.Dense(2))
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        save(model, tmp_path / folder / "w.pth")
    assert (tmp_path / "a" / "w.pth").read_bytes() == (tmp_path / "b" / "w.pth").read_bytes()


# --- by a map ---


def test_a_map_says_what_belongs_together() -> None:
    model = chain(la.Conv2D(3, 3, name="a"), la.Conv2D(3, 3, name="b"), la.BatchNormalization(name="c"))
    state = convolution("x.0", 3, 3, seed=5) | convolution("x.1", 3, 3) | normalization("y", 3)
    names = {"x.1": "a", "x.0": "b", "y": "c"}
    assert load_weights(model, state, names=names) == {"x.0": "b", "x.1": "a", "y": "c"}
    assert np.array_equal(model.get_layer("a").parameter("bias"), state["x.1.bias"])
    back = to_state_dict(model, names)
    assert [name for name in back if name.endswith("weight")] == ["x.1.weight", "x.0.weight", "y.weight"]
    assert all(np.array_equal(back[name], array) for name, array in state.items() if "tracked" not in name)
    assert load_weights(model, state, names=names.__getitem__) == {"x.0": "b", "x.1": "a", "y": "c"}
    called = {"a": "x.1", "b": "x.0", "c": "y"}
    assert set(to_state_dict(model, lambda layer: called[layer])) == set(state)


def test_a_map_names_what_is_around_and_leaves_away() -> None:
    part = convstep.Input((8, 8, 3))
    inner = convstep.Model(part, la.Conv2D(3, 3, name="conv")(part), name="inner")
    inputs = convstep.Input((8, 8, 3))
    model = convstep.Model(inputs, la.Conv2D(2, 1, name="head")(inner(inputs)))
    state = convolution("backbone.conv", 3, 3) | convolution("head", 2, 3, 1) | linear("auxiliary", 4, 4)
    names = {"backbone": "inner", "auxiliary": None}
    assert load_weights(model, state, names=names) == {"backbone.conv": "inner/conv", "head": "head"}
    assert set(to_state_dict(model, names)) == {name for name in state if not name.startswith("aux")}
    assert load_weights(model, state, names={"head": "head", "backbone.conv": "inner/conv"}.get)
    assert load_weights(model, state, names={"backbone": "inner/", "backbone.conv": "inner.conv", "auxiliary": None})


@pytest.mark.parametrize(
    ("names", "kind", "fact"),
    [
        ({"x": "c", "y": "b"}, ShapeError, 'names has "c" for "x", but there is no such layer with weights; there are "a", "b"'),
        ({"x": "a", "y": "a"}, ShapeError, 'names has the layer "a" for "x" and for "y"'),
        ({"x": "a", "y": "b", "z": "b"}, ShapeError, 'names has "z", which the weights have not; they have "x", "y"'),
        ({"x": "a", "y": None}, ShapeError, 'the weights do not fit the model: "b" is missing'),
        (3, ArgumentTypeError, "names must be a mapping of PyTorch's modules to layers, or a function from one to the other"),
    ],
)
def test_a_map_that_does_not_fit_is_refused(names: Any, kind: type[ConvStepError], fact: str) -> None:
    model = chain(la.Conv2D(3, 3, name="a"), la.Conv2D(3, 3, name="b"))
    message = refused(model, convolution("x", 3, 3) | convolution("y", 3, 3), names=names, kind=kind)
    assert message.splitlines()[0] == OP + fact
    assert message.splitlines()[1].startswith("  given ")


# --- by order ---


def test_modules_in_a_chain_go_to_the_layers_in_order() -> None:
    model = chain(la.Conv2D(3, 3), la.BatchNormalization(), la.Conv2D(3, 3), la.BatchNormalization(), la.Flatten(), la.Dense(2))
    one = convolution("b", 3, 3) | normalization("a", 3) | convolution("d", 3, 3) | normalization("c", 3) | linear("e", 2, 48)
    layers = ["conv2d", "batch_normalization", "conv2d_1", "batch_normalization_1", "dense"]
    assert load_weights(model, one) == dict(zip("badce", layers, strict=True))
    kinds = convolution("b", 3, 3) | convolution("d", 3, 3) | normalization("a", 3) | normalization("c", 3) | linear("e", 2, 48)
    assert load_weights(model, kinds) == dict(zip("badce", layers, strict=True))


def fork(*, swapped: bool = False, merge: Any = la.Add, filters: tuple[int, int] = (3, 3), sizes: tuple[int, int] = (3, 3)) -> Any:
    inputs = convstep.Input((8, 8, 3))
    one, other = (
        la.BatchNormalization(name=f"bn{i}")(la.Conv2D(filters[i], sizes[i], padding="same", name=f"conv{i}")(inputs)) for i in range(2)
    )
    return convstep.Model(inputs, merge()([other, one] if swapped else [one, other]))


@pytest.mark.parametrize("swapped", [False, True])
def test_branches_of_other_shapes_are_told_apart_however_they_are_described(swapped: bool) -> None:
    state = convolution("p", 3, 3, 3) | normalization("q", 3) | convolution("r", 3, 3, 1) | normalization("s", 3)
    found = load_weights(fork(swapped=swapped, sizes=(3, 1)), state)
    assert found == {"p": "conv0", "q": "bn0", "r": "conv1", "s": "bn1"}


def test_branches_of_the_same_shapes_ask_for_names() -> None:
    state = convolution("p", 3, 3) | normalization("q", 3) | convolution("r", 3, 3) | normalization("s", 3)
    for merge in (la.Add, la.Concatenate):
        fact = 'the order does not tell whether "p" belongs to "conv0" or to "conv1": both fit'
        message = refused(fork(merge=merge), state)
        assert message == f"{OP}{fact}\n  given weights ((3, 3, 3, 3), (3,)); try names={{module: layer}}"
    names = {"p": "conv1", "q": "bn1", "r": "conv0", "s": "bn0"}
    assert load_weights(fork(), state, names=names) == names


def test_a_name_that_says_something_else_than_the_order_is_refused() -> None:
    model = chain(la.Conv2D(3, 3, name="a"), la.Conv2D(3, 3, name="b"), la.Flatten(), la.Dense(2))
    state = convolution("b", 3, 3) | convolution("a", 3, 3) | linear("fc", 2, 48)
    message = refused(model, state)
    assert message.startswith(f'{OP}by order "b" belongs to the layer "a", by its name to another one\n  given ')


def test_many_branches_of_the_same_shapes_are_refused_in_time() -> None:
    inputs = convstep.Input((8, 8, 3))
    branches = [la.Conv2D(2, 1)(la.Conv2D(3, 1)(inputs)) for _ in range(12)]
    model = convstep.Model(inputs, la.Concatenate()(branches))
    state: dict[str, Array] = {}
    for i in range(12):
        state |= convolution(f"x{i}", 3, 3, 1) | convolution(f"y{i}", 2, 3, 1)
    assert 'the order does not tell whether "' in refused(model, state)
    assert 'the order does not tell whether "' in refused(model, dict(sorted(state.items())))


# --- without an order ---


def by_alphabet(state: dict[str, Array]) -> dict[str, Array]:
    return dict(sorted(state.items()))


def test_numbers_in_names_tell_an_order_that_safetensors_lost(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    model = chain(*[la.Conv2D(3, 1) for _ in range(12)], la.Flatten(), la.Dense(2))
    state: dict[str, Array] = {}
    for i in range(12):
        state |= convolution(f"features.{3 * i}", 3, 3, 1, seed=i)
    state |= linear("classifier", 2, 192)
    save_file(state, tmp_path / "w.safetensors")
    for source in (tmp_path / "w.safetensors", by_alphabet(state), read(tmp_path / "w.safetensors")):
        found = load_weights(model, source)
        assert found == {f"features.{3 * i}": f"conv2d_{i}" if i else "conv2d" for i in range(12)} | {"classifier": "dense"}
    assert np.array_equal(model.layers[10].parameter("bias"), state["features.30.bias"])


def test_modules_of_the_same_shapes_without_an_order_ask_for_names(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    model = chain(la.Conv2D(3, 3), la.Conv2D(3, 3))
    state = convolution("encoder", 3, 3) | convolution("decoder", 3, 3)
    assert load_weights(model, state) == {"encoder": "conv2d", "decoder": "conv2d_1"}
    fact = 'the order does not tell whether "decoder" belongs to "conv2d" or to "conv2d_1": both fit'
    assert refused(model, by_alphabet(state)).startswith(OP + fact)
    save_file(state, tmp_path / "w.safetensors")
    assert refused(model, tmp_path / "w.safetensors").startswith(OP + fact)
    mixed = convolution("conv1", 3, 3) | normalization("bn1", 3) | convolution("conv2", 3, 3) | normalization("bn2", 3)
    model = chain(la.Conv2D(3, 3), la.BatchNormalization(), la.Conv2D(3, 3), la.BatchNormalization())
    found = load_weights(model, by_alphabet(mixed))
    assert found == {"bn1": "batch_normalization", "bn2": "batch_normalization_1", "conv1": "conv2d", "conv2": "conv2d_1"}


# --- what does not fit ---

SMALL: tuple[Callable[[], Any], dict[str, Array]] = (
    lambda: chain(la.Conv2D(2, 3, name="conv"), la.Flatten(), la.Dense(2, name="fc")),
    convolution("conv", 2, 3) | linear("fc", 2, 72),
)
MANY = (
    'the weights do not fit the model: "x" is unexpected; '
    '"conv.weight" has the shape (2, 3, 3, 4), but "conv" takes (2, 3, 3, 3); "fc.bias"'
)
WRONG: dict[str, tuple[Callable[[dict[str, Array]], dict[str, Array]], str]] = {
    "missing": (
        lambda state: {name: array for name, array in state.items() if name != "fc.bias"},
        'the weights do not fit the model: "fc.bias" is missing',
    ),
    "unexpected": (lambda state: {**state, "fc.scale": drawn(0, 2)}, 'the weights do not fit the model: "fc.scale" is unexpected'),
    "module": (lambda state: state | linear("aux", 1, 2), 'the weights do not fit the model: "aux" is unexpected'),
    "shape": (
        lambda state: state | linear("fc", 2, 71),
        'the weights do not fit the model: "fc.weight" has the shape (2, 71), but "fc" takes (2, 72)',
    ),
    "turned": (
        lambda state: {**state, "fc.weight": state["fc.weight"].T},
        'the weights do not fit the model: "fc.weight" has the shape (72, 2), but "fc" takes (2, 72)',
    ),
    "type": (
        lambda state: {**state, "fc.bias": np.zeros(2, np.int64)},
        'the weights do not fit the model: "fc.bias" has the type int64, which is no type of weights',
    ),
    "all": (
        lambda state: {**state, "fc.bias": drawn(0, 3), "conv.weight": drawn(0, 2, 3, 3, 4), "x.a": drawn(0, 1)},
        f'{MANY} has the shape (3,), but "fc" takes (2,)',
    ),
    "more": (
        lambda state: state | {f"x{i}.w": drawn(0, 1) for i in range(9)},
        "the weights do not fit the model: " + "; ".join(f'"x{i}" is unexpected' for i in range(6)) + ", and 3 more",
    ),
    "other names": (
        lambda state: {f"a.{name.replace('fc', 'x')}": array for name, array in state.items() if name != "fc.bias"},
        'the weights do not fit the model: "a.x" (weight (2, 72)) fits no layer; nothing fits "fc" (2, 72)',
    ),
    "an order that is none": (
        lambda state: {name.replace("conv", "b").replace("fc", "a"): array for name, array in reversed(state.items())} | linear("c", 2, 72),
        'the weights do not fit the model: there are 3 modules for 2 layers with weights: "a", "b", "c"; "conv", "fc"',
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_weights_that_do_not_fit_are_refused_and_change_nothing(name: str) -> None:
    make, state = SMALL
    change, fact = WRONG[name]
    message = refused(make(), change(state))
    assert message.splitlines()[0] == OP + fact
    assert message.splitlines()[1].startswith("  given ")
    assert len(message.splitlines()) == 2


def test_a_branch_in_no_possible_order_is_refused() -> None:
    state = normalization("q", 3) | convolution("p", 3, 3, 3) | convolution("r", 3, 3, 1) | normalization("s", 3)
    message = refused(fork(sizes=(3, 1)), state)
    shapes = "weight (3,), bias (3,), running_mean (3,), running_var (3,), num_batches_tracked ()"
    fact = f'"q" ({shapes}) fits "bn0" (3,), "bn1" (3,), but not in this order'
    assert message == f"{OP}{fact}\n  given names None; try names={{module: layer}}"


def test_models_that_are_none_or_not_built_are_refused() -> None:
    for model, fact in [
        (la.Dense(2), "expected a model of convstep"),
        ({"w": drawn(0, 1)}, "expected a model of convstep"),
        (convstep.Sequential([la.Dense(2)]), "the model is not built yet: call it with data, or tell it the shape of its input"),
    ]:
        assert refused(model, {}, kind=ArgumentTypeError).startswith(f"{OP}{fact}\n  given model ")


def test_a_layer_without_a_twin_is_refused() -> None:
    class Scale(la.Layer):
        def build(self, input_shape: Any) -> None:
            self.add_parameter("factor", input_shape[-1:], convstep.initializers.get("ones"))

        def forward(self, x: Any, **_mode: Any) -> tuple[Any, Any]:
            return x * self.parameter("factor"), x

    model = chain(Scale(name="mine"), shape=(3,))
    fact = 'the layer "mine" (Scale) has no twin in PyTorch that is known'
    assert refused(model, {"x.factor": drawn(0, 3)}) == f"{OP}{fact}\n  given layer 'mine'"


def test_an_order_that_cannot_be_told_is_refused() -> None:
    shape, dense = (4, 4, 3), linear("a", 2, 48)
    fact = 'the layer "dense" reads numbers whose order in PyTorch cannot be told: what lies before it reorders or reshapes them'
    for layers in (
        [la.Reshape((4, 12)), la.Flatten()],
        [la.Permute((3, 1, 2)), la.Reshape((16, 3)), la.Flatten()],
        [la.Reshape((16, 3)), la.Permute((2, 1)), la.Flatten()],
    ):
        assert refused(chain(*layers, la.Dense(2), shape=shape), dense).splitlines()[0] == OP + fact
    fact = 'the layer "reshape" makes images of numbers that PyTorch, with channels first, would share out in another way'
    for layers in ([la.Flatten(), la.Reshape((2, 6, 4)), la.Flatten()], [la.Reshape((2, 6, 4)), la.Conv2D(3, 1), la.Flatten()]):
        state = dense if isinstance(layers[0], la.Flatten) else convolution("c", 3, 4, 1) | linear("a", 2, 36)
        assert refused(chain(*layers, la.Dense(2), shape=shape), state).splitlines()[0] == OP + fact
    inputs = convstep.Input(shape)
    both = [la.Flatten()(inputs), la.Flatten()(la.AveragePooling2D((4, 1))(la.Conv2D(12, 1)(inputs)))]
    fact = 'the layer "dense" reads numbers whose order in PyTorch cannot be told: what lies before it reorders or reshapes them'
    dense |= convolution("c", 12, 3, 1)
    assert refused(convstep.Model(inputs, la.Dense(2)(la.Add()(both))), dense).splitlines()[0] == OP + fact
    twice = la.Dense(48)
    model = convstep.Model(inputs, twice(twice(la.Flatten()(inputs))))
    fact = 'the layer "dense" is used for features that lie in different orders'
    assert refused(model, linear("a", 48, 48)).splitlines()[0] == OP + fact


def test_tokens_keep_their_channels() -> None:
    model = chain(la.Reshape((16, 3)), la.LayerNormalization(), la.Dense(4), la.Dense(2), shape=(4, 4, 3))
    state = {"n.weight": drawn(0, 3), "n.bias": drawn(1, 3)} | linear("b", 4, 3) | linear("a", 2, 4)
    load_weights(model, state)
    assert np.array_equal(model.get_layer("dense").parameter("kernel"), state["b.weight"].T)
    assert np.array_equal(model.get_layer("layer_normalization").parameter("gamma"), state["n.weight"])


# --- constants, epsilon, types ---


def test_a_normalization_without_scale_takes_a_scale_of_ones_only() -> None:
    model = chain(la.BatchNormalization(scale=False, name="n"), shape=(3,))
    state = normalization("n", 3)
    fact = 'the weights do not fit the model: "n.weight" is not always 1, as in "n"'
    assert refused(model, state).splitlines()[0] == OP + fact
    load_weights(model, state | {"n.weight": np.ones(3, np.float32)})
    back = to_state_dict(model)
    assert list(back) == list(state)
    assert back["n.weight"].tolist() == [1, 1, 1]
    assert back["n.num_batches_tracked"].dtype == np.int64


def test_epsilon_is_set_when_it_is_asked_for() -> None:
    model = chain(la.BatchNormalization(name="n"), la.LayerNormalization(name="m"), shape=(3,))
    state = normalization("n", 3) | {"m.weight": drawn(0, 3), "m.bias": drawn(0, 3)}
    load_weights(model, state)
    assert [layer.epsilon for layer in model.layers] == [1e-3, 1e-3]
    for epsilon, kind in (
        (0, ShapeError),
        (-1.0, ShapeError),
        (float("nan"), ShapeError),
        ("1e-5", ArgumentTypeError),
        (True, ArgumentTypeError),
    ):
        message = refused(model, state, epsilon=epsilon, kind=kind)
        assert message.startswith(f"{OP}epsilon must be a number > 0, not {epsilon!r}\n  given epsilon ")
    load_weights(model, state, epsilon=1e-5)
    assert [layer.epsilon for layer in model.layers] == [1e-5, 1e-5]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_parameters_keep_their_type(dtype: str, tmp_path: Path) -> None:
    model = chain(la.Dense(2, dtype=dtype, name="fc"), shape=(3,))
    load_weights(model, {"fc.weight": drawn(0, 2, 3).astype(np.float64), "fc.bias": drawn(0, 2).astype(np.float16)})
    assert {array.dtype.name for array in model.get_weights()} == {dtype}
    for file in ("w.pth", "w.safetensors"):
        save(model, tmp_path / file)
        assert {array.dtype.name for array in read(tmp_path / file).values()} == {dtype}


def test_alphas_that_differ_from_pixel_to_pixel_cannot_be_written() -> None:
    model = chain(la.PReLU(name="p"), shape=(2, 2, 3))
    load_weights(model, {"p.weight": np.array([0.25], np.float32)})
    assert to_state_dict(model)["p.weight"].tolist() == [0.25] * 3
    model.set_weights([drawn(0, 2, 2, 3)])
    with pytest.raises(ShapeError) as error:
        to_state_dict(model)
    fact = 'the layer "p" has other alphas for other pixels, but PyTorch has one for each channel'
    assert str(error.value).startswith(f"torch.load_weights: {fact}\n") or str(error.value).startswith(f"torch.to_state_dict: {fact}\n")


# --- writing ---


def test_paths_and_names_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    model = chain(la.Dense(2, name="a"), la.Dense(2, name="b"), shape=(2,))
    with pytest.raises(ShapeError) as error:
        save(model, tmp_path / "w.onnx")
    fact = "torch.save: the path must end in .safetensors or .pth or .pt or .bin, not in '.onnx'"
    assert str(error.value).splitlines()[0] == fact
    with pytest.raises(DataError):
        save(model, tmp_path / "none" / "w.pth")
    for names, fact in [
        ({"x": "c"}, 'names has "c" for "x", but there is no such layer with weights'),
        ({"x": "a", "y": "a"}, 'names has "a" for "y", but there is no such layer with weights'),
        ({"b": "a"}, 'two layers would be called "b"'),
        (lambda _: "same", 'two layers would be called "same"'),
    ]:
        with pytest.raises(ShapeError) as error:
            to_state_dict(model, names)  # type: ignore[arg-type]
        assert str(error.value).splitlines()[0] == f"torch.to_state_dict: {fact}"
    with pytest.raises(ArgumentTypeError):
        to_state_dict(model, 3)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_a_state_dict_is_a_copy() -> None:
    model = chain(la.Dense(2, name="a"), shape=(2,))
    to_state_dict(model)["a.bias"][:] = 9
    assert model.get_weights()[1].tolist() == [0, 0]


def test_nothing_of_this_needs_pytorch() -> None:
    import subprocess
    import sys

    code = "import sys; from convstep.interop import torch; assert torch.read; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)

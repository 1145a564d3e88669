"""A network in the page does what the Python model does: the outputs of all layers, and the gradient of a score by each of them."""

import hashlib
import math
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests import node
from tests.architectures import ARCHITECTURES, IMAGES
from tests.page_networks import IMAGE_LAYERS, random_model, special_models, with_random_weights

import convstep
from convstep import Input, Model, Sequential, layers, use_engine
from convstep.checks import Array
from convstep.data import load_digits
from convstep.layers import activations
from convstep.models import load_model, networks

pytestmark = pytest.mark.once
SHIPPED = node.ASSETS.parent / "network" / "digits.convstep"
WIDE = 1e-9  # of float64, relative to the largest number of an array

RUN = """
const run = async (folder, { bytes, image, classIndex }) => {
  const { backward, forward, readNetwork } = await load(`${folder}network.js`);
  const network = readNetwork(bytes);
  const passed = forward(network, image.data);
  const gradient = (of) => backward(network, passed, classIndex, { of });
  return {
    network: { ...network, steps: null, spans: null, layers: network.layers.map((layer) => ({ ...layer, weights: null })) },
    outputs: passed.outputs, prediction: passed.prediction, logits: passed.logits,
    logit: gradient("logit"), output: gradient("probability"),
  };
};
"""


def asked(model: Any, image: Array, class_index: int, folder: Path) -> dict[str, Any]:
    path = folder / "model.convstep"
    model.save(path)
    return {"bytes": path.read_bytes(), "image": image, "classIndex": class_index}


def expected(model: Any, image: Array, class_index: int) -> dict[str, Array]:
    """What Python computes: the outputs of the layers that are no models, and the gradients by them and by the image, of both scores."""
    with use_engine("numpy"):
        found = {f"output of {name}": value for name, value in model.layer_outputs(image).items()}
        for score in ("logit", "output"):
            first, *others = model.score_gradients(image, class_index, score=score).items()
            found |= {f"{score} by {name}": value for name, value in others} | {f"{score} by the image": first[1]}
    inner = {name for name, layer in model.members.items() if isinstance(layer, Model)}
    return {what: np.asarray(value, np.float64) for what, value in found.items() if what.split()[-1] not in inner}


def differences(right: dict[str, Array], answer: dict[str, Any], *, wide: float) -> list[str]:
    """Which arrays of the page are not those of the model."""
    if "error" in answer:
        return [answer["error"]]
    got = {f"output of {name}": value for name, value in in_model(answer["outputs"]).items()}
    for score in ("logit", "output"):
        got |= {f"{score} by {name}": value for name, value in in_model(answer[score]["layers"]).items()}
        got |= {f"{score} by the image": answer[score]["image"]}
    return [what for what, value in right.items() if what not in got or not close(got[what], value, wide)]


def in_model(arrays: dict[str, Array]) -> dict[str, Array]:
    """Arrays by the names of layers: of one that is called several times, the last call counts, as in Python."""
    return {re.sub(r" \(\d+\)$", "", name): array for name, array in arrays.items()}


def close(got: Array, right: Array, wide: float) -> bool:
    flat = right.ravel()
    largest = np.abs(flat[np.isfinite(flat)]).max(initial=1e-3)
    return got.shape == flat.shape and bool(np.allclose(got, flat, rtol=0, atol=wide * largest, equal_nan=True))


# --- the network that the page ships with ---


@pytest.fixture(scope="module")
def digits() -> tuple[Any, Array, Array]:
    """The shipped network, and 100 test digits with the classes that they are asked for."""
    _, (images, labels) = load_digits()
    return load_model(SHIPPED), images[:1000:10, :, :, None] / 255.0, (labels[:1000:10].astype(int) + np.arange(100) % 3) % 10


@pytest.fixture(scope="module")
def shown(digits: tuple[Any, Array, Array]) -> Any:
    _, images, classes = digits
    return node.run(
        """
        const { backward, forward, readNetwork } = await load("network.js");
        const network = readNetwork(given.bytes);
        const size = 28 * 28;
        const found = { logits: [], predictions: [], saliency: [], shares: [] };
        for (let i = 0; i < given.classes.length; i += 1) {
          const passed = forward(network, given.images.data.subarray(i * size, (i + 1) * size));
          found.logits.push(passed.logits);
          found.predictions.push(passed.prediction);
          found.saliency.push(backward(network, passed, given.classes[i]).image);
          found.shares.push(backward(network, passed, given.classes[i], { of: "probability" }).image);
        }
        const image = given.images.data.subarray(0, size);
        const times = Array.from({ length: 30 }, () => {
          const start = performance.now();
          backward(network, forward(network, image), 3);
          return performance.now() - start;
        });
        return { ...found, fastest: Math.min(...times), layers: network.layers };
        """,
        {"bytes": SHIPPED.read_bytes(), "images": images, "classes": classes.tolist()},
    )


def test_the_logits_of_100_digits_are_those_of_the_python_model(digits: tuple[Any, Array, Array], shown: Any) -> None:
    model, images, _ = digits
    np.testing.assert_allclose(shown["predictions"], model.predict(images, verbose=0), rtol=0, atol=1e-5)
    bare = load_model(SHIPPED)
    bare.layers[-1].activation = activations.linear
    # float32 itself is off by 1.3e-5 where a logit is -24, so it is held to its own last digits, and its twin in float64 to 1e-5 and less
    np.testing.assert_allclose(shown["logits"], bare.predict(images, verbose=0), rtol=1e-6, atol=1e-5)
    exact = in_float64(bare)
    np.testing.assert_allclose(shown["logits"], exact.predict(images.astype(np.float32), verbose=0), rtol=0, atol=1e-10)


def in_float64(model: Any) -> Any:
    """The same model, computed in float64."""
    twins = [type(layer).from_config({**layer.get_config(), "dtype": "float64"}) for layer in model.layers]
    twin = Sequential([Input(model.inputs[0].shape[1:], dtype="float64"), *twins])
    twin.set_weights(model.get_weights())
    return twin


@pytest.mark.parametrize(("of", "score"), [("saliency", "logit"), ("shares", "output")])
def test_the_saliency_of_100_digits_is_that_of_the_python_model(of: str, score: str, digits: tuple[Any, Array, Array], shown: Any) -> None:
    model, images, classes = digits
    right = model.saliency(images, classes, score=score).reshape(len(images), -1)
    np.testing.assert_allclose(shown[of], right, rtol=0, atol=1e-5 * np.abs(right).max())


def test_the_page_knows_the_layers_of_the_shipped_network_and_their_weights(digits: tuple[Any, Array, Array], shown: Any) -> None:
    model, images, _ = digits
    outputs = model.layer_outputs(images[0])
    assert [layer["name"] for layer in shown["layers"]] == list(outputs)
    for layer in shown["layers"]:
        own = model.get_layer(layer["name"])
        assert layer["kind"] == type(own).__name__
        assert tuple(layer["outputShape"]) == outputs[layer["name"]].shape
        assert {name: value.tolist() for name, value in layer["weights"].items()} == {p.name: p.value.tolist() for p in own.parameters}


def test_forward_and_backward_of_the_shipped_network_take_less_than_20_ms(shown: Any) -> None:
    assert shown["fastest"] < 20


# --- every layer, in random networks ---

SEEDS = range(2 * len(IMAGE_LAYERS))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Any, dict[str, Any], dict[str, Array]]]:
    """Models, what the page is asked of each, and what Python computes."""
    found = []
    folder = tmp_path_factory.mktemp("models")
    special = [with_random_weights(model, 5) for model in special_models()]
    for seed, model in enumerate([*(random_model(seed) for seed in SEEDS), *special]):
        rng = np.random.default_rng(seed + 1000)
        image = rng.integers(-2, 3, model.inputs[0].shape[1:]) / 2  # with ties
        class_index = int(rng.integers(4))
        found.append((model, asked(model, image, class_index, folder), expected(model, image, class_index)))
    return found


def answers(cases: list[dict[str, Any]], asked_of: dict[str, list[int]] | None = None, **files: str) -> list[list[dict[str, Any]]]:
    """What the page makes of the cases; or copies of its modules, each in a folder, of some of them."""
    code = f"""
    {RUN}
    const answered = async (folder, one) => {{
      try {{
        return await run(folder, one);
      }} catch (error) {{
        return {{ error: error.message }};
      }}
    }};
    const found = [];
    for (const [folder, chosen] of Object.entries(given.askedOf)) {{
      const each = [];
      for (const i of chosen) each.push(await answered(folder, given.cases[i]));
      found.push(each);
    }}
    return found;
    """
    given = {"cases": cases, "askedOf": asked_of or {"": list(range(len(cases)))}}
    got: list[list[dict[str, Any]]] = node.run(code, given, files=files)
    return got


def test_random_networks_of_all_layers_do_what_the_python_models_do(models: list[Any]) -> None:
    kinds = {type(layer).__name__ for model, *_ in models for layer in model.layers}
    assert kinds - {"Sequential", "Model"} == {kind.__name__ for kind in layers.KINDS.values()} - {"Layer"}
    [each] = answers([case for _, case, _ in models])
    wrong = [(model.name, differences(right, answer, wide=WIDE)) for (model, _, right), answer in zip(models, each, strict=True)]
    assert [found for found in wrong if found[1]] == []


def test_a_network_says_which_layers_read_which(tmp_path: Path) -> None:
    inputs = Input((4, 4, 1), name="image")
    twice = layers.Conv2D(1, 3, padding="same", name="twice")
    x = layers.Add(name="sum")([twice(twice(inputs)), inputs])
    model = Model(inputs, layers.Dense(2, name="scores")(layers.Flatten(name="flat")(x)))
    [[answer]] = answers([asked(model, np.ones((4, 4, 1)), 0, tmp_path)])
    network = answer["network"]
    assert {layer["name"]: layer["inputs"] for layer in network["layers"]} == {
        "twice": ["image"],
        "twice (2)": ["twice"],
        "sum": ["twice (2)", "image"],
        "flat": ["sum"],
        "scores": ["flat"],
    }
    assert (network["inputName"], network["inputShape"], network["classes"]) == ("image", [4, 4, 1], 2)


@pytest.mark.parametrize("build", [*ARCHITECTURES, networks.lenet5, networks.resnet], ids=lambda build: build.__name__)
def test_known_architectures_do_in_the_page_what_they_do_in_python(build: Any, tmp_path: Path) -> None:
    model = build(convstep) if build in ARCHITECTURES else build((12, 12, 3))
    model = with_random_weights(model, 3)
    for path, item in model.named_parameters().items():
        if path.endswith("kernel"):
            item.value = (item.value / np.sqrt(item.value[..., 0].size) * 3).astype(item.value.dtype)
    shape = IMAGES if build in ARCHITECTURES else model.inputs[0].shape[1:]
    image = np.random.default_rng(4).standard_normal(shape).astype(np.float32)
    class_index = model.outputs[0].shape[-1] - 1
    [[answer]] = answers([asked(model, image, class_index, tmp_path)])
    assert differences(expected(model, image, class_index), answer, wide=3e-5) == []


# the bug: what it is looked for in, its module, the right text and the wrong one
BUGS = {
    "groups share channels": ("Conv2D", "net_linear", "group * (filters / groups), count: filters / groups }, z", "0, count: width }, z"),
    "the padding is not left out": ("Conv2D", "net_linear", "s >= 0 && s < columns.size", "s >= 0"),
    "filters are transposed": ("Conv2D", "net_linear", "sum += dz[out + k] * w[n * filters + first + k]", "sum += dz[out + k] * w[n]"),
    "the output is too small": ("Conv2DTranspose", "net_linear", "Math.max(stride - reach, 0)", "0"),
    "the padding counts": ("AveragePooling2D", "net_pooling", "sum / cells.length", "sum / window.rows.kernel / window.columns.kernel"),
    "the last maximum wins": ("MaxPooling2D", "net_pooling", "value > x[best] ||", "value >= x[best] ||"),
    "equals do not share": ("GlobalMaxPooling2D", "net_pooling", "dy[place % channels] / equals[place % channels]", "dy[place % channels]"),
    "two equals do not share": ("Maximum", "layers", "before < values[i] ? 0 : 0.5", "0"),
    "repeated inputs do not add up": ("Multiply", "net_moving", "gradients[i][sources[i][place]] +=", "gradients[i][sources[i][place]] ="),
    "epsilon is forgotten": ("BatchNormalization", "layers", "Math.sqrt(value + epsilon)", "Math.sqrt(value)"),
    "the mean stays": ("LayerNormalization", "net_functions", "(value - mean[groupOf[place]] - normal", "(value - normal"),
    "the threshold has a slope": ("ReLU", "net_functions", "x > threshold ? 1 : leak", "x >= threshold ? 1 : leak"),
    "the sum is forgotten": ("Softmax", "net_functions", ": share[place] * value) - lean(place)", ": share[place] * value)"),
    "two readers do not add up": ("Add", "network", "addedTo(gradients[input], found[place])", "found[place]"),
    "a logit is a probability": ("Softmax", "network", 'of === "logit" && operation.squashes', "false"),
    "the way back is the way": ("Permute", "net_moving", "order.map((axis) => steps[axis])", "steps"),
    "lines miss the centres": ("UpSampling2D", "net_moving", "(i + 0.5) / factor - 0.5", "i / factor"),
    "nothing is cut off before": ("Cropping2D", "layers", "cell - sign * before)", "cell)"),
}


def test_planted_bugs_are_found(models: list[Any]) -> None:
    copies: dict[str, str] = {}
    asked_of: dict[str, list[int]] = {}
    for i, (kind, name, right, wrong) in enumerate(BUGS.values()):
        copies |= node.copied(f"bug_{i}", **{name: node.planted(f"{name}.js", right, wrong)})
        concerned = [n for n, (model, *_) in enumerate(models) if any(type(layer).__name__ == kind for layer in model.layers)]
        asked_of[f"bug_{i}/"] = concerned[-8:]
    each = answers([case for _, case, _ in models], asked_of, **copies)
    found = [
        any(differences(models[n][2], answer, wide=WIDE) for n, answer in zip(chosen, got, strict=True))
        for chosen, got in zip(asked_of.values(), each, strict=True)
    ]
    assert [bug for bug, seen in zip(BUGS, found, strict=True) if not seen] == []


# --- what they are made of ---


def test_digests_and_the_error_function_are_those_of_python() -> None:
    rng = np.random.default_rng(2)
    texts = [rng.bytes(size) for size in (0, 1, 3, 54, 55, 56, 57, 63, 64, 65, 119, 120, 128, 1000)]
    places = np.linspace(-6, 28, 400)
    got = node.run(
        """
        const { crc32, sha256 } = await load("digest.js");
        const { erfc } = await load("net_functions.js");
        return { sums: given.texts.map((bytes) => [crc32(bytes), sha256(bytes)]), shares: given.places.data.map(erfc) };
        """,
        {"texts": texts, "places": places},
    )
    assert got["sums"] == [[zlib.crc32(text), hashlib.sha256(text).hexdigest()] for text in texts]
    np.testing.assert_allclose(got["shares"], [math.erfc(place) for place in places], rtol=1e-13, atol=1e-310)

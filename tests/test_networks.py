"""The course's networks have the parameters and the shapes that are published, and they learn."""

from typing import Any

import numpy as np
import pytest

from convstep import models
from convstep.random import set_random_seed
from convstep.training import losses, optimizers

PUBLISHED: list[tuple[str, dict[str, Any], int, int]] = [  # all parameters, and those that are not trained
    ("lenet5", {}, 61_706, 0),
    ("lenet5", {"input_shape": (32, 32, 1), "activation": "relu"}, 61_706, 0),
    ("signs_tf1", {}, 1_286, 0),
    ("signs", {}, 1_310, 0),
    ("happy_house", {}, 37_633, 64),
    ("vgg", {}, 550_570, 0),
    ("vgg", {"dropout": 0.2}, 550_570, 0),
    ("resnet", {}, 272_474 + 1_568, 1_568),
]


@pytest.mark.parametrize(("name", "options", "total", "fixed"), PUBLISHED, ids=[f"{row[0]}-{i}" for i, row in enumerate(PUBLISHED)])
def test_parameters_are_as_many_as_published(name: str, options: dict[str, Any], total: int, fixed: int) -> None:
    model = getattr(models, name)(**options)
    assert model.count_params() == total
    assert total - sum(item.value.size for item in model.trainable_parameters) == fixed


SHAPES: dict[str, list[tuple[int, ...]]] = {
    "lenet5": [(32, 32, 1), (28, 28, 6), (14, 14, 6), (10, 10, 16), (5, 5, 16), (400,), (120,), (84,), (10,)],
    "signs_tf1": [(64, 64, 8), (64, 64, 8), (8, 8, 8), (8, 8, 16), (8, 8, 16), (2, 2, 16), (64,), (6,)],
    "signs": [(64, 64, 3), (64, 64, 8), (64, 64, 8), (8, 8, 8), (8, 8, 16), (8, 8, 16), (2, 2, 16), (64,), (6,)],
    "happy_house": [(70, 70, 3), (64, 64, 32), (64, 64, 32), (64, 64, 32), (32, 32, 32), (32_768,), (1,)],
}
COUNTS: dict[str, list[int]] = {
    "lenet5": [156, 2_416, 48_120, 10_164, 850],
    "signs_tf1": [384, 512, 390],
    "signs": [392, 528, 390],
    "happy_house": [4_736, 128, 32_769],
}


@pytest.mark.parametrize("name", SHAPES)
def test_layers_have_the_published_shapes_and_parameters(name: str) -> None:
    model = getattr(models, name)()
    assert [model.graph.calls(layer)[0].shape[1:] for layer in model.layers] == SHAPES[name]
    assert [layer.count_params() for layer in model.layers if layer.parameters] == COUNTS[name]


@pytest.mark.parametrize("blocks", [1, 2, 5])
def test_a_resnet_is_as_deep_as_its_name_says(blocks: int) -> None:
    model = models.resnet(blocks=blocks)
    weighted = [
        layer for layer in model.layers if type(layer).__name__ in {"Conv2D", "Dense"} and getattr(layer, "kernel_size", None) != (1, 1)
    ]
    assert model.name == f"resnet{len(weighted)}"
    assert len(weighted) == 6 * blocks + 2


@pytest.mark.parametrize(
    ("name", "shape", "classes"),
    [
        ("lenet5", (28, 28, 1), 10),
        ("signs_tf1", (64, 64, 3), 6),
        ("signs", (64, 64, 3), 6),
        ("happy_house", (64, 64, 3), 1),
        ("vgg", (32, 32, 3), 10),
        ("resnet", (32, 32, 3), 10),
    ],
)
def test_networks_learn_a_few_images_by_heart(name: str, shape: tuple[int, ...], classes: int) -> None:
    set_random_seed(1)
    rng = np.random.default_rng(0)
    x = rng.random((6, *shape), dtype=np.float32)
    y = np.arange(6) % max(classes, 2)
    model = getattr(models, name)(**({"blocks": 1} if name == "resnet" else {}))
    loss = losses.BinaryCrossentropy() if classes == 1 else losses.SparseCategoricalCrossentropy(from_logits=name == "signs_tf1")
    model.compile(optimizers.Adam(0.0003 if classes == 1 else 0.003), loss)
    history = model.fit(x, y, batch_size=6, epochs=12, verbose=0).history["loss"]
    assert history[-1] < 0.9 * history[0]

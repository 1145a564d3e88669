"""What the page says of a network's parts: what a cell sees of the image, the part that opens as one layer, names and kinds; in Node."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.node import planted, run

from convstep import Input, Model, Sequential, layers, steps

pytestmark = pytest.mark.once  # the page is the same whatever else is installed

OPEN = 'const { openNetwork } = await load("network_session.js"); const session = openNetwork(given.archive, "net");'
FIELDS = (
    OPEN
    + """
const { receptiveField } = await load("network_field.js");
const [height, width, channels] = session.layers[0].shape;
const values = Array.from({ length: height * width * channels }, (_, i) => Math.sin(7 * i) + 1.5);
const plain = session.look(values).outputs;
const seen = new Map(); // for each entry of a layer, the rows and columns of the pixels that change it
for (let pixel = 0; pixel < height * width; pixel += 1) {
  const changed = session.look(values.map((value, i) => (Math.floor(i / channels) === pixel ? value + 3 : value))).outputs;
  for (const { name, shape } of session.layers) {
    const [before, after] = [plain.get(name).data, changed.get(name).data];
    const last = shape[2] ?? 1;
    for (let place = 0; place < before.length; place += 1) {
      if (before[place] !== after[place]) {
        const key = `${name} ${Math.floor(place / last)}`;
        const [r, c] = [Math.floor(pixel / width), pixel % width];
        const [top, bottom, left, right] = seen.get(key) ?? [r, r, c, c];
        seen.set(key, [Math.min(top, r), Math.max(bottom, r), Math.min(left, c), Math.max(right, c)]);
      }
    }
  }
}
const wrong = [];
for (const { name, kind, shape } of session.layers) {
  const cells = shape.length === 3 ? shape[0] * shape[1] : shape[0];
  for (let cell = 0; cell < cells; cell += 1) {
    const index = shape.length === 3 ? [Math.floor(cell / shape[1]), cell % shape[1], 0] : [cell];
    const { r, c, rows, columns } = receptiveField(session.layers, name, index);
    const found = seen.get(`${name} ${cell}`);
    if (kind === "Dense") { // the whole image is always the answer, and it sees no more
      continue;
    }
    if (String(rows > 0 ? [r, r + rows - 1, c, c + columns - 1] : undefined) !== String(found)) {
      wrong.push([name, index, found ?? null, [r, r + rows - 1, c, c + columns - 1]]);
    }
  }
}
return { wrong, entries: seen.size };
"""
)
HANDED = (
    OPEN
    + """
const { handedOver } = await load("network_field.js");
const { outputs } = session.look(Array.from(given.image.data));
return given.wanted.map(([name, map]) => {
  const layer = session.layers.find((one) => one.name === name);
  const part = handedOver({ layer, input: outputs.get(layer.inputs[0]), map, at: [1, 0], gradient: outputs.get(name) });
  return part && { ...part, output: outputs.get(name) };
});
"""
)


def archive(model: Any, folder: Path) -> bytes:
    model.save(folder / "net.convstep")
    return (folder / "net.convstep").read_bytes()


def random(model: Any, seed: int) -> Any:
    numbers = np.random.default_rng(seed)
    model.set_weights([numbers.normal(size=item.shape) for item in model.get_weights()])
    return model


def chain() -> Any:
    return Sequential(
        [
            Input((15, 13, 2)),
            layers.ZeroPadding2D(((1, 2), (0, 1))),
            layers.Conv2D(3, (3, 2), strides=2, padding="same", activation="tanh"),
            layers.AveragePooling2D((2, 1), strides=1),
            layers.DepthwiseConv2D(2, padding="same"),
            layers.Conv2D(2, 2, dilation_rate=2),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )


def branches() -> Any:
    image = Input((9, 8, 1))
    near = layers.Conv2D(2, 3, padding="same")(image)
    far = layers.Conv2D(2, 5, padding="same")(image)
    return Model(image, layers.Concatenate()([layers.Add()([near, far]), near]))


@pytest.mark.parametrize("build", [chain, branches])
def test_what_a_cell_sees_is_what_changes_it(build: Any, tmp_path: Path) -> None:
    found = run(FIELDS, {"archive": archive(random(build(), 3), tmp_path)})
    assert found["wrong"] == []
    assert found["entries"] > 200


def test_a_field_that_is_a_row_off_is_seen(tmp_path: Path) -> None:
    bug = {"network_field.js": planted("network_field.js", "low * stride - before,", "low * stride - before + 1,")}
    assert run(FIELDS, {"archive": archive(random(chain(), 3), tmp_path)}, files=bug)["wrong"] != []


def test_the_part_that_opens_as_one_layer_gives_the_networks_numbers(tmp_path: Path) -> None:
    model = random(
        Sequential(
            [
                Input((9, 9, 3)),
                layers.Conv2D(4, 3, strides=2, padding="same", name="conv"),
                layers.MaxPooling2D(2, strides=1, name="pool"),
                layers.Conv2D(9, 1, name="wide"),
                layers.Conv2D(2, 2, name="cut"),
                layers.Conv2D(2, (2, 1), name="oblong"),
            ]
        ),
        5,
    )
    image = np.random.default_rng(6).uniform(size=(9, 9, 3))
    wanted = [["conv", 2], ["pool", 3], ["wide", 8], ["cut", 1], ["oblong", 0]]
    conv, pool, wide, cut, oblong = run(HANDED, {"archive": archive(model, tmp_path), "image": image, "wanted": wanted})
    assert shown(conv) == pytest.approx(conv["output"][..., 2], abs=1e-12)
    assert shown(pool) == pytest.approx(pool["output"][..., 3], abs=0)
    assert shown(wide) == pytest.approx(wide["output"][..., 8], abs=1e-12)
    assert np.reshape(conv["state"]["dz"], conv["output"].shape[:2]) == pytest.approx(conv["output"][..., 2], abs=0)
    assert cut["channels"] == list(range(8))  # of nine: the view has room for eight
    assert oblong is None  # nor has it windows that are not square


def shown(part: Any) -> Any:
    """What the view would show, by the steps."""
    state = part["state"]
    image = np.reshape(state["image"]["values"], (1, state["image"]["height"], state["image"]["width"], -1))
    if part["view"] == "pooling":
        return steps.pool_forward(image, {"f": state["size"], "stride": state["stride"]}, mode=state["mode"])[0][0, ..., 0]
    size, stride = state["filters"]["size"], state["stride"]
    if state["padding"] == "same":
        out = -(-image.shape[1] // stride)
        missing = (out - 1) * stride + size - image.shape[1]
        image = np.pad(image, ((0, 0), *[(missing // 2, missing - missing // 2)] * 2, (0, 0)))
    kernel, bias = np.reshape(state["filters"]["values"], (size, size, -1, 1)), np.reshape(state["bias"], (1, 1, 1, 1))
    return steps.conv_forward(image, kernel, bias, {"stride": stride, "pad": 0})[0][0, ..., 0]

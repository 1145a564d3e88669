"""What the page lights up for an entry is what changes when the entry changes, and its terms add up to its value, bit for bit."""

from typing import Any

import numpy as np
import pytest
from tests import node

pytestmark = pytest.mark.once

BRUTE_FORCE = """
const arithmetic = await load("arithmetic.js");
const { convBackward, convForward, poolBackward, poolForward, makeTensor, windowAxis } = arithmetic;

const entries = (tensor) => Array.from(tensor.data, (_, place) => {
  const at = [];
  for (let axis = tensor.shape.length - 1, rest = place; axis >= 0; axis -= 1) {
    at.unshift(rest % tensor.shape[axis]);
    rest = Math.floor(rest / tensor.shape[axis]);
  }
  return at;
});
const placeOf = (tensor, at) => at.reduce((place, index, axis) => place * tensor.shape[axis] + index, 0);
const copy = (tensor) => makeTensor(tensor.shape, tensor.data);
const moved = (tensor, at) => {
  const other = copy(tensor);
  other.data[placeOf(tensor, at)] += 1;
  return other;
};
const keys = (places) => places.map(String).sort();
const same = (found, right, words) => { if (String(found) !== String(right)) wrong.push(`${words}: ${found} instead of ${right}`); };
let wrong = [];
const changes = (before, after, names) => Object.fromEntries(names.map((name) => [name,
  entries(before[name]).filter((at) => before[name].data[placeOf(before[name], at)] !== after[name].data[placeOf(after[name], at)])]));
let counted = { entries: 0, pairs: 0 };

// 1. An entry that is given feeds exactly what changes with it.
const compareFed = (words, dependencies, changed, names) => {
  counted.entries += 1;
  for (const name of names) {
    const fed = keys(dependencies.feeds[name] ?? []);
    counted.pairs += fed.length;
    same(fed, keys(changed[name]), `${words} feeds ${name}`);
  }
};
// 2. Whatever feeds an entry, that entry depends on, and the other way round.
const compareEnds = (words, tensors, follow) => {
  const arrows = [new Set(), new Set()];
  for (const [tensor, value] of Object.entries(tensors)) {
    for (const at of entries(value)) {
      const { dependsOn, feeds } = follow(tensor, at);
      const ends = (side) => Object.entries(side).flatMap(([other, places]) => places.map((place) => `${other} ${place}`));
      ends(feeds).forEach((end) => arrows[0].add(`${tensor} ${at} -> ${end}`));
      ends(dependsOn).forEach((end) => arrows[1].add(`${end} -> ${tensor} ${at}`));
    }
  }
  same([...arrows[0]].sort(), [...arrows[1]].sort(), words);
};
// 3. The terms of a sum add up to its value, in the order in which the page adds.
const compareSums = (words, value, tensor, follow, divide) => {
  for (const at of entries(value)) {
    const terms = follow(tensor, at).terms;
    const sum = terms.slice(1).reduce((total, term) => total + term.product, terms.length ? terms[0].product : 0);
    same(divide ? sum / terms.length : sum, value.data[placeOf(value, at)], `${words}: the terms of ${tensor} ${at}`);
  }
};
// 4. The terms of an entry that is given are those in which sums name it.
const compareFactors = (words, given, sums, follow) => {
  const say = (term) => JSON.stringify(term, Object.keys(term).sort());
  for (const tensor of given) {
    const named = new Map();
    for (const [sum, value] of Object.entries(sums)) {
      for (const at of entries(value)) {
        for (const term of follow(sum, at).terms) {
          const key = String(term[tensor] ?? "");
          if (key) named.set(key, [...(named.get(key) ?? []), say(term)]);
        }
      }
    }
    for (const [key, terms] of named) {
      const own = follow(tensor, key.split(",").map(Number)).terms.map(say);
      same(own.sort(), terms.sort(), `${words}: the terms of ${tensor} ${key}`);
    }
  }
};

const compareAll = ({ convDependencies, poolDependencies }) => {
wrong = [];
counted = { entries: 0, pairs: 0 };
for (const { x, w, b, dz, options } of given.labs.convolutions) {
  const words = JSON.stringify(options);
  const compute = (lab) => {
    const { z, padded } = convForward(lab.image, lab.filters, lab.bias, options);
    return { z, padded, ...convBackward(lab.dz, lab.image, lab.filters, lab.bias, options) };
  };
  const lab = { image: x, filters: w, bias: b, dz };
  const before = compute(lab);
  const follow = (tensor, at) => convDependencies({ x, w, b, dz, options }, tensor, at);
  for (const at of entries(x)) {
    const after = compute({ ...lab, image: moved(x, at) });
    const changed = changes(before, after, Object.keys(before));
    compareFed(`${words} image ${at}`, follow("image", at), changed, Object.keys(before));
  }
  // Zeros of the padding hide what they meet, so the others are changed where the frame holds numbers: an image without padding.
  const [rows, columns] = [0, 1].map((axis) => windowAxis(x.shape[axis], w.shape[axis], options.stride, options.dilation, options.padding));
  const framed = makeTensor(before.padded.shape, before.padded.data.map((value, place) => value || 1 + place / 7));
  const inside = (places) => places.map(([r, s, c]) => [r - rows.before, s - columns.before, c])
    .filter(([r, s]) => r >= 0 && r < rows.size && s >= 0 && s < columns.size);
  const computeFramed = (other) => {
    const bare = { ...options, padding: 0 };
    const { dx, dw, db } = convBackward(other.dz, other.padded, other.filters, other.bias, bare);
    return { z: convForward(other.padded, other.filters, other.bias, bare).z, dxPadded: dx, dw, db };
  };
  const frame = { padded: framed, filters: w, bias: b, dz };
  const base = computeFramed(frame);
  for (const tensor of Object.keys(frame)) {
    for (const at of entries(frame[tensor])) {
      const changed = changes(base, computeFramed({ ...frame, [tensor]: moved(frame[tensor], at) }), Object.keys(base));
      changed.dx = inside(changed.dxPadded);
      compareFed(`${words} ${tensor} ${at}`, follow(tensor, at), changed, Object.keys(changed));
    }
  }
  compareEnds(words, { ...lab, ...before }, follow);
  for (const sum of ["z", "dx", "dxPadded", "dw", "db"]) compareSums(words, before[sum], sum, follow);
  compareFactors(words, ["image", "padded", "filters", "bias", "dz"],
    { z: before.z, dxPadded: before.dxPadded, dw: before.dw, db: before.db }, follow);
}

for (const { x, da, options } of given.labs.poolings) {
  const words = JSON.stringify(options);
  const compute = (lab) => ({ a: poolForward(lab.image, options).a, ...poolBackward(lab.da, lab.image, options) });
  const lab = { image: x, da };
  const before = compute(lab);
  const follow = (tensor, at) => poolDependencies({ x, da, options }, tensor, at);
  for (const at of entries(da)) {
    // whatever the image is, so over images in which each cell is the largest once
    const changed = { a: [], dx: [] };
    for (const cell of entries(x)) {
      const image = copy(x);
      image.data[placeOf(x, cell)] = 1000;
      const now = changes(compute({ ...lab, image }), compute({ image, da: moved(da, at) }), ["a", "dx"]);
      changed.a.push(...now.a);
      changed.dx.push(...now.dx);
    }
    const seen = { a: changed.a, dx: [...new Set(changed.dx.map(String))] };
    compareFed(`${words} da ${at}`, follow("da", at), seen, ["a", "dx"]);
  }
  for (const at of entries(x)) {
    // the largest of all becomes the smallest, so that another one is the largest of its windows: every cell has its turn
    const changed = { a: new Set(), dx: new Set() };
    for (const cell of entries(x)) {
      const image = copy(x);
      image.data[placeOf(x, cell)] = 1000;
      image.data[placeOf(x, at)] = 2000;
      const other = copy(image);
      other.data[placeOf(x, at)] = -2000;
      const now = changes(compute({ ...lab, image }), compute({ ...lab, image: other }), ["a", "dx"]);
      now.a.forEach((place) => changed.a.add(String(place)));
      now.dx.filter((place) => String(place) === String(cell)).forEach((place) => changed.dx.add(String(place)));
    }
    compareFed(`${words} image ${at}`, follow("image", at), { a: [...changed.a], dx: [...changed.dx] }, ["a", "dx"]);
  }
  compareEnds(words, { ...lab, ...before }, follow);
  if (options.mode === "average") compareSums(words, before.a, "a", follow, true);
  compareSums(words, before.dx, "dx", follow);
  compareFactors(words, ["da"], { dx: before.dx }, follow);
  if (options.mode === "max") {
    for (const at of entries(before.a)) {
      const marked = follow("a", at).terms.filter((term) => term.share).map((term) => term.product);
      same([...new Set(marked)], before.a.data[placeOf(before.a, at)], `${words}: the marked cells of ${at}`);
    }
  }
}
return { wrong: wrong.slice(0, 9), counted };
};
const answers = [];
for (const copy of given.copies) {
  try {
    answers.push(compareAll(await load(copy)));
  } catch (error) {
    answers.push({ wrong: [error.message] });
  }
}
return answers;
"""


@pytest.fixture(scope="module")
def labs() -> dict[str, Any]:
    rng = np.random.default_rng(11)
    shapes = [  # height, width, channels, filters, kernel, stride, padding, dilation
        (3, 4, 2, 2, 2, 1, "valid", 1), (5, 3, 1, 2, 3, 1, "same", 1), (4, 5, 2, 1, 2, 2, 1, 1), (5, 6, 1, 2, 2, 3, 0, 2),
        (4, 4, 1, 1, 1, 2, 1, 1), (6, 5, 1, 1, 3, 2, "same", 2), (2, 5, 3, 1, 2, 2, "same", 1), (3, 3, 2, 3, 3, 1, 2, 1),
    ]  # fmt: skip
    convolutions = []
    for height, width, channels, filters, kernel, stride, padding, dilation in shapes:
        convolutions.append(convolution(rng, (height, width, channels), (kernel, kernel, channels, filters), stride, padding, dilation))
    poolings = [
        pooling(rng, shape, size=size, stride=stride, mode=mode, rule=rule)
        for shape, size, stride in [((4, 5, 1), 2, 2), ((4, 3, 2), 2, 1), ((5, 5, 1), 3, 2), ((5, 4, 1), 1, 2)]
        for mode, rule in [("max", "course"), ("max", "first"), ("average", "course")]
    ]
    return {"convolutions": convolutions, "poolings": poolings}


def convolution(
    rng: np.random.Generator, image: tuple[int, ...], kernel: tuple[int, ...], stride: int, padding: Any, dilation: int
) -> dict[str, Any]:
    reach = (kernel[0] - 1) * dilation + 1
    pad = 0 if padding == "valid" else padding
    out = [-(-size // stride) if pad == "same" else (size + 2 * pad - reach) // stride + 1 for size in image[:2]]
    return {
        "x": rng.standard_normal(image),
        "w": rng.standard_normal(kernel),
        "b": rng.standard_normal(kernel[3]),
        "dz": rng.standard_normal((*out, kernel[3])),
        "options": {"stride": stride, "padding": padding, "dilation": dilation},
    }


def pooling(rng: np.random.Generator, image: tuple[int, ...], **options: Any) -> dict[str, Any]:
    out = [(size - options["size"]) // options["stride"] + 1 for size in image[:2]]
    x = rng.integers(0, 4, image).astype(float)  # with ties
    return {"x": x, "da": rng.standard_normal((*out, image[2])), "options": options}


def compared(labs: dict[str, Any], texts: list[str]) -> list[dict[str, Any]]:
    copies = {f"copy_{i}.js": text for i, text in enumerate(texts)}
    answers: list[dict[str, Any]] = node.run(BRUTE_FORCE, {"labs": labs, "copies": list(copies)}, files=copies)
    return answers


def test_what_an_entry_feeds_is_what_changes_with_it_and_terms_add_up(labs: dict[str, Any]) -> None:
    [found] = compared(labs, [node.text("dependencies.js")])
    assert found["wrong"] == []
    assert found["counted"]["entries"] > 700
    assert found["counted"]["pairs"] > 5000


BUGS = {
    "dilation is forgotten": ("(cell - tap * axis.dilation) / axis.stride", "(cell - tap) / axis.stride"),
    "terms of dx come in another order": ("out < axis.out).reverse()", "out < axis.out)"),
    "the odd zero is before": ("r - rows.before, s - columns.before", "r - rows.after, s - columns.after"),
    "a weight does not feed dx": (', ["filters", "dxPadded"]', ""),
    "a cell has no terms in dw": ("image: [forwardTerm, weightTerm]", "image: [forwardTerm]"),
    "a product lacks a factor": ("entryAt(scene.padded, padded) * entryAt(scene.dz, dz)", "entryAt(scene.padded, padded)"),
    "dz does not feed db": ("found.feeds.db = [[k]];", ""),
    "the mask does not depend on the first window": ("outputs.flatMap(windowAt)", "outputs.slice(1).flatMap(windowAt)"),
    "the share is the whole": ("received / window.length", "received"),
    "the rule is the course's": ("rule).data", '"course").data'),
}


def test_planted_bugs_are_found(labs: dict[str, Any]) -> None:
    few = {"convolutions": labs["convolutions"][1:4:2] + labs["convolutions"][5:6], "poolings": labs["poolings"][1:6:2]}
    answers = compared(few, [node.text("dependencies.js"), *(node.planted("dependencies.js", *change) for change in BUGS.values())])
    assert [bug for bug, answer in zip(["none", *BUGS], answers, strict=True) if not answer["wrong"]] == ["none"]


def test_the_twin_of_an_entry_is_its_gradient_or_what_it_is_the_gradient_of() -> None:
    answer = node.run(
        """
        const { makeTensor } = await load("arithmetic.js");
        const { convDependencies, poolDependencies } = await load("dependencies.js");
        const [x, w, b, dz] = [makeTensor([3, 3, 1]), makeTensor([2, 2, 1, 1]), makeTensor([1]), makeTensor([2, 2, 1])];
        const one = (tensor, at) => convDependencies({ x, w, b, dz, options: {} }, tensor, at).twin;
        const other = (tensor, at) => poolDependencies({ x, da: dz, options: { size: 2, stride: 1, mode: "max" } }, tensor, at).twin;
        return [one("image", [1, 2, 0]), one("dw", [1, 0, 0, 0]), one("db", [0]), one("z", [0, 1, 0]), other("da", [1, 1, 0])];
        """
    )
    assert answer == [
        {"tensor": "dx", "at": [1, 2, 0]},
        {"tensor": "filters", "at": [1, 0, 0, 0]},
        {"tensor": "bias", "at": [0]},
        {"tensor": "dz", "at": [0, 1, 0]},
        {"tensor": "a", "at": [1, 1, 0]},
    ]

"""The state handed on: as a program that gives the page's numbers, as a link and a file that restore it to the last bit."""

import contextlib
import copy
import io
import json
import random
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import pytest
from tests.node import run

pytestmark = pytest.mark.once

WORDS = {
    key: texts
    for item in files("convstep.explorer").joinpath("assets").iterdir()
    if item.name.startswith("words") and item.name.endswith(".json")
    for key, texts in json.loads(item.read_text(encoding="utf-8")).items()
}
NASTY = (0.1, -0.2, 1 / 3, 5e-324, -2.5e-310, 1e12, -1e12, 1e-7, 123456789.123, 0.0, -0.0, 1.0, -3.0, 2.0**-30)
OPTIONS: tuple[Mapping[str, Any], ...] = ({"padding": "same"}, {"padding": "valid"}, {"padding": 2}, {"dilation": 2}, {"stride": 3}, {})

WRITE = """
const [{ snippetOf }, { makeWords }, { checkedState }, { convForward, convBackward, poolForward, poolBackward, makeTensor }] =
  await Promise.all(["snippet.js", "words.js", "checking.js", "arithmetic.js"].map(load));
const image = ({ height, width, channels, values }) => makeTensor([height, width, channels], values);
return given.states.map((raw, i) => {
  const state = checkedState(raw);
  const words = makeWords(given.words, i % 2 ? "zh" : "en");
  const { layer, pooling } = state;
  const text = snippetOf(state, { words });
  if (state.view === "layer") {
    const x = image(layer.image);
    const w = makeTensor([layer.filters.size, layer.filters.size, layer.image.channels, layer.filters.count], layer.filters.values);
    const b = makeTensor([layer.filters.count], layer.bias);
    const { z } = convForward(x, w, b, layer);
    const dz = makeTensor(z.shape, layer.dz ?? Array.from(z.data, () => 1));
    const { dx, dw, db } = convBackward(dz, x, w, b, layer);
    return { text, results: { Z: z, dA_prev: dx, dW: dw, db } };
  }
  const x = image(pooling.image);
  const { a } = poolForward(x, pooling);
  const da = makeTensor(a.shape, pooling.da ?? Array.from(a.data, () => 1));
  return { text, results: { A: a, dA_prev: poolBackward(da, x, pooling).dx } };
});
"""


def numbers(draw: random.Random, count: int) -> list[float]:
    kind = draw.randrange(4)
    return [draw.gauss(0, 1) if kind < 2 else float(draw.randint(-3, 3)) if kind == 2 else draw.choice(NASTY) for _ in range(count)]


def image(draw: random.Random, least: int, *, side: int = 7) -> dict[str, Any]:
    height, width, channels = draw.randint(least, side), draw.randint(least, side), draw.randint(1, 3)
    return {"height": height, "width": width, "channels": channels, "values": numbers(draw, height * width * channels)}


def outputs(size: int, window: int, stride: int, padding: int | str) -> int:
    return -(-size // stride) if padding == "same" else (size + 2 * (0 if padding == "valid" else int(padding)) - window) // stride + 1


def layer_state(draw: random.Random, *, side: int = 7, **fixed: Any) -> dict[str, Any]:
    f, dilation, count, stride = draw.randint(1, 3), draw.randint(1, 2), draw.randint(1, 3), draw.randint(1, 3)
    options: dict[str, Any] = {"stride": stride, "padding": draw.choice(["valid", "same", 1]), "dilation": dilation} | fixed
    reach = (f - 1) * options["dilation"] + 1
    shown = image(draw, max(reach, side - 8), side=side)
    h, w = (outputs(shown[key], reach, options["stride"], options["padding"]) for key in ("height", "width"))
    layer = {
        "image": shown,
        "filters": {"size": f, "count": count, "values": numbers(draw, f * f * shown["channels"] * count)},
        "bias": numbers(draw, count),
        "dz": numbers(draw, h * w * count) if draw.random() < 0.7 else None,
        "at": [h - 1, w - 1, count - 1],
        **options,
    }
    return {"version": 1, "view": "layer", "layer": layer}


def pooling_state(draw: random.Random) -> dict[str, Any]:
    size, stride = draw.randint(1, 3), draw.randint(1, 3)
    shown = image(draw, size)
    h, w = (outputs(shown[key], size, stride, "valid") for key in ("height", "width"))
    pooling = {
        "image": shown,
        "size": size,
        "stride": stride,
        "mode": draw.choice(["max", "max", "average"]),
        "rule": draw.choice(["course", "first"]),
        "da": numbers(draw, h * w * shown["channels"]) if draw.random() < 0.7 else None,
        "at": [0, w - 1, 0],
    }
    return {"version": 1, "view": "pooling", "pooling": pooling}


@cache
def states() -> list[dict[str, Any]]:
    draw = random.Random(7)  # noqa: S311 - numbers to test with
    layers = [layer_state(draw, **OPTIONS[number % len(OPTIONS)]) for number in range(36)]
    return [*layers, *(pooling_state(draw) for _ in range(30)), layer_state(draw, side=40)]


@cache
def written() -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = run(WRITE, {"states": states(), "words": WORDS})
    return told


def executed(text: str) -> dict[str, Any]:
    space: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(text, "<snippet>", "exec"), space)  # noqa: S102 - the text that the page writes
    return space


def test_the_program_of_a_state_gives_the_numbers_of_the_page_bit_for_bit() -> None:
    kinds = set()
    for state, told in zip(states(), written(), strict=True):
        space = executed(told["text"])
        for name, page in told["results"].items():
            mine = np.asarray(space[name])
            assert mine.dtype == np.float64
            assert np.array_equal(mine.ravel(), page.ravel()), (name, told["text"])
        part = state[state["view"]]
        kinds.add((state["view"], str(part.get("padding")), part.get("dilation"), part.get("mode"), part.get("rule")))
    assert len(kinds) >= 12


def test_the_program_itself_asserts_every_number() -> None:
    for told in written()[::7]:
        head, mark, tail = told["text"].partition("_page = np.array([")
        assert mark, told["text"]
        number, rest = tail.split(",", 1) if "," in tail.split("]")[0] else tail.split("]", 1)
        wrong = repr(float(np.nextafter(float(number), np.inf)))
        planted = f"{head}{mark}{wrong}{',' if ',' in tail.split(']')[0] else ']'}{rest}"
        with pytest.raises(AssertionError):
            executed(planted)


def test_the_program_of_a_large_state_asserts_the_entry_that_is_looked_at() -> None:
    text = written()[-1]["text"]
    (h, w, k) = states()[-1]["layer"]["at"]
    assert f"assert Z[0, {h}, {w}, {k}] == " in text
    assert "Z_page" not in text


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_program_of_a_mistake_gives_what_is_right_and_shows_what_is_wrong(language: str) -> None:
    code = """
    const [{ snippetOf }, { makeWords }, { indexMistakes, readCarried }, { checkedState }] =
      await Promise.all(["snippet.js", "words.js", "mistakes_data.js", "checking.js"].map(load));
    const { list } = indexMistakes(JSON.parse(given.mistakes, readCarried));
    const wanted = new Map(list.map((mistake) => [`${mistake.function} ${mistake.case} ${mistake.kind}`, mistake]));
    const words = makeWords(given.words, given.language);
    const state = checkedState({ version: 1, view: "mistakes" });
    return [...wanted.values()].map((mistake) => [mistake.id, snippetOf(state, { words, mistake })]);
    """
    mistakes = files("convstep.explorer").joinpath("mistakes.json").read_text(encoding="utf-8")
    for name, text in run(code, {"mistakes": mistakes, "words": WORDS, "language": language}):
        try:
            executed(text)
        except Exception as error:
            raise AssertionError(f"{name}: {error!r}\n{text}") from error


def test_the_program_of_a_network_runs() -> None:
    code = """
    const [{ snippetOf }, { makeWords }, { checkedState }] = await Promise.all(["snippet.js", "words.js", "checking.js"].map(load));
    const image = { height: 28, width: 28, channels: 1, values: Array.from({ length: 784 }, (_, i) => (i % 29) / 29) };
    const words = makeWords(given.words, "en");
    return [{ image: null, layer: null, class: null }, { image, layer: null, class: 3 }].map((network) =>
      snippetOf(checkedState({ version: 1, view: "network", network }), { words, network: "digits" }));
    """
    for text in run(code, {"words": WORDS}):
        space = executed(text)
        assert space["gradient"].shape == space["image"].shape
        assert np.ravel(space["output"]).sum() == pytest.approx(1, abs=1e-5)


def test_a_link_and_a_file_restore_every_bit() -> None:
    code = """
    const [{ encodeState, decodeState, writeState, readState }, { checkedState }] = await Promise.all(["link.js", "checking.js"].map(load));
    const isRecord = (value) => typeof value === "object" && value !== null;
    const same = (one, other) => Object.is(one, other) || (isRecord(one) && isRecord(other)
      && Object.keys(one).length === Object.keys(other).length && Object.keys(one).every((key) => same(one[key], other[key])));
    const told = [];
    for (const raw of given) {
      const state = checkedState(raw);
      const link = await encodeState(state);
      told.push([same(await decodeState(link), state), same(readState(writeState(state)), state), /^[\\w-]+$/.test(link)]);
    }
    return told;
    """
    extreme = copy.deepcopy(states()[0])
    values = [*NASTY, 4.9406564584124654e-324, 2.2250738585072014e-308, 999999999999.9999, 0.1 + 0.2, 1e-300, 9007199254740993.0 / 2**20]
    image_now = {"height": 1, "width": len(values), "channels": 1, "values": values}
    extreme["layer"] = {"image": image_now, "filters": {"size": 1, "count": 1, "values": [5e-324]}, "bias": [0.1]}
    assert all(all(row) for row in run(code, [*states(), extreme]))


def test_what_came_out_of_a_link_otherwise_is_refused_in_words_and_the_state_stays() -> None:
    code = """
    const [{ encodeState, decodeState, writeState, readState }, { createStore }, { makeWords, sayProblem }, { FIRST_STATE }] =
      await Promise.all(["link.js", "state.js", "words.js", "opening.js"].map(load));
    const told = [];
    const words = makeWords(given.words, "zh");
    const store = createStore(FIRST_STATE);
    const before = JSON.stringify(store.state);
    const attempt = async (read) => {
      try {
        const state = await read();
        return { changed: JSON.stringify(state) !== given.wanted && !store.replace(state), same: JSON.stringify(state) === given.wanted };
      } catch (problem) {
        return { said: sayProblem(problem, words), key: problem.key ?? String(problem), kept: JSON.stringify(store.state) === before };
      }
    };
    given.wanted = JSON.stringify(readState(JSON.stringify(given.state)));
    const link = await encodeState(JSON.parse(given.wanted));
    for (const place of given.places) {
      const letters = [...link];
      letters[place % letters.length] = letters[place % letters.length] === "A" ? "z" : "A";
      told.push(await attempt(() => decodeState(letters.join(""))));
    }
    for (const text of [link.slice(0, -7), `${link}AAAA`, link.slice(5), "", "%%%", "state", ...given.texts]) {
      told.push(await attempt(() => decodeState(text)));
    }
    for (const text of given.files) {
      told.push(await attempt(() => readState(text)));
    }
    return told;
    """
    state = states()[1]
    draw = random.Random(3)  # noqa: S311 - places to test with
    whole = json.dumps(state)
    broken = [whole[:-9], "[]", "null", "{}", '"state"', "", whole.replace('"version": 1', '"version": 2')]
    for path, value in (
        (("layer", "stride"), 0),
        (("layer", "bias"), [1e308]),
        (("layer", "image", "height"), 10**9),
        (("layer", "image", "values"), ["x"]),
        (("view",), "elsewhere"),
        (("layer", "filters"), None),
    ):
        bad = copy.deepcopy(state)
        place: Any = bad
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        broken.append(json.dumps(bad))
    given = {"state": state, "words": WORDS, "places": [draw.randrange(10**6) for _ in range(150)], "texts": ["A" * 5000], "files": broken}
    told = run(code, given)
    refused = [row for row in told if "said" in row]
    assert all(row["kept"] and row["key"].startswith("problem.") and "{" not in row["said"] for row in refused), refused
    assert all(row.get("same") for row in told if "said" not in row)  # a letter may differ in bits that say nothing
    assert len(refused) >= len(told) - 2


def test_a_file_with_a_number_beyond_reason_is_refused() -> None:
    code = """
    const [{ readState }, { makeWords, sayProblem }] = await Promise.all(["link.js", "words.js"].map(load));
    try {
      readState(given.file);
    } catch (problem) {
      return sayProblem(problem, makeWords(given.words, "en"));
    }
    """
    state = copy.deepcopy(states()[0])
    state["layer"]["image"]["values"][0] = 1e308
    assert run(code, {"file": json.dumps(state), "words": WORDS}) == (
        "layer.image.values holds 1e+308, which is not a finite number of reasonable size."
    )

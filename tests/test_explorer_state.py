"""The page's numbers, its store and its checks, in Node: what is shown is honest, and what a stranger sends is refused in words."""

import json
import math
import re
from typing import Any

import numpy as np
from tests.node import ASSETS, planted, run

NUMBERS = """
  const { shortNumber, plainNumber, exactNumber } = await load("numbers.js");
  return given.map((x) => [shortNumber(x), plainNumber(x), exactNumber(x)]);
"""
AWKWARD = [
    0.0,
    -0.0,
    1e-9,
    -1e-9,
    0.00444,
    -0.049999,
    99999.6,
    -99999.6,
    0.99999,
    9.99999,
    1 / 3,
    0.1 + 0.2,
    5e-324,
    1e300,
    0.1 + 0.2 - 0.3,
]
MINUS = "\N{MINUS SIGN}"


def read(text: str) -> float:
    """Read a number as the page writes it."""
    return float(text.replace(MINUS, "-").replace("∞", "inf"))


def shortest(text: str) -> str:
    """Return a number without zeros at the end of its fraction: as an exact one is written."""
    digits, *power = text.split("e")
    return "e".join([digits.rstrip("0").rstrip(".") if "." in digits else digits, *power])


def test_no_rounding_hides_a_number() -> None:
    numbers = np.random.default_rng(5)
    values = [
        *AWKWARD,
        *map(float, numbers.normal(size=400)),
        *map(float, numbers.normal(size=1000) * 10.0 ** numbers.integers(-12, 12, 1000)),
        *map(float, numbers.normal(size=200) * 10.0 ** numbers.integers(-300, 300, 200)),
        *map(float, numbers.integers(-(10**6), 10**6, 200)),
    ]
    for value, (short, plain, exact) in zip(values, run(NUMBERS, values), strict=True):
        assert read(exact) == value
        assert len(short.removeprefix(MINUS)) <= (6 if 1e-9 < abs(value) < 1e10 else 8), value
        for text in (short, plain):
            assert (read(text) == 0) == (value == 0), value
            assert not text.startswith(f"{MINUS}0") or value < 0, value
            assert math.copysign(1, read(text)) == math.copysign(1, value + 0.0), value
        for text in (short, plain):
            assert abs(read(text) - value) <= 0.05 * abs(value)  # two digits at the least
            assert read(text) != value or text == shortest(text)  # zeros at the end are a rounding's only


def test_numbers_are_written_as_people_read_them() -> None:
    values = [0, -0.0, 0.25, -0.25, 1 / 3, -1 / 3, 0.1 + 0.2, 12, -1234.5678, 1e-5, 123456, math.nan, math.inf, -math.inf]
    expected = ["0", "0", "0.25", "-0.25", "0.333", "-0.333", "0.3", "12", "-1235", "1e-5", "1.23e5", "NaN", "∞", "-∞"]
    assert [short for short, _, _ in run(NUMBERS, values)] == [text.replace("-", MINUS) for text in expected]


def test_numbers_that_are_nearly_equal_look_so() -> None:
    values = [150000, 149999, 100000, 99999.7, 0.0015, 0.00149, -99999, 0.125, -0.125, -0.0015]
    expected = ["1.5e5", "1.50e5", "1e5", "1.00e5", "1.5e-3", "1.49e-3", "-99999", "0.125", "-0.125", "-1.5e-3"]
    expected[5] = "1.5e-3"  # six characters have room for two digits
    assert [short for short, _, _ in run(NUMBERS, values)] == [text.replace("-", MINUS) for text in expected]


def test_a_rounding_that_hides_a_number_is_found() -> None:
    wrong = planted("numbers.js", "significant(fixed) >= significant(scientific) ?", "fixed ?")
    ((short, _, _),) = run(NUMBERS.replace("numbers.js", "wrong.js"), [1.23e-9], files={"wrong.js": wrong})
    assert read(short) == 0


TYPED = {
    "0.5": 0.5,
    "0,5": 0.5,
    "-1": -1,
    f"{MINUS}1": -1,
    "1/4": 0.25,
    "-1 / 8": -0.125,
    "1e-3": 0.001,
    ".5": 0.5,
    " 7. ": 7,
    "0,125": 0.125,
    "0e-400": 0,
    **dict.fromkeys(["", "x", "1,000", "1,234,567", "1e-400", "1e-300/1e300", "1/0", "1e999", "1/2/3", "NaN", "--1", "0x10", "1 2"]),
}


def test_typed_numbers_are_read() -> None:
    found = run(
        'const { readNumber } = await load("numbers.js"); return [given.map(readNumber), Object.is(readNumber("-0"), 0)];', list(TYPED)
    )
    assert dict(zip(TYPED, found[0], strict=True)) == TYPED
    assert found[1] is True  # a zero that is typed has no sign


def test_the_opening_state_passes_its_own_check() -> None:
    code = """
      const { checkedState } = await load("checking.js");
      const { FIRST_STATE } = await load("opening.js");
      return [checkedState(FIRST_STATE), FIRST_STATE];
    """
    checked, first = run(code)
    assert checked == first


IMAGE = {"height": 3, "width": 3, "channels": 1, "values": [0] * 9}
LAYER = {"image": IMAGE, "filters": {"size": 2, "count": 1, "values": [1] * 4}, "bias": [0]}


def layer(**changed: Any) -> dict[str, Any]:
    """A state with a small layer, something of it changed."""
    return {"version": 1, "layer": {**LAYER, **changed}}


def image(**changed: Any) -> dict[str, Any]:
    """A state with an image, something of it changed."""
    return layer(image={**IMAGE, **changed})


STRANGE = "which is not a finite number of reasonable size."
REFUSED: list[tuple[Any, str]] = [
    (None, "state must be an object, not null."),
    ([1], "state must be an object, not [1]."),
    ({"version": 2}, "This state has version 2, but this page reads version 1."),
    ({"version": 1, "view": "home"}, 'view must be one of layer, pooling, network, mistakes, not "home".'),
    ({"version": 1, "layer": 3}, "layer must be an object, not 3."),
    (image(height=65), "layer.image.height must be a whole number from 1 to 64, not 65."),
    (image(height=2.5), "layer.image.height must be a whole number from 1 to 64, not 2.5."),
    (image(values=[0] * 8), "layer.image.values holds 8 numbers, but 9 are needed."),
    (image(values="000000000"), 'layer.image.values must be a list of 9 numbers, not "000000000".'),
    (layer(bias=[math.nan]), f"layer.bias holds null, {STRANGE}"),
    (layer(bias=[1e13]), f"layer.bias holds 10000000000000, {STRANGE}"),
    (layer(bias=["1"]), f'layer.bias holds "1", {STRANGE}'),
    (layer(filters={"size": 12, "count": 1, "values": []}), "layer.filters.size must be a whole number from 1 to 11, not 12."),
    (layer(padding="full"), 'layer.padding must be a whole number from 0 to 16, not "full".'),
    (layer(stride=0), "layer.stride must be a whole number from 1 to 8, not 0."),
    (layer(dilation=3), "A window that reaches over 4 cells does not fit into 3."),
    (layer(dz=[1]), "layer.dz holds 1 numbers, but 4 are needed."),
    (layer(at=[2, 0, 0]), "layer.at must be a whole number from 0 to 1, not 2."),
    (layer(at=[0]), "layer.at must be a place in the output, not [0]."),
    (layer(channel=1), "layer.channel must be a whole number from 0 to 0, not 1."),
    (layer(direction="up"), 'layer.direction must be one of forward, backward, not "up".'),
    ({"version": 1, "pooling": {"image": IMAGE, "size": 4}}, "A window that reaches over 4 cells does not fit into 3."),
    ({"version": 1, "pooling": {"image": IMAGE, "mode": "min"}}, 'pooling.mode must be one of max, average, not "min".'),
    ({"version": 1, "network": {"class": -1}}, "network.class must be a whole number from 0 to 1000000, not -1."),
    ({"version": 1, "mistakes": {"id": ["a"]}}, 'mistakes.id must be a short text, not ["a"].'),
]


def test_states_of_strangers_are_refused_in_one_sentence() -> None:
    code = """
      const { checkedState } = await load("checking.js");
      const { makeWords, sayProblem } = await load("words.js");
      const words = makeWords(given.words, "en");
      return given.states.map((state) => {
        try {
          checkedState(state);
          return "accepted";
        } catch (problem) {
          return sayProblem(problem, words);
        }
      });
    """
    said = run(code, {"states": [state for state, _ in REFUSED], "words": words()})
    assert said == [sentence for _, sentence in REFUSED]


def test_a_state_may_leave_out_what_it_does_not_care_about() -> None:
    checked = run('return (await load("checking.js")).checkedState(given);', layer())
    assert checked["layer"]["image"] == IMAGE
    assert (checked["layer"]["stride"], checked["layer"]["at"], checked["layer"]["dz"]) == (1, [0, 0, 0], None)
    assert checked["view"] == "layer"
    assert set(checked) == {"version", "view", "layer", "pooling", "network", "mistakes"}


def test_links_and_files_give_back_every_bit() -> None:
    numbers = [0.1, 1 / 3, -2e-17, 5e-324, 1e12, 0.1 + 0.2, 0, 1, 255]
    code = """
      const { checkedState } = await load("checking.js");
      const { encodeState, decodeState, readState, writeState } = await load("link.js");
      const state = checkedState(given);
      const text = await encodeState(state);
      return { text, state, linked: await decodeState(text), filed: readState(writeState(state)) };
    """
    found = run(code, image(values=numbers))
    assert found["linked"] == found["state"] == found["filed"]
    assert found["state"]["layer"]["image"]["values"] == numbers
    assert re.fullmatch(r"[\w-]+", found["text"])


def test_links_that_are_none_are_refused_and_none_unfolds_without_end() -> None:
    code = """
      const { decodeState } = await load("link.js");
      const bomb = new Blob([new Uint8Array(64 * 2 ** 20)]).stream().pipeThrough(new CompressionStream("deflate"));
      const squeezed = Buffer.from(await new Response(bomb).arrayBuffer()).toString("base64url");
      const outcome = (text) => decodeState(text).then(() => "accepted", (problem) => problem.key);
      return Promise.all([...given, squeezed].map(outcome));
    """
    assert set(run(code, ["", "!!!!", "AAAA", "eyJ2ZXJzaW9uIjoxfQ", "é"])) == {"problem.link"}


STORE = """
  const { createStore } = await load("state.js");
  const { FIRST_STATE } = await load("opening.js");
  const problems = [];
  const store = createStore(FIRST_STATE, (problem) => problems.push(problem.key));
  const layer = (description, next, options) =>
    store.change(description, (state) => ({ ...state, layer: { ...state.layer, ...next(state.layer) } }), options);
  const bias = (value, options) => layer("did.bias", () => ({ bias: [value] }), options);
"""


def test_undo_and_redo_walk_through_what_was_done() -> None:
    code = """
      const seen = [];
      const look = () => seen.push([store.state.layer.bias[0], store.canUndo, store.canRedo]);
      look(); bias(1); bias(2); look(); store.undo(); look(); store.undo(); look(); store.undo(); look();
      store.redo(); store.redo(); look(); store.undo(); bias(3); look(); store.reset(); look(); store.undo(); look();
      return seen;
    """
    assert run(STORE + code) == [
        [0, False, False],
        [2, True, False],
        [1, True, True],
        [0, False, True],
        [0, False, True],
        [2, True, False],
        [3, True, False],
        [0, True, False],
        [3, True, True],
    ]


def test_one_gesture_is_one_step_and_moving_the_window_is_none() -> None:
    code = """
      for (const value of [1, 2, 3]) bias(value, { merge: "paint:1" });
      bias(4, { merge: "paint:2" });
      store.undo();
      const first = store.state.layer.bias[0];
      store.undo();
      store.move((state) => ({ ...state, layer: { ...state.layer, at: [1, 1, 0] } }));
      return [first, store.state.layer.bias[0], store.state.layer.at, store.canUndo];
    """
    assert run(STORE + code) == [3, 0, [1, 1, 0], False]


def test_history_does_not_grow_for_ever() -> None:
    code = """
      for (let i = 1; i <= 1000; i += 1) bias(i);
      let steps = 0;
      while (store.undo()) steps += 1;
      return [steps, store.state.layer.bias[0]];
    """
    assert run(STORE + code) == [200, 800]


def test_what_cannot_be_changes_nothing() -> None:
    code = """
      const done = layer("did.dilation", () => ({ dilation: 8 }));
      return [done, problems, store.state.layer.dilation, store.canUndo];
    """
    assert run(STORE + code) == [False, ["problem.window"], 1, False]


def test_a_smaller_output_keeps_what_has_room() -> None:
    code = """
      layer("did.dz", ({ dz }) => ({ dz: dz.map((_, i) => i) }));
      layer("did.stride", () => ({ stride: 2 }));
      return [store.state.layer.dz, store.state.layer.at];
    """
    dz, at = run(STORE + code)
    assert dz == [10 * r + c for r in range(5) for c in range(5)]
    assert at == [4, 4, 0]


def test_another_number_of_channels_changes_the_filters_with_it() -> None:
    code = """
      layer("did.channels", ({ image: { height, width, values } }) => ({
        image: { height, width, channels: 3, values: values.flatMap((value) => [value, value, value]) },
      }));
      return store.state.layer;
    """
    changed = run(STORE + code)
    assert changed["image"]["channels"] == 3
    assert changed["filters"]["values"] == [weight for _ in range(3) for weight in (1, 0, -1) for _ in range(3)]


def words() -> dict[str, dict[str, str]]:
    """All texts of the page."""
    return {
        key: texts for path in sorted(ASSETS.glob("words*.json")) for key, texts in json.loads(path.read_text(encoding="utf-8")).items()
    }


def test_every_text_is_there_once_in_both_languages() -> None:
    holes = re.compile(r"\{(\w+)(?::[^{}]*)?\}")
    for key, texts in words().items():
        assert set(texts) == {"en", "zh"}, key
        assert len({bool(text.strip()) for text in texts.values()}) == 1, key
        assert set(holes.findall(texts["en"])) == set(holes.findall(texts["zh"])), key
    keys = [key for path in ASSETS.glob("words*.json") for key in json.loads(path.read_text(encoding="utf-8"))]
    assert len(keys) == len(set(keys))


def test_chinese_texts_are_chinese() -> None:
    """A text with a row of words in it has Chinese ones; formulas and names of functions are the same in both languages."""
    for key, texts in words().items():
        if re.search(r"[a-z]{4,} [a-z]{2,} ", texts["en"]) and not re.search(r"[=(\[]", texts["en"]):
            assert re.search(r"[\u4e00-\u9fff]", texts["zh"]), key


def test_every_text_that_the_page_asks_for_is_there() -> None:
    asked = {key for path in ASSETS.glob("*.js") for key in re.findall(r"""\bt\("([\w.]+)"[,)]""", path.read_text(encoding="utf-8"))}
    assert len(asked) > 100
    assert asked - set(words()) == set()

"""The network and the digits that the explorer's page ships with are what their records say."""

import json
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from convstep.data import load_digits
from convstep.models import Model, load_model

SHIPPED = Path(str(files("convstep.explorer")))
RUN = json.loads((SHIPPED / "network" / "run.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def model() -> Model:
    loaded: Model = load_model(SHIPPED / "network" / "digits.convstep")
    return loaded


def test_the_shipped_network_scores_what_its_run_says(model: Model) -> None:
    _, (images, labels) = load_digits()
    loss, accuracy = model.evaluate((images / 255.0).astype(np.float32)[..., np.newaxis], labels, verbose=0)
    assert accuracy == pytest.approx(RUN["accuracy"], abs=1e-9)
    assert loss == pytest.approx(RUN["loss"], rel=1e-4)
    assert accuracy >= 0.98


def test_the_shipped_network_is_that_of_its_run(model: Model) -> None:
    notes = model.notes["convstep_run"]
    assert notes["settings"] == RUN["settings"]
    assert notes["created"] == RUN["created"]
    assert notes["data"]["classes"] == [str(digit) for digit in range(10)]
    assert model.count_params() == RUN["model"]["parameters"]
    assert len(RUN["history"]) == RUN["settings"]["epochs"]
    assert RUN["command"] in (SHIPPED / "network" / "README.md").read_text(encoding="utf-8")
    for word in ("model", "epochs", "seed", "engine"):
        assert f"--{word} {RUN['settings'][word]}" in RUN["command"]


def test_the_digits_of_the_page_are_test_digits(model: Model) -> None:
    _, (images, labels) = load_digits()
    digits = json.loads((SHIPPED / "digits.json").read_text(encoding="utf-8"))
    assert {item["label"] for item in digits} == set(range(10))
    for item in digits:
        assert item["label"] == labels[item["index"]]
        assert np.array_equal(np.reshape(item["values"], (item["height"], item["width"])), images[item["index"]])
    shown = (images[[item["index"] for item in digits]] / 255.0).astype(np.float32)[..., np.newaxis]
    read = model.predict(shown, verbose=0).argmax(axis=-1)
    assert [int(digit) for digit in read[:10]] == list(range(10))
    assert all(read[k] != item["label"] for k, item in enumerate(digits) if k >= 10)  # what the network is wrong about is shown too

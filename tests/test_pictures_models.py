"""Models and histories draw themselves: the pictures hold what the model computes, and a missing Matplotlib is one sentence."""

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.commands import environment

from convstep import ArgumentTypeError, Input, Model, Sequential, ShapeError, layers
from convstep.data import load_digits
from convstep.models import lenet5, resnet
from convstep.models.pictures import graph_nodes
from convstep.utils import plot_model, set_random_seed

if TYPE_CHECKING:
    from convstep.figures import Picture


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    (images, labels), _ = load_digits()
    return images[:60, :, :, None] / 255.0, labels[:60]


@pytest.fixture(scope="module")
def model() -> Model:
    set_random_seed(4)
    return Sequential(
        [
            Input((28, 28, 1)),
            layers.Conv2D(3, 3, strides=2, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(4, 3),
            layers.Flatten(),
            layers.Dense(10, "softmax"),
        ],
        name="small",
    )


def nested() -> Model:
    start = Input((8, 8, 1), name="image")
    inside = Model(start, layers.Add()([layers.Conv2D(2, 1)(start), layers.Conv2D(2, 1)(start)]), name="inside")
    again = Input((8, 8, 1), name="again")
    return Model(again, layers.Flatten()(inside(again)), name="outside")


# ---- what is drawn of a graph


def test_nodes_are_the_layers_in_order_with_what_they_need(model: Model) -> None:
    nodes = graph_nodes(model._graph("test"))
    assert [(node["name"], node["kind"], node["shape"], node["inputs"]) for node in nodes] == [
        ("input_layer", "Input", (28, 28, 1), []),
        ("conv2d", "Conv2D, relu", (13, 13, 3), ["input_layer"]),
        ("max_pooling2d", "MaxPooling2D", (6, 6, 3), ["conv2d"]),
        ("conv2d_1", "Conv2D", (4, 4, 4), ["max_pooling2d"]),
        ("flatten", "Flatten", (64,), ["conv2d_1"]),
        ("dense", "Dense, softmax", (10,), ["flatten"]),
    ]
    assert sum(node.get("parameters") or 0 for node in nodes) == model.count_params()


def test_nodes_of_a_layer_used_twice_count_its_parameters_once() -> None:
    start, shared = Input((2,)), layers.Dense(2, name="shared")
    nodes = graph_nodes(Model(start, shared(shared(start)))._graph("test"))
    assert [(node["name"], node.get("parameters"), node["inputs"]) for node in nodes[1:]] == [
        ("shared", 6, ["input_layer"]),
        ("shared, call 2", None, ["shared"]),
    ]


def test_nodes_of_a_model_inside_are_one_box_or_its_layers() -> None:
    graph = nested()._graph("test")
    assert [(node["name"], node["inputs"]) for node in graph_nodes(graph)] == [
        ("again", []),
        ("inside", ["again"]),
        ("flatten", ["inside"]),
    ]
    assert [(node["name"], node["inputs"]) for node in graph_nodes(graph, expand_nested=True)] == [
        ("again", []),
        ("inside/conv2d", ["again"]),
        ("inside/conv2d_1", ["again"]),
        ("inside/add", ["inside/conv2d", "inside/conv2d_1"]),
        ("flatten", ["inside/add"]),
    ]


def test_nodes_of_a_large_network_hold_every_call() -> None:
    network = resnet()
    nodes = graph_nodes(network._graph("test"))
    assert len(nodes) == len(network.layers)
    assert sum(node.get("parameters") or 0 for node in nodes) == network.count_params()


def test_nodes_of_a_model_with_several_outputs_are_one_box_with_their_shapes() -> None:
    start = Input((3,))
    inner = Model(start, {"a": layers.Dense(2)(start), "b": layers.Dense(1)(start)}, name="inner")
    again = Input((3,))
    parts = inner(again)
    nodes = graph_nodes(Model(again, layers.Concatenate()([parts["a"], parts["b"]]))._graph("test"), expand_nested=True)
    assert [(node["name"], node["shape"], node["inputs"]) for node in nodes[1:]] == [
        ("inner", [(2,), (1,)], ["input_layer"]),
        ("concatenate", (3,), ["inner", "inner"]),
    ]


# ---- pictures


class TestPictures:
    @pytest.fixture(autouse=True)
    def _needs_matplotlib(self) -> None:
        pytest.importorskip("matplotlib", reason="figures need the extra plot (Matplotlib)")

    @staticmethod
    def images(figure: "Picture") -> list[np.ndarray]:
        arrays: list[Any] = [item.get_array() for axes in figure.axes for item in axes.images]
        return [np.ma.getdata(array) for array in arrays]

    @staticmethod
    def words(figure: "Picture") -> list[str]:
        from tests.pictures import check_layout, words

        check_layout(figure)
        return words(figure)

    def test_plot_draws_the_graph(self, model: Model) -> None:
        found = self.words(model.plot(title="A small one", theme="dark"))
        assert {"A small one", "Conv2D, relu", "13 × 13 × 3", "dense"} <= set(found)
        assert "small" in self.words(model.plot())
        assert "inside/add" in self.words(nested().plot(expand_nested=True))

    def test_plot_filters_draws_the_kernel_of_a_layer(self, model: Model) -> None:
        kernel = model.get_layer("conv2d_1").get_weights()[0]
        for layer in ("conv2d_1", 2, -3):
            found = self.images(model.plot_filters(layer))
            assert len(found) == 3 * 4
            np.testing.assert_array_equal(found[5], kernel[:, :, 2, 1])
        assert "small: the filters of conv2d" in self.words(model.plot_filters())

    def test_plot_filters_knows_depthwise_and_transposed_ones(self) -> None:
        for layer in (layers.DepthwiseConv2D(3), layers.Conv2DTranspose(2, 3), layers.SeparableConv2D(2, 3)):
            assert self.images(Sequential([Input((8, 8, 2)), layer]).plot_filters())

    def test_plot_feature_maps_draws_what_a_layer_returns(self, model: Model, digits: Any) -> None:
        image = digits[0][3]
        outputs = model.layer_outputs(image)
        found = self.images(model.plot_feature_maps(image))
        np.testing.assert_array_equal(np.stack(found, axis=-1), outputs["conv2d"])
        np.testing.assert_array_equal(np.stack(self.images(model.plot_feature_maps(image[:, :, 0], 1)), axis=-1), outputs["max_pooling2d"])
        bars = model.plot_feature_maps(image[None], "dense").axes[0].patches
        np.testing.assert_allclose([bar.get_height() for bar in bars], outputs["dense"], rtol=1e-6)  # type: ignore[attr-defined]

    def test_plot_saliency_draws_the_gradient(self, model: Model, digits: Any) -> None:
        image = digits[0][5]
        figure = model.plot_saliency(image, 7)
        np.testing.assert_array_equal(self.images(figure)[1], model.saliency(image, 7)[:, :, 0])
        assert "small: the logit of class 7, by the image" in self.words(figure)
        predicted = int(model.predict(image[None], verbose=0).argmax())
        guessed = model.plot_saliency(image[:, :, 0], score="output")
        assert f"small: the output of class {predicted}, by the image" in self.words(guessed)
        np.testing.assert_array_equal(self.images(guessed)[1], model.saliency(image, predicted, score="output")[:, :, 0])

    def test_plot_confusion_draws_counts_and_the_surest_mistakes(self, model: Model, digits: Any) -> None:
        x, y = digits
        figure = model.plot_confusion(x, y)
        scores = model.predict(x, verbose=0)
        predicted = scores.argmax(axis=1)
        wrong = sorted(np.flatnonzero(predicted != y), key=lambda place: -scores[place, predicted[place]])
        shades, *examples = self.images(figure)
        assert shades.shape == (10, 10)
        np.testing.assert_array_equal(np.array(examples), x[wrong[:12], :, :, 0])
        captions = [text for text in self.words(figure) if len(text) == 5 and "→" in text]
        assert captions == [f"{y[place]} → {predicted[place]}" for place in wrong[:12]]
        assert f"{(predicted == y).sum()} of 60 on the diagonal" in " ".join(self.words(figure))

    def test_plot_confusion_takes_one_hot_rows_and_yes_or_no(self, model: Model, digits: Any) -> None:
        x, y = digits
        np.testing.assert_array_equal(self.images(model.plot_confusion(x, np.eye(10)[y]))[0], self.images(model.plot_confusion(x, y))[0])
        binary = Sequential([Input((28, 28, 1)), layers.Flatten(), layers.Dense(1, "sigmoid")])
        assert self.images(binary.plot_confusion(x, y % 2, names=["even", "odd"]))[0].shape == (2, 2)

    def test_plot_confusion_of_what_are_no_images_has_no_examples(self) -> None:
        model = Sequential([Input((4,)), layers.Dense(3, "softmax")])
        assert len(self.images(model.plot_confusion(np.eye(4), [0, 1, 2, 0]))) == 1

    def test_a_history_draws_its_curves(self, model: Model, digits: Any) -> None:
        x, y = digits
        copy = Sequential.from_config(model.get_config())
        copy.compile("sgd", "sparse_categorical_crossentropy", ["accuracy"])
        history = copy.fit(x, y, epochs=3, validation_split=0.2, verbose=0)
        figure = history.plot(title="Three epochs", theme="dark")
        assert [axes.get_title() for axes in figure.axes] == ["loss", "accuracy"]
        np.testing.assert_allclose(np.asarray(figure.axes[0].lines[0].get_ydata(), float), history.history["loss"])
        np.testing.assert_allclose(np.asarray(figure.axes[1].lines[1].get_ydata(), float), history.history["val_accuracy"])
        assert "Three epochs" in self.words(figure)

    def test_plot_model_writes_keras_file(self, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        assert "small" in self.words(plot_model(model))
        plot_model(model, "graph.svg", True, rankdir="TB", dpi=50)
        plot_model(model, to_file=None, show_shapes=True, show_layer_names=True, show_dtype=True, show_trainable=True)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["graph.svg", "model.png"]
        assert (tmp_path / "model.png").read_bytes().startswith(b"\x89PNG")

    @pytest.mark.parametrize(
        ("call", "kind", "message"),
        [
            (
                lambda model: model.plot_filters("dense"),
                ShapeError,
                'plot_filters: the layer "dense" has no filters; conv2d, conv2d_1 do\n  given layer \'dense\'',
            ),
            (
                lambda model: model.plot_filters(2.5),
                ArgumentTypeError,
                "plot_filters: layer must be the name of a layer, or its place\n  given layer 2.5",
            ),
            (
                lambda model: model.plot_filters(9),
                ShapeError,
                "get_layer: there are 5 layers, none at 9\n  given index 9",
            ),
            (
                lambda _: Sequential([Input((2,)), layers.Dense(2)], name="d").plot_filters(),
                ShapeError,
                "plot_filters: no layer of the model has filters\n  given model 'd'",
            ),
            (
                lambda _: Sequential([layers.Dense(2)], name="d").plot(),
                ArgumentTypeError,
                "plot: the model is not built yet: call it with data, or tell it the shape of its input\n  given model 'd'",
            ),
            (
                lambda model: model.plot_feature_maps(np.ones((2, 28, 28, 1))),
                ShapeError,
                "plot_feature_maps: x must be one image, not 2\n  given x (2, 28, 28, 1)",
            ),
            (
                lambda model: model.plot_saliency(np.ones((28, 28)), 10),
                ShapeError,
                "saliency: there is no class 10: they count from 0 to 9\n  given class_index 10",
            ),
            (
                lambda _: Sequential([Input((4,)), layers.Dense(2)]).plot_saliency(np.ones(4)),
                ShapeError,
                "plot_saliency: the input of the model is no image: its shape is (4,)\n  given x (4,)",
            ),
            (
                lambda _: Sequential([Input((4,)), layers.Reshape((2, 2))]).plot_feature_maps(np.ones(4)),
                ShapeError,
                ('plot_feature_maps: the layer "reshape" returns neither one image nor one row of numbers\n'
                "  given layer 'reshape', output (2, 2)"),
            ),
            (
                lambda _: Sequential([Input((4, 4, 1)), layers.Conv2D(2, 3)]).plot_confusion(np.ones((3, 4, 4, 1)), [0, 1, 0]),
                ShapeError,
                "plot_confusion: the model must return one row of scores for each input\n  given output (3, 2, 2, 2)",
            ),
            (
                lambda model: model.plot_confusion(np.ones((3, 28, 28, 1)), [0, 1]),
                ShapeError,
                "confusion_matrix: y_true has 2 samples but y_pred has 3\n  given y_true (2,), y_pred (3,)",
            ),
            (
                lambda _: plot_model("lenet5"),
                ArgumentTypeError,
                "plot_model: model must be a model\n  given model 'lenet5'",
            ),
            (
                lambda model: plot_model(model, rankdir="LR"),
                ShapeError,
                "plot_model: rankdir must be \"TB\", not 'LR'\n  given rankdir 'LR'",
            ),
        ],
    )  # fmt: skip
    def test_what_cannot_be_drawn_is_refused_in_words(self, model: Model, call: Any, kind: type[Exception], message: str) -> None:
        with pytest.raises(kind) as error:
            call(model)
        assert str(error.value) == message


def test_without_matplotlib_every_picture_is_one_sentence_and_nothing_else_needs_it() -> None:
    code = (
        "import sys\n"
        "sys.modules['matplotlib'] = None\n"
        "import numpy as np\n"
        "from convstep.callbacks import History\n"
        "from convstep.models import lenet5\n"
        "from convstep.utils import plot_model\n"
        "model, image = lenet5(), np.ones((28, 28))\n"
        "model.saliency(image, 3), model.layer_outputs(image)\n"
        "for call in (model.plot, model.plot_filters, lambda: model.plot_feature_maps(image), lambda: model.plot_saliency(image),\n"
        "             lambda: model.plot_confusion(image[None], [0]), History().plot, lambda: plot_model(model)):\n"
        "    try:\n"
        "        call()\n"
        "    except ModuleNotFoundError as error:\n"
        "        print(error)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True)
    names = ("plot", "plot_filters", "plot_feature_maps", "plot_saliency", "plot_confusion", "plot", "plot_model")
    assert run.stdout.splitlines() == [
        f'{name}: matplotlib is not installed; this installs it: pip install "convstep[plot]"' for name in names
    ]


def test_models_have_their_pictures_under_one_prefix() -> None:
    assert [name for name in dir(lenet5()) if name.startswith("plot")] == [
        "plot",
        "plot_confusion",
        "plot_feature_maps",
        "plot_filters",
        "plot_saliency",
    ]

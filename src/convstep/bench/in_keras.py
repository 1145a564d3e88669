"""A network of ours in Keras: the same layers, arguments and weights."""

from collections.abc import Callable
from typing import Any

from convstep.bench.networks import Network, walk
from convstep.bench.rivals import load_keras
from convstep.checks import Array


def twin(model: Any) -> Any:
    """Return the network."""
    keras = load_keras()
    inputs = keras.Input(model.input_shape[1:])
    values = [inputs]
    for step in walk(model, fold=False):
        config = {key: value for key, value in step.layer.get_config().items() if key != "input_shape"}
        layer = keras.layers.deserialize({"class_name": step.kind, "config": config, "module": "keras.layers", "registered_name": None})
        given = [values[place] for place in step.reads]
        values.append(layer(given if step.layer.several else given[0]))
    made = keras.Model(inputs, values[-1])
    for layer in model.layers:
        if layer.parameters:
            made.get_layer(layer.name).set_weights(layer.get_weights())
    return made


def training_step(model: Any, network: Network, x: Array, y: Array) -> Callable[[], Any]:
    """Return a function that takes a step and returns the loss before it."""
    made = twin(model)
    made.compile("adam", network.loss)
    return lambda: made.train_on_batch(x, y)


def predictor(model: Any, x: Array) -> Callable[[], Any]:
    """Return a function that predicts the batch."""
    made = twin(model)
    return lambda: made.predict_on_batch(x)

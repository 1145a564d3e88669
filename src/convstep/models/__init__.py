"""Models under Keras's names: graphs of layers that are trained, judged, saved and loaded; and the course's own networks."""

from convstep.models.model import Model
from convstep.models.networks import happy_house, lenet5, resnet, signs, signs_tf1, vgg
from convstep.models.predictor import Predictor
from convstep.models.saving import load_model, save_model
from convstep.models.sequential import Sequential

__all__ = [
    "Model",
    "Predictor",
    "Sequential",
    "clone_model",
    "happy_house",
    "lenet5",
    "load_model",
    "resnet",
    "save_model",
    "signs",
    "signs_tf1",
    "vgg",
]


def clone_model(model: Model) -> Model:
    """Return a model of the same layers with new weights."""
    return type(model).from_config(model.get_config())

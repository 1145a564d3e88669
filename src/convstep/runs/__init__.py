"""Runs: a network trained on data into a folder, continued after a stop, judged again, asked about images. What `convstep train` does."""

from convstep.runs.folder import Journal, Verdict
from convstep.runs.networks import NETWORKS
from convstep.runs.photograph import read_digit
from convstep.runs.predicting import Prediction, Unread, evaluate, predict, predict_each, prepared
from convstep.runs.settings import SettingError, Settings
from convstep.runs.training import Interrupted, Outcome, resume, train

__all__ = [
    "NETWORKS",
    "Interrupted",
    "Journal",
    "Outcome",
    "Prediction",
    "SettingError",
    "Settings",
    "Unread",
    "Verdict",
    "evaluate",
    "predict",
    "predict_each",
    "prepared",
    "read_digit",
    "resume",
    "train",
]

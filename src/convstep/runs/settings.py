"""What a run is told to do, and what it does by default with each kind of data.

One rule: settings are complete and plain data, so that a run can be repeated or continued from what its folder says.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from convstep.data import Augment
from convstep.engines import default_engine
from convstep.errors import ConvStepError, DataError

__all__ = ["RATES", "RECIPES", "SCHEDULES", "SETS", "Recipe", "SettingError", "Settings", "kind_of"]

SETS = ("digits", "mnist", "fashion_mnist", "cifar10")
SCHEDULES = ("one-cycle", "constant")
RATES: Mapping[str, float | None] = MappingProxyType(  # optimizer: its default learning rate; None for that of the recipe
    {"adam": None, "adamw": None, "rmsprop": 0.001, "sgd": 0.1, "momentum": 0.02, "nesterov": 0.02}
)
LARGEST_SEED = 2**32 - 1


class SettingError(ConvStepError):
    """A setting that cannot be meant: the command line leaves with code 2."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a kind of data is trained on if nothing else is said."""

    model: str
    epochs: int
    learning_rate: float
    augment: Augment


WRITTEN = Augment(rotate=12, zoom=0.15, shear=0.15, shift=2)
RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        # Found on the last 1,000 of the 5,000 training digits; benchmarks/train_seeds.py shows what came of it.
        "digits": Recipe(model="small", epochs=15, learning_rate=0.006, augment=WRITTEN),
        "mnist": Recipe(model="small", epochs=8, learning_rate=0.004, augment=WRITTEN),
        "fashion_mnist": Recipe(model="small", epochs=10, learning_rate=0.003, augment=Augment(flip=True, shift=1)),
        "cifar10": Recipe(model="vgg", epochs=20, learning_rate=0.002, augment=Augment(flip=True, shift=4)),
        "signs": Recipe(model="signs", epochs=60, learning_rate=0.009, augment=Augment(rotate=10, zoom=0.1, shift=4)),
        "happy": Recipe(model="happy_house", epochs=20, learning_rate=0.002, augment=Augment(flip=True, shift=4)),
        "folder": Recipe(model="small", epochs=20, learning_rate=0.002, augment=Augment(rotate=5, zoom=0.1, shift=2)),
    }
)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that decides what a run computes.

    Attributes
    ----------
    data : str
        Name of a data set, or the path of a folder or of one of the course's HDF5 files.
    from_file : str or None
        Where the files of a named data set lie.
    image_size : int or None
        Rows and columns that the images of a folder are scaled to; None if they have one size.
    gray : bool
        Whether the images of a folder are read without their colours.
    model : str
        Name of a network, or the path of a Python file.
    epochs, batch_size : int
    optimizer : str
        One of `RATES`.
    learning_rate : float
        The largest of a schedule.
    schedule : str
        "one-cycle": up during the first quarter of the steps, then down along half a wave of the cosine. Or "constant".
    augment : Augment or None
        How the training images are changed at random, anew in every epoch.
    hold_out : float
        Share of the training images that is set aside, and that every epoch is judged on.
    seed : int
        Decides the first weights, the order of the images, their changes and what Dropout leaves out.
    engine : str
    """

    data: str
    from_file: str | None
    image_size: int | None
    gray: bool
    model: str
    epochs: int
    batch_size: int
    optimizer: str
    learning_rate: float
    schedule: str
    augment: Augment | None = field(default=None)
    hold_out: float
    seed: int
    engine: str

    @classmethod
    def of(cls, *, data: str | None = None, augment: bool | None = None, **given: Any) -> Self:
        """Return complete settings: what is given (not None), and for the rest what the recipe of the data says.

        Raises
        ------
        SettingError
            If the data are neither known nor there, or a setting is out of its range.
        """
        unknown = [word for word in given if word not in {item.name for item in fields(cls)}]
        if unknown:
            raise SettingError(f"there is no setting {unknown[0]}")
        name = "digits" if data is None else str(data)
        recipe = RECIPES[kind_of(name)]
        words = {word: value for word, value in given.items() if value is not None}
        optimizer = words.get("optimizer", "adam")
        defaults: dict[str, Any] = {
            "from_file": None,
            "image_size": None,
            "gray": False,
            "model": recipe.model,
            "epochs": recipe.epochs,
            "batch_size": 64,
            "optimizer": optimizer,
            "learning_rate": RATES.get(optimizer) or recipe.learning_rate,
            "schedule": SCHEDULES[0],
            "hold_out": 0.0,
            "seed": 0,
            "engine": default_engine(),
        }
        place = name if name in SETS else str(Path(name).absolute())
        settings = cls(data=place, augment=None if augment is False else recipe.augment, **{**defaults, **words})
        settings._check()
        return settings

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Return the settings that `as_plain` wrote.

        Raises
        ------
        DataError
            If they are not complete or not of this kind.
        """
        try:
            augment = plain["augment"]
            words = {item.name: plain[item.name] for item in fields(cls)}
            settings = cls(**{**words, "augment": None if augment is None else Augment(**augment)})
            settings._check()
        except (KeyError, TypeError, ValueError, ConvStepError) as error:
            message = " ".join(str(error).splitlines()[:1]) or type(error).__name__
            raise DataError(f"the settings of the run cannot be read: {message}") from None
        return settings

    def as_plain(self) -> dict[str, Any]:
        """Return the settings as plain data."""
        return {**vars(self), "augment": None if self.augment is None else asdict(self.augment)}

    @property
    def title(self) -> str:
        """A short name of the data, good for a folder's name too."""
        stem = self.data if self.data in SETS else Path(self.data).stem
        return "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in stem)[:40] or "run"

    def _check(self) -> None:
        for word, value, known in (("optimizer", self.optimizer, tuple(RATES)), ("schedule", self.schedule, SCHEDULES)):
            if value not in known:
                raise SettingError(f"--{word}: there is no {word} {value!r}{meant(value, known)}; there are {', '.join(known)}")
        for word, least in (("epochs", 1), ("batch_size", 1), ("seed", 0), ("image_size", 1)):
            value = getattr(self, word)
            if word == "image_size" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise SettingError(f"--{word.replace('_', '-')}: must be a whole number >= {least}, not {value}")
        if self.seed > LARGEST_SEED:
            raise SettingError(f"--seed: must be at most {LARGEST_SEED}, not {self.seed}")
        if not 0 < self.learning_rate < float("inf"):
            raise SettingError(f"--learning-rate: must be a number > 0, not {self.learning_rate:g}")
        if not 0 <= self.hold_out < 1:
            raise SettingError(f"--hold-out: must be a share from 0 to less than 1, not {self.hold_out:g}")


def kind_of(data: str) -> str:
    """Return which recipe fits: the name of a set, "signs" or "happy" for the course's files, or "folder".

    Raises
    ------
    SettingError
        If there is no such set, folder or file.
    """
    if data in SETS:
        return data
    path = Path(data)
    if path.is_dir():
        return "folder"
    if path.suffix.lower() in {".h5", ".hdf5"}:
        return "happy" if "happy" in path.name.lower() else "signs"
    if path.exists():
        raise SettingError(f"--data: {data} is neither a folder of images nor one of the course's .h5 files")
    raise SettingError(f"--data: there is no data set and no file {data!r}{meant(data, SETS)}; the sets are {', '.join(SETS)}")


def meant(word: str, known: tuple[str, ...]) -> str:
    """Return a guess at what was meant, if there is a good one."""
    near = get_close_matches(word, known, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""

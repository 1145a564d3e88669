"""Where the batches of a run come from: arrays that are cut into batches, or something that yields batches itself."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol, TypeAlias

from convstep.checks import refusal
from convstep.errors import ArgumentTypeError
from convstep.random import default_generator
from convstep.training.batches import Arrays, Samples

Flat: TypeAlias = tuple[Any, Any, Any]  # x, y and sample_weight of one batch


class Batches(Protocol):
    """Batches for any number of passes."""

    count: int | None

    def __iter__(self) -> Iterator[Flat]:
        """Begin a pass."""

    def first(self) -> Any:
        """Return some inputs, for their shapes."""

    def first_batch(self) -> Flat:
        """Return the first batch."""

    def split(self, validation_split: float) -> tuple["Batches", "Batches | None"]:
        """Set the last samples aside."""

    def weighted_by_class(self, class_weight: Mapping[int, float]) -> "Batches":
        """Return the same with weights."""


class CutBatches:
    """Batches cut from arrays; in a new order in each pass, if they are shuffled."""

    def __init__(self, samples: Samples, batch_size: int | None, *, shuffle: bool) -> None:
        self.samples, self.batch_size, self.shuffle = samples, batch_size, shuffle
        self.count: int | None = samples.count(batch_size)

    def __iter__(self) -> Iterator[Flat]:
        for item in self.samples.batches(self.batch_size, rng=default_generator() if self.shuffle else None):
            yield item.x, item.y, item.sample_weight

    def first(self) -> Any:
        """Return all inputs."""
        return self.samples.x

    def first_batch(self) -> Flat:
        """Return the first batch."""
        return next(iter(self))

    def split(self, validation_split: float) -> tuple[Batches, Batches | None]:
        """Return the batches to train on, and those of the last samples, which are never shuffled."""
        kept, held_out = self.samples.split(validation_split)
        return CutBatches(kept, self.batch_size, shuffle=self.shuffle), CutBatches(held_out, self.batch_size, shuffle=False)

    def weighted_by_class(self, class_weight: Mapping[int, float]) -> Batches:
        """Return the same with the weights of the classes."""
        return CutBatches(self.samples.weighted_by_class(class_weight), self.batch_size, shuffle=self.shuffle)


class YieldedBatches:
    """Batches that an object yields, anew in each pass: by its length and index, as Keras's PyDataset, or by iteration."""

    def __init__(self, op: str, source: Any) -> None:
        self.op, self.source = op, source
        self.indexed = hasattr(source, "__len__") and hasattr(source, "__getitem__")
        self.count: int | None = len(source) if hasattr(source, "__len__") else None
        self._ahead: Flat | None = None

    def __iter__(self) -> Iterator[Flat]:
        if self.indexed:
            yield from (self._read(self.source[i]) for i in range(len(self.source)))
            if hasattr(self.source, "on_epoch_end"):
                self.source.on_epoch_end()
            return
        source = iter(self.source)
        if self._ahead is not None and source is self.source:  # looked at already, and cannot be begun again
            yield self._ahead
            self._ahead = None
        yield from map(self._read, source)

    def first(self) -> Any:
        """Return the inputs of the first batch."""
        return self.first_batch()[0]

    def first_batch(self) -> Flat:
        """Return the first batch."""
        if self._ahead is None:
            item = self.source[0] if self.indexed else next(iter(self.source), None)
            if item is None:
                raise refusal(self.op, "x yields no batches", {"x": self.source})
            self._ahead = self._read(item)
        return self._ahead

    def split(self, validation_split: float) -> tuple[Batches, Batches | None]:
        """Refuse: nobody knows which samples are the last."""
        fact = "validation_split needs arrays, but x yields batches"
        raise refusal(self.op, fact, {"validation_split": validation_split}, kind=ArgumentTypeError)

    def weighted_by_class(self, class_weight: Mapping[int, float]) -> Batches:
        """Refuse: the batches may bring weights of their own."""
        fact = "class_weight needs arrays, but x yields batches: let it yield sample weights"
        raise refusal(self.op, fact, {"class_weight": dict(class_weight)}, kind=ArgumentTypeError)

    def _read(self, item: Any) -> Flat:
        parts = item if isinstance(item, tuple | list) else (item,)
        if not 1 <= len(parts) <= 3:
            fact = f"a batch must be (x, y) or (x, y, sample_weight), not {len(parts)} things"
            raise refusal(self.op, fact, {"x": self.source}, kind=ArgumentTypeError)
        read = Samples.of(*parts, op=self.op)
        return read.x, read.y, read.sample_weight


def batches_for(
    op: str,
    x: Any,
    y: Arrays = None,
    sample_weight: Arrays = None,
    *,
    batch_size: int | None,
    shuffle: bool = False,
    whole: bool = False,
) -> Batches:
    """Return the batches of a run; `whole` makes one of all samples."""
    if y is None and _yields_batches(x):
        return YieldedBatches(op, x)
    samples = Samples.of(x, y, sample_weight, op=op)
    return CutBatches(samples, samples.size if whole else batch_size, shuffle=shuffle)


def _yields_batches(x: Any) -> bool:
    data = hasattr(x, "shape") or hasattr(x, "__array__") or isinstance(x, list | tuple | Mapping | str | bytes)
    return not data and (isinstance(x, Iterable) or (hasattr(x, "__len__") and hasattr(x, "__getitem__")))

"""How the layers of a Functional model are connected: each call is made after those that it needs.

One rule: only what the outputs ask for is called, without recursion, and a call that needs itself is refused.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from convstep.checks import counted, refusal, shown
from convstep.errors import DataError
from convstep.interop.keras.nodes import Call, Key, Ref, call_of, is_ref, ref_of, refs_in
from convstep.interop.keras.pieces import Piece, placed
from convstep.layers import InputLayer
from convstep.models import Model
from convstep.models.architecture import MOST_CALLS
from convstep.models.structure import Structure


class Wiring:
    """The calls of a model.

    Parameters
    ----------
    op : str
        Who asks, for errors.
    config : mapping
        Keras's description of the model.
    pieces : list of Piece
        Its layers, in the order of the description.
    old : bool
        Whether Keras 2 wrote the description. A call with training=True is one in every mode there; Keras 3 leaves the mode to `fit` and
        `predict` then.
    """

    def __init__(self, op: str, config: Mapping[str, Any], pieces: list[Piece], *, old: bool) -> None:
        self.op, self.config, self.keeps_training = op, config, old
        self.pieces = {str(item.get("name", piece.name)): piece for item, piece in zip(config["layers"], pieces, strict=True)}
        if len(self.pieces) < len(pieces):
            raise DataError(f"{op}: two layers of a model have one name\n  given {shown(list(self.pieces))}")
        self.calls: dict[Key, Call] = {}
        for item, (name, piece) in zip(config["layers"], self.pieces.items(), strict=True):
            with placed(op, piece.path, piece.kind):
                for number, node in enumerate(item.get("inbound_nodes") or ()):
                    self.calls[name, number] = call_of(node)
        if len(self.calls) > MOST_CALLS:
            raise DataError(f"{op}: more than {MOST_CALLS} calls of layers\n  given {len(self.calls)}")
        self.old = any(call.listed for call in self.calls.values())
        self.results: dict[Key, list[Any]] = {}
        self.moved = self._moved()

    def ends(self, word: str) -> Any:
        """Return the symbols of `input_layers` or `output_layers`, grouped as they were."""
        ends = self.config.get(word)
        if is_ref(ends):
            return self._end(ends, word)
        if isinstance(ends, Mapping):
            return {str(key): self._end(item, word) for key, item in ends.items()}
        if isinstance(ends, list | tuple):
            found = [self._end(item, word) for item in ends]
            return found[0] if len(found) == 1 and self.old else found
        raise DataError(f"{self.op}: {word} must be results of layers\n  given {shown(ends)}")

    def _end(self, item: Any, word: str) -> Any:
        if isinstance(item, list | tuple) and len(item) == 1 and is_ref(item[0]):
            item = item[0]
        ref = ref_of(item)
        return self._result(self._key(ref, outside=word == "output_layers"), ref)

    def _moved(self) -> dict[str, int]:
        """Return from which number on Keras 2 counted the calls of each model: its own inside was the first."""
        counts: dict[str, int] = defaultdict(int)
        for name, _ in self.calls:
            counts[name] += 1
        most: dict[str, int] = defaultdict(int)
        ends = self.config.get("output_layers")
        listed = [call_of([ends] if is_ref(ends) else ends)] if isinstance(ends, list) and ends and all(map(is_ref, ends)) else []
        for call in [*self.calls.values(), *listed]:
            for ref in refs_in(call.given) if call.listed else ():
                most[ref.layer] = max(most[ref.layer], ref.call)
        return {name: 1 for name, number in most.items() if number == counts[name] and self._is_model(name)}

    def _is_model(self, name: str) -> bool:
        return name in self.pieces and isinstance(self.pieces[name].layer, Model)

    def _key(self, ref: Ref, *, outside: bool = False, listed: bool = False) -> Key:
        """Return which call of which layer a result is of."""
        piece = self.pieces.get(ref.layer)
        if piece is None:
            raise DataError(f"{self.op}: there is no layer {shown(ref.layer)} in the model\n  given {shown(list(self.pieces))}")
        if listed or (outside and self.old):
            back = self.moved.get(ref.layer, 0)
        else:
            back = int(outside and piece.kind != "Sequential" and self._is_model(ref.layer))  # where Keras 3 counts in another way
        return ref.layer, ref.call - back

    def _result(self, key: Key, ref: Ref) -> Any:
        self._make(key)
        results = self.results[key]
        if ref.place >= len(results):
            fact = f"{shown(ref.layer)} has {counted(len(results), 'result')}, none at {ref.place}"
            raise DataError(f"{self.op}: {fact}\n  given {shown([ref.layer, ref.call, ref.place])}")
        return results[ref.place]

    def _make(self, wanted: Key) -> None:
        """Make a call, and those that it needs first."""
        waiting, opened = [wanted], set()
        while waiting:
            key = waiting[-1]
            if key in self.results:
                waiting.pop()
                continue
            needed = [item for item in self._needs(key) if item not in self.results]
            if needed:
                opened.add(key)
                if any(item in opened for item in needed):
                    raise DataError(f"{self.op}: a call of {shown(key[0])} needs its own result\n  given {shown(needed[0][0])}")
                waiting += needed
                continue
            piece = self.pieces[key[0]]
            with placed(self.op, piece.path, piece.kind):
                self.results[key] = Structure.of(self._called(key, piece))[1]

    def _needs(self, key: Key) -> list[Key]:
        if key[0] in self.pieces and isinstance(self.pieces[key[0]].layer, InputLayer) and key[1] == 0:
            return []
        if key not in self.calls:
            fact = f"there is no call {key[1]} of the layer {shown(key[0])}"
            raise DataError(f"{self.op}: {fact}\n  given {shown([name for name, _ in self.calls if name == key[0]])}")
        call = self.calls[key]
        return [self._key(ref, listed=call.listed) for ref in refs_in(call.given)]

    def _called(self, key: Key, piece: Piece) -> Any:
        layer = piece.layer
        if isinstance(layer, InputLayer):
            return layer.output
        call = self.calls[key]
        given = [self._values(item, call) for item in call.given]
        if piece.operation:
            given = [item for item in given if not isinstance(item, int | float)]
            if any(len(item.shape) != len(given[0].shape) for item in given):
                raise refusal(piece.name, "an operation between results of different numbers of axes is not supported", {"inputs": given})
            return layer(given if layer.several else given[0])
        if len(given) != 1 or not list(refs_in(call.given)):
            fact = f"it must be called with one result of a layer or one group of them, not {shown(call.given)}"
            raise refusal(piece.name, fact, {"layer": piece.name})
        single = layer.several and not isinstance(layer, Model) and not isinstance(given[0], list)
        return layer([given[0]] if single else given[0], training=None if call.training and not self.keeps_training else call.training)

    def _values(self, given: Any, call: Call) -> Any:
        """Return what a call is given, symbols in the places of results."""
        if isinstance(given, Ref):
            return self._result(self._key(given, listed=call.listed), given)
        if isinstance(given, dict):
            return {key: self._values(item, call) for key, item in given.items()}
        return [self._values(item, call) for item in given] if isinstance(given, list) else given

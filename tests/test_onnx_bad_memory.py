"""Small ONNX files that ask for much memory or depth: what they may not have is refused, whoever would be the one to allocate it.

One rule: each file is read in a process of its own that has little memory to give.
"""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from tests.onnx_graphs import file, node, onnx

from convstep.interop import onnx as interop

LIMITED = """
import resource, sys
import numpy as np
import onnx, onnx.shape_inference
from convstep.errors import DataError
from convstep.interop import onnx as interop
interop.load(onnx.helper.make_model(onnx.helper.make_graph(
    [onnx.helper.make_node("Relu", ["x"], ["y"])], "g",
    [onnx.helper.make_tensor_value_info("x", 1, ["n", 4])], [onnx.helper.make_tensor_value_info("y", 1, None)])))
most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    model = interop.load(sys.stdin.buffer.read())
    print(model.predict(np.zeros((1, 4), np.int64)).tolist())
except DataError as error:
    print(str(error).splitlines()[0])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - most)
"""
WEIGHT = {"k0": np.ones(4, np.int64)}
ENDS = {"s": np.array([0]), "e": np.array([4])}


def doubled(first: list[Any], times: int, weights: dict[str, Any]) -> bytes:
    inputs: Any = {"x": (["n", 4], np.int64)}
    nodes = [*first, *(node("Concat", f"k{i} k{i}", f"k{i + 1}", axis=0) for i in range(times))]
    nodes += [node("Slice", f"k{times} s e", "z"), node("Add", "x z", "y")]
    content: bytes = file(nodes, inputs, weights | ENDS).SerializeToString()
    assert len(content) < 2500
    return content


def alone(content: bytes) -> tuple[str, int]:
    """Return what a process prints of a file, and by how many KB it grew."""
    done = subprocess.run([sys.executable, "-c", LIMITED], input=content, capture_output=True, check=True)
    said, grown = done.stdout.decode().splitlines()
    return said, int(grown)


@pytest.mark.parametrize("times", [1, 12, 20])
def test_a_weight_that_is_joined_to_itself_takes_what_it_takes_and_no_more(times: int) -> None:
    said, grown = alone(doubled([], times, WEIGHT))
    assert said == "[[1, 1, 1, 1]]"
    assert grown < 100_000


def test_what_nodes_make_of_weights_is_refused_before_it_is_made() -> None:
    said, grown = alone(doubled([], 40, WEIGHT))
    assert said == "onnx: node 'k25' (Concat, opset 17): what nodes make of weights takes more than 1 GiB and eight times the weights"
    assert grown < 1_100_000


@pytest.mark.parametrize("name", ["n", "n" * 700])
def test_lengths_that_are_joined_to_themselves_do_not_grow_for_ever(name: str) -> None:
    proto = onnx.ModelProto.FromString(doubled([node("Shape", "x", "k0")], 15, {}))
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param = name
    said, grown = alone(proto.SerializeToString())
    assert said == "[[1, 4, 1, 4]]"
    assert grown < 100_000


@pytest.mark.parametrize("deep", [1, 200, 3000])
def test_lengths_may_have_passed_through_any_number_of_nodes(deep: int) -> None:
    chain = [node("Identity", f"s{i}", f"s{i + 1}") for i in range(deep)]
    proto = file([node("Shape", "x", "s0"), *chain, node("Cast", f"s{deep}", "y", to=1)], {"x": ["n", 4]}, {})
    y = interop.load(proto).predict(np.zeros((3, 4), np.float32))
    np.testing.assert_array_equal(y, np.array([3, 4], np.float32))

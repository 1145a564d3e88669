"""What each operator means by its opset, and how it is refused: before anything is allocated, in one sentence that names the node."""

import re
import tracemalloc
import warnings
from typing import Any

import numpy as np
import pytest
from tests.onnx_nodes import ours

from convstep.checks import Array
from convstep.errors import DataError
from convstep.interop.onnx.operators import MOST_BYTES, NEWEST, OLDEST, OPERATORS, VERSIONS, compute, unsupported
from convstep.interop.onnx.records import Node

IMAGE = np.arange(32, dtype=np.float32).reshape(1, 2, 4, 4)
FILTER = np.ones((2, 2, 3, 3), np.float32)
ROW = np.array([1, 2, 3], np.float32)
FAR = 2**40


def too_large(count: int, *shape: int) -> str:
    """Return what is said of a result of so many bytes."""
    return f"a result of shape {shape} would take {count} bytes, more than {MOST_BYTES}"


def ints(*numbers: int) -> Array:
    return np.array(numbers, np.int64)


# --- which there are ---


def test_the_operators_of_convolution_networks_are_there() -> None:
    names = """Conv ConvTranspose MaxPool AveragePool GlobalAveragePool GlobalMaxPool LpPool BatchNormalization InstanceNormalization
        LayerNormalization LRN Relu LeakyRelu PRelu Elu Selu Celu HardSigmoid HardSwish Sigmoid Tanh Softplus Softsign Gelu Mish Clip
        Softmax LogSoftmax Gemm MatMul Add Sub Mul Div Pow Sqrt Exp Log Abs Neg Max Min Mean Sum Erf Flatten Reshape Transpose Squeeze
        Unsqueeze Concat Split Slice Gather Shape Cast Pad Resize Upsample Tile Expand Where ReduceMean ReduceSum ReduceMax ArgMax
        DepthToSpace SpaceToDepth Identity Dropout Constant ConstantOfShape QuantizeLinear DequantizeLinear"""
    assert set(names.split()) <= set(OPERATORS)
    assert len(OPERATORS) >= 153


@pytest.mark.parametrize("kind", OPERATORS)
def test_every_version_of_an_operator_begins_and_takes_what_onnx_says(kind: str) -> None:
    defs = pytest.importorskip("onnx.defs", reason="needs the extra onnx")
    known = [schema.since_version for schema in defs.get_all_schemas_with_history() if schema.name == kind and schema.domain == ""]
    assert VERSIONS[kind][0].since >= min(known)
    for opset in sorted({*known, *(version.since for version in VERSIONS[kind])}):
        if opset < VERSIONS[kind][0].since:
            continue
        schema = defs.get_schema(kind, opset, "")
        version = [version for version in VERSIONS[kind] if version.since <= opset][-1]
        told = set(schema.attributes) - {"consumed_inputs", "sparse_value", "value_string", "value_strings"}
        assert told == version.known - ({"count_include_pad"} if opset < 7 else set())
        if schema.max_input < 100:
            assert len(version.slots) == schema.max_input
            assert sum(not slot.optional for slot in version.slots) == schema.min_input


REFUSED_OUTRIGHT = {
    "an operator nobody knows": (Node("Warp", 17, "n"), "onnx: node 'n' (Warp, opset 17): the operator is not supported"),
    "an opset of tomorrow": (
        Node("Relu", NEWEST + 1, "n"),
        f"onnx: node 'n' (Relu, opset {NEWEST + 1}): opsets {OLDEST} to {NEWEST} are supported, not {NEWEST + 1}",
    ),
    "no opset": (Node("Relu", 0, "n"), f"onnx: node 'n' (Relu, opset 0): opsets {OLDEST} to {NEWEST} are supported, not 0"),
    "another domain": (
        Node("Conv", 1, "n", domain="com.microsoft"),
        "onnx: node 'n' (com.microsoft.Conv, opset 1): operators of the domain 'com.microsoft' are not supported",
    ),
    "before its time": (Node("Gelu", 13, "n"), "onnx: node 'n' (Gelu, opset 13): the operator is supported from opset 20 on"),
}


@pytest.mark.parametrize("case", REFUSED_OUTRIGHT)
def test_what_cannot_be_done_whatever_is_given_is_told(case: str) -> None:
    node, message = REFUSED_OUTRIGHT[case]
    assert unsupported(node) is not None
    with pytest.raises(DataError) as refused:
        compute(node, [])
    assert str(refused.value) == message


# --- refusals: kind, inputs, attributes, opset, the fact, what was given ---

REFUSED: dict[str, tuple[str, list[Array | None], dict[str, Any], int, str]] = {
    "too few inputs": ("Conv", [IMAGE], {}, 17, "input 2 is missing"),
    "an input left out": ("Add", [None, ROW], {}, 17, "input 1 is missing"),
    "too many inputs": ("Relu", [ROW, ROW], {}, 17, "it takes at most 1 inputs, not 2"),
    "a wrong type": ("Conv", [IMAGE.astype(np.int64), FILTER], {}, 17, "input 1 must hold floats, not int64"),
    "text": ("Identity", [np.array(["a"], object)], {}, 17, "input 1 must hold numbers or booleans, not text"),
    "two types": ("Add", [ROW, ROW.astype(np.float64)], {}, 17, "inputs 1 and 2 must have one type, not float32 and float64"),
    "an unknown attribute": ("Relu", [ROW], {"slope": 1.0}, 17, "it has no attribute 'slope' that is known here"),
    "an attribute of a later opset": ("MaxPool", [IMAGE], {"dilations": (1, 1)}, 8, "it has no attribute 'dilations' that is known here"),
    "an attribute of a wrong kind": ("Flatten", [IMAGE], {"axis": 1.5}, 17, "axis must be a whole number, not 1.5"),
    "a list of a wrong kind": ("Conv", [IMAGE, FILTER], {"strides": "ab"}, 17, "strides must be whole numbers, not 'ab'"),
    "no shared shape": ("Add", [ROW, IMAGE], {}, 17, "shapes (3,) and (1, 2, 4, 4) do not broadcast"),
    "a stride of 0": ("Conv", [IMAGE, FILTER], {"strides": (0, 1)}, 17, "strides must be at least 1, not 0"),
    "a dilation of 0": ("Conv", [IMAGE, FILTER], {"dilations": (1, 0)}, 17, "dilations must be at least 1, not 0"),
    "a group of 0": ("Conv", [IMAGE, FILTER], {"group": 0}, 17, "group must be at least 1, not 0"),
    "groups that do not fit": ("Conv", [IMAGE, FILTER], {"group": 3}, 17, "images of 2 channels do not fit filters of 2 in group 3"),
    "too few pads": ("Conv", [IMAGE, FILTER], {"pads": (1, 1)}, 17, "pads must be 4 numbers, not 2"),
    "pads below 0": ("Conv", [IMAGE, FILTER], {"pads": (-1, 0, 0, 0)}, 17, "pads must be at least 0, not -1"),
    "far pads": (
        "Conv",
        [IMAGE, FILTER],
        {"pads": (FAR, 0, 0, 0)},
        17,
        too_large(8 * 4 * (FAR + 4), 1, 2, FAR + 4, 4),
    ),
    "another kernel": ("Conv", [IMAGE, FILTER], {"kernel_shape": (2, 2)}, 17, "kernel_shape is (2, 2), but the filters have (3, 3)"),
    "a window that does not fit": ("Conv", [IMAGE, FILTER], {"dilations": (2, 2)}, 17, "no window of 5 cells fits into 4 cells"),
    "a bias that does not fit": ("Conv", [IMAGE, FILTER, ROW], {}, 17, "a bias of shape (3,) does not fit 2 filters"),
    "a padding mode": (
        "Conv",
        [IMAGE, FILTER],
        {"auto_pad": "SAME"},
        17,
        "auto_pad must be 'NOTSET' or 'SAME_UPPER' or 'SAME_LOWER' or 'VALID', not 'SAME'",
    ),
    "spread too far": (
        "ConvTranspose",
        [IMAGE, FILTER],
        {"strides": (FAR, 1)},
        17,
        too_large(8 * 6 * (3 * FAR + 3), 1, 2, 3 * FAR + 3, 6),
    ),
    "cut to nothing": ("ConvTranspose", [IMAGE, FILTER], {"pads": (3, 0, 3, 0)}, 17, "padding leaves 0 of 6 cells"),
    "a pool without a kernel": ("MaxPool", [IMAGE], {}, 17, "it has no kernel_shape"),
    "a kernel of 0": ("MaxPool", [IMAGE], {"kernel_shape": (0, 1)}, 17, "a window of (0, 1) does not fit 2 axes"),
    "padding as large as the window": (
        "MaxPool",
        [IMAGE],
        {"kernel_shape": (2, 2), "pads": (2, 0, 0, 0)},
        17,
        "padding must be smaller than the window of 2, not (2, 0)",
    ),
    "statistics for each cell": (
        "BatchNormalization",
        [IMAGE, *[np.ones(2, np.float32)] * 4],
        {"spatial": 0},
        7,
        "statistics for each cell (spatial = 0) are not supported",
    ),
    "statistics that do not fit": (
        "BatchNormalization",
        [IMAGE, ROW, *[np.ones(2, np.float32)] * 3],
        {},
        9,
        "scale must have the shape (2,), not (3,)",
    ),
    "matrices that do not fit": ("MatMul", [IMAGE, FILTER], {}, 17, "4 columns do not fit 3 rows"),
    "a reshape that does not fit": ("Reshape", [ROW, ints(2, -1)], {}, 17, "3 values do not have the shape [2, -1]"),
    "a reshape with two unknowns": ("Reshape", [ROW, ints(-1, -1)], {}, 17, "a shape of [-1, -1] is no shape"),
    "a copied axis that is not there": (
        "Reshape",
        [ROW, ints(3, 0)],
        {},
        17,
        "a shape of [3, 0] copies axes that an input of shape (3,) does not have",
    ),
    "a far expansion": ("Expand", [ROW, ints(FAR, 3)], {}, 17, too_large(12 * FAR, FAR, 3)),
    "a far tile": ("Tile", [ROW, ints(FAR)], {}, 17, too_large(12 * FAR, 3 * FAR)),
    "a far constant": ("ConstantOfShape", [ints(FAR)], {}, 17, too_large(4 * FAR, FAR)),
    "a far range": ("Range", [ints(0), ints(FAR), ints(1)], {}, 17, too_large(8 * FAR, FAR)),
    "no steps": ("Range", [ints(0), ints(5), ints(0)], {}, 17, "there are no steps of 0 from 0 to 5"),
    "a far padding": ("Pad", [ROW, ints(FAR, 0)], {}, 17, too_large(4 * (FAR + 3), FAR + 3)),
    "a far resize": (
        "Resize",
        [ROW, None, np.array([FAR], np.float32)],
        {},
        17,
        too_large(12 * FAR, 3 * FAR),
    ),
    "a far depth": (
        "OneHot",
        [ints(1), ints(FAR), ROW[:2]],
        {},
        17,
        too_large(4 * FAR, 1, FAR),
    ),
    "an axis that is not there": ("Softmax", [ROW], {"axis": 1}, 17, "axis must lie in -1 to 0, not 1"),
    "an axis twice": ("ReduceSum", [IMAGE, ints(1, -3)], {}, 17, "axes must be different, not (1, 1)"),
    "an index that is not there": ("Gather", [ROW, ints(1, 3)], {}, 17, "index 3 is beyond an axis of 3"),
    "pieces that do not fit": ("Split", [ROW, ints(1, 1)], {}, 17, "pieces of [1, 1] do not make the 3 of axis 0"),
    "unequal pieces": ("Split", [ROW], {}, 13, "an axis of 3 does not fall into 2 equal pieces"),
    "steps of 0": ("Slice", [ROW, ints(0), ints(2), ints(0), ints(0)], {}, 17, "steps must not be 0"),
    "a squeeze of something": ("Squeeze", [ROW, ints(0)], {}, 17, "axis 0 is 3 long, not 1"),
    "an order of no axes": (
        "Transpose",
        [IMAGE],
        {"perm": (0, 1, 1, 2)},
        17,
        "perm must be the axes 0 to 3 in some order, not (0, 1, 1, 2)",
    ),
    "arrays that do not join": (
        "Concat",
        [ROW, IMAGE],
        {"axis": 0},
        17,
        "arrays of shape (3,) and (1, 2, 4, 4) do not fit behind each other along axis 0",
    ),
    "text as a type": ("Cast", [ROW], {"to": 8}, 17, "type 8 is not supported"),
    "more than there are": ("TopK", [ROW, ints(4)], {}, 17, "k must lie in 0 to 3, not 4"),
    "blocks that do not fit": ("DepthToSpace", [IMAGE], {"blocksize": 2}, 17, "images of shape (1, 2, 4, 4) do not fall into blocks of 2"),
    "a block of 0": ("SpaceToDepth", [IMAGE], {"blocksize": 0}, 17, "blocksize must be at least 1, not 0"),
    "neither scales nor sizes": ("Resize", [IMAGE], {}, 17, "it has neither scales nor sizes"),
    "scales below 1": ("Upsample", [IMAGE, np.array([1, 1, 0.5, 1], np.float32)], {}, 9, "scales must be at least 1, not 0.5"),
    "scales that are no numbers": ("Resize", [ROW, None, np.array([np.nan], np.float32)], {}, 17, "scales must be above 0, not nan"),
    "drops": ("Dropout", [ROW, None, np.array(True)], {}, 17, "training_mode is not supported: what it drops is drawn at random"),
    "an equation that does not fit": ("Einsum", [ROW], {"equation": "ij->i"}, 17, "term 'ij' does not fit an input with 1 axes"),
    "scales of other blocks": (
        "DequantizeLinear",
        [np.zeros((2, 4), np.int8), ROW],
        {"axis": 1},
        17,
        "scales of shape (3,) do not fit axis 1 of (2, 4)",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_node_that_cannot_be_done_is_refused_before_anything_is_allocated(case: str) -> None:
    kind, inputs, attributes, opset, fact = REFUSED[case]
    outputs = 2 if case == "unequal pieces" else 1
    given = ", ".join("nothing" if x is None else f"{x.dtype.name} {x.shape}" for x in inputs)
    tracemalloc.start()
    with pytest.raises(DataError) as refused:
        ours(kind, inputs, attributes, opset=opset, outputs=outputs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    given += ", ..." if len(inputs) > 6 else ""
    assert str(refused.value) == f"onnx: node 'n' ({kind}, opset {opset}): {fact}\n  given {given}"
    assert peak < 2**20


NUMBERS = (0, 1, 2, 3, 5, 7, -1, -2, 2**31, 2**40, -(2**63), 2**63 - 1)
SHAPES = ((), (0,), (1,), (3,), (2, 3), (1, 2, 4, 4), (2, 4, 5, 5), (1, 3, 4), (1, 2, 3, 4, 4), (0, 2, 3, 3), (2, 0, 3))
KINDS = ("float32",) * 5 + ("float64", "float16", "int64", "int32", "int8", "uint8", "bool", "object")


def anything(rng: np.random.Generator) -> Array | None:
    if rng.random() < 0.3:
        return rng.choice(NUMBERS, int(rng.integers(5)))
    if rng.random() < 0.05:
        return None
    with np.errstate(all="ignore"):
        return np.asarray(3 * rng.standard_normal(SHAPES[rng.integers(len(SHAPES))])).astype(KINDS[rng.integers(len(KINDS))])


def setting(rng: np.random.Generator) -> Any:
    odd = ("linear", "SAME_UPPER", "", "add", "reflect", "ij,jk->ik", None, np.ones(2, np.float32), float("nan"), 0.5)
    kind = rng.random()
    if kind < 0.5:
        return int(rng.choice(NUMBERS)) if rng.random() < 0.5 else int(rng.integers(3))
    return tuple(int(rng.choice(NUMBERS[:8])) for _ in range(rng.integers(7))) if kind < 0.8 else odd[rng.integers(len(odd))]


@pytest.mark.parametrize("kind", OPERATORS)
def test_whatever_a_node_says_it_is_done_or_refused_in_one_sentence(kind: str) -> None:
    rng = np.random.default_rng(sum(map(ord, kind)))
    for version in VERSIONS[kind] * 40:
        opset = int(rng.integers(version.since, NEWEST + 1))
        attributes = {name: setting(rng) for name in version.known if rng.random() < 0.5}
        inputs = [anything(rng) for _ in range(max(len(version.slots) + int(rng.integers(-1, 2)) * (rng.random() < 0.1), 0))]
        try:
            said = ours(kind, inputs, attributes, opset=opset, outputs=int(rng.integers(4))) and ""
        except DataError as error:
            said = str(error)
        assert not said or re.fullmatch(rf"onnx: node 'n' \({kind}, opset \d+\): [^\n]+\n  given [^\n]+", said)


# --- what they mean ---


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(
    ("kind", "attributes", "others"),
    [
        ("Conv", {"pads": (1, 1, 1, 1)}, [FILTER]),
        ("ConvTranspose", {"strides": (2, 2)}, [FILTER]),
        ("MaxPool", {"kernel_shape": (2, 2)}, []),
        ("AveragePool", {"kernel_shape": (2, 2)}, []),
        ("LpPool", {"kernel_shape": (2, 2)}, []),
        ("GlobalAveragePool", {}, []),
        ("BatchNormalization", {}, [np.ones(2, np.float32)] * 4),
        ("LRN", {"size": 3}, []),
        ("Softmax", {}, []),
        ("ReduceMean", {}, []),
        ("Resize", {"mode": "linear"}, [None, np.array([1, 1, 2, 2], np.float32)]),
        ("Pad", {"mode": "reflect"}, [ints(0, 0, 1, 1, 0, 0, 1, 1)]),
        ("Clip", {}, [None, ROW[:1].reshape(())]),
        *(
            (name, {}, [])
            for name in ("Celu", "Elu", "Erf", "HardSigmoid", "HardSwish", "LeakyRelu", "Selu", "Sigmoid", "Softplus", "Tanh")
        ),
    ],
)
def test_the_type_that_comes_in_goes_out(kind: str, attributes: dict[str, Any], others: list[Array | None], dtype: Any) -> None:
    image = (IMAGE / 16).astype(dtype)
    kept = {"Resize", "Pad"}
    cast = [x if x is None or kind in kept else x.astype(dtype) for x in others]
    (y,) = ours(kind, [image, *cast], attributes)
    assert y.dtype == dtype
    exact = [x if x is None or kind in kept else x.astype(np.float64) for x in others]
    (expected,) = ours(kind, [image.astype(np.float64), *exact], attributes)
    np.testing.assert_allclose(y, expected, rtol={2: 2e-3, 4: 1e-5, 8: 1e-14}[np.dtype(dtype).itemsize], atol=1e-6)


def test_bfloat16_is_computed_in_float32() -> None:
    dtypes = pytest.importorskip("ml_dtypes")
    (y,) = ours("Add", [ROW.astype(dtypes.bfloat16), np.array([0.5], dtypes.bfloat16)])
    assert y.dtype == dtypes.bfloat16
    assert y.astype(np.float32).tolist() == [1.5, 2.5, 3.5]


def test_softmax_covers_all_axes_behind_its_own_before_opset_13() -> None:
    x = IMAGE[0] / 8
    assert np.allclose(ours("Softmax", [x], opset=12)[0].sum(axis=(1, 2)), 1)
    assert np.allclose(ours("Softmax", [x], opset=13)[0].sum(axis=2), 1)
    assert ours("Hardmax", [x], opset=12)[0].sum() == 2
    assert ours("Hardmax", [x], opset=13)[0].sum() == 8


def test_opset_6_lays_the_axes_of_the_second_array_where_the_attribute_says() -> None:
    x, y = np.zeros((2, 3, 4), np.float32), np.array([1, 2, 3], np.float32)
    (z,) = ours("Add", [x, y], {"broadcast": 1, "axis": 1}, opset=6)
    assert (z == y[:, None]).all()
    with pytest.raises(DataError, match=re.escape("shapes (2, 3, 4) and (3,) must be equal without broadcast")):
        ours("Add", [x, y], opset=6)


def test_clip_has_attributes_before_opset_11_and_inputs_then() -> None:
    assert ours("Clip", [ROW], {"min": 1.5, "max": 2.5}, opset=6)[0].tolist() == [1.5, 2, 2.5]
    assert ours("Clip", [ROW, None, np.array(2, np.float32)], opset=11)[0].tolist() == [1, 2, 2]
    assert ours("Clip", [ints(1, 2**62 + 1), np.array(2)], opset=12)[0].tolist() == [2, 2**62 + 1]


def test_integers_are_divided_towards_0_and_keep_their_sign_in_remainders() -> None:
    x, y = ints(7, -7, 7, -7), ints(2, 2, -2, -2)
    assert ours("Div", [x, y])[0].tolist() == [3, -3, -3, 3]
    assert ours("Mod", [x, y])[0].tolist() == [1, 1, -1, -1]
    assert ours("Mod", [x, y], {"fmod": 1})[0].tolist() == [1, -1, 1, -1]
    assert ours("Pow", [ints(2, 3), np.array([0.5, 2], np.float32)])[0].tolist() == [1, 9]


def test_nothing_warns_of_numbers_that_are_none() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ours("Div", [ints(1), ints(0)])[0].shape == (1,)
        assert np.isnan(ours("Log", [np.array([-1], np.float32)])[0]).all()
        assert ours("Cast", [np.array([np.nan, 1e30], np.float32)], {"to": 6})[0].dtype == np.int32
        assert np.isnan(ours("ReduceMean", [np.zeros((0, 3), np.float32)], {"axes": (0,)}, opset=13)[0]).all()


def test_a_pool_finds_its_places_counted_over_all_images() -> None:
    x = np.array([[[[1, 5], [7, 2]]], [[[9, 5], [7, 2]]]], np.float32)
    largest, places = ours("MaxPool", [x], {"kernel_shape": (2, 2)}, outputs=2)
    assert (largest.ravel().tolist(), places.ravel().tolist()) == ([7, 9], [2, 4])
    (back,) = ours("MaxUnpool", [largest, places], {"kernel_shape": (2, 2)})
    assert back.ravel().tolist() == [0, 0, 7, 0, 9, 0, 0, 0]
    assert ours("MaxPool", [x], {"kernel_shape": (2, 2), "storage_order": 1}, outputs=2)[1].ravel().tolist() == [1, 4]


def test_batch_normalization_that_trains_returns_its_statistics() -> None:
    x, one = np.array([[[1], [2]], [[3], [6]]], np.float32), np.ones(2, np.float32)
    y, mean, var = ours("BatchNormalization", [x, one, 0 * one, 0 * one, one], {"training_mode": 1, "momentum": 0.5}, opset=15, outputs=3)
    assert (mean.tolist(), var.tolist()) == ([1, 2], [1, 2.5])
    assert np.allclose(y.ravel(), [-1, -1, 1, 1], atol=1e-4)


def test_a_mask_of_dropout_keeps_everything() -> None:
    y, mask = ours("Dropout", [ROW], opset=13, outputs=2)
    assert (y.tolist(), mask.tolist()) == ([1, 2, 3], [True] * 3)
    assert mask.dtype == np.bool_
    assert ours("Dropout", [ROW], opset=7, outputs=2)[1].dtype == np.float32


def test_constants_are_held_in_one_of_several_attributes() -> None:
    assert ours("Constant", [], {"value_ints": (1, 2)}, opset=13)[0].dtype == np.int64
    assert ours("Constant", [], {"value_float": 0.5}, opset=13)[0].dtype == np.float32
    assert ours("Constant", [], {"value": ROW}, opset=9)[0] is ROW
    with pytest.raises(DataError, match="it must hold one value, not 2"):
        ours("Constant", [], {"value_int": 1, "value_float": 0.5}, opset=13)


def test_nothing_that_is_given_is_changed() -> None:
    for kind, inputs in {
        "ScatterElements": [ROW.copy(), ints(0), ROW[2:].copy()],
        "Relu": [-ROW],
        "CumSum": [ROW.copy(), np.array(0)],
        "Clip": [ROW.copy(), ROW[2:].copy()],
    }.items():
        before = [x.copy() for x in inputs]
        ours(kind, inputs, opset=18)
        assert all((x == y).all() for x, y in zip(inputs, before, strict=True))

"""Every number that the public editions of the assignment print or assert, by edition, as recomputed from their seeds.

Published means "as printed": a number with d decimals is right when it differs by at most half a unit of the last one.
"""

from typing import Any, NamedTuple

import numpy as np
import pytest

from convstep import (
    conv_backward,
    conv_forward,
    conv_single_step,
    create_mask_from_window,
    distribute_value,
    pool_backward,
    pool_forward,
    zero_pad,
)
from convstep.checks import Array

MODES = ["max", "average"]


def normal(seed: int, *shapes: tuple[int, ...]) -> list[Array]:
    """What randn draws after np.random.seed(seed), one array after the other."""
    state = np.random.RandomState(seed)
    return [state.randn(*shape) for shape in shapes]


def assert_printed(value: Any, printed: Any, decimals: int = 8) -> None:
    np.testing.assert_allclose(value, printed, rtol=0, atol=0.51 * 10.0**-decimals)


def assert_shape(value: Array, shape: tuple[int, ...]) -> None:
    assert isinstance(value, np.ndarray)
    assert value.shape == shape


class TestZeroPad:
    @pytest.mark.parametrize(("edition", "pad"), [("v1", 2), ("v2", 2), ("v2a", 2), ("2021", 3)])
    def test_the_cell_prints_what_the_edition_shows(self, edition: str, pad: int) -> None:
        (x,) = normal(1, (4, 3, 3, 2))
        x_pad = zero_pad(x, pad)
        assert x.shape == (4, 3, 3, 2)
        assert_shape(x_pad, (4, 9, 9, 2) if edition == "2021" else (4, 7, 7, 2))
        assert_printed(x[1, 1], [[0.90085595, -0.68372786], [-0.12289023, -0.93576943], [-0.26788808, 0.53035547]])
        assert x_pad[1, 1].tolist() == [[0, 0]] * (9 if edition == "2021" else 7)

    @pytest.mark.parametrize(("shape", "pad", "padded"), [((4, 3, 3, 2), 3, (4, 9, 9, 2)), ((5, 4, 4, 3), 2, (5, 8, 8, 3))])
    def test_zero_pad_test_of_2021_passes(self, shape: tuple[int, ...], pad: int, padded: tuple[int, ...]) -> None:
        (x,) = normal(1, shape)
        x_pad = zero_pad(x, pad)
        end = pad + shape[1]
        assert_shape(x_pad, padded)
        assert not x_pad[0, 0:2, :, 0].any()
        assert not x_pad[0, :, end : end + 2, 1].any()
        assert np.array_equal(x_pad[:, pad:end, pad:end, :], x)


class TestConvSingleStep:
    @pytest.mark.parametrize("edition", ["v2", "v2a", "2021"])
    def test_the_cell_prints_what_the_edition_shows(self, edition: str) -> None:
        a_slice_prev, W, b = normal(1, (4, 4, 3), (4, 4, 3), (1, 1, 1))
        Z = conv_single_step(a_slice_prev, W, b)
        assert_printed(b, [[[-0.34385368]]])
        assert_printed(Z, -6.99908945068, 11)
        if edition == "2021":
            assert type(Z) is np.float64
            assert np.isclose(Z, -6.999089450680221, rtol=1e-15, atol=0)

    def test_v1_printed_the_sum_with_the_bias_counted_48_times(self) -> None:
        a_slice_prev, W, b = normal(1, (4, 4, 3), (4, 4, 3), (1, 1, 1))
        assert W.size == 48
        assert_printed(conv_single_step(a_slice_prev, W, b * W.size), -23.1602122025, 10)
        assert_printed(np.sum(a_slice_prev * W + b), -23.1602122025, 10)  # the line of v1
        assert_printed(conv_single_step(a_slice_prev, W, b), -6.99908945068, 11)  # the right maths

    def test_conv_single_step_test_of_2021_passes(self) -> None:
        a_slice_prev, W, b = normal(3, (5, 5, 3), (5, 5, 3), (1, 1, 1))
        Z = conv_single_step(a_slice_prev, W, b)
        assert type(Z) is np.float64
        assert np.isclose(Z, -3.5443670581382474, rtol=1e-14, atol=0)


class ConvCell(NamedTuple):
    """The input of an edition's conv_forward cell and what it prints."""

    A_prev: tuple[int, ...]
    W: tuple[int, ...]
    pad: int
    stride: int
    shape: tuple[int, ...]
    mean: float
    decimals: int
    cell: tuple[int, ...]
    Z: list[float]
    cached: list[float]


CONV_CELLS = {
    "v2": ConvCell(
        (10, 4, 4, 3),
        (2, 2, 3, 8),
        2,
        2,
        (10, 4, 4, 8),
        0.0489952035289,
        13,
        (3, 2, 1),
        [-0.61490741, -6.7439236, -2.55153897, 1.75698377, 3.56208902, 0.53036437, 5.18531798, 8.75898442],
        [-0.20075807, 0.18656139, 0.41005165],
    ),
    "v2a": ConvCell(
        (10, 5, 7, 4),
        (3, 3, 4, 8),
        1,
        2,
        (10, 3, 4, 8),
        0.692360880758,
        12,
        (3, 2, 1),
        [-1.28912231, 2.27650251, 6.61941931, 0.95527176, 8.25132576, 2.31329639, 13.00689405, 2.34576051],
        [-1.1191154, 1.9560789, -0.3264995, -1.34267579],
    ),
    "2021": ConvCell(
        (2, 5, 7, 4),
        (3, 3, 4, 8),
        1,
        2,
        (2, 3, 4, 8),
        0.5511276474566768,
        14,
        (0, 2, 1),
        [-2.17796037, 8.07171329, -0.5772704, 3.36286738, 4.48113645, -2.89198428, 10.99288867, 3.03171932],
        [-1.1191154, 1.9560789, -0.3264995, -1.34267579],
    ),
}


class TestConvForward:
    @pytest.mark.parametrize("printed", CONV_CELLS.values(), ids=CONV_CELLS)
    def test_the_cell_prints_what_the_edition_shows(self, printed: ConvCell) -> None:
        A_prev, W, b = normal(1, printed.A_prev, printed.W, (1, 1, 1, 8))
        hparameters = {"pad": printed.pad, "stride": printed.stride}
        Z, cache = conv_forward(A_prev, W, b, hparameters)
        assert_shape(Z, printed.shape)
        assert_printed(np.mean(Z), printed.mean, printed.decimals)
        assert_printed(Z[printed.cell], printed.Z)
        assert_printed(cache[0][1][2][3], printed.cached)
        assert all(kept is given for kept, given in zip(cache, (A_prev, W, b, hparameters), strict=True))

    def test_v1_printed_the_mean_with_the_bias_counted_12_times(self) -> None:
        A_prev, W, b = normal(1, (10, 4, 4, 3), (2, 2, 3, 8), (1, 1, 1, 8))
        hparameters = {"pad": 2, "stride": 1}
        as_v1, _ = conv_forward(A_prev, W, b * 2 * 2 * 3, hparameters)
        assert_printed(np.mean(as_v1), 0.155859324889, 12)
        Z, cache = conv_forward(A_prev, W, b, hparameters)
        assert_shape(Z, (10, 7, 7, 8))
        assert_printed(np.mean(Z), 0.0028129462864863, 15)  # the right maths
        assert_printed(cache[0][1][2][3], [-0.20075807, 0.18656139, 0.41005165])

    def test_inner_values_of_the_2021_input(self) -> None:
        A_prev, W, b = normal(1, (2, 5, 7, 4), (3, 3, 4, 8), (1, 1, 1, 8))
        Z, _ = conv_forward(A_prev, W, b, {"pad": 1, "stride": 2})
        assert_shape(Z, (2, 3, 4, 8))
        assert_shape(zero_pad(A_prev, 1), (2, 7, 9, 4))
        assert_printed(Z[0, 0, 0, 0], -2.651123629553914, 14)
        assert_printed(Z[1, 2, 3, 7], 0.4427056509973153, 14)

    @pytest.mark.parametrize(
        ("f", "pad", "stride", "shape"), [(3, 3, 1, (2, 9, 11, 8)), (3, 0, 2, (2, 2, 3, 8)), (5, 6, 1, (2, 13, 15, 8))]
    )
    def test_conv_forward_test_2_of_2021_finds_its_shapes(self, f: int, pad: int, stride: int, shape: tuple[int, ...]) -> None:
        A_prev, W, b = conv_forward_test_2(f)
        assert_shape(conv_forward(A_prev, W, b, {"pad": pad, "stride": stride})[0], shape)

    def test_conv_forward_test_2_of_2021_finds_its_mean_and_its_cache(self) -> None:
        A_prev, W, b = conv_forward_test_2(5)
        Z, cache = conv_forward(A_prev, W, b, {"pad": 6, "stride": 1})
        assert_printed(np.mean(Z), -0.5384027772160062, 14)
        assert_printed(
            cache[0][1, 2],
            [
                [1.98848968, 1.19505834, -0.0952376, -0.52718778],
                [-0.32158469, 0.15113037, -0.01862772, 0.48352879],
                [0.76896516, 1.36624284, 1.14726479, -0.11022916],
                [0.38825041, -0.38712718, -0.58722031, 1.91082685],
                [-0.45984615, 1.99073781, -0.34903539, 0.25282509],
                [1.08940955, 0.02392202, 0.39312528, -0.2413848],
                [-0.47552486, -0.16577702, -0.64971742, 1.63138295],
            ],
        )


def conv_forward_test_2(f: int) -> list[Array]:
    """The input of the public test: it draws the filters of 3x3 first, then those of 5x5."""
    A_prev, W, b, W5, b5 = normal(3, (2, 5, 7, 4), (3, 3, 4, 8), (1, 1, 1, 8), (5, 5, 4, 8), (1, 1, 1, 8))
    return [A_prev, W, b] if f == 3 else [A_prev, W5, b5]


# Case 1 and case 2 of v2a and 2021: A_prev (2, 5, 5, 3), f 3, stride 1 and 2. v2a prints all of it, 2021 the part named below.
CASE_1 = {
    "max": [
        [
            [[1.74481176, 0.90159072, 1.65980218], [1.74481176, 1.46210794, 1.65980218], [1.74481176, 1.6924546, 1.65980218]],
            [[1.14472371, 0.90159072, 2.10025514], [1.14472371, 0.90159072, 1.65980218], [1.14472371, 1.6924546, 1.65980218]],
            [[1.13162939, 1.51981682, 2.18557541], [1.13162939, 1.51981682, 2.18557541], [1.13162939, 1.6924546, 2.18557541]],
        ],
        [
            [[1.19891788, 0.84616065, 0.82797464], [0.69803203, 0.84616065, 1.2245077], [0.69803203, 1.12141771, 1.2245077]],
            [[1.96710175, 0.84616065, 1.27375593], [1.96710175, 0.84616065, 1.23616403], [1.62765075, 1.12141771, 1.2245077]],
            [[1.96710175, 0.86888616, 1.27375593], [1.96710175, 0.86888616, 1.23616403], [1.62765075, 1.12141771, 0.79280687]],
        ],
    ],
    "average": [
        [
            [
                [-0.0301046719, -0.00324021315, -0.336298859],
                [0.143310483, 0.193146751, -0.444905196],
                [0.128934436, 0.222428468, 0.125067597],
            ],
            [
                [-0.381801899, 0.0159993515, 0.170562706],
                [0.0473707165, 0.0259244658, 0.0920338402],
                [0.0397048605, 0.157189094, 0.345302489],
            ],
            [
                [-0.382680519, 0.232579951, 0.625997903],
                [-0.247157416, -0.000348524998, 0.350539717],
                [-0.0952551510, 0.268511000, 0.466056368],
            ],
        ],
        [
            [
                [-0.173134159, 0.323771981, -0.343175716],
                [0.0380634669, 0.0726706274, -0.230268958],
                [0.0203009393, 0.141414785, -0.0123158476],
            ],
            [
                [0.44497696, -0.00261695, -0.31040307],
                [0.50811474, -0.23493734, -0.23961183],
                [0.11872677, 0.17255229, -0.22112197],
            ],
            [
                [0.429449255, 0.0844699612, -0.272909051],
                [0.676351685, -0.120138225, -0.244076712],
                [0.150774518, 0.289111751, 0.00123238536],
            ],
        ],
    ],
}
CASE_2 = {
    "max": [
        [
            [[1.74481176, 0.90159072, 1.65980218], [1.74481176, 1.6924546, 1.65980218]],
            [[1.13162939, 1.51981682, 2.18557541], [1.13162939, 1.6924546, 2.18557541]],
        ],
        [
            [[1.19891788, 0.84616065, 0.82797464], [0.69803203, 1.12141771, 1.2245077]],
            [[1.96710175, 0.86888616, 1.27375593], [1.62765075, 1.12141771, 0.79280687]],
        ],
    ],
    "average": [
        [
            [[-0.03010467, -0.00324021, -0.33629886], [0.12893444, 0.22242847, 0.1250676]],
            [[-0.38268052, 0.23257995, 0.6259979], [-0.09525515, 0.268511, 0.46605637]],
        ],
        [
            [[-0.17313416, 0.32377198, -0.34317572], [0.02030094, 0.14141479, -0.01231585]],
            [[0.42944926, 0.08446996, -0.27290905], [0.15077452, 0.28911175, 0.00123239]],
        ],
    ],
}
POOL_CELLS = [  # edition, mode, input, f, stride, size of the output, which part is printed, and what
    ("v1", "max", (2, 4, 4, 3), 4, 1, 1, ..., [[[[1.74481176, 1.6924546, 2.10025514]]], [[[1.19891788, 1.51981682, 2.18557541]]]]),
    ("v1", "average", (2, 4, 4, 3), 4, 1, 1, ..., [[[[-0.09498456, 0.11180064, -0.14263511]]], [[[-0.09525108, 0.28325018, 0.33035185]]]]),
    ("v2", "max", (2, 4, 4, 3), 3, 2, 1, ..., [[[[1.74481176, 0.86540763, 1.13376944]]], [[[1.13162939, 1.51981682, 2.18557541]]]]),
    ("v2", "average", (2, 4, 4, 3), 3, 2, 1, ..., [[[[0.02105773, -0.20328806, -0.40389855]]], [[[-0.22154621, 0.51716526, 0.48155844]]]]),
    *(("v2a", mode, (2, 5, 5, 3), 3, 1, 3, ..., CASE_1[mode]) for mode in MODES),
    *(("v2a", mode, (2, 5, 5, 3), 3, 2, 2, ..., CASE_2[mode]) for mode in MODES),
    *(("2021", mode, (2, 5, 5, 3), 3, 1, 3, (1, 1), CASE_1[mode][1][1]) for mode in MODES),
    ("2021", "max", (2, 5, 5, 3), 3, 2, 2, 0, CASE_2["max"][0]),
    ("2021", "average", (2, 5, 5, 3), 3, 2, 2, 1, CASE_2["average"][1]),
]


class TestPoolForward:
    @pytest.mark.parametrize(
        ("mode", "shape", "f", "stride", "out", "part", "printed"),
        [cell[1:] for cell in POOL_CELLS],
        ids=[f"{edition} {mode} stride {stride}" for edition, mode, _, _, stride, *_ in POOL_CELLS],
    )
    def test_the_cell_prints_what_the_edition_shows(
        self, mode: str, shape: tuple[int, ...], f: int, stride: int, out: int, part: Any, printed: Any
    ) -> None:
        (A_prev,) = normal(1, shape)
        A, _ = pool_forward(A_prev, {"stride": stride, "f": f}, mode)
        assert_shape(A, (2, out, out, 3))
        assert_printed(A[part], printed)

    def test_the_averages_that_v2a_prints_with_nine_figures_have_them(self) -> None:
        (A_prev,) = normal(1, (2, 5, 5, 3))
        A, _ = pool_forward(A_prev, {"stride": 1, "f": 3}, "average")
        for cells in (0, (1, 0), (1, 2)):
            np.testing.assert_allclose(A[cells], np.array(CASE_1["average"])[cells], rtol=5e-9, atol=0)

    @pytest.mark.parametrize(
        ("mode", "shape", "f", "stride", "out"),
        [("average", (2, 5, 7, 3), 2, 2, (2, 2, 3, 3)), ("max", (4, 5, 7, 4), 5, 1, (4, 1, 3, 4))],
    )
    def test_pool_forward_test_1_of_2021_finds_its_shapes(
        self, mode: str, shape: tuple[int, ...], f: int, stride: int, out: tuple[int, ...]
    ) -> None:
        (A_prev,) = normal(0, shape)
        assert_shape(pool_forward(A_prev, {"stride": stride, "f": f}, mode)[0], out)

    @pytest.mark.parametrize(
        ("mode", "printed"),
        [
            (
                "max",
                [
                    [1.19891788, 0.74055645, 0.07734007],
                    [0.31515939, 0.84616065, 0.07734007],
                    [0.69803203, 0.84616065, 1.2245077],
                    [0.69803203, 1.12141771, 1.2245077],
                ],
            ),
            (
                "average",
                [
                    [0.11583785, 0.34545544, -0.6561907],
                    [-0.2334108, 0.3364666, -0.69382351],
                    [0.25497093, -0.21741362, -0.07342615],
                    [-0.04092568, -0.01110394, 0.12495022],
                ],
            ),
        ],
    )
    def test_pool_forward_test_1_of_2021_finds_its_values_and_its_cache(self, mode: str, printed: list[list[float]]) -> None:
        (A_prev,) = normal(1, (2, 5, 5, 3))
        hparameters = {"stride": 1, "f": 2}
        A, cache = pool_forward(A_prev, hparameters, mode)
        assert_printed(A[1, 1], printed)
        assert_printed(
            cache[0][1, 2],
            [
                [0.16938243, 0.74055645, -0.9537006],
                [-0.26621851, 0.03261455, -1.37311732],
                [0.31515939, 0.84616065, -0.85951594],
                [0.35054598, -1.31228341, -0.03869551],
                [-1.61577235, 1.12141771, 0.40890054],
            ],
        )
        assert cache[0] is A_prev
        assert cache[1] is hparameters

    @pytest.mark.parametrize(("mode", "example"), [("max", 0), ("average", 1)])
    def test_pool_forward_test_2_of_2021_passes(self, mode: str, example: int) -> None:
        (A_prev,) = normal(1, (2, 5, 5, 3))
        A, _ = pool_forward(A_prev, {"stride": 2, "f": 3}, mode)
        assert_printed(A[example], CASE_2[mode][example])


class TestConvBackward:
    def test_the_cell_prints_what_v2_and_v2a_and_2021_show(self) -> None:
        A_prev, W, b = normal(1, (10, 4, 4, 3), (2, 2, 3, 8), (1, 1, 1, 8))
        Z, cache = conv_forward(A_prev, W, b, {"pad": 2, "stride": 2})
        gradients = conv_backward(Z, cache)
        for gradient, shape in zip(gradients, [(10, 4, 4, 3), (2, 2, 3, 8), (1, 1, 1, 8)], strict=True):
            assert_shape(gradient, shape)
        assert_printed([np.mean(gradient) for gradient in gradients], [1.45243777754, 1.72699145831, 7.83923256462], 11)

    def test_the_cell_of_2021_asserts_seven_decimals(self) -> None:
        A_prev, W, b = normal(1, (10, 4, 4, 3), (2, 2, 3, 8), (1, 1, 1, 8))
        Z, cache = conv_forward(A_prev, W, b, {"pad": 2, "stride": 2})
        assert np.isclose([np.mean(gradient) for gradient in conv_backward(Z, cache)], [1.4524377, 1.7269914, 7.8392325]).all()

    @pytest.mark.parametrize(
        ("bias_counted", "printed", "decimals"),
        [
            (12, (9.60899067587, 10.5817412755, 76.3710691956), (11, 10, 10)),
            (1, (4.11458170491, 9.20367719901, 1.37834368038), (11, 11, 11)),
        ],
        ids=["as v1 printed, from its own Z", "the right maths"],
    )
    def test_v1_passed_back_a_z_with_the_bias_counted_12_times(
        self, bias_counted: int, printed: tuple[float, ...], decimals: tuple[int, ...]
    ) -> None:
        A_prev, W, b = normal(1, (10, 4, 4, 3), (2, 2, 3, 8), (1, 1, 1, 8))
        Z, cache = conv_forward(A_prev, W, b * bias_counted, {"pad": 2, "stride": 1})
        for gradient, mean, places in zip(conv_backward(Z, cache), printed, decimals, strict=True):
            assert_printed(np.mean(gradient), mean, places)


class TestCreateMaskFromWindow:
    def test_the_cell_prints_what_v1_and_v2_and_v2a_and_2021_show(self) -> None:
        (x,) = normal(1, (2, 3))
        assert_printed(x, [[1.62434536, -0.61175641, -0.52817175], [-1.07296862, 0.86540763, -2.3015387]])
        assert create_mask_from_window(x).tolist() == [[True, False, False], [False, False, False]]

    def test_the_cell_of_2021_finds_the_five(self) -> None:
        mask = create_mask_from_window(np.array([[-1, 2, 3], [2, -3, 2], [1, 5, -2]]))
        assert_shape(mask, (3, 3))
        assert mask.dtype == np.bool
        assert np.argwhere(mask).tolist() == [[2, 1]]


class TestDistributeValue:
    def test_the_cell_prints_what_v1_and_v2_and_v2a_and_2021_show(self) -> None:
        assert distribute_value(2, (2, 2)).tolist() == [[0.5, 0.5], [0.5, 0.5]]

    @pytest.mark.parametrize(("dz", "shape"), [(2, (2, 2)), (100, (10, 10))])
    def test_the_cell_of_2021_finds_the_whole_sum(self, dz: int, shape: tuple[int, int]) -> None:
        a = distribute_value(dz, shape)
        assert_shape(a, shape)
        assert np.sum(a) == dz


class TestPoolBackward:
    @pytest.mark.parametrize(
        ("mode", "printed"),
        [
            ("max", [[0, 0], [5.05844394, -1.68282702], [0, 0]]),
            ("average", [[0.08485462, 0.2787552], [1.26461098, -0.25749373], [1.17975636, -0.53624893]]),
        ],
    )
    def test_the_cell_prints_what_v1_and_v2_and_v2a_and_2021_show(self, mode: str, printed: list[list[float]]) -> None:
        A_prev, dA = normal(1, (5, 5, 3, 2), (5, 4, 2, 2))
        _, cache = pool_forward(A_prev, {"stride": 1, "f": 2})
        dA_prev = pool_backward(dA, cache, mode)
        assert_shape(dA_prev, (5, 5, 3, 2))
        assert_printed(np.mean(dA), 0.145713902729, 12)
        assert_printed(np.mean(dA), 0.14571390272918056, 16)
        assert_printed(dA_prev[1, 1], printed)

    @pytest.mark.parametrize("mode", MODES)
    def test_the_gradient_sums_to_the_gradient_that_came_in(self, mode: str) -> None:
        A_prev, dA = normal(1, (5, 5, 3, 2), (5, 4, 2, 2))
        _, cache = pool_forward(A_prev, {"stride": 1, "f": 2})
        assert_printed([np.sum(dA), np.sum(pool_backward(dA, cache, mode))], [11.657112218334] * 2, 12)

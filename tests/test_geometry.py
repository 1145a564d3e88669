"""Geometry is counted here, window by window and cell by cell; its formula is never tested with itself."""

from collections.abc import Sequence
from dataclasses import FrozenInstanceError
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convstep.geometry import Axis, Padding, Pads, Window2d

sizes = st.integers(1, 24)
kernels = st.integers(1, 8)
strides = st.integers(1, 7)
dilations = st.integers(1, 4)
pads = st.tuples(st.integers(0, 6), st.integers(0, 6))
axes = st.builds(Axis, sizes, kernels, strides, dilations, pads)
huge = st.integers(1, 10**30)


def counted(axis: Axis) -> list[list[int]]:
    """Every window of the padded axis, as its cells: slide it by the stride for as long as all of its cells exist."""
    cells = ["pad"] * axis.pad[0] + ["image"] * axis.size + ["pad"] * axis.pad[1]
    window = [k * axis.dilation for k in range(axis.kernel)]
    found = []
    while window[-1] < len(cells):
        found.append(window)
        window = [cell + axis.stride for cell in window]
    return found


def windows(axis: Axis) -> list[list[int]]:
    return [list(range(axis.padded)[axis.window(i)]) for i in range(axis.out)]


def taps(axis: Axis) -> list[list[int]]:
    return [list(range(axis.padded)[axis.tap(k)]) for k in range(axis.kernel)]


def image_cells(axis: Axis, output: int) -> list[int]:
    """The cells under one output that are not padding, counted in the image."""
    real = range(axis.padded)[axis.interior]
    return [cell - real.start for cell in range(axis.padded)[axis.window(output)] if cell in real]


class TestCountingWindows:
    @given(axes)
    def test_the_output_has_one_cell_for_each_window_that_fits(self, axis: Axis) -> None:
        assert axis.out == len(counted(axis))

    @given(axes)
    def test_each_window_covers_the_cells_that_counting_finds(self, axis: Axis) -> None:
        assert windows(axis) == counted(axis)

    @given(axes)
    def test_windows_and_taps_are_transposes(self, axis: Axis) -> None:
        assert windows(axis) == [list(row) for row in zip(*taps(axis), strict=True)]

    @given(axes)
    def test_a_tap_meets_one_cell_for_each_output(self, axis: Axis) -> None:
        assert taps(axis) == [[window[k] for window in counted(axis)] for k in range(axis.kernel)]

    @given(axes)
    def test_slices_never_reach_over_the_end_of_the_padded_axis(self, axis: Axis) -> None:
        stops = [axis.window(i).stop for i in range(axis.out)] + [axis.tap(k).stop for k in range(axis.kernel) if axis.out]
        assert all(0 < stop <= axis.padded for stop in stops)

    @given(axes)
    def test_the_padded_axis_counts_the_image_and_both_pads(self, axis: Axis) -> None:
        assert axis.padded == len([*range(axis.pad[0]), *range(axis.size), *range(axis.pad[1])])

    @given(axes)
    def test_the_interior_is_the_image_between_its_pads(self, axis: Axis) -> None:
        cells = [-1] * axis.pad[0] + list(range(axis.size)) + [-1] * axis.pad[1]
        assert cells[axis.interior] == list(range(axis.size))

    @given(axes)
    def test_the_reach_counts_from_the_first_to_the_last_cell_of_a_window(self, axis: Axis) -> None:
        taken = [k * axis.dilation for k in range(axis.kernel)]
        assert axis.reach == len(range(taken[0], taken[-1])) + 1

    @given(sizes, kernels, pads)
    def test_without_stride_and_dilation_the_windows_start_at_every_cell_they_can(self, size: int, kernel: int, pad: Pads) -> None:
        axis = Axis(size, kernel, pad=pad)
        assert [axis.window(i).start for i in range(axis.out)] == [s for s in range(axis.padded) if s + kernel <= axis.padded]

    @given(axes, st.integers(1, 9))
    def test_cells_that_no_window_reaches_change_nothing(self, axis: Axis, more: int) -> None:
        last = counted(axis)
        if last:
            spare = min(more, axis.stride - 1 - (axis.padded - 1 - last[-1][-1]))
            longer = Axis(axis.size + spare, axis.kernel, axis.stride, axis.dilation, axis.pad)
            assert windows(longer) == windows(axis)


class TestWindowsThatDoNotFit:
    @given(axes)
    def test_a_window_longer_than_the_padded_axis_has_no_output_and_no_cells(self, axis: Axis) -> None:
        short = Axis(axis.size, axis.padded + 1, axis.stride, axis.dilation, axis.pad)
        assert short.out == 0
        assert windows(short) == []
        assert taps(short) == [[] for _ in range(short.kernel)]

    @pytest.mark.parametrize("stride", [1, 2, 3, 5, 100])
    @pytest.mark.parametrize("missing", [1, 2, 3, 4, 99])
    def test_sizes_are_floored_not_truncated_towards_zero(self, stride: int, missing: int) -> None:
        # int(-1 / 2) is 0 in Python: the course's own formula would make one output of an impossible window.
        assert Axis(4, 4 + missing, stride).out == 0

    @pytest.mark.parametrize(("size", "pad"), [(1, (1, 0)), (1, (0, 1)), (2, (0, 0)), (1, (1, 1))])
    def test_the_window_as_large_as_the_padded_axis_fits_once(self, size: int, pad: Pads) -> None:
        assert [Axis(size, sum(pad) + size, stride, pad=pad).out for stride in (1, 2, 50)] == [1, 1, 1]

    @pytest.mark.parametrize(("kernel", "dilation"), [(2, 5), (3, 3), (6, 1), (2, 100)])
    def test_dilation_alone_can_make_a_window_too_long(self, kernel: int, dilation: int) -> None:
        assert Axis(5, kernel, dilation=dilation).out == 0


class TestPadding:
    @given(sizes, kernels, strides, dilations)
    def test_valid_pads_nothing(self, size: int, kernel: int, stride: int, dilation: int) -> None:
        assert Axis.padded_by("valid", size, kernel, stride=stride, dilation=dilation) == Axis(size, kernel, stride, dilation, (0, 0))

    @given(sizes, kernels, strides, dilations, st.integers(0, 9))
    def test_a_number_pads_both_ends_alike(self, size: int, kernel: int, stride: int, dilation: int, pad: int) -> None:
        assert Axis.padded_by(pad, size, kernel, stride=stride, dilation=dilation) == Axis(size, kernel, stride, dilation, (pad, pad))

    @given(sizes, kernels, strides, dilations, pads)
    def test_a_pair_is_before_and_after(self, size: int, kernel: int, stride: int, dilation: int, pad: Pads) -> None:
        assert Axis.padded_by(pad, size, kernel, stride=stride, dilation=dilation) == Axis(size, kernel, stride, dilation, pad)

    @given(sizes, kernels, strides, dilations)
    def test_same_has_one_window_for_each_stride_begun(self, size: int, kernel: int, stride: int, dilation: int) -> None:
        axis = Axis.padded_by("same", size, kernel, stride=stride, dilation=dilation)
        assert len(counted(axis)) == len(range(0, size, stride))

    @given(sizes, kernels, strides, dilations)
    def test_same_pads_no_more_than_it_must(self, size: int, kernel: int, stride: int, dilation: int) -> None:
        fewest = next(
            total
            for total in range(size + kernel * dilation + 1)
            if len(counted(Axis(size, kernel, stride, dilation, (0, total)))) == len(range(0, size, stride))
        )
        assert sum(Axis.padded_by("same", size, kernel, stride=stride, dilation=dilation).pad) == fewest

    @given(sizes, kernels, strides, dilations)
    def test_same_puts_an_odd_cell_after(self, size: int, kernel: int, stride: int, dilation: int) -> None:
        before, after = Axis.padded_by("same", size, kernel, stride=stride, dilation=dilation).pad
        assert after - before in {0, 1}

    @pytest.mark.parametrize("kernel", [1, 3, 5, 7])
    def test_same_at_stride_1_with_an_odd_window_pads_both_ends_alike(self, kernel: int) -> None:
        assert Axis.padded_by("same", 9, kernel) == Axis.padded_by(kernel // 2, 9, kernel)

    @pytest.mark.parametrize(
        ("size", "kernel", "stride", "pad"),
        [(64, 4, 1, (1, 2)), (64, 8, 8, (0, 0)), (8, 2, 1, (0, 1)), (8, 4, 4, (0, 0))],
        ids=["conv 4x4", "pool 8x8", "conv 2x2", "pool 4x4"],
    )
    def test_same_pads_the_course_s_network_as_tensorflow_does(self, size: int, kernel: int, stride: int, pad: Pads) -> None:
        assert Axis.padded_by("same", size, kernel, stride=stride).pad == pad


# What TensorFlow 2.21.0 (Keras 3.15.1) makes of padding="same": images with a single 1 were convolved with filters of ones, so the
# outputs that are not 0 tell which cells each window covers. MaxPooling1D covers the same ones (asked where dilation is 1).
KERAS_SAME = [  # size, kernel, stride, dilation: out, cells under the first and under the last output
    (1, 1, 1, 1, 1, [0], [0]),
    (1, 2, 1, 1, 1, [0], [0]),
    (1, 3, 2, 1, 1, [0], [0]),
    (2, 2, 1, 1, 2, [0, 1], [1]),
    (2, 3, 2, 1, 1, [0, 1], [0, 1]),
    (3, 2, 2, 1, 2, [0, 1], [2]),
    (4, 2, 1, 1, 4, [0, 1], [3]),
    (4, 2, 2, 1, 2, [0, 1], [2, 3]),
    (4, 4, 4, 1, 1, [0, 1, 2, 3], [0, 1, 2, 3]),
    (5, 2, 1, 1, 5, [0, 1], [4]),
    (5, 2, 2, 1, 3, [0, 1], [4]),
    (5, 3, 1, 1, 5, [0, 1], [3, 4]),
    (5, 3, 2, 1, 3, [0, 1], [3, 4]),
    (6, 3, 2, 1, 3, [0, 1, 2], [4, 5]),
    (6, 4, 1, 1, 6, [0, 1, 2], [4, 5]),
    (6, 5, 2, 1, 3, [0, 1, 2, 3], [3, 4, 5]),
    (7, 4, 3, 1, 3, [0, 1, 2], [5, 6]),
    (7, 1, 3, 1, 3, [0], [6]),
    (8, 3, 5, 1, 2, [0, 1, 2], [5, 6, 7]),
    (8, 6, 1, 1, 8, [0, 1, 2, 3], [5, 6, 7]),
    (9, 2, 4, 1, 3, [0, 1], [8]),
    (10, 5, 3, 1, 4, [0, 1, 2], [7, 8, 9]),
    (13, 7, 4, 1, 4, [0, 1, 2, 3], [9, 10, 11, 12]),
    (64, 4, 1, 1, 64, [0, 1, 2], [62, 63]),
    (64, 8, 8, 1, 8, [0, 1, 2, 3, 4, 5, 6, 7], [56, 57, 58, 59, 60, 61, 62, 63]),
    (65, 8, 8, 1, 9, [0, 1, 2, 3, 4], [61, 62, 63, 64]),
    (5, 2, 1, 2, 5, [1], [3]),
    (6, 3, 1, 2, 6, [0, 2], [3, 5]),
    (7, 4, 1, 3, 7, [2, 5], [2, 5]),
    (3, 3, 1, 4, 3, [0], [2]),
    (9, 2, 1, 5, 9, [3], [6]),
]

# What conv1d of PyTorch 2.13.0 covers after F.pad, asked in the same way.
TORCH = [  # size, kernel, stride, dilation, pad: out, cells of the image under the first and under the last output
    (1, 1, 1, 1, (0, 0), 1, [0], [0]),
    (5, 1, 1, 1, (0, 0), 5, [0], [4]),
    (5, 5, 1, 1, (0, 0), 1, [0, 1, 2, 3, 4], [0, 1, 2, 3, 4]),
    (5, 5, 3, 1, (0, 0), 1, [0, 1, 2, 3, 4], [0, 1, 2, 3, 4]),
    (5, 3, 1, 1, (0, 0), 3, [0, 1, 2], [2, 3, 4]),
    (5, 3, 2, 1, (0, 0), 2, [0, 1, 2], [2, 3, 4]),
    (6, 3, 2, 1, (0, 0), 2, [0, 1, 2], [2, 3, 4]),
    (7, 3, 2, 1, (0, 0), 3, [0, 1, 2], [4, 5, 6]),
    (8, 3, 3, 1, (0, 0), 2, [0, 1, 2], [3, 4, 5]),
    (10, 2, 5, 1, (0, 0), 2, [0, 1], [5, 6]),
    (10, 1, 4, 1, (0, 0), 3, [0], [8]),
    (5, 2, 7, 1, (0, 0), 1, [0, 1], [0, 1]),
    (4, 2, 1, 1, (2, 2), 7, [], []),
    (4, 2, 2, 1, (2, 2), 4, [], []),
    (5, 3, 2, 1, (1, 1), 3, [0, 1], [3, 4]),
    (7, 3, 2, 1, (1, 1), 4, [0, 1], [5, 6]),
    (7, 5, 1, 1, (6, 6), 15, [], []),
    (1, 3, 1, 1, (1, 1), 1, [0], [0]),
    (1, 1, 1, 1, (3, 0), 4, [], [0]),
    (6, 4, 1, 1, (1, 2), 6, [0, 1, 2], [4, 5]),
    (6, 4, 2, 1, (2, 1), 3, [0, 1], [2, 3, 4, 5]),
    (6, 4, 3, 1, (0, 5), 3, [0, 1, 2, 3], []),
    (6, 4, 3, 1, (5, 0), 3, [], [1, 2, 3, 4]),
    (9, 3, 1, 2, (0, 0), 5, [0, 2, 4], [4, 6, 8]),
    (9, 3, 2, 2, (0, 0), 3, [0, 2, 4], [4, 6, 8]),
    (9, 3, 4, 3, (1, 2), 2, [2, 5], [3, 6]),
    (8, 2, 3, 5, (0, 3), 2, [0, 5], [3]),
    (5, 3, 1, 2, (0, 0), 1, [0, 2, 4], [0, 2, 4]),
    (7, 4, 2, 3, (4, 1), 2, [2, 5], [1, 4]),
    (3, 3, 2, 4, (3, 3), 1, [1], [1]),
    (12, 5, 3, 2, (2, 1), 3, [0, 2, 4, 6], [4, 6, 8, 10]),
    (20, 7, 4, 2, (3, 4), 4, [1, 3, 5, 7, 9], [9, 11, 13, 15, 17, 19]),
]

# "Kernel size can't be greater than actual input size", says PyTorch 2.13.0 of these.
TORCH_REFUSES = [(2, 3, 1, 1, (0, 0)), (2, 3, 2, 1, (0, 0)), (4, 3, 5, 2, (0, 0)), (2, 5, 4, 1, (1, 1)), (3, 2, 1, 4, (0, 1))]


class TestFrozenResultsOfOthers:
    @pytest.mark.parametrize(("size", "kernel", "stride", "dilation", "out", "first", "last"), KERAS_SAME)
    def test_same_agrees_with_keras(
        self, size: int, kernel: int, stride: int, dilation: int, out: int, first: list[int], last: list[int]
    ) -> None:
        axis = Axis.padded_by("same", size, kernel, stride=stride, dilation=dilation)
        assert (axis.out, image_cells(axis, 0), image_cells(axis, axis.out - 1)) == (out, first, last)

    @pytest.mark.parametrize(("size", "kernel", "stride", "dilation", "pad", "out", "first", "last"), TORCH)
    def test_explicit_padding_agrees_with_torch(
        self, size: int, kernel: int, stride: int, dilation: int, pad: Pads, out: int, first: list[int], last: list[int]
    ) -> None:
        axis = Axis(size, kernel, stride, dilation, pad)
        assert (axis.out, image_cells(axis, 0), image_cells(axis, axis.out - 1)) == (out, first, last)

    @pytest.mark.parametrize(("size", "kernel", "stride", "dilation", "pad"), TORCH_REFUSES)
    def test_what_torch_refuses_has_no_output(self, size: int, kernel: int, stride: int, dilation: int, pad: Pads) -> None:
        assert Axis(size, kernel, stride, dilation, pad).out == 0


class TestCeilMode:
    @given(axes)
    def test_windows_go_on_until_one_reaches_the_end_but_none_starts_behind_the_image(self, axis: Axis) -> None:
        starts = [0]
        while starts[-1] + axis.reach < axis.padded:
            starts.append(starts[-1] + axis.stride)
        if starts[-1] >= axis.pad[0] + axis.size:
            starts.pop()
        if axis.out and axis.pad[1] < axis.reach:  # what the door of pooling lets in
            up = axis.rounded_up()
            assert windows(up) == [[start + k * axis.dilation for k in range(axis.kernel)] for start in starts]
            assert (up.size, up.pad[0]) == (axis.size, axis.pad[0])

    @pytest.mark.parametrize(
        ("axis", "out"),  # F.max_pool1d(..., ceil_mode=True) of PyTorch 2.13.0
        [
            (Axis(5, 2, 2), 3),
            (Axis(6, 2, 2), 3),
            (Axis(4, 2, 3, pad=(1, 1)), 2),
            (Axis(2, 2, 3, pad=(1, 1)), 1),
            (Axis(3, 1, 4), 1),
            (Axis(7, 3, 2, 2, (1, 1)), 3),
            (Axis(10, 3, 4, pad=(1, 1)), 3),
            (Axis(5, 2, 6), 1),
        ],
    )
    def test_it_counts_as_torch_does(self, axis: Axis, out: int) -> None:
        assert axis.rounded_up().out == out


class TestCoveredCells:
    @given(axes, st.integers(0, 40), st.integers(0, 40))
    def test_the_cells_of_a_window_inside_a_run_are_counted(self, axis: Axis, start: int, length: int) -> None:
        run = range(start, start + length)
        assert [axis.covered(i, slice(start, start + length)) for i in range(axis.out)] == [
            sum(cell in run for cell in window) for window in counted(axis)
        ]

    def test_counting_takes_no_longer_for_a_larger_window(self) -> None:
        axis = Axis(10**30, 10**29, 3, 2, (10**10, 0))
        assert axis.covered(0, axis.interior) == 10**29 - 10**10 // 2


class TestBounded:
    @given(axes)
    def test_no_stride_or_dilation_is_longer_than_the_axis_and_the_windows_stay(self, axis: Axis) -> None:
        bounded = axis.bounded()
        assert max(bounded.stride, bounded.dilation) <= axis.padded
        assert (bounded.out, bounded.padded, windows(bounded)) == (axis.out, axis.padded, counted(axis)) or not axis.out

    @given(axes)
    def test_a_window_that_fits_keeps_its_cells_and_its_last_partial_window(self, axis: Axis) -> None:
        if axis.out and axis.pad[1] < axis.reach:
            assert windows(axis.bounded().rounded_up()) == windows(axis.rounded_up())

    @pytest.mark.parametrize("huge", [2**63, 10**30, 10**5000], ids=["2**63", "10**30", "10**5000"])
    def test_huge_strides_and_dilations_become_small(self, huge: int) -> None:
        assert Axis(5, 1, huge, huge).bounded() == Axis(5, 1, 5, 5)
        assert Window2d(Axis(5, 1, huge), Axis(4, 2, huge)).bounded() == Window2d(Axis(5, 1, 5), Axis(4, 2, 4))


class TestTransposedConvolution:
    @given(kernels, strides, dilations, pads, st.integers(1, 9), st.data())
    def test_explicit_padding_cuts_what_the_spread_windows_reach(
        self, kernel: int, stride: int, dilation: int, pad: Pads, out: int, data: st.DataObject
    ) -> None:
        extra = data.draw(st.none() | st.integers(0, stride - 1))
        reached = {i * stride + k * dilation for i in range(out) for k in range(kernel)}
        axis = Axis.transposed(pad, out, kernel, stride=stride, dilation=dilation, extra=extra)
        assert axis.size == max(reached) + 1 - sum(pad) + (extra or 0)
        assert axis.pad == pad
        assert axis == Axis.transposed(pad, out, kernel, stride=stride, dilation=dilation, extra=extra or 0)
        if axis.size > 0:
            assert len(counted(axis)) == out

    @given(kernels, strides, dilations, st.integers(1, 9), st.data())
    def test_keras_s_words_are_shapes_of_which_the_convolution_has_as_many_windows(
        self, kernel: int, stride: int, dilation: int, out: int, data: st.DataObject
    ) -> None:
        padding: Padding = data.draw(st.sampled_from(["same", "valid"]))
        extra = data.draw(st.none() | st.integers(0, stride - 1))
        axis = Axis.transposed(padding, out, kernel, stride=stride, dilation=dilation, extra=extra)
        if axis.size > 0:
            assert len(counted(axis)) == out
        if padding == "same" and extra is None:
            assert axis.size == out * stride
            assert axis == Axis.padded_by("same", axis.size, kernel, stride=stride, dilation=dilation)
        if padding == "valid":
            reached = {i * stride + k * dilation for i in range(out) for k in range(kernel)}
            assert axis.size == (max(*reached, out * stride - 1) + 1 if extra is None else max(reached) + 1 + extra)

    # Sizes that keras.ops.conv_transpose of Keras 3.15.1 gives, and how many cells it cuts off before them.
    @pytest.mark.parametrize(
        ("padding", "out", "kernel", "stride", "dilation", "extra", "size", "before"),
        [
            ("same", 3, 3, 2, 1, None, 6, 0),
            ("same", 3, 4, 2, 1, None, 6, 1),
            ("same", 2, 1, 3, 1, None, 6, 0),
            ("same", 4, 3, 1, 2, None, 4, 2),
            ("same", 3, 5, 2, 1, 0, 5, 2),
            ("same", 3, 5, 2, 1, 1, 6, 1),
            ("same", 3, 3, 2, 1, 1, 6, 0),
            ("same", 3, 3, 2, 1, 0, 5, 1),
            ("same", 2, 4, 3, 1, 2, 5, 1),
            ("same", 2, 1, 3, 1, 2, 6, 0),
            ("same", 3, 2, 1, 1, 0, 2, 1),
            ("valid", 3, 3, 2, 1, None, 7, 0),
            ("valid", 3, 2, 4, 1, None, 12, 0),
            ("valid", 3, 2, 4, 1, 0, 10, 0),
            ("valid", 3, 2, 4, 1, 3, 13, 0),
            ("valid", 2, 3, 1, 2, None, 6, 0),
            ("valid", 1, 5, 2, 1, 1, 6, 0),
        ],
    )
    def test_sizes_agree_with_keras(
        self, padding: Padding, out: int, kernel: int, stride: int, dilation: int, extra: int | None, size: int, before: int
    ) -> None:
        axis = Axis.transposed(padding, out, kernel, stride=stride, dilation=dilation, extra=extra)
        assert (axis.size, axis.pad[0]) == (size, before)


class TestHugeIntegers:
    @given(huge, huge, huge, huge, st.tuples(huge, huge))
    def test_the_last_window_fits_and_one_more_would_not(self, size: int, kernel: int, stride: int, dilation: int, pad: Pads) -> None:
        axis = Axis(size, kernel, stride, dilation, pad)
        last_cell = (kernel - 1) * dilation
        if axis.out:
            assert axis.window(axis.out - 1).stop - 1 == (axis.out - 1) * stride + last_cell < size + sum(pad)
        assert axis.out * stride + last_cell >= size + sum(pad)

    @given(st.integers(1, 10**6), kernels, strides, dilations, pads)
    def test_scaling_the_axis_scales_where_the_windows_lie(self, size: int, kernel: int, stride: int, dilation: int, pad: Pads) -> None:
        small, k = Axis(size, kernel, stride, dilation, pad), 10**30
        # Each cell becomes the first of k cells, and the last one has none after it: all distances grow k-fold.
        large = Axis(size * k - k + 1, kernel, stride * k, dilation * k, (pad[0] * k, pad[1] * k))
        assert large.out == small.out
        if small.out:
            assert large.window(small.out - 1).start == small.window(small.out - 1).start * k

    @given(huge, huge, huge, huge)
    def test_same_has_the_ceiling_of_size_by_stride_outputs(self, size: int, kernel: int, stride: int, dilation: int) -> None:
        out = Axis.padded_by("same", size, kernel, stride=stride, dilation=dilation).out
        assert out - 1 < Fraction(size, stride) <= out

    @pytest.mark.parametrize(
        ("axis", "out", "padded", "reach"),
        [
            (Axis(10**30, 3), 10**30 - 2, 10**30, 3),
            (Axis(10**30, 10**30), 1, 10**30, 10**30),
            (Axis(10**30, 10**30 + 1), 0, 10**30, 10**30 + 1),
            (Axis(1, 1, pad=(10**30, 10**30)), 2 * 10**30 + 1, 2 * 10**30 + 1, 1),
            (Axis(10**30, 2, 10**15, 10**29), 9 * 10**14, 10**30, 10**29 + 1),
            (Axis(10**30 + 1, 2, 10**15, 10**30), 1, 10**30 + 1, 10**30 + 1),
        ],
    )
    def test_nothing_is_rounded(self, axis: Axis, out: int, padded: int, reach: int) -> None:
        assert (axis.out, axis.padded, axis.reach) == (out, padded, reach)


class TestWindow2d:
    @given(axes, axes)
    def test_it_is_its_two_axes(self, height: Axis, width: Axis) -> None:
        window = Window2d(height, width)
        assert window.out == (height.out, width.out)
        assert window.kernel == (height.kernel, width.kernel)
        assert window.padded == (height.padded, width.padded)
        assert window.pad == (height.pad, width.pad)
        assert window.interior == (height.interior, width.interior)

    @given(axes, axes)
    def test_windows_are_walked_row_by_row(self, height: Axis, width: Axis) -> None:
        walked = [(h, w, cells_of(cells, height, width)) for h, w, cells in Window2d(height, width).windows()]
        rows, columns = counted(height), counted(width)
        assert walked == [(h, w, (row, column)) for h, row in enumerate(rows) for w, column in enumerate(columns)]

    @given(axes, axes)
    def test_taps_are_walked_row_by_row(self, height: Axis, width: Axis) -> None:
        walked = [(i, j, cells_of(cells, height, width)) for i, j, cells in Window2d(height, width).taps()]
        assert walked == [(i, j, (row, column)) for i, row in enumerate(taps(height)) for j, column in enumerate(taps(width))]

    @given(axes, axes)
    def test_one_window_and_one_tap_are_asked_for_by_their_place(self, height: Axis, width: Axis) -> None:
        window = Window2d(height, width)
        assert all(window.window(h, w) == cells for h, w, cells in window.windows())
        assert all(window.tap(i, j) == cells for i, j, cells in window.taps())

    @given(axes, axes)
    def test_windows_and_taps_visit_the_same_cells_equally_often(self, height: Axis, width: Axis) -> None:
        window = Window2d(height, width)
        assert visits(window, [cells for _, _, cells in window.windows()]) == visits(window, [cells for _, _, cells in window.taps()])

    def test_height_comes_before_width(self) -> None:
        window = Window2d(Axis(5, 3, 2, pad=(1, 0)), Axis(7, 2, 3, pad=(0, 2)))
        assert (window.out, window.kernel, window.padded) == ((2, 3), (3, 2), (6, 9))
        assert window.window(1, 2) == (slice(2, 5, 1), slice(6, 8, 1))


@pytest.mark.parametrize("padding", ["valid", "same", 1, (0, 2)])
def test_an_axis_is_a_value_that_cannot_be_changed(padding: Padding) -> None:
    axis = Axis.padded_by(padding, 6, 3)
    assert axis == Axis.padded_by(padding, 6, 3)
    assert hash(axis) == hash(Axis.padded_by(padding, 6, 3))
    with pytest.raises(FrozenInstanceError):
        axis.size = 7  # type: ignore[misc]


def cells_of(cells: tuple[slice, slice], height: Axis, width: Axis) -> tuple[list[int], list[int]]:
    return list(range(height.padded)[cells[0]]), list(range(width.padded)[cells[1]])


def visits(window: Window2d, visited: Sequence[tuple[slice, slice]]) -> dict[tuple[int, int], int]:
    counts: dict[tuple[int, int], int] = {}
    for cells in visited:
        rows, columns = cells_of(cells, window.height, window.width)
        for cell in ((row, column) for row in rows for column in columns):
            counts[cell] = counts.get(cell, 0) + 1
    return counts

"""Pruning and the efficiency of computing: what must hold, for each part."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.grading import expect, expect_number, part, show


def expect_whole(value, want, why):
    """A count is an int (one of numpy's is fine), and exact."""
    expect(
        isinstance(value, (int, np.integer)) and value == want,
        f"the integer {want}",
        why,
        f"{show(value)}, of type {type(value).__name__}",
    )


def widths():
    """Sizes of a value or an index in bits."""
    return st.one_of(st.sampled_from((1, 4, 8, 16, 32, 64)), st.integers(1, 70))


# --- conv2d_macs ---------------------------------------------------------------------------


def as_pair(size):
    return size if isinstance(size, tuple) else (size, size)


def macs_counted(in_channels, out_channels, kernel_size, output_size, groups):
    """The oracle: which input channels each output channel reads, one by one."""
    reads = sum(
        i * groups // in_channels == o * groups // out_channels
        for o in range(out_channels)
        for i in range(in_channels)
    )
    (kh, kw), (height, width) = as_pair(kernel_size), as_pair(output_size)
    return reads * kh * kw * height * width


def sizes(largest):
    """An integer, or a pair that is rarely square."""
    one = st.integers(1, largest)
    return st.one_of(one, st.tuples(one, one))


@st.composite
def grouped_convolutions(draw):
    groups = draw(st.sampled_from((2, 3, 4, 5)))
    return (
        groups * draw(st.integers(1, 4)),
        groups * draw(st.integers(1, 4)),
        draw(sizes(7)),
        draw(sizes(30)),
        groups,
    )


@part("conv2d_macs")
@given(
    in_channels=st.integers(1, 12),
    out_channels=st.integers(1, 12),
    kernel_size=sizes(7),
    output_size=sizes(30),
)
def test_counts_every_product_of_a_convolution(
    submission, in_channels, out_channels, kernel_size, output_size
):
    want = macs_counted(in_channels, out_channels, kernel_size, output_size, 1)
    expect_whole(
        submission.conv2d_macs(in_channels, out_channels, kernel_size, output_size),
        want,
        "every output value takes a MAC for each input channel and each place of the kernel; "
        "an integer k means k×k",
    )


@part("conv2d_macs")
@given(case=grouped_convolutions())
def test_counts_only_the_inputs_of_the_same_group(submission, case):
    expect_whole(
        submission.conv2d_macs(*case),
        macs_counted(*case),
        f"an output channel reads only the inputs of its group: {case[0] // case[4]} of {case[0]}",
    )


@part("conv2d_macs")
@given(
    channels=st.integers(1, 16),
    multiplier=st.integers(1, 3),
    kernel_size=sizes(5),
    output_size=sizes(20),
)
def test_counts_a_depthwise_convolution(submission, channels, multiplier, kernel_size, output_size):
    (kh, kw), (height, width) = as_pair(kernel_size), as_pair(output_size)
    expect_whole(
        submission.conv2d_macs(
            channels, channels * multiplier, kernel_size, output_size, groups=channels
        ),
        channels * multiplier * kh * kw * height * width,
        "with as many groups as input channels, each output channel reads one input channel",
    )


@part("conv2d_macs")
def test_counts_a_large_layer_exactly(submission):
    expect_whole(
        submission.conv2d_macs(2047, 4093, (7, 3), (513, 257)),
        2047 * 4093 * 7 * 3 * 513 * 257,
        "the count is exact, also beyond 32 bits",
    )


# --- storage_bits --------------------------------------------------------------------------

COUNTS = {
    "dense": "rows·cols values, zeros among them, and nothing else",
    "bitmask": "one bit an entry, not rounded up to bytes, and a value for each non-zero",
    "coo": "for each non-zero a value and two indices",
    "csr": "for each non-zero a value and one index, and rows + 1 pointers",
    "2:4": "for each kept value the value and two bits",
}


def bits_counted(shape, nnz, layout, value_bits, index_bits):
    """The oracle: the fields that the layout writes, one after the other."""
    rows, cols = shape
    value, index, bit = [value_bits], [index_bits], [1]
    fields = {
        "dense": value * (rows * cols),
        "bitmask": bit * (rows * cols) + value * nnz,
        "coo": (index + index + value) * nnz,
        "csr": index * rows + index + (index + value) * nnz,
        "2:4": (bit + bit + value) * nnz,
    }
    return sum(fields[layout])


@st.composite
def matrices(draw, half=False):
    """(shape, nnz, value_bits, index_bits); with `half`, what 2:4 asks for."""
    rows = draw(st.integers(1, 12))
    cols = draw(st.integers(1, 4)) * 4 if half else draw(st.integers(1, 12))
    count = rows * cols
    nnz = count // 2 if half else draw(st.one_of(st.integers(0, count), st.just(count)))
    return (rows, cols), nnz, draw(widths()), draw(widths())


def check_storage(submission, case, layout):
    shape, nnz, value_bits, index_bits = case
    expect_whole(
        submission.storage_bits(shape, nnz, layout, value_bits, index_bits),
        bits_counted(shape, nnz, layout, value_bits, index_bits),
        f"{layout} stores {COUNTS[layout]}",
    )


@part("storage_bits")
@given(case=matrices())
def test_dense_stores_every_entry(submission, case):
    check_storage(submission, case, "dense")


@part("storage_bits")
@given(case=matrices())
def test_bitmask_stores_a_bit_for_each_entry_and_the_values(submission, case):
    check_storage(submission, case, "bitmask")


@part("storage_bits")
@given(case=matrices())
def test_coo_stores_two_indices_for_each_value(submission, case):
    check_storage(submission, case, "coo")


@part("storage_bits")
@given(case=matrices())
def test_csr_stores_an_index_for_each_value_and_one_pointer_more_than_rows(submission, case):
    check_storage(submission, case, "csr")


@part("storage_bits")
@given(case=matrices(half=True))
def test_two_of_four_stores_two_bits_for_each_kept_value(submission, case):
    check_storage(submission, case, "2:4")


@part("storage_bits")
@pytest.mark.parametrize("layout", list(COUNTS))
def test_takes_32_bits_for_values_and_indices_unless_told(submission, layout):
    expect_whole(
        submission.storage_bits((5, 12), 30, layout),
        bits_counted((5, 12), 30, layout, 32, 32),
        f"values and indices have 32 bits unless told; {layout} stores {COUNTS[layout]}",
    )


@part("storage_bits")
def test_storage_bits_is_exact_for_a_large_matrix(submission):
    expect_whole(
        submission.storage_bits((60_001, 49_999), 7, "dense", value_bits=16),
        60_001 * 49_999 * 16,
        "the count is exact, also beyond 32 bits",
    )


# --- break_even_nnz ------------------------------------------------------------------------

SPARSE = ("bitmask", "coo", "csr")


def most_that_fits(shape, layout, value_bits, index_bits):
    """The oracle: every number of non-zeros is tried."""
    rows, cols = shape
    dense = bits_counted(shape, 0, "dense", value_bits, index_bits)
    empty = bits_counted(shape, 0, layout, value_bits, index_bits)
    each = bits_counted(shape, 1, layout, value_bits, index_bits) - empty
    return max((n for n in range(rows * cols + 1) if empty + n * each <= dense), default=-1)


def check_break_even(submission, shape, layout, *bits):
    want = most_that_fits(shape, layout, *(bits or (32, 32)))
    if want < 0:
        why = "even without any non-zero the layout takes more bits than dense"
    else:
        why = (
            f"with {want} non-zeros {layout} takes no more bits than dense, with one more it does "
            f"({layout}: {COUNTS[layout]})"
        )
    expect_whole(submission.break_even_nnz(shape, layout, *bits), want, why)


def shapes():
    return st.tuples(st.integers(1, 12), st.integers(1, 12))


@part("break_even_nnz")
@given(shape=shapes(), value_bits=widths(), index_bits=widths())
def test_bitmask_breaks_even_where_the_last_non_zero_fits(
    submission, shape, value_bits, index_bits
):
    check_break_even(submission, shape, "bitmask", value_bits, index_bits)


@part("break_even_nnz")
@given(shape=shapes(), value_bits=widths(), index_bits=widths())
def test_coo_breaks_even_where_the_last_non_zero_fits(submission, shape, value_bits, index_bits):
    check_break_even(submission, shape, "coo", value_bits, index_bits)


@part("break_even_nnz")
@given(shape=shapes(), value_bits=widths(), index_bits=widths())
def test_csr_breaks_even_where_the_last_non_zero_fits(submission, shape, value_bits, index_bits):
    check_break_even(submission, shape, "csr", value_bits, index_bits)


@part("break_even_nnz")
@pytest.mark.parametrize(
    "shape, layout, value_bits, index_bits",
    [
        ((2, 4), "coo", 32, 16),
        ((6, 4), "coo", 16, 16),
        ((4, 4), "bitmask", 2, 8),
        ((8, 4), "bitmask", 4, 8),
        ((1, 2), "csr", 32, 32),
        ((3, 8), "csr", 16, 16),
        ((1, 8), "csr", 8, 32),
    ],
)
def test_counts_a_layout_of_the_same_size_as_no_larger(
    submission, shape, layout, value_bits, index_bits
):
    check_break_even(submission, shape, layout, value_bits, index_bits)


@part("break_even_nnz")
@given(rows=st.integers(1, 12), value_bits=st.integers(1, 40), more=st.integers(1, 8))
def test_is_minus_one_where_the_pointers_alone_are_too_much(submission, rows, value_bits, more):
    # One column, and an index larger than a value: by how much it fails to fit varies.
    check_break_even(submission, (rows, 1), "csr", value_bits, value_bits + more)


@part("break_even_nnz")
@pytest.mark.parametrize("layout", SPARSE)
@given(shape=shapes())
def test_break_even_takes_32_bits_for_values_and_indices_unless_told(submission, layout, shape):
    check_break_even(submission, shape, layout)


@part("break_even_nnz")
@pytest.mark.parametrize("layout", SPARSE)
def test_breaks_even_in_a_larger_matrix(submission, layout):
    check_break_even(submission, (96, 131), layout, 16, 24)


# --- roofline_seconds ----------------------------------------------------------------------


def amounts(low, high):
    """Round numbers over many orders of magnitude, as floats and as integers."""
    return st.builds(
        lambda digit, power, kind: kind(digit * 10**power),
        st.integers(1, 9),
        st.integers(low, high),
        st.sampled_from((float, int)),
    )


@part("roofline_seconds")
@given(
    flops=amounts(3, 9),
    bytes_moved=amounts(3, 9),
    peak_flops=amounts(9, 12),
    bandwidth=amounts(9, 12),
)
def test_takes_as_long_as_the_slower_of_arithmetic_and_memory(
    submission, flops, bytes_moved, peak_flops, bandwidth
):
    arithmetic, traffic = flops / peak_flops, bytes_moved / bandwidth
    want = traffic if traffic > arithmetic else arithmetic
    expect_number(
        submission.roofline_seconds(flops, bytes_moved, peak_flops, bandwidth),
        want,
        f"arithmetic takes {arithmetic:.3g} s and memory traffic {traffic:.3g} s; they overlap, "
        "and the slower one decides",
        rtol=1e-9,
    )


@part("roofline_seconds")
@given(seconds=amounts(0, 3), peak_flops=amounts(2, 6), bandwidth=amounts(2, 6))
def test_takes_the_common_time_where_both_are_equally_slow(
    submission, seconds, peak_flops, bandwidth
):
    expect_number(
        submission.roofline_seconds(
            seconds * peak_flops, seconds * bandwidth, peak_flops, bandwidth
        ),
        seconds,
        f"arithmetic and memory traffic both take {seconds} s, at the same time",
        rtol=1e-9,
    )


@part("roofline_seconds")
@given(amount=amounts(3, 9), peak_flops=amounts(9, 12), bandwidth=amounts(9, 12))
@pytest.mark.parametrize("zero", ["flops", "bytes_moved"])
def test_takes_the_other_time_where_one_amount_is_zero(
    submission, zero, amount, peak_flops, bandwidth
):
    flops, bytes_moved = (0, amount) if zero == "flops" else (amount, 0)
    expect_number(
        submission.roofline_seconds(flops, bytes_moved, peak_flops, bandwidth),
        max(flops / peak_flops, bytes_moved / bandwidth),
        "a copy has no operations, and what is in the cache moves no bytes: the other one decides",
        rtol=1e-9,
    )


@part("roofline_seconds")
@pytest.mark.parametrize(
    "flops, bytes_moved, peak_flops, bandwidth",
    [(0.25, 0.5, 0.5, 0.125), (0.5, 0.125, 0.25, 0.5)],
)
def test_takes_amounts_and_rates_below_one_whatever_their_unit(
    submission, flops, bytes_moved, peak_flops, bandwidth
):
    expect_number(
        submission.roofline_seconds(flops, bytes_moved, peak_flops, bandwidth),
        max(flops / peak_flops, bytes_moved / bandwidth),
        "in other units (TFLOPs, GB) the numbers are small, and the seconds are the same",
    )

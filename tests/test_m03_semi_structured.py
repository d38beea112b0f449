"""2:4 sparsity: what must hold, for each part."""

from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.grading import expect, expect_number, expect_refusal, part, show
from tests.strategies.tokens import dtypes, expect_tensor, laid_out, layouts, normal, seeds

PAIRS = list(combinations(range(4), 2))

HARD = (
    (4, 145), (4, 291), (5, 102), (5, 194), (4, 679), (5, 234), (4, 1285), (5, 294), (5, 414),
    (4, 1595), (5, 436), (4, 1672), (5, 489), (5, 540), (4, 2100), (5, 1967),
)  # fmt: skip
"""Rows and seeds of matrices that no sort by size and no greedy exchange of columns solves."""

UNEVEN = (18, 30, 38, 65, 77, 83, 92, 146, 159, 161, 164, 173)
"""Seeds of matrices with rows of different sizes, for which squares ask for another grouping."""


# --- what is drawn -------------------------------------------------------------------------


@st.composite
def sparse_weights(draw, most=(2, 2, 2, 1, 0)):
    """Weights with at most two non-zeros in each run, in every pair of places."""
    out, runs, seed = draw(st.integers(1, 3)), draw(st.integers(1, 4)), draw(seeds)
    dtype, layout = draw(dtypes), draw(layouts)
    generator = torch.Generator().manual_seed(seed)
    kept = torch.tensor(PAIRS)[torch.randint(0, 6, (out, runs), generator=generator)]
    counts = torch.tensor(most)[torch.randint(0, len(most), (out, runs), generator=generator)]
    values = normal((out, runs, 2), seed + 1)
    values[..., 1][counts < 2] = 0.0
    values[..., 0][counts < 1] = draw(st.sampled_from((0.0, -0.0)))
    weight = torch.zeros(out, runs, 4, dtype=torch.float64).scatter(2, kept, values)
    return laid_out(weight.reshape(out, -1).to(dtype), layout)


@st.composite
def stored(draw, runs=None):
    """Values and their places, as a compressed matrix has them."""
    out, seed, layout = draw(st.integers(1, 3)), draw(seeds), draw(layouts)
    runs = draw(st.sampled_from((1, 2, 3, 4) if runs is None else runs))
    generator = torch.Generator().manual_seed(seed)
    places = torch.tensor(PAIRS)[torch.randint(0, 6, (out, runs), generator=generator)]
    values = normal((out, 2 * runs), seed + 1, draw(dtypes))
    values[torch.rand(values.shape, generator=generator) < 0.15] = 0.0
    return laid_out(values, layout), laid_out(places.reshape(out, -1), layout)


# --- compress ------------------------------------------------------------------------------


def check_stored(submission, weight):
    result = submission.compress(weight)
    expect(
        isinstance(result, (tuple, list)) and len(result) == 2,
        "a pair (values, indices)",
        "compress returns both",
    )
    values, indices = result
    out, columns = weight.shape
    expect_tensor(values, (out, columns // 2), weight.dtype, (weight,))
    expect_tensor(indices, (out, columns // 2), torch.int64, (weight,))
    for row in range(out):
        for run in range(columns // 4):
            numbers = weight[row, 4 * run : 4 * run + 4].tolist()
            mine = values[row, 2 * run : 2 * run + 2].tolist()
            places = indices[row, 2 * run : 2 * run + 2].tolist()
            got = f"values {mine} with indices {places}"
            where = f"for run {run} of row {row}, {numbers},"
            expect(
                0 <= places[0] < places[1] <= 3,
                f"{where} two different indices from 0 to 3, ascending",
                "each stored value has a place of its own in its run",
                got,
            )
            back = [0.0] * 4
            for place, number in zip(places, mine):
                back[place] = number
            expect(
                back == numbers,
                f"{where} its non-zeros and their places",
                f"put back, what was stored gives {back}",
                got,
            )


@part("compress")
@given(weight=sparse_weights())
def test_stores_every_non_zero_and_its_place(submission, weight):
    check_stored(submission, weight)


@part("compress")
@given(weight=sparse_weights(most=(1, 0, 2)))
def test_fills_up_with_zeros_where_a_run_has_fewer_than_two(submission, weight):
    check_stored(submission, weight)


@part("compress")
@pytest.mark.parametrize("places", PAIRS)
@pytest.mark.parametrize("numbers", [(1.5, -2.5), (-0.5, 3.0), (0.0, 2.0)])
def test_stores_any_two_places_of_a_run(submission, places, numbers):
    weight = torch.zeros(2, 8)
    for place, number in zip(places, numbers):
        weight[0, place] = weight[1, 4 + place] = number
    check_stored(submission, weight)


@st.composite
def too_dense(draw):
    weight = draw(sparse_weights(most=(2, 1)))
    weight = weight.clone()
    row, run = draw(st.integers(0, 2)) % len(weight), draw(st.integers(0, 3))
    start = 4 * (run % (weight.shape[1] // 4))
    tiny = draw(st.sampled_from((1.0, -1.0, 1e-20)))
    filled = draw(st.sampled_from(((0, 1, 2), (1, 2, 3), (0, 1, 3), (0, 1, 2, 3))))
    weight[row, start : start + 4] = 0.0
    for i, place in enumerate(filled):
        weight[row, start + place] = tiny * (i + 1)
    return weight, row, start, len(filled)


@part("compress")
@given(case=too_dense())
def test_refuses_a_run_with_more_than_two_non_zeros(submission, case):
    weight, row, start, count = case
    expect_refusal(
        f"columns {start} to {start + 3} of row {row} hold {count} non-zeros, and two can be "
        "stored: the rest would be lost in silence",
        submission.compress,
        weight,
    )


# --- decompress ----------------------------------------------------------------------------


def dense(values, indices):
    """The oracle: entry by entry."""
    out, half = values.shape
    weight = torch.zeros(out, 2 * half, dtype=values.dtype)
    for row in range(out):
        for i in range(half):
            weight[row, 4 * (i // 2) + int(indices[row, i])] = values[row, i]
    return weight


def check_dense(submission, values, indices, why):
    weight = submission.decompress(values, indices)
    want = dense(values, indices)
    expect_tensor(weight, want.shape, values.dtype, (values, indices))
    expect(torch.equal(weight.detach(), want), show(want), why, show(weight))


@part("decompress")
@given(case=stored())
def test_puts_every_value_in_its_place(submission, case):
    check_dense(
        submission,
        *case,
        "values 2r and 2r + 1 of a row belong to run r, columns 4r to 4r + 3, at their indices",
    )


@part("decompress")
@pytest.mark.parametrize("places", PAIRS)
def test_knows_every_pair_of_places(submission, places):
    values = torch.tensor([[1.5, -2.0, 3.0, 4.0], [5.0, 6.0, 0.0, 7.0]])
    indices = torch.tensor([[*places, 0, 3], [1, 2, *places]])
    check_dense(submission, values, indices, "what is not stored is 0")


# --- pack_indices --------------------------------------------------------------------------


@part("pack_indices")
@given(case=stored(runs=(2, 4, 6)))
def test_packs_four_indices_to_a_byte_the_first_lowest(submission, case):
    _, indices = case
    packed = submission.pack_indices(indices)
    want = []
    for row in indices.tolist():
        fours = [row[i : i + 4] for i in range(0, len(row), 4)]
        want.append([int("".join(f"{i:02b}" for i in reversed(four)), 2) for four in fours])
    want = torch.tensor(want, dtype=torch.uint8)
    expect_tensor(packed, want.shape, torch.uint8, (indices,))
    expect(
        torch.equal(packed, want),
        show(want),
        "two bits an index; of four neighbours the first is in the lowest two bits of the byte, "
        f"as 0b{int(want[0, 0]):08b} for {indices[0, :4].tolist()}",
        show(packed),
    )


# --- retained ------------------------------------------------------------------------------


def kept_magnitude(weight, order):
    """The oracle: sort each run of each row, in float64."""
    array = np.abs(weight.double().numpy()[:, list(order)]).reshape(-1, 4)
    return float(np.sort(array, axis=1)[:, 2:].sum())


def check_retained(submission, weight, permutation, why):
    want = kept_magnitude(weight, permutation.tolist())
    rtol = 1e-5 if weight.dtype == torch.float32 else 1e-9
    expect_number(submission.retained(weight, permutation), want, why, rtol)


@st.composite
def permuted(draw, widths=(4, 8, 8, 12)):
    out, columns, seed = draw(st.integers(1, 4)), draw(st.sampled_from(widths)), draw(seeds)
    generator = torch.Generator().manual_seed(seed)
    weight = laid_out(normal((out, columns), seed + 1, draw(dtypes)), draw(layouts))
    return weight, torch.randperm(columns, generator=generator)


@part("retained")
@given(case=permuted())
def test_sums_the_two_largest_magnitudes_of_each_run_in_the_new_order(submission, case):
    weight, permutation = case
    check_retained(
        submission,
        weight,
        permutation,
        "with the columns in the order weight[:, permutation], each run of each row keeps its two "
        "largest magnitudes",
    )


@part("retained")
@given(case=permuted(widths=(8, 12, 4)))
def test_needs_no_permutation_to_be_right(submission, case):
    weight, _ = case
    check_retained(
        submission,
        weight,
        torch.arange(weight.shape[1]),
        "with the columns as they are, each run of each row keeps its two largest magnitudes",
    )


@part("retained")
@given(turn=st.integers(1, 7), seed=seeds, dtype=dtypes)
def test_column_i_of_the_new_order_is_column_permutation_i_of_the_old(
    submission, turn, seed, dtype
):
    weight = normal((1, 8), seed, dtype)
    weight[0, :4] *= 10
    permutation = (torch.arange(8) * 3 + turn) % 8
    permutation[:3] = permutation[:3].roll(1)  # a permutation that is not its own inverse
    check_retained(submission, weight, permutation, "column i of the new order is permutation[i]")


# --- best_permutation ----------------------------------------------------------------------


def check_order(submission, weight):
    result = submission.best_permutation(weight)
    expect_tensor(result, (8,), torch.int64, (weight,))
    order = result.tolist()
    expect(
        sorted(order) == list(range(8)),
        "each of the columns 0 to 7 once",
        "it is a permutation of the eight inputs",
    )
    groups = [(0, *rest) for rest in combinations(range(1, 8), 3)]
    best = max(
        ((*group, *(j for j in range(8) if j not in group)) for group in groups),
        key=lambda one: kept_magnitude(weight, one),
    )
    most, mine = kept_magnitude(weight, best), kept_magnitude(weight, order)
    slack = 1e-5 if weight.dtype == torch.float32 else 1e-9
    expect(
        mine >= most * (1 - slack),
        f"an order that retains {most:.6g}, such as {list(best)}",
        "all 35 groupings of eight columns into two runs were tried",
        f"{order}, which retains {mine:.6g}",
    )


@part("best_permutation")
@settings(max_examples=8)
@given(case=st.sampled_from(HARD), dtype=dtypes, layout=layouts)
def test_no_grouping_of_the_columns_retains_more(submission, case, dtype, layout):
    rows, seed = case
    check_order(submission, laid_out(normal((rows, 8), seed, dtype), layout))


@part("best_permutation")
@settings(max_examples=6)
@given(rows=st.integers(1, 5), seed=seeds, dtype=dtypes)
def test_is_best_for_any_number_of_rows(submission, rows, seed, dtype):
    check_order(submission, normal((rows, 8), seed, dtype))


@part("best_permutation")
@settings(max_examples=6)
@given(seed=st.sampled_from(UNEVEN), dtype=dtypes)
def test_adds_magnitudes_over_rows_of_different_sizes(submission, seed, dtype):
    sizes = torch.arange(1.0, 8.0, dtype=torch.float64)[:, None] ** 2
    check_order(submission, (normal((7, 8), seed) * sizes).to(dtype))


@part("best_permutation")
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_any_order_is_right_where_all_weights_are_equal(submission, value):
    check_order(submission, torch.full((2, 8), value))

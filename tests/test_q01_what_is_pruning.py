"""What pruning is: what must hold, for each part."""

import math

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.grading import expect, expect_number, part, show
from tests.strategies.vectors import arrays, masks

SHAPES = ((1,), (5,), (7,), (12,), (2, 3), (3, 1), (1, 4), (4, 2), (2, 2, 3), (2, 1, 3, 2))
SMALL = {
    "float64": (1e-9, -1e-12, 1e-30, -1e-200, 5e-324),
    "float32": (1e-9, -1e-12, 1e-30, 1e-45),
}
"""Numbers that are not zero, down to the smallest that there is."""


@st.composite
def sparse_arrays(draw, shape=None):
    """Arrays in which zeros of both signs are common, and numbers that only look like zero."""
    shape = shape or draw(st.sampled_from(SHAPES))
    array = draw(arrays(shape))
    style = draw(st.sampled_from(("as drawn", "masked", "masked", "tiny")))
    if style != "as drawn":
        array = array * draw(masks(shape))  # leaves -0.0 where a negative weight goes
    if style == "tiny":
        array[draw(masks(shape))] = draw(st.sampled_from(SMALL[array.dtype.name]))
    return array


@st.composite
def small_numbers(draw):
    """Zeros of both signs, and in every second array numbers that are all but zero."""
    shape, dtype = draw(st.sampled_from(SHAPES)), draw(st.sampled_from(sorted(SMALL)))
    array = np.full(shape, draw(st.sampled_from(SMALL[dtype])), dtype)
    array[draw(masks(shape))] = draw(st.sampled_from((0.0, -0.0)))
    return array


def zeros_of(array):
    """The oracle: a plain count."""
    return sum(1 for value in array.ravel().tolist() if value == 0.0)


# --- sparsity ------------------------------------------------------------------------------


@part("sparsity")
@given(weights=sparse_arrays())
def test_is_the_share_of_exact_zeros(submission, weights):
    zeros, size = zeros_of(weights), weights.size
    expect_number(
        submission.sparsity(weights),
        zeros / size,
        f"{zeros} of the {size} entries are equal to 0 (-0.0 is, however small a number is not)",
        atol=1e-7,
    )


@part("sparsity")
@given(weights=small_numbers())
def test_counts_no_number_as_zero_however_small(submission, weights):
    zeros, size = zeros_of(weights), weights.size
    expect_number(
        submission.sparsity(weights),
        zeros / size,
        f"{zeros} of the {size} entries are equal to 0; the others are small, and weights",
        atol=1e-7,
    )


@part("sparsity")
@given(shape=st.sampled_from(SHAPES), zero=st.sampled_from((0.0, -0.0, 1.0, -0.5)))
def test_is_one_when_all_is_zero_and_zero_when_nothing_is(submission, shape, zero):
    weights = np.full(shape, zero)
    want = 1.0 if zero == 0.0 else 0.0
    expect_number(submission.sparsity(weights), want, "every entry is the same", atol=1e-9)


@part("sparsity")
@given(left=st.integers(1, 9))
def test_is_not_rounded(submission, left):
    weights = np.zeros((1000, 3))
    weights[:left, 1] = -1.0
    expect_number(
        submission.sparsity(weights),
        (3000 - left) / 3000,
        f"{3000 - left} of 3000 entries are zero; the share is not rounded",
        rtol=1.2e-7,
    )


# --- compression_ratio ---------------------------------------------------------------------


def check_ratio(value, weights):
    """Entries over non-zeros, or infinity; the tolerance is that of a float32."""
    left, size = weights.size - zeros_of(weights), weights.size
    if left == 0:
        why = "no entry is left, and any number divided by 0 entries exceeds all bounds"
        expect_number(value, math.inf, why)
    else:
        why = f"{size} entries, of which {left} are not zero: {size} / {left}"
        expect_number(value, size / left, why, rtol=1.2e-7)


@part("compression_ratio")
@given(weights=sparse_arrays())
def test_is_entries_divided_by_non_zeros(submission, weights):
    assume(zeros_of(weights) < weights.size)
    check_ratio(submission.compression_ratio(weights), weights)


@part("compression_ratio")
@given(weights=small_numbers())
def test_ratio_counts_no_number_as_zero_however_small(submission, weights):
    check_ratio(submission.compression_ratio(weights), weights)


@part("compression_ratio")
@given(
    shape=st.sampled_from(SHAPES),
    zero=st.sampled_from((0.0, -0.0)),
    dtype=st.sampled_from(("float64", "float32")),
)
def test_is_infinite_when_no_weight_is_left(submission, shape, zero, dtype):
    weights = np.full(shape, zero, dtype=dtype)
    check_ratio(submission.compression_ratio(weights), weights)


@part("compression_ratio")
@given(left=st.integers(1, 9))
def test_ratio_is_not_rounded(submission, left):
    weights = np.zeros((1000, 3))
    weights[:left, 1] = -1.0
    check_ratio(submission.compression_ratio(weights), weights)


# --- is_pruning_of -------------------------------------------------------------------------


def check_verdict(verdict, want, why):
    if isinstance(verdict, np.ndarray) and verdict.ndim == 0:
        verdict = verdict.item()
    expect(isinstance(verdict, (bool, np.bool_)), f"{want}, a bool", why, show(verdict))
    expect(bool(verdict) == want, f"{want}", why, show(verdict))


@st.composite
def prunings(draw):
    """An array, and a copy of it in which some entries are zero, of either sign."""
    original = draw(sparse_arrays())
    keep = draw(masks(original.shape))
    zero = draw(st.sampled_from((0.0, 0.0, -0.0)))
    pruned = original * keep if draw(st.booleans()) else np.where(keep, original, zero)
    return pruned.astype(original.dtype), original


def _place(draw, candidates):
    assume(candidates.any())
    places = np.argwhere(candidates)
    return tuple(places[draw(st.integers(0, len(places) - 1))])


@part("is_pruning_of")
@given(original=sparse_arrays())
def test_accepts_an_array_from_which_nothing_went(submission, original):
    assume(original.any())
    check_verdict(
        submission.is_pruning_of(original.copy(), original),
        True,
        "every entry is untouched; none of them need be zero",
    )


@part("is_pruning_of")
@given(original=sparse_arrays(), zero=st.sampled_from((0.0, -0.0)))
def test_accepts_an_array_of_which_nothing_is_left(submission, original, zero):
    assume(original.any())
    check_verdict(
        submission.is_pruning_of(np.full_like(original, zero), original),
        True,
        "every entry is zero; all of them may be",
    )


@part("is_pruning_of")
@given(pair=prunings())
def test_accepts_an_array_with_any_entries_set_to_zero(submission, pair):
    pruned, original = pair
    check_verdict(
        submission.is_pruning_of(pruned, original),
        True,
        "every entry is untouched or zero; -0.0 is zero",
    )


CHANGES = {
    "halved": lambda w: w * w.dtype.type(0.5),
    "doubled": lambda w: w * w.dtype.type(2),
    "negated": lambda w: -w,
}
SMALL_CHANGES = {
    "moved by the last bit": lambda w: np.nextafter(w, w.dtype.type(0)),
    "moved up a little": lambda w: w * w.dtype.type(1 + 2.0**-20),
    "moved down a little": lambda w: w * w.dtype.type(1 - 2.0**-20),
}
TO_NEARLY_ZERO = {
    "divided by 10⁹": lambda w: w * w.dtype.type(2.0**-30),
    "shrunk to the smallest number above 0": lambda w: np.nextafter(w.dtype.type(0), w),
}


def check_changed(submission, data, changes):
    """One weight of a pruning is neither untouched nor zero; the others are as they may be."""
    pruned, original = data.draw(prunings())
    place = _place(data.draw, np.abs(original) > 2.0**-16)
    change = data.draw(st.sampled_from(sorted(changes)))
    pruned[place] = changes[change](original[place])
    check_verdict(
        submission.is_pruning_of(pruned, original),
        False,
        f"at {[int(i) for i in place]} the weight was {change}: neither untouched nor removed",
    )


@part("is_pruning_of")
@given(data=st.data())
def test_rejects_a_weight_of_another_size_or_sign(submission, data):
    check_changed(submission, data, CHANGES)


@part("is_pruning_of")
@given(data=st.data())
def test_rejects_a_weight_that_moved_by_very_little(submission, data):
    check_changed(submission, data, SMALL_CHANGES)


@part("is_pruning_of")
@given(data=st.data())
def test_rejects_a_weight_that_shrank_to_nearly_zero(submission, data):
    check_changed(submission, data, TO_NEARLY_ZERO)


@part("is_pruning_of")
@given(pair=prunings(), value=st.sampled_from((1.0, -1.0, 2.0**-20, 1e-45)), data=st.data())
def test_rejects_a_weight_where_the_original_has_none(submission, pair, value, data):
    pruned, original = pair
    place = _place(data.draw, original == 0)
    pruned[place] = value
    check_verdict(
        submission.is_pruning_of(pruned, original),
        False,
        f"at {[int(i) for i in place]} the original is 0: pruning adds no weight",
    )


@part("is_pruning_of")
@given(pair=prunings(), data=st.data())
def test_rejects_a_weight_that_moved_to_another_place(submission, pair, data):
    pruned, original = pair
    pruned = original.copy() if data.draw(st.booleans()) else pruned
    place = _place(data.draw, original != 0)
    other = _place(data.draw, original != original[place])
    pruned[other] = original[place]
    check_verdict(
        submission.is_pruning_of(pruned, original),
        False,
        f"the weight at {[int(i) for i in other]} is that of another place",
    )


@part("is_pruning_of")
@given(pair=prunings(), data=st.data())
def test_answers_false_when_the_roles_are_swapped(submission, pair, data):
    pruned, original = pair
    place = _place(data.draw, original != 0)
    pruned[place] = 0.0
    check_verdict(
        submission.is_pruning_of(original, pruned),
        False,
        f"at {[int(i) for i in place]} the first array, `pruned`, has a weight that `original` "
        "has not",
    )


RESHAPES = (
    ((3,), (2, 3)),
    ((2, 3), (3, 2)),
    ((2, 3), (6,)),
    ((6,), (2, 3)),
    ((5,), (1, 5)),
    ((1, 5), (5,)),
    ((4,), (1,)),
    ((1,), (4,)),
    ((2, 3), (3,)),
    ((3, 1), (1, 3)),
    ((4,), (3,)),
    ((3,), (4,)),
    ((2, 2, 3), (2, 3)),
    ((2, 1, 3), (2, 2, 3)),
)


@part("is_pruning_of")
@given(
    shapes=st.sampled_from(RESHAPES),
    value=st.sampled_from((1.0, -0.5)),
    zeros=st.sampled_from(("none", "all", "the first")),
    dtype=st.sampled_from(("float64", "float32")),
)
def test_answers_false_for_another_shape(submission, shapes, value, zeros, dtype):
    pruned, original = np.full(shapes[0], value, dtype), np.full(shapes[1], value, dtype)
    if zeros == "all":
        pruned[...] = 0.0
    elif zeros == "the first":
        pruned.flat[0] = 0.0
    check_verdict(
        submission.is_pruning_of(pruned, original),
        False,
        f"the shapes {shapes[0]} and {shapes[1]} differ: that is no pruning, and no error",
    )

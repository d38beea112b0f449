"""Magnitude pruning of a weight vector: what must hold, for each part."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.grading import (
    expect,
    expect_close,
    expect_error,
    expect_mask,
    expect_same_dtype,
    expect_shape,
    part,
    show,
)
from tests.strategies.vectors import masks, sparsities, vectors

few = settings(max_examples=20)  # for what the other parts are tried at in breadth
WEIGHTS = np.array([0.5, -2.0, 0.25, 1.0])
BAD_SPARSITIES = [-0.1, 1.5, float("nan"), float("inf"), float("-inf")]
WRONG_TYPES = [None, "0.5"]
BAD_WEIGHTS = {
    "empty": np.array([]),
    "with a NaN": np.array([1.0, np.nan]),
    "with an infinity": np.array([1.0, np.inf]),
    "with a negative infinity": np.array([-np.inf, 1.0]),
}
bad_weights = pytest.mark.parametrize("case", list(BAD_WEIGHTS))
bad_sparsities = pytest.mark.parametrize("sparsity", BAD_SPARSITIES)
wrong_types = pytest.mark.parametrize("value", WRONG_TYPES)


def check_counts(mask, sparsity):
    gone, due = np.count_nonzero(~mask), round(float(sparsity) * mask.size)
    expect(
        gone == due,
        f"exactly {due} removed",
        f"round({sparsity} * {mask.size}) = {due}; ties and halves included",
        f"{gone} removed: {show(mask)}",
    )


def check_order(weights, kept, removed):
    """No kept weight may be smaller in magnitude than a removed one."""
    size = np.abs(weights)
    if kept.any() and removed.any():
        low, high = size[kept].min(), size[removed].max()
        expect(
            low >= high,
            f"a weight of magnitude {low:g} to go before one of magnitude {high:g}",
            "magnitude is the absolute value, and the smallest go first",
            f"kept {weights[kept]!r}, removed {weights[removed]!r}",
        )


def pruned_and_mask(result, weights):
    expect(
        isinstance(result, (tuple, list)) and len(result) == 2,
        "a pair (pruned, mask)",
        "prune_vector returns both",
    )
    pruned, mask = result
    mask = expect_mask(mask, weights.shape)
    expect_shape(pruned, weights.shape)
    return pruned, mask


# --- threshold_mask ------------------------------------------------------------------------


@st.composite
def vectors_and_thresholds(draw):
    """Thresholds at a magnitude of the vector itself, or just above one.

    All of them are float32 numbers: a learner may compare in the precision of the weights.
    """
    weights = draw(vectors())
    at = float(abs(weights[draw(st.integers(0, weights.size - 1))]))
    above = float(np.nextafter(np.float32(at), np.float32(np.inf)))
    return weights, draw(st.sampled_from((at, at, 0.0, above, 2.0**20)))


@part("threshold_mask")
@given(case=vectors_and_thresholds())
def test_keeps_exactly_the_magnitudes_at_or_above_the_threshold(submission, case):
    weights, threshold = case
    mask = expect_mask(submission.threshold_mask(weights, threshold), weights.shape)
    want = np.array([abs(float(w)) >= threshold for w in weights])
    expect(
        np.array_equal(mask, want),
        f"{want!r}",
        f"a weight is kept when its absolute value is at least {threshold:g}",
    )


@part("threshold_mask")
def test_keeps_a_weight_exactly_at_the_threshold_whatever_its_sign(submission):
    weights = np.array([0.5, -0.5, 0.25])
    mask = expect_mask(submission.threshold_mask(weights, 0.5), (3,))
    expect(mask.tolist() == [True, True, False], "[True, True, False]", "|w| >= 0.5 keeps 0.5")


@part("threshold_mask")
@pytest.mark.parametrize("threshold", [-0.5, float("nan"), float("inf"), float("-inf")])
def test_rejects_a_threshold_that_is_not_a_finite_non_negative_number(submission, threshold):
    expect_error(ValueError, "threshold", submission.threshold_mask, WEIGHTS, threshold)


@part("threshold_mask")
@wrong_types
def test_rejects_a_threshold_of_another_type(submission, value):
    expect_error(TypeError, "threshold", submission.threshold_mask, WEIGHTS, value)


@part("threshold_mask")
@bad_weights
def test_threshold_mask_rejects_bad_weights(submission, case):
    expect_error(ValueError, "weights", submission.threshold_mask, BAD_WEIGHTS[case], 0.5)


@part("threshold_mask")
@wrong_types
def test_threshold_mask_rejects_weights_of_another_type(submission, value):
    expect_error(TypeError, "weights", submission.threshold_mask, value, 0.5)


# --- magnitude_mask ------------------------------------------------------------------------


@part("magnitude_mask")
@given(weights=vectors(), sparsity=sparsities())
def test_never_keeps_a_weight_smaller_than_one_it_removed(submission, weights, sparsity):
    mask = expect_mask(submission.magnitude_mask(weights, sparsity), weights.shape)
    check_order(weights, mask, ~mask)


@part("magnitude_mask")
@given(weights=vectors(), sparsity=sparsities())
def test_removes_exactly_the_rounded_share(submission, weights, sparsity):
    mask = expect_mask(submission.magnitude_mask(weights, sparsity), weights.shape)
    check_counts(mask, sparsity)


@part("magnitude_mask")
@few
@given(size=st.integers(90, 130), sparsity=sparsities())
def test_removes_exactly_the_rounded_share_of_a_longer_vector(submission, size, sparsity):
    weights = np.arange(size, 0, -1) / 16
    mask = expect_mask(submission.magnitude_mask(weights, sparsity), weights.shape)
    check_counts(mask, sparsity)


@part("magnitude_mask")
@pytest.mark.parametrize("sparsity", [0.1, 0.5, 0.9])
def test_finds_the_smallest_among_thousands(submission, sparsity):
    weights = np.random.default_rng(0).permutation(np.arange(-2000.0, 2001.0)) / 16
    mask = expect_mask(submission.magnitude_mask(weights, sparsity), weights.shape)
    check_counts(mask, sparsity)
    check_order(weights, mask, ~mask)


@part("magnitude_mask")
@few
@given(size=st.integers(1, 9), sparsity=sparsities(), value=st.sampled_from((0.0, -1.5)))
def test_removes_exactly_the_rounded_share_of_equal_weights(submission, size, sparsity, value):
    weights = np.full(size, value)
    mask = expect_mask(submission.magnitude_mask(weights, sparsity), weights.shape)
    check_counts(mask, sparsity)


@part("magnitude_mask")
@bad_sparsities
def test_magnitude_mask_rejects_a_sparsity_outside_0_to_1(submission, sparsity):
    expect_error(ValueError, "sparsity", submission.magnitude_mask, WEIGHTS, sparsity)


@part("magnitude_mask")
@wrong_types
def test_magnitude_mask_rejects_a_sparsity_of_another_type(submission, value):
    expect_error(TypeError, "sparsity", submission.magnitude_mask, WEIGHTS, value)


@part("magnitude_mask")
@bad_weights
def test_magnitude_mask_rejects_bad_weights(submission, case):
    expect_error(ValueError, "weights", submission.magnitude_mask, BAD_WEIGHTS[case], 0.5)


@part("magnitude_mask")
@wrong_types
def test_magnitude_mask_rejects_weights_of_another_type(submission, value):
    expect_error(TypeError, "weights", submission.magnitude_mask, value, 0.5)


# --- prune_vector --------------------------------------------------------------------------


@part("prune_vector")
@few
@given(weights=vectors(), sparsity=sparsities())
def test_returns_the_weight_where_kept_and_zero_where_removed(submission, weights, sparsity):
    pruned, mask = pruned_and_mask(submission.prune_vector(weights, sparsity), weights)
    want = np.array([w if kept else 0.0 for w, kept in zip(weights, mask)], dtype=weights.dtype)
    expect_close(pruned, want, "pruned is the weight where mask is True, else 0", rtol=0.0)


@part("prune_vector")
@few
@given(weights=vectors(), sparsity=sparsities())
def test_prunes_no_weight_larger_than_one_it_keeps(submission, weights, sparsity):
    _, mask = pruned_and_mask(submission.prune_vector(weights, sparsity), weights)
    check_order(weights, mask, ~mask)


@part("prune_vector")
@few
@given(weights=vectors(), sparsity=sparsities())
def test_prunes_exactly_the_rounded_share(submission, weights, sparsity):
    _, mask = pruned_and_mask(submission.prune_vector(weights, sparsity), weights)
    check_counts(mask, sparsity)


@part("prune_vector")
@few
@given(weights=vectors(), sparsity=sparsities())
def test_keeps_the_dtype_of_the_weights(submission, weights, sparsity):
    pruned, _ = pruned_and_mask(submission.prune_vector(weights, sparsity), weights)
    expect_same_dtype(pruned, weights)


@part("prune_vector")
@bad_sparsities
def test_prune_vector_rejects_a_sparsity_outside_0_to_1(submission, sparsity):
    expect_error(ValueError, "sparsity", submission.prune_vector, WEIGHTS, sparsity)


@part("prune_vector")
@wrong_types
def test_prune_vector_rejects_a_sparsity_of_another_type(submission, value):
    expect_error(TypeError, "sparsity", submission.prune_vector, WEIGHTS, value)


@part("prune_vector")
@bad_weights
def test_prune_vector_rejects_bad_weights(submission, case):
    expect_error(ValueError, "weights", submission.prune_vector, BAD_WEIGHTS[case], 0.5)


@part("prune_vector")
@wrong_types
def test_prune_vector_rejects_weights_of_another_type(submission, value):
    expect_error(TypeError, "weights", submission.prune_vector, value, 0.5)


# --- shrink_mask ---------------------------------------------------------------------------


@st.composite
def shrinkable(draw):
    """A vector, a mask, and a sparsity that the mask does not exceed yet."""
    weights = draw(vectors(max_size=16))
    mask = draw(masks(weights.shape))
    gone = np.count_nonzero(~mask)
    wanted = [s for s in (draw(sparsities()), draw(sparsities())) if round(s * mask.size) >= gone]
    return weights, mask, wanted[0] if wanted else draw(st.sampled_from((1.0, gone / mask.size)))


@part("shrink_mask")
@given(case=shrinkable())
def test_never_revives_a_removed_weight(submission, case):
    weights, mask, sparsity = case
    shrunk = expect_mask(submission.shrink_mask(weights, mask, sparsity), weights.shape)
    revived = shrunk & ~mask
    expect(
        not revived.any(),
        "what was removed to stay removed",
        "a mask only ever shrinks, whatever the removed weights are now",
        f"{show(shrunk)}, keeping {np.flatnonzero(revived).tolist()} again",
    )


@part("shrink_mask")
@given(case=shrinkable())
def test_reaches_the_sparsity_of_the_whole_exactly(submission, case):
    weights, mask, sparsity = case
    shrunk = expect_mask(submission.shrink_mask(weights, mask, sparsity), weights.shape)
    check_counts(shrunk, sparsity)


@part("shrink_mask")
@given(case=shrinkable())
def test_removes_the_smallest_of_what_was_still_kept(submission, case):
    weights, mask, sparsity = case
    shrunk = expect_mask(submission.shrink_mask(weights, mask, sparsity), weights.shape)
    check_order(weights, shrunk & mask, mask & ~shrunk)


@part("shrink_mask")
@pytest.mark.parametrize("sparsity", [0.0, 0.25, 0.6])
def test_refuses_a_sparsity_that_is_exceeded_already(submission, sparsity):
    weights = np.array([1.0, 2.0, 3.0, 4.0])
    mask = np.array([False, False, False, True])
    expect_error(ValueError, ("sparsity", "mask"), submission.shrink_mask, weights, mask, sparsity)


@part("shrink_mask")
@pytest.mark.parametrize("shape", [(3,), (5,), (2, 2), (1,), (4, 1)])
def test_rejects_a_mask_of_another_shape(submission, shape):
    mask = np.ones(shape, dtype=bool)
    expect_error(ValueError, "mask", submission.shrink_mask, WEIGHTS, mask, 0.5)


@part("shrink_mask")
@wrong_types
def test_rejects_a_mask_of_another_type(submission, value):
    expect_error(TypeError, "mask", submission.shrink_mask, WEIGHTS, value, 0.5)


@part("shrink_mask")
@bad_sparsities
def test_shrink_mask_rejects_a_sparsity_outside_0_to_1(submission, sparsity):
    mask = np.ones(4, dtype=bool)
    expect_error(ValueError, "sparsity", submission.shrink_mask, WEIGHTS, mask, sparsity)


@part("shrink_mask")
@wrong_types
def test_shrink_mask_rejects_a_sparsity_of_another_type(submission, value):
    mask = np.ones(4, dtype=bool)
    expect_error(TypeError, "sparsity", submission.shrink_mask, WEIGHTS, mask, value)


@part("shrink_mask")
@bad_weights
def test_shrink_mask_rejects_bad_weights(submission, case):
    weights = BAD_WEIGHTS[case]
    mask = np.ones(weights.shape, dtype=bool)
    expect_error(ValueError, "weights", submission.shrink_mask, weights, mask, 0.5)


@part("shrink_mask")
@wrong_types
def test_shrink_mask_rejects_weights_of_another_type(submission, value):
    mask = np.ones(4, dtype=bool)
    expect_error(TypeError, "weights", submission.shrink_mask, value, mask, 0.5)

"""Magnitude pruning of a weight vector: what must hold, for each part."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.grading import (
    expect,
    expect_mask,
    expect_refusal,
    expect_same_dtype,
    expect_shape,
    part,
    show,
)
from tests.grading.expect import Impure
from tests.strategies.vectors import masks, sparsities, vectors

few = settings(max_examples=20)  # for what the other parts are tried at in breadth


@st.composite
def weight_vectors(draw, max_size=12):
    """1-D weights, float64 ones with digits that float32 cannot hold among them."""
    weights = draw(vectors(max_size=max_size))
    style = draw(st.sampled_from(("", "", "thirds", "near")))
    if style == "thirds":
        return weights / weights.dtype.type(3)
    if style == "near":  # apart in the tenth digit
        order = np.argsort(np.argsort(np.abs(weights), kind="stable"))
        return np.where(weights < 0, -1.0, 1.0) * (1 + order * 2.0**-30)
    return weights


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
            f"a weight of magnitude {low.item()!r} to go before one of magnitude {high.item()!r}",
            "magnitude is the absolute value, and the smallest go first",
            f"kept {weights[kept].tolist()}, removed {weights[removed].tolist()}",
        )


def pruned_and_mask(result, weights):
    expect(
        isinstance(result, (tuple, list)) and len(result) == 2,
        "a pair (pruned, mask)",
        "prune_vector returns both",
    )
    pruned, mask = result
    mask = expect_mask(mask, weights.shape)
    expect(
        isinstance(pruned, np.ndarray),
        "pruned to be a numpy array",
        "it has the shape and the dtype of weights",
        show(pruned),
    )
    expect_shape(pruned, weights.shape)
    return pruned, mask


def check_own_memory(result, given, name, why):
    if np.shares_memory(result, given):
        raise Impure(
            "an array of its own, also when nothing goes",
            why,
            f"an array in the memory of `{name}`",
        )


# --- threshold_mask ------------------------------------------------------------------------


@st.composite
def vectors_and_thresholds(draw):
    """Thresholds at a magnitude of the vector itself, or a billionth above one.

    With float32 weights they are float32 numbers: a learner may compare in the weights' precision.
    """
    weights = draw(weight_vectors())
    at = abs(weights[draw(st.integers(0, weights.size - 1))])
    step = 1e-9 if weights.dtype == np.float64 else 1e-6
    above = weights.dtype.type(at * (1 + step)) if at else weights.dtype.type(2.0**-30)
    return weights, float(draw(st.sampled_from((at, at, 0.0, above, 2.0**20))))


@part("threshold_mask")
@given(case=vectors_and_thresholds())
def test_keeps_exactly_the_magnitudes_at_or_above_the_threshold(submission, case):
    weights, threshold = case
    mask = expect_mask(submission.threshold_mask(weights, threshold), weights.shape)
    want = np.array([abs(float(w)) >= threshold for w in weights])
    expect(
        np.array_equal(mask, want),
        f"{want!r}",
        f"a weight is kept when its absolute value is at least {threshold!r}",
    )


@part("threshold_mask")
def test_keeps_a_weight_exactly_at_the_threshold_whatever_its_sign(submission):
    weights = np.array([0.5, -0.5, 0.25])
    mask = expect_mask(submission.threshold_mask(weights, 0.5), (3,))
    expect(mask.tolist() == [True, True, False], "[True, True, False]", "|w| >= 0.5 keeps 0.5")


# --- magnitude_mask ------------------------------------------------------------------------


@part("magnitude_mask")
@given(weights=weight_vectors(), sparsity=sparsities())
def test_never_keeps_a_weight_smaller_than_one_it_removed(submission, weights, sparsity):
    mask = expect_mask(submission.magnitude_mask(weights, sparsity), weights.shape)
    check_order(weights, mask, ~mask)


@part("magnitude_mask")
@given(weights=weight_vectors(), sparsity=sparsities())
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
    weights = np.random.default_rng(0).permutation(np.arange(-2000.0, 2000.0)) / 16
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


# --- prune_vector --------------------------------------------------------------------------


@part("prune_vector")
@few
@given(weights=weight_vectors(), sparsity=sparsities())
def test_returns_the_weight_where_kept_and_zero_where_removed(submission, weights, sparsity):
    pruned, mask = pruned_and_mask(submission.prune_vector(weights, sparsity), weights)
    want = [w if kept else 0.0 for w, kept in zip(weights.tolist(), mask)]
    expect(
        pruned.tolist() == want,
        f"pruned to be {want}",
        "it is the weight itself where mask is True, to the last digit, else 0",
        f"{pruned.tolist()}, and the mask {show(mask)}",
    )


@part("prune_vector")
@few
@given(weights=weight_vectors(), sparsity=sparsities())
def test_prunes_no_weight_larger_than_one_it_keeps(submission, weights, sparsity):
    _, mask = pruned_and_mask(submission.prune_vector(weights, sparsity), weights)
    check_order(weights, mask, ~mask)


@part("prune_vector")
@few
@given(weights=weight_vectors(), sparsity=sparsities())
def test_prunes_exactly_the_rounded_share(submission, weights, sparsity):
    _, mask = pruned_and_mask(submission.prune_vector(weights, sparsity), weights)
    check_counts(mask, sparsity)


@part("prune_vector")
@few
@given(weights=weight_vectors(), sparsity=sparsities())
def test_keeps_the_dtype_of_the_weights(submission, weights, sparsity):
    pruned, _ = pruned_and_mask(submission.prune_vector(weights, sparsity), weights)
    expect_same_dtype(pruned, weights)


@part("prune_vector")
@few
@given(weights=weight_vectors(), sparsity=st.sampled_from((0.0, 0.0, 0.5)))
def test_pruned_is_a_new_array(submission, weights, sparsity):
    pruned, _ = pruned_and_mask(submission.prune_vector(weights, sparsity), weights)
    why = "who writes to pruned must not change the weights"
    check_own_memory(pruned, weights, "weights", why)


# --- shrink_mask ---------------------------------------------------------------------------


@st.composite
def shrinkable(draw):
    """A vector, a mask, and a sparsity that the mask does not exceed yet."""
    weights = draw(weight_vectors(max_size=16))
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
@few
@given(size=st.integers(3, 9), gone=st.integers(1, 2), sparsity=st.sampled_from((0.5, 0.35, 0.75)))
def test_rounds_what_is_gone_in_all_and_not_what_goes_now(submission, size, gone, sparsity):
    weights, mask = np.arange(1.0, size + 1), np.arange(size) >= gone
    assume(round(sparsity * size) >= gone)
    shrunk = expect_mask(submission.shrink_mask(weights, mask, sparsity), weights.shape)
    check_counts(shrunk, sparsity)


@part("shrink_mask")
@given(case=shrinkable())
def test_tells_a_kept_weight_that_is_0_from_a_removed_one(submission, case):
    weights, mask, sparsity = np.zeros_like(case[0]), case[1], case[2]
    shrunk = expect_mask(submission.shrink_mask(weights, mask, sparsity), weights.shape)
    check_counts(shrunk, sparsity)
    expect(
        not (shrunk & ~mask).any(),
        "what was removed to stay removed",
        "a weight of 0 that the mask keeps is still there: only the mask says what is gone",
    )


@part("shrink_mask")
@few
@given(case=shrinkable())
def test_the_shrunk_mask_is_a_new_array(submission, case):
    weights, mask, _ = case
    shrunk = submission.shrink_mask(weights, mask, np.count_nonzero(~mask) / mask.size)
    why = "who shrinks the new mask further must not change the old one"
    check_own_memory(expect_mask(shrunk, weights.shape), mask, "mask", why)


@part("shrink_mask")
@pytest.mark.parametrize("sparsity", [0.0, 0.125, 0.25])
@pytest.mark.parametrize("gone", [3, 7])
def test_refuses_a_sparsity_that_is_exceeded_already(submission, sparsity, gone):
    # With most still kept, and with few: an error by accident, of an index, is no refusal.
    weights = np.arange(1.0, 9.0)
    mask = np.arange(8) >= gone
    why = f"{gone} of 8 are gone, and round({sparsity} * 8) is less: nothing comes back"
    expect_refusal(why, submission.shrink_mask, weights, mask, sparsity)

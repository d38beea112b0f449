"""What pruning does in training and in inference: what must hold, for each part."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.grading import (
    expect,
    expect_close,
    expect_mask,
    expect_number,
    expect_same_dtype,
    expect_shape,
    part,
    show,
)
from tests.grading.expect import Impure
from tests.strategies.vectors import arrays, masks, sparsities

# --- training_flops ------------------------------------------------------------------------


def forward_passes():
    """Operations of a forward pass, as floats and as integers."""
    return st.builds(
        lambda digits, power, kind: kind(digits * 10**power),
        st.integers(1, 99),
        st.integers(0, 12),
        st.sampled_from((float, int)),
    )


def expect_flops(value, want, f, why):
    """What is left of 3·f may be small: the tolerance is that of f."""
    expect_number(value, want, why, rtol=1e-9, atol=1e-9 * f)


@part("training_flops")
@given(f=forward_passes(), sparsity=sparsities())
def test_dense_training_takes_three_forward_passes(submission, f, sparsity):
    expect_flops(
        submission.training_flops(f, sparsity, "dense"),
        3.0 * f,
        f,
        "a forward pass, and two more for the gradients of activations and weights",
    )


@part("training_flops")
@given(f=forward_passes(), sparsity=sparsities())
def test_masks_over_dense_kernels_save_nothing(submission, f, sparsity):
    expect_flops(
        submission.training_flops(f, sparsity, "masked"),
        3.0 * f,
        f,
        "a dense kernel multiplies the zeros as well, whatever the sparsity",
    )


@part("training_flops")
@given(f=forward_passes(), sparsity=sparsities())
def test_a_static_mask_takes_the_share_that_is_kept(submission, f, sparsity):
    expect_flops(
        submission.training_flops(f, sparsity, "static"),
        3.0 * (f - sparsity * f),
        f,
        f"all three passes are sparse: the fraction {1 - sparsity:g} of each is left",
    )


def rigl_steps(f, sparsity, interval):
    """The oracle: the operations of each step from one dense gradient to the next."""
    forward = backward = update = f - sparsity * f
    steps = [forward + backward + update] * interval + [forward + backward + f]
    return sum(steps) / len(steps)


@part("training_flops")
@given(f=forward_passes(), sparsity=sparsities(), interval=st.integers(1, 120))
def test_rigl_takes_one_dense_gradient_in_each_interval(submission, f, sparsity, interval):
    expect_flops(
        submission.training_flops(f, sparsity, "rigl", interval),
        rigl_steps(f, sparsity, interval),
        f,
        f"the mean of {interval} sparse steps and one more with a dense gradient of the weights: "
        "(3·f_S·ΔT + 2·f_S + f) / (ΔT + 1)",
    )


@part("training_flops")
@given(f=forward_passes(), sparsity=sparsities(), interval=st.integers(1, 3))
def test_rigl_pays_for_its_dense_gradient_when_it_updates_often(submission, f, sparsity, interval):
    expect_flops(
        submission.training_flops(f, sparsity, "rigl", update_interval=interval),
        rigl_steps(f, sparsity, interval),
        f,
        f"one step in {interval + 1} has a dense gradient of the weights: "
        "(3·f_S·ΔT + 2·f_S + f) / (ΔT + 1)",
    )


@part("training_flops")
@given(f=forward_passes(), sparsity=sparsities())
def test_rigl_updates_every_100_steps_unless_told(submission, f, sparsity):
    expect_flops(
        submission.training_flops(f, sparsity, "rigl"),
        rigl_steps(f, sparsity, 100),
        f,
        "ΔT is 100 unless told: (3·f_S·100 + 2·f_S + f) / 101",
    )


# --- memory_bytes --------------------------------------------------------------------------

COPIES = {"sgd": "", "momentum": "m", "adam": "mv"}


def counts():
    """Numbers of parameters, few and many."""
    return st.one_of(st.integers(1, 40), st.integers(1, 400), st.just(1_000_003))


def expect_bytes(value, want, why):
    expect_number(value, want, why, rtol=0.0)


@part("memory_bytes")
@pytest.mark.parametrize("optimizer", list(COPIES))
@given(n=counts(), sparsity=sparsities())
def test_training_keeps_everything_whatever_the_sparsity(submission, optimizer, n, sparsity):
    arrays_kept = "wg" + COPIES[optimizer]
    each = sum(np.dtype("float32").itemsize for _ in arrays_kept) + np.dtype("bool").itemsize
    expect_bytes(
        submission.memory_bytes(n, sparsity, "training", optimizer),
        each * n,
        f"weights, gradients, {len(COPIES[optimizer])} copies of optimizer state ({optimizer}), "
        f"4 bytes each, and a mask of one byte each: {each} bytes a parameter",
    )


@part("memory_bytes")
@given(n=counts(), sparsity=sparsities())
def test_training_uses_plain_sgd_unless_told(submission, n, sparsity):
    expect_bytes(
        submission.memory_bytes(n, sparsity, "training"),
        9 * n,
        "plain SGD keeps no state: 4 bytes of weight, 4 of gradient and 1 of mask a parameter",
    )


def inference_bytes(n, sparsity):
    """The oracle: pack a mask, and count what it keeps."""
    removed = round(float(sparsity) * n)
    kept = np.ones(n, dtype=bool)
    kept[:removed] = False
    return np.packbits(kept).nbytes + np.ones(n, dtype=np.float32)[kept].nbytes


def check_inference(submission, n, sparsity, *optimizer):
    kept = n - round(float(sparsity) * n)
    expect_bytes(
        submission.memory_bytes(n, sparsity, "inference", *optimizer),
        inference_bytes(n, sparsity),
        f"a mask of {n} bits in whole bytes, and 4 bytes for each of the {kept} values kept "
        f"(round({sparsity} * {n}) are removed)",
    )


@part("memory_bytes")
@given(n=st.integers(1, 400), sparsity=sparsities())
def test_inference_keeps_a_bit_mask_and_the_kept_values(submission, n, sparsity):
    check_inference(submission, n, sparsity)


@part("memory_bytes")
@given(n=st.integers(1, 25), sparsity=st.sampled_from((0.5, 0.25, 0.75, 0.1, 0.3, 0.7)))
def test_inference_rounds_what_is_removed(submission, n, sparsity):
    check_inference(submission, n, sparsity)


@part("memory_bytes")
@given(n=st.integers(1, 100), sparsity=sparsities(), optimizer=st.sampled_from(sorted(COPIES)))
def test_inference_needs_no_optimizer_state(submission, n, sparsity, optimizer):
    check_inference(submission, n, sparsity, optimizer)


@part("memory_bytes")
def test_counts_a_large_model_exactly(submission):
    check_inference(submission, 1_000_001, 0.9)


@part("memory_bytes")
@pytest.mark.parametrize("phase", ["training", "inference"])
def test_counts_a_model_of_seven_billion_parameters_exactly(submission, phase):
    n, kept = 7_000_000_001, 700_000_000
    want, why = {
        "training": (13 * n, "13 bytes a parameter"),
        "inference": (n // 8 + 1 + 4 * kept, f"a bit a parameter, and 4 bytes a value of {kept}"),
    }[phase]
    expect_bytes(
        submission.memory_bytes(n, 0.9, phase, "momentum"),
        want,
        f"the count is exact, also beyond 32 bits: {why}",
    )


# --- rigl_update ---------------------------------------------------------------------------

SHAPES = ((6,), (9,), (2, 4), (3, 3), (2, 2, 2), (2, 1, 2, 2), (1,), (5, 1))


@st.composite
def ranked(draw, shape, dtype):
    """Values of both signs, of which no two have the same magnitude, and none is zero.

    In float64 they may be so near to one another that float32 would make them equal.
    """
    count = int(np.prod(shape))
    order = np.array(draw(st.permutations(range(1, count + 1))))
    signs = np.frombuffer(draw(st.binary(min_size=count, max_size=count)), dtype=np.uint8) % 2
    near = dtype == "float64" and draw(st.booleans())
    sizes = 1 + 1e-9 * order if near else order / 8
    return np.where(signs == 0, sizes, -sizes).reshape(shape).astype(dtype)


@st.composite
def updates(draw):
    """Weights, gradients, mask and fraction where there is no tie.

    The inactive weights are not zero, as an optimizer with momentum may leave them.
    """
    shape = draw(st.sampled_from(SHAPES))
    dtypes = st.sampled_from(("float64", "float32"))
    return (
        draw(ranked(shape, draw(dtypes))),
        draw(ranked(shape, draw(dtypes))),
        draw(masks(shape)),
        draw(sparsities()),
    )


@st.composite
def tied_updates(draw):
    """The same with equal magnitudes, zeros among them."""
    shape = draw(st.sampled_from([s for s in SHAPES if np.prod(s) <= 8]))
    return draw(arrays(shape)), draw(arrays(shape)), draw(masks(shape)), draw(sparsities())


def call(submission, case):
    weights = case[0]
    result = submission.rigl_update(*case)
    expect(
        isinstance(result, (tuple, list)) and len(result) == 2,
        "a pair (weights, mask)",
        "rigl_update returns both",
    )
    moved, mask = result
    mask = expect_mask(mask, weights.shape)
    expect_shape(moved, weights.shape)
    return moved, mask


def due(mask, fraction):
    """How many are dropped, and grown."""
    return round(float(fraction) * int(mask.sum()))


def grown_mask(weights, gradients, mask, fraction):
    """The oracle: drop one by one, then grow one by one (where nothing ties)."""
    active = {int(i) for i in np.flatnonzero(mask)}
    magnitude, slope = np.abs(weights).ravel(), np.abs(gradients).ravel()
    count = due(mask, fraction)
    for _ in range(count):
        active.remove(min(active, key=lambda i: magnitude[i]))
    for _ in range(count):
        active.add(max(set(range(mask.size)) - active, key=lambda i: slope[i]))
    grown = np.zeros(mask.size, dtype=bool)
    grown[sorted(active)] = True
    return grown.reshape(mask.shape)


def some_choice_explains(weights, gradients, mask, fraction, grown):
    """Whether dropping some k smallest and growing some k largest leads to that mask."""
    size, slope, count = np.abs(weights).ravel(), np.abs(gradients).ravel(), due(mask, fraction)
    active = set(np.flatnonzero(mask).tolist())
    after = set(np.flatnonzero(grown).tolist())
    for dropped in combinations(sorted(active), count):
        left = active - set(dropped)
        if dropped and left and max(size[list(dropped)]) > min(size[list(left)]):
            continue
        new = after - left
        passed_over = set(range(mask.size)) - left - new
        if (
            left <= after
            and len(new) == count
            and (
                not new
                or not passed_over
                or slope[list(new)].min() >= max(slope[list(passed_over)])
            )
        ):
            return True
    return False


def check_values(weights, mask, moved, grown):
    want = np.where(mask & grown, weights, 0)
    why = (
        "a weight that was active and is active keeps its value (dropped and grown again "
        "included), one that is newly active starts at 0, an inactive one is 0"
    )
    expect_close(moved, want, why, "the weights", rtol=1e-6)
    # A rounding is no misconception about RigL: the answer says nothing about those.
    if not np.array_equal(moved, want):
        raise Impure(f"exactly {show(want)}", f"{why}; no value is rounded", show(moved))


@part("rigl_update")
@given(case=updates())
def test_drops_the_smallest_weights_and_grows_where_gradients_are_largest(submission, case):
    _, mask = call(submission, case)
    want = grown_mask(*case)
    count = due(case[2], case[3])
    expect(
        np.array_equal(mask, want),
        f"the mask {show(want)}",
        f"drop the {count} active weights of smallest magnitude, then grow the {count} of largest "
        "|gradient| among those that are inactive then, the dropped ones included",
        f"{show(mask)}",
    )


@part("rigl_update")
@given(case=updates())
def test_keeps_the_number_of_active_weights(submission, case):
    _, mask = call(submission, case)
    before, after = int(case[2].sum()), int(mask.sum())
    expect(
        after == before,
        f"{before} active weights, as before",
        "as many are grown as are dropped",
        f"{after} active: {show(mask)}",
    )


@part("rigl_update")
@given(
    active=st.integers(1, 11),
    fraction=st.one_of(st.sampled_from((0.5, 0.25, 0.75, 0.1, 0.3, 0.7, 0.9)), sparsities()),
)
def test_moves_exactly_the_rounded_share_of_the_active(submission, active, fraction):
    # Every inactive weight has a larger gradient than the active ones: what goes stays away.
    weights = np.arange(1, 25) / 8
    mask = np.arange(24) < active
    gradients = np.where(mask, 0.5, 1.0 + weights)
    _, grown = call(submission, (weights, gradients, mask, fraction))
    count, moved = due(mask, fraction), int((grown & ~mask).sum())
    expect(
        moved == count,
        f"{count} of the {active} active weights moved",
        f"round({fraction} * {active}) = {count}; Python's round takes halves to the even number",
        f"{moved} moved: {show(grown)}",
    )


@part("rigl_update")
@given(case=updates())
def test_keeps_values_that_stay_and_starts_new_ones_at_zero(submission, case):
    moved, grown = call(submission, case)
    check_values(case[0], case[2], moved, grown)


@part("rigl_update")
@given(case=tied_updates())
def test_breaks_ties_by_any_choice_but_keeps_the_counts(submission, case):
    moved, grown = call(submission, case)
    expect(
        some_choice_explains(*case, grown),
        f"a mask such as {show(grown_mask(*case))}",
        f"of equal magnitudes any may be chosen, but {due(case[2], case[3])} are dropped and as "
        "many grown",
        f"{show(grown)}",
    )
    check_values(case[0], case[2], moved, grown)


@part("rigl_update")
@given(case=updates())
def test_grows_the_dropped_again_where_nothing_else_is_inactive(submission, case):
    weights, gradients, mask, fraction = case
    full = np.ones_like(mask)
    moved, grown = call(submission, (weights, gradients, full, fraction))
    expect(
        grown.all(),
        "all weights active again",
        "the dropped are inactive after the drop, so they may be grown; here there is nothing else",
        f"{show(grown)}",
    )
    check_values(weights, full, moved, grown)


@part("rigl_update")
@given(case=updates())
def test_leaves_no_weight_in_an_empty_mask(submission, case):
    weights, gradients, mask, fraction = case
    empty = np.zeros_like(mask)
    moved, grown = call(submission, (weights, gradients, empty, fraction))
    expect(not grown.any(), "no weight active", "none was active, so none is dropped or grown")
    check_values(weights, empty, moved, grown)


@part("rigl_update")
def test_a_dropped_weight_of_large_gradient_keeps_its_value(submission):
    weights, gradients = np.array([0.25, 4.0, 9.0, 3.0]), np.array([-8.0, 1.0, 2.0, 1.0])
    mask = np.array([True, True, False, True])
    moved, grown = call(submission, (weights, gradients, mask, 0.34))
    expect(
        grown.tolist() == mask.tolist(),
        "the mask as it was",
        "0.25 is dropped, and grown again: its |gradient| of 8 is the largest",
        f"{show(grown)}",
    )
    check_values(weights, mask, moved, grown)


@part("rigl_update")
@given(case=updates(), still=st.sampled_from(("fraction 0", "none active", "all active")))
def test_returns_new_arrays_also_where_nothing_moves(submission, case, still):
    weights, gradients, mask, fraction = case
    mask = {"fraction 0": mask, "none active": mask & False, "all active": mask | True}[still]
    fraction = 0.0 if still == "fraction 0" else fraction
    moved, grown = call(submission, (weights, gradients, mask, fraction))
    for name, array in (("weights", moved), ("mask", grown)):
        if any(np.may_share_memory(array, given) for given in (weights, gradients, mask)):
            raise Impure(
                "two new arrays",
                "the caller goes on to change what it gets, and still needs what it gave",
                f"{name} that share memory with an argument",
            )
    check_values(weights, mask, moved, grown)


def check_count(submission, data, equal):
    """Half of the active weights move, and all magnitudes of one kind are equal."""
    count = data.draw(st.sampled_from((4, 6, 8)))
    mask = np.array(data.draw(st.permutations([False] * (count // 2) + [True] * (count // 2))))
    weights, gradients = (data.draw(ranked((count,), "float64")) for _ in range(2))
    if equal == "weights":
        weights = np.full(count, data.draw(st.sampled_from((0.5, -0.5, 3.0))))
    else:
        gradients = np.full(count, 0.0 if equal == "no gradients" else 0.5)
    case = weights, gradients, mask, 0.5
    _, grown = call(submission, case)
    expect(
        some_choice_explains(*case, grown),
        f"a mask such as {show(grown_mask(*case))}",
        f"of equal magnitudes any may be chosen: {due(mask, 0.5)} are dropped, the smallest, and "
        "as many are grown of those that are inactive then",
        f"{show(grown)}",
    )


@part("rigl_update")
@given(data=st.data())
def test_drops_no_more_than_the_count_where_weights_are_equally_large(submission, data):
    check_count(submission, data, "weights")


@part("rigl_update")
@given(data=st.data())
def test_grows_no_more_than_the_count_where_gradients_are_equally_large(submission, data):
    check_count(submission, data, "gradients")


@part("rigl_update")
@given(data=st.data())
def test_grows_no_fewer_than_the_count_where_the_gradients_are_0(submission, data):
    check_count(submission, data, "no gradients")


@part("rigl_update")
@given(case=updates())
def test_rigl_update_keeps_the_dtype_of_the_weights(submission, case):
    moved, _ = call(submission, case)
    expect_same_dtype(moved, case[0])

"""What pruning does in training and in inference: what must hold, for each part."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.grading import (
    expect,
    expect_close,
    expect_error,
    expect_mask,
    expect_number,
    expect_same_dtype,
    expect_shape,
    part,
    show,
)
from tests.strategies.vectors import arrays, masks, sparsities

NAN = float("nan")
# NaN for a count is a bad value, and no integer either: both errors are right.
EITHER = (ValueError, TypeError)
BAD_FRACTIONS = [-0.1, 1.5, NAN, float("inf"), float("-inf")]
wrong_types = pytest.mark.parametrize("value", [None, "0.5"])
bad_fractions = pytest.mark.parametrize("value", BAD_FRACTIONS)


# --- training_flops ------------------------------------------------------------------------

STEP = {"forward_flops": 1e9, "sparsity": 0.9, "method": "rigl", "update_interval": 100}


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


@part("training_flops")
@pytest.mark.parametrize("value", [-1.0, NAN])
def test_rejects_operations_that_are_not_positive(submission, value):
    expect_error(
        ValueError, "forward_flops", submission.training_flops, **{**STEP, "forward_flops": value}
    )


@part("training_flops")
@pytest.mark.parametrize("method", ["static", "rigl"])
@bad_fractions
def test_training_flops_rejects_a_sparsity_outside_0_to_1(submission, method, value):
    expect_error(ValueError, "sparsity", submission.training_flops, 1e9, value, method)


@part("training_flops")
@pytest.mark.parametrize("method", ["set", "", "sparse"])
def test_training_flops_rejects_another_method(submission, method):
    expect_error(ValueError, "method", submission.training_flops, 1e9, 0.5, method)


@part("training_flops")
@pytest.mark.parametrize("value", [0, -1, -100])
def test_rejects_an_interval_that_is_not_positive(submission, value):
    expect_error(
        ValueError,
        "update_interval",
        submission.training_flops,
        **{**STEP, "update_interval": value},
    )


@part("training_flops")
def test_rejects_nan_for_the_interval(submission):
    expect_error(
        EITHER, "update_interval", submission.training_flops, **{**STEP, "update_interval": NAN}
    )


@part("training_flops")
@pytest.mark.parametrize("name", ["forward_flops", "sparsity", "update_interval"])
@wrong_types
def test_training_flops_rejects_what_is_no_number(submission, name, value):
    expect_error(TypeError, name, submission.training_flops, **{**STEP, name: value})


# --- memory_bytes --------------------------------------------------------------------------

MEMORY = {"n_params": 100, "sparsity": 0.9, "phase": "inference", "optimizer": "adam"}
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
@pytest.mark.parametrize("value", [0, -1])
@pytest.mark.parametrize("phase", ["training", "inference"])
def test_rejects_a_number_of_parameters_that_is_not_positive(submission, phase, value):
    expect_error(ValueError, "n_params", submission.memory_bytes, value, 0.5, phase)


@part("memory_bytes")
def test_rejects_nan_for_the_number_of_parameters(submission):
    expect_error(EITHER, "n_params", submission.memory_bytes, **{**MEMORY, "n_params": NAN})


@part("memory_bytes")
@bad_fractions
def test_memory_bytes_rejects_a_sparsity_outside_0_to_1(submission, value):
    expect_error(ValueError, "sparsity", submission.memory_bytes, **{**MEMORY, "sparsity": value})


@part("memory_bytes")
@pytest.mark.parametrize("phase", ["serving", "", "train"])
def test_rejects_another_phase(submission, phase):
    expect_error(ValueError, "phase", submission.memory_bytes, **{**MEMORY, "phase": phase})


@part("memory_bytes")
@pytest.mark.parametrize("optimizer", ["rmsprop", "", "adamax"])
def test_rejects_another_optimizer(submission, optimizer):
    expect_error(ValueError, "optimizer", submission.memory_bytes, 100, 0.5, "training", optimizer)


@part("memory_bytes")
@pytest.mark.parametrize("name", ["n_params", "sparsity"])
@wrong_types
def test_memory_bytes_rejects_what_is_no_number(submission, name, value):
    expect_error(TypeError, name, submission.memory_bytes, **{**MEMORY, name: value})


# --- rigl_update ---------------------------------------------------------------------------

WEIGHTS = np.array([0.5, -2.0, 0.25, 1.0])
GRADIENTS = np.array([0.1, 0.4, -0.2, 0.3])
MASK = np.array([True, True, False, True])
UPDATE = {"weights": WEIGHTS, "gradients": GRADIENTS, "mask": MASK, "fraction": 0.5}
SHAPES = ((6,), (9,), (2, 4), (3, 3), (2, 2, 2), (2, 1, 2, 2), (1,), (5, 1))
NOT_FINITE = pytest.mark.parametrize("bad", [NAN, float("inf"), float("-inf")])


@st.composite
def ranked(draw, shape, dtype):
    """Values of both signs, of which no two have the same magnitude, and none is zero."""
    count = int(np.prod(shape))
    order = np.array(draw(st.permutations(range(1, count + 1))))
    signs = np.frombuffer(draw(st.binary(min_size=count, max_size=count)), dtype=np.uint8) % 2
    return np.where(signs == 0, order, -order).reshape(shape).astype(dtype) / 8


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
    expect_close(
        moved,
        want,
        "a weight that was active and is active keeps its value (dropped and grown again "
        "included), one that is newly active starts at 0, an inactive one is 0",
        "the weights",
        rtol=0.0,
    )


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
@given(case=updates())
def test_rigl_update_keeps_the_dtype_of_the_weights(submission, case):
    moved, _ = call(submission, case)
    expect_same_dtype(moved, case[0])


@part("rigl_update")
@bad_fractions
def test_rejects_a_fraction_outside_0_to_1(submission, value):
    expect_error(ValueError, "fraction", submission.rigl_update, **{**UPDATE, "fraction": value})


@part("rigl_update")
@pytest.mark.parametrize("name", ["gradients", "mask"])
@pytest.mark.parametrize("shape", [(3,), (5,), (1,), (2, 2), (1, 4), (4, 1)])
def test_rejects_arrays_of_another_shape(submission, name, shape):
    value = np.ones(shape, dtype=bool if name == "mask" else float)
    expect_error(ValueError, (name, "weights"), submission.rigl_update, **{**UPDATE, name: value})


@part("rigl_update")
@pytest.mark.parametrize("name", ["weights", "gradients"])
@pytest.mark.parametrize("place", [0, 2])
@NOT_FINITE
def test_rejects_arrays_that_hold_nan_or_infinity(submission, name, place, bad):
    value = UPDATE[name].copy()
    value[place] = bad
    expect_error(ValueError, name, submission.rigl_update, **{**UPDATE, name: value})


@part("rigl_update")
def test_rejects_empty_arrays(submission):
    empty, mask = np.array([]), np.array([], dtype=bool)
    names = ("weights", "gradients", "mask")
    expect_error(ValueError, names, submission.rigl_update, empty, empty, mask, 0.5)


@part("rigl_update")
@pytest.mark.parametrize("name", ["weights", "gradients", "mask", "fraction"])
@wrong_types
def test_rigl_update_rejects_another_type(submission, name, value):
    expect_error(TypeError, name, submission.rigl_update, **{**UPDATE, name: value})

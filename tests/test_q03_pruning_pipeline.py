"""The pruning pipeline: what must hold, for each part."""

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.grading import (
    expect,
    expect_close,
    expect_number,
    expect_same_dtype,
    expect_shape,
    part,
    show,
)
from tests.strategies.vectors import masks, sparsities

# --- gradual_sparsity ----------------------------------------------------------------------

FRACTIONS = (0.0, 1.0, 0.5, 0.25, 0.9, 0.1, 0.75, 0.95, 0.05, 0.3)


@st.composite
def ramps(draw):
    """(begin, end, initial, final) of a ramp that rises, or lies flat."""
    begin = draw(st.sampled_from((0, 1, 10, 100, 2000, 37)))
    end = begin + draw(st.sampled_from((1, 2, 10, 100, 7, 5000, 64)))
    initial, final = sorted((draw(st.sampled_from(FRACTIONS)), draw(st.sampled_from(FRACTIONS))))
    return begin, end, initial, final


def check_ramp(submission, step, ramp):
    begin, end, initial, final = ramp
    value = submission.gradual_sparsity(step, begin, end, initial, final)
    if step <= begin:
        want, why = initial, f"the sparsity is initial until the ramp begins at {begin}"
    elif step >= end:
        want, why = final, f"the sparsity is final once the ramp has ended at {end}"
    else:
        left = (end - step) / (end - begin)
        want = left * left * left * initial + (1 - left * left * left) * final
        why = f"final + (initial − final) · {left:.4g}³: {left:.4g} of the ramp lies ahead"
    expect_number(value, round(want, 12), why, rtol=1e-9, atol=1e-9)


@part("gradual_sparsity")
@settings(max_examples=60)
@given(ramp=ramps(), place=st.integers(0, 100))
def test_follows_the_cubic_ramp_from_begin_to_end(submission, ramp, place):
    begin, end, *_ = ramp
    check_ramp(submission, begin + (end - begin) * place // 100, ramp)


@part("gradual_sparsity")
@given(ramp=ramps(), before=st.integers(0, 2000))
def test_is_initial_until_the_ramp_begins(submission, ramp, before):
    begin = ramp[0]
    check_ramp(submission, max(0, begin - before), ramp)


@part("gradual_sparsity")
@given(ramp=ramps(), after=st.sampled_from((0, 1, 2, 10, 50, 1000, 10**6)))
def test_is_final_once_the_ramp_has_ended(submission, ramp, after):
    check_ramp(submission, ramp[1] + after, ramp)


@part("gradual_sparsity")
@given(step=st.integers(0, 30))
def test_never_falls_on_a_rising_ramp(submission, step):
    now, later = (submission.gradual_sparsity(at, 5, 25, 0.25, 0.75) for at in (step, step + 1))
    expect_number(now, now, "a sparsity is a number")
    expect_number(later, later, "a sparsity is a number")
    expect(
        now <= later + 1e-12,
        f"at least {float(now):.6g} at step {step + 1}",
        f"that is the sparsity at step {step}, and a ramp from 0.25 to 0.75 only rises",
    )


# --- iterative_sparsities ------------------------------------------------------------------


def listed(submission, final, rounds):
    values = submission.iterative_sparsities(final, rounds)
    expect(isinstance(values, list), f"a list of {rounds} numbers", "one for each round")
    expect(
        len(values) == rounds,
        f"{rounds} numbers",
        "one for the end of each round; the start, when nothing is gone yet, is none of them",
        f"{len(values)} numbers: {show(values)}",
    )
    for value in values:
        expect_number(value, value, "a sparsity is a number")
    return [float(value) for value in values]


@part("iterative_sparsities")
@given(final=sparsities(), rounds=st.integers(1, 12))
def test_removes_the_same_fraction_of_what_is_left_in_every_round(submission, final, rounds):
    values = listed(submission, final, rounds)
    share = 1 - (1 - final) ** (1 / rounds)  # removed in each round, of what is left then
    left = 1.0
    for done, value in enumerate(values, start=1):
        left -= share * left
        expect(
            abs(value - (1 - left)) <= 1e-9,
            f"{1 - left:.6g} after round {done}",
            f"every round removes {share:.6g} of what is left, so that {final} is gone after "
            f"round {rounds}; the numbers are shares of all weights",
            f"{value!r}; in full {show(values)}",
        )


@part("iterative_sparsities")
@given(final=sparsities(), rounds=st.integers(1, 12))
def test_ends_at_the_final_sparsity(submission, final, rounds):
    last = listed(submission, final, rounds)[-1]
    expect(
        abs(last - final) <= 1e-9,
        f"{final} after the last round",
        f"final = {final} of all weights are gone then",
        f"{last!r}",
    )


@part("iterative_sparsities")
@given(rounds=st.integers(1, 6), final=st.sampled_from((0.0, 1.0)))
def test_takes_0_and_1_for_a_final_sparsity(submission, rounds, final):
    values = listed(submission, final, rounds)
    expect(
        all(abs(value - final) <= 1e-9 for value in values),
        f"{[final] * rounds}",
        "to lose nothing no round may remove anything"
        if final == 0
        else "a fraction below 1 of what is left always leaves something, so it is 1 in each round",
    )


# --- masked_sgd_step -----------------------------------------------------------------------

SHAPES = ((5,), (1,), (7,), (2, 3), (3, 1), (1, 4), (2, 2, 3), (2, 1, 3, 2))


@st.composite
def grids(draw, shape, dtype, zeros=True):
    """Multiples of 1/4 from −4 to 4, so that no array drowns another in rounding."""
    count = int(np.prod(shape))
    codes = np.frombuffer(draw(st.binary(min_size=count, max_size=count)), dtype=np.uint8)
    values = (codes % 33).astype(np.float64) / 4 - 4
    if not zeros:
        values[values == 0] = 0.5
    return values.reshape(shape).astype(dtype)


@st.composite
def steps(draw, first=None):
    """The arguments of a step: velocities of a first step, and weights just grown, are 0."""
    shape = draw(st.sampled_from(SHAPES))
    dtype = draw(st.sampled_from(("float64", "float32")))
    weights, gradients = draw(grids(shape, dtype, zeros=False)), draw(grids(shape, dtype))
    velocity = draw(grids(shape, dtype, zeros=False))
    if first if first is not None else draw(st.integers(0, 3)) == 0:
        velocity = np.zeros(shape, dtype)
    if draw(st.booleans()):
        weights[draw(masks(shape))] = 0.0
    mask = draw(masks(shape))
    mask = draw(st.sampled_from((mask, mask, mask, mask | True)))
    lr = draw(st.sampled_from((0.5, 0.1, 1.0, 2.0, 0.25)))
    momentum = draw(st.sampled_from((0.5, 0.9, 0.0, 0.75)))
    weight_decay = draw(st.sampled_from((0.5, 0.0, 0.1, 0.25)))
    return weights, gradients, velocity, mask, lr, momentum, weight_decay


def stepped(submission, step):
    """(weights, velocity) of the submission, after a look at what they are."""
    result = submission.masked_sgd_step(*step)
    expect(
        isinstance(result, (tuple, list)) and len(result) == 2,
        "a pair (weights, velocity)",
        "the caller needs both for the next step",
    )
    for name, array in zip(("weights", "velocity"), result):
        expect(isinstance(array, np.ndarray), f"{name} to be an array", "so they came in")
        expect_shape(array, step[0].shape)
    return result


def moved(step):
    """The oracle: the rule of the text, entry by entry in Python's floats."""
    weights, gradients, velocity, _, lr, momentum, weight_decay = step
    new_weights, new_velocity = np.zeros(weights.shape), np.zeros(weights.shape)
    for place in np.ndindex(weights.shape):
        w, g, v = (float(array[place]) for array in (weights, gradients, velocity))
        speed = momentum * v + g + weight_decay * w
        new_velocity[place], new_weights[place] = speed, w - lr * speed
    return new_weights, new_velocity


def check_kept(submission, step):
    mask = step[3]
    weights, velocity = stepped(submission, step)
    want_weights, want_velocity = moved(step)
    rtol = 1e-4 if step[0].dtype == np.float32 else 1e-9
    expect_close(
        velocity[mask],
        want_velocity[mask],
        "momentum · velocity + (gradients + weight_decay · weights)",
        "the velocity of the kept entries",
        rtol,
    )
    expect_close(
        weights[mask],
        want_weights[mask],
        "weights − lr · velocity, with the new velocity",
        "the kept weights",
        rtol,
    )


def check_pruned(submission, step):
    mask = step[3]
    weights, velocity = stepped(submission, step)
    for name, array in (("weights", weights), ("velocity", velocity)):
        expect(
            np.all(array[~mask] == 0),
            f"every pruned entry of {name} to be exactly 0",
            "a pruned weight stays pruned, and its velocity is forgotten, or it would come back",
            f"{name}[~mask] = {show(array[~mask])}",
        )


@part("masked_sgd_step")
@settings(max_examples=60)
@given(step=steps())
def test_moves_the_kept_weights_by_the_rule(submission, step):
    assume(step[3].any())
    check_kept(submission, step)


@part("masked_sgd_step")
@given(step=steps(first=True))
def test_treats_the_first_step_like_any_other(submission, step):
    assume(step[3].any())
    check_kept(submission, step)


@part("masked_sgd_step")
@settings(max_examples=60)
@given(step=steps())
def test_leaves_pruned_weights_and_their_velocity_exactly_zero(submission, step):
    assume(not step[3].all())
    check_pruned(submission, step)


@part("masked_sgd_step")
@given(step=steps(), size=st.sampled_from((0.0, 1e6, -1e6, 1e-6)))
def test_does_not_let_the_pruned_entries_matter(submission, step, size):
    mask = step[3]
    assume(mask.any() and not mask.all())
    arrays = [np.where(mask, array, array.dtype.type(size)) for array in step[:3]]
    check_kept(submission, (*arrays, *step[3:]))
    check_pruned(submission, (*arrays, *step[3:]))


@part("masked_sgd_step")
@given(step=steps())
def test_may_have_everything_pruned(submission, step):
    step = (*step[:3], np.zeros(step[0].shape, dtype=bool), *step[4:])
    check_pruned(submission, step)


@part("masked_sgd_step")
@given(step=steps())
def test_keeps_the_dtype_of_the_weights(submission, step):
    for array in stepped(submission, step):
        expect_same_dtype(array, step[0])

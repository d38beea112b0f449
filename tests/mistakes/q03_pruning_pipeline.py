"""Wrong answers that people really give for q03."""

import math

import numpy as np

from tests.grading import mistake

# --- gradual_sparsity ----------------------------------------------------------------------


def _progress(step, begin, end):
    return min(max((step - begin) / (end - begin), 0.0), 1.0)


@mistake(
    "gradual_sparsity",
    "straight line",
    "It raises the sparsity linearly.",
    "How much of the ramp should be behind after half of its steps: half of it, or more?",
)
def linear(step, begin, end, initial, final):
    return initial + (final - initial) * _progress(step, begin, end)


@mistake(
    "gradual_sparsity",
    "slow first, fast at the end",
    "It cubes the share of the ramp that is behind, so that most is pruned in the last steps.",
    "When can a network spare more weights: at the start of pruning or at its end?",
)
def progress_cubed(step, begin, end, initial, final):
    return initial + (final - initial) * _progress(step, begin, end) ** 3


@mistake(
    "gradual_sparsity",
    "squared",
    "It takes the square where the ramp is cubic.",
    "What is the exponent in the formula?",
)
def squared(step, begin, end, initial, final):
    return final + (initial - final) * (1 - _progress(step, begin, end)) ** 2


@mistake(
    "gradual_sparsity",
    "not constant after the end",
    "It goes on along the cubic past `end`, beyond the final sparsity.",
    "What is 1 − progress when step is larger than end?",
)
def no_upper_end(step, begin, end, initial, final):
    progress = max((step - begin) / (end - begin), 0.0)
    return final + (initial - final) * (1 - progress) ** 3


@mistake(
    "gradual_sparsity",
    "not constant before the beginning",
    "It extends the cubic to the steps before `begin`, below the initial sparsity.",
    "What is 1 − progress when step is smaller than begin?",
)
def no_lower_end(step, begin, end, initial, final):
    progress = min((step - begin) / (end - begin), 1.0)
    return final + (initial - final) * (1 - progress) ** 3


@mistake(
    "gradual_sparsity",
    "not constant outside",
    "It uses the cubic at every step, on both sides of the ramp too.",
    "What is 1 − progress when step is smaller than begin, or larger than end?",
)
def no_ends(step, begin, end, initial, final):
    return final + (initial - final) * (1 - (step - begin) / (end - begin)) ** 3


@mistake(
    "gradual_sparsity",
    "nothing pruned before the beginning",
    "It returns 0 before `begin`; the sparsity there is `initial`.",
    "A network that is pruned to 20% already: what is its sparsity before the ramp?",
)
def zero_before(step, begin, end, initial, final):
    if step < begin:
        return 0.0
    return final + (initial - final) * (1 - _progress(step, begin, end)) ** 3


@mistake(
    "gradual_sparsity",
    "initial sparsity ignored",
    "It starts at 0 whatever `initial` is.",
    "What should come back at step = begin?",
)
def from_zero(step, begin, end, initial, final):
    return final - final * (1 - _progress(step, begin, end)) ** 3


@mistake(
    "gradual_sparsity",
    "begin ignored in the progress",
    "It measures the progress from step 0, or over `end` steps, not from begin to end.",
    "How far is the ramp at step = begin?",
)
def from_step_zero(step, begin, end, initial, final):
    progress = min(max(step / end, 0.0), 1.0) if step >= begin else 0.0
    return final + (initial - final) * (1 - progress) ** 3


@mistake(
    "gradual_sparsity",
    "end taken for a length",
    "It divides by end, as if the ramp were `end` steps long.",
    "How many steps lie between begin and end?",
)
def end_as_length(step, begin, end, initial, final):
    progress = min(max((step - begin) / end, 0.0), 1.0)
    return final + (initial - final) * (1 - progress) ** 3


@mistake(
    "gradual_sparsity",
    "initial and final swapped",
    "It falls from the final sparsity to the initial one.",
    "What should come back at step = end?",
)
def falling(step, begin, end, initial, final):
    return initial + (final - initial) * (1 - _progress(step, begin, end)) ** 3


@mistake(
    "gradual_sparsity",
    "whole numbers in the progress",
    "It divides the steps with //, so the ramp is a single jump.",
    "What is 7 // 10 in Python?",
)
def floored(step, begin, end, initial, final):
    progress = min(max((step - begin) // (end - begin), 0), 1)
    return final + (initial - final) * (1 - progress) ** 3


@mistake(
    "gradual_sparsity",
    "share of the rise only",
    "It returns how much of the rise is done, not the sparsity.",
    "What should come back at step = begin, and at step = end?",
)
def share_done(step, begin, end, initial, final):
    return 1 - (1 - _progress(step, begin, end)) ** 3


# --- iterative_sparsities ------------------------------------------------------------------


@mistake(
    "iterative_sparsities",
    "the same share of all weights",
    "It adds final / rounds in each round: the same number of weights, not the same fraction "
    "of what is left.",
    "With 10 of 100 weights left, how many go if a round removes a fifth of them?",
)
def equal_steps(final, rounds):
    return [final * done / rounds for done in range(1, rounds + 1)]


@mistake(
    "iterative_sparsities",
    "final / rounds of what is left",
    "It removes final / rounds of what is left in each round; too little is gone at the end.",
    "Which share, taken n times of what is left, leaves 1 − final?",
)
def divided_share(final, rounds):
    return [1 - (1 - final / rounds) ** done for done in range(1, rounds + 1)]


@mistake(
    "iterative_sparsities",
    "final in every round",
    "It removes the fraction `final` of what is left in each round; too much is gone.",
    "After how many rounds is `final` of all weights to be gone?",
)
def final_each_time(final, rounds):
    return [1 - (1 - final) ** done for done in range(1, rounds + 1)]


@mistake(
    "iterative_sparsities",
    "share of each round",
    "It lists what each round removes, not how much is gone after it.",
    "What is the last number to be?",
)
def per_round(final, rounds):
    return [1 - (1 - final) ** (1 / rounds)] * rounds


@mistake(
    "iterative_sparsities",
    "shares added up",
    "It adds the shares of the rounds, although each is one of what is left.",
    "Half goes, and then half of what is left. How much is gone?",
)
def summed_shares(final, rounds):
    share = 1 - (1 - final) ** (1 / rounds)
    return [share * done for done in range(1, rounds + 1)]


@mistake(
    "iterative_sparsities",
    "what is left",
    "It lists the densities, the share that is left after each round.",
    "Does the sparsity rise or fall from round to round?",
)
def densities(final, rounds):
    return [(1 - final) ** (done / rounds) for done in range(1, rounds + 1)]


@mistake(
    "iterative_sparsities",
    "the start counted as a round",
    "It begins with the 0 from before the first round, so it has one number too many.",
    "How many numbers are there for one round?",
)
def with_start(final, rounds):
    return [1 - (1 - final) ** (done / rounds) for done in range(rounds + 1)]


@mistake(
    "iterative_sparsities",
    "one round behind",
    "It lists the sparsity before each round, so `final` is never reached.",
    "Is the first number the sparsity before or after the first round?",
)
def before_each(final, rounds):
    return [1 - (1 - final) ** (done / rounds) for done in range(rounds)]


@mistake(
    "iterative_sparsities",
    "root of the sparsity",
    "It takes powers of `final`; what is multiplied from round to round is what is left.",
    "Which share is the same factor smaller after each round: what is gone, or what is left?",
)
def root_of_final(final, rounds):
    return [final ** (rounds / done) for done in range(1, rounds + 1)]


@mistake(
    "iterative_sparsities",
    "logarithm of zero",
    "It takes the logarithm of what is left, and fails when nothing is to be left.",
    "Try final = 1.",
)
def by_logarithm(final, rounds):
    rate = math.log(1 - final) / rounds
    return [1 - math.exp(rate * done) for done in range(1, rounds + 1)]


# --- masked_sgd_step -----------------------------------------------------------------------


def _step(weights, gradients, velocity, mask, lr, momentum, weight_decay):
    """The rule without the mask."""
    velocity = momentum * velocity + (gradients + weight_decay * weights)
    return weights - lr * velocity, velocity


@mistake(
    "masked_sgd_step",
    "only the gradients masked",
    "It masks the gradients, and momentum and weight decay move the pruned weights all the same.",
    "The gradient is 0 and the velocity is not: where does the weight go?",
)
def gradients_masked(weights, gradients, velocity, mask, lr, momentum, weight_decay):
    return _step(weights, gradients * mask, velocity, mask, lr, momentum, weight_decay)


@mistake(
    "masked_sgd_step",
    "velocity left alive",
    "It masks the weights but not the velocity, which grows on where nothing is left to move.",
    "What does the next step do if its mask grows that weight back?",
)
def velocity_alive(weights, gradients, velocity, mask, lr, momentum, weight_decay):
    weights, velocity = _step(weights, gradients, velocity, mask, lr, momentum, weight_decay)
    return weights * mask, velocity


@mistake(
    "masked_sgd_step",
    "weights left alive",
    "It masks the velocity but not the weights: one that was not zero before stays as it was.",
    "What if a pruned weight does not come in as 0?",
)
def weights_alive(weights, gradients, velocity, mask, lr, momentum, weight_decay):
    velocity = mask * _step(weights, gradients, velocity, mask, lr, momentum, weight_decay)[1]
    return weights - lr * velocity, velocity


@mistake(
    "masked_sgd_step",
    "the mask ignored",
    "It takes the step for all weights, the pruned ones too.",
    "Which of your lines reads the mask?",
)
def unmasked(weights, gradients, velocity, mask, lr, momentum, weight_decay):
    return _step(weights, gradients, velocity, mask, lr, momentum, weight_decay)


@mistake(
    "masked_sgd_step",
    "inverted mask",
    "It sets the kept entries to zero; in this repository True means kept.",
    "What should come back for a mask of only True?",
)
def inverted(weights, gradients, velocity, mask, lr, momentum, weight_decay):
    weights, velocity = _step(weights, gradients, velocity, mask, lr, momentum, weight_decay)
    return weights * ~mask, velocity * ~mask


@mistake(
    "masked_sgd_step",
    "every zero taken for pruned",
    "It takes every zero weight for pruned: a kept one that is 0 for the moment never moves again.",
    "A weight has just been grown, or has crossed 0. What says whether it is pruned?",
)
def zeros_for_mask(weights, gradients, velocity, mask, lr, momentum, weight_decay):
    kept = mask & (weights != 0)
    weights, velocity = _step(weights, gradients, velocity, mask, lr, momentum, weight_decay)
    return weights * kept, velocity * kept


@mistake(
    "masked_sgd_step",
    "pruned entries frozen",
    "It leaves the pruned entries as they came in.",
    "What if a pruned weight does not come in as 0?",
)
def frozen(weights, gradients, velocity, mask, lr, momentum, weight_decay):
    new = _step(weights, gradients, velocity, mask, lr, momentum, weight_decay)
    return np.where(mask, new[0], weights), np.where(mask, new[1], velocity)


@mistake(
    "masked_sgd_step",
    "the old velocity",
    "It moves the weights with the velocity from before the step.",
    "With velocity 0 before it, does the first step move anything?",
)
def old_velocity(weights, gradients, velocity, mask, lr, momentum, weight_decay):
    new = momentum * velocity + (gradients + weight_decay * weights)
    return (weights - lr * velocity) * mask, new * mask


@mistake(
    "masked_sgd_step",
    "learning rate inside the velocity",
    "It puts the learning rate into the velocity (v = momentum·v + lr·g), the older convention.",
    "Where does lr stand in the two formulas?",
)
def rate_inside(weights, gradients, velocity, mask, lr, momentum, weight_decay):
    velocity = momentum * velocity + lr * (gradients + weight_decay * weights)
    return (weights - velocity) * mask, velocity * mask


@mistake(
    "masked_sgd_step",
    "decay apart from the gradient",
    "It subtracts lr · weight_decay · weights on its own, as AdamW does, and not through the "
    "velocity.",
    "Is the decay remembered by the momentum in this rule?",
)
def decoupled(weights, gradients, velocity, mask, lr, momentum, weight_decay):
    velocity = momentum * velocity + gradients
    return (weights - lr * velocity - lr * weight_decay * weights) * mask, velocity * mask


@mistake(
    "masked_sgd_step",
    "no weight decay",
    "It does not use weight_decay.",
    "Take gradients of 0 and no velocity: should the weights shrink?",
)
def no_decay(weights, gradients, velocity, mask, lr, momentum, weight_decay):
    velocity = momentum * velocity + gradients
    return (weights - lr * velocity) * mask, velocity * mask


@mistake(
    "masked_sgd_step",
    "decay grows the weights",
    "It subtracts the decay from the gradient, so it pushes weights away from zero.",
    "Which sign has the decay in the formula?",
)
def decay_sign(weights, gradients, velocity, mask, lr, momentum, weight_decay):
    velocity = momentum * velocity + (gradients - weight_decay * weights)
    return (weights - lr * velocity) * mask, velocity * mask


@mistake(
    "masked_sgd_step",
    "dampened gradient",
    "It averages: the gradient gets the factor 1 − momentum.",
    "Which factor does the gradient have in the formula?",
)
def dampened(weights, gradients, velocity, mask, lr, momentum, weight_decay):
    velocity = momentum * velocity + (1 - momentum) * (gradients + weight_decay * weights)
    return (weights - lr * velocity) * mask, velocity * mask


@mistake(
    "masked_sgd_step",
    "Nesterov",
    "It looks ahead by another momentum · velocity, which is Nesterov's variant.",
    "By what exactly are the weights moved in the formula?",
)
def nesterov(weights, gradients, velocity, mask, lr, momentum, weight_decay):
    slope = gradients + weight_decay * weights
    velocity = momentum * velocity + slope
    return (weights - lr * (slope + momentum * velocity)) * mask, velocity * mask


@mistake(
    "masked_sgd_step",
    "uphill",
    "It adds the step where it should subtract it.",
    "In which direction does the loss fall?",
)
def uphill(weights, gradients, velocity, mask, lr, momentum, weight_decay):
    velocity = momentum * velocity + (gradients + weight_decay * weights)
    return (weights + lr * velocity) * mask, velocity * mask


@mistake(
    "masked_sgd_step",
    "no momentum",
    "It forgets the old velocity.",
    "Which of your lines reads the velocity that came in?",
)
def no_momentum(weights, gradients, velocity, mask, lr, momentum, weight_decay):
    velocity = gradients + weight_decay * weights
    return (weights - lr * velocity) * mask, velocity * mask


@mistake(
    "masked_sgd_step",
    "decay after the step",
    "It lets the weights that have moved already decay, not those that came in.",
    "Which weights stand beside weight_decay in the formula?",
)
def late_decay(weights, gradients, velocity, mask, lr, momentum, weight_decay):
    velocity = momentum * velocity + gradients
    weights = weights - lr * velocity
    return (weights - lr * weight_decay * weights) * mask, velocity * mask


@mistake(
    "masked_sgd_step",
    "results swapped",
    "It returns (velocity, weights).",
    "In which order does the text name the two results?",
)
def swapped(weights, gradients, velocity, mask, lr, momentum, weight_decay):
    weights, velocity = _step(weights, gradients, velocity, mask, lr, momentum, weight_decay)
    return velocity * mask, weights * mask


@mistake(
    "masked_sgd_step",
    "dtype lost",
    "float32 weights come back as float64.",
    "What is the dtype of what you multiply, or fill, with?",
)
def dtype_lost(weights, gradients, velocity, mask, lr, momentum, weight_decay):
    weights, velocity = _step(weights, gradients, velocity, mask, lr, momentum, weight_decay)
    return weights * mask.astype(np.float64), velocity * mask.astype(np.float64)

"""Wrong answers that people really give for q05."""

import numpy as np

from tests.grading import mistake


def _flops(f, sparsity, method, interval, **other):
    sparse = (1 - sparsity) * f
    rigl = (3 * sparse * interval + 2 * sparse + f) / (interval + 1)
    return {"dense": 3 * f, "masked": 3 * f, "static": 3 * sparse, "rigl": rigl, **other}[method]


@mistake(
    "training_flops",
    "masks taken for sparse kernels",
    "It lets masks over dense kernels save operations.",
    "Does a dense kernel look at the mask before it multiplies?",
)
def masked_is_sparse(forward_flops, sparsity, method, update_interval=100):
    masked = 3 * (1 - sparsity) * forward_flops
    return _flops(forward_flops, sparsity, method, update_interval, masked=masked)


@mistake(
    "training_flops",
    "sparsity for density",
    "It multiplies by the fraction that is removed.",
    "At sparsity 0.9, how much of the work is left?",
)
def sparsity_for_density(forward_flops, sparsity, method, update_interval=100):
    return _flops(forward_flops, 1 - sparsity, method, update_interval)


@mistake(
    "training_flops",
    "backward as dear as forward",
    "It counts backward once; it computes two gradients, of activations and of weights.",
    "What does the text say backward costs?",
)
def two_passes(forward_flops, sparsity, method, update_interval=100):
    f, sparse = forward_flops, (1 - sparsity) * forward_flops
    rigl = (2 * sparse * update_interval + sparse + f) / (update_interval + 1)
    return {"dense": 2 * f, "masked": 2 * f, "static": 2 * sparse, "rigl": rigl}[method]


@mistake(
    "training_flops",
    "forward only",
    "It counts the forward pass alone.",
    "What else does a training step compute?",
)
def forward_only(forward_flops, sparsity, method, update_interval=100):
    return _flops(forward_flops, sparsity, method, update_interval) / 3


@mistake(
    "training_flops",
    "RigL without its dense gradient",
    "It counts RigL like a static mask.",
    "How does RigL know which inactive weights to grow?",
)
def rigl_is_static(forward_flops, sparsity, method, update_interval=100):
    rigl = 3 * (1 - sparsity) * forward_flops
    return _flops(forward_flops, sparsity, method, update_interval, rigl=rigl)


@mistake(
    "training_flops",
    "a dense gradient every step",
    "It lets RigL compute the dense gradient in every step.",
    "How often does RigL update its mask?",
)
def rigl_dense_gradient(forward_flops, sparsity, method, update_interval=100):
    rigl = 2 * (1 - sparsity) * forward_flops + forward_flops
    return _flops(forward_flops, sparsity, method, update_interval, rigl=rigl)


@mistake(
    "training_flops",
    "a dense update step",
    "It counts the step with the dense gradient as dense throughout (3·f).",
    "Which of the three passes of that step is dense?",
)
def rigl_dense_step(forward_flops, sparsity, method, update_interval=100):
    sparse = (1 - sparsity) * forward_flops
    rigl = (3 * sparse * update_interval + 3 * forward_flops) / (update_interval + 1)
    return _flops(forward_flops, sparsity, method, update_interval, rigl=rigl)


@mistake(
    "training_flops",
    "divided by ΔT",
    "It divides by ΔT; the dense step is one more.",
    "How many steps are there from one dense gradient to the next, counted with it?",
)
def rigl_divided(forward_flops, sparsity, method, update_interval=100):
    sparse = (1 - sparsity) * forward_flops
    rigl = (3 * sparse * update_interval + 2 * sparse + forward_flops) / update_interval
    return _flops(forward_flops, sparsity, method, update_interval, rigl=rigl)


@mistake(
    "training_flops",
    "the dense step among the ΔT",
    "It takes the dense step as one of the ΔT steps: ΔT − 1 sparse ones and a dense one.",
    "How many sparse steps does the formula in the text have?",
)
def rigl_within(forward_flops, sparsity, method, update_interval=100):
    sparse = (1 - sparsity) * forward_flops
    rigl = (3 * sparse * (update_interval - 1) + 2 * sparse + forward_flops) / update_interval
    return _flops(forward_flops, sparsity, method, update_interval, rigl=rigl)


@mistake(
    "training_flops",
    "a whole interval",
    "It returns the operations of ΔT + 1 steps; those of one are asked for.",
    "Over how many steps did you sum?",
)
def rigl_total(forward_flops, sparsity, method, update_interval=100):
    sparse = (1 - sparsity) * forward_flops
    rigl = 3 * sparse * update_interval + 2 * sparse + forward_flops
    return _flops(forward_flops, sparsity, method, update_interval, rigl=rigl)


_COPIES = {"sgd": 0, "momentum": 1, "adam": 2}


def _memory(n, sparsity, phase, optimizer, **other):
    bits = -(-n // 8)
    both = {
        "training": n * (9 + 4 * _COPIES[optimizer]),
        "inference": bits + 4 * (n - round(sparsity * n)),
    }
    return {**both, **other}[phase]


@mistake(
    "memory_bytes",
    "training memory falls with sparsity",
    "It counts only the kept weights while training; masks lie over dense arrays.",
    "Is any array smaller because some of its entries are masked?",
)
def sparse_training(n_params, sparsity, phase, optimizer="sgd"):
    kept = n_params - round(sparsity * n_params)
    training = kept * (8 + 4 * _COPIES[optimizer]) + n_params
    return _memory(n_params, sparsity, phase, optimizer, training=training)


@mistake(
    "memory_bytes",
    "training without the mask",
    "It leaves out the mask, one byte a parameter.",
    "What do you need after each step to know which weights to set to 0?",
)
def no_mask(n_params, sparsity, phase, optimizer="sgd"):
    training = n_params * (8 + 4 * _COPIES[optimizer])
    return _memory(n_params, sparsity, phase, optimizer, training=training)


@mistake(
    "memory_bytes",
    "a bit of mask in training",
    "It packs the training mask into bits; the text gives it a byte each.",
    "How large is an entry of a boolean array?",
)
def training_bits(n_params, sparsity, phase, optimizer="sgd"):
    training = n_params * (8 + 4 * _COPIES[optimizer]) + -(-n_params // 8)
    return _memory(n_params, sparsity, phase, optimizer, training=training)


@mistake(
    "memory_bytes",
    "training without gradients",
    "It leaves out the gradients.",
    "What does the optimizer read?",
)
def no_gradients(n_params, sparsity, phase, optimizer="sgd"):
    training = n_params * (5 + 4 * _COPIES[optimizer])
    return _memory(n_params, sparsity, phase, optimizer, training=training)


@mistake(
    "memory_bytes",
    "one copy for Adam",
    "It counts one copy of state for Adam, which has two moments.",
    "What does Adam remember of the gradients?",
)
def one_moment(n_params, sparsity, phase, optimizer="sgd"):
    training = n_params * (9 + 4 * min(1, _COPIES[optimizer]))
    return _memory(n_params, sparsity, phase, optimizer, training=training)


@mistake(
    "memory_bytes",
    "a copy for plain SGD",
    "It counts a momentum buffer for SGD without momentum.",
    "What does plain SGD remember from one step to the next?",
)
def sgd_copy(n_params, sparsity, phase, optimizer="sgd"):
    training = n_params * (9 + 4 * max(1, _COPIES[optimizer]))
    return _memory(n_params, sparsity, phase, optimizer, training=training)


@mistake(
    "memory_bytes",
    "mask rounded down",
    "It rounds the bit mask down to whole bytes.",
    "Into how many bytes do 9 bits go?",
)
def mask_rounded_down(n_params, sparsity, phase, optimizer="sgd"):
    inference = n_params // 8 + 4 * (n_params - round(sparsity * n_params))
    return _memory(n_params, sparsity, phase, optimizer, inference=inference)


@mistake(
    "memory_bytes",
    "mask always a byte more",
    "It adds a byte to the bit mask also where the bits fill whole bytes.",
    "Into how many bytes do 8 bits go?",
)
def mask_one_more(n_params, sparsity, phase, optimizer="sgd"):
    inference = n_params // 8 + 1 + 4 * (n_params - round(sparsity * n_params))
    return _memory(n_params, sparsity, phase, optimizer, inference=inference)


@mistake(
    "memory_bytes",
    "a byte of mask at inference",
    "It counts a byte a parameter for the mask that is stored.",
    "How much of a byte does a yes or no need?",
)
def mask_in_bytes(n_params, sparsity, phase, optimizer="sgd"):
    inference = n_params + 4 * (n_params - round(sparsity * n_params))
    return _memory(n_params, sparsity, phase, optimizer, inference=inference)


@mistake(
    "memory_bytes",
    "values without a mask",
    "It stores the kept values, but not where they belong.",
    "How are the values put back in their places?",
)
def values_only(n_params, sparsity, phase, optimizer="sgd"):
    inference = 4 * (n_params - round(sparsity * n_params))
    return _memory(n_params, sparsity, phase, optimizer, inference=inference)


@mistake(
    "memory_bytes",
    "kept count rounded",
    "It rounds the number kept; halves then fall the other way.",
    "Count for 3 parameters at sparsity 0.5: which number does the text say is rounded?",
)
def kept_rounded(n_params, sparsity, phase, optimizer="sgd"):
    inference = -(-n_params // 8) + 4 * round((1 - sparsity) * n_params)
    return _memory(n_params, sparsity, phase, optimizer, inference=inference)


@mistake(
    "memory_bytes",
    "truncated count",
    "It truncates sparsity * n, where the count is rounded.",
    "What is int(0.29 * 100), and what should it be?",
)
def truncated_count(n_params, sparsity, phase, optimizer="sgd"):
    inference = -(-n_params // 8) + 4 * (n_params - int(sparsity * n_params))
    return _memory(n_params, sparsity, phase, optimizer, inference=inference)


@mistake(
    "memory_bytes",
    "the removed for the kept",
    "It counts 4 bytes for each removed value.",
    "Which values are still needed?",
)
def removed_values(n_params, sparsity, phase, optimizer="sgd"):
    inference = -(-n_params // 8) + 4 * round(sparsity * n_params)
    return _memory(n_params, sparsity, phase, optimizer, inference=inference)


@mistake(
    "memory_bytes",
    "dense at inference",
    "It stores all values, the zeros among them.",
    "What is the bit mask for?",
)
def dense_inference(n_params, sparsity, phase, optimizer="sgd"):
    inference = -(-n_params // 8) + 4 * n_params
    return _memory(n_params, sparsity, phase, optimizer, inference=inference)


@mistake(
    "memory_bytes",
    "optimizer state at inference",
    "It counts the optimizer's state at inference too.",
    "Does a model that is only used need an optimizer?",
)
def state_at_inference(n_params, sparsity, phase, optimizer="sgd"):
    inference = _memory(n_params, sparsity, "inference", optimizer)
    inference += 4 * n_params * _COPIES[optimizer]
    return _memory(n_params, sparsity, phase, optimizer, inference=inference)


def _count(mask, fraction):
    return round(fraction * np.count_nonzero(mask))


def _drop(scores, mask, count):
    """Mark False the `count` active entries of least score."""
    left = mask.copy()
    left.flat[np.argsort(np.where(mask, scores, np.inf), axis=None)[:count]] = False
    return left


def _grow(scores, left, count, barred=None):
    """Mark True the `count` entries of greatest score that are not active, nor barred."""
    closed = left if barred is None else left | barred
    order = np.argsort(np.where(closed, np.inf, -scores), axis=None)
    grown = left.copy()
    grown.flat[[i for i in order[:count] if not closed.flat[i]]] = True
    return grown


def _values(weights, mask, grown):
    return np.where(mask & grown, weights, np.zeros_like(weights))


@mistake(
    "rigl_update",
    "the dropped barred from growing",
    "It grows only among those that were inactive before the drop.",
    "When does the text look at what is inactive: before the drop, or after it?",
)
def dropped_barred(weights, gradients, mask, fraction):
    count = _count(mask, fraction)
    left = _drop(np.abs(weights), mask, count)
    grown = _grow(np.abs(gradients), left, count, barred=mask)
    return _values(weights, mask, grown), grown


@mistake(
    "rigl_update",
    "a regrown weight loses its value",
    "It sets a weight that was dropped and grown again to 0.",
    "What does the text say of a weight that was dropped and regrown?",
)
def regrown_zero(weights, gradients, mask, fraction):
    count = _count(mask, fraction)
    left = _drop(np.abs(weights), mask, count)
    grown = _grow(np.abs(gradients), left, count)
    return _values(weights, left, grown), grown


@mistake(
    "rigl_update",
    "old values revived",
    "A newly active weight takes what stood in the array; it has to start at 0.",
    "What is the value of a connection that did not exist until now?",
)
def stale_values(weights, gradients, mask, fraction):
    count = _count(mask, fraction)
    grown = _grow(np.abs(gradients), _drop(np.abs(weights), mask, count), count)
    return _values(weights, grown, grown), grown


@mistake(
    "rigl_update",
    "inactive weights not zeroed",
    "It leaves in the inactive places what came in.",
    "What does the network compute with a weight that is not in the mask?",
)
def inactive_left(weights, gradients, mask, fraction):
    count = _count(mask, fraction)
    grown = _grow(np.abs(gradients), _drop(np.abs(weights), mask, count), count)
    return np.where(grown & ~mask, np.zeros_like(weights), weights), grown


@mistake(
    "rigl_update",
    "signed weights",
    "It drops the most negative weights.",
    "Which matters more to the output, a weight of −3 or one of 0.1?",
)
def signed_weights(weights, gradients, mask, fraction):
    count = _count(mask, fraction)
    grown = _grow(np.abs(gradients), _drop(weights, mask, count), count)
    return _values(weights, mask, grown), grown


@mistake(
    "rigl_update",
    "signed gradients",
    "It grows where the gradient is most positive; a strongly negative one is as useful.",
    "In which direction does a weight move whose gradient is −3?",
)
def signed_gradients(weights, gradients, mask, fraction):
    count = _count(mask, fraction)
    grown = _grow(gradients, _drop(np.abs(weights), mask, count), count)
    return _values(weights, mask, grown), grown


@mistake(
    "rigl_update",
    "smallest gradients grown",
    "It grows where the gradients are smallest.",
    "Which connection would lower the loss the most?",
)
def smallest_gradients(weights, gradients, mask, fraction):
    count = _count(mask, fraction)
    grown = _grow(-np.abs(gradients), _drop(np.abs(weights), mask, count), count)
    return _values(weights, mask, grown), grown


@mistake(
    "rigl_update",
    "largest weights dropped",
    "It drops the largest weights.",
    "Which end of the sorted magnitudes goes?",
)
def largest_dropped(weights, gradients, mask, fraction):
    count = _count(mask, fraction)
    grown = _grow(np.abs(gradients), _drop(-np.abs(weights), mask, count), count)
    return _values(weights, mask, grown), grown


@mistake(
    "rigl_update",
    "fraction of all weights",
    "It takes the fraction of all weights, not of the active ones.",
    "Of what is `fraction` a fraction?",
)
def fraction_of_all(weights, gradients, mask, fraction):
    count = min(round(fraction * mask.size), np.count_nonzero(mask))
    grown = _grow(np.abs(gradients), _drop(np.abs(weights), mask, count), count)
    return _values(weights, mask, grown), grown


@mistake(
    "rigl_update",
    "truncated count",
    "It truncates fraction * active, where the count is rounded.",
    "What is int(0.29 * 100), and what should it be?",
)
def truncated_move(weights, gradients, mask, fraction):
    count = int(fraction * np.count_nonzero(mask))
    grown = _grow(np.abs(gradients), _drop(np.abs(weights), mask, count), count)
    return _values(weights, mask, grown), grown


@mistake(
    "rigl_update",
    "halves rounded up",
    "It rounds halves up; Python's round takes them to the even number.",
    "What is round(2.5) in Python?",
)
def halves_up(weights, gradients, mask, fraction):
    count = int(np.floor(fraction * np.count_nonzero(mask) + 0.5))
    grown = _grow(np.abs(gradients), _drop(np.abs(weights), mask, count), count)
    return _values(weights, mask, grown), grown


@mistake(
    "rigl_update",
    "kept count rounded",
    "It rounds the number that stays; halves then fall the other way.",
    "Count for 3 active weights and fraction 0.5: which number does the text say is rounded?",
)
def stay_rounded(weights, gradients, mask, fraction):
    active = np.count_nonzero(mask)
    count = active - round((1 - fraction) * active)
    grown = _grow(np.abs(gradients), _drop(np.abs(weights), mask, count), count)
    return _values(weights, mask, grown), grown


@mistake(
    "rigl_update",
    "dropped only",
    "It drops and grows nothing: the network gets sparser with every call.",
    "How many weights should be active after the call?",
)
def dropped_only(weights, gradients, mask, fraction):
    left = _drop(np.abs(weights), mask, _count(mask, fraction))
    return _values(weights, mask, left), left


@mistake(
    "rigl_update",
    "dropped by a threshold",
    "It drops every active weight up to the k-th smallest: with ties more than k, and as many are "
    "grown.",
    "All active weights are equally large, and half of them are to go. How many do you drop?",
)
def drop_threshold(weights, gradients, mask, fraction):
    count = _count(mask, fraction)
    left = mask.copy()
    if count:
        left &= np.abs(weights) > np.sort(np.abs(weights[mask]))[count - 1]
    grown = _grow(np.abs(gradients), left, np.count_nonzero(mask) - np.count_nonzero(left))
    return _values(weights, mask, grown), grown


@mistake(
    "rigl_update",
    "grown by a threshold",
    "It grows every inactive weight from the k-th largest gradient on: with ties more than k.",
    "All gradients are equally large. How many do you grow?",
)
def grow_threshold(weights, gradients, mask, fraction):
    count = _count(mask, fraction)
    grown = _drop(np.abs(weights), mask, count)
    if count:
        slope = np.abs(gradients)
        grown |= ~grown & (slope >= np.sort(slope[~grown])[-count])
    return _values(weights, mask, grown), grown


@mistake(
    "rigl_update",
    "grown first",
    "It grows before it drops, and then the newly grown zeros are the first to go.",
    "Which comes first in the text?",
)
def grown_first(weights, gradients, mask, fraction):
    count = _count(mask, fraction)
    more = _grow(np.abs(gradients), mask, count)
    kept = _values(weights, mask, more)
    grown = _drop(np.abs(kept), more, np.count_nonzero(more) - np.count_nonzero(mask))
    return _values(kept, grown, grown), grown


@mistake(
    "rigl_update",
    "ranked without the mask",
    "It ranks all weights, so that inactive ones are dropped, which changes nothing.",
    "Can something be dropped that is not there?",
)
def unmasked_ranking(weights, gradients, mask, fraction):
    count = _count(mask, fraction)
    left = mask.copy()
    left.flat[np.argsort(np.abs(weights), axis=None)[:count]] = False
    missing = np.count_nonzero(mask) - np.count_nonzero(left)
    grown = _grow(np.abs(gradients), left, missing)
    return _values(weights, mask, grown), grown


@mistake(
    "rigl_update",
    "mask and weights swapped",
    "It returns (mask, weights).",
    "In which order does the text name the two results?",
)
def swapped(weights, gradients, mask, fraction):
    count = _count(mask, fraction)
    grown = _grow(np.abs(gradients), _drop(np.abs(weights), mask, count), count)
    return grown, _values(weights, mask, grown)


@mistake(
    "rigl_update",
    "dtype lost",
    "float32 weights come back as float64.",
    "What is the dtype of what you multiply, or fill, with?",
)
def dtype_lost(weights, gradients, mask, fraction):
    count = _count(mask, fraction)
    grown = _grow(np.abs(gradients), _drop(np.abs(weights), mask, count), count)
    return _values(weights, mask, grown).astype(np.float64), grown

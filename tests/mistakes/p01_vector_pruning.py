"""Wrong answers that people really give for p01."""

import numpy as np

from tests.grading import mistake


@mistake(
    "threshold_mask",
    "strictly greater",
    "It removes a weight that lies exactly at the threshold.",
    "Read the condition once more: what does it say of a weight equal to the threshold?",
)
def strictly_greater(weights, threshold):
    return np.abs(weights) > threshold


@mistake(
    "threshold_mask",
    "signed values",
    "It compares the weights themselves, so every negative weight goes.",
    "How far is −3 from zero, and what would the output lose without it?",
)
def signed_threshold(weights, threshold):
    return weights >= threshold


@mistake(
    "threshold_mask",
    "inverted mask",
    "It marks what is removed; in this repository True means kept.",
    "Multiply a weight by its entry in your mask. Which weights survive?",
)
def inverted_threshold(weights, threshold):
    return np.abs(weights) < threshold


@mistake(
    "threshold_mask",
    "inverted mask, threshold included",
    "It marks the small weights, those at the threshold among them, as kept.",
    "Multiply a weight by its entry in your mask. Which weights survive?",
)
def inverted_inclusive(weights, threshold):
    return np.abs(weights) <= threshold


@mistake(
    "threshold_mask",
    "threshold relative to the largest",
    "It takes the threshold as a share of the largest magnitude.",
    "In which unit is the threshold given?",
)
def relative_threshold(weights, threshold):
    return np.abs(weights) >= threshold * np.abs(weights).max()


@mistake(
    "threshold_mask",
    "nearly at the threshold",
    "It keeps weights a little below the threshold: it compares in float32, or with a tolerance.",
    "Is 0.1 − 1e-9 at least 0.1? What does your comparison say, and in which dtype?",
)
def nearly_at(weights, threshold):
    return np.abs(weights).astype(np.float32) >= np.float32(threshold)


def _lowest_removed(scores, count):
    mask = np.ones(scores.size, dtype=bool)
    mask[np.argsort(scores, kind="stable")[:count]] = False
    return mask


@mistake(
    "magnitude_mask",
    "signed values",
    "It ranks the weights with their sign, so large negative weights go first.",
    "Which matters more to the output, a weight of −3 or one of 0.1?",
)
def signed_magnitude(weights, sparsity):
    return _lowest_removed(weights, round(sparsity * weights.size))


@mistake(
    "magnitude_mask",
    "largest first",
    "It removes the weights of largest magnitude.",
    "Which end of the sorted magnitudes do you cut off?",
)
def largest_first(weights, sparsity):
    return _lowest_removed(-np.abs(weights), round(sparsity * weights.size))


@mistake(
    "magnitude_mask",
    "inverted mask",
    "It marks the weights to remove; in this repository True means kept.",
    "How many True should there be at sparsity 0?",
)
def inverted_magnitude(weights, sparsity):
    return ~_lowest_removed(np.abs(weights), round(sparsity * weights.size))


@mistake(
    "magnitude_mask",
    "sparsity read as density",
    "It keeps the fraction that should be removed.",
    "At sparsity 0.9, how much of the vector is left?",
)
def density(weights, sparsity):
    return _lowest_removed(np.abs(weights), weights.size - round(sparsity * weights.size))


@mistake(
    "magnitude_mask",
    "truncated count",
    "It truncates sparsity * n, where the count is rounded.",
    "What is int(0.29 * 100), and what should it be?",
)
def truncated(weights, sparsity):
    return _lowest_removed(np.abs(weights), int(sparsity * weights.size))


@mistake(
    "magnitude_mask",
    "count rounded up",
    "It rounds sparsity * n up, so now and then one weight too many goes.",
    "How many of 10 weights go at sparsity 0.12?",
)
def rounded_up(weights, sparsity):
    return _lowest_removed(np.abs(weights), int(np.ceil(sparsity * weights.size)))


@mistake(
    "magnitude_mask",
    "kept count rounded",
    "It rounds the number kept and removes the rest; halves then fall the other way.",
    "Count for 3 weights at sparsity 0.5: which number does the text say is rounded?",
)
def rounded_kept(weights, sparsity):
    return _lowest_removed(
        np.abs(weights), weights.size - round((1 - float(sparsity)) * weights.size)
    )


@mistake(
    "magnitude_mask",
    "halves rounded up",
    "It rounds halves up; Python's round takes them to the even number.",
    "What is round(2.5) in Python?",
)
def half_up(weights, sparsity):
    return _lowest_removed(np.abs(weights), int(np.floor(sparsity * weights.size + 0.5)))


@mistake(
    "magnitude_mask",
    "quantile, all ties removed",
    "It removes everything at or below a quantile: with ties more than asked for.",
    "What does it return when all weights are equal?",
)
def quantile_at_or_below(weights, sparsity):
    return np.abs(weights) > np.quantile(np.abs(weights), sparsity)


@mistake(
    "magnitude_mask",
    "quantile, no ties removed",
    "It keeps everything at or above a quantile: with ties fewer go than asked for.",
    "What does it return when all weights are equal?",
)
def quantile_at_or_above(weights, sparsity):
    return np.abs(weights) >= np.quantile(np.abs(weights), sparsity)


@mistake(
    "magnitude_mask",
    "threshold at index k",
    "It takes sorted[k] for a threshold and removes up to it: one too many, and k = n is no index.",
    "Try sparsity 0 and sparsity 1. How many go?",
)
def sorted_index(weights, sparsity):
    size = np.abs(weights)
    return size > np.sort(size)[int(sparsity * weights.size)]


@mistake(
    "magnitude_mask",
    "threshold at the k-th smallest",
    "It removes everything up to the k-th smallest magnitude, its ties included.",
    "What does it return for [1, 1, 1, 1] at sparsity 0.25?",
)
def kth_value(weights, sparsity):
    count = round(sparsity * weights.size)
    if count == 0:
        return np.ones(weights.size, dtype=bool)
    size = np.abs(weights)
    return size > np.sort(size)[count - 1]


@mistake(
    "magnitude_mask",
    "near magnitudes taken for equal",
    "It takes magnitudes for equal that differ in a late digit: in float32, or with a tolerance.",
    "Which of 1 and 1 + 1e-9 is smaller? What does your ranking say, and in which dtype?",
)
def ranked_in_single(weights, sparsity):
    size = np.abs(weights).astype(np.float32)
    return _lowest_removed(size, round(sparsity * weights.size))


@mistake(
    "magnitude_mask",
    "nothing removed",
    "It keeps every weight, whatever the sparsity.",
    "How many entries of the mask should be False at sparsity 0.5?",
)
def nothing_removed(weights, sparsity):
    return np.ones(weights.size, dtype=bool)


@mistake(
    "magnitude_mask",
    "percent",
    "It divides the sparsity by 100.",
    "In which unit is the sparsity given?",
)
def percent(weights, sparsity):
    return _lowest_removed(np.abs(weights), round(sparsity / 100 * weights.size))


def _to_the_last_bit(outcome, call):
    """With which of the weights are exactly what they were: the rest is compared to a tolerance."""
    return outcome, np.asarray(outcome[0]) == call.args[0]


@mistake(
    "prune_vector",
    "signed values",
    "It ranks the weights with their sign, so large negative weights go first.",
    "Which matters more to the output, a weight of −3 or one of 0.1?",
    observe=_to_the_last_bit,
)
def prune_signed(weights, sparsity):
    mask = signed_magnitude(weights, sparsity)
    return weights * mask, mask


@mistake(
    "prune_vector",
    "only the survivors",
    "It returns the kept weights alone; the pruned vector has the shape of the original.",
    "Where in the vector would the third of your weights belong?",
)
def survivors(weights, sparsity):
    mask = _lowest_removed(np.abs(weights), round(sparsity * weights.size))
    return weights[mask], mask


@mistake(
    "prune_vector",
    "magnitudes for weights",
    "The kept weights come back without their sign.",
    "What should the pruned value of a kept −2 be?",
)
def magnitudes_returned(weights, sparsity):
    mask = _lowest_removed(np.abs(weights), round(sparsity * weights.size))
    return np.abs(weights) * mask, mask


@mistake(
    "prune_vector",
    "mask and weights swapped",
    "It returns (mask, pruned).",
    "In which order does the text name the two results?",
)
def swapped(weights, sparsity):
    mask = _lowest_removed(np.abs(weights), round(sparsity * weights.size))
    return mask, weights * mask


@mistake(
    "prune_vector",
    "dtype lost",
    "float32 weights come back as float64.",
    "What is the dtype of what you multiply, or fill, with?",
    observe=_to_the_last_bit,
)
def dtype_lost(weights, sparsity):
    mask = _lowest_removed(np.abs(weights), round(sparsity * weights.size))
    return weights * mask.astype(np.float64), mask


@mistake(
    "prune_vector",
    "rounded to float32",
    "The weights go through float32 on the way, and come back changed in their last digits.",
    "Is 0.1 as a float32 the same number as 0.1 as a float64?",
    observe=_to_the_last_bit,
)
def rounded(weights, sparsity):
    mask = _lowest_removed(np.abs(weights), round(sparsity * weights.size))
    return (weights.astype(np.float32) * mask).astype(weights.dtype), mask


@mistake(
    "prune_vector",
    "truncated count",
    "It truncates sparsity * n, where the count is rounded.",
    "What is int(0.29 * 100), and what should it be?",
    observe=_to_the_last_bit,
)
def prune_truncated(weights, sparsity):
    mask = truncated(weights, sparsity)
    return weights * mask, mask


@mistake(
    "prune_vector",
    "largest first",
    "It removes the weights of largest magnitude.",
    "Which end of the sorted magnitudes do you cut off?",
    observe=_to_the_last_bit,
)
def prune_largest(weights, sparsity):
    mask = largest_first(weights, sparsity)
    return weights * mask, mask


def _shrink(weights, mask, more):
    kept = np.flatnonzero(mask)
    order = kept[np.argsort(np.abs(weights[kept]), kind="stable")]
    shrunk = mask.copy()
    shrunk[order[:more]] = False
    return shrunk


@mistake(
    "shrink_mask",
    "old mask ignored",
    "It ranks all weights anew, so a removed weight can come back.",
    "What happens to a removed weight whose stored value is large?",
)
def from_scratch(weights, mask, sparsity):
    return _lowest_removed(np.abs(weights), round(sparsity * weights.size))


@mistake(
    "shrink_mask",
    "zero taken for removed",
    "It ranks weights * mask, so a removed weight and a kept one that is 0 are the same to it.",
    "A kept weight is exactly 0, and only as many may go as are gone. Which one does it keep?",
)
def zero_for_removed(weights, mask, sparsity):
    if round(sparsity * weights.size) < np.count_nonzero(~mask):
        raise ValueError
    return _lowest_removed(np.abs(weights * mask), round(sparsity * weights.size))


@mistake(
    "shrink_mask",
    "what goes now rounded",
    "It rounds the number that goes now; the number that is gone in all is to be rounded.",
    "1 of 5 is gone and the sparsity is 0.5: how many are gone after the call?",
)
def rest_rounded(weights, mask, sparsity):
    gone = np.count_nonzero(~mask)
    if round(sparsity * weights.size) < gone:
        raise ValueError
    return _shrink(weights, mask, max(0, round(sparsity * weights.size - gone)))


@mistake(
    "shrink_mask",
    "sparsity of what is left",
    "It removes the fraction from the weights still kept: 50% twice gives 75%.",
    "Of how many weights is the sparsity a fraction?",
)
def of_the_rest(weights, mask, sparsity):
    return _shrink(weights, mask, round(sparsity * np.count_nonzero(mask)))


@mistake(
    "shrink_mask",
    "the share once more",
    "It removes round(sparsity * n) more, without counting those that are gone.",
    "How many are gone before the call, and how many should be after it?",
)
def once_more(weights, mask, sparsity):
    return _shrink(weights, mask, round(sparsity * weights.size))


@mistake(
    "shrink_mask",
    "masked with a fresh mask",
    "It joins the old mask with a mask of all weights: too many go.",
    "If the fresh mask removes some of the removed ones again, how many go in all?",
)
def joined(weights, mask, sparsity):
    return mask & _lowest_removed(np.abs(weights), round(sparsity * weights.size))


@mistake(
    "shrink_mask",
    "signed values",
    "Among the kept weights it takes the most negative first.",
    "Which matters more to the output, a weight of −3 or one of 0.1?",
)
def shrink_signed(weights, mask, sparsity):
    more = round(sparsity * weights.size) - np.count_nonzero(~mask)
    kept = np.flatnonzero(mask)
    shrunk = mask.copy()
    shrunk[kept[np.argsort(weights[kept], kind="stable")[: max(0, more)]]] = False
    return shrunk


@mistake(
    "shrink_mask",
    "silent when too many are gone",
    "It returns the mask as it is when more are gone than the sparsity allows.",
    "What should a caller learn who asks for a lower sparsity than there is?",
)
def silent(weights, mask, sparsity):
    more = round(sparsity * weights.size) - np.count_nonzero(~mask)
    return _shrink(weights, mask, max(0, more))


@mistake(
    "shrink_mask",
    "shares compared",
    "It compares the sparsity with the share that is gone, and so refuses where the counts agree.",
    "1 of 3 is gone, and the sparsity is 0.3: how many should be gone?",
)
def shares(weights, mask, sparsity):
    gone = np.count_nonzero(~mask)
    if sparsity < gone / mask.size:
        raise ValueError
    return _shrink(weights, mask, round(sparsity * weights.size) - gone)

"""Wrong answers that people really give for q01."""

import math

import numpy as np

from tests.grading import mistake

# --- sparsity ------------------------------------------------------------------------------


@mistake(
    "sparsity",
    "density",
    "It returns the share of the weights that are left, which is the density.",
    "Is an array without any zero very sparse, or not at all?",
)
def density(weights):
    return np.count_nonzero(weights) / weights.size


@mistake(
    "sparsity",
    "percent",
    "It returns a percentage; sparsity here is a fraction.",
    "Which is the largest value that a fraction of the entries can have?",
)
def percent(weights):
    return 100 * float(np.mean(weights == 0))


@mistake(
    "sparsity",
    "a count",
    "It returns how many entries are zero, not their share.",
    "What should the answers for [0, 1] and for [0, 0, 1, 1] have in common?",
)
def zero_count(weights):
    return float(np.sum(weights == 0))


@mistake(
    "sparsity",
    "small numbers counted as zeros",
    "It counts entries near zero (a tolerance, as in np.isclose).",
    "Does a mask remove a weight of 1e-9? Does the array still have to store it?",
)
def near_zero(weights):
    return float(np.mean(np.isclose(weights, 0)))


@mistake(
    "sparsity",
    "divided by the number of rows",
    "It divides by len(weights), which is only the first dimension.",
    "What is len of an array of shape (2, 3), and how many entries has it?",
)
def by_rows(weights):
    return float(np.sum(weights == 0) / len(weights))


@mistake(
    "sparsity",
    "negative weights counted as zeros",
    "It counts every entry that is not positive.",
    "Is −2 a weight that has been removed?",
)
def not_positive(weights):
    return float(np.mean(weights <= 0))


@mistake(
    "sparsity",
    "zeros over non-zeros",
    "It divides the zeros by the weights that are left, not by all entries.",
    "What is the sparsity of an array in which half of the entries are zero?",
)
def zeros_over_rest(weights):
    left = int(np.count_nonzero(weights))
    return (weights.size - left) / left if left else math.inf


@mistake(
    "sparsity",
    "rounded",
    "It rounds the share.",
    "Two models have 99.91% and 99.94% zeros. Can your answers tell them apart?",
)
def rounded(weights):
    return round(float(np.mean(weights == 0)), 2)


# --- compression_ratio ---------------------------------------------------------------------


@mistake(
    "compression_ratio",
    "inverted",
    "It divides the non-zeros by the entries: the ratio comes out below 1.",
    "If a ratio of 9 means nine times smaller, what is on top?",
)
def inverted(weights):
    return np.count_nonzero(weights) / weights.size


@mistake(
    "compression_ratio",
    "entries over zeros",
    "It divides by the number of zeros, not by the number of weights that are left.",
    "The more is removed, the larger the ratio should be. Is yours?",
)
def over_zeros(weights):
    zeros = int(np.sum(weights == 0))
    return weights.size / zeros if zeros else math.inf


@mistake(
    "compression_ratio",
    "share saved",
    "It returns the share that is saved, which is the sparsity.",
    "What is the ratio when nothing was removed?",
)
def share_saved(weights):
    return float(np.mean(weights == 0))


@mistake(
    "compression_ratio",
    "zeros over non-zeros",
    "It compares what went with what is left: one less than the ratio.",
    "What is the ratio when nothing was removed?",
)
def removed_over_left(weights):
    left = int(np.count_nonzero(weights))
    return (weights.size - left) / left if left else math.inf


@mistake(
    "compression_ratio",
    "division by zero",
    "It raises ZeroDivisionError when no weight is left.",
    "What does the text say of an array of zeros?",
)
def divides_by_zero(weights):
    return weights.size / int(np.count_nonzero(weights))


@mistake(
    "compression_ratio",
    "at least one weight left",
    "It counts one non-zero when there is none, so an empty network gets a finite ratio.",
    "What does the text say of an array of zeros?",
)
def at_least_one(weights):
    return weights.size / max(1, int(np.count_nonzero(weights)))


@mistake(
    "compression_ratio",
    "zero when nothing is left",
    "It returns 0 for an array of zeros, as if that were the least compressed one.",
    "Remove weight after weight: where does the ratio go?",
)
def zero_ratio(weights):
    left = int(np.count_nonzero(weights))
    return weights.size / left if left else 0.0


@mistake(
    "compression_ratio",
    "NaN when nothing is left",
    "It returns NaN for an array of zeros.",
    "Remove weight after weight: where does the ratio go?",
)
def nan_ratio(weights):
    left = int(np.count_nonzero(weights))
    return weights.size / left if left else math.nan


@mistake(
    "compression_ratio",
    "whole numbers only",
    "It divides with //, which drops the fraction.",
    "What is the ratio for 5 entries of which 2 are left?",
)
def floored(weights):
    left = int(np.count_nonzero(weights))
    return weights.size // left if left else math.inf


@mistake(
    "compression_ratio",
    "number of rows for entries",
    "It takes len(weights) for the number of entries.",
    "What is len of an array of shape (2, 3), and how many entries has it?",
)
def rows_over_left(weights):
    left = int(np.count_nonzero(weights))
    return len(weights) / left if left else math.inf


@mistake(
    "compression_ratio",
    "small numbers counted as zeros",
    "It takes entries near zero for removed ones (a tolerance, as in np.isclose).",
    "Does a mask remove a weight of 1e-9? Does the array still have to store it?",
)
def near_zero_ratio(weights):
    left = int(np.sum(~np.isclose(weights, 0)))
    return weights.size / left if left else math.inf


@mistake(
    "compression_ratio",
    "only positive weights counted",
    "It counts the entries above zero as left; the negative ones are missing.",
    "Is −2 a weight that has been removed?",
)
def positive_left(weights):
    left = int(np.sum(weights > 0))
    return weights.size / left if left else math.inf


# --- is_pruning_of -------------------------------------------------------------------------


@mistake(
    "is_pruning_of",
    "equal within a tolerance",
    "It compares with np.isclose, so a weight that changed a little passes as untouched.",
    "After one small step of fine-tuning, are the weights still those of the original?",
)
def with_tolerance(pruned, original):
    if pruned.shape != original.shape:
        return False
    return bool(np.all(np.isclose(pruned, original) | (pruned == 0)))


@mistake(
    "is_pruning_of",
    "only the zeros are counted",
    "It asks whether there are as many zeros as before or more, whatever the weights are.",
    "Which of your conditions looks at the value of a weight that is kept?",
)
def by_count(pruned, original):
    if pruned.shape != original.shape:
        return False
    return bool(np.count_nonzero(pruned) <= np.count_nonzero(original))


@mistake(
    "is_pruning_of",
    "only the places of the zeros",
    "It asks that no zero of the original was filled, and not that the kept weights are untouched.",
    "Which of your conditions looks at the value of a weight that is kept?",
)
def by_places(pruned, original):
    if pruned.shape != original.shape:
        return False
    return not bool(np.any((original == 0) & (pruned != 0)))


@mistake(
    "is_pruning_of",
    "new weights overlooked",
    "It compares only where both arrays have a weight: one that was added is not noticed.",
    "What if the original is 0 where the other array has a weight?",
)
def additions_overlooked(pruned, original):
    if pruned.shape != original.shape:
        return False
    both = (pruned != 0) & (original != 0)
    return bool(np.array_equal(pruned[both], original[both]))


@mistake(
    "is_pruning_of",
    "arguments swapped",
    "It asks whether the second array is a pruning of the first.",
    "Which of the two arrays may have zeros that the other has not?",
)
def swapped(pruned, original):
    if pruned.shape != original.shape:
        return False
    return bool(np.all((pruned == original) | (original == 0)))


@mistake(
    "is_pruning_of",
    "something must go",
    "It wants at least one more zero than before.",
    "Which mask keeps everything, and is what it leaves a pruning by the text?",
)
def something_must_go(pruned, original):
    if pruned.shape != original.shape or np.array_equal(pruned, original):
        return False
    return bool(np.all((pruned == original) | (pruned == 0)))


@mistake(
    "is_pruning_of",
    "something must stay",
    "It does not take an array of zeros for a pruning.",
    "Does the text say how many entries may be zero?",
)
def something_must_stay(pruned, original):
    if pruned.shape != original.shape or not np.any(pruned):
        return False
    return bool(np.all((pruned == original) | (pruned == 0)))


@mistake(
    "is_pruning_of",
    "no weight larger than before",
    "It asks only that magnitudes do not grow: weights that shrank pass as untouched.",
    "A weight went from 2 to 1. Was it kept, or removed?",
)
def no_larger(pruned, original):
    if pruned.shape != original.shape:
        return False
    return bool(np.all(np.abs(pruned) <= np.abs(original)))


@mistake(
    "is_pruning_of",
    "sign ignored",
    "It compares magnitudes, so a weight whose sign was turned passes as untouched.",
    "Does a network with 2 for −2 compute the same?",
)
def sign_ignored(pruned, original):
    if pruned.shape != original.shape:
        return False
    return bool(np.all((np.abs(pruned) == np.abs(original)) | (pruned == 0)))


@mistake(
    "is_pruning_of",
    "places ignored",
    "It asks whether the values occur somewhere in the original, not whether they are in place.",
    "Are [1, 2] and [2, 1] the same layer?",
)
def places_ignored(pruned, original):
    if pruned.shape != original.shape:
        return False
    return bool(np.all(np.isin(pruned, original) | (pruned == 0)))


@mistake(
    "is_pruning_of",
    "one untouched entry is enough",
    "It uses any where every entry must pass.",
    "How many changed weights does it take to be no pruning any more?",
)
def any_for_all(pruned, original):
    if pruned.shape != original.shape:
        return False
    return bool(np.any((pruned == original) | (pruned == 0)))


@mistake(
    "is_pruning_of",
    "an error for another shape",
    "It raises ValueError when the shapes differ.",
    "What does the text say of two arrays of different shapes?",
)
def shape_error(pruned, original):
    if pruned.shape != original.shape:
        raise ValueError("pruned and original differ in shape")
    return bool(np.all((pruned == original) | (pruned == 0)))


@mistake(
    "is_pruning_of",
    "flattened",
    "It compares the entries in a row, so another shape with as many entries passes.",
    "Are arrays of shape (2, 3) and (3, 2) prunings of each other?",
)
def flattened(pruned, original):
    if pruned.size != original.size:
        return False
    pruned, original = pruned.ravel(), original.ravel()
    return bool(np.all((pruned == original) | (pruned == 0)))


@mistake(
    "is_pruning_of",
    "shapes not compared",
    "It lets numpy broadcast one array against the other, or fail where that is impossible.",
    "What does numpy do with arrays of shape (1,) and (4,)?",
)
def broadcast(pruned, original):
    return bool(np.all((pruned == original) | (pruned == 0)))

"""p01 with plain loops, and ties settled from the back."""

import numpy as np


def _check(weights, sparsity):
    if weights is None or isinstance(weights, str):
        raise TypeError("weights must be an array")
    if sparsity is None or isinstance(sparsity, str):
        raise TypeError("sparsity must be a number")
    if len(weights) == 0 or not all(abs(float(w)) < float("inf") for w in weights):
        raise ValueError("weights must be finite")
    if not 0 <= sparsity <= 1:
        raise ValueError("sparsity must be in [0, 1]")


def threshold_mask(weights, threshold):
    _check(weights, 0)
    if threshold is None or isinstance(threshold, str):
        raise TypeError("threshold must be a number")
    if not 0 <= threshold < float("inf"):
        raise ValueError("threshold")
    return np.array([bool(abs(float(w)) >= threshold) for w in weights])


def magnitude_mask(weights, sparsity):
    _check(weights, sparsity)
    # From the back, so that ties fall the other way.
    order = sorted(range(len(weights)), key=lambda i: (abs(float(weights[i])), -i))
    gone = set(order[: int(round(float(sparsity) * len(weights)))])
    return np.array([i not in gone for i in range(len(weights))])


def prune_vector(weights, sparsity):
    mask = magnitude_mask(weights, sparsity)
    pruned = weights.copy()
    pruned[~mask] = 0
    return pruned, mask


def shrink_mask(weights, mask, sparsity):
    _check(weights, sparsity)
    if mask is None or isinstance(mask, str):
        raise TypeError("mask must be an array")
    if mask.shape != weights.shape:
        raise ValueError("mask has another shape")
    due = int(round(float(sparsity) * len(weights)))
    kept = sorted((i for i in range(len(mask)) if mask[i]), key=lambda i: abs(float(weights[i])))
    more = due - (len(weights) - len(kept))
    if more < 0:
        raise ValueError("mask has removed more than sparsity allows")
    new = np.array(mask)
    for i in kept[:more]:
        new[i] = False
    return new

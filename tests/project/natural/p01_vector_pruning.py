"""p01 with numpy's sort."""

import numpy as np


def threshold_mask(weights, threshold):
    return np.abs(weights) >= threshold


def magnitude_mask(weights, sparsity):
    n = len(weights)
    k = round(sparsity * n)
    mask = np.ones(n, dtype=bool)
    mask[np.argsort(np.abs(weights))[:k]] = False
    return mask


def prune_vector(weights, sparsity):
    mask = magnitude_mask(weights, sparsity)
    pruned = weights.copy()
    pruned[~mask] = 0
    return pruned, mask


def shrink_mask(weights, mask, sparsity):
    n = len(weights)
    target = round(sparsity * n)
    gone = n - mask.sum()
    if gone > target:
        raise ValueError("already more removed than asked for")
    alive = np.flatnonzero(mask)
    order = np.argsort(np.abs(weights[alive]))
    new_mask = mask.copy()
    new_mask[alive[order[: target - gone]]] = False
    return new_mask

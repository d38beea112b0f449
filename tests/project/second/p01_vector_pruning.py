"""p01 with plain loops, and ties settled from the back."""

import numpy as np


def threshold_mask(weights, threshold):
    return np.array([bool(abs(float(w)) >= threshold) for w in weights])


def magnitude_mask(weights, sparsity):
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
    due = int(round(float(sparsity) * len(weights)))
    kept = sorted((i for i in range(len(mask)) if mask[i]), key=lambda i: abs(float(weights[i])))
    more = due - (len(weights) - len(kept))
    if more < 0:
        raise ValueError("mask has removed more than sparsity allows")
    new = np.array(mask)
    for i in kept[:more]:
        new[i] = False
    return new

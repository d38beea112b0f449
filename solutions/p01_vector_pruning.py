"""Magnitude pruning of a weight vector

一维权重向量：请编写一个函数，对给定的一维权重向量进行剪枝。

Which weights can go? The smallest: an old rule, and for networks that are trained on after
pruning still a strong baseline (Gale et al. 2019). In large language models, which are not, it
falls behind (see m01). Decide which weights of a vector to keep, and set the others to zero.

    difficulty ●○○○○    importance ●●●●●    about 20 minutes

Words used here and in every exercise
    mask       a boolean array of the shape of what it masks; True = kept, False = removed.
    sparsity   the fraction removed, in [0, 1]. Of n weights exactly `round(sparsity * n)` go
               (Python's `round`: halves go to the even number, as in torch.nn.utils.prune).
    magnitude  the absolute value.

`weights` is a 1-D array of floats (float32 or float64), and nothing given is changed. Where
several weights have the same magnitude, any choice among them is right. Arguments need no checks.

Sources
    Han, Pool, Tran & Dally 2015, "Learning both Weights and Connections for Efficient Neural
    Networks", section 3; Zhu & Gupta 2017, "To prune, or not to prune", section 3 (raising the
    sparsity step by step, with masks that only ever shrink); Gale, Elsen & Hooker 2019, "The State
    of Sparsity in Deep Neural Networks".

Worked notebook: notebooks/p01_vector_pruning.ipynb
"""

from __future__ import annotations

import numpy as np


def threshold_mask(weights: np.ndarray, threshold: float) -> np.ndarray:
    """Keep the weights whose magnitude is at least `threshold`.

    Args:
        weights: shape (n,), n ≥ 1.
        threshold: not negative. A weight exactly at it is kept.

    Returns:
        A boolean mask of shape (n,): |weights| ≥ threshold.

    Example:
        >>> threshold_mask(np.array([0.5, -2.0, 0.1]), 0.5).tolist()
        [True, True, False]
    """
    return np.abs(weights) >= threshold


def magnitude_mask(weights: np.ndarray, sparsity: float) -> np.ndarray:
    """Remove the `round(sparsity * n)` weights of smallest magnitude.

    Exactly that many go, also when many magnitudes are equal. Linear time is possible: nothing
    needs to be sorted completely.

    Args:
        weights: shape (n,), n ≥ 1.
        sparsity: the fraction to remove, in [0, 1].

    Returns:
        A boolean mask of shape (n,); no kept weight is smaller in magnitude than a removed one.

    Example:
        >>> magnitude_mask(np.array([0.5, -2.0, 0.1, 1.0]), 0.5).tolist()
        [False, True, False, True]
    """
    return ~_smallest(np.abs(weights), round(sparsity * weights.size))


def prune_vector(weights: np.ndarray, sparsity: float) -> tuple[np.ndarray, np.ndarray]:
    """Prune by magnitude and return the pruned weights and the mask.

    Args:
        weights: shape (n,), n ≥ 1.
        sparsity: the fraction to remove, in [0, 1].

    Returns:
        (pruned, mask). `mask` is a magnitude mask as above. `pruned` is a new array of the dtype
        of `weights`, also when nothing goes: the weight where the mask is True, else 0.

    Example:
        >>> pruned, mask = prune_vector(np.array([0.5, -2.0, 0.1, 1.0]), 0.5)
        >>> pruned.tolist()
        [0.0, -2.0, 0.0, 1.0]
    """
    mask = magnitude_mask(weights, sparsity)
    return np.where(mask, weights, np.zeros_like(weights)), mask


def shrink_mask(weights: np.ndarray, mask: np.ndarray, sparsity: float) -> np.ndarray:
    """Prune further: raise the sparsity of the whole vector, reviving nothing.

    What the mask has removed stays removed, whatever its weight is now. Of what it keeps, the
    smallest magnitudes go, until exactly `round(sparsity * n)` of all n are gone.

    Args:
        weights: shape (n,), n ≥ 1.
        mask: boolean, shape (n,): what is still kept.
        sparsity: the fraction of all n weights that is gone after the call, in [0, 1].

    Returns:
        A new boolean mask of shape (n,), also when nothing more goes.

    Raises:
        ValueError: more than `round(sparsity * n)` weights are gone already.

    Example:
        >>> mask = np.array([True, True, True, False])
        >>> shrink_mask(np.array([3.0, 1.0, 2.0, 9.0]), mask, 0.5).tolist()
        [True, False, True, False]
    """
    gone = np.count_nonzero(~mask)
    more = round(sparsity * weights.size) - gone
    if more < 0:
        raise ValueError(f"sparsity {sparsity} is exceeded: {gone} of {weights.size} are gone")
    shrunk = mask.copy()
    # Ranking only what is kept: a removed weight can neither come back nor be counted twice.
    shrunk[mask] = ~_smallest(np.abs(weights[mask]), more)
    return shrunk


def _smallest(magnitudes: np.ndarray, count: int) -> np.ndarray:
    """Mark `count` smallest entries, in linear time: selecting is enough, sorting is not needed."""
    if count == 0:
        return np.zeros(magnitudes.shape, dtype=bool)
    cut = np.partition(magnitudes, count - 1)[count - 1]
    marked = magnitudes < cut
    # A cut alone would take all of several equal entries, or none: take as many as are due.
    ties = np.flatnonzero(magnitudes == cut)
    marked[ties[: count - np.count_nonzero(marked)]] = True
    return marked

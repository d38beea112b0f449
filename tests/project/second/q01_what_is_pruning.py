"""A right answer in plain Python: loops and fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

ANSWER = ""


def sparsity(weights: np.ndarray) -> float:
    zeros = 0
    flat = weights.flatten().tolist()
    for value in flat:
        if not value:
            zeros += 1
    return float(Fraction(zeros, len(flat)))


def compression_ratio(weights: np.ndarray) -> float:
    left = sum(value != 0 for value in weights.flat)
    if left == 0:
        return float("inf")
    return np.true_divide(np.prod(weights.shape), left)


def is_pruning_of(pruned: np.ndarray, original: np.ndarray) -> bool:
    if list(np.shape(pruned)) != list(np.shape(original)):
        return False
    for after, before in zip(pruned.flat, original.flat):
        if after == 0.0:
            continue
        if after != before:
            return False
    return True

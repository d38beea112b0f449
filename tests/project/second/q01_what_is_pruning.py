"""A right answer in plain Python: loops, own checks, fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

ANSWER = ""


def _entries(name, array):
    if not isinstance(array, (np.ndarray, list, tuple, np.generic)):
        raise TypeError(f"{name}: an array is needed, this is a {type(array).__name__}")
    flat = [float(value) for value in np.asarray(array).flat]
    if len(flat) == 0:
        raise ValueError(f"there are no entries in {name}")
    for value in flat:
        if math.isnan(value) or math.isinf(value):
            raise ValueError(f"{name} has an entry that is {value}")
    return flat


def sparsity(weights: np.ndarray) -> float:
    zeros = 0
    flat = _entries("weights", weights)
    for value in flat:
        if not value:
            zeros += 1
    return float(Fraction(zeros, len(flat)))


def compression_ratio(weights: np.ndarray) -> float:
    flat = _entries("weights", weights)
    left = sum(value != 0 for value in flat)
    if left == 0:
        return float("inf")
    return float(Fraction(len(flat), left))


def is_pruning_of(pruned: np.ndarray, original: np.ndarray) -> bool:
    new, old = _entries("pruned", pruned), _entries("original", original)
    if list(np.shape(pruned)) != list(np.shape(original)):
        return False
    for after, before in zip(new, old):
        if after == 0.0:
            continue
        if after != before:
            return False
    return True

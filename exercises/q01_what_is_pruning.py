"""What pruning is: sparsity, compression ratio, and what counts as pruned

什么是剪枝技术？

Pruning takes parameters out of a network that works nearly as well without them. Before one can
say how well, three things must be exact: how sparse a weight array is, how much smaller that
makes it, and when one array is a pruning of another. You write a function for each.

    difficulty ●○○○○    importance ●●●●●    about 15 minutes, and as long for the written answer

Words
    zero      an entry equal to 0; -0.0 is equal to 0, and the smallest number that is not
              counts as a weight like any other. There is no tolerance.
    sparsity  the share of the entries that are zero, in [0, 1].

Everywhere
    The arrays are numpy's, float32 or float64, of one or more dimensions. Nothing given is
    changed. Arguments are always sensible; no checks are needed.

The written part
    `ANSWER` is your answer to the question in the first line, in 120 to 250 words, as you would
    say it in an interview: what pruning is, why it can work, and what it does not give by itself.

Sources
    LeCun, Denker & Solla 1990, "Optimal Brain Damage"; Han, Pool, Tran & Dally 2015, "Learning
    both Weights and Connections for Efficient Neural Networks"; Blalock, Gonzalez Ortiz, Frankle
    & Guttag 2020, "What is the State of Neural Network Pruning?" (how results are measured).

Worked notebook: notebooks/q01_what_is_pruning.ipynb
"""

from __future__ import annotations

import numpy as np

# Your written answer to the question above: 120 to 250 words, as you would say it aloud.
ANSWER = ""


def sparsity(weights: np.ndarray) -> float:
    """Return the share of the entries that are exactly zero.

    Args:
        weights: any shape, at least one entry.

    Returns:
        Zeros divided by entries, a fraction in [0, 1]. Both signs of zero count.

    Example:
        >>> sparsity(np.array([[0.0, 2.0], [-0.0, 1e-9]]))
        0.5
    """
    raise NotImplementedError


def compression_ratio(weights: np.ndarray) -> float:
    """Return how many entries there are for each one that is not zero.

    Args:
        weights: any shape, at least one entry.

    Returns:
        Entries divided by non-zeros, at least 1; infinity (`math.inf`) when every entry is zero.

    Example:
        >>> compression_ratio(np.array([[0.0, 2.0], [-0.0, 0.0]]))
        4.0
    """
    raise NotImplementedError


def is_pruning_of(pruned: np.ndarray, original: np.ndarray) -> bool:
    """Return whether `pruned` is `original` with some entries set to zero.

    Args:
        pruned: any shape, at least one entry.
        original: any shape, at least one entry; both arrays have the same dtype.

    Returns:
        True if the shapes are the same and every entry of `pruned` is either equal to that of
        `original`, without any tolerance, or zero (of either sign). None of them need be zero,
        and all may be. False otherwise: another shape is an answer here, not an error.

    Example:
        >>> original = np.array([1.0, -2.0, 3.0])
        >>> is_pruning_of(np.array([1.0, 0.0, 3.0]), original)
        True
        >>> is_pruning_of(np.array([1.0, 0.0, 2.9]), original)
        False
    """
    raise NotImplementedError

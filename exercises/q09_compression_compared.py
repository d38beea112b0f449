"""Pruning, quantisation and low rank, compared at the same number of bits

剪枝技术与其他压缩技术的比较？

Comparisons of compression methods often compare unlike things: 90% sparsity with 8 bits. Give
each method the same budget of bits, count everything that must be stored, and look at the error
that is left. Then it turns out that the answer depends on the budget and on the matrix.

    difficulty ●●●○○    importance ●●●●○    about 40 minutes, and as long for the written answer

Words
    weight  a float32 matrix of shape (rows, cols), of n = rows · cols values.
    budget  how many bits the approximation may take when it is stored, an integer.
    bits    how many bits of the budget a method uses, by the formula given with it. Each method
            buys the most that the budget pays for, whatever the values are: a weight that is 0
            and a rank that the matrix does not have are paid for like any other.

The three methods each return a pair (approximation, bits). The approximation is a new float32 array
of the shape of `weight`. Nothing given is changed. But for a budget that is too small, arguments
need no checks.

The written part
    `ANSWER` is your answer to the question in the first line, in 120 to 250 words, as you would
    say it in an interview: what each technique does, what it gains on which hardware, when which
    one is better, and whether they can be combined.

Sources
    Han, Mao & Dally 2016, "Deep Compression" (counting every bit; pruning and quantisation
    together); Eckart & Young 1936 (the truncated SVD is the best approximation of its rank);
    Kuzmin et al. 2023, "Pruning vs Quantization: Which is Better?"; Denton et al. 2014,
    "Exploiting Linear Structure Within Convolutional Networks for Efficient Evaluation".

Worked notebook: notebooks/q09_compression_compared.ipynb
"""

from __future__ import annotations

import numpy as np

# Your written answer to the question above: 120 to 250 words, as you would say it aloud.
ANSWER = ""


def prune_to_budget(weight: np.ndarray, budget: int) -> tuple[np.ndarray, int]:
    """Keep the weights of largest magnitude that the budget pays for.

    Stored are a mask of one bit for each of the n weights, and 32 bits for each weight kept:
    n + 32 · k bits, with k = min(n, (budget − n) // 32).

    Args:
        weight: a float32 matrix, shape (rows, cols).
        budget: bits; n pay for the mask and no weight.

    Returns:
        (approximation, bits): the k weights of largest absolute value as they are, 0 elsewhere.
        Of equal magnitudes any choice is right.

    Raises:
        ValueError: the budget is less than n, and does not pay for the mask.

    Example:
        >>> approximation, bits = prune_to_budget(np.array([[3.0, -4.0, 1.0]], np.float32), 70)
        >>> approximation.tolist(), bits
        ([[3.0, -4.0, 0.0]], 67)
    """
    raise NotImplementedError


def quantize_to_budget(weight: np.ndarray, budget: int) -> tuple[np.ndarray, int]:
    """Round the weights to a symmetric uniform grid, as fine as the budget pays for.

    Stored are a code of b bits for each of the n weights and one scale of 32 bits: n · b + 32
    bits, with the largest b from 2 to 16 that the budget pays for. The scale is
    max |weight| / (2^(b−1) − 1); a code is an integer from −(2^(b−1) − 1) to 2^(b−1) − 1, the one
    nearest to weight / scale (either neighbour at an exact half); the approximation is
    code · scale.

    Args:
        weight: a float32 matrix, shape (rows, cols).
        budget: bits.

    Returns:
        (approximation, bits). A matrix of zeros comes back as zeros.

    Raises:
        ValueError: the budget is less than 2 · n + 32, and does not pay for 2 bits a value.

    Example:
        >>> approximation, bits = quantize_to_budget(np.array([[-2.0, 1.1, 0.4]], np.float32), 40)
        >>> approximation.tolist(), bits
        ([[-2.0, 2.0, 0.0]], 38)
    """
    raise NotImplementedError


def factorize_to_budget(weight: np.ndarray, budget: int) -> tuple[np.ndarray, int]:
    """Replace the matrix by the best one of the highest rank that the budget pays for.

    Stored are two factors of shapes (rows, r) and (r, cols), 32 bits a number:
    32 · r · (rows + cols) bits, with the highest r ≤ min(rows, cols) that the budget pays for,
    also where the matrix has a lower rank.

    Args:
        weight: a float32 matrix, shape (rows, cols).
        budget: bits. Where they pay for no rank, r is 0, which costs nothing.

    Returns:
        (approximation, bits): the truncated singular value decomposition of rank r, multiplied
        out; zeros for r = 0. Where singular values are equal, any choice among them is right.

    Raises:
        ValueError: the budget is negative.

    Example:
        >>> weight = np.array([[3.0, 0.0], [0.0, 1.0]], np.float32)
        >>> approximation, bits = factorize_to_budget(weight, 200)
        >>> approximation.tolist(), bits
        ([[3.0, 0.0], [0.0, 0.0]], 128)
    """
    raise NotImplementedError


def compare(weight: np.ndarray, budget: int) -> dict[str, float]:
    """Return the error that each method leaves at this budget.

    The error is the relative one in the Frobenius norm, ‖weight − approximation‖ / ‖weight‖
    (root of the sum of squares over root of the sum of squares); 0.0 where the weight is all zero.

    Args:
        weight: a float32 matrix, shape (rows, cols).
        budget: bits, at least 0.

    Returns:
        {"prune": error, "quantize": error, "factorize": error}, in any order. A method for which
        the budget is too small is left out; nothing is raised.

    Example:
        >>> compare(np.array([[3.0, -4.0, 0.0]], np.float32), 35)
        {'prune': 0.6, 'factorize': 1.0}
    """
    raise NotImplementedError

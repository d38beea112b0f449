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

ANSWER = """
There are four families. Pruning removes weights, quantisation stores each weight in fewer bits,
low-rank factorisation replaces a matrix by two thin ones, and distillation trains a smaller
network to imitate the large one.

They differ in what they gain. Quantisation to 8 bits is a quarter of float32 and half of
bfloat16, needs little or no retraining, and integer units are everywhere, so I would try it
first; for language models 4-bit weights are the baseline. Unstructured pruning stores positions
too and needs sparse kernels; structured pruning and factorisation leave smaller dense layers, but
cost more accuracy. Distillation chooses the architecture freely and pays with training, a whole
one from scratch; a pruned student needs far less.

To compare them fairly, give each the same budget and count every bit, masks and scales included.
At moderate budgets quantisation usually wins: that is the result of Kuzmin and others in 2023,
who find pruning ahead only at very high compression. Below two bits a weight a uniform grid with
a zero, laid on after training, has no codes left and pruning still works; networks trained for it
go lower, such as BitNet b1.58. Low rank wins only where the spectrum decays fast.

And they combine. Deep Compression prunes, then quantises what is left, then codes it: 35 times
smaller for AlexNet, where pruning alone gave 9. Distillation helps after any of them. In the end
accuracy and measured latency count; the error of the weights is only a proxy.
"""

RUBRIC: list[tuple[int, str]] = [
    (
        2,
        "At least three other families are named and described rightly: quantisation, low rank, "
        "distillation.",
    ),
    (
        2,
        "The comparison is made at equal cost, with masks, indices and scales counted.",
    ),
    (
        2,
        "Hardware: which gain is real where; integer units and dense layers everywhere, sparse "
        "kernels only in places.",
    ),
    (
        1,
        "An honest verdict: quantisation first at moderate compression, with a source or figure.",
    ),
    (
        1,
        "The cost in training is compared: none or little against retraining or distilling.",
    ),
    (
        1,
        "They combine, with an example such as Deep Compression.",
    ),
    (
        1,
        "The final word is accuracy and latency of the model, not the error of the weights.",
    ),
]

FOLLOW_UPS: list[tuple[str, str]] = [
    (
        "Which is better at the same size, 75% sparsity or 8 bits?",
        "They are not the same size: with a bit mask 75% sparsity takes 9 bits a weight with "
        "float32 values, and 5 with bfloat16 ones. Even so 8 bits usually lose less, since every "
        "weight is kept to within half a step; sparsity pays when most weights are near 0 or "
        "the budget is below 2 bits.",
    ),
    (
        "When does a factorisation of rank r save anything?",
        "When r · (rows + cols) is less than rows · cols. For a square matrix that is below "
        "half of the full rank.",
    ),
    (
        "In which order would you combine pruning and quantisation?",
        "Prune first, fine-tune, then quantise what is left, with the scale taken after "
        "pruning; a symmetric grid keeps the zeros exactly 0. Then fine-tune with both in the "
        "loop.",
    ),
    (
        "Why is the Frobenius error not the whole story?",
        "It weighs all weights alike. What matters is the error of the outputs, which depends "
        "on the inputs too, and after fine-tuning the ranking can change.",
    ),
    (
        "Your pruned language model is to beat GPTQ or AWQ at 4 bits. Can it?",
        "At equal bytes hardly by pruning alone: 4 bits is a quarter of bfloat16, and with a "
        "bit mask one would have to remove about 81% of 16-bit weights to match that. What is "
        "done is both: fewer layers or neurons, then 4 bits on what is left. The case study in "
        "m00 measures them at equal bytes.",
    ),
    (
        "How much training does distillation into a pruned model take?",
        "Far less than training it: Minitron (Muralidharan et al. 2024) retrains with under 3% "
        "of the original data, up to 40 times fewer tokens than from scratch, since the student "
        "starts from the teacher's own weights.",
    ),
]

WRONG_CLAIMS: list[tuple[str, str]] = [
    (
        "Pruning is better than quantisation.",
        "Kuzmin et al. 2023: in most cases quantisation is more accurate at the same "
        "compression; pruning wins only at very high ratios. Measured in the notebook: the "
        "errors of both over budgets.",
    ),
    (
        "50% sparsity halves the memory.",
        "Positions cost bits as well: with a bit mask it is 17 of 32 bits a weight, or 9 of "
        "16 in bfloat16, and with 32-bit indices nothing is saved; Han, Mao & Dally 2016 count "
        "the indices.",
    ),
    (
        "One has to choose between pruning and quantisation.",
        "Han, Mao & Dally 2016: AlexNet 9 times smaller by pruning alone and 35 times with "
        "quantisation and Huffman coding, without loss of accuracy.",
    ),
    (
        "Low-rank factorisation always makes a layer smaller.",
        "r · (rows + cols) numbers are more than rows · cols unless the rank is low; measured "
        "in the notebook: on a random matrix it is the worst of the three at nearly all "
        "budgets.",
    ),
    (
        "Model pruning is a technique beside pruning.",
        "It is a longer name of the same thing: Zhu & Gupta 2017 use it for setting weights to "
        "zero. The techniques beside it are quantisation, factorisation and distillation.",
    ),
]


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
    if budget < weight.size:
        raise ValueError(f"{budget} bits do not pay for the mask of {weight.size}")
    kept = min(weight.size, (budget - weight.size) // 32)
    approximation = np.zeros_like(weight)
    largest = np.argsort(-np.abs(weight), axis=None)[:kept]
    approximation.flat[largest] = weight.flat[largest]
    return approximation, weight.size + 32 * kept


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
    if budget < 2 * weight.size + 32:
        raise ValueError(f"{budget} bits do not pay for 2 bits a value and the scale")
    width = min(16, (budget - 32) // weight.size)
    steps = 2 ** (width - 1) - 1
    # In float64: at 16 bits the rounding of float32 would shift values near a half.
    exact = weight.astype(np.float64)
    scale = np.abs(exact).max() / steps or 1.0
    approximation = np.rint(exact / scale) * scale
    return approximation.astype(weight.dtype), width * weight.size + 32


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
    if budget < 0:
        raise ValueError(f"a budget of {budget} bits does not even pay for rank 0")
    price = 32 * sum(weight.shape)
    rank = min(*weight.shape, budget // price)
    u, s, vt = np.linalg.svd(weight, full_matrices=False)
    approximation = (u[:, :rank] * s[:rank]) @ vt[:rank]
    return approximation.astype(weight.dtype), price * rank


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
    exact = weight.astype(np.float64)
    norm = np.linalg.norm(exact)
    methods = {
        "prune": (prune_to_budget, weight.size),
        "quantize": (quantize_to_budget, 2 * weight.size + 32),
        "factorize": (factorize_to_budget, 0),
    }
    errors = {}
    for name, (method, least) in methods.items():
        if budget >= least:
            approximation, _ = method(weight, budget)
            errors[name] = float(np.linalg.norm(exact - approximation) / norm) if norm else 0.0
    return errors

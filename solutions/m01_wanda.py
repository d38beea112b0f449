"""Wanda: weights and activations together decide what goes

为什么幅度剪枝在大语言模型上会失效？Wanda 又是怎么做的？
Why does magnitude pruning fail on large language models, and what does Wanda do instead?

In a large language model a few input features of a layer are far larger than the rest. A small
weight on such a feature can move the output more than a large weight on a quiet one. Wanda
(pruning by Weights AND Activations) multiplies the two: one pass over a little text, one product,
one sort, and no weight is changed.

    difficulty ●●○○○    importance ●●●●●    about 30 minutes, and as long for the written answer

Words
    weight    a linear layer's matrix, (out, in): row i makes output i, column j reads input
              feature j. The layer computes x @ weight.T; there is no bias.
    batches   a list of tensors (…, in), of two or more dimensions, which may differ in size and
              in the number of dimensions. All dimensions but the last together are the tokens:
              (2, 5, in) holds ten. Each token of each batch counts the same.
    mask      boolean, the shape of weight; True = kept.
    sparsity  the fraction removed, in [0, 1]: of n, round(float(sparsity) · n) go.

Everywhere
    Torch tensors, float32 or float64 (weight and norms of one dtype), perhaps not contiguous; the
    dtype is kept. Nothing given is changed. Among equal scores any choice is right. Arguments
    need no checks.

The written part
    `ANSWER` is your answer to the question in the first lines, in 120 to 250 words, as you would
    say it in an interview: what is special about large language models, what Wanda's score means,
    why it compares within a row, what it costs, and what it does not give you.

Sources
    Sun, Liu, Bair & Kolter 2024, "A Simple and Effective Pruning Approach for Large Language
    Models" (Wanda: eq. 1 and section 3; its released code divides the squared norms by the number
    of sequences, and its n:m names how many go: not so here); Dettmers, Lewis, Belkada &
    Zettlemoyer 2022, "LLM.int8()" (outlier features); Frantar & Alistarh 2023, "SparseGPT".

Worked notebook: notebooks/m01_wanda.ipynb
"""

from __future__ import annotations

import torch

ANSWER = """
Magnitude pruning assumes that all inputs of a layer are about equally large, so that a small
weight does little. In large language models that is not so: from some billions of parameters on,
a few hidden features are far larger than the others, on nearly every token. A small weight on
such a feature matters, and magnitude pruning throws it away. In small networks retraining would
repair that; at this size we prune in one shot.

Wanda scores each weight by its magnitude times the L2 norm of its input feature over a little
calibration text. For one weight alone this is exactly how far the layer's output moves
when it goes. Weights are compared within each output row, so no output loses nearly all of its
inputs; for 2:4, within each run of four.

Its charm is the cost: one forward pass, no gradients, no Hessian, no weight update. The score is
the diagonal case of Optimal Brain Surgeon. SparseGPT also uses correlations between features and
lets the kept weights make up for the loss. At 50% the two are close; at higher sparsity and for
2:4 on a 7B model the update pays.

What I would not promise: unstructured zeros in a dense tensor save neither memory nor time.
Comparing by rows is an observation about LLMs, not a law. And padding tokens must not be counted
in the norms.
"""

RUBRIC: list[tuple[int, str]] = [
    (
        2,
        "A few outlier features with very large activations: a small weight on one matters, and "
        "magnitude cannot see it.",
    ),
    (2, "The score: |weight| times the L2 norm of its input feature over calibration tokens."),
    (
        1,
        "What the score means: the change of the layer's output when that weight alone goes, or "
        "the diagonal of the Hessian.",
    ),
    (1, "Comparison within an output row (or a run of m for n:m), and not over the whole layer."),
    (
        2,
        "The cost: a forward pass over few tokens; no gradients, no retraining, no weight update.",
    ),
    (1, "Against SparseGPT: that one updates what is kept; near at 50%, apart when it gets hard."),
    (1, "A limit: no speed or memory without kernels, calibration, or interactions left out."),
]

FOLLOW_UPS: list[tuple[str, str]] = [
    (
        "Why does only the norm of a feature enter, and not its mean or its sign?",
        "Removing w_ij changes output i by −w_ij·x_j on every token. The L2 norm of that change "
        "over all tokens is |w_ij|·‖x_j‖, whatever the signs.",
    ),
    (
        "Does it matter whether you use the norm, the mean square or the RMS?",
        "Not within a row: a common factor changes no order, and squares of non-negative numbers "
        "keep it. It matters as soon as scores of layers with different numbers of tokens are "
        "compared.",
    ),
    (
        "What does the score leave out?",
        "That several weights go at once. Correlated features can cancel or add up, and the kept "
        "weights could make up for the loss: the off-diagonal of the Hessian, which SparseGPT "
        "uses.",
    ),
    (
        "On which activations is layer 20 calibrated?",
        "On those of the already pruned layers before it: layer by layer, the pruned outputs are "
        "the next inputs, since these are what it will see.",
    ),
    (
        "When does it become faster?",
        "With a pattern that kernels use, such as 2:4, at large batches, or when memory traffic "
        "falls with a sparse format. A mask over a dense matrix multiplies as many numbers.",
    ),
]

WRONG_CLAIMS: list[tuple[str, str]] = [
    (
        "Large models are so redundant that magnitude pruning is good enough.",
        "Wanda's repository, table of LLaMA-2 results (WikiText perplexity, 7B, 50%): dense 5.12, "
        "magnitude 14.89, Wanda 6.42; at 2:4 magnitude gives 54.59.",
    ),
    (
        "A model pruned by Wanda to 50% is half as large and twice as fast.",
        "locuslab/wanda issues #14 and #29: users find the same latency and the same file size; "
        "the zeros stand in dense tensors.",
    ),
    (
        "Comparing row by row is always better than over the whole layer.",
        "Sun et al. 2024, section 3: not seen for image classifiers; measured in the notebook for "
        "a small transformer.",
    ),
    (
        "Wanda adjusts the weights that are left.",
        "Sun et al. 2024, section 3: the pruned weights are set to zero and the others stay; the "
        "update is what SparseGPT adds.",
    ),
    (
        "Being simpler, Wanda is always the better choice over SparseGPT.",
        "Wanda's repository, the same table, 7B at 2:4: SparseGPT 10.17, Wanda 11.02; measured in "
        "the notebook of m02 too.",
    ),
    (
        "It needs a large calibration set, like training.",
        "Sun et al. 2024 use 128 sequences, and their ablation stays stable with far fewer; "
        "measured in the notebook.",
    ),
]


def feature_norms(batches: list[torch.Tensor]) -> torch.Tensor:
    """Return the L2 norm of each input feature over all tokens of all batches.

    Norm j is √(Σ x_j²), summed over every token: not divided by how many there are.

    Args:
        batches: tensors (…, in), with at least one token in all.

    Returns:
        A tensor of shape (in,), of the dtype of the batches.

    Example:
        >>> feature_norms([torch.tensor([[3.0, 1.0]]), torch.tensor([[[-4.0, 0.0]]])]).tolist()
        [5.0, 1.0]
    """
    squares = sum(batch.reshape(-1, batch.shape[-1]).square().sum(dim=0) for batch in batches)
    return squares.sqrt()


def wanda_scores(weight: torch.Tensor, norms: torch.Tensor) -> torch.Tensor:
    """Return Wanda's score of each weight: |weight_ij| · norms_j.

    Args:
        weight: (out, in).
        norms: (in,), not negative, the norm of each input feature.

    Returns:
        A tensor of the shape and dtype of weight.

    Example:
        >>> weight = torch.tensor([[4.0, -1.0], [0.5, 2.0]])
        >>> wanda_scores(weight, torch.tensor([1.0, 10.0])).tolist()
        [[4.0, 10.0], [0.5, 20.0]]
    """
    return weight.abs() * norms


def wanda_mask(weight: torch.Tensor, norms: torch.Tensor, sparsity: float) -> torch.Tensor:
    """Return the mask with which each output row, on its own, loses its lowest scores.

    Args:
        weight: (out, in).
        norms: (in,).
        sparsity: of the `in` weights of a row, round(float(sparsity) · in) go, in every row.

    Returns:
        A boolean mask of the shape of weight, True = kept.

    Example:
        >>> weight = torch.tensor([[4.0, -1.0, 3.0, 2.0], [0.4, 0.3, 0.2, 0.1]])
        >>> wanda_mask(weight, torch.tensor([1.0, 10.0, 1.0, 1.0]), 0.5).tolist()
        [[True, True, False, False], [True, True, False, False]]
    """
    scores = wanda_scores(weight, norms)
    removed = round(float(sparsity) * scores.shape[1])
    lowest = scores.argsort(dim=1)[:, :removed]
    return torch.ones_like(scores, dtype=torch.bool).scatter(1, lowest, False)


def wanda_nm_mask(weight: torch.Tensor, norms: torch.Tensor, n: int, m: int) -> torch.Tensor:
    """Return the n:m mask: of every m neighbouring inputs of a row, the n of highest score stay.

    The runs of a row are its columns 0 … m − 1, m … 2m − 1, and so on. n counts what is kept, as
    in 2:4.

    Args:
        weight: (out, in), with `in` divisible by m.
        norms: (in,).
        n: how many are kept in each run, 1 ≤ n ≤ m.
        m: the length of a run.

    Returns:
        A boolean mask of the shape of weight, True = kept.

    Example:
        >>> weight = torch.tensor([[4.0, -1.0, 3.0, 2.0]])
        >>> wanda_nm_mask(weight, torch.tensor([1.0, 10.0, 1.0, 1.0]), 1, 2).tolist()
        [[False, True, True, False]]
    """
    runs = wanda_scores(weight, norms).reshape(-1, m)
    highest = runs.topk(n, dim=1).indices
    mask = torch.zeros_like(runs, dtype=torch.bool).scatter(1, highest, True)
    return mask.reshape(weight.shape)

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

# Your written answer to the question above: 120 to 250 words, as you would say it aloud.
ANSWER = ""


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
    raise NotImplementedError


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
    raise NotImplementedError


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
    raise NotImplementedError


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
    raise NotImplementedError

"""2:4 sparsity: two of four, what is stored, and what a permutation wins back

2:4 稀疏要求什么？硬件实际存储什么？通道重排又能挽回多少精度？
What does 2:4 sparsity ask for, what does hardware store, and how much accuracy does a permutation
win back?

Of every four neighbouring inputs of a row at most two weights are not zero. So little freedom is
enough for hardware: it stores two values a run and two bits for the place of each, and its
multipliers skip the rest. The price is that neighbours compete. Which columns are neighbours is
for you to choose.

    difficulty ●●●○○    importance ●●●●○    about 40 minutes, and as long for the written answer

Words
    weight       a linear layer's matrix, (out, in); it computes x @ weight.T. `in` is divisible
                 by 4.
    run          four neighbouring inputs of a row: columns 0–3, 4–7, and so on.
    values       (out, in/2): two numbers a run, in the order of the runs.
    indices      int64, (out, in/2): the place of each value in its run, 0 to 3; the two of a run
                 ascend and differ.
    permutation  int64, (in,): each column once. The new matrix is weight[:, permutation]: its
                 column i is column permutation[i] of the old one.

Everywhere
    Torch tensors; weights are float32 or float64, perhaps not contiguous, and their dtype is
    kept. Nothing given is changed. Among equal choices any is right. Arguments need no checks,
    but for the one under `Raises`.

The written part
    `ANSWER` is your answer to the question in the first lines, in 120 to 250 words, as you would
    say it in an interview: the pattern and why hardware wants it, the bytes, when it is faster
    and when not, what it costs beside free 50% sparsity, and what a permutation does about that.

Sources
    Mishra et al. 2021, "Accelerating Sparse Deep Neural Networks" (2:4, its storage, the recipe);
    Pool & Yu 2021, "Channel Permutations for N:M Sparsity" (retained magnitude and the search);
    Sun et al. 2024, "Wanda", and its released table of results. The layout of the packed bits is
    the plain one; each GPU reorders it for its own loads.

Worked notebook: notebooks/m03_semi_structured.ipynb
"""

from __future__ import annotations

import torch

# Your written answer to the question above: 120 to 250 words, as you would say it aloud.
ANSWER = ""


def compress(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what hardware stores of a 2:4 matrix: the values and their places.

    Each run gives two values and two indices, the indices ascending. Where a run has fewer than
    two non-zeros, any free place serves, with the value 0.

    Args:
        weight: (out, in), at most two non-zeros in each run.

    Returns:
        (values, indices), both (out, in/2): values in the dtype of weight, indices int64.

    Raises:
        ValueError: a run has more than two non-zeros; a part of it would be lost in silence.

    Example:
        >>> values, indices = compress(torch.tensor([[0.0, 3.0, 0.0, -1.0, 5.0, 2.0, 0.0, 0.0]]))
        >>> values.tolist(), indices.tolist()
        ([[3.0, -1.0, 5.0, 2.0]], [[1, 3, 0, 1]])
    """
    raise NotImplementedError


def decompress(values: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
    """Return the dense matrix of stored values and indices; what is not stored is 0.

    Args:
        values: (out, in/2), two a run.
        indices: int64, (out, in/2), two a run, ascending and different.

    Returns:
        A tensor of shape (out, in), of the dtype of values.

    Example:
        >>> decompress(torch.tensor([[3.0, -1.0]]), torch.tensor([[1, 3]])).tolist()
        [[0.0, 3.0, 0.0, -1.0]]
    """
    raise NotImplementedError


def pack_indices(indices: torch.Tensor) -> torch.Tensor:
    """Pack the indices into bytes: two bits each, four to a byte, the first in the lowest bits.

    Args:
        indices: int64, (out, in/2), from 0 to 3; the width is divisible by 4.

    Returns:
        A uint8 tensor of shape (out, in/8).

    Example:
        >>> pack_indices(torch.tensor([[1, 3, 0, 2]])).tolist()  # 0b10_00_11_01
        [[141]]
    """
    raise NotImplementedError


def retained(weight: torch.Tensor, permutation: torch.Tensor) -> float:
    """Return the sum of magnitudes that the best 2:4 mask keeps after a permutation of the inputs.

    The columns are put in the order weight[:, permutation]; then each run of each row keeps its
    two largest magnitudes. Their sum is what is retained (not a share of the whole).

    Args:
        weight: (out, in).
        permutation: int64, (in,), each column once.

    Returns:
        A number, ≥ 0.

    Example:
        >>> weight = torch.tensor([[9.0, -8.0, 7.0, 6.0, 1.0, 1.0, 1.0, 1.0]])
        >>> retained(weight, torch.arange(8))
        19.0
        >>> retained(weight, torch.tensor([0, 1, 4, 5, 2, 3, 6, 7]))
        30.0
    """
    raise NotImplementedError


def best_permutation(weight: torch.Tensor) -> torch.Tensor:
    """Return an order of exactly eight input columns that retains the most.

    Only which four columns share a run matters, and not the order within a run or of the runs:
    35 groupings differ.

    Args:
        weight: (out, 8).

    Returns:
        A permutation, int64, (8,), of largest `retained`.

    Example:
        >>> weight = torch.tensor([[9.0, -8.0, 7.0, 6.0, 1.0, 1.0, 1.0, 1.0]])
        >>> retained(weight, best_permutation(weight))
        30.0
    """
    raise NotImplementedError

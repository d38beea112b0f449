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

from itertools import combinations

import torch

ANSWER = """
2:4 means: of every four neighbouring inputs of an output, at most two weights are non-zero. It is
a compromise between free sparsity, which kernels cannot use at 50%, and removing whole channels,
which costs more accuracy.

Hardware stores the two values of each run and, for each, a two-bit index. For 16-bit weights that
is 36 bits instead of 64, nine sixteenths and not a half; for 8-bit weights five eighths. The
sparse tensor core uses the index to pick the matching activations, so it does half the
multiplications: at most twice the throughput, on large matrix products. At batch one a decoder
reads weights and hardly computes; there I expect little, and small shapes can get slower. A CPU
without such units gains nothing.

In accuracy it costs more than unstructured 50%: important weights in one run compete, while a
quiet run must keep two. NVIDIA's recipe retrains after pruning. One shot on LLaMA-2-7B, Wanda goes
from perplexity 6.4 unstructured to 11.0 at 2:4.

A permutation of the input columns spreads the important ones over runs. It is free at inference:
permute the rows of the layer that produces those inputs, offline. Residual connections tie layers
to one common order, though. For eight columns there are 35 groupings, for sixteen over two
million, so larger layers need a search. It raises the kept magnitude; whether accuracy follows
must be measured.
"""

RUBRIC: list[tuple[int, str]] = [
    (2, "The pattern: at most two non-zeros in every four neighbouring inputs of a row."),
    (2, "What is stored: two values and two 2-bit indices a run; 9/16 of 16-bit weights."),
    (
        2,
        "When it is faster: sparse tensor cores, large products, at most twice; not at batch one, "
        "on small shapes or on a CPU.",
    ),
    (
        1,
        "It costs more accuracy than unstructured 50%, since neighbours compete; retraining or a "
        "better score helps.",
    ),
    (
        2,
        "A permutation of the inputs raises what is kept, and costs nothing at inference when the "
        "producing layer is permuted too.",
    ),
    (1, "A limit: residual streams tie orders, the search is large, or few serve 2:4 today."),
]

FOLLOW_UPS: list[tuple[str, str]] = [
    (
        "Why along the inputs, and not along the outputs?",
        "The inputs are the dimension that is summed over. The core multiplies two stored values "
        "by the two activations that their indices pick, and adds both to one output.",
    ),
    (
        "How many bytes does a 4096 × 4096 layer take in 16 bits?",
        "Dense 32 MiB. At 2:4: 16 MiB of values, and 2 MiB for 8.4 million indices of two bits.",
    ),
    (
        "Why 35 groupings of eight columns, and not 8! orders?",
        "The order within a run and the order of the runs change nothing: 8! / (4! · 4! · 2) = 35. "
        "Fix one column's run and choose its three companions of seven.",
    ),
    (
        "What else must be permuted when the inputs of a layer are?",
        "The rows of the layer before it, its bias, and whatever acts by channel in between; with "
        "a residual stream every layer that reads or writes it. Inside an MLP it is free.",
    ),
    (
        "What would you check before promising 2:4 in production?",
        "Accuracy after pruning by a good score, the shapes and batch sizes that are served, the "
        "measured time of exactly those, and whether 8- or 4-bit weights alone give more.",
    ),
]

WRONG_CLAIMS: list[tuple[str, str]] = [
    (
        "2:4 makes inference twice as fast.",
        "pytorch/pytorch #111339: 4096 × 4096 by one column, 0.111 of the dense speed; "
        "pytorch/tutorials #3236: the tutorial's own table shows 0.40 to 0.95.",
    ),
    (
        "2:4 halves the memory of the weights.",
        "Two indices of two bits a run come on top: 36 of 64 bits at 16 bits a value, 20 of 32 at "
        "8; measured in the notebook with `compress` and `pack_indices`.",
    ),
    (
        "50% is 50%: 2:4 is as accurate as unstructured pruning.",
        "Wanda's repository, table of LLaMA-2 results, 7B (WikiText perplexity; dense 5.12): Wanda "
        "6.42 unstructured, 7.97 at 4:8, 11.02 at 2:4.",
    ),
    (
        "Permuting channels slows inference down.",
        "Pool & Yu 2021: the neighbouring layer is adjusted beforehand, so the run time does not "
        "change.",
    ),
    (
        "Sorting the columns by their norm gives a good permutation.",
        "It puts the large columns into one run, where they compete; measured in the notebook, "
        "beside the best of 35.",
    ),
    (
        "A CPU runs a 2:4 matrix faster, since half of it is zero.",
        "A dense product multiplies the zeros too; measured in the notebook.",
    ),
]


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
    runs = weight.reshape(len(weight), -1, 4)
    if ((runs != 0).sum(dim=2) > 2).any():
        raise ValueError("weight must have at most two non-zeros in each run of four inputs")
    # A stable sort by "is zero" puts the non-zeros first; then the two chosen in order.
    places = (runs == 0).int().argsort(dim=2, stable=True)[:, :, :2].sort(dim=2).values
    return runs.gather(2, places).flatten(1), places.flatten(1)


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
    pairs = values.reshape(len(values), -1, 2)
    runs = pairs.new_zeros(*pairs.shape[:2], 4)
    return runs.scatter(2, indices.reshape(pairs.shape), pairs).flatten(1)


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
    fours = indices.reshape(len(indices), -1, 4)
    return (fours << torch.tensor([0, 2, 4, 6])).sum(dim=2).to(torch.uint8)


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
    runs = weight[:, permutation].abs().double().reshape(-1, 4)
    return float(runs.topk(2, dim=1).values.sum())


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
    orders = []
    for companions in combinations(range(1, 8), 3):  # of column 0
        first = [0, *companions]
        orders.append(torch.tensor(first + [j for j in range(8) if j not in first]))
    return max(orders, key=lambda order: retained(weight, order))

"""Depth: which blocks a transformer can do without

深层 Transformer 的哪些层可以去掉？怎样找到它们？
Which layers of a deep transformer can go, and how do you find them?

Every block adds something to the residual stream, and in a deep model many add little. Two quick
measures compare the stream before and after: one block at a time, or a run of blocks at once. A
slower one removes blocks for real and looks at what comes out. A model with fewer blocks is faster
on any hardware, in proportion.

    difficulty ●●○○○    importance ●●●●○    about 45 minutes, and as long for the written answer

Words
    states  a list of L + 1 tensors (batch, tokens, model): states[0] goes into block 0, and
            states[i + 1] comes out of block i. No vector of model numbers is zero.
    cosine  of two vectors a and b of model numbers: a·b / (‖a‖ ‖b‖).
    blocks  an nn.ModuleList; each block maps a tensor to one of the same shape, and the stack
            applies them one after the other. Block 0 comes first.

Everywhere
    Torch tensors, float32 or float64, perhaps not contiguous; the dtype of states is kept. Nothing
    given is changed. Arguments need no checks.

The written part
    `ANSWER` is your answer to the question in the first lines, in 120 to 250 words, as you would
    say it in an interview: why blocks can go at all, which do, how you choose them, what the
    measures do not see, and what you check afterwards.

Sources
    Men et al. 2024, "ShortGPT: Layers in Large Language Models are More Redundant Than You Expect"
    (block influence); Gromov et al. 2024, "The Unreasonable Ineffectiveness of the Deeper Layers"
    (angular distance, section 3); Song et al. 2024, "SLEB: Streamlining LLMs through Redundancy
    Verification and Elimination of Transformer Blocks" (greedy, measured anew); Kim et al. 2024,
    "Shortened LLaMA".

Worked notebook: notebooks/m06_depth.ipynb
"""

from __future__ import annotations

import torch
from torch import nn

# Your written answer to the question above: 120 to 250 words, as you would say it aloud.
ANSWER = ""


def block_influence(states: list[torch.Tensor]) -> torch.Tensor:
    """Return the influence of each block: 1 − the mean cosine between its input and its output.

    The mean is over all tokens of all sequences.

    Args:
        states: L + 1 tensors (batch, tokens, model), L ≥ 1.

    Returns:
        A tensor of shape (L,).

    Example:
        >>> states = [torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[0.0, 1.0]]])]
        >>> block_influence([*states, 2 * states[1]]).tolist()
        [1.0, 0.0]
    """
    raise NotImplementedError


def angular_distances(states: list[torch.Tensor], n: int) -> torch.Tensor:
    """Return how far each run of n blocks turns the stream at the last token.

    For a run that begins with block ℓ: the mean over the batch of arccos(cosine) / π, between
    states[ℓ] and states[ℓ + n], at the last token of each sequence alone. Rounding can bring a
    cosine just out of [−1, 1]: clamp it.

    Args:
        states: L + 1 tensors (batch, tokens, model).
        n: the length of a run, 1 ≤ n ≤ L.

    Returns:
        A tensor of shape (L − n + 1,): one for each start ℓ = 0 … L − n.

    Example:
        >>> states = [torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[0.0, 1.0]]])]
        >>> angular_distances([*states, 2 * states[1]], 1).tolist()
        [0.5, 0.0]
    """
    raise NotImplementedError


def consecutive_blocks(states: list[torch.Tensor], n: int) -> list[int]:
    """Return the n neighbouring blocks that turn the stream least.

    They begin at the start of least angular distance (of exact equals, the first).

    Args:
        states: L + 1 tensors (batch, tokens, model).
        n: how many blocks, 1 ≤ n ≤ L.

    Returns:
        A list of n neighbouring indices, ascending.

    Example:
        >>> states = [torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[0.0, 1.0]]])]
        >>> consecutive_blocks([*states, 2 * states[1]], 1)
        [1]
    """
    raise NotImplementedError


def drop_blocks(blocks: nn.ModuleList, drop: list[int]) -> nn.ModuleList:
    """Return deep copies of the blocks that are left, in order.

    Args:
        blocks: the blocks of the stack.
        drop: distinct indices, in any order, perhaps none or all.

    Returns:
        An nn.ModuleList; no module and no parameter in it is one of the original's.

    Example:
        >>> drop_blocks(nn.ModuleList([nn.ReLU(), nn.Tanh(), nn.Sigmoid()]), [1])
        ModuleList(
          (0): ReLU()
          (1): Sigmoid()
        )
    """
    raise NotImplementedError


def greedy_depth(blocks: nn.ModuleList, x: torch.Tensor, n: int) -> list[int]:
    """Return which n blocks to remove, found one at a time on the output.

    n times: of the blocks that are left, the one goes without which the output of the rest comes
    nearest to that of the original, full stack (the Frobenius norm of the difference: the root of
    the sum of all its squares). All are measured anew each time. A stack of no blocks returns x.

    Args:
        blocks: the blocks of the stack; they stay as they are.
        x: what goes into the first of them.
        n: from 0 to the number of blocks.

    Returns:
        A list of n indices into `blocks` as given, in the order of removal; [] for n = 0.

    Example:
        >>> blocks = nn.ModuleList([nn.Tanh(), nn.ReLU()])
        >>> greedy_depth(blocks, torch.tensor([[2.0, -0.1]]), 2)
        [1, 0]
    """
    raise NotImplementedError

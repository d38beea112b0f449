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

import copy
import math

import torch
from torch import nn
from torch.nn import functional as F

ANSWER = """
A transformer's blocks write into one residual stream. Without block i the next one reads a stream
that lacks one contribution, of the same shape and nearly the same direction. That is why blocks
can go at all, and why deep models tolerate it better than shallow ones.

I run a little text through and compare. Block influence is one minus the cosine between a block's
input and output, averaged over tokens; the least go first. For a run of n blocks I take the
angular distance between the stream before and behind it, at the last token, and cut the nearest
pair. In large models that is usually a run in the deeper half. The first blocks and the last one
matter most.

Both measures are cheap, and both are local: they see how far the stream moves, not what later
blocks do with the difference, and the ranking changes once a block is gone. So I use them to
shortlist, and then remove for real: greedily, measured anew each time on the final output or the
loss.

Then I heal, with some hundred steps of training, best by distillation. Depth is the pruning that
pays everywhere, in latency, weights and cache, but it is coarse: at equal parameters a narrower
model usually keeps more. And multiple-choice scores hide the damage. Knowledge survives, while
reasoning in many steps suffers first, so I test generation too.
"""

RUBRIC: list[tuple[int, str]] = [
    (
        2,
        "Why it works: the residual stream; a block adds a small change, and the next can read the "
        "stream without it.",
    ),
    (2, "Block influence, 1 − cosine of input and output, or an equal measure, on a little text."),
    (1, "A run of blocks measured as a whole, by the angular distance of its ends."),
    (
        2,
        "What the measures miss: they are local, and change after each removal; so remove for "
        "real, greedily, and measure the output or the loss.",
    ),
    (1, "Which usually go: deeper ones, but not the last; the first ones hardly ever."),
    (1, "Healing or distillation afterwards; the gain: latency, weights and cache in proportion."),
    (1, "Evaluation beyond multiple choice: generation and reasoning suffer first."),
]

FOLLOW_UPS: list[tuple[str, str]] = [
    (
        "Why the last token for the angular distance?",
        "With causal attention it alone has seen the whole sequence, and what is predicted next "
        "is read off it. Averaging over all tokens would count early ones, which have little to "
        "do.",
    ),
    (
        "A block has the least influence. Is it the one whose removal costs least?",
        "Not surely. A small change in a direction that later blocks read can matter more than a "
        "large one that they ignore. Influence is a guess about the loss; removal measures it.",
    ),
    (
        "How many measurements does the greedy way take for n of L blocks?",
        "L + (L − 1) + …, about n·L runs over the calibration set, each of a shrinking stack. "
        "All subsets of n would be far more, and greedy may miss the best one.",
    ),
    (
        "What must be mended in the code when a block is gone?",
        "Whatever is indexed by layer: the key-value cache, the number of layers in the "
        "configuration, settings given by layer. A stale layer index writes into a cache entry "
        "that is not there.",
    ),
    (
        "Depth or width, under a latency limit?",
        "Depth shortens the chain of dependent steps, which small batches wait for. At equal "
        "parameters it is faster and less accurate, so under a latency limit I compare both at "
        "equal time, not at equal size.",
    ),
]

WRONG_CLAIMS: list[tuple[str, str]] = [
    (
        "Each layer refines the last, so none of them can go.",
        "Gromov et al. 2024 (abstract): up to half of the layers of some open models go with "
        "minimal loss on question answering, after a little fine-tuning.",
    ),
    (
        "The block of least influence is the best one to remove.",
        "It is a local measure; measured in the notebook: perplexity without each block, beside "
        "its influence.",
    ),
    (
        "The first blocks only embed the words, so they are the ones to drop.",
        "ggml-org/llama.cpp pull request #3565 skips layers one by one: without layer 0 the "
        "perplexity exceeds a thousand; measured in the notebook.",
    ),
    (
        "If the multiple-choice scores hold, nothing is lost.",
        "“On the Limits of Layer Pruning for Generative Reasoning in Large Language Models” "
        "(arXiv 2602.01997): classification comes back after fine-tuning, arithmetic and GSM8K do "
        "not.",
    ),
    (
        "Scores measured once are enough for any number of blocks.",
        "Song et al. 2024 (SLEB) verify the redundancy again after every removal; measured in the "
        "notebook, by each rule.",
    ),
]


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
    pairs = zip(states, states[1:])
    return torch.stack([1 - F.cosine_similarity(a, b, dim=-1).mean() for a, b in pairs])


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
    distances = []
    for before, behind in zip(states, states[n:]):
        cosine = F.cosine_similarity(before[:, -1], behind[:, -1], dim=-1)
        distances.append((cosine.clamp(-1, 1).arccos() / math.pi).mean())
    return torch.stack(distances)


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
    start = int(angular_distances(states, n).argmin())
    return list(range(start, start + n))


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
    left = [block for index, block in enumerate(blocks) if index not in drop]
    return copy.deepcopy(nn.ModuleList(left))


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

    def output(indices: list[int]) -> torch.Tensor:
        result = x
        for index in indices:
            result = blocks[index](result)
        return result

    left, removed = list(range(len(blocks))), []
    with torch.no_grad():
        full = output(left)
        for _ in range(n):
            rest = {index: [i for i in left if i != index] for index in left}
            least = min(left, key=lambda index: float((output(rest[index]) - full).norm()))
            left.remove(least)
            removed.append(least)
    return removed

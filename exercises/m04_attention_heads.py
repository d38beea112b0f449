"""Attention heads: which can go, and what they share

怎样剪掉注意力头？当多个查询头共用键和值时，会有什么不同？
How do you prune attention heads, and what changes when queries share keys?

The heads of an attention layer work side by side and their results are added up, so a head can be
cut out without a trace. Newer models let several query heads read one key-value head: then a head
is no longer alone, and the key-value cache shrinks only when a whole group goes, or when groups
are merged.

    difficulty ●●●○○    importance ●●●●○    about 50 minutes, and as long for the written answer

Words
    head          one of n_heads queries, each of d numbers: head h owns the rows h·d … (h+1)·d − 1
                  of q, and the columns h·d … (h+1)·d − 1 of o.
    kv head       one of n_kv_heads pairs of a key and a value: rows g·d … (g+1)·d − 1 of k and v.
    group         the n_heads / n_kv_heads neighbouring heads that read one kv head: head h reads
                  kv head h // (n_heads // n_kv_heads).
    d             numbers a head: len(q) // n_heads. n_heads · d need not be the width `model`.

Everywhere
    A matrix (out, in) computes x @ matrix.T; there are no biases and no positions. Torch tensors,
    float32 or float64, perhaps not contiguous; the dtype is kept. Nothing given is changed. A
    result shares no memory with it, unless a tensor has the same values anyway. Arguments need no
    checks but the one under `Raises`.

The written part
    `ANSWER` is your answer to the question in the first lines, in 120 to 250 words, as you would
    say it in an interview: how you find heads that can go, what is cut out with one, what grouped
    queries forbid, and what each way saves in weights and in the cache.

Sources
    Michel, Levy & Neubig 2019, "Are Sixteen Heads Really Better than One?" (eq. 2); Voita et al.
    2019, "Analyzing Multi-Head Self-Attention"; Shazeer 2019, "Fast Transformer Decoding: One
    Write-Head is All You Need"; Ainslie et al. 2023, "GQA: Training Generalized Multi-Query
    Transformer Models from Multi-Head Checkpoints" (section 2.1 for the mean of the heads).

Worked notebook: notebooks/m04_attention_heads.ipynb
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

# Your written answer to the question above: 120 to 250 words, as you would say it aloud.
ANSWER = ""


@dataclass(frozen=True)
class Attention:
    """The weights of an attention layer.

    q (n_heads·d, model), k and v (n_kv_heads·d, model), o (model, n_heads·d); n_kv_heads divides
    n_heads.
    """

    q: torch.Tensor
    k: torch.Tensor
    v: torch.Tensor
    o: torch.Tensor
    n_heads: int
    n_kv_heads: int


def attend(attention: Attention, x: torch.Tensor) -> torch.Tensor:
    """Return what the layer computes: causal attention, heads side by side, then o.

    For each head: softmax(query · keys / √d) over this token and those before it, times the
    values. The heads' results, concatenated in order, go through o.

    Args:
        attention: the weights.
        x: (batch, tokens, model).

    Returns:
        A tensor of the shape of x.

    Example:
        >>> one, zero = torch.ones(1, 1), torch.zeros(1, 1)
        >>> attention = Attention(zero, zero, one, one, n_heads=1, n_kv_heads=1)
        >>> attend(attention, torch.tensor([[[1.0], [3.0], [8.0]]])).tolist()
        [[[1.0], [2.0], [4.0]]]
    """
    raise NotImplementedError


def head_importance(
    loss_of: Callable[[torch.Tensor, Any], torch.Tensor], n_heads: int, samples: list
) -> torch.Tensor:
    """Return Michel's importance of each head: the mean over samples of |∂ loss / ∂ gate|.

    A gate multiplies what a head puts out; the gradient is taken with all gates at 1.

    Args:
        loss_of: `loss_of(gates, sample)` returns the loss of one sample, a scalar tensor; gates
            (n_heads,), float32 or float64. Nothing else in it asks for gradients.
        n_heads: how many gates there are.
        samples: a list, at least one; what a sample is, only loss_of knows.

    Returns:
        A tensor of shape (n_heads,); nothing in it is negative.

    Example:
        >>> def loss_of(gates, sample):
        ...     return (gates * sample).sum()
        >>> samples = [torch.tensor([1.0, -2.0]), torch.tensor([-3.0, 0.0])]
        >>> head_importance(loss_of, 2, samples).tolist()
        [2.0, 1.0]
    """
    raise NotImplementedError


def remove_heads(attention: Attention, drop: list[int]) -> Attention:
    """Return the layer without some heads, in smaller matrices.

    It computes what the original does when the outputs of these heads are set to 0 before o. What
    is left stands in the order of the original. A kv head goes when all heads of its group go.

    Args:
        attention: the weights.
        drop: distinct heads (indices of queries), in any order, perhaps none; at least one head
            stays.

    Returns:
        An Attention with the new n_heads and n_kv_heads.

    Raises:
        ValueError: the groups that stay would have unequally many heads; each head would read a
            wrong kv head.

    Example:
        >>> rows = torch.arange(4.0).reshape(4, 1)
        >>> attention = Attention(rows, rows[:2], rows[:2], rows.T, n_heads=4, n_kv_heads=2)
        >>> smaller = remove_heads(attention, [1, 2])
        >>> smaller.q.tolist(), smaller.k.tolist(), smaller.n_heads, smaller.n_kv_heads
        ([[0.0], [3.0]], [[0.0], [1.0]], 2, 2)
    """
    raise NotImplementedError


def pool_to_groups(attention: Attention, n_kv_heads: int) -> Attention:
    """Return the layer with fewer kv heads: neighbours become their mean, as GQA starts.

    The first n_kv_heads' share of the present kv heads becomes the new kv head 0, and so on: of
    four, two come from 0 and 1 and from 2 and 3. q and o stay as they are.

    Args:
        attention: the weights.
        n_kv_heads: how many there are to be; it divides the present number.

    Returns:
        An Attention with the new k, v and n_kv_heads.

    Example:
        >>> rows = torch.tensor([[1.0], [3.0], [10.0], [20.0]])
        >>> pooled = pool_to_groups(Attention(rows, rows, -rows, rows.T, 4, 4), 2)
        >>> pooled.k.tolist(), pooled.v.tolist(), pooled.n_heads, pooled.n_kv_heads
        ([[2.0], [15.0]], [[-2.0], [-15.0]], 4, 2)
    """
    raise NotImplementedError

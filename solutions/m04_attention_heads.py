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

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch

ANSWER = """
The outputs of the heads are concatenated and go through o, so they add up. A head is a block of
rows of q, k and v and a block of columns of o; cut all of them, and the layer computes what it
did with that head's output at zero. The result is smaller and dense.

To find heads that can go, I put a gate of one on each head's output and take the gradient of the
loss with respect to the gates: the absolute value a sample, averaged. That is Michel's importance;
one backward pass scores all heads. It is a first-order guess that sees each head alone, so I
remove a few at a time, measure again, and check the loss by real removal.

With grouped queries several heads share one key and value head. Dropping a query head saves its
rows of q and columns of o, but the shared key and value stay while anyone reads them. And kernels
find the key-value head by dividing the head's index, so every group that stays must have equally
many queries; otherwise heads silently read the wrong keys. So I drop whole groups, or as many
in each.

Why care? In serving, the cache often is the limit, and it holds keys and values only. Fewer query
heads leave it as it is. To shrink it I drop groups, or merge neighbouring key-value heads into
their mean, as GQA does; that needs some training.
"""

RUBRIC: list[tuple[int, str]] = [
    (
        2,
        "A head is rows of q (and k, v) and columns of o; removing it equals zeroing its output "
        "before o, and leaves smaller dense matrices.",
    ),
    (
        2,
        "An importance: the absolute gradient of the loss by a gate on each head, averaged over "
        "samples, in one backward pass.",
    ),
    (1, "A limit of it: first order, each head alone; so iterate, and check by removal."),
    (
        2,
        "Grouped queries: the shared key-value head stays while one of its queries does, and the "
        "groups that stay must be equally large.",
    ),
    (2, "The cache holds keys and values only: it shrinks with kv heads, not with query heads."),
    (1, "Merging kv heads by their mean (GQA), which needs some further training."),
]

FOLLOW_UPS: list[tuple[str, str]] = [
    (
        "Why the absolute value before the mean, and not after?",
        "A head may lower the loss on one sample and raise it on the next. The signed mean would "
        "call it useless; what counts is how much the loss depends on it.",
    ),
    (
        "All queries of a group go but one. What have you saved?",
        "Rows of q and columns of o, and some time. The key and value head stays, and with it its "
        "part of the cache; and the other groups must come down to one query as well.",
    ),
    (
        "Why does the mean of two key heads work at all? Heads are different functions.",
        "It is a start, not a solution: Ainslie et al. compared it with taking one head and with "
        "random ones, and it was the best start; then they trained on for 5% of the original "
        "computation.",
    ),
    (
        "What changes with rotary positions?",
        "Nothing for removal: each head is rotated on its own. For means of keys neither, as all "
        "heads are rotated by the same angles: the mean of rotated keys is the rotated mean.",
    ),
    (
        "Does d change when heads go?",
        "No. It is the size of one head, and code that computes it as model / n_heads breaks "
        "after pruning: it has to be stored.",
    ),
]

WRONG_CLAIMS: list[tuple[str, str]] = [
    (
        "All heads of a trained transformer are needed.",
        "Voita et al. 2019 (abstract): 38 of 48 encoder heads of a translation model pruned for "
        "0.15 BLEU; measured in the notebook, head by head.",
    ),
    (
        "Pruning query heads makes the key-value cache smaller.",
        "The cache holds k and v (Shazeer 2019); with grouped queries their shapes do not change "
        "until a whole group goes.",
    ),
    (
        "In a grouped model any heads can be pruned, as in the original transformer.",
        "princeton-nlp/LLM-Shearing issue #62: groups must keep equally many heads; onnxsim PR "
        "#803 removes whole groups for the same reason.",
    ),
    (
        "The gradient of the gate is what removing the head will cost.",
        "It is the slope at gate 1, and removal goes to 0, where other heads may make up for it; "
        "measured in the notebook: importance beside real removal.",
    ),
    (
        "Key-value heads can be averaged for free.",
        "Ainslie et al. 2023 train on for 5% of the original computation after it; measured in the "
        "notebook with and without training.",
    ),
]


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

    def heads(weight: torch.Tensor, count: int) -> torch.Tensor:
        return (x @ weight.T).unflatten(-1, (count, -1)).transpose(1, 2)

    group = attention.n_heads // attention.n_kv_heads
    query = heads(attention.q, attention.n_heads)
    key = heads(attention.k, attention.n_kv_heads).repeat_interleave(group, dim=1)
    value = heads(attention.v, attention.n_kv_heads).repeat_interleave(group, dim=1)
    scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
    later = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(diagonal=1)
    weights = scores.masked_fill(later, -math.inf).softmax(dim=-1)
    return (weights @ value).transpose(1, 2).flatten(2) @ attention.o.T


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
    total = torch.zeros(n_heads)
    for sample in samples:
        gates = torch.ones(n_heads, requires_grad=True)
        (gradient,) = torch.autograd.grad(loss_of(gates, sample), gates)
        total += gradient.abs()
    return total / len(samples)


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
    group = attention.n_heads // attention.n_kv_heads
    keep = [head for head in range(attention.n_heads) if head not in drop]
    keep_kv = sorted({head // group for head in keep})
    left = {sum(head // group == kv for head in keep) for kv in keep_kv}
    if len(left) > 1:
        raise ValueError(f"drop {drop} leaves groups of {sorted(left)} heads: they must be equal")

    def rows(weight: torch.Tensor, count: int, chosen: list[int]) -> torch.Tensor:
        return weight.unflatten(0, (count, -1))[chosen].flatten(0, 1)

    return Attention(
        q=rows(attention.q, attention.n_heads, keep),
        k=rows(attention.k, attention.n_kv_heads, keep_kv),
        v=rows(attention.v, attention.n_kv_heads, keep_kv),
        o=rows(attention.o.T, attention.n_heads, keep).T,
        n_heads=len(keep),
        n_kv_heads=len(keep_kv),
    )


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
    share = attention.n_kv_heads // n_kv_heads

    def pool(weight: torch.Tensor) -> torch.Tensor:
        return weight.unflatten(0, (n_kv_heads, share, -1)).mean(dim=1).flatten(0, 1)

    return replace(attention, k=pool(attention.k), v=pool(attention.v), n_kv_heads=n_kv_heads)

"""Token merging: a vision transformer made faster without training

不剪权重，而是合并 token：视觉 Transformer 怎样不经训练就变快？
Tokens, not weights: how does a vision transformer get faster without training?

Every layer of a vision transformer works on all tokens, and many of them say nearly the same: sky
beside sky. Token merging (ToMe) finds in each layer the r most similar pairs and makes one token
of each. Nothing is trained and no weight is changed; there is simply less to compute.

    difficulty ●●●○○    importance ●●●○○    about 40 minutes, and as long for the written answer

Words
    tokens    (n, d), a row a token; the position of a token is its row, from 0.
    sizes     (n,), positive floats: how many of the first tokens stand in each row by now.
    source    a token that is merged into another, its target, and is no row of its own any more.

Everywhere
    Torch tensors, float32 or float64, perhaps not contiguous; the dtype is kept, positions are
    int64. There is no class token and no batch. Nothing given is changed, and results are new
    tensors. Among equal similarities any choice is right. Arguments need no checks.

The written part
    `ANSWER` is your answer to the question in the first lines, in 120 to 250 words, as you would
    say it in an interview: what is merged and how it is found, why merging and not dropping, what
    sizes are for, what it saves, and where it does not fit.

Sources
    Bolya, Fu, Dai, Zhang, Feichtenhofer & Hoffman 2023, "Token Merging: Your ViT But Faster"
    (ToMe: section 3; its code puts the merged tokens last and never merges more than half: not so
    here); Bolya & Hoffman 2023, "Token Merging for Fast Stable Diffusion" (unmerging).

Worked notebook: notebooks/m10_token_merging.ipynb
"""

from __future__ import annotations

import math

import torch

ANSWER = """
The cost of a vision transformer is its tokens: linear layers grow with their number, attention
with its square. So one can prune tokens instead of weights, and it works on a trained model,
without training.

ToMe merges r tokens in every layer. It splits them alternately into two sets, lets each token of
the first draw an edge to its most similar partner in the second, by the cosine of the attention
keys, and merges along the r strongest edges. That is a bipartite matching in one matrix product,
fast on a GPU, where clustering would cost what it saves. Keys are used because they already
summarise what a token offers to others.

Why merge and not drop? A dropped token is lost, background or not. A merged one lives on in the
mean, weighted by sizes: a token that stands for five counts five times, in the mean and, as log
size, in the attention logits. With identical tokens the result is exactly the same as before.

What it gives: fewer tokens layer by layer, so throughput up to about two times for large ViTs at a
small loss; training with it reduces the loss further. It needs no sparse kernels.

Limits: dense prediction has to unmerge; a causal language model cannot average past with future
positions; and at small sizes or batches the matching itself costs time. So measure images per
second, not FLOPs.
"""

RUBRIC: list[tuple[int, str]] = [
    (1, "Cost grows with tokens: linear layers in proportion, attention with the square."),
    (
        2,
        "Bipartite matching: two alternating sets, each of A to its most similar of B, the r best "
        "edges merged; by the cosine of keys.",
    ),
    (2, "Merging keeps information that dropping loses."),
    (
        2,
        "Sizes: weighted means, and log size in the attention logits (proportional attention).",
    ),
    (1, "No training and no special kernels; a figure or a paper."),
    (1, "A limit: dense prediction, causal models, or overhead on small models."),
    (1, "Measure throughput and accuracy together, against a control such as random dropping."),
]

FOLLOW_UPS: list[tuple[str, str]] = [
    (
        "Why alternate the tokens between two sets, and not match all pairs?",
        "All pairs can form chains: a to b to c. With two sets every source has one target and no "
        "target is a source, so one parallel step suffices. Neighbours, which are similar, land "
        "in different sets.",
    ),
    (
        "Why log size in the logits?",
        "exp(q·k + log s) = s·exp(q·k): a key that stands for s equal keys gets the mass that "
        "they would have got together.",
    ),
    (
        "Several tokens choose the same target. What is the mean?",
        "The sum of all their size-weighted rows, divided by the sum of sizes. Writing one after "
        "the other would keep the last; index_add adds them all.",
    ),
    (
        "Can you use it in a decoder that writes text?",
        "Not as it is: a merged token would mix positions, and a causal mask has no place for it. "
        "There one evicts or pools entries of the key-value cache.",
    ),
    (
        "r = 8 in each of 12 layers: how many tokens are left of 197?",
        "197 − 96 = 101. The saving comes late in the network: the mean number of tokens counts.",
    ),
]

WRONG_CLAIMS: list[tuple[str, str]] = [
    (
        "Merging is only dropping under another name.",
        "Measured in the notebook: at the same number of tokens, merged and randomly dropped lie "
        "far apart; identical tokens merge without any change of the attention.",
    ),
    (
        "The mean of two merged tokens is enough, sizes are a detail.",
        "After two layers a token may stand for many. Bolya et al. 2023 add log sizes to the "
        "logits for that reason; measured with and without in the notebook.",
    ),
    (
        "Half the tokens, twice the speed.",
        "Only where tokens are all the cost. The matching costs time, and small models are bound "
        "by overhead: measured in the notebook in images a second.",
    ),
    (
        "It needs fine-tuning to work.",
        "Bolya et al. 2023 apply it to trained models as they are, and report training with it as "
        "an improvement on top.",
    ),
    (
        "It works for language models in the same way.",
        "facebookresearch/ToMe, issues 29 and 38: causal attention is not covered; averaging "
        "positions of a text lets the past see the future.",
    ),
]


def bipartite_match(keys: torch.Tensor, r: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return which tokens are merged into which: the r strongest edges from set A to set B.

    Even positions are set A, odd ones set B. Each token of A draws one edge, to the token of B
    with the largest cosine similarity. The r edges of largest similarity are merged.

    Args:
        keys: (n, d), n ≥ 2, no row is zero.
        r: how many edges, from 0 to the size of A.

    Returns:
        (sources, targets), both int64 of shape (r,): distinct even positions, and the odd
        position each goes to, by falling similarity. Several sources may share a target.

    Example:
        >>> keys = torch.tensor([[1.0, 0.0], [2.0, 0.1], [0.0, 1.0], [1.0, 1.0]])
        >>> sources, targets = bipartite_match(keys, 2)
        >>> sources.tolist(), targets.tolist()
        ([0, 2], [1, 3])
    """
    unit = keys / keys.norm(dim=1, keepdim=True)
    similarity, partner = (unit[0::2] @ unit[1::2].T).max(dim=1)
    strongest = similarity.argsort(descending=True)[:r]
    return 2 * strongest, 2 * partner[strongest] + 1


def merge(
    tokens: torch.Tensor, sizes: torch.Tensor, sources: torch.Tensor, targets: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Merge the sources into their targets.

    A target becomes the mean of itself and all its sources, weighted by their sizes; sizes add.
    The sources are no rows any more; what is left stands in the original order of positions.

    Args:
        tokens: (n, d).
        sizes: (n,), positive.
        sources: (r,), distinct positions.
        targets: (r,), positions, none of them a source.

    Returns:
        (tokens, sizes), of shapes (n − r, d) and (n − r,).

    Example:
        >>> tokens = torch.tensor([[1.0], [4.0], [9.0]])
        >>> merged, sizes = merge(tokens, torch.tensor([2.0, 1.0, 1.0]), torch.tensor([0]),
        ...                       torch.tensor([1]))
        >>> merged.tolist(), sizes.tolist()
        ([[2.0], [9.0]], [3.0, 1.0])
    """
    weighted = tokens * sizes[:, None]
    # index_add adds all sources of a target; an assignment would keep one of them.
    total = weighted.index_add(0, targets, weighted[sources])
    size = sizes.index_add(0, targets, sizes[sources])
    left = torch.ones(len(tokens), dtype=torch.bool)
    left[sources] = False
    return total[left] / size[left, None], size[left]


def proportional_attention(
    query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, sizes: torch.Tensor
) -> torch.Tensor:
    """Return softmax(q kᵀ / √d + log sizes) v: a key counts as often as tokens stand in it.

    Args:
        query: (n, d).
        keys: (m, d).
        values: (m, d).
        sizes: (m,), positive: of the keys.

    Returns:
        A tensor (n, d).

    Example:
        >>> values, sizes = torch.tensor([[0.0], [4.0]]), torch.tensor([1.0, 3.0])
        >>> proportional_attention(torch.zeros(1, 1), torch.zeros(2, 1), values, sizes).round()
        tensor([[3.]])
    """
    logits = query @ keys.T / math.sqrt(query.shape[1]) + sizes.log()
    return logits.softmax(dim=1) @ values


def unmerge(
    merged: torch.Tensor, n: int, sources: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
    """Give each of the n positions before a merge the row that holds it now.

    Args:
        merged: (n − r, d), the rows as `merge` orders them.
        n: how many tokens there were before the merge.
        sources: (r,), as in `merge`.
        targets: (r,), as in `merge`.

    Returns:
        A tensor (n, d): a source gets the row of its target, everybody else its own.

    Example:
        >>> unmerge(torch.tensor([[2.0], [9.0]]), 3, torch.tensor([0]), torch.tensor([1])).tolist()
        [[2.0], [2.0], [9.0]]
    """
    left = torch.ones(n, dtype=torch.bool)
    left[sources] = False
    row = left.cumsum(dim=0) - 1
    holder = torch.arange(n)
    holder[sources] = targets
    return merged[row[holder]]

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

import torch

# Your written answer to the question above: 120 to 250 words, as you would say it aloud.
ANSWER = ""


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
    raise NotImplementedError


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
    raise NotImplementedError


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
    raise NotImplementedError


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
    raise NotImplementedError

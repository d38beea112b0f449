"""The key-value cache: what it costs, and what can be thrown out of it

键值缓存要占多少内存？哪些内容可以丢掉？
What does the key-value cache cost, and what can be thrown out of it?

A language model that writes keeps the key and the value of every token so far, in every layer.
With long texts and many users that is more memory than the weights. So tokens are evicted: all
but the first and the newest (StreamingLLM), those that got little attention so far (H2O), or
those that the end of the prompt does not look at (SnapKV).

    difficulty ●●●○○    importance ●●●●●    about 45 minutes, and as long for the written answer

Words
    position  where a token stands in the text, from 0. A list of positions is ascending, each once.
    cache     the positions whose keys and values are still kept.
    budget    how many positions the cache may hold.

Everywhere
    Torch tensors, float32 or float64, perhaps not contiguous. Nothing given is changed. Arguments
    need no checks.

The written part
    `ANSWER` is your answer to the question in the first lines, in 120 to 250 words, as you would
    say it in an interview: what the cache costs and when that matters, the ways to shrink it, how
    one chooses what to evict, and what can go wrong.

Sources
    Xiao, Tian, Chen, Han & Lewis 2024, "Efficient Streaming Language Models with Attention Sinks"
    (StreamingLLM, section 3); Zhang et al. 2023, "H2O: Heavy-Hitter Oracle" (here as its code
    decodes: a position enters the cache before its own softmax); Li et al. 2024, "SnapKV: LLM
    Knows What You are Looking for Before Generation" (section 4, here without pooling).

Worked notebook: notebooks/m08_kv_cache.ipynb
"""

from __future__ import annotations

import torch

# Your written answer to the question above: 120 to 250 words, as you would say it aloud.
ANSWER = ""


def cache_bytes(
    layers: int,
    kv_heads: int,
    head_dim: int,
    tokens: int,
    batch: int = 1,
    bytes_per_value: int = 2,
) -> int:
    """Return the bytes that the keys and values of `tokens` tokens take, in all layers.

    Args:
        layers: how many layers keep a cache.
        kv_heads: key-value heads in each (not query heads).
        head_dim: numbers in one key; a value has as many.
        tokens: tokens of one sequence.
        batch: sequences.
        bytes_per_value: bytes of one number, such as 2 for half precision.

    Returns:
        A whole number.

    Example:
        >>> cache_bytes(layers=32, kv_heads=8, head_dim=128, tokens=1)
        131072
    """
    raise NotImplementedError


def sinks_and_window(tokens: int, sinks: int, window: int) -> list[int]:
    """Return the positions that StreamingLLM keeps once `tokens` tokens have come.

    Args:
        tokens: how many have come; their positions are 0 … tokens − 1.
        sinks: the first so many are kept, or all where fewer have come. May be 0.
        window: the last so many are kept, the newest among them, or all where fewer have come.
            May be 0.

    Returns:
        The positions, ascending, each once, also where sinks and window overlap.

    Example:
        >>> sinks_and_window(tokens=10, sinks=2, window=3)
        [0, 1, 7, 8, 9]
    """
    raise NotImplementedError


def attend_kept(
    query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, kept: list[int]
) -> torch.Tensor:
    """Return the attention of one query over the kept positions only.

    softmax(q · k / √d) over the kept keys, then the sum of their values with these weights: what
    the others would have got is shared out among the kept. Right for logits of some hundreds too.

    Args:
        query: (d,).
        keys: (T, d).
        values: (T, d_v).
        kept: positions, ascending, at least one.

    Returns:
        A tensor of shape (d_v,), of the dtype of values.

    Example:
        >>> keys, values = torch.zeros(3, 2), torch.tensor([[1.0], [2.0], [6.0]])
        >>> attend_kept(torch.ones(2), keys, values, [0, 2]).tolist()
        [3.5]
    """
    raise NotImplementedError


def heavy_hitters(logits: torch.Tensor, budget: int, recent: int) -> list[list[int]]:
    """Return the cache of one head after each token, as H2O evicts.

    For t = 0, 1, …: position t enters the cache. The softmax of row t over the positions in the
    cache, t among them, is added to their scores. If the cache now holds more than `budget`, one
    position goes: the lowest score among those that are not the last `recent` positions up to t
    (t − recent + 1 … t); the earliest of exact equals. What went never comes back.

    Args:
        logits: (T, T): row t holds the scaled scores of query t. Columns beyond t are not read,
            and may be NaN.
        budget: how many positions the cache may hold.
        recent: how many of the newest are protected, 1 ≤ recent < budget.

    Returns:
        T lists of positions, ascending: the cache after each t.

    Example:
        >>> rows = torch.tensor([[0.0, 0, 0, 0], [0, 2, 0, 0], [0, 0, 2, 0], [0, 2, 2, 0]])
        >>> heavy_hitters(rows, budget=2, recent=1)
        [[0], [0, 1], [0, 2], [2, 3]]
    """
    raise NotImplementedError


def observed_window(attention: torch.Tensor, budget: int, window: int) -> torch.Tensor:
    """Return which positions of a prompt each head keeps, as SnapKV chooses (without pooling).

    The last `window` positions stay. Of those before them the budget − window stay to which the
    last `window` queries gave most attention in sum, for each head on its own.

    Args:
        attention: (heads, T, T): the causal attention probabilities of the prompt, row = query,
            column = key.
        budget: positions kept in each head, window < budget ≤ T.
        window: how many queries at the end are asked, at least 1.

    Returns:
        Positions, int64, (heads, budget), ascending in each row.

    Example:
        >>> last = [0.1, 0.5, 0.2, 0.2]
        >>> rows = [[1.0, 0, 0, 0], [0.9, 0.1, 0, 0], [0.6, 0.1, 0.3, 0], last]
        >>> observed_window(torch.tensor([rows]), budget=2, window=1).tolist()
        [[1, 3]]
    """
    raise NotImplementedError

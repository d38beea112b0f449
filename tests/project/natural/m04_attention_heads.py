"""m04, with views for the heads."""

from dataclasses import dataclass

import torch

ANSWER = """
Heads work in parallel and their outputs are added through the output matrix, so one can be taken
out without touching the others. To find those that can go, put a gate of one on every head and
measure the mean absolute gradient of the loss with respect to it on some samples: one backward
pass scores all heads. One may also just ablate heads one at a time, or learn the gates with an L0
penalty. Then remove the least important, a few at a time, and measure again, because heads
replace each other. With a head go its rows of the query matrix and its columns of the output
matrix, and in ordinary multi-head attention its rows of key and value too. With grouped queries
several query heads read one key-value head: the key and value rows can go only when the whole
group goes, and the groups must remain equally large, or the indexing breaks. So one removes
either whole groups or the same number of heads from each. Removing queries saves weights and
compute but leaves the cache as it is. The cache shrinks only with the number of key-value heads:
drop entire groups, or merge neighbouring key-value heads by their mean and train shortly, as GQA
does. The cache is proportional to the number of key-value heads, and in long decoding it is the
larger saving.
"""


@dataclass(frozen=True)
class Attention:
    q: torch.Tensor
    k: torch.Tensor
    v: torch.Tensor
    o: torch.Tensor
    n_heads: int
    n_kv_heads: int


def attend(attention, x):
    batch, tokens, _ = x.shape
    d = attention.q.shape[0] // attention.n_heads
    q = (x @ attention.q.T).view(batch, tokens, attention.n_heads, d).transpose(1, 2)
    k = (x @ attention.k.T).view(batch, tokens, attention.n_kv_heads, d).transpose(1, 2)
    v = (x @ attention.v.T).view(batch, tokens, attention.n_kv_heads, d).transpose(1, 2)
    group = attention.n_heads // attention.n_kv_heads
    k = k.repeat_interleave(group, dim=1)
    v = v.repeat_interleave(group, dim=1)
    scores = q @ k.transpose(-2, -1) / d**0.5
    causal = torch.tril(torch.ones(tokens, tokens, dtype=torch.bool))
    scores = scores.masked_fill(~causal, float("-inf"))
    out = scores.softmax(-1) @ v
    out = out.transpose(1, 2).reshape(batch, tokens, -1)
    return out @ attention.o.T


def head_importance(loss_of, n_heads, samples):
    total = torch.zeros(n_heads)
    for sample in samples:
        gates = torch.ones(n_heads, requires_grad=True)
        loss = loss_of(gates, sample)
        loss.backward()
        total += gates.grad.abs()
    return total / len(samples)


def remove_heads(attention, drop):
    d = len(attention.q) // attention.n_heads
    group = attention.n_heads // attention.n_kv_heads
    heads = [h for h in range(attention.n_heads) if h not in drop]
    kv_heads = sorted({h // group for h in heads})
    sizes = {sum(h // group == g for h in heads) for g in kv_heads}
    if len(sizes) > 1:
        raise ValueError("groups would be of different sizes")
    q_rows = [h * d + i for h in heads for i in range(d)]
    kv_rows = [g * d + i for g in kv_heads for i in range(d)]
    return Attention(
        attention.q[q_rows],
        attention.k[kv_rows],
        attention.v[kv_rows],
        attention.o[:, q_rows],
        len(heads),
        len(kv_heads),
    )


def pool_to_groups(attention, n_kv_heads):
    d = len(attention.q) // attention.n_heads
    share = attention.n_kv_heads // n_kv_heads

    def pool(matrix):
        return matrix.reshape(n_kv_heads, share, d, -1).mean(dim=1).reshape(n_kv_heads * d, -1)

    return Attention(
        attention.q.clone(),
        pool(attention.k),
        pool(attention.v),
        attention.o.clone(),
        attention.n_heads,
        n_kv_heads,
    )

"""A second right answer to m04: torch's own attention, a backward pass, boolean rows, loops."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

ANSWER = ""


@dataclass(frozen=True)
class Attention:
    q: torch.Tensor
    k: torch.Tensor
    v: torch.Tensor
    o: torch.Tensor
    n_heads: int
    n_kv_heads: int


def attend(attention, x):
    b, t, _ = x.shape
    d = attention.q.shape[0] // attention.n_heads
    q = F.linear(x, attention.q).view(b, t, attention.n_heads, d)
    k = F.linear(x, attention.k).view(b, t, attention.n_kv_heads, d)
    v = F.linear(x, attention.v).view(b, t, attention.n_kv_heads, d)
    per_group = attention.n_heads // attention.n_kv_heads
    results = []
    for h in range(attention.n_heads):
        g = h // per_group
        results.append(
            F.scaled_dot_product_attention(q[:, :, h], k[:, :, g], v[:, :, g], is_causal=True)
        )
    return F.linear(torch.cat(results, dim=-1), attention.o)


def head_importance(loss_of, n_heads, samples):
    scores = []
    for sample in samples:
        gates = torch.ones(n_heads, dtype=torch.float64, requires_grad=True)
        loss_of(gates, sample).backward()
        scores.append(gates.grad.abs())
    return torch.stack(scores).mean(0)


def remove_heads(attention, drop):
    gone = set(drop)
    per_group = attention.n_heads // attention.n_kv_heads
    d = attention.q.shape[0] // attention.n_heads
    left_in = []
    for g in range(attention.n_kv_heads):
        members = range(g * per_group, (g + 1) * per_group)
        left_in.append(sum(1 for h in members if h not in gone))
    sizes = {n for n in left_in if n}
    if len(sizes) != 1:
        raise ValueError("unequal groups")
    heads = torch.tensor([h not in gone for h in range(attention.n_heads)]).repeat_interleave(d)
    kv = torch.tensor([n > 0 for n in left_in]).repeat_interleave(d)
    return Attention(
        attention.q[heads],
        attention.k[kv],
        attention.v[kv],
        attention.o[:, heads],
        int(heads.sum()) // d,
        int(kv.sum()) // d,
    )


def pool_to_groups(attention, n_kv_heads):
    d = attention.q.shape[0] // attention.n_heads
    many = attention.n_kv_heads // n_kv_heads
    pooled = {}
    for name in ("k", "v"):
        heads = torch.split(getattr(attention, name), d)
        pooled[name] = torch.cat(
            [sum(heads[g * many : (g + 1) * many]) / many for g in range(n_kv_heads)]
        )
    return Attention(
        attention.q, pooled["k"], pooled["v"], attention.o, attention.n_heads, n_kv_heads
    )

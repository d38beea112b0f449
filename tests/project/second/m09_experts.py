"""m09, token by token, with all experts run on everything."""

from dataclasses import dataclass
from typing import Any

import torch

ANSWER = ""


@dataclass(frozen=True)
class Moe:
    router: torch.Tensor
    experts: Any


def route(logits, k):
    order = torch.argsort(-logits, dim=-1)[:, :k]
    chosen = torch.gather(torch.softmax(logits, -1), 1, order)
    return order, chosen / chosen.sum(-1, keepdim=True)


def moe_forward(moe, x, k):
    experts, gates = route(torch.nn.functional.linear(x, moe.router), k)
    rows = []
    for t in range(x.shape[0]):
        rows.append(
            sum(g * moe.experts[int(e)](x[t : t + 1])[0] for e, g in zip(experts[t], gates[t]))
        )
    return torch.stack(rows)


def expert_saliency(moe, x, k):
    experts, gates = route(x @ moe.router.mT, k)
    n = len(moe.experts)
    dense = torch.zeros(len(x), n, dtype=x.dtype).scatter(1, experts, gates)
    norms = torch.stack([(expert(x) ** 2).sum(-1).sqrt() for expert in moe.experts], dim=1)
    return (dense * norms).sum(0) / (dense > 0).sum(0).clamp(min=1)


def expert_counts(moe, x, k):
    experts, _ = route(x @ moe.router.T, k)
    return torch.nn.functional.one_hot(experts, len(moe.experts)).sum((0, 1))


def prune_experts(moe, keep):
    stays = torch.tensor([i in set(keep) for i in range(len(moe.experts))])
    return Moe(moe.router[stays], [e for e, stay in zip(moe.experts, stays) if stay])

"""m09 with a loop over the experts."""

from dataclasses import dataclass

import torch

ANSWER = """
In a mixture of experts nearly all parameters are in the experts: eight or a hundred MLPs per
layer, of which a token uses only two or eight. So computation per token is small but everything
has to be in memory, and expert pruning lowers exactly that. To score, run calibration text and
look at the router. Counting how often an expert is used is not enough: an expert may be chosen
often with a tiny gate or a tiny output, and another one rarely but with a large contribution for
just these tokens. REAP therefore takes the mean, over the tokens that are routed to the expert,
of gate times the norm of the output, which is about the error that its removal causes. What is
cut is the expert's matrices and its row of the router; k and the rest stay. The tokens that used
to go there are routed to their next best expert, and the softmax over the chosen logits is
renormalised by itself, so the layer is an ordinary smaller one. That works as long as experts
overlap; a specialised expert, for a language or for code, has no replacement. So the calibration
data must contain what the model is used for. Afterwards I check perplexity, generation tasks and
not only multiple choice, per domain, and the load of the remaining experts; a short fine-tuning
of the router can help.
"""


@dataclass(frozen=True)
class Moe:
    router: torch.Tensor
    experts: tuple


def route(logits, k):
    top, experts = logits.topk(k, dim=-1)
    return experts, torch.softmax(top, dim=-1)


def moe_forward(moe, x, k):
    experts, gates = route(x @ moe.router.T, k)
    out = torch.zeros_like(x)
    for e, expert in enumerate(moe.experts):
        token, slot = (experts == e).nonzero(as_tuple=True)
        out[token] += gates[token, slot].unsqueeze(1) * expert(x[token])
    return out


def expert_saliency(moe, x, k):
    experts, gates = route(x @ moe.router.T, k)
    saliency = torch.zeros(len(moe.experts), dtype=x.dtype)
    for e, expert in enumerate(moe.experts):
        token, slot = (experts == e).nonzero(as_tuple=True)
        if len(token) > 0:
            saliency[e] = (gates[token, slot] * expert(x[token]).norm(dim=1)).mean()
    return saliency


def expert_counts(moe, x, k):
    experts, _ = route(x @ moe.router.T, k)
    return torch.bincount(experts.flatten(), minlength=len(moe.experts))


def prune_experts(moe, keep):
    keep = sorted(keep)
    return Moe(moe.router[keep], tuple(moe.experts[i] for i in keep))

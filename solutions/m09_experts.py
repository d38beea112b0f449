"""Mixture of experts: which experts can go

混合专家模型装不下时，该去掉哪些专家？
A mixture-of-experts model does not fit: which experts go?

A mixture-of-experts layer holds many MLPs, the experts, and a router that sends each token to k of
them. A token costs little, but all experts lie in memory. Expert pruning takes some away, with
their rows of the router. What is left is an ordinary, smaller model of the same kind.

    difficulty ●●●○○    importance ●●●●○    about 40 minutes, and as long for the written answer

Words
    logits    x @ router.T, (tokens, n_experts): a token's score for each expert.
    routed    a token is routed to the k experts of its largest logits.
    gate      what an expert's output is multiplied by: the softmax over a token's k logits.

Everywhere
    x is (tokens, model), with at least one token; 1 ≤ k ≤ the number of experts. Torch tensors,
    float32 or float64, perhaps not contiguous; the dtype is kept, indices and counts are int64.
    Nothing given is changed, and results are new tensors. Among equal logits any choice is right.
    Arguments need no checks.

The written part
    `ANSWER` is your answer to the question in the first lines, in 120 to 250 words, as you would
    say it in an interview: what is large in such a model, how you score experts and why not by use
    alone, what is cut, what happens to the tokens of an expert that is gone, and how you check.

Sources
    Lasby et al. 2025, "REAP the Experts: Why Pruning Prevails for One-Shot MoE Compression" (the
    saliency); Jiang et al. 2024, "Mixtral of Experts" (section 2.1: softmax over the top k); Lu et
    al. 2024, "Not All Experts are Equal" (trying the subsets of a layer).

Worked notebook: notebooks/m09_experts.ipynb
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

ANSWER = """
Nearly all weights of a mixture-of-experts model are experts. A token uses only k of them, so
compute is small, but all must lie in memory. When that does not fit, I remove whole experts: the
layer stays dense inside, and any serving stack runs it.

Which ones? Use counts alone say little: training balances the load, so they are nearly flat, and
a rare expert may matter much when it is called. REAP scores an expert by the mean, over the tokens
routed to it, of its gate times the norm of its output: how much it adds to the stream when it is
used. I run calibration data like what will be served, as an expert for code looks idle on prose.

Then I drop the lowest in each layer, with their router rows. The router takes the next best
expert, and the softmax renormalises over the k that are left. So the damage is not the missing
output but the difference to its substitute, which no score of single experts sees; that is
why I measure loss and real tasks after pruning, at a quarter and at half.

What do I gain? Memory, not compute: each token still runs k experts. Merging experts is the rival;
REAP's authors find that it loses the router's control over them, above all in generation.
Quantising experts is the other way, and both combine. Some tuning afterwards helps.
"""

RUBRIC: list[tuple[int, str]] = [
    (1, "Experts hold nearly all weights; a token uses k of them, but all lie in memory."),
    (
        2,
        "A score with gate and output in it: REAP's mean of gate times norm of the output, over "
        "the tokens routed to the expert.",
    ),
    (2, "Why use counts mislead: balanced load, and rare is not unimportant."),
    (
        2,
        "What removal does: router rows go too, another expert takes over, gates are a softmax "
        "over what is chosen then.",
    ),
    (1, "Memory shrinks, the compute of a token does not."),
    (1, "Calibration data decide: like what is served, and enough for every expert."),
    (1, "Check by real tasks or loss after removal; alternatives: merging, quantisation."),
]

FOLLOW_UPS: list[tuple[str, str]] = [
    (
        "Why the mean over routed tokens and not over all?",
        "Over all tokens it is that mean times the share of tokens: use comes in by the back "
        "door, and an expert for a rare language looks useless.",
    ),
    (
        "Why not try every subset and measure?",
        "In one layer of 8 experts that is possible: 28 pairs (Lu et al. 2024 do so). With 128 "
        "experts in 48 layers it is not, and layers interact; so one scores.",
    ),
    (
        "Softmax first or top-k first: does it matter?",
        "The experts chosen are the same. With top-k first the gates sum to one; with softmax "
        "over all and no renormalisation they do not, and they shrink or grow with pruning.",
    ),
    (
        "The model routes in groups of experts, as DeepSeek's does. What changes?",
        "Groups must stay equally large, so as many go from each; and a correction bias of the "
        "router loses the same entries.",
    ),
    (
        "How does it change latency?",
        "At batch 1 hardly: the same k experts are read. With large batches there are fewer "
        "experts to read, and perhaps fewer GPUs to talk to, which can help.",
    ),
]

WRONG_CLAIMS: list[tuple[str, str]] = [
    (
        "The experts that are used least can go.",
        "Measured in the notebook, where counts are no better than saliency and at first no better "
        "than chance; a rare expert may matter much when it is called.",
    ),
    (
        "Half the experts, twice the speed.",
        "Each token still runs k experts (Jiang et al. 2024, section 2.1); what falls is memory.",
    ),
    (
        "Merging experts keeps more than removing them, since nothing is thrown away.",
        "Lasby et al. 2025 (abstract): merging takes away the router's separate control over "
        "experts, an error that cannot be undone; pruning is ahead on generative tasks.",
    ),
    (
        "A token whose expert is gone simply loses that part of its output.",
        "The router takes the next best instead: measured in the notebook, with the logit at −∞ "
        "against the output at 0.",
    ),
    (
        "Any calibration text will do.",
        "The score is about the text it was taken on. In the notebook's small model prose and code "
        "agree on most of the lowest experts; larger ones specialise more, so measure on yours.",
    ),
]


@dataclass(frozen=True)
class Moe:
    """The weights of a mixture-of-experts layer.

    router (n_experts, model); experts, a tuple of functions (tokens, model) → (tokens, model) that
    work on each token on its own, for any number of tokens, 0 included.
    """

    router: torch.Tensor
    experts: tuple[Callable[[torch.Tensor], torch.Tensor], ...]


def route(logits: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the k experts of each token, and their gates, as Mixtral has it.

    The experts are those of the k largest logits, the largest first. The gates are the softmax
    over these k logits alone, so they sum to 1.

    Args:
        logits: (tokens, n_experts).
        k: how many experts a token gets.

    Returns:
        (experts, gates), both of shape (tokens, k); experts are int64 indices.

    Example:
        >>> experts, gates = route(torch.tensor([[0.0, 1.0986, -2.0], [4.0, 0.0, 4.0986]]), 2)
        >>> experts.tolist()
        [[1, 0], [2, 0]]
        >>> gates.round(decimals=2)
        tensor([[0.7500, 0.2500],
                [0.5200, 0.4800]])
    """
    largest, experts = logits.topk(k, dim=1)
    return experts, largest.softmax(dim=1)


def moe_forward(moe: Moe, x: torch.Tensor, k: int) -> torch.Tensor:
    """Return what the layer computes: for each token the sum of gate · expert(token) over its k.

    The logits are x @ router.T; experts and gates are as in `route`. There is no residual.

    Args:
        moe: the layer.
        x: (tokens, model).
        k: how many experts a token gets.

    Returns:
        A tensor (tokens, model).

    Example:
        >>> moe = Moe(torch.tensor([[0.0], [1.0986]]), (lambda x: 4 * x, lambda x: 8 * x))
        >>> moe_forward(moe, torch.tensor([[1.0], [-1.0]]), 1).tolist()
        [[8.0], [-4.0]]
        >>> moe_forward(moe, torch.tensor([[1.0], [-1.0]]), 2).round()
        tensor([[ 7.],
                [-5.]])
    """
    experts, gates = route(x @ moe.router.T, k)
    out = torch.zeros_like(x)
    for i, expert in enumerate(moe.experts):
        token, place = (experts == i).nonzero(as_tuple=True)
        out[token] += gates[token, place, None] * expert(x[token])
    return out


def expert_saliency(moe: Moe, x: torch.Tensor, k: int) -> torch.Tensor:
    """Return REAP's saliency of each expert.

    It is the mean, over the tokens that are routed to the expert, of gate · ‖expert(token)‖₂.

    Args:
        moe: the layer.
        x: (tokens, model).
        k: how many experts a token gets.

    Returns:
        A tensor (n_experts,); 0 for an expert that gets no token.

    Example:
        >>> moe = Moe(torch.tensor([[1.0], [-1.0]]), (lambda x: x, lambda x: 5 * x))
        >>> expert_saliency(moe, torch.tensor([[3.0], [1.0], [2.0]]), 1).tolist()
        [2.0, 0.0]
    """
    experts, gates = route(x @ moe.router.T, k)
    saliency = x.new_zeros(len(moe.experts))
    for i, expert in enumerate(moe.experts):
        token, place = (experts == i).nonzero(as_tuple=True)
        if len(token):  # the mean over no tokens would be NaN
            saliency[i] = (gates[token, place] * expert(x[token]).norm(dim=1)).mean()
    return saliency


def expert_counts(moe: Moe, x: torch.Tensor, k: int) -> torch.Tensor:
    """Return how many tokens are routed to each expert.

    Args:
        moe: the layer.
        x: (tokens, model).
        k: how many experts a token gets.

    Returns:
        An int64 tensor (n_experts,); it sums to tokens · k.

    Example:
        >>> moe = Moe(torch.tensor([[1.0], [0.0], [-1.0]]), (torch.exp,) * 3)
        >>> expert_counts(moe, torch.tensor([[3.0], [1.0], [-2.0]]), 2).tolist()
        [2, 3, 1]
    """
    experts, _ = route(x @ moe.router.T, k)
    return experts.flatten().bincount(minlength=len(moe.experts))


def prune_experts(moe: Moe, keep: list[int]) -> Moe:
    """Return the layer with only some of its experts, and their rows of the router.

    For any k up to the number kept, it computes what the original would with the logits of all
    other experts at −∞.

    Args:
        moe: the layer.
        keep: distinct experts, in any order, at least one. In the result they stand in the order
            of the original.

    Returns:
        A Moe with a new router tensor; its experts are the same objects, or copies.

    Example:
        >>> moe = Moe(torch.tensor([[1.0], [2.0], [3.0]]), (torch.exp, torch.sin, torch.cos))
        >>> smaller = prune_experts(moe, [2, 0])
        >>> smaller.router.tolist(), [expert.__name__ for expert in smaller.experts]
        ([[1.0], [3.0]], ['exp', 'cos'])
    """
    keep = sorted(keep)
    return Moe(moe.router[keep], tuple(moe.experts[i] for i in keep))

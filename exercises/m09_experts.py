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

# Your written answer to the question above: 120 to 250 words, as you would say it aloud.
ANSWER = ""


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
    raise NotImplementedError


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
    raise NotImplementedError


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
    raise NotImplementedError


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
    raise NotImplementedError


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
    raise NotImplementedError

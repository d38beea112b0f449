"""Gated MLPs: a narrower transformer, repaired without training

如何让 Transformer 变窄？剪掉之后，不经训练又该怎样修复剩下的部分？
How do you make a transformer narrower, and how is what is left repaired without training?

Most weights of a language model are in its MLPs, and there the neurons are easy to take out: what
is left is a smaller dense layer that any machine runs faster. Which neurons go is decided by what
they do on a little text; and since the output is linear in the last matrix, the best repair on
that text is one least-squares problem.

    difficulty ●●●○○    importance ●●●●○    about 40 minutes, and as long for the written answer

Words
    gated MLP  three matrices, no biases: `gate` and `up` (hidden, model), `down` (model, hidden).
               A matrix (out, in) computes x @ matrix.T.
    silu(z)    z · sigmoid(z), element by element; torch.nn.functional.silu.
    hidden     the product silu(gate x) · (up x), element by element: what `down` reads.
    neuron     one entry of it: neuron i is row i of gate, row i of up and column i of down.
    x          (batch, tokens, model); no padding, every token counts.
    keep       a list of distinct neurons, at least one, in any order.

Everywhere
    Torch tensors, float32 or float64 (mlp and x of one dtype), perhaps not contiguous; results
    have that dtype. Nothing given is changed, and a result shares no memory with it. Arguments
    need no checks.

The written part
    `ANSWER` is your answer to the question in the first lines, in 120 to 250 words, as you would
    say it in an interview: what can be made narrower, how you choose what goes, what a refit of
    the last matrix can repair and what it cannot, and when you train after all.

Sources
    Shazeer 2020, "GLU Variants Improve Transformer"; Muralidharan et al. 2024, "Compact Language
    Models via Pruning and Knowledge Distillation" (Minitron; section 2.2 for the importance); He,
    Zhang & Sun 2017, "Channel Pruning for Accelerating Very Deep Neural Networks" (least-squares
    reconstruction); Sreenivas et al. 2024, "LLM Pruning and Distillation in Practice".

Worked notebook: notebooks/m05_gated_mlp.ipynb
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

# Your written answer to the question above: 120 to 250 words, as you would say it aloud.
ANSWER = ""


@dataclass(frozen=True)
class GatedMlp:
    """The weights of a gated MLP: gate and up (hidden, model), down (model, hidden)."""

    gate: torch.Tensor
    up: torch.Tensor
    down: torch.Tensor


def forward(mlp: GatedMlp, x: torch.Tensor) -> torch.Tensor:
    """Return what the MLP computes: down applied to silu(gate x) · (up x).

    Args:
        mlp: the weights.
        x: (batch, tokens, model).

    Returns:
        A tensor of the shape of x.

    Example:
        >>> mlp = GatedMlp(torch.tensor([[10.0]]), torch.tensor([[3.0]]), torch.tensor([[0.5]]))
        >>> forward(mlp, torch.tensor([[[2.0], [-2.0]]])).round(decimals=3).tolist()
        [[[60.0], [0.0]]]
    """
    raise NotImplementedError


def neuron_importance(mlp: GatedMlp, x: torch.Tensor) -> torch.Tensor:
    """Return Minitron's importance of each neuron.

    For each sequence of the batch, the mean over its tokens of |hidden|; then over the batch the
    L2 norm (the root of the sum of squares) of these means.

    Args:
        mlp: the weights.
        x: (batch, tokens, model).

    Returns:
        A tensor of shape (hidden,); nothing in it is negative.

    Example:
        >>> mlp = GatedMlp(torch.tensor([[10.0]]), torch.tensor([[0.1]]), torch.tensor([[7.0]]))
        >>> x = torch.tensor([[[1.0], [-1.0]], [[2.0], [0.0]]])
        >>> neuron_importance(mlp, x).round(decimals=3)
        tensor([2.0620])
    """
    raise NotImplementedError


def remove_neurons(mlp: GatedMlp, keep: list[int]) -> GatedMlp:
    """Return the MLP with the neurons of `keep` alone, in the order of the original.

    It computes what the original does when the hidden values of the other neurons are 0.

    Args:
        mlp: the weights.
        keep: the neurons that stay, in any order: [3, 1] keeps the same as [1, 3].

    Returns:
        A GatedMlp of smaller matrices.

    Example:
        >>> rows, columns = torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([[4.0, 5.0, 6.0]])
        >>> narrow = remove_neurons(GatedMlp(rows, -rows, columns), [2, 0])
        >>> narrow.gate.tolist(), narrow.up.tolist(), narrow.down.tolist()
        ([[1.0], [3.0]], [[-1.0], [-3.0]], [[4.0, 6.0]])
    """
    raise NotImplementedError


def refit_down(mlp: GatedMlp, keep: list[int], x: torch.Tensor) -> GatedMlp:
    """Return the MLP without the other neurons, with `down` refitted on x.

    Gate and up are those of `remove_neurons`. `down` is such that the output on x is as near as it
    can be to the original MLP's: the least sum of squared differences, over all tokens of all
    sequences together. x may hold fewer tokens than there are neurons to keep; then many `down`
    are equally near, and any of them is right.

    With torch.linalg.lstsq take driver="gelsd": the default may be wrong where neurons depend on
    each other.

    Args:
        mlp: the weights.
        keep: the neurons that stay, in any order.
        x: (batch, tokens, model).

    Returns:
        A GatedMlp: gate, up and the new down (model, number kept).

    Example:
        >>> twins = torch.tensor([[1.0], [2.0]])
        >>> mlp = GatedMlp(torch.ones(2, 1), twins, torch.tensor([[3.0, 4.0]]))
        >>> x = torch.tensor([[[1.0], [2.0], [-1.0]]])
        >>> refit_down(mlp, [1], x).down.round(decimals=3).tolist()
        [[5.5]]
    """
    raise NotImplementedError

"""Weight importance: magnitude, Taylor, Fisher and Optimal Brain Surgeon

权值重要度：请编写一个函数，对给定的卷积神经网络 (CNN) 按权值重要度进行剪枝。

What does the loss gain when a weight is set to zero? Expand the loss around the weights. The
first-order term gives the Taylor score, the second-order one the Fisher score and Optimal Brain
Surgeon, which also moves the other weights to make up for the one that goes.

    difficulty ●●●●○    importance ●●●●○    about 45 minutes

Words
    CNN       an nn.Sequential of Conv2d (groups=1, with or without bias), an optional
              BatchNorm2d, ReLU, optional pooling or Dropout, …, then Flatten, Linear, and
              optionally (ReLU, Linear)…
    scores    a dictionary {parameter name: tensor of the weight's shape}, with an entry for the
              weight of each Conv2d and each Linear, named as in `model.named_parameters()`
              ("0.weight"). Biases and batch-norms have no score. A higher score is a weight
              that matters more.
    batches   a list of (inputs, targets), at least one. Their sizes may differ.
    loss_fn   a function of (outputs, targets): the mean over the batch of a loss of each sample.
              Called with one sample (a batch of size 1), it gives the loss of that sample.
    mask      boolean, of the shape of what it masks; True = kept, False = removed.
    sparsity  the fraction removed, in [0, 1]. Of n weights exactly `round(sparsity * n)` go
              (Python's `round`: halves go to the even number).

Everywhere
    Gradients are taken in eval mode, whatever mode the model is in. Nothing given is changed:
    after the call every layer's mode, every `.grad`, the running statistics and the random state
    are what they were. Scores and new weights are as precise as the weights. Among equal scores
    any choice is right. Arguments are always sensible: no checks are needed.

Sources
    LeCun, Denker & Solla 1990, "Optimal Brain Damage" (the second-order expansion); Hassibi &
    Stork 1993, "Second order derivatives for network pruning: Optimal Brain Surgeon"; Molchanov,
    Mallya, Tyree, Frosio & Kautz 2019, "Importance Estimation for Neural Network Pruning"
    (gradient times weight); Theis, Korshunova, Tejani & Huszár 2018, "Faster gaze prediction with
    dense networks and Fisher pruning" (squared gradients for the Hessian).

Worked notebook: notebooks/p06_weight_importance.ipynb
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn


def magnitude_scores(model: nn.Sequential) -> dict[str, torch.Tensor]:
    """Score each weight by its absolute value.

    Args:
        model: a CNN.

    Returns:
        Scores: |w| for the weight of each Conv2d and Linear.

    Example:
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(2, 1))
        >>> model[1].weight.data = torch.tensor([[3.0, -4.0]])
        >>> magnitude_scores(model)
        {'1.weight': tensor([[3., 4.]])}
    """
    raise NotImplementedError


def taylor_scores(
    model: nn.Sequential, loss_fn: Callable, batches: list[tuple[torch.Tensor, torch.Tensor]]
) -> dict[str, torch.Tensor]:
    """Score each weight by |w · dL/dw|: the loss it would change, to first order.

    L is the mean of the loss over all samples of all batches together, each sample counting the
    same, in eval mode.

    Args:
        model: a CNN.
        loss_fn: maps (outputs, targets) to the mean loss of a batch.
        batches: a list of (inputs, targets), at least one; their sizes may differ.

    Returns:
        Scores: |w · dL/dw| for the weight of each Conv2d and Linear.

    Example:
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(1, 1, bias=False))
        >>> model[1].weight.data = torch.tensor([[3.0]])
        >>> batches = [(torch.tensor([[[[1.0]]], [[[2.0]]]]), torch.tensor([[2.0], [4.0]]))]
        >>> taylor_scores(model, nn.MSELoss(), batches)  # gradients 2 and 8: their mean is 5
        {'1.weight': tensor([[15.]])}
    """
    raise NotImplementedError


def fisher_scores(
    model: nn.Sequential, loss_fn: Callable, batches: list[tuple[torch.Tensor, torch.Tensor]]
) -> dict[str, torch.Tensor]:
    """Score each weight by w² / 2 times the mean of its squared per-sample gradients.

    For a log-likelihood the mean of g² stands in for the diagonal of the Hessian, and this for
    what the removal costs to second order. g is the gradient of the loss of one sample, whatever
    the batches are; the mean runs over all samples of all batches, each counting the same, in
    eval mode.

    Args:
        model: a CNN.
        loss_fn: maps (outputs, targets) to the mean loss of a batch.
        batches: a list of (inputs, targets), at least one; their sizes may differ.

    Returns:
        Scores: w² / 2 · mean(g²) for the weight of each Conv2d and Linear.

    Example:
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(1, 1, bias=False))
        >>> model[1].weight.data = torch.tensor([[3.0]])
        >>> batches = [(torch.tensor([[[[1.0]]], [[[2.0]]]]), torch.tensor([[2.0], [4.0]]))]
        >>> fisher_scores(model, nn.MSELoss(), batches)  # gradients 2 and 8: mean square 34
        {'1.weight': tensor([[153.]])}
    """
    raise NotImplementedError


def importance_masks(
    scores: dict[str, torch.Tensor], sparsity: float, scope: str = "global"
) -> dict[str, torch.Tensor]:
    """Remove the weights of lowest score.

    With the scope "global" all weights of all layers are ranked together, and of their total n
    exactly `round(sparsity * n)` go. With "layer" each layer is ranked on its own, and loses
    exactly `round(sparsity * n)` of its own n. The count is exact also when scores are equal.

    Args:
        scores: {parameter name: tensor}, higher is more important.
        sparsity: the fraction to remove, in [0, 1].
        scope: "global" or "layer".

    Returns:
        {parameter name: boolean mask of the shape of the scores}, True = kept.

    Example:
        >>> scores = {"0.weight": torch.tensor([1.0, 2.0]), "3.weight": torch.tensor([3.0, 4.0])}
        >>> importance_masks(scores, 0.5)
        {'0.weight': tensor([False, False]), '3.weight': tensor([True, True])}
        >>> importance_masks(scores, 0.5, scope="layer")
        {'0.weight': tensor([False,  True]), '3.weight': tensor([False,  True])}
    """
    raise NotImplementedError


def obs_prune_one(weights: torch.Tensor, hessian: torch.Tensor) -> tuple[int, torch.Tensor, float]:
    """Remove the one weight that costs least, and move the others to make up for it.

    Optimal Brain Surgeon: at a minimum the loss grows by ½ δᵀ H δ when the weights change by δ.
    Setting weight q to zero fixes δ_q = −w_q. The best δ under that condition is
    −w_q / [H⁻¹]_qq · (column q of H⁻¹), and it costs w_q² / (2 [H⁻¹]_qq). The q of least cost
    goes.

    Args:
        weights: shape (n,), n ≥ 1, float64.
        hessian: shape (n, n), float64, symmetric and positive definite.

    Returns:
        (index, weights, loss_increase): q; the new weights, a new tensor of shape (n,) and
        float64, in which entry q is exactly 0 and the others have moved; the cost, a number.

    Example:
        >>> hessian = torch.tensor([[2.0, 1.0], [1.0, 2.0]], dtype=torch.float64)
        >>> index, weights, loss_increase = obs_prune_one(
        ...     torch.tensor([1.0, 2.0], dtype=torch.float64), hessian
        ... )
        >>> index, [round(w, 4) for w in weights.tolist()], round(loss_increase, 4)
        (0, [0.0, 2.5], 0.75)
    """
    raise NotImplementedError

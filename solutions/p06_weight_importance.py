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

import copy
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
    return {name: weight.detach().abs() for name, weight in _weights(model).items()}


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
    model, weights = _evaluated_copy(model)
    sums = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    samples = 0
    for inputs, targets in batches:
        # Batches differ in size: their means must not count the same, so add up sums.
        loss = len(inputs) * loss_fn(model(inputs), targets)
        for name, gradient in _gradients(loss, weights).items():
            sums[name] += gradient
        samples += len(inputs)
    return {name: (w.detach() * sums[name] / samples).abs() for name, w in weights.items()}


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
    model, weights = _evaluated_copy(model)
    squares = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    samples = 0
    for inputs, targets in batches:
        # The square of a batch's gradient is no mean of squares: samples go one at a time.
        for sample, target in zip(inputs.split(1), targets.split(1)):
            loss = loss_fn(model(sample), target)
            for name, gradient in _gradients(loss, weights).items():
                squares[name] += gradient.square()
        samples += len(inputs)
    return {
        name: weight.detach().square() / 2 * squares[name] / samples
        for name, weight in weights.items()
    }


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
    if scope == "layer":
        return {
            name: _kept(score.flatten(), sparsity).view_as(score) for name, score in scores.items()
        }
    kept = _kept(torch.cat([score.flatten() for score in scores.values()]), sparsity)
    pieces = kept.split([score.numel() for score in scores.values()])
    return {name: piece.view_as(scores[name]) for name, piece in zip(scores, pieces)}


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
    inverse = torch.linalg.inv(hessian)
    costs = weights.square() / (2 * inverse.diagonal())
    index = int(costs.argmin())
    moved = weights - weights[index] / inverse[index, index] * inverse[:, index]
    moved[index] = 0.0  # rounding would leave a remainder
    return index, moved, costs[index].item()


def _weights(model: nn.Sequential) -> dict[str, nn.Parameter]:
    """The weights that are scored, by their parameter names."""
    return {
        f"{name}.weight": module.weight
        for name, module in model.named_modules()
        if isinstance(module, (nn.Conv2d, nn.Linear))
    }


def _evaluated_copy(model: nn.Sequential) -> tuple[nn.Sequential, dict[str, nn.Parameter]]:
    """A copy in eval mode and its weights: modes and gradients of the original stay alone."""
    model = copy.deepcopy(model).eval().requires_grad_()
    return model, _weights(model)


def _gradients(loss: torch.Tensor, weights: dict[str, nn.Parameter]) -> dict[str, torch.Tensor]:
    return dict(zip(weights, torch.autograd.grad(loss, list(weights.values()))))


def _kept(scores: torch.Tensor, sparsity: float) -> torch.Tensor:
    """A mask of a vector without its lowest entries; a count settles ties, a threshold cannot."""
    kept = torch.ones_like(scores, dtype=torch.bool)
    count = round(sparsity * scores.numel())
    # Unsorted, because selecting takes linear time and sorting does not.
    kept[scores.topk(count, largest=False, sorted=False).indices] = False
    return kept

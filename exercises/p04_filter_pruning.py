"""Filter pruning: which filters to silence, and how to silence them

过滤器剪枝：请编写一个函数，对给定的卷积神经网络 (CNN) 进行过滤器剪枝。

A filter is one output channel of a convolution. Before filters are cut out for good, one scores
them, silences the least useful ones in place, and looks at what that costs, layer by layer. The
shapes stay as they are; a silent filter gives exactly 0, so that it can be cut out afterwards
without changing the output.

    difficulty ●●●○○    importance ●●●●○    about 35 minutes

Words
    CNN        an nn.Sequential of Conv2d (groups=1, with or without bias), an optional
               BatchNorm2d, ReLU, optional pooling or Dropout, …, then Flatten, Linear, and
               optionally (ReLU, Linear)….
    layer      an index into the Sequential.
    filter     weight[o] of a Conv2d weight of shape (out, in, kh, kw), for one output channel o.
    silent     in eval mode the filter's channel is exactly 0 everywhere, whatever the input:
               behind the batch-norm that follows the conv, or behind the conv itself where no
               batch-norm follows. Nearly 0 is not silent, nor is 0 only after the ReLU.
    sparsity   the fraction of the filters to silence, in [0, 1].

Everywhere
    Nothing given is changed, and arguments are always sensible: no checks are needed. A model
    that is returned is a copy of its own, down to its layers, with the same settings, shapes,
    dtype, modes and `requires_grad`.

Sources
    Li, Kadav, Durdanovic, Samet & Graf 2017, "Pruning Filters for Efficient ConvNets", section 3
    (the L1 score; sensitivity, one layer at a time); He, Liu, Wang, Hu & Yang 2019, "Filter
    Pruning via Geometric Median for Deep Convolutional Neural Networks Acceleration", section 3.

Worked notebook: notebooks/p04_filter_pruning.ipynb
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import nn


def l1_scores(weight: torch.Tensor) -> torch.Tensor:
    """Score each filter by the sum of the absolute values of its weights (Li et al. 2017).

    Args:
        weight: shape (out, in, kh, kw).

    Returns:
        A tensor of shape (out,), as precise as `weight`. A small score means: can go.

    Example:
        >>> l1_scores(torch.tensor([[[[3.0, -4.0]]], [[[0.0, 1.0]]]])).tolist()
        [7.0, 1.0]
    """
    raise NotImplementedError


def geometric_median_scores(weight: torch.Tensor) -> torch.Tensor:
    """Score each filter by the sum of its distances to all the others (He et al. 2019).

    A filter in the middle of the others can be replaced by them, however large it is. The distance
    of two filters is the L2 norm of their difference, all in · kh · kw weights together.

    Args:
        weight: shape (out, in, kh, kw).

    Returns:
        A tensor of shape (out,), as precise as `weight`. A small score means: can go. A filter on
        its own scores 0.

    Example:
        >>> geometric_median_scores(torch.tensor([0.0, 4.0, 10.0]).reshape(3, 1, 1, 1)).tolist()
        [14.0, 10.0, 16.0]
    """
    raise NotImplementedError


def silence_filters(model: nn.Sequential, layer: int, drop: Sequence[int]) -> nn.Sequential:
    """Return a copy in which some filters of one Conv2d are silent.

    No layer is added or taken away, no shape changes. The other filters of that conv, and all
    other layers, compute what they did.

    Think of every number that a channel can still get from: the conv may have a bias, and a
    batch-norm may follow. A BatchNorm2d(affine=False) has no scale and no shift (its weight and
    bias are None), but it still subtracts its running mean.

    Args:
        model: a CNN.
        layer: the index of a Conv2d in it.
        drop: a list of output channels to silence: distinct, in any order; none of them, or all,
            are fine.

    Returns:
        A new nn.Sequential.

    Example:
        >>> model = nn.Sequential(
        ...     nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(2, 1)
        ... ).eval()
        >>> model[1].bias.data = torch.tensor([0.7, 0.7])
        >>> silence_filters(model, 0, [1])[:2](torch.ones(1, 1, 1, 1))[0, 1].item()
        0.0
    """
    raise NotImplementedError


def prune_filters(model: nn.Sequential, sparsity: float, criterion: str = "l1") -> nn.Sequential:
    """Silence the filters of lowest score in every Conv2d.

    Each conv is ranked on its own, by its weight alone. Of its c filters round(sparsity · c) go
    (Python's `round`), but at least one is left. Among equal scores any choice is right.

    Args:
        model: a CNN.
        sparsity: the fraction of each conv's filters to silence.
        criterion: "l1" or "geometric_median".

    Returns:
        A new nn.Sequential.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(1, 3, 1), nn.ReLU(), nn.Flatten(), nn.Linear(3, 1))
        >>> model[0].weight.data = torch.tensor([4.0, 0.0, 10.0]).reshape(3, 1, 1, 1)
        >>> model[0].bias.data = torch.tensor([1.0, 1.0, 1.0])
        >>> prune_filters(model, 0.4)[0](torch.ones(1, 1, 1, 1)).flatten().tolist()
        [5.0, 0.0, 11.0]
        >>> quiet = prune_filters(model, 0.4, criterion="geometric_median")
        >>> quiet[0](torch.ones(1, 1, 1, 1)).flatten().tolist()
        [0.0, 1.0, 11.0]
    """
    raise NotImplementedError


def sensitivity(
    model: nn.Sequential,
    evaluate: Callable[[nn.Sequential], float],
    sparsities: Sequence[float],
) -> dict[int, list[float]]:
    """Measure what pruning one layer costs, for each Conv2d and each sparsity.

    Args:
        model: a CNN.
        evaluate: a function of a model, such as its accuracy on a validation set. Each time it is
            given a fresh copy of `model` in which only one conv is pruned, as `prune_filters`
            would with "l1". It may train the copy, or change it in other ways.
        sparsities: the fractions to try, in any order.

    Returns:
        {layer: values}, for each Conv2d: what `evaluate` returned at each of the sparsities, in
        their order.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 2))
        >>> def silent(model):
        ...     return sum(not filter_.any() for filter_ in model[0](torch.ones(1, 1, 4, 4))[0])
        >>> sensitivity(model, silent, [0.5, 0.0, 1.0])
        {0: [2, 0, 3]}
    """
    raise NotImplementedError

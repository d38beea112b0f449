"""Filter pruning: which filters of a CNN may go, and what each layer can bear

过滤器剪枝：请编写一个函数，对给定的卷积神经网络 (CNN) 进行过滤器剪枝。

Before filters are cut out (p02), one wants to know which, and how many. Here filters are scored
in two ways and silenced: the shapes stay, the outputs of the filters that go become zero. So any
choice can be tried without rebuilding the network, one layer at a time.

    difficulty ●●●○○    importance ●●●●○    about 35 minutes

Words
    filter    the weights of one output channel: weight[o], of shape (in, kh, kw).
    silenced  the filter's output channel is exactly 0 after its batch-norm (after the Conv2d
              itself where no BatchNorm2d follows it), in eval mode and for any input. A
              batch-norm adds a shift, and subtracts a running mean even without scale and shift
              (affine=False), so zero weights alone do not silence a filter.
    CNN       an nn.Sequential of Conv2d (groups=1, with or without bias), an optional
              BatchNorm2d, ReLU, optional pooling or Dropout, …, then Flatten, Linear, and
              optionally (ReLU, Linear)…
    layer     an index into the Sequential.

Everywhere
    The model given is not changed in any way, nor is its mode; what is returned is a copy that
    shares no memory with it, of the same layers, shapes, dtype, device and mode. All that is not
    silenced computes what it did.
    `sparsity` is the fraction of a layer's filters that go: of c filters, round(sparsity · c),
    those of smallest score, but at least one is left. Equal scores: any choice is right.
    TypeError: `model` is not an nn.Sequential; None or a string for a tensor or a number.
    ValueError: `weight` is empty or holds NaN or infinity; `sparsity` (or one of `sparsities`) is
    NaN or outside [0, 1]; `layer` is out of range or not the index of a Conv2d; `drop` has an
    index out of range; `criterion` is not one of those named. The message names the argument.

Sources
    Li, Kadav, Durdanovic, Samet & Graf 2017, "Pruning Filters for Efficient ConvNets", section 3
    (L1 norm, sensitivity of single layers); He, Liu, Wang, Hu & Yang 2019, "Filter Pruning via
    Geometric Median for Deep Convolutional Neural Networks Acceleration", section 3.

Worked notebook: notebooks/p04_filter_pruning.ipynb
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import nn


def l1_scores(weight: torch.Tensor) -> torch.Tensor:
    """Return the sum of the absolute weights of each filter.

    Args:
        weight: shape (out, in, kh, kw).

    Returns:
        A tensor of shape (out,): the L1 norm of each filter.

    Example:
        >>> l1_scores(torch.tensor([[[[3.0, -4.0]]], [[[0.0, 1.0]]]])).tolist()
        [7.0, 1.0]
    """
    raise NotImplementedError


def geometric_median_scores(weight: torch.Tensor) -> torch.Tensor:
    """Return for each filter the sum of its Euclidean distances to the other filters.

    A filter with a small sum lies near the geometric median of the layer: the others can stand
    in for it. A small norm plays no part. A single filter has the score 0.

    Args:
        weight: shape (out, in, kh, kw).

    Returns:
        A tensor of shape (out,): score[o] = Σ_p ‖weight[o] − weight[p]‖₂.

    Example:
        >>> geometric_median_scores(torch.tensor([0.0, 1.0, 5.0]).reshape(3, 1, 1, 1)).tolist()
        [6.0, 5.0, 9.0]
    """
    raise NotImplementedError


def silence_filters(model: nn.Sequential, layer: int, drop: Sequence[int]) -> nn.Sequential:
    """Return a copy in which the filters `drop` of that Conv2d are silenced.

    Args:
        model: a CNN.
        layer: the index of a Conv2d in it.
        drop: which filters go: indices, in any order; none, and all, are allowed.

    Returns:
        A new nn.Sequential of the same shapes.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(1, 3, 1), nn.BatchNorm2d(3), nn.ReLU()).eval()
        >>> silent = silence_filters(model, 0, [0, 2])
        >>> silent[:2](torch.ones(1, 1, 1, 1))[0, [0, 2]].abs().sum().item()
        0.0
    """
    raise NotImplementedError


def prune_filters(model: nn.Sequential, sparsity: float, criterion: str = "l1") -> nn.Sequential:
    """Silence in every Conv2d the filters of smallest score, each layer on its own.

    Args:
        model: a CNN.
        sparsity: the fraction of each layer's filters to silence.
        criterion: "l1" or "geometric_median": how filters are scored.

    Returns:
        A new nn.Sequential of the same shapes.

    Example:
        >>> conv = nn.Conv2d(1, 3, 1, bias=False)
        >>> conv.weight.data = torch.tensor([2.0, -1.0, 3.0]).reshape(3, 1, 1, 1)
        >>> prune_filters(nn.Sequential(conv, nn.ReLU()), 0.34)[0].weight.flatten().tolist()
        [2.0, 0.0, 3.0]
    """
    raise NotImplementedError


def sensitivity(
    model: nn.Sequential,
    evaluate: Callable[[nn.Sequential], float],
    sparsities: Sequence[float],
) -> dict[int, list[float]]:
    """Measure how much of each layer can go: prune one layer at a time, by the L1 norm.

    Args:
        model: a CNN.
        evaluate: takes a model and returns a number, such as its accuracy.
        sparsities: fractions to try, in this order.

    Returns:
        {index of a Conv2d: [evaluate(the model with that layer alone pruned to s) for each s]},
        for every Conv2d. As in `prune_filters`, at least one filter of the layer is left.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(2, 1))
        >>> sensitivity(model, lambda m: int((m[0].weight == 0).sum()), [0.0, 0.5, 1.0])
        {0: [0, 1, 1]}
    """
    raise NotImplementedError

"""Structured pruning: removing the channels of a CNN

结构化剪枝：请编写一个函数，对给定的卷积神经网络 (CNN) 进行结构化剪枝。

Zeros in a dense kernel are multiplied like any other number. To make a network smaller, cut whole
output channels out, and with them everything that belongs to them. Mostly it is faster too; by how
much, or at some numbers of channels whether at all, depends on the device (see q10).

    difficulty ●●●●○    importance ●●●●●    about 45 minutes

Words
    CNN       an nn.Sequential of Conv2d (groups=1, with or without bias), an optional
              BatchNorm2d (perhaps affine=False), ReLU, optional pooling or Dropout, …, then
              Flatten, Linear, and optionally (ReLU, Linear)…; a Dropout may stand anywhere
              after a ReLU or Flatten.
    layer     an index into the Sequential.
    consumer  who reads a conv's channels: the next Conv2d, or the first Linear behind Flatten.
              Flatten lays the channels out one after the other, so each is a block of H·W
              inputs there.

What is returned
    A copy, cut. It shares no memory and no layer with the model given, and keeps all that the cut
    does not change: dtype, device, each layer's mode and settings (stride, dilation, padding_mode,
    eps, momentum, dropout rate, …), and which parameters require a gradient.
    Nothing given is changed, nor is the global random state (building an nn.Conv2d draws from it).
    Arguments need no checks.

Sources
    Li, Kadav, Durdanovic, Samet & Graf 2017, "Pruning Filters for Efficient ConvNets", section 3
    (filters are cut with their feature maps and the kernels that read them); He, Zhang & Sun
    2017, "Channel Pruning for Accelerating Very Deep Neural Networks".

Worked notebook: notebooks/p02_structured_pruning.ipynb
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn


def channel_norms(conv: nn.Conv2d) -> torch.Tensor:
    """Return the L2 norm of the weights of each output channel.

    Args:
        conv: weight of shape (out, in, kh, kw).

    Returns:
        A tensor of shape (out,), as precise as the weights are (float64 for float64 ones): sqrt of
        the sum of squares of each filter. The bias is no part.

    Example:
        >>> conv = nn.Conv2d(1, 2, (1, 2), bias=False)
        >>> conv.weight.data = torch.tensor([[[[3.0, 4.0]]], [[[0.0, 1.0]]]])
        >>> channel_norms(conv).tolist()
        [5.0, 1.0]
    """
    raise NotImplementedError


def remove_channels(model: nn.Sequential, layer: int, keep: Sequence[int]) -> nn.Sequential:
    """Return a smaller CNN in which that Conv2d has only the output channels `keep`.

    Its batch-norm loses the same channels, and its consumer the inputs that they fed. The sizes
    that the layers state (`out_channels`, `num_features`, `in_channels`, `in_features`) follow.
    In eval mode the result computes what the original does when the channels that go are set to
    zero after batch-norm and activation.

    Args:
        model: a CNN.
        layer: the index of a Conv2d in it.
        keep: which output channels stay: distinct indices, at least one, in any order. The
            channels keep the order that they have in the original.

    Returns:
        A new nn.Sequential with the same kinds of layers.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 2))
        >>> smaller = remove_channels(model, 0, [0, 3])  # images of 4×4: H·W = 2·2
        >>> smaller[0].weight.shape, smaller[3].weight.shape
        (torch.Size([2, 1, 3, 3]), torch.Size([2, 8]))
    """
    raise NotImplementedError


def prune_channels(model: nn.Sequential, sparsity: float) -> nn.Sequential:
    """Remove from every Conv2d the output channels of smallest L2 norm.

    The norms are those of the weights of the model as it was given: what one layer loses does
    not change the ranking in the next. Each conv is ranked on its own; where several channels
    have the same norm, any choice among them is right.

    Args:
        model: a CNN.
        sparsity: the fraction of each conv's output channels to remove. Of c channels,
            round(sparsity · c) go, but at least one is left.

    Returns:
        A new nn.Sequential. The outputs of the last Linear are as many as before.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 2))
        >>> prune_channels(model, 0.75)[0].out_channels
        1
    """
    raise NotImplementedError

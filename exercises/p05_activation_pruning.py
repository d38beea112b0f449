"""Activation pruning: silencing the channels that are mostly zero

激活剪枝：请编写一个函数，对给定的卷积神经网络 (CNN) 进行激活剪枝。

A ReLU sets everything negative to zero. A channel that is zero almost everywhere, on data like
that of the task, hardly takes part; which channels these are, the weights alone do not tell.
Run the data through, count the zeros, and silence the channels that have most of them.

    difficulty ●●●○○    importance ●●●○○    about 35 minutes

Words
    CNN       an nn.Sequential of Conv2d (groups=1, with or without bias), an optional
              BatchNorm2d, ReLU, optional pooling or Dropout, …, then Flatten, Linear, and
              optionally (ReLU, Linear)…
    layer     an index into the Sequential, here always that of an nn.ReLU.
    channel   what the ReLU returns is (samples, channels, height, width) behind a convolution,
              and (samples, neurons) behind a Linear. Each neuron is a channel of one place.
    APoZ      average percentage of zeros: the share of exact zeros, in [0, 1], among all that
              the ReLU returns for a channel, over all samples and all places.
    sparsity  the fraction of the channels to silence, in [0, 1].

Everywhere
    All three functions measure in eval mode, whatever mode the model is in. `batches` is a list of
    input tensors, and they may differ in size. Each sample counts the same, whichever batch it is
    in: the mean of the batches' means is something else.
    Nothing given is changed: the model's weights, its statistics, the mode of each of its layers
    and its hooks are as they were. Arguments are always sensible: no checks are needed.

Sources
    Hu, Peng, Tai & Tang 2016, "Network Trimming: A Data-Driven Neuron Pruning Approach towards
    Efficient Deep Architectures" (APoZ); Molchanov, Tyree, Karras, Aila & Kautz 2017, "Pruning
    Convolutional Neural Networks for Resource Efficient Inference" (the mean activation and APoZ
    as criteria, compared with others).

Worked notebook: notebooks/p05_activation_pruning.ipynb
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn


def apoz(model: nn.Sequential, layer: int, batches: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return the share of zeros that a ReLU returns for each channel.

    Args:
        model: a CNN.
        layer: the index of a ReLU in it.
        batches: a list of input tensors, each (samples, …); at least one.

    Returns:
        A float tensor of shape (channels,): zeros / (samples · height · width), over the samples
        of all batches; behind a Linear, zeros / samples for each neuron.

    Example:
        >>> conv = nn.Conv2d(1, 2, 1, bias=False)
        >>> conv.weight.data = torch.tensor([1.0, -1.0]).reshape(2, 1, 1, 1)
        >>> model = nn.Sequential(conv, nn.ReLU(), nn.Flatten(), nn.Linear(4, 1))
        >>> three = torch.tensor([1.0, 2, 4, -1, 3, 2]).reshape(3, 1, 1, 2)  # images of 1×2
        >>> one = torch.tensor([4.0, -4.0]).reshape(1, 1, 1, 2)
        >>> apoz(model, 1, [three, one]).tolist()
        [0.25, 0.75]
    """
    raise NotImplementedError


def mean_activation(
    model: nn.Sequential, layer: int, batches: Sequence[torch.Tensor]
) -> torch.Tensor:
    """Return the mean of what a ReLU returns for each channel, the zeros included.

    Args:
        model: a CNN.
        layer: the index of a ReLU in it.
        batches: a list of input tensors, each (samples, …); at least one.

    Returns:
        A float tensor of shape (channels,): the mean over the samples of all batches and over
        all places.

    Example:
        >>> conv = nn.Conv2d(1, 2, 1, bias=False)
        >>> conv.weight.data = torch.tensor([1.0, -1.0]).reshape(2, 1, 1, 1)
        >>> model = nn.Sequential(conv, nn.ReLU(), nn.Flatten(), nn.Linear(4, 1))
        >>> three = torch.tensor([1.0, 2, 4, -1, 3, 2]).reshape(3, 1, 1, 2)  # images of 1×2
        >>> one = torch.tensor([4.0, -4.0]).reshape(1, 1, 1, 2)
        >>> mean_activation(model, 1, [three, one]).tolist()
        [2.0, 0.625]
    """
    raise NotImplementedError


def prune_by_activation(
    model: nn.Sequential, layer: int, batches: Sequence[torch.Tensor], sparsity: float
) -> nn.Sequential:
    """Return a copy in which the ReLU's channels of highest APoZ are silent.

    Of c channels, round(sparsity · c) go: those of highest APoZ, and among equal APoZ those of
    lower mean activation first. Where both are equal, any choice is right. At sparsity 1 all go.

    What the ReLU returns for a silenced channel is exactly 0 for any input, not only for
    `batches`: a channel that was zero on this data may be alive on other data, and neither a
    bias nor a batch-norm may shift it. (A BatchNorm2d(affine=False) has no scale and no shift,
    but it still subtracts its running mean.) How that is done is free, as long as nothing is cut
    out and all layers are torch's own. All other channels, and all other layers, compute what
    they did (in eval mode).

    Args:
        model: a CNN.
        layer: the index of a ReLU in it.
        batches: a list of input tensors, each (samples, …); at least one.
        sparsity: the fraction of the ReLU's channels to silence, in [0, 1].

    Returns:
        A new nn.Sequential, a copy of its own down to its layers, with the same layers at the
        same indices and tensors of the same shapes. Settings, dtype, modes and `requires_grad`
        are those of the model given.

    Example:
        >>> conv = nn.Conv2d(1, 2, 1, bias=False)
        >>> conv.weight.data = torch.tensor([1.0, -1.0]).reshape(2, 1, 1, 1)
        >>> model = nn.Sequential(conv, nn.ReLU(), nn.Flatten(), nn.Linear(4, 1))
        >>> batch = torch.tensor([4.0, 3.0, 2.0, -1.0]).reshape(2, 1, 1, 2)  # APoZ 0.25, 0.75
        >>> pruned = prune_by_activation(model, 1, [batch], 0.5)
        >>> pruned[:2](-batch)[:, 1].count_nonzero().item()  # three before
        0
    """
    raise NotImplementedError

"""Sparsity-inducing pruning: penalties that make zeros, and patterns that hardware can use

稀疏性：请编写一个函数，对给定的卷积神经网络 (CNN) 进行稀疏性剪枝。

Weights that were trained without any thought of pruning are rarely zero. A penalty on absolute
values pulls what is not needed to zero while the network learns, and the step that does it
exactly is a proximal operator. On batch-norm scales the same penalty names the channels that
can go. And where the zeros lie decides who can use them: of every 4 neighbours, 2.

    difficulty ●●●○○    importance ●●●●○    about 40 minutes

Words
    CNN       an nn.Sequential of Conv2d (groups=1, with or without bias), an optional
              BatchNorm2d, ReLU, optional pooling or Dropout, …, then Flatten, Linear, and
              optionally (ReLU, Linear)…
    filter    weight[o] of a Conv2d weight of shape (out, in, kh, kw).
    scale     a batch-norm computes scale · normalised input + shift for each channel; PyTorch
              calls scale and shift its `weight` and `bias`.
    mask      a boolean tensor of the shape of what it masks; True = kept, False = removed.

Everywhere
    Weights are torch tensors of float32 or float64, and results have their dtype. Nothing given
    is changed: results are new tensors and new models, also where nothing is removed. Where
    several values are equal, any choice among them is right. Arguments are always sensible: no
    checks are needed.

Sources
    Parikh & Boyd 2014, "Proximal Algorithms" (soft thresholding, and block soft thresholding for
    groups); Wen, Wu, Wang, Chen & Li 2016, "Learning Structured Sparsity in Deep Neural Networks"
    (a group for each filter); Liu, Li, Shen, Huang, Yan & Zhang 2017, "Learning Efficient
    Convolutional Networks through Network Slimming"; Mishra et al. 2021, "Accelerating Sparse
    Deep Neural Networks" (2:4).

Worked notebook: notebooks/p07_sparsity_pruning.ipynb
"""

from __future__ import annotations

import torch
from torch import nn


def soft_threshold(weights: torch.Tensor, penalty: float) -> torch.Tensor:
    """Return the proximal operator of penalty · Σ|w|: shrink every weight, the small ones to 0.

    That is the x which minimises ½ ‖x − weights‖² + penalty · Σ|x|. Each weight moves towards
    zero by `penalty`, and stops there: one of magnitude at most `penalty` becomes exactly 0.

    Args:
        weights: a tensor of any shape.
        penalty: a number, 0 or more.

    Returns:
        A new tensor of the same shape and dtype: sign(w) · max(0, |w| − penalty).

    Example:
        >>> soft_threshold(torch.tensor([3.0, -2.0, 0.5]), 1.0).tolist()
        [2.0, -1.0, 0.0]
    """
    raise NotImplementedError


def group_soft_threshold(weight: torch.Tensor, penalty: float) -> torch.Tensor:
    """Return the proximal operator of penalty · Σ‖filter‖: shrink whole filters, or drop them.

    That is the x which minimises ½ ‖x − weight‖² + penalty · Σ ‖x[o]‖, with the L2 norm of each
    filter, not squared. A filter keeps its direction and loses `penalty` of its norm; one whose
    norm is at most `penalty` becomes exactly 0, and so a filter of zeros stays one.

    Args:
        weight: shape (out, in, kh, kw).
        penalty: a number, 0 or more.

    Returns:
        A new tensor of the same shape and dtype: each filter times max(0, 1 − penalty / ‖filter‖),
        with nothing added to the norm.

    Example:
        >>> weight = torch.tensor([[3.0, 4.0], [0.6, 0.8]]).reshape(2, 1, 1, 2)
        >>> group_soft_threshold(weight, 2.5).flatten(1).tolist()
        [[1.5, 2.0], [0.0, 0.0]]
    """
    raise NotImplementedError


def slimming_penalty(model: nn.Sequential, strength: float) -> torch.Tensor:
    """Return strength · Σ|scale| over all batch-norms, to be added to the training loss.

    Shifts, convolutions and linear layers are not penalised. The result is differentiable: its
    gradient by a scale is strength · sign(scale), and nothing else has one.

    Args:
        model: a CNN with batch-norms.
        strength: a number, 0 or more.

    Returns:
        A scalar tensor that depends on the scales of this very model.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.ReLU())
        >>> model[1].weight.data = torch.tensor([3.0, -1.0])
        >>> slimming_penalty(model, 0.5).item()
        2.0
    """
    raise NotImplementedError


def slim(model: nn.Sequential, sparsity: float) -> nn.Sequential:
    """Silence the channels of smallest |scale|, ranked over all batch-norms together.

    With `total` channels in all batch-norms of the model, round(sparsity · total) are silenced:
    scale and shift become 0. Go through the channels in ascending order of |scale|. A channel
    that is the last of its layer not yet silenced in this call is passed over, and the next in
    order goes in its place; so every layer keeps a channel, and fewer are silenced only where
    each layer is down to its last. What an earlier call silenced has the scale 0 and counts like
    any other channel: slimming twice by 50% is not 75%.

    Args:
        model: a CNN with batch-norms.
        sparsity: the fraction of all batch-normed channels to silence, in [0, 1].

    Returns:
        A new nn.Sequential with the same layers, which shares no memory with the model given.
        Only the scales and shifts of silenced channels differ: shapes stay, and so do modes,
        `requires_grad` and the settings of each layer.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.ReLU(),
        ...                       nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2), nn.ReLU())
        >>> model[1].weight.data = torch.tensor([0.1, -0.2])
        >>> model[4].weight.data = torch.tensor([4.0, -3.0])
        >>> slimmed = slim(model, 0.5)  # 2 of 4 go; −0.2 is the last of its layer
        >>> (slimmed[1].weight != 0).tolist(), (slimmed[4].weight != 0).tolist()
        ([False, True], [True, False])
    """
    raise NotImplementedError


def nm_mask(weight: torch.Tensor, n: int, m: int) -> torch.Tensor:
    """Keep the n weights of largest magnitude in every run of m neighbours (2:4 has n=2, m=4).

    The runs are those of weight.reshape(out, -1), row by row: entries 0 to m − 1, m to 2m − 1 and
    so on of each flattened filter. No run reaches from one filter into the next. (For kernels
    larger than 1×1 the sparse tensor cores of NVIDIA, and its tools, take runs along the input
    channels instead; for Linear and 1×1 layers that is the same.)

    Args:
        weight: shape (out, in, kh, kw) or (out, in).
        n: how many are kept (some libraries count those removed), 1 ≤ n ≤ m.
        m: the length of a run; it divides the length of a flattened filter.

    Returns:
        A boolean mask of the shape of `weight`, with exactly n True in each run, ties included.

    Example:
        >>> nm_mask(torch.tensor([[0.1, -3.0, 2.0, 0.5], [4.0, 0.0, 0.0, 1.0]]), 2, 4).tolist()
        [[False, True, True, False], [True, False, False, True]]
    """
    raise NotImplementedError

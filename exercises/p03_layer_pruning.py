"""Layer pruning: making an MLP less deep

层剪枝：请编写一个函数，对给定的多层感知机 (MLP) 进行层剪枝。

A layer that hardly changes the output can go as a whole. What is left is an ordinary dense
network with fewer layers to run one after the other. A layer can simply be taken out where its
input and its output are of the same width.

    difficulty ●●○○○    importance ●●●○○    about 25 minutes

Words
    MLP              an nn.Sequential of Linear, (ReLU, Linear)….
    layer            an index into the Sequential.
    removable layer  a square Linear (in_features = out_features) together with the ReLU that
                     follows it. Two Linears never are: the first one, and the last one, which has
                     no ReLU after it. They keep their place also where they are square. What is
                     removable is named by the index of its Linear.
    f                what the model computes; f without a layer: the same with that Linear and
                     its ReLU left out.

`inputs` is one batch, a tensor of shape (n, in_features of the first Linear). What is returned is
a copy that shares no memory with the model given and keeps the dtype, device and mode, and which
parameters require a gradient. Nothing given is changed, no mode and no gradient either, nor is the
global random state (building an nn.Linear draws from it). Arguments need no checks.

Sources
    Men et al. 2024, "ShortGPT: Layers in Large Language Models are More Redundant Than You
    Expect" (whole layers go, by how little they change; scores measured once); Song et al. 2024,
    "SLEB: Streamlining LLMs through Redundancy Verification and Elimination of Transformer
    Blocks" (one block after the other, scores measured anew on what is left).

Worked notebook: notebooks/p03_layer_pruning.ipynb
"""

from __future__ import annotations

import torch
from torch import nn


def removable_layers(model: nn.Sequential) -> list[int]:
    """List the removable layers of an MLP.

    Args:
        model: an MLP.

    Returns:
        The indices into `model`, ascending, of the Linears that are square, have a ReLU right
        after them, and are not the first Linear. The list may be empty.

    Example:
        >>> model = nn.Sequential(
        ...     nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3)
        ... )
        >>> removable_layers(model)
        [2]
    """
    raise NotImplementedError


def layer_scores(model: nn.Sequential, inputs: torch.Tensor) -> dict[int, float]:
    """Score each removable layer by how much the output changes without it.

    The score of a layer is ‖f(x) − f without it(x)‖ / ‖f(x)‖. Both are L2 norms over all numbers
    in the outputs of the whole batch: a single norm, not one for each row. Every layer is left
    out of the complete model, alone. Measured in eval mode, whatever mode the model is in.
    (Where f(x) is all zero the score is not defined; nobody asks for it.)

    Args:
        model: an MLP.
        inputs: one batch x.

    Returns:
        {layer: score}, an entry for each removable layer and no other.

    Example:
        >>> linears = [nn.Linear(1, 1, bias=False) for _ in range(3)]
        >>> for linear, weight in zip(linears, (1.0, 4.0, 1.0)):
        ...     linear.weight.data = torch.tensor([[weight]])
        >>> model = nn.Sequential(linears[0], nn.ReLU(), linears[1], nn.ReLU(), linears[2])
        >>> layer_scores(model, torch.tensor([[1.0], [2.0]]))  # 4x with the layer, x without
        {2: 0.75}
    """
    raise NotImplementedError


def remove_layer(model: nn.Sequential, layer: int) -> nn.Sequential:
    """Return the MLP without one removable layer: the Linear and its ReLU are both gone.

    Args:
        model: an MLP.
        layer: the index of a removable layer.

    Returns:
        A new nn.Sequential, two entries shorter. The other layers are as they were, in their
        order; nothing stands in the place of what went.

    Example:
        >>> model = nn.Sequential(
        ...     nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 1)
        ... )
        >>> [type(x).__name__ for x in remove_layer(model, 2)]
        ['Linear', 'ReLU', 'Linear']
    """
    raise NotImplementedError


def prune_layers(model: nn.Sequential, inputs: torch.Tensor, n_remove: int) -> nn.Sequential:
    """Remove `n_remove` layers, one at a time, each time the one of least score.

    Greedy: after each removal all scores are measured anew on the model as it then is. That model
    is the f of the next scores; the original plays no part in them. Among equal scores any choice
    is right.

    Args:
        model: an MLP.
        inputs: the batch to measure the scores on.
        n_remove: how many layers go, from 0 to the number of removable layers.

    Returns:
        A new nn.Sequential, 2 · n_remove entries shorter. With n_remove = 0 it is a plain copy.

    Example:
        >>> model = nn.Sequential(
        ...     nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 1)
        ... )
        >>> len(prune_layers(model, torch.ones(4, 2), 1))
        3
    """
    raise NotImplementedError

"""Pruning and quantisation together: few weights, and few bits for each

量化与剪枝相结合：请编写一个函数，将量化与剪枝结合起来，压缩给定的神经网络。

A pruned weight costs one bit of a mask; a kept one still costs 16 or 32. Put what is kept on a
grid of few evenly spaced values, and it costs 8 bits or fewer. The grid must have a 0 in it, or
what was pruned comes back: hence the symmetric grid, and hence the order, first prune and then
quantise.

    difficulty ●●●○○    importance ●●●●●    about 40 minutes

Words
    bits      the width b of a code, 2 to 8.
    codes     integers from −(2^(b−1) − 1) to 2^(b−1) − 1, stored as int8: 255 of them at 8 bits,
              −128 is not used. The grid is the same on both sides of 0.
    scale     the step of the grid: the largest magnitude / (2^(b−1) − 1). A weight is near
              code · scale.
    axis      None: one scale for the whole tensor. An index: one scale for each index of that
              axis, such as 0 for one a filter of a Conv2d weight.
    sparsity  the fraction removed: of n weights, round(sparsity · n) go (Python's `round`).

Everywhere
    Nothing given is changed; the dtype and the device of weights are kept. Among equal magnitudes
    any choice is right, and so is either neighbour of a weight exactly between two grid points.
    Arguments are always sensible: no checks are needed.

Sources
    Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient
    Integer-Arithmetic-Only Inference" (integers inside, one multiply at the end; quantisation in
    training); Krishnamoorthi 2018, "Quantizing deep convolutional networks for efficient
    inference" (symmetric grids, a scale a channel); Bengio, Léonard & Courville 2013, "Estimating
    or Propagating Gradients Through Stochastic Neurons" (the straight-through gradient); Han, Mao
    & Dally 2016, "Deep Compression" (pruning and few bits together).

Worked notebook: notebooks/p10_quantized_pruning.ipynb
"""

from __future__ import annotations

import copy

import torch
from torch import nn


def quantize(
    weight: torch.Tensor, bits: int = 8, axis: int | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Put a tensor on a symmetric grid: the integer codes, and the scale that they stand for.

    scale = max |w| / (2^(bits−1) − 1), over the whole tensor or over each slice of `axis`. The
    code of w is the integer nearest to w / scale, be the weights of size 1e-8 or 1e8. A tensor,
    or a slice, that is all zero has all codes 0, and a scale that is any finite number.

    Args:
        weight: any shape.
        bits: 2 to 8.
        axis: None, or the axis along which each index has a scale of its own.

    Returns:
        (codes, scale). `codes` is int8, of the shape of `weight`. `scale` has the dtype of
        `weight`; it is one number (a tensor without dimensions), or one for each index of `axis`,
        shaped to broadcast against codes: all its other dimensions are 1.

    Example:
        >>> codes, scale = quantize(torch.tensor([[3.0, -1.2], [0.0, 0.4]]), bits=3)
        >>> codes.tolist(), scale.item()
        ([[3, -1], [0, 0]], 1.0)
        >>> codes, scale = quantize(torch.tensor([[3.0, -1.2], [0.0, 6.0]]), bits=3, axis=0)
        >>> codes.tolist(), scale.tolist()
        ([[3, -1], [0, 3]], [[1.0], [2.0]])
    """
    top = 2 ** (bits - 1) - 1
    magnitude = weight.abs()
    if axis is None:
        largest = magnitude.amax()
    else:
        others = [d for d in range(weight.ndim) if d != axis]
        largest = magnitude.amax(dim=others, keepdim=True) if others else magnitude
    scale = largest / top
    step = torch.where(scale > 0, scale, 1.0)  # nothing is divided by 0
    return (weight / step).round().to(torch.int8), scale


def dequantize(codes: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Return the values that the codes stand for: codes · scale, as floats.

    Args:
        codes: int8, any shape.
        scale: floats, shaped to broadcast against codes.

    Returns:
        A tensor of the shape of `codes` and the dtype of `scale`.

    Example:
        >>> dequantize(torch.tensor([[3, -1]], dtype=torch.int8), torch.tensor(0.5)).tolist()
        [[1.5, -0.5]]
    """
    return codes.to(scale.dtype) * scale


def fake_quantize(weight: torch.Tensor, bits: int) -> torch.Tensor:
    """Return what quantize then dequantize give, with the gradient of the identity.

    Rounding has the gradient 0 almost everywhere: nothing could be trained through it. So the
    backward pass takes it for the identity ("straight through"): whatever gradient arrives at
    the result arrives unchanged (up to rounding) at the weight, at the ends of the grid and at
    all-zero weights too, and none goes through the scale.

    Args:
        weight: any shape; may ask for gradients, and need not be a leaf. One scale for it all.
        bits: 2 to 8.

    Returns:
        A tensor of the shape and dtype of `weight`.

    Example:
        >>> w = torch.tensor([3.0, -1.2, 0.4], requires_grad=True)
        >>> fake_quantize(w, 3).tolist()
        [3.0, -1.0, 0.0]
        >>> (fake_quantize(w, 3) * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
        >>> w.grad.tolist()
        [1.0, 2.0, 3.0]
    """
    value = dequantize(*quantize(weight.detach(), bits))
    return value + (weight - weight.detach())  # adds 0 to the value, and 1 to the gradient


def prune_and_quantize(model: nn.Module, sparsity: float, bits: int = 8) -> nn.Module:
    """Prune every Conv2d and Linear weight by magnitude, then put it on a grid.

    Each weight tensor on its own: its round(sparsity · n) smallest magnitudes become 0, then the
    whole of it becomes what quantize and dequantize give, with one scale, that of what was kept.
    The ranking is that of the weights as they are given, not as they are rounded. What was
    pruned is exactly 0. Biases, batch-norms and everything else stay as they are.

    Args:
        model: a CNN or an MLP: an nn.Sequential of Conv2d, BatchNorm2d, ReLU, pooling, Dropout,
            Flatten and Linear layers, some of them or all.
        sparsity: the fraction of each weight tensor to remove, in [0, 1].
        bits: 2 to 8.

    Returns:
        A copy of the model, with float weights, which shares no memory with it. Its layers have
        the settings of the model's: mode, padding, `requires_grad` and all.

    Example:
        >>> model = nn.Sequential(nn.Linear(4, 1))
        >>> model[0].weight.data = torch.tensor([[3.0, -1.2, 0.9, 0.1]])
        >>> prune_and_quantize(model, 0.5, bits=3)[0].weight.tolist()
        [[3.0, -1.0, 0.0, 0.0]]
    """
    model = copy.deepcopy(model)
    for layer in model.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            pruned = layer.weight.detach().clone()
            count = round(sparsity * pruned.numel())
            smallest = pruned.abs().flatten().topk(count, largest=False).indices
            pruned.view(-1)[smallest] = 0.0
            with torch.no_grad():
                layer.weight.copy_(dequantize(*quantize(pruned, bits)))
    return model


def packed_bits(n: int, nnz: int, bits: int) -> int:
    """Return the bits that n weights take, of which nnz are kept: a bit mask, and a code for each.

    Args:
        n: how many weights there are.
        nnz: how many of them are kept, 0 to n.
        bits: the width of a code.

    Returns:
        n + nnz · bits. The scale is not counted.

    Example:
        >>> packed_bits(1000, 100, 8)  # dense weights take 32000 in float32, 16000 in bfloat16
        1800
    """
    return n + nnz * bits


def integer_matvec(
    weight_codes: torch.Tensor,
    weight_scale: torch.Tensor,
    input_codes: torch.Tensor,
    input_scale: torch.Tensor,
) -> torch.Tensor:
    """Multiply a quantised matrix by a quantised vector, with integers inside.

    A row's sum Σ weight_code · input_code is computed exactly, in integers wide enough: a product
    of two int8 codes does not fit into int8, and 10⁵ of them do not fit into int16. The sum times
    both scales is the only float arithmetic.

    Args:
        weight_codes: int8, shape (rows, cols).
        weight_scale: one number, or one a row: shape () or (rows, 1).
        input_codes: int8, shape (cols,).
        input_scale: one number, shape ().

    Returns:
        A float tensor of shape (rows,): dequantised matrix @ dequantised vector.

    Example:
        >>> codes = torch.tensor([[100, 100], [1, -2]], dtype=torch.int8)
        >>> scales = torch.tensor([[0.5], [0.25]])
        >>> vector = torch.tensor([100, 100], dtype=torch.int8)
        >>> integer_matvec(codes, scales, vector, torch.tensor(0.01)).tolist()
        [100.0, -0.25]
    """
    sums = weight_codes.to(torch.int64) @ input_codes.to(torch.int64)
    scale = (weight_scale * input_scale).reshape(-1)
    return sums.to(scale.dtype) * scale

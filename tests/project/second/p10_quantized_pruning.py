"""An independent right answer: numpy and loops, halves away from zero, later ties first."""

import copy
import math

import numpy as np
import torch
from torch import nn


def _tensor(x, name):
    if x is None or isinstance(x, str):
        raise TypeError(f"{name}: {x!r} is no tensor")
    if x.numel() == 0:
        raise ValueError(f"{name} is empty")
    if x.is_floating_point() and not torch.isfinite(x).all():
        raise ValueError(f"{name} holds NaN or infinity")


def _number(x, name, low=None, high=None):
    if x is None or isinstance(x, str):
        raise TypeError(f"{name}: {x!r} is no number")
    if math.isnan(x) or (low is not None and x < low) or (high is not None and x > high):
        raise ValueError(f"{name} is {x!r}")


def quantize(weight, bits=8, axis=None):
    _tensor(weight, "weight")
    _number(bits, "bits", 2, 8)
    top = (1 << (bits - 1)) - 1
    array = weight.detach().numpy().astype(np.float64)
    if axis is not None:
        _number(axis, "axis", None, array.ndim - 1)
    codes = np.zeros(array.shape, dtype=np.int8)
    shape = [1] * array.ndim
    if axis is None:
        groups = [np.ones(array.shape, dtype=bool)]
    else:
        shape[axis] = array.shape[axis]
        place = np.indices(array.shape)[axis]
        groups = [place == i for i in range(array.shape[axis])]
    scales = []
    for group in groups:
        largest = max(abs(v) for v in array[group])
        scale = largest / top if largest else 1.0
        scales.append(scale)
        codes[group] = [
            int(math.copysign(math.floor(abs(v) / scale + 0.5), v)) for v in array[group]
        ]
    scale = torch.tensor(scales, dtype=weight.dtype).reshape(shape)
    return torch.from_numpy(codes), scale


def dequantize(codes, scale):
    _tensor(codes, "codes")
    _tensor(scale, "scale")
    return torch.from_numpy(np.asarray(codes.numpy().astype(np.float64) * scale.numpy())).to(
        scale.dtype
    )


class _Straight(torch.autograd.Function):
    @staticmethod
    def forward(ctx, weight, bits):
        codes, scale = quantize(weight, bits)
        return dequantize(codes, scale)

    @staticmethod
    def backward(ctx, gradient):
        return gradient, None


def fake_quantize(weight, bits):
    _tensor(weight, "weight")
    _number(bits, "bits", 2, 8)
    return _Straight.apply(weight, bits)


def prune_and_quantize(model, sparsity, bits=8):
    _number(sparsity, "sparsity", 0, 1)
    _number(bits, "bits", 2, 8)
    result = copy.deepcopy(model)
    for module in result:
        if type(module) in (nn.Conv2d, nn.Linear):
            values = module.weight.detach().flatten().tolist()
            order = sorted(range(len(values)), key=lambda i: (abs(values[i]), -i))
            for i in order[: round(float(sparsity) * len(values))]:
                values[i] = 0.0
            weight = torch.tensor(values, dtype=module.weight.dtype).reshape(module.weight.shape)
            module.weight = nn.Parameter(dequantize(*quantize(weight, bits)))
    return result


def packed_bits(n, nnz, bits):
    _number(n, "n", 0)
    _number(nnz, "nnz", 0, n)
    _number(bits, "bits", 1)
    return sum([n, nnz * bits])


def integer_matvec(weight_codes, weight_scale, input_codes, input_scale):
    for name, x in dict(
        weight_codes=weight_codes,
        weight_scale=weight_scale,
        input_codes=input_codes,
        input_scale=input_scale,
    ).items():
        _tensor(x, name)
    if weight_codes.shape[1] != input_codes.shape[0]:
        raise ValueError("weight_codes and input_codes do not match")
    rows = weight_codes.shape[0]
    if weight_scale.numel() not in (1, rows):
        raise ValueError("weight_scale does not match")
    x = input_codes.tolist()
    out = []
    for r, row in enumerate(weight_codes.tolist()):
        total = 0
        for a, b in zip(row, x):
            total += a * b
        s = weight_scale.flatten()[r if weight_scale.numel() > 1 else 0].item()
        out.append(total * (s * input_scale.item()))
    return torch.tensor(out, dtype=weight_scale.dtype)

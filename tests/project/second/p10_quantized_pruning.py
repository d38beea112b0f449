"""An independent right answer: numpy and loops, halves away from zero, later ties first."""

import copy
import math

import numpy as np
import torch
from torch import nn


def quantize(weight, bits=8, axis=None):
    top = (1 << (bits - 1)) - 1
    array = weight.detach().numpy().astype(np.float64)
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
    return _Straight.apply(weight, bits)


def prune_and_quantize(model, sparsity, bits=8):
    result = copy.deepcopy(model)
    for module in result:
        if type(module) in (nn.Conv2d, nn.Linear):
            values = module.weight.detach().flatten().tolist()
            order = sorted(range(len(values)), key=lambda i: (abs(values[i]), -i))
            for i in order[: round(float(sparsity) * len(values))]:
                values[i] = 0.0
            weight = torch.tensor(values, dtype=module.weight.dtype).reshape(module.weight.shape)
            asks = module.weight.requires_grad
            module.weight = nn.Parameter(dequantize(*quantize(weight, bits)), requires_grad=asks)
    return result


def packed_bits(n, nnz, bits):
    return sum([n, nnz * bits])


def integer_matvec(weight_codes, weight_scale, input_codes, input_scale):
    x = input_codes.tolist()
    out = []
    for r, row in enumerate(weight_codes.tolist()):
        total = 0
        for a, b in zip(row, x):
            total += a * b
        s = weight_scale.flatten()[r if weight_scale.numel() > 1 else 0].item()
        out.append(total * (s * input_scale.item()))
    return torch.tensor(out, dtype=weight_scale.dtype)

"""p10, as short as the formulas."""

import copy

import torch
from torch import nn


def quantize(weight, bits=8, axis=None):
    weight = weight.detach()
    top = 2 ** (bits - 1) - 1
    if axis is None:
        largest = weight.abs().max()
    else:
        other = [d for d in range(weight.dim()) if d != axis % weight.dim()]
        largest = weight.abs().amax(dim=other, keepdim=True) if other else weight.abs()
    scale = largest / top
    scale = torch.where(scale == 0, torch.ones_like(scale), scale)
    return torch.round(weight / scale).to(torch.int8), scale


def dequantize(codes, scale):
    return codes * scale


class StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx, weight, bits):
        return dequantize(*quantize(weight, bits))

    @staticmethod
    def backward(ctx, grad):
        return grad, None


def fake_quantize(weight, bits):
    return StraightThrough.apply(weight, bits)


def prune_and_quantize(model, sparsity, bits=8):
    new = copy.deepcopy(model)
    for module in new.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            w = module.weight.data.clone()
            flat = w.view(-1)
            flat[flat.abs().argsort()[: round(sparsity * flat.numel())]] = 0
            module.weight.data = dequantize(*quantize(w, bits))
    return new


def packed_bits(n, nnz, bits):
    return n + nnz * bits


def integer_matvec(weight_codes, weight_scale, input_codes, input_scale):
    sums = weight_codes.long() @ input_codes.long()
    return sums * weight_scale.flatten() * input_scale

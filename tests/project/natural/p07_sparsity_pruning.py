"""p07: formulas, and one loop through sorted channels."""

import copy

import torch
from torch import nn


def soft_threshold(weights, penalty):
    return weights.sign() * (weights.abs() - penalty).clamp(min=0)


def group_soft_threshold(weight, penalty):
    result = torch.zeros_like(weight)
    for o in range(weight.shape[0]):
        norm = weight[o].norm()
        if norm > penalty:
            result[o] = weight[o] * (1 - penalty / norm)
    return result


def slimming_penalty(model, strength):
    total = 0
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            total = total + module.weight.abs().sum()
    return strength * total


def slim(model, sparsity):
    new = copy.deepcopy(model)
    norms = [m for m in new.modules() if isinstance(m, nn.BatchNorm2d)]
    channels = []
    for i, norm in enumerate(norms):
        for c, scale in enumerate(norm.weight.tolist()):
            channels.append((abs(scale), i, c))
    to_go = round(sparsity * len(channels))
    left = [norm.num_features for norm in norms]
    with torch.no_grad():
        for _, i, c in sorted(channels):
            if to_go == 0:
                break
            if left[i] > 1:
                norms[i].weight[c] = 0
                norms[i].bias[c] = 0
                left[i] -= 1
                to_go -= 1
    return new


def nm_mask(weight, n, m):
    runs = weight.abs().reshape(-1, m)
    mask = torch.zeros_like(runs, dtype=torch.bool)
    mask.scatter_(1, runs.topk(n, dim=1).indices, True)
    return mask.reshape(weight.shape)

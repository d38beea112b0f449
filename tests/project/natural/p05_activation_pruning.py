"""p05: run a copy, gather everything, count."""

import copy

import torch
from torch import nn


def activations(model, layer, batches):
    part = copy.deepcopy(model[: layer + 1]).eval()
    with torch.no_grad():
        outputs = [part(batch) for batch in batches]
    out = torch.cat([o.reshape(o.shape[0], o.shape[1], -1) for o in outputs])
    return out.transpose(0, 1).flatten(1)


def apoz(model, layer, batches):
    return (activations(model, layer, batches) == 0).float().mean(dim=1)


def mean_activation(model, layer, batches):
    return activations(model, layer, batches).mean(dim=1)


def prune_by_activation(model, layer, batches, sparsity):
    zeros = apoz(model, layer, batches).tolist()
    means = mean_activation(model, layer, batches).tolist()
    order = sorted(range(len(zeros)), key=lambda c: (-zeros[c], means[c]))
    drop = order[: round(sparsity * len(zeros))]

    new = copy.deepcopy(model)
    before = layer - 1
    with torch.no_grad():
        if isinstance(new[before], nn.BatchNorm2d):
            norm = new[before]
            if norm.affine:
                norm.weight[drop] = 0
                norm.bias[drop] = 0
            else:
                norm.running_mean[drop] = 0
            before -= 1
        new[before].weight[drop] = 0
        if new[before].bias is not None:
            new[before].bias[drop] = 0
    return new

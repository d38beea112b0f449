"""p02: a deep copy, then smaller parameters."""

import copy

import torch
from torch import nn


def channel_norms(conv):
    return conv.weight.detach().flatten(1).norm(dim=1)


def cut(parameter, index, dim):
    return nn.Parameter(
        parameter.detach().index_select(dim, index).clone(), requires_grad=parameter.requires_grad
    )


def remove_channels(model, layer, keep):
    new = copy.deepcopy(model)
    conv = new[layer]
    channels = conv.out_channels
    keep = torch.tensor(sorted(keep))
    conv.weight = cut(conv.weight, keep, 0)
    if conv.bias is not None:
        conv.bias = cut(conv.bias, keep, 0)
    conv.out_channels = len(keep)

    for module in new[layer + 1 :]:
        if isinstance(module, nn.BatchNorm2d):
            if module.affine:
                module.weight = cut(module.weight, keep, 0)
                module.bias = cut(module.bias, keep, 0)
            if module.running_mean is not None:
                module.running_mean = module.running_mean[keep].clone()
                module.running_var = module.running_var[keep].clone()
            module.num_features = len(keep)
        elif isinstance(module, nn.Conv2d):
            module.weight = cut(module.weight, keep, 1)
            module.in_channels = len(keep)
            break
        elif isinstance(module, nn.Linear):
            block = module.in_features // channels
            columns = torch.cat([torch.arange(c * block, (c + 1) * block) for c in keep.tolist()])
            module.weight = cut(module.weight, columns, 1)
            module.in_features = len(columns)
            break
    return new


def prune_channels(model, sparsity):
    new = model
    for i, module in enumerate(model):
        if isinstance(module, nn.Conv2d):
            norms = channel_norms(module)
            n_keep = max(1, len(norms) - round(sparsity * len(norms)))
            keep = norms.topk(n_keep).indices.tolist()
            new = remove_channels(new, i, keep)
    return new

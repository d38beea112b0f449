"""p04 in the obvious order."""

import copy

import torch
from torch import nn


def l1_scores(weight):
    return weight.abs().sum(dim=(1, 2, 3))


def geometric_median_scores(weight):
    flat = weight.flatten(1)
    n = len(flat)
    scores = torch.zeros(n, dtype=weight.dtype)
    for i in range(n):
        scores[i] = (flat - flat[i]).norm(dim=1).sum()
    return scores


def silence_filters(model, layer, drop):
    new = copy.deepcopy(model)
    conv = new[layer]
    drop = list(drop)
    with torch.no_grad():
        conv.weight[drop] = 0
        if conv.bias is not None:
            conv.bias[drop] = 0
        following = new[layer + 1] if layer + 1 < len(new) else None
        if isinstance(following, nn.BatchNorm2d):
            if following.affine:
                following.weight[drop] = 0
                following.bias[drop] = 0
            else:
                following.running_mean[drop] = 0
    return new


def filters_to_drop(weight, sparsity, criterion):
    scores = l1_scores(weight) if criterion == "l1" else geometric_median_scores(weight)
    count = min(round(sparsity * len(scores)), len(scores) - 1)
    return scores.argsort()[:count].tolist()


def prune_filters(model, sparsity, criterion="l1"):
    new = copy.deepcopy(model)
    for i, module in enumerate(model):
        if isinstance(module, nn.Conv2d):
            drop = filters_to_drop(module.weight.detach(), sparsity, criterion)
            new = silence_filters(new, i, drop)
    return new


def sensitivity(model, evaluate, sparsities):
    result = {}
    for i, module in enumerate(model):
        if isinstance(module, nn.Conv2d):
            result[i] = []
            for sparsity in sparsities:
                drop = filters_to_drop(module.weight.detach(), sparsity, "l1")
                result[i].append(evaluate(silence_filters(model, i, drop)))
    return result

"""p06 on a deep copy, so that nothing of the model can change."""

import copy

import torch
from torch import nn


def prunable(model):
    return {
        name + ".weight": module.weight
        for name, module in model.named_modules()
        if isinstance(module, (nn.Conv2d, nn.Linear))
    }


def magnitude_scores(model):
    return {name: weight.detach().abs() for name, weight in prunable(model).items()}


def taylor_scores(model, loss_fn, batches):
    model = copy.deepcopy(model).eval().requires_grad_(True)
    weights = prunable(model)
    total = {name: torch.zeros_like(w) for name, w in weights.items()}
    n = 0
    for inputs, targets in batches:
        model.zero_grad()
        loss_fn(model(inputs), targets).backward()
        for name, w in weights.items():
            total[name] += w.grad * len(inputs)
        n += len(inputs)
    return {name: (w * total[name] / n).abs().detach() for name, w in weights.items()}


def fisher_scores(model, loss_fn, batches):
    model = copy.deepcopy(model).eval().requires_grad_(True)
    weights = prunable(model)
    total = {name: torch.zeros_like(w) for name, w in weights.items()}
    n = 0
    for inputs, targets in batches:
        for i in range(len(inputs)):
            model.zero_grad()
            loss_fn(model(inputs[i : i + 1]), targets[i : i + 1]).backward()
            for name, w in weights.items():
                total[name] += w.grad**2
            n += 1
    return {name: (w**2 / 2 * total[name] / n).detach() for name, w in weights.items()}


def lowest_removed(scores, sparsity):
    mask = torch.ones(len(scores), dtype=torch.bool)
    mask[scores.argsort()[: round(sparsity * len(scores))]] = False
    return mask


def importance_masks(scores, sparsity, scope="global"):
    if scope == "layer":
        return {
            n: lowest_removed(s.flatten(), sparsity).reshape(s.shape) for n, s in scores.items()
        }
    flat = torch.cat([s.flatten() for s in scores.values()])
    mask = lowest_removed(flat, sparsity)
    masks = {}
    start = 0
    for name, s in scores.items():
        masks[name] = mask[start : start + s.numel()].reshape(s.shape)
        start += s.numel()
    return masks


def obs_prune_one(weights, hessian):
    inverse = torch.linalg.inv(hessian)
    costs = weights**2 / (2 * inverse.diagonal())
    q = costs.argmin().item()
    new = weights - weights[q] / inverse[q, q] * inverse[:, q]
    new[q] = 0
    return q, new, costs[q].item()

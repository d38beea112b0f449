"""Hooks on the given model, flags restored module by module; filled by index through the state dict."""

import copy

import numpy as np
import torch
from torch import nn


def _collect(model, layer, batches):
    flags = {m: m.training for m in model.modules()}
    seen = []
    handle = model[layer].register_forward_hook(
        lambda m, i, o: seen.append(o.detach().numpy().copy())
    )
    try:
        model.eval()
        with torch.no_grad():
            for b in batches:
                model(b)
    finally:
        handle.remove()
        for m, f in flags.items():
            m.training = f
    return seen


def apoz(model, layer, batches):
    seen = _collect(model, layer, batches)
    num = den = 0
    for s in seen:
        axes = tuple(a for a in range(s.ndim) if a != 1)
        num = num + (s <= 0).sum(axis=axes)
        den += s.size // s.shape[1]
    return [float(x) / den for x in num]


def mean_activation(model, layer, batches):
    seen = _collect(model, layer, batches)
    out = []
    for c in range(seen[0].shape[1]):
        out.append(np.mean(np.concatenate([s[:, c].ravel() for s in seen]), dtype=np.float64))
    return np.array(out)


def prune_by_activation(model, layer, batches, sparsity):
    z, m = np.array(apoz(model, layer, batches)), mean_activation(model, layer, batches)
    order = np.lexsort((m, -z))
    gone = torch.tensor(order[: round(sparsity * len(z))].copy(), dtype=torch.long)
    new = copy.deepcopy(model)
    i = layer - 1
    while True:
        for t in new[i].state_dict().values():  # counters have no dimension
            if t.dim() > 0:
                t.index_fill_(0, gone, 0.0)
        if not isinstance(new[i], nn.BatchNorm2d):
            return new
        i -= 1

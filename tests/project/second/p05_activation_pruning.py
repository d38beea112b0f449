"""Hooks on the given model, flags restored module by module; masks by a wrapper behind the ReLU."""

import copy

import numpy as np
import torch
from torch import nn


def _chk(model, layer, batches):
    if not isinstance(model, nn.Sequential):
        raise TypeError(f"model must be a Sequential, got {type(model)}")
    if not isinstance(layer, int):
        raise TypeError(f"layer must be int, got {layer!r}")
    if not 0 <= layer < len(model) or not isinstance(model[layer], nn.ReLU):
        raise ValueError(f"layer {layer} is not a ReLU")
    if not isinstance(batches, (list, tuple)):
        raise TypeError("batches must be a list")
    if len(batches) == 0:
        raise ValueError("batches is empty")
    for b in batches:
        if not torch.is_tensor(b):
            raise TypeError(f"batches must hold tensors, got {b!r}")
        if b.numel() == 0 or not bool(torch.isfinite(b).all()):
            raise ValueError("batches must be non-empty and finite")


def _collect(model, layer, batches):
    _chk(model, layer, batches)
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


class Masked(nn.ReLU):
    def __init__(self, keep):
        super().__init__()
        self.register_buffer("keep", keep)

    def forward(self, x):
        k = self.keep.reshape(1, -1, *([1] * (x.dim() - 2)))
        return torch.where(k, super().forward(x), torch.zeros_like(x))


def prune_by_activation(model, layer, batches, sparsity):
    if isinstance(sparsity, str) or sparsity is None:
        raise TypeError(f"sparsity {sparsity!r}")
    if not 0 <= sparsity <= 1:
        raise ValueError(f"sparsity {sparsity}")
    z, m = np.array(apoz(model, layer, batches)), mean_activation(model, layer, batches)
    order = np.lexsort((m, -z))
    keep = torch.ones(len(z), dtype=torch.bool)
    keep[order[: round(sparsity * len(z))].copy()] = False
    new = copy.deepcopy(model)
    new[layer] = Masked(keep)
    return new

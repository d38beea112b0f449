"""numpy and plain loops; builds everything anew."""

import copy
import math

import numpy as np
import torch
from torch import nn


def soft_threshold(weights, penalty):
    flat = weights.detach().cpu().numpy().astype(np.float64).ravel()
    out = np.zeros_like(flat)
    for i, w in enumerate(flat):
        if w > penalty:
            out[i] = w - penalty
        elif w < -penalty:
            out[i] = w + penalty
    return torch.from_numpy(out).reshape(weights.shape).to(weights.dtype)


def group_soft_threshold(weight, penalty):
    out = []
    for f in weight:
        r = math.sqrt(sum(v * v for v in f.flatten().tolist()))
        out.append(f * 0.0 if r == 0 or r <= penalty else f - f / r * penalty)
    return torch.stack(out)


def slimming_penalty(model, strength):
    total = torch.zeros(1)
    for m in model.modules():
        if isinstance(m, nn.BatchNorm2d):
            for g in m.weight:
                total = total + torch.where(g >= 0, g, -g)
    return total * strength


def slim(model, sparsity):
    out = copy.deepcopy(model)
    idx = [i for i, m in enumerate(out) if isinstance(m, nn.BatchNorm2d)]
    items = [(i, c) for i in reversed(idx) for c in reversed(range(out[i].num_features))]
    items.sort(key=lambda ic: abs(model[ic[0]].weight[ic[1]].item()))
    alive = {i: set(range(out[i].num_features)) for i in idx}
    k = round(float(sparsity) * len(items))
    done = 0
    for i, c in items:
        if done == k:
            break
        if alive[i] == {c}:
            continue
        alive[i].discard(c)
        done += 1
    for i in idx:
        keep = torch.tensor([c in alive[i] for c in range(out[i].num_features)])
        for p in (out[i].weight, out[i].bias):
            p.data = torch.where(keep, p.data, torch.zeros_like(p.data))
        # the filter may go as well
        out[i - 1].weight.data[~keep] = 0
    return out


def nm_mask(weight, n, m):
    rows = np.abs(weight.detach().numpy().reshape(weight.shape[0], -1))
    out = np.zeros(rows.shape, dtype=bool)
    for r in range(rows.shape[0]):
        for s in range(0, rows.shape[1], m):
            left = list(range(s + m - 1, s - 1, -1))
            for _ in range(n):
                best = max(left, key=lambda c: rows[r, c])
                left.remove(best)
                out[r, best] = True
    return torch.from_numpy(out.reshape(tuple(weight.shape)))

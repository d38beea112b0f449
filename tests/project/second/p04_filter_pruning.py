"""numpy loops, torch.nn.utils.prune, models pickled and restored, weights restored in place."""

import io
import math

import numpy as np
import torch
from torch import nn
from torch.nn.utils import prune


def l1_scores(weight):
    return [math.fsum(abs(float(x)) for x in f.flatten()) for f in weight]


def geometric_median_scores(weight):
    a = weight.detach().numpy().astype(np.float64).reshape(weight.shape[0], -1)
    n = len(a)
    out = np.zeros(n)
    for i in range(n):
        for j in range(i + 1, n):
            d = math.dist(a[i], a[j])
            out[i] += d
            out[j] += d
    return out


def _copy(model):
    f = io.BytesIO()
    torch.save(model, f)
    f.seek(0)
    return torch.load(f, weights_only=False)


def _quiet(model, i, drop):
    conv = model[i]
    mask = torch.ones(conv.out_channels, 1, 1, 1, dtype=conv.weight.dtype)
    for d in drop:
        mask[d] = 0
    wanted = conv.weight.requires_grad
    prune.custom_from_mask(conv, "weight", mask.expand_as(conv.weight))
    prune.remove(conv, "weight")
    conv.weight.requires_grad = wanted
    if conv.bias is not None:
        conv.bias.data *= mask.flatten()
    bn = model[i + 1]
    if isinstance(bn, nn.BatchNorm2d):
        bn.running_mean.mul_(mask.flatten())
        if bn.affine:
            for p in (bn.weight, bn.bias):
                p.data = p.data * mask.flatten()


def silence_filters(model, layer, drop):
    model = _copy(model)
    _quiet(model, layer, drop)
    return model


def _lowest(scores, s):
    n = len(scores)
    k = min(round(s * n), n - 1)
    ranked = sorted(range(n), key=lambda i: (scores[i], -i))
    return ranked[:k]


def prune_filters(model, sparsity, criterion="l1"):
    table = {"l1": l1_scores, "geometric_median": geometric_median_scores}
    new = _copy(model)
    for i, m in enumerate(new):
        if type(m) is nn.Conv2d:
            _quiet(new, i, _lowest(table[criterion](m.weight), sparsity))
    return new


def sensitivity(model, evaluate, sparsities):
    out = {}
    for s in sparsities:
        for i, m in enumerate(model):
            if isinstance(m, nn.Conv2d):
                new = _copy(model)
                _quiet(new, i, _lowest(l1_scores(m.weight), s))
                out.setdefault(i, []).append(np.float64(evaluate(new)))
    return dict(reversed(list(out.items())))

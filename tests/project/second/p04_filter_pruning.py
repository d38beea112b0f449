"""numpy loops, torch.nn.utils.prune, models pickled and restored, weights restored in place."""

import io
import math

import numpy as np
import torch
from torch import nn
from torch.nn.utils import prune


def _array(weight):
    if not torch.is_tensor(weight):
        raise TypeError("weight must be a tensor")
    a = weight.detach().cpu().numpy().astype(np.float64)
    if a.size == 0 or not np.isfinite(a).all():
        raise ValueError("weight must be finite and not empty")
    return a


def l1_scores(weight):
    a = _array(weight)
    return [math.fsum(abs(float(x)) for x in f.flat) for f in a]


def geometric_median_scores(weight):
    a = _array(weight).reshape(weight.shape[0], -1)
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


def _model(model):
    if not isinstance(model, nn.Sequential):
        raise TypeError("model must be an nn.Sequential")


def _sparsity(s):
    if s is None or isinstance(s, str):
        raise TypeError(f"sparsity {s!r}")
    if not (0 <= s <= 1):
        raise ValueError(f"sparsity {s!r}")
    return float(s)


def _quiet(model, i, drop):
    conv = model[i]
    mask = torch.ones(conv.out_channels, 1, 1, 1, dtype=conv.weight.dtype)
    for d in drop:
        mask[d] = 0
    prune.custom_from_mask(conv, "weight", mask.expand_as(conv.weight))
    prune.remove(conv, "weight")
    if conv.bias is not None:
        prune.custom_from_mask(conv, "bias", mask.flatten())
        prune.remove(conv, "bias")
    bn = model[i + 1]
    if isinstance(bn, nn.BatchNorm2d):
        bn.running_mean.mul_(mask.flatten())
        if bn.affine:
            bn.weight = nn.Parameter(bn.weight.detach() * mask.flatten())
            bn.bias = nn.Parameter(bn.bias.detach() * mask.flatten())


def silence_filters(model, layer, drop):
    _model(model)
    if layer is None or isinstance(layer, str):
        raise TypeError(f"layer {layer!r}")
    if not 0 <= layer < len(model) or not isinstance(model[layer], nn.Conv2d):
        raise ValueError(f"layer {layer!r}")
    for d in drop:
        if d not in range(model[layer].out_channels):
            raise ValueError(f"drop {d!r}")
    model = _copy(model)
    _quiet(model, layer, drop)
    return model


def _lowest(scores, s):
    n = len(scores)
    k = min(round(s * n), n - 1)
    ranked = sorted(range(n), key=lambda i: (scores[i], -i))
    return ranked[:k]


def prune_filters(model, sparsity, criterion="l1"):
    _model(model)
    s = _sparsity(sparsity)
    table = {"l1": l1_scores, "geometric_median": geometric_median_scores}
    if criterion not in table:
        raise ValueError(f"criterion {criterion!r}")
    new = _copy(model)
    for i, m in enumerate(new):
        if type(m) is nn.Conv2d:
            _quiet(new, i, _lowest(table[criterion](m.weight), s))
    return new


def sensitivity(model, evaluate, sparsities):
    _model(model)
    tried = [_sparsity(s) for s in sparsities]
    out = {}
    for s in tried:
        for i, m in enumerate(model):
            if isinstance(m, nn.Conv2d):
                new = _copy(model)
                _quiet(new, i, _lowest(l1_scores(m.weight), s))
                out.setdefault(i, []).append(np.float64(evaluate(new)))
    return dict(reversed(list(out.items())))

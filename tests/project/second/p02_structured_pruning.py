# rebuild everything, plain loops
import math

import torch
from torch import nn


def channel_norms(conv):
    out = []
    for f in conv.weight.detach():
        s = 0.0
        for v in f.reshape(-1).tolist():
            s += v * v
        out.append(math.sqrt(s))
    return torch.tensor(out, dtype=torch.float64)


def _norm(b, keep):
    n = nn.BatchNorm2d(
        len(keep),
        eps=b.eps,
        momentum=b.momentum,
        affine=b.affine,
        track_running_stats=b.track_running_stats,
        device=b.running_mean.device,
        dtype=b.running_mean.dtype,
    )
    with torch.no_grad():
        if b.affine:
            n.weight.copy_(b.weight[keep])
            n.bias.copy_(b.bias[keep])
        n.running_mean.copy_(b.running_mean[keep])
        n.running_var.copy_(b.running_var[keep])
        n.num_batches_tracked.copy_(b.num_batches_tracked)
    n.train(b.training)
    return _same_gradients(n, b)


def _same_gradients(new, old):
    for p, q in zip(new.parameters(), old.parameters()):
        p.requires_grad = q.requires_grad
    return new


def _conv(c, w, b):
    n = torch.nn.utils.skip_init(
        nn.Conv2d,
        w.shape[1],
        w.shape[0],
        c.kernel_size,
        stride=c.stride,
        padding=c.padding,
        dilation=c.dilation,
        bias=b is not None,
        padding_mode=c.padding_mode,
        dtype=w.dtype,
    )
    n.weight.data = w.clone()
    if b is not None:
        n.bias.data = b.clone()
    n.train(c.training)
    return _same_gradients(n, c)


def _lin(l, w):
    n = torch.nn.utils.skip_init(
        nn.Linear, w.shape[1], w.shape[0], bias=l.bias is not None, dtype=w.dtype
    )
    n.weight.data = w.clone()
    if l.bias is not None:
        n.bias.data = l.bias.data.clone()
    n.train(l.training)
    return _same_gradients(n, l)


def _rebuild(model, kept):
    import copy

    layers = []
    inc = None
    channels = None
    dead = False
    for i, l in enumerate(model):
        if isinstance(l, nn.Conv2d):
            w, b = l.weight.data, None if l.bias is None else l.bias.data
            if inc is not None:
                w = torch.stack([w[:, j] for j in inc], 1)
            keep = kept.get(i, list(range(l.out_channels)))
            w = torch.stack([w[j] for j in keep])
            b = None if b is None else torch.stack([b[j] for j in keep])
            layers.append(_conv(l, w, b))
            inc = keep
            channels = l.out_channels
        elif isinstance(l, nn.BatchNorm2d):
            layers.append(_norm(l, inc))
        elif isinstance(l, nn.Linear) and inc is not None:
            size = l.in_features // channels
            cols = [torch.arange(j * size, (j + 1) * size) for j in inc]
            layers.append(_lin(l, l.weight.data[:, torch.cat(cols)]))
            inc = None
        else:
            layers.append(copy.deepcopy(l))
    return nn.Sequential(*layers)


def remove_channels(model, layer, keep):
    return _rebuild(model, {layer: sorted(keep)})


def prune_channels(model, sparsity):
    kept = {}
    for i, l in enumerate(model):
        if isinstance(l, nn.Conv2d):
            s = [(v, -j) for j, v in enumerate(channel_norms(l).tolist())]
            s.sort()
            g = round(float(sparsity) * len(s))
            s = s[g:] or s[-1:]
            kept[i] = sorted(-j for _, j in s)
    return _rebuild(model, kept)

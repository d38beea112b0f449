# torch.func / vmap, numpy ranking, KKT system for OBS
import numpy as np
import torch
from torch import nn
from torch.func import functional_call, grad, vmap


def _names(model):
    return [
        n
        for n, _ in model.named_parameters()
        if isinstance(model.get_submodule(n.rsplit(".", 1)[0]), (nn.Conv2d, nn.Linear))
        and n.endswith("weight")
    ]


def magnitude_scores(model):
    d = dict(model.named_parameters())
    return {n: torch.from_numpy(np.abs(d[n].detach().numpy())) for n in _names(model)}


def _each(model, loss_fn, batches):
    names = _names(model)
    params = {n: p.detach().clone() for n, p in model.named_parameters()}
    buffers = {n: b.detach().clone() for n, b in model.named_buffers()}
    modes = [(m, m.training) for m in model.modules()]
    model.eval()
    try:

        def f(w, x, t):
            out = functional_call(model, ({**params, **w}, buffers), (x.unsqueeze(0),))
            return loss_fn(out, t.unsqueeze(0))

        w = {n: params[n] for n in names}
        out = {n: [] for n in names}
        for x, t in batches:
            g = vmap(grad(f), in_dims=(None, 0, 0))(w, x, t)
            for n in names:
                out[n].append(g[n])
    finally:
        for m, t in modes:
            m.training = t
    return w, {n: torch.cat(v) for n, v in out.items()}


def taylor_scores(model, loss_fn, batches):
    w, g = _each(model, loss_fn, batches)
    return {n: torch.abs(w[n].double() * g[n].double().mean(0)) for n in w}


def fisher_scores(model, loss_fn, batches):
    w, g = _each(model, loss_fn, batches)
    return {n: 0.5 * (g[n] * w[n]).square().mean(0) for n in w}


def importance_masks(scores, sparsity, scope="global"):
    def low(items):
        items = sorted(items, key=lambda it: (it[0], it[1], it[2]), reverse=False)
        return items[: round(float(sparsity) * len(items))]

    masks = {n: torch.ones(s.shape, dtype=torch.bool) for n, s in scores.items()}
    groups = [scores] if scope == "global" else [{n: s} for n, s in scores.items()]
    for grp in groups:
        items = [(v, n, -i) for n, s in grp.items() for i, v in enumerate(s.reshape(-1).tolist())]
        for _, n, i in low(items):
            masks[n].view(-1)[-i] = False
    return masks


def obs_prune_one(weights, hessian):
    h, w = hessian.numpy(), weights.numpy()
    best = None
    n = len(w)
    for q in range(n):
        kkt = np.zeros((n + 1, n + 1))
        kkt[:n, :n] = h
        kkt[n, q] = kkt[q, n] = 1
        rhs = np.zeros(n + 1)
        rhs[n] = -w[q]
        d = np.linalg.solve(kkt, rhs)[:n]
        c = 0.5 * d @ h @ d
        if best is None or c <= best[2]:
            best = (q, d, c)
    q, d, c = best
    new = w + d
    new[q] = 0
    return [torch.tensor(q), torch.tensor(new), torch.tensor(c)]

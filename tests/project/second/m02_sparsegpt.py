"""A second right answer to m02: running averages, explicit inverses of what is left, loops."""

import torch

ANSWER = ""


def layer_hessian(batches, damping=0.01):
    n, h = 0, None
    for batch in batches:
        x = batch.flatten(0, -2).t()
        k = x.shape[1]
        if h is None:
            h = torch.zeros(x.shape[0], x.shape[0], dtype=x.dtype)
        h *= n / (n + k)
        n += k
        h += (2 / n) * x.matmul(x.t())
    h = h.clone()
    i = torch.arange(len(h))
    h[i, i] += damping * torch.mean(torch.diag(h))
    return h


def output_error(weight, pruned, hessian):
    total = 0.0
    for w, p in zip(weight, pruned):
        d = p - w
        total += 0.5 * torch.dot(d, hessian.mv(d)).item()
    return total


def best_weights(weight, mask, hessian):
    eye = torch.eye(weight.shape[1], dtype=hessian.dtype)
    rows = []
    for w, m in zip(weight, mask):
        m = m.to(hessian.dtype)
        # H on the kept inputs, the identity on the others
        system = hessian * m[:, None] * m[None, :] + eye * (1 - m)
        rows.append(torch.linalg.inv(system) @ (m * (hessian @ w)))
    return torch.stack(rows).to(weight.dtype) * mask


def sparsegpt(weight, hessian, sparsity, block=128):
    w = weight.clone()
    rows, cols = w.shape
    gone = torch.zeros(rows, cols, dtype=torch.bool)
    for j in range(cols):
        if j % block == 0:
            end = min(j + block, cols)
            entries = []
            for c in range(j, end):
                d = torch.inverse(hessian[c:, c:])[0, 0]
                entries += [(float(w[r, c] ** 2 / d), r, c) for r in range(rows)]
            entries.sort(key=lambda e: (e[0], -e[2], -e[1]))
            for _, r, c in entries[: round(float(sparsity) * len(entries))]:
                gone[r, c] = True
        for r in range(rows):
            if gone[r, j]:
                lost = w[r, j].clone()
                w[r, j] = 0
                if j + 1 < cols:
                    w[r, j + 1 :] += lost * torch.linalg.solve(
                        hessian[j + 1 :, j + 1 :], hessian[j + 1 :, j]
                    )
    return [w, ~gone]

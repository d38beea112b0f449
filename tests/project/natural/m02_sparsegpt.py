"""m02 written straight from its docstrings."""

import torch

ANSWER = """
SparseGPT prunes one linear layer at a time and minimises the squared change of the layer's output
on some calibration text. For that objective the Hessian is known exactly: it is X transposed X,
the same for every output row. Optimal Brain Surgeon tells, given the inverse Hessian, what the
removal of one weight costs, w squared over the diagonal of the inverse, and how all remaining
weights should move to make up for it. Done exactly this needs a new inverse for every removed
weight and every row, since each row has another mask. For matrices of ten thousand columns that
is hopeless. SparseGPT fixes the order: it goes through the columns from left to right, and only
columns to the right may compensate. Then the inverses that are needed depend on the column alone
and not on the row, and one Cholesky factorisation of the inverse Hessian contains all of them.
The mask is chosen lazily, one block of 128 columns at a time, using weights already updated, so
that rows may have different sparsity. What is given up: columns to the left cannot help any more,
and the mask is greedy. In practice fifty percent sparsity on a 175 billion model takes a few
hours on one GPU with little loss of perplexity; 2:4 loses more. Damping makes the Hessian
invertible. Without special kernels the zeros save neither time nor memory.
"""


def layer_hessian(batches, damping=0.01):
    x = torch.cat([batch.reshape(-1, batch.shape[-1]) for batch in batches])
    hessian = 2 / x.shape[0] * x.T @ x
    mean = hessian.diagonal().mean()
    return hessian + damping * mean * torch.eye(len(hessian), dtype=x.dtype)


def output_error(weight, pruned, hessian):
    delta = pruned - weight
    return 0.5 * torch.sum((delta @ hessian) * delta).item()


def best_weights(weight, mask, hessian):
    result = torch.zeros_like(weight)
    for i in range(weight.shape[0]):
        kept = mask[i].nonzero().flatten()
        gone = (~mask[i]).nonzero().flatten()
        h_kk = hessian[kept][:, kept]
        h_kr = hessian[kept][:, gone]
        result[i, kept] = weight[i, kept] + torch.linalg.solve(h_kk, h_kr @ weight[i, gone])
    return result


def sparsegpt(weight, hessian, sparsity, block=128):
    w = weight.clone()
    cols = w.shape[1]
    mask = torch.ones_like(w, dtype=torch.bool)
    u = torch.linalg.cholesky(torch.linalg.inv(hessian), upper=True)
    d = u.diagonal() ** 2
    for start in range(0, cols, block):
        end = min(start + block, cols)
        scores = w[:, start:end] ** 2 / d[start:end]
        k = round(float(sparsity) * scores.numel())
        block_mask = torch.ones(scores.numel(), dtype=torch.bool)
        block_mask[scores.flatten().argsort()[:k]] = False
        mask[:, start:end] = block_mask.reshape(scores.shape)
        for j in range(start, end):
            lost = torch.where(mask[:, j], 0, w[:, j])
            w[:, j] -= lost
            w[:, j + 1 :] -= torch.outer(lost, u[j, j + 1 :] / u[j, j])
    return w * mask, mask

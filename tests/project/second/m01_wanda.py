"""A second right answer to m01: running norms, loops over rows and runs, sorted from the top."""

import torch

ANSWER = ""


def feature_norms(batches):
    so_far = None
    for batch in batches:
        flat = batch.flatten(0, -2)
        norm = torch.linalg.vector_norm(flat, ord=2, dim=0)
        so_far = norm if so_far is None else torch.hypot(so_far, norm)
    return so_far


def wanda_scores(weight, norms):
    scores = torch.empty(weight.shape, dtype=weight.dtype)
    for i, row in enumerate(weight):
        scores[i] = (row * norms).abs()
    return scores


def wanda_mask(weight, norms, sparsity):
    scores = (weight**2) * (norms**2)  # the same order
    mask = torch.ones(weight.shape, dtype=torch.bool)
    k = round(float(sparsity) * weight.shape[1])
    for i in range(weight.shape[0]):
        order = sorted(range(weight.shape[1]), key=lambda j: (float(scores[i, j]), -j))
        for j in order[:k]:
            mask[i, j] = False
    return mask


def wanda_nm_mask(weight, norms, n, m):
    out, columns = weight.shape
    scores = torch.einsum("oi,i->oi", weight.abs(), norms).view(out, columns // m, m)
    rank = scores.argsort(dim=-1, descending=True, stable=True).argsort(dim=-1)
    return (rank < n).flatten(1)

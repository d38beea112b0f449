"""A second right answer to m03: loops, lists, bit arithmetic, a search over all splits."""

import itertools

import numpy as np
import torch

ANSWER = ""


def compress(weight):
    values, indices = [], []
    for row in weight.tolist():
        v, ix = [], []
        for start in range(0, len(row), 4):
            run = row[start : start + 4]
            places = [p for p in range(4) if run[p] != 0]
            if len(places) > 2:
                raise ValueError(f"{len(places)} non-zeros in {run}")
            free = [p for p in (3, 2, 1, 0) if p not in places]
            places = sorted(places + free[: 2 - len(places)])
            ix += places
            v += [run[p] for p in places]
        values.append(v)
        indices.append(ix)
    return torch.tensor(values, dtype=weight.dtype), torch.tensor(indices)


def decompress(values, indices):
    out, half = values.shape
    weight = torch.zeros((out, half * 2), dtype=values.dtype)
    rows = torch.arange(out)[:, None].expand(out, half)
    columns = torch.arange(half)[None, :] // 2 * 4 + indices
    weight[rows, columns] = values
    return weight


def pack_indices(indices):
    i = indices.numpy().astype(np.uint8)
    packed = i[:, 0::4] | i[:, 1::4] << 2 | i[:, 2::4] << 4 | i[:, 3::4] << 6
    return torch.from_numpy(packed)


def retained(weight, permutation):
    w = torch.index_select(weight, 1, permutation).abs()
    total = 0.0
    for start in range(0, w.shape[1], 4):
        run = w[:, start : start + 4]
        total += (run.sum(1) - run.sort(dim=1).values[:, :2].sum(1)).sum().item()
    return total


def best_permutation(weight):
    best, most = None, -1.0
    for group in itertools.combinations(range(8), 4):
        order = torch.tensor([j for j in range(8) if j not in group] + list(group))
        kept = retained(weight, order)
        if kept >= most:
            best, most = order, kept
    return best

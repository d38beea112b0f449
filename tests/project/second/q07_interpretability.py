"""A second right answer to q07: rows one by one on a copy, numpy and Gram matrices, loops."""

import copy
from collections import Counter

import numpy as np
import torch

ANSWER = ""


def saliency(model, inputs, classes):
    twin = copy.deepcopy(model)
    twin.eval()
    for parameter in twin.parameters():
        parameter.requires_grad = False
    rows = []
    for i in range(len(inputs)):
        row = inputs[i : i + 1].detach().clone()
        row.requires_grad = True
        twin(row)[0, int(classes[i])].backward()
        rows.append(row.grad.abs())
    return torch.cat(rows)


def top_k_overlap(a, b, k):
    marks = []
    for t in (a, b):
        flat = t.detach().numpy().ravel()
        mark = np.zeros(flat.size, dtype=bool)
        mark[np.argpartition(-flat, k - 1)[:k]] = True
        marks.append(mark)
    return np.float64((marks[0] & marks[1]).sum() / (marks[0] | marks[1]).sum())


def linear_cka(x, y):
    x, y = (z.detach().numpy() for z in (x, y))
    x, y = x - x.mean(0), y - y.mean(0)
    k, m = x @ x.T, y @ y.T
    return torch.tensor((k * m).sum() / (np.linalg.norm(k) * np.linalg.norm(m)))


def pruning_identified_exemplars(dense, pruned):
    found = []
    for i in range(dense.shape[1]):
        modes = []
        for group in (dense, pruned):
            counts = Counter(sorted(group[:, i].tolist()))
            modes.append(counts.most_common(1)[0][0])
        if modes[0] != modes[1]:
            found.append(i)
    return found

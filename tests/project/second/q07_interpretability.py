"""A second right answer to q07: rows one by one on a copy, numpy and Gram matrices, loops."""

import copy
import math
from collections import Counter

import numpy as np
import torch

ANSWER = ""


def _check(name, value):
    if not isinstance(value, torch.Tensor):
        raise TypeError(f"{name} is no tensor: {value!r}")
    if value.numel() == 0:
        raise ValueError(f"{name} is empty")
    if not bool(torch.isfinite(value.detach().double()).all()):
        raise ValueError(f"{name} is not finite")


def saliency(model, inputs, classes):
    _check("inputs", inputs)
    _check("classes", classes)
    if tuple(classes.shape) != (inputs.shape[0],):
        raise ValueError("classes: one for each row")
    twin = copy.deepcopy(model)
    twin.eval()
    for parameter in twin.parameters():
        parameter.requires_grad = False
    rows = []
    for i in range(len(inputs)):
        row = inputs[i : i + 1].detach().clone()
        row.requires_grad = True
        outputs = twin(row)
        label = int(classes[i])
        if not 0 <= label < outputs.shape[-1]:
            raise ValueError(f"classes holds {label}")
        outputs[0, label].backward()
        rows.append(row.grad.abs())
    return torch.cat(rows)


def top_k_overlap(a, b, k):
    _check("a", a)
    _check("b", b)
    if a.shape != b.shape:
        raise ValueError("a and b differ in shape")
    if k is None or isinstance(k, str):
        raise TypeError(f"k is {k!r}")
    if math.isnan(k) or not 0 < k <= a.numel():
        raise ValueError(f"k is {k}")
    marks = []
    for t in (a, b):
        flat = t.detach().numpy().ravel()
        mark = np.zeros(flat.size, dtype=bool)
        mark[np.argpartition(-flat, k - 1)[:k]] = True
        marks.append(mark)
    return np.float64((marks[0] & marks[1]).sum() / (marks[0] | marks[1]).sum())


def linear_cka(x, y):
    _check("x", x)
    _check("y", y)
    if x.shape[0] != y.shape[0]:
        raise ValueError("x and y have different numbers of samples")
    for name, value in (("x", x), ("y", y)):
        if len({tuple(row) for row in value.tolist()}) == 1:
            raise ValueError(f"{name} is the same for all samples")
    x, y = (z.detach().numpy() for z in (x, y))
    x, y = x - x.mean(0), y - y.mean(0)
    k, m = x @ x.T, y @ y.T
    return torch.tensor((k * m).sum() / (np.linalg.norm(k) * np.linalg.norm(m)))


def pruning_identified_exemplars(dense, pruned):
    _check("dense", dense)
    _check("pruned", pruned)
    if dense.shape[1] != pruned.shape[1]:
        raise ValueError("dense and pruned: not the same samples")
    found = []
    for i in range(dense.shape[1]):
        modes = []
        for group in (dense, pruned):
            counts = Counter(sorted(group[:, i].tolist()))
            modes.append(counts.most_common(1)[0][0])
        if modes[0] != modes[1]:
            found.append(i)
    return found

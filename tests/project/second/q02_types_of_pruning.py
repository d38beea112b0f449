"""A right answer with sets and loops; ties go to the last unit."""

import itertools
import math

import numpy as np

ANSWER = "Written."


def _places(shape):
    return itertools.product(*(range(n) for n in shape))


def granularity(mask):
    o, i, h, w = mask.shape
    kept = set()
    zeros = set()
    for p in _places(mask.shape):
        (kept if mask[p] else zeros).add(p)
    if len(zeros) == 0:
        return "none"
    if len(kept) == 0:
        return "layer"

    def explained(key):
        alive = set(map(key, kept))
        return all(key(p) not in alive for p in zeros)

    if explained(lambda p: p[0]):
        return "filter"
    if explained(lambda p: p[1]):
        return "channel"
    if (h, w) != (1, 1) and explained(lambda p: (p[0], p[1])):
        return "kernel"
    if i * h * w % 4:
        return "unstructured"
    for f in range(o):
        row = [bool(x) for x in mask[f].flat]
        while row:
            if row[:4].count(True) != 2:
                return "unstructured"
            row = row[4:]
    return "2:4"


def granularity_mask(weight, granularity, sparsity):
    key = {
        "filter": lambda p: p[0],
        "channel": lambda p: p[1],
        "kernel": lambda p: p[:2],
        "unstructured": lambda p: p,
    }[granularity]
    groups = {}
    for p in _places(weight.shape):
        groups.setdefault(key(p), []).append(p)
    norm = {k: math.hypot(*(float(weight[p]) for p in ps)) for k, ps in groups.items()}
    order = sorted(reversed(list(groups)), key=norm.get)
    mask = np.full(weight.shape, True)
    for k in order[: round(sparsity * len(groups))]:
        for p in groups[k]:
            mask[p] = False
    return mask


def dense_shape_after(mask):
    o, i, h, w = mask.shape
    smaller = np.delete(mask, [k for k in range(o) if not mask[k].any()], axis=0)
    smaller = np.delete(smaller, [k for k in range(i) if not mask[:, k].any()], axis=1)
    return smaller.shape

"""A second right answer to m06: unit vectors, an explicit table, deletion from behind, recursion."""

import copy

import numpy as np
import torch

ANSWER = ""


def _unit(x):
    return x / torch.linalg.vector_norm(x, dim=-1, keepdim=True)


def block_influence(states):
    stacked = torch.stack([_unit(s) for s in states])
    similar = (stacked[:-1] * stacked[1:]).sum(-1)
    return (1 - similar).flatten(1).mean(1)


def angular_distances(states, n):
    L = len(states) - 1
    out = torch.zeros(L - n + 1, dtype=states[0].dtype)
    for l in range(L - n + 1):
        total = 0.0
        for b in range(states[0].shape[0]):
            u = states[l][b, -1].double().numpy()
            v = states[l + n][b, -1].double().numpy()
            c = u @ v / (np.linalg.norm(u) * np.linalg.norm(v))
            total += np.arccos(min(1.0, max(-1.0, c))) / np.pi
        out[l] = total / states[0].shape[0]
    return out


def consecutive_blocks(states, n):
    best = None
    for start, distance in enumerate(angular_distances(states, n).tolist()):
        if best is None or distance < best[0]:
            best = (distance, start)
    return [best[1] + i for i in range(n)]


def drop_blocks(blocks, drop):
    result = copy.deepcopy(blocks)
    for index in sorted(drop, reverse=True):
        del result[index]
    return result


def greedy_depth(blocks, x, n):
    named = list(enumerate(blocks))

    def run(some):
        y = x
        for _, block in some:
            y = block(y)
        return y.detach()

    target = run(named)

    def go(some, n):
        if n == 0:
            return []
        costs = [((run(some[:i] + some[i + 1 :]) - target) ** 2).sum() for i in range(len(some))]
        i = int(torch.stack(costs).argmin())
        return [some[i][0]] + go(some[:i] + some[i + 1 :], n - 1)

    return go(named, n)

"""m03, plain loops."""

from itertools import combinations

import torch

ANSWER = """
2:4 means that of every four consecutive weights along the input dimension at most two are not
zero. Hardware likes it since the work is perfectly regular: every run has two values, so memory
addresses are known in advance and the load is balanced, and a small multiplexer picks the
matching inputs with a two bit index. The sparse tensor cores of NVIDIA since Ampere do so and
double the peak of matrix multiplication. Stored are half of the values plus two bits for each: in
sixteen bit that is nine sixteenths of the dense bytes. A speed-up appears for large matrix
multiplications that are limited by compute; small layers, or other parts such as attention, norms
and launching, dilute it, and in practice one sees one point two to one point six. In decoding one
token at a time the memory traffic counts, so that there the gain is that of the bytes. The cost
is accuracy: unstructured fifty percent may choose freely, 2:4 must remove a large weight when
three large ones are neighbours. Networks trained again after pruning recover; one-shot pruning of
language models loses visibly more than free sparsity. A permutation of the input columns decides
who is a neighbour: it spreads large weights over the runs, retains more magnitude, and costs
nothing at run time, since the previous layer's rows can be permuted beforehand.
"""


def compress(weight):
    rows, cols = weight.shape
    values = torch.zeros(rows, cols // 2, dtype=weight.dtype)
    indices = torch.zeros(rows, cols // 2, dtype=torch.int64)
    for i in range(rows):
        for run in range(cols // 4):
            four = weight[i, 4 * run : 4 * run + 4]
            places = [p for p in range(4) if four[p] != 0]
            if len(places) > 2:
                raise ValueError("more than two non-zeros in a run")
            for p in range(4):
                if len(places) < 2 and p not in places:
                    places.append(p)
            places.sort()
            for s, p in enumerate(places):
                values[i, 2 * run + s] = four[p]
                indices[i, 2 * run + s] = p
    return values, indices


def decompress(values, indices):
    rows, half = values.shape
    weight = torch.zeros(rows, half * 2, dtype=values.dtype)
    for i in range(rows):
        for j in range(half):
            weight[i, 4 * (j // 2) + indices[i, j]] = values[i, j]
    return weight


def pack_indices(indices):
    four = indices.reshape(indices.shape[0], -1, 4)
    packed = four[..., 0] | four[..., 1] << 2 | four[..., 2] << 4 | four[..., 3] << 6
    return packed.to(torch.uint8)


def retained(weight, permutation):
    runs = weight[:, permutation].abs().reshape(weight.shape[0], -1, 4)
    return runs.topk(2, dim=-1).values.sum().item()


def best_permutation(weight):
    best, best_value = None, -1.0
    for first in combinations(range(8), 4):
        rest = [c for c in range(8) if c not in first]
        permutation = torch.tensor(list(first) + rest)
        value = retained(weight, permutation)
        if value > best_value:
            best, best_value = permutation, value
    return best

"""A second right answer to q09: loops, bit by bit, eigenvectors instead of an SVD."""

import math

import numpy as np

ANSWER = ""


def prune_to_budget(weight, budget):
    if budget < weight.size:
        raise ValueError
    rows, cols = weight.shape
    places = sorted(
        ((abs(float(weight[i, j])), i, j) for i in range(rows) for j in range(cols)), reverse=True
    )
    bits, out = weight.size, [[0.0] * cols for _ in range(rows)]
    for _, i, j in places:
        if bits + 32 > budget:
            break
        bits += 32
        out[i][j] = float(weight[i, j])
    return np.array(out, dtype=np.float32), bits


def quantize_to_budget(weight, budget):
    if 2 * weight.size + 32 > budget:
        raise ValueError
    bits = 2
    while bits < 16 and (bits + 1) * weight.size + 32 <= budget:
        bits += 1
    top = (1 << (bits - 1)) - 1
    scale = np.float32(np.max(np.abs(weight)) / np.float32(top))
    out = np.zeros_like(weight)
    if scale > 0:
        for index, value in np.ndenumerate(weight):
            # halves away from zero, unlike rint
            code = math.floor(abs(float(value)) / float(scale) + 0.5)
            out[index] = np.float32(math.copysign(min(code, top), value)) * scale
    return [out, np.int64(bits * weight.size + 32)]


def factorize_to_budget(weight, budget):
    if budget < 0:
        raise ValueError
    rows, cols = weight.shape
    rank = 0
    while rank < min(rows, cols) and 32 * (rank + 1) * (rows + cols) <= budget:
        rank += 1
    exact = weight.astype(np.float64)
    _, vectors = np.linalg.eigh(exact.T @ exact)
    leading = vectors[:, cols - rank :]
    return (exact @ leading @ leading.T).astype(np.float32), 32 * rank * (rows + cols)


def compare(weight, budget):
    errors = {}
    for name, method in (
        ("quantize", quantize_to_budget),
        ("prune", prune_to_budget),
        ("factorize", factorize_to_budget),
    ):
        try:
            approximation, _ = method(weight, budget)
        except ValueError:
            continue
        difference = sum(
            (float(a) - float(b)) ** 2 for a, b in zip(weight.flat, approximation.flat)
        )
        total = sum(float(a) ** 2 for a in weight.flat)
        errors[name] = math.sqrt(difference / total) if total else 0.0
    return errors

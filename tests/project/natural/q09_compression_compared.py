"""q09, straight numpy."""

import numpy as np

ANSWER = """
Pruning removes weights, quantisation stores each in fewer bits, low-rank factorisation replaces a
matrix by two thin ones, and distillation trains a small network on the outputs of a large one.
Quantisation to eight bits is nearly free: it divides memory by four, runs on integer units almost
everywhere, and needs at most some calibration; at four bits and below large language models need
care with outliers. Pruning has the longer range: at very small budgets of bits per weight it
still works, but unstructured zeros need an index or a mask and special kernels, and structured
pruning costs more accuracy. Kuzmin and others find that at the same number of bits quantisation
is usually better than pruning, unless compression is extreme. Low rank gives dense products that
every machine runs fast, but weight matrices of trained networks are often not of low rank, so it
is good for embeddings, wide fully connected layers or updates as in LoRA, and poor elsewhere: the
spectrum decides. Distillation is free in the choice of the architecture, but costs a training. A
fair comparison gives all the same budget and counts masks, indices, codebooks, scales, and both
factors. They combine well: Deep Compression prunes, then shares or quantises weights, then uses
Huffman coding; a pruned or factorised student can be distilled from the dense model and then be
quantised. The order is usually to prune first, train, and quantise at the end.
"""


def prune_to_budget(weight, budget):
    n = weight.size
    if budget < n:
        raise ValueError("budget does not pay for the mask")
    k = min(n, (budget - n) // 32)
    flat = weight.flatten()
    approximation = np.zeros_like(flat)
    order = np.argsort(-np.abs(flat))[:k]
    approximation[order] = flat[order]
    return approximation.reshape(weight.shape), n + 32 * k


def quantize_to_budget(weight, budget):
    n = weight.size
    bits = (budget - 32) // n
    if bits < 2:
        raise ValueError("budget does not pay for 2 bits a value")
    bits = min(bits, 16)
    levels = 2 ** (bits - 1) - 1
    scale = np.abs(weight).max() / levels
    if scale == 0:
        return np.zeros_like(weight), n * bits + 32
    codes = np.round(weight / scale)
    return (codes * scale).astype(np.float32), n * bits + 32


def factorize_to_budget(weight, budget):
    if budget < 0:
        raise ValueError("negative budget")
    rows, cols = weight.shape
    r = min(rows, cols, budget // (32 * (rows + cols)))
    u, s, vt = np.linalg.svd(weight, full_matrices=False)
    approximation = (u[:, :r] * s[:r]) @ vt[:r]
    return approximation.astype(np.float32), 32 * r * (rows + cols)


def compare(weight, budget):
    methods = {
        "prune": prune_to_budget,
        "quantize": quantize_to_budget,
        "factorize": factorize_to_budget,
    }
    norm = np.linalg.norm(weight)
    errors = {}
    for name, method in methods.items():
        try:
            approximation, _ = method(weight, budget)
        except ValueError:
            continue
        errors[name] = float(np.linalg.norm(weight - approximation) / norm) if norm > 0 else 0.0
    return errors

"""Another right answer: plain Python lists, exact fractions, other tie-breaks, last-first."""

from fractions import Fraction

import numpy as np

ANSWER = ""


def training_flops(forward_flops, sparsity, method, update_interval=100):
    f = Fraction(forward_flops)
    s = Fraction(sparsity)
    if method == "dense" or method == "masked":
        return float(f + 2 * f)
    if method == "static":
        return float(3 * f - 3 * s * f)
    return float(3 * (1 - s) * f + s * f / (update_interval + 1))


def memory_bytes(n_params, sparsity, phase, optimizer="sgd"):
    if phase == "inference":
        return np.ceil(n_params / 8) + (n_params - np.round(sparsity * n_params)) * 4.0
    return np.float64(n_params * dict(sgd=9, momentum=13, adam=17)[optimizer])


def rigl_update(weights, gradients, mask, fraction):
    w, g, m = (np.ravel(array).tolist() for array in (weights, gradients, mask))
    alive = [i for i in range(len(w)) if m[i]]
    move = round(fraction * len(alive))
    alive.sort(key=lambda i: (abs(w[i]), -i))
    survivors = alive[move:]
    dead = [i for i in range(len(w)) if i not in survivors]
    dead.sort(key=lambda i: (abs(g[i]), i), reverse=True)
    now = survivors + dead[:move]
    new_mask = [i in now for i in range(len(w))]
    new_weights = [w[i] if new_mask[i] and m[i] else -0.0 for i in range(len(w))]
    shape = np.shape(weights)
    return [
        np.array(new_weights, dtype=weights.dtype).reshape(shape),
        np.array(new_mask).reshape(shape),
    ]

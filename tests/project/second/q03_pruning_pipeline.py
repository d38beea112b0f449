"""A right answer by simulation and loops over plain floats."""

import numpy as np

ANSWER = ""


def gradual_sparsity(step, begin, end, initial, final):
    if step < begin:
        return np.float64(initial)
    if step > end:
        return final
    t = np.float64(end - step) / (end - begin)
    return initial * t**3 + final * (1 - t**3)


def iterative_sparsities(final, rounds):
    kept_each = (1.0 - final) ** (1.0 / rounds)
    kept, result = 1.0, []
    for _ in range(rounds):
        kept *= kept_each
        result.append(np.float64(1.0 - kept))
    return result


def masked_sgd_step(weights, gradients, velocity, mask, lr, momentum, weight_decay):
    new_w, new_v = weights.copy(), velocity.copy()
    new_w[...] = 0
    new_v[...] = 0
    for place in np.argwhere(mask):
        place = tuple(place)
        w, g, v = float(weights[place]), float(gradients[place]), float(velocity[place])
        v = v * momentum + g + w * weight_decay
        new_v[place] = v
        new_w[place] = w - v * lr
    return [new_w, new_v]

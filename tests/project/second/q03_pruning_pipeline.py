"""A right answer by simulation and loops over plain floats."""

import math

import numpy as np

ANSWER = ""


def _number(name, value):
    if value is None or isinstance(value, str):
        raise TypeError(f"argument {name} is {value!r}, not a number")
    if math.isnan(value):
        raise ValueError(f"argument {name} is {value!r}")
    return value


def _fraction(name, value):
    if not 0 <= _number(name, value) <= 1:
        raise ValueError(f"argument {name} is {value!r}, not a fraction")
    return float(value)


def gradual_sparsity(step, begin, end, initial, final):
    for name, value in (("step", step), ("begin", begin), ("end", end)):
        _number(name, value)
    initial, final = _fraction("initial", initial), _fraction("final", final)
    if not begin < end:
        raise ValueError(f"end = {end!r} must come after begin = {begin!r}")
    if step < begin:
        return np.float64(initial)
    if step > end:
        return final
    t = np.float32((end - step) / (end - begin))
    return initial * t**3 + final * (1 - t**3)


def iterative_sparsities(final, rounds):
    final = _fraction("final", final)
    if rounds is None or isinstance(rounds, str):
        raise TypeError(f"rounds = {rounds!r}")
    if rounds < 1:
        raise ValueError(f"rounds = {rounds!r}")
    kept_each = (1.0 - final) ** (1.0 / rounds)
    kept, result = 1.0, []
    for _ in range(rounds):
        kept *= kept_each
        result.append(np.float64(1.0 - kept))
    return result


def masked_sgd_step(weights, gradients, velocity, mask, lr, momentum, weight_decay):
    arrays = dict(weights=weights, gradients=gradients, velocity=velocity, mask=mask)
    for name, array in arrays.items():
        if array is None or isinstance(array, str):
            raise TypeError(f"{name} = {array!r} is no array")
        if np.size(array) == 0:
            raise ValueError(f"{name} is empty")
        if np.shape(array) != np.shape(weights):
            raise ValueError(f"{name} has another shape than the weights")
        if any(not math.isfinite(x) for x in np.ravel(array)):
            raise ValueError(f"{name} is not finite")
    if not _number("lr", lr) > 0:
        raise ValueError(f"lr = {lr}")
    _number("momentum", momentum), _number("weight_decay", weight_decay)
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

"""Another right answer: plain Python lists, exact fractions, other tie-breaks, last-first."""

import math
import operator
from fractions import Fraction

import numpy as np

ANSWER = ""


def _number(argument, value):
    if isinstance(value, str) or value is None:
        raise TypeError(f"{argument} is {value!r}, not a number")
    if math.isnan(value):
        raise ValueError(f"{argument} is {value!r}")
    return value


def _share(argument, value):
    if not 0 <= _number(argument, value) <= 1:
        raise ValueError(f"{argument} is {value!r}, outside [0, 1]")
    return float(value)


def _whole(argument, value):
    try:
        whole = operator.index(value)
    except TypeError as error:
        raise TypeError(f"{argument} is {value!r}, not an integer") from error
    if whole <= 0:
        raise ValueError(f"{argument} is {value!r}, not positive")
    return whole


def training_flops(forward_flops, sparsity, method, update_interval=100):
    if not _number("forward_flops", forward_flops) > 0:
        raise ValueError(f"forward_flops is {forward_flops!r}")
    f = Fraction(forward_flops)
    s = Fraction(_share("sparsity", sparsity))
    if method == "dense" or method == "masked":
        return float(f + 2 * f)
    if method == "static":
        return float(3 * f - 3 * s * f)
    if method == "rigl":
        period = _whole("update_interval", update_interval)
        return float(3 * (1 - s) * f + s * f / (period + 1))
    raise ValueError(f"method {method!r} is unknown")


def memory_bytes(n_params, sparsity, phase, optimizer="sgd"):
    n = _whole("n_params", n_params)
    s = _share("sparsity", sparsity)
    if phase == "inference":
        return np.ceil(n / 8) + (n - np.round(s * n)) * 4.0
    if phase != "training":
        raise ValueError(f"phase {phase!r} is unknown")
    try:
        per_parameter = dict(sgd=9, momentum=13, adam=17)[optimizer]
    except KeyError:
        raise ValueError(f"optimizer {optimizer!r} is unknown") from None
    return np.float64(n * per_parameter)


def _values(argument, value):
    if value is None or isinstance(value, str):
        raise TypeError(f"{argument} is {value!r}, not an array")
    flat = np.asarray(value).ravel().tolist()
    if not flat or not all(map(math.isfinite, flat)):
        raise ValueError(f"{argument} is empty or holds something that is not finite")
    return flat


def rigl_update(weights, gradients, mask, fraction):
    w, g, m = (
        _values(name, value)
        for name, value in [("weights", weights), ("gradients", gradients), ("mask", mask)]
    )
    if not np.shape(weights) == np.shape(gradients) == np.shape(mask):
        raise ValueError("weights, gradients and mask must have one shape")
    _share("fraction", fraction)
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

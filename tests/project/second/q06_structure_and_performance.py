"""Another right answer: exact fractions, generators, skyline by sorting and a set."""

import math
import numbers
from fractions import Fraction

ANSWER = ""


def _check(argument, value, good, say):
    if not isinstance(value, numbers.Real):
        raise TypeError(f"{argument}: {value!r} is no number")
    if not good(value):
        raise ValueError(f"{argument}: {value!r} {say}")


def _rest(share, speedup):
    return Fraction(0) if math.isinf(speedup) else Fraction(share) / Fraction(speedup)


def _ratio(a, b):
    return float("inf") if b == 0 else float(a / b)


def amdahl_speedup(fraction, speedup):
    _check("fraction", fraction, lambda v: 0 <= v <= 1, "is not in [0, 1]")
    _check("speedup", speedup, lambda v: v > 0, "is not positive")
    return _ratio(Fraction(1), 1 - Fraction(fraction) + _rest(fraction, speedup))


def model_speedup(layer_seconds, layer_speedups):
    for argument, values in (("layer_seconds", layer_seconds), ("layer_speedups", layer_speedups)):
        if not isinstance(values, (list, tuple)):
            raise TypeError(f"{argument} must be a list")
        if not values:
            raise ValueError(f"{argument} is empty")
    for t in layer_seconds:
        _check("layer_seconds", t, lambda v: 0 < v < math.inf, "is not a positive time")
    for s in layer_speedups:
        _check("layer_speedups", s, lambda v: v > 0, "is not positive")
    if len(layer_seconds) != len(layer_speedups):
        raise ValueError("layer_seconds and layer_speedups differ in length")
    return _ratio(
        sum(map(Fraction, layer_seconds)),
        sum((_rest(t, s) for t, s in zip(layer_seconds, layer_speedups)), Fraction(0)),
    )


def pareto_front(points):
    if not isinstance(points, list):
        raise TypeError("points must be a list")
    for cost, accuracy in points:
        _check("points", cost, lambda v: v == v, "is NaN")
        _check("points", accuracy, lambda v: v == v, "is NaN")
    skyline, best = set(), float("-inf")
    for cost, accuracy in sorted(set(points), key=lambda p: (p[0], -p[1])):
        if accuracy > best:
            skyline.add((cost, accuracy))
            best = accuracy
    chosen = [(p[0], i) for i, p in enumerate(points) if p in skyline]
    return [i for _, i in sorted(chosen)]

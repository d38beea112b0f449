"""Another right answer: exact fractions, generators, skyline by sorting and a set."""

import math
from fractions import Fraction

ANSWER = ""


def _rest(share, speedup):
    return Fraction(0) if math.isinf(speedup) else Fraction(share) / Fraction(speedup)


def _ratio(a, b):
    return float("inf") if b == 0 else float(a / b)


def amdahl_speedup(fraction, speedup):
    return _ratio(Fraction(1), 1 - Fraction(fraction) + _rest(fraction, speedup))


def model_speedup(layer_seconds, layer_speedups):
    return _ratio(
        sum(map(Fraction, layer_seconds)),
        sum((_rest(t, s) for t, s in zip(layer_seconds, layer_speedups)), Fraction(0)),
    )


def pareto_front(points):
    skyline, best = set(), float("-inf")
    for cost, accuracy in sorted(set(points), key=lambda p: (p[0], -p[1])):
        if accuracy > best:
            skyline.add((cost, accuracy))
            best = accuracy
    chosen = [(p[0], i) for i, p in enumerate(points) if p in skyline]
    return [i for _, i in sorted(chosen)]

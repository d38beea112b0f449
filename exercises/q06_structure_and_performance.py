"""What pruning does for a model's structure and performance

剪枝技术在优化模型结构和性能方面有哪些优势？

A layer that became ten times faster does not make the model ten times faster, and a smaller model
is better only if no other one is both as small and as accurate. This exercise works out the first
(Amdahl's law) and picks out the second (the Pareto front).

    difficulty ●●○○○    importance ●●●●○    about 25 minutes

Words
    speed-up   the time before divided by the time after: 2 is twice as fast, below 1 is a
               slow-down, infinite means that the part takes no time any more.
    cost       what is to be small: parameters, operations, seconds or bytes.
    dominate   a point dominates another if it is at least as good in both (cost not higher,
               accuracy not lower) and better in one of them.

Graded are the values. Arguments are always sensible; no checks are needed.

The written part
    `ANSWER` is your answer to the question in the first line, in 120 to 250 words, as you would
    say it in an interview: what pruning finds out about a structure, which costs it lowers, and
    what bounds the gain.

Sources
    Amdahl 1967, "Validity of the single processor approach to achieving large scale computing
    capabilities"; Blalock, Gonzalez Ortiz, Frankle & Guttag 2020, "What is the State of Neural
    Network Pruning?" (compare whole trade-off curves, not single points).

Worked notebook: notebooks/q06_structure_and_performance.ipynb
"""

from __future__ import annotations

from collections.abc import Sequence

# Your written answer to the question above: 120 to 250 words, as you would say it aloud.
ANSWER = ""


def amdahl_speedup(fraction: float, speedup: float) -> float:
    """Return how much faster the whole becomes when a part of it becomes faster.

    1 / ((1 − fraction) + fraction / speedup).

    Args:
        fraction: the share of the time before that the part takes, in [0, 1].
        speedup: that of the part, > 0. Below 1 it is a slow-down; infinite, the part takes no
            time any more.

    Returns:
        The speed-up of the whole; infinite if no time is left.

    Example:
        >>> [amdahl_speedup(0.5, s) for s in (2.0, 0.5, float("inf"))]
        [1.3333333333333333, 0.6666666666666666, 2.0]
    """
    raise NotImplementedError


def model_speedup(layer_seconds: Sequence[float], layer_speedups: Sequence[float]) -> float:
    """Return the speed-up of a model whose layers run one after the other.

    The time before, sum of t, divided by the time after, sum of t / s.

    Args:
        layer_seconds: t, the seconds that each layer took before: a list of numbers ≥ 0, not
            all of them 0.
        layer_speedups: s, the speed-up of each layer, a list of numbers > 0: 1 is a layer that
            was not touched, below 1 a slow-down, and infinite a layer that is gone.

    Returns:
        The speed-up of the model; infinite if no time is left.

    Example:
        >>> model_speedup([3.0, 1.0], [4.0, 1.0])  # 4 s before, 0.75 + 1 s after
        2.2857142857142856
    """
    raise NotImplementedError


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return the indices of the points that no other point dominates.

    Lower cost is better, higher accuracy is better. A point is dominated if another one is at
    least as good in both and better in one. Equal points do not dominate each other: either all
    of them are in the front, or none.

    Args:
        points: a list of pairs (cost, accuracy), at least one. They are compared as they are: a
            small difference is a difference.

    Returns:
        A list of indices (ints), in order of rising cost; of equal points the lower index first.

    Example:
        >>> pareto_front([(3.0, 0.9), (1.0, 0.7), (2.0, 0.7), (3.0, 0.9)])
        [1, 0, 3]
    """
    raise NotImplementedError

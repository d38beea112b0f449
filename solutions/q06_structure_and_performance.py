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

import math
from collections.abc import Sequence

ANSWER = """
For the structure, pruning finds how wide each layer has to be. One trains a network that is too
large, ranks channels or filters across it, and removes the weakest: what is left is a smaller
dense network with different widths in different layers. That is a cheap architecture search; the
same widths trained from scratch can come out as well as the weights inherited.

For performance it can save parameters, operations, memory and time, but these are four numbers.
The fully connected layers of VGG-16 hold most of its parameters and under one percent of its
operations. Pruning them makes the file much smaller; in large batches it hardly saves time, while
at batch size one, where reading the weights takes long, it can. And the speed-up of the whole is
bounded by what was not pruned: if half of the time is in layers that became ten times faster, the
model is 1.8 times faster, by Amdahl's law. So I profile first, at the batch size of the
application, and prune where the time is.

Results can be solid: network slimming removed 88% of the parameters and half of the operations of
a VGG on CIFAR-10 at the same error. Accuracy may rise a little at mild sparsity, but one cannot
count on it.

I would never report one model: I draw accuracy over measured latency for several sparsities,
beside dense networks of the same sizes, and keep the Pareto front.
"""

RUBRIC: list[tuple[int, str]] = [
    (
        2,
        "Structured pruning yields a smaller dense network: layer widths found by data.",
    ),
    (
        2,
        "Parameters, operations, memory and latency are different numbers, with an example.",
    ),
    (
        2,
        "Amdahl: the layers that were not pruned bound the speed-up of the model.",
    ),
    (
        2,
        "Results are a trade-off: several sparsities, a Pareto front, measured cost.",
    ),
    (
        1,
        "Compare with a small dense network trained with the same budget.",
    ),
    (
        1,
        "A figure from a paper, or the caution that accuracy gains are not to be counted on.",
    ),
]

FOLLOW_UPS: list[tuple[str, str]] = [
    (
        "60% of the time is in convolutions. How much faster can pruning them make the model?",
        "At most 1 / 0.4 = 2.5 times, with convolutions that take no time at all; 1.8 times if "
        "they become four times faster.",
    ),
    (
        "Why is the mean of the layers' speed-ups not the model's speed-up?",
        "Times add up, speed-ups do not. The model's is the total time over the sum of the new "
        "times: a harmonic mean weighted with the times before.",
    ),
    (
        "Two pruned models have the same accuracy and the same latency. Which is on the front?",
        "Both: neither is better in anything. A third measure, say memory, has to decide.",
    ),
    (
        "Why compare with a small network trained from scratch?",
        "Liu et al. 2019 found it as good as structured pruning when it gets the same training "
        "budget. Then the gain lies in the architecture that was found. The notebook finds "
        "either ahead, depending on how much was cut, so measure both.",
    ),
    (
        "A transformer has to lose a third of its parameters. Width or depth?",
        "Depth gives more speed for the same parameters, since every block that goes takes its "
        "sequential time with it; width keeps more accuracy. NVIDIA's Minitron papers "
        "(Muralidharan et al. 2024; Sreenivas et al. 2024) find width more accurate at equal "
        "size and depth faster, both repaired by distillation. m05 and m06 measure both on a "
        "small model.",
    ),
]

WRONG_CLAIMS: list[tuple[str, str]] = [
    (
        "Half the operations, half the latency.",
        "Yang et al. 2018 (NetAdapt): lowering MACs or weights need not lower latency or "
        "energy. By `model_speedup`, what neither lost channels nor reads fewer keeps its time.",
    ),
    (
        "The more parameters are removed, the faster the model.",
        "Parameters and time lie in different layers. Li et al. 2017: the fully connected "
        "layers of VGG-16 hold 90% of its parameters and under 1% of its operations, so in "
        "large batches removing them saves storage and little time. At batch size one reading "
        "them takes long (the roofline of q04), and there it saves both.",
    ),
    (
        "Structured pruning sets channels to zero, and that makes the network smaller.",
        "Li et al. 2017 remove the filters, their feature maps and the kernels that read them. "
        "Measured in the notebook: a layer with zeroed channels takes as long as before, one "
        "without them does not.",
    ),
    (
        "Pruning improves accuracy, because it removes redundant weights.",
        "Bartoldson et al. 2020: where accuracy rises, the cause is like that of added noise "
        "and does not need the weights to stay removed. At high sparsity accuracy falls.",
    ),
    (
        "Method A is better: its paper reports a higher compression.",
        "Blalock et al. 2020 looked at 81 papers: datasets, networks and metrics differ so much "
        "that methods can hardly be compared. Compare curves, on one network and one budget.",
    ),
]


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
    left = (1 - fraction) + fraction / speedup
    return 1 / left if left > 0 else math.inf


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
    after = sum(t / s for t, s in zip(layer_seconds, layer_speedups))
    return sum(layer_seconds) / after if after > 0 else math.inf


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
    front: list[int] = []
    # Among points of one cost the most accurate come first; after that only gains count.
    for i in sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1], i)):
        last = points[front[-1]] if front else None
        if last is None or points[i][1] > last[1] or points[i] == last:
            front.append(i)
    return front

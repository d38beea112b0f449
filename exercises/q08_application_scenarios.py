"""Application scenarios: which pruned model runs on which device

剪枝技术在高性能计算中的应用场景有哪些？

A list of scenarios is no answer as long as it does not say what a device can make use of. The
same pruned model is fast on one machine and no faster than the dense one on the next. Here a
device states what it accelerates, a candidate states how it was pruned, and four small functions
find the candidate to deploy.

    difficulty ●○○○○    importance ●●●○○    about 20 minutes, and as long for the written answer

Words
    granularity  the name of the pattern in which a candidate was pruned, such as "filter", "2:4"
                 or "unstructured". It is a name like any other: all that counts is whether it is
                 one of the names that the device accelerates.
    density      1 − sparsity: the fraction that is left, in [0, 1].

Graded are the values. `Device` and `Candidate` are given below; leave them as they are. Nothing
given is changed. Arguments are always sensible; no checks are needed.

The written part
    `ANSWER` is your answer to the question in the first line, in 120 to 250 words, as you would
    say it in an interview: where pruning is applied, with which granularity on which hardware,
    and what limits the gain there.

Sources
    Han et al. 2016, "EIE: Efficient Inference Engine on Compressed Deep Neural Network"; Elsen,
    Dukhan, Gale & Simonyan 2020, "Fast Sparse ConvNets"; Gale, Zaharia, Young & Elsen 2020,
    "Sparse GPU Kernels for Deep Learning"; Mishra et al. 2021, "Accelerating Sparse Deep Neural
    Networks" (2:4); Frantar & Alistarh 2023, "SparseGPT".

Worked notebook: notebooks/q08_application_scenarios.ipynb
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# Your written answer to the question above: 120 to 250 words, as you would say it aloud.
ANSWER = ""


@dataclass(frozen=True)
class Device:
    """A machine to deploy to (given).

    Attributes:
        memory_bytes: how much a stored model may take.
        flops_per_second: the rate at which it computes, greater than 0.
        accelerates: a frozenset of the granularities whose zeros it can skip.
        deadline_seconds: how long one inference may take.
    """

    memory_bytes: float
    flops_per_second: float
    accelerates: frozenset[str]
    deadline_seconds: float


@dataclass(frozen=True)
class Candidate:
    """A pruned (or dense) model that could be deployed (given).

    Attributes:
        name: what it is called.
        dense_flops: the FLOPs of one inference when no zero is skipped.
        density: the fraction of them that belong to weights which are left, in [0, 1].
        granularity: the pattern in which it was pruned.
        stored_bytes: its size as stored.
        accuracy: higher is better.
    """

    name: str
    dense_flops: float
    density: float
    granularity: str
    stored_bytes: float
    accuracy: float


def effective_flops(candidate: Candidate, device: Device) -> float:
    """Return the FLOPs that this device spends on one inference of this candidate.

    Args:
        candidate: the model.
        device: the machine.

    Returns:
        dense_flops · density where the granularity of the candidate is one that the device
        accelerates; dense_flops otherwise, whatever the density.

    Example:
        >>> gpu = Device(1e9, 1e12, frozenset({"2:4"}), 0.01)
        >>> effective_flops(Candidate("half", 8e9, 0.5, "2:4", 4e6, 0.76), gpu)
        4000000000.0
        >>> effective_flops(Candidate("sparse", 8e9, 0.1, "unstructured", 1e6, 0.75), gpu)
        8000000000.0
    """
    raise NotImplementedError


def latency_seconds(candidate: Candidate, device: Device) -> float:
    """Return how long one inference takes: the effective FLOPs over the rate of the device.

    Args:
        candidate: the model.
        device: the machine.

    Returns:
        Seconds.

    Example:
        >>> gpu = Device(1e9, 1e12, frozenset({"2:4"}), 0.01)
        >>> latency_seconds(Candidate("half", 8e9, 0.5, "2:4", 4e6, 0.76), gpu)
        0.004
    """
    raise NotImplementedError


def fits(candidate: Candidate, device: Device) -> bool:
    """Return whether the candidate can be deployed on the device.

    Args:
        candidate: the model.
        device: the machine.

    Returns:
        True if its stored bytes are at most the memory, and its latency is at most the deadline.
        Both may be equal.

    Example:
        >>> gpu = Device(4e6, 1e12, frozenset({"2:4"}), 0.004)
        >>> fits(Candidate("half", 8e9, 0.5, "2:4", 4e6, 0.76), gpu)
        True
    """
    raise NotImplementedError


def choose(candidates: Sequence[Candidate], device: Device) -> Candidate | None:
    """Return the candidate to deploy.

    Of those that fit it is the most accurate. Among equally accurate ones it is the one with the
    fewest stored bytes; among those that are equal in both, the first in the list.

    Args:
        candidates: a list of models, perhaps empty, in any order.
        device: the machine.

    Returns:
        One of the candidates; None where none fits, or there is none.

    Example:
        >>> gpu = Device(4e6, 1e12, frozenset({"2:4"}), 0.004)
        >>> dense = Candidate("dense", 8e9, 1.0, "none", 4e6, 0.77)
        >>> half = Candidate("half", 8e9, 0.5, "2:4", 4e6, 0.76)
        >>> choose([dense, half], gpu).name
        'half'
    """
    raise NotImplementedError

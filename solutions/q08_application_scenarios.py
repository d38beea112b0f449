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

ANSWER = """
I would sort the scenarios by what the hardware can make use of, because that decides which
pruning pays.

On phones and embedded boards memory, energy and latency are all short. Filter or channel pruning
needs no special support, since the result is a smaller dense network. Unstructured sparsity works
too where kernels exist for it: with those of Elsen and others, sparse MobileNets ran 1.3 to 2.4
times faster on a phone.

On data-centre GPUs sparse tensor cores double the peak of 2:4 products, but few serve with it:
measured end to end it gave around 1.1 to 1.3 times, and vLLM removed its 2:4 path in 2026;
cuSPARSELt and torchao remain. Scattered zeros gain nothing in dense kernels, and 1.2 to 2.1 times
with special ones in Gale and others. For large language models what ships is fewer layers,
neurons and experts, repaired by distillation, beside 4-bit weights.

Custom accelerators can be built around sparsity: EIE runs compressed fully connected layers
directly and is reported 13 times faster than a GPU.

In training pruning saves little by default, because masked training still computes densely;
sparse training, such as RigL, is a topic of its own.

So my procedure is: take the device's memory, its deadline and the patterns it accelerates; count
the density of a candidate only where the pattern is one of them; and among the candidates that
fit deploy the most accurate. Then measure, since a model of the latency is only a filter.
"""

RUBRIC: list[tuple[int, str]] = [
    (
        3,
        "Granularity is matched to hardware: structured pruning runs anywhere, 2:4 needs "
        "hardware that has it, unstructured needs special kernels or accelerators.",
    ),
    (
        2,
        "Scenarios are concrete: at least two of phone or embedded, data centre, custom hardware.",
    ),
    (
        1,
        "At least one measured figure or paper stands beside a scenario.",
    ),
    (
        1,
        "Constraints are named as numbers to be met: memory, and a deadline or a throughput.",
    ),
    (
        1,
        "The choice is by accuracy among what fits, not by sparsity.",
    ),
    (
        1,
        "Training is told apart from inference: pruning saves little training by default.",
    ),
    (
        1,
        "A limit is named: dense kernels gain nothing, Amdahl's law, or memory-bound layers.",
    ),
]

FOLLOW_UPS: list[tuple[str, str]] = [
    (
        "You have a 90% unstructured model and a CPU with a dense library only. What do you gain?",
        "A smaller file, if it is stored in a sparse format, and nothing in speed: the dense "
        "kernel multiplies the zeros too. I would prune filters instead, or look for a sparse "
        "kernel.",
    ),
    (
        "Why can a candidate with fewer FLOPs be the slower one?",
        "Latency is not FLOPs over peak. A layer that is bound by memory traffic or by launch "
        "overhead does not care, and libraries are tuned to some shapes: Radu et al. 2019 found "
        "layers that became twice as slow with 12% fewer channels. In the notebook half of the "
        "filters of a tiny network leave a quarter of the operations and nine tenths of the "
        "time at batch 1.",
    ),
    (
        "Where does pruning help a language model that decodes one token at a time?",
        "Decoding at batch 1 reads every weight for each token, so it is bound by bandwidth. "
        "What counts are the bytes read, and the sparse format must be decoded as fast as it is "
        "read.",
    ),
    (
        "Two candidates are equally accurate and both fit. Which one do you take?",
        "The one with fewer bytes: it leaves memory for the rest of the application, loads "
        "faster and costs less to ship.",
    ),
    (
        "A language model fits the GPU, but not with a hundred users at 32,000 tokens each. "
        "What do you prune?",
        "The key-value cache, not the weights: it grows with users and tokens. Fewer key-value "
        "heads by grouping (m04), eviction of tokens that nobody attends to, or a lower "
        "precision (m08). For images and video one merges tokens (m10). The weights are a "
        "constant that all users share.",
    ),
]

WRONG_CLAIMS: list[tuple[str, str]] = [
    (
        "A model at 90% sparsity runs ten times faster, on any machine.",
        "Gale et al. 2020: at the sparsities of neural networks ordinary sparse GPU kernels do "
        "not beat dense ones, and specialised ones gave whole models 1.2 to 2.1 times; measured "
        "in the notebook: a dense product with 90% zeros.",
    ),
    (
        "Unstructured pruning never speeds anything up.",
        "Elsen et al. 2020: 1.3 to 2.4 times on a phone, with kernels written for it; Han et "
        "al. 2016 built an accelerator for it.",
    ),
    (
        "2:4 sparsity halves the run time of a network.",
        "Mishra et al. 2021 state twice the peak of the matrix unit. What is no matrix product, "
        "or waits for memory, does not double: Amdahl 1967. In the notebook the choice for a GPU "
        "changes once 2:4 gains 1.3 times instead of two.",
    ),
    (
        "Pruning is for small devices only.",
        "Frantar & Alistarh 2023 prune models of 175 billion parameters, in hours, to at least "
        "50% sparsity with little loss; whether that saves time depends on the kernels.",
    ),
    (
        "Pruning makes the training of large models cheaper.",
        "Not by default: train, prune, retrain adds training, and masked training runs dense "
        "FLOPs. Evci et al. 2020 (RigL) train sparsely from the start, which is another method.",
    ),
]


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
    skips_zeros = candidate.granularity in device.accelerates
    return candidate.dense_flops * (candidate.density if skips_zeros else 1)


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
    return effective_flops(candidate, device) / device.flops_per_second


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
    in_memory = candidate.stored_bytes <= device.memory_bytes
    in_time = latency_seconds(candidate, device) <= device.deadline_seconds
    return in_memory and in_time


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
    fitting = [candidate for candidate in candidates if fits(candidate, device)]
    # max keeps the first of equals.
    return max(fitting, key=lambda c: (c.accuracy, -c.stored_bytes), default=None)

"""q08, as short as it gets."""

from dataclasses import dataclass

ANSWER = """
Where pruning pays depends on what the device can skip. On phones and embedded processors memory
and energy are scarce: there one cuts filters, so that the ordinary dense kernels run on smaller
layers, and combines it with eight bit quantisation; with suitable kernels, unstructured sparsity
of eighty percent and more also pays on ARM cores, as in fast sparse ConvNets. On FPGAs and
special chips such as EIE the hardware itself skips zeros, so unstructured sparsity with an
encoded index is worth it. On data-centre GPUs dense tensor cores are so fast that only 2:4 or
blocks help, by at most two in the matrix products, or structured cuts of heads, neurons and
blocks. For serving large language models decoding is limited by memory bandwidth; SparseGPT or
Wanda can remove half of the weights in one shot, and the gain is bytes. In scientific computing,
surrogate models inside simulations, weather, particle triggers with microsecond deadlines, pruned
networks fit on FPGAs. In autonomous driving and video the deadline decides: structured pruning
until the slowest frame is in time. In distributed training and federated learning sparse
gradients save communication. What limits the gain: Amdahl's law, irregular memory access, load
imbalance, indices that must be stored, missing kernel support, and accuracy. So choose the
granularity from the device, and deploy the most accurate candidate that fits its memory and
deadline.
"""


@dataclass(frozen=True)
class Device:
    memory_bytes: float
    flops_per_second: float
    accelerates: frozenset[str]
    deadline_seconds: float


@dataclass(frozen=True)
class Candidate:
    name: str
    dense_flops: float
    density: float
    granularity: str
    stored_bytes: float
    accuracy: float


def effective_flops(candidate, device):
    if candidate.granularity in device.accelerates:
        return candidate.dense_flops * candidate.density
    return candidate.dense_flops


def latency_seconds(candidate, device):
    return effective_flops(candidate, device) / device.flops_per_second


def fits(candidate, device):
    return (
        candidate.stored_bytes <= device.memory_bytes
        and latency_seconds(candidate, device) <= device.deadline_seconds
    )


def choose(candidates, device):
    fitting = [c for c in candidates if fits(c, device)]
    if not fitting:
        return None
    return min(fitting, key=lambda c: (-c.accuracy, c.stored_bytes))

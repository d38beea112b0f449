"""A second right answer to q08: its own dataclasses, named tuples of numbers, sorting."""

from collections import namedtuple
from dataclasses import dataclass, field
from typing import Any

ANSWER = ""


@dataclass
class Device:
    memory_bytes: int
    flops_per_second: float
    accelerates: frozenset = field(default_factory=frozenset)
    deadline_seconds: float = 1.0


Candidate = namedtuple("Candidate", "name dense_flops density granularity stored_bytes accuracy")


def effective_flops(candidate: Any, device: Any) -> float:
    flops = float(candidate.dense_flops)
    for name in device.accelerates:
        if name == candidate.granularity:
            flops *= candidate.density
    return flops


def latency_seconds(candidate, device):
    share = candidate.density if {candidate.granularity} & device.accelerates else 1.0
    return candidate.dense_flops / device.flops_per_second * share


def fits(candidate, device):
    if candidate.stored_bytes > device.memory_bytes:
        return False
    return not latency_seconds(candidate, device) > device.deadline_seconds


def choose(candidates, device):
    ranked = sorted(candidates, key=lambda c: c.stored_bytes)
    ranked.sort(key=lambda c: c.accuracy, reverse=True)
    for candidate in ranked:
        if fits(candidate, device):
            return candidate
    return None

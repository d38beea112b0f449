"""q10 with a Fraction and a loop."""

import math
from fractions import Fraction

import numpy as np

ANSWER = """
Real time asks that every single answer comes before its deadline. An average says little: what
counts is the tail, the ninety-ninth percentile or the worst case, and the response time, that is
waiting in the queue plus computing. Near full load the queue grows without bound, so a service
time slightly smaller than the period can save a lot of waiting. Pruning helps as it shortens the
computation: structured pruning, cutting channels, heads or blocks, gives a smaller dense network
whose time falls on any device and remains predictable; a smaller model may fit into on-chip
memory, which removes misses of the cache as a source of variance, and it leaves power to spare,
so that the clock need not be throttled. Early exits or several models of different sparsity allow
one to switch under load. Where it does not help: unstructured zeros without sparse kernels; time
that goes into pre-processing, transfers, the operating system or garbage collection; the jitter
of shared machines. And latency need not fall with sparsity, because odd channel counts can be
slower. To show it, I measure on the target device, with real arrivals, batch size one and warm
clocks, many thousand samples; I report percentiles and the miss rate by sparsity, choose the
smallest sparsity that meets the deadline with some margin, and check accuracy. For hard deadlines
one needs worst-case analysis as well. The prospects are good, in vehicles, robots, audio and
trading.
"""


def percentile_latency(samples, q):
    ordered = np.sort(samples)
    rank = math.ceil(Fraction(str(q)) * len(ordered) / 100)
    return float(ordered[rank - 1])


def deadline_miss_rate(samples, deadline):
    return float(np.mean(samples > deadline))


def smallest_sparsity(profiles, deadline, q):
    for sparsity in sorted(profiles):
        if percentile_latency(profiles[sparsity], q) <= deadline:
            return sparsity
    return None


def response_times(period, service_times):
    free = 0.0
    result = []
    for i, service in enumerate(service_times):
        arrival = i * period
        start = max(arrival, free)
        free = start + service
        result.append(free - arrival)
    return np.array(result, dtype=float)

"""A second right answer to q10: plain loops, decimal arithmetic, lists."""

import math
from decimal import ROUND_CEILING, Decimal

ANSWER = "Deadlines, not means."


def _number(name, value):
    if value is None or isinstance(value, (str, bytes)):
        raise TypeError(f"{name} should be a number but is {value!r}")
    if math.isnan(value):
        raise ValueError(f"{name} is {value!r}")
    return value


def _numbers(name, values):
    if values is None or isinstance(values, (str, bytes)):
        raise TypeError(f"{name} should be an array but is {values!r}")
    listed = [float(value) for value in values]
    if not listed:
        raise ValueError(f"{name} is empty")
    if not all(map(math.isfinite, listed)):
        raise ValueError(f"{name} has a value that is not finite")
    return listed


def _late(listed, deadline):
    count = 0
    for value in listed:
        if value > deadline:
            count += 1
    return count


def percentile_latency(samples, q):
    listed = _numbers("samples", samples)
    _number("q", q)
    if not 0 < q <= 100:
        raise ValueError(f"q is {q!r}, outside (0, 100]")
    rank = (Decimal(str(q)) * len(listed) / 100).to_integral_value(rounding=ROUND_CEILING)
    return sorted(listed)[int(rank) - 1]


def deadline_miss_rate(samples, deadline):
    listed = _numbers("samples", samples)
    return _late(listed, _number("deadline", deadline)) / len(listed)


def smallest_sparsity(profiles, deadline, q):
    _number("deadline", deadline)
    for sparsity in sorted(profiles):
        if percentile_latency(profiles[sparsity], q) <= deadline:
            return sparsity
    return None


def response_times(period, service_times):
    if _number("period", period) <= 0:
        raise ValueError(f"period is {period!r}, not positive")
    listed = _numbers("service_times", service_times)
    if min(listed) < 0:
        raise ValueError("service_times has a negative entry")
    # Lindley, unrolled: the busy period that request i ends may have begun at any j <= i.
    out = []
    for i in range(len(listed)):
        out.append(max(sum(listed[j : i + 1]) - (i - j) * period for j in range(i + 1)))
    return out

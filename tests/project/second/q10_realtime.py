"""A second right answer to q10: plain loops, decimal arithmetic, lists."""

from decimal import ROUND_CEILING, Decimal

ANSWER = "Deadlines, not means."


def _late(listed, deadline):
    count = 0
    for value in listed:
        if value > deadline:
            count += 1
    return count


def percentile_latency(samples, q):
    listed = [float(value) for value in samples]
    rank = (Decimal(str(q)) * len(listed) / 100).to_integral_value(rounding=ROUND_CEILING)
    return sorted(listed)[int(rank) - 1]


def deadline_miss_rate(samples, deadline):
    listed = [float(value) for value in samples]
    return _late(listed, deadline) / len(listed)


def smallest_sparsity(profiles, deadline, q):
    for sparsity in sorted(profiles):
        if percentile_latency(profiles[sparsity], q) <= deadline:
            return sparsity
    return None


def response_times(period, service_times):
    listed = [float(value) for value in service_times]
    # Lindley, unrolled: the busy period that request i ends may have begun at any j <= i.
    out = []
    for i in range(len(listed)):
        out.append(max(sum(listed[j : i + 1]) - (i - j) * period for j in range(i + 1)))
    return out

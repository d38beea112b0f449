"""Wrong answers that people really give for q08."""

import math

from tests.grading import mistake


def _flops(candidate, device):
    if candidate.granularity in device.accelerates:
        return candidate.dense_flops * candidate.density
    return candidate.dense_flops


def _seconds(candidate, device):
    return _flops(candidate, device) / device.flops_per_second


def _fits(candidate, device):
    return (
        candidate.stored_bytes <= device.memory_bytes
        and _seconds(candidate, device) <= device.deadline_seconds
    )


@mistake(
    "effective_flops",
    "zeros are always skipped",
    "It counts the density on every device, as if every kernel skipped zeros.",
    "What does a dense kernel do with a weight that is 0?",
)
def always_skipped(candidate, device):
    return candidate.dense_flops * candidate.density


@mistake(
    "effective_flops",
    "sparsity for density",
    "It multiplies by the fraction that was removed.",
    "A candidate with a density of 0.1: how much of it is left to compute?",
)
def by_sparsity(candidate, device):
    if candidate.granularity in device.accelerates:
        return candidate.dense_flops * (1 - candidate.density)
    return candidate.dense_flops


@mistake(
    "effective_flops",
    "any acceleration will do",
    "It counts the density as soon as the device accelerates anything at all.",
    "Which pattern does the device skip, and which one does the candidate have?",
)
def any_acceleration(candidate, device):
    return candidate.dense_flops * (candidate.density if device.accelerates else 1)


@mistake(
    "effective_flops",
    "part of a name",
    'It looks for the granularity inside the names, and finds "structured" in "unstructured".',
    "What is 'structured' in 'unstructured', and what is it in frozenset({'unstructured'})?",
)
def part_of_a_name(candidate, device):
    found = any(candidate.granularity in name for name in device.accelerates)
    return candidate.dense_flops * (candidate.density if found else 1)


@mistake(
    "effective_flops",
    "zeros are never skipped",
    "It returns the dense FLOPs on every device.",
    "When does a zero cost nothing?",
)
def never_skipped(candidate, device):
    return candidate.dense_flops


@mistake(
    "effective_flops",
    "the other way round",
    "It counts the density where the device does not accelerate that granularity.",
    "On which device is a zero skipped?",
)
def other_way_round(candidate, device):
    skipped = candidate.granularity not in device.accelerates
    return candidate.dense_flops * (candidate.density if skipped else 1)


@mistake(
    "latency_seconds",
    "dense FLOPs",
    "It divides the dense FLOPs: what the device skips takes no time.",
    "Does your answer depend on what the device accelerates?",
)
def dense_latency(candidate, device):
    return candidate.dense_flops / device.flops_per_second


@mistake(
    "latency_seconds",
    "zeros are always skipped",
    "It counts the density on every device, as if every kernel skipped zeros.",
    "What does a dense kernel do with a weight that is 0?",
)
def always_skipped_latency(candidate, device):
    return candidate.dense_flops * candidate.density / device.flops_per_second


@mistake(
    "latency_seconds",
    "rate over FLOPs",
    "It divides the wrong way: that is inferences a second.",
    "In which unit is the result?",
)
def throughput(candidate, device):
    return device.flops_per_second / _flops(candidate, device)


@mistake(
    "latency_seconds",
    "milliseconds",
    "It returns milliseconds.",
    "What does the name of the function say of the unit?",
)
def milliseconds(candidate, device):
    return 1000 * _seconds(candidate, device)


@mistake(
    "latency_seconds",
    "density squared",
    "It counts the density twice.",
    "Which of the two numbers that you multiply holds the density already?",
)
def density_twice(candidate, device):
    if candidate.granularity in device.accelerates:
        return candidate.dense_flops * candidate.density**2 / device.flops_per_second
    return candidate.dense_flops / device.flops_per_second


@mistake(
    "fits",
    "limits excluded",
    "It asks for less than the memory and less than the deadline; both may be reached.",
    "Does a model of 4 MB fit into 4 MB?",
)
def limits_excluded(candidate, device):
    return (
        candidate.stored_bytes < device.memory_bytes
        and _seconds(candidate, device) < device.deadline_seconds
    )


@mistake(
    "fits",
    "memory limit excluded",
    "It asks for less than the memory, which may be filled to the last byte.",
    "Does a model of 4 MB fit into 4 MB?",
)
def memory_excluded(candidate, device):
    return (
        candidate.stored_bytes < device.memory_bytes
        and _seconds(candidate, device) <= device.deadline_seconds
    )


@mistake(
    "fits",
    "deadline excluded",
    "It asks for less than the deadline, which may be reached.",
    "Is an answer at the deadline late?",
)
def deadline_excluded(candidate, device):
    return (
        candidate.stored_bytes <= device.memory_bytes
        and _seconds(candidate, device) < device.deadline_seconds
    )


@mistake(
    "fits",
    "nearly in time",
    "It takes a latency that is a little above the deadline for equal to it.",
    "An answer comes a millionth of a second after the deadline. Is it in time?",
)
def nearly_in_time(candidate, device):
    seconds, deadline = _seconds(candidate, device), device.deadline_seconds
    in_time = seconds <= deadline or math.isclose(seconds, deadline, rel_tol=1e-6)
    return candidate.stored_bytes <= device.memory_bytes and in_time


@mistake(
    "fits",
    "memory only",
    "It does not look at the deadline.",
    "Which fields of the device do you not use?",
)
def memory_only(candidate, device):
    return candidate.stored_bytes <= device.memory_bytes


@mistake(
    "fits",
    "deadline only",
    "It does not look at the memory.",
    "Which fields of the device do you not use?",
)
def deadline_only(candidate, device):
    return _seconds(candidate, device) <= device.deadline_seconds


@mistake(
    "fits",
    "one of the two is enough",
    "It accepts a candidate that meets one of the two limits.",
    "A model that is fast enough and does not fit into the memory: can it be deployed?",
)
def either(candidate, device):
    return memory_only(candidate, device) or deadline_only(candidate, device)


@mistake(
    "fits",
    "zeros are always skipped",
    "It counts the density on every device when it checks the deadline.",
    "What does a dense kernel do with a weight that is 0?",
)
def fits_always_skipped(candidate, device):
    latency = candidate.dense_flops * candidate.density / device.flops_per_second
    return candidate.stored_bytes <= device.memory_bytes and latency <= device.deadline_seconds


@mistake(
    "fits",
    "latency of the dense model",
    "It checks the deadline with the dense FLOPs, whatever the device skips.",
    "Does your answer depend on what the device accelerates?",
)
def fits_dense(candidate, device):
    latency = candidate.dense_flops / device.flops_per_second
    return candidate.stored_bytes <= device.memory_bytes and latency <= device.deadline_seconds


def _fitting(candidates, device):
    return [c for c in candidates if _fits(c, device)]


@mistake(
    "choose",
    "not asked whether it fits",
    "It takes the most accurate of all candidates.",
    "Can the one that you return be deployed on this device?",
)
def any_candidate(candidates, device):
    return max(candidates, key=lambda c: (c.accuracy, -c.stored_bytes), default=None)


@mistake(
    "choose",
    "ties to the first",
    "Among equally accurate candidates it takes the first, whatever their size.",
    "What decides between two candidates of the same accuracy?",
)
def ties_to_first(candidates, device):
    return max(_fitting(candidates, device), key=lambda c: c.accuracy, default=None)


@mistake(
    "choose",
    "small differences taken for none",
    "It takes accuracies that are nearly equal for equal (rounded to two digits, say).",
    "Which of 0.751 and 0.754 is the higher accuracy?",
)
def small_differences(candidates, device):
    return max(
        _fitting(candidates, device),
        key=lambda c: (round(c.accuracy, 2), -c.stored_bytes),
        default=None,
    )


@mistake(
    "choose",
    "ties to the most bytes",
    "Among equally accurate candidates it takes the largest.",
    "In max(…, key=(accuracy, bytes)): which bytes win?",
)
def ties_to_largest(candidates, device):
    return max(
        _fitting(candidates, device), key=lambda c: (c.accuracy, c.stored_bytes), default=None
    )


@mistake(
    "choose",
    "ties to the fastest",
    "Among equally accurate candidates it takes the one of lowest latency.",
    "What decides between two candidates of the same accuracy, and does speed beyond the deadline?",
)
def ties_to_fastest(candidates, device):
    return max(
        _fitting(candidates, device), key=lambda c: (c.accuracy, -_seconds(c, device)), default=None
    )


@mistake(
    "choose",
    "the last of equals",
    "Of candidates equal in accuracy and bytes it returns the last.",
    "Does your comparison let an equal candidate take the place of an earlier one?",
)
def last_of_equals(candidates, device):
    best = None
    for c in _fitting(candidates, device):
        if best is None or (c.accuracy, -c.stored_bytes) >= (best.accuracy, -best.stored_bytes):
            best = c
    return best


@mistake(
    "choose",
    "fewest bytes first",
    "It takes the smallest candidate that fits, not the most accurate.",
    "What is memory that stays free worth, and what is accuracy?",
)
def smallest(candidates, device):
    return min(
        _fitting(candidates, device), key=lambda c: (c.stored_bytes, -c.accuracy), default=None
    )


@mistake(
    "choose",
    "accuracy 0 loses against nobody",
    "It starts from a best accuracy of 0, so a candidate with that accuracy is never chosen.",
    "Only one candidate fits, and its accuracy is 0.0. What do you return?",
)
def from_zero(candidates, device):
    best, reached = None, 0
    for c in _fitting(candidates, device):
        if c.accuracy > reached or (
            best and c.accuracy == reached and c.stored_bytes < best.stored_bytes
        ):
            best, reached = c, c.accuracy
    return best


@mistake(
    "choose",
    "the name",
    "It returns the name of the candidate.",
    "What is the return type of the function?",
)
def the_name(candidates, device):
    best = max(
        _fitting(candidates, device), key=lambda c: (c.accuracy, -c.stored_bytes), default=None
    )
    return best and best.name


@mistake(
    "choose",
    "an error where none fits",
    "It fails where no candidate fits.",
    "What does max do with an empty list, and what should the caller get?",
)
def error_when_none(candidates, device):
    return max(_fitting(candidates, device), key=lambda c: (c.accuracy, -c.stored_bytes))

"""Wrong answers that people really give for q10."""

import math
from fractions import Fraction

import numpy as np

from tests.grading import mistake


def _percentile(samples, q):
    rank = math.ceil(Fraction(str(q)) * len(samples) / 100)
    return float(np.sort(samples)[rank - 1])


def _exact(outcome, call):
    """To the last digit: what differs from the right answer in rounding alone is none of these."""
    return None if outcome is None else repr(float(outcome))


@mistake(
    "percentile_latency",
    "interpolated",
    "It interpolates between two samples, as np.percentile does unless told otherwise.",
    "Was the latency that you return ever measured?",
    observe=_exact,
)
def interpolated(samples, q):
    return float(np.percentile(samples, q))


@mistake(
    "percentile_latency",
    "rank in binary floating point",
    "It computes the rank in floats, which puts some whole ranks a hair above themselves.",
    "What is 7.0 / 100 * 100 in Python, and what does math.ceil make of it?",
    observe=_exact,
)
def float_rank(samples, q):
    return float(np.sort(samples)[math.ceil(q / 100 * len(samples)) - 1])


@mistake(
    "percentile_latency",
    "rank in binary floating point, product first",
    "It computes n · q / 100 in floats, which puts some whole ranks a hair above themselves.",
    "What is 16.1 * 1000 / 100 in Python, and what does math.ceil make of it?",
    observe=_exact,
)
def float_rank_product(samples, q):
    return float(np.sort(samples)[math.ceil(len(samples) * q / 100) - 1])


@mistake(
    "percentile_latency",
    "the binary value of q",
    "It computes exactly, but with the binary fraction that q is stored as.",
    "Compare Fraction(99.9) with Fraction('99.9'). Which one did the caller write?",
    observe=_exact,
)
def binary_q(samples, q):
    return float(np.sort(samples)[math.ceil(Fraction(q) * len(samples) / 100) - 1])


@mistake(
    "percentile_latency",
    "a hair rounded away",
    "It rounds before it rounds up, and so drops a small excess that q really has.",
    "How many of 2 samples are at least 50.00000000001 percent of them?",
    observe=_exact,
)
def hair_rounded_away(samples, q):
    rank = math.ceil(round(len(samples) * q / 100, 9))
    return float(np.sort(samples)[max(rank, 1) - 1])


@mistake(
    "percentile_latency",
    "rank taken as an index",
    "It takes the rank, counted from 1, for an index, which counts from 0: one sample too late.",
    "Of 4 samples, which should the 50th percentile be, and which index is that?",
    observe=_exact,
)
def rank_as_index(samples, q):
    rank = math.ceil(Fraction(str(q)) * len(samples) / 100)
    return float(np.sort(samples)[min(rank, len(samples) - 1)])


@mistake(
    "percentile_latency",
    "rank rounded down",
    "It truncates the rank: too few samples lie at or below what it returns.",
    "Which share of the samples is at or below your answer: at least q percent?",
    observe=_exact,
)
def rank_truncated(samples, q):
    rank = int(Fraction(str(q)) * len(samples) / 100)
    return float(np.sort(samples)[max(rank, 1) - 1])


@mistake(
    "percentile_latency",
    "rank rounded to the nearest",
    "It rounds the rank to the nearest whole number; below a half too few samples are covered.",
    "Which share of the samples is at or below your answer: at least q percent?",
    observe=_exact,
)
def rank_rounded(samples, q):
    rank = round(Fraction(str(q)) * len(samples) / 100)
    return float(np.sort(samples)[max(rank, 1) - 1])


@mistake(
    "percentile_latency",
    "not sorted",
    "It takes the sample at that rank in the order in which they came.",
    "Are the samples given in ascending order?",
    observe=_exact,
)
def not_sorted(samples, q):
    return float(samples[math.ceil(Fraction(str(q)) * len(samples) / 100) - 1])


@mistake(
    "percentile_latency",
    "counted from the slow end",
    "It counts from the largest sample downwards.",
    "Should the 99th percentile be among the fast samples or the slow ones?",
    observe=_exact,
)
def from_the_top(samples, q):
    rank = math.ceil(Fraction(str(q)) * len(samples) / 100)
    return float(np.sort(samples)[::-1][rank - 1])


@mistake(
    "percentile_latency",
    "q taken for a fraction",
    "It reads q as a share between 0 and 1, so nearly every q gives the largest sample.",
    "In which unit is q given?",
    observe=_exact,
)
def fraction(samples, q):
    rank = min(len(samples), math.ceil(Fraction(str(q)) * len(samples)))
    return float(np.sort(samples)[rank - 1])


@mistake(
    "deadline_miss_rate",
    "late when equal",
    "It counts a sample that is exactly at the deadline as missed.",
    "A train that arrives at the minute of the timetable: is it late?",
)
def late_when_equal(samples, deadline):
    return float(np.mean(samples >= deadline))


@mistake(
    "deadline_miss_rate",
    "share in time",
    "It returns the share that is in time.",
    "What should come out when no sample is late?",
)
def share_in_time(samples, deadline):
    return float(np.mean(samples <= deadline))


@mistake(
    "deadline_miss_rate",
    "count for share",
    "It returns how many samples are late, not their share.",
    "Can a share be greater than 1?",
)
def count_late(samples, deadline):
    return int(np.sum(samples > deadline))


@mistake(
    "deadline_miss_rate",
    "percent",
    "It returns the share times 100.",
    "Between which two numbers does a share lie?",
)
def percent_late(samples, deadline):
    return 100 * float(np.mean(samples > deadline))


@mistake(
    "deadline_miss_rate",
    "mean against the deadline",
    "It compares the mean latency with the deadline.",
    "If one request in ten is late, does the mean tell?",
)
def mean_late(samples, deadline):
    return float(np.mean(samples) > deadline)


def _in_time(profiles, deadline, q):
    return [s for s, samples in profiles.items() if _percentile(samples, q) <= deadline]


@mistake(
    "smallest_sparsity",
    "largest sparsity",
    "It returns the largest sparsity that meets the deadline.",
    "Once the deadline is met, what does more sparsity cost?",
    observe=_exact,
)
def largest(profiles, deadline, q):
    return max(_in_time(profiles, deadline, q), default=None)


@mistake(
    "smallest_sparsity",
    "deadline excluded",
    "It asks for a percentile below the deadline; one equal to it is in time as well.",
    "Read once more what the text says of a percentile equal to the deadline.",
    observe=_exact,
)
def strict(profiles, deadline, q):
    in_time = [s for s, samples in profiles.items() if _percentile(samples, q) < deadline]
    return min(in_time, default=None)


@mistake(
    "smallest_sparsity",
    "mean for percentile",
    "It compares the mean latency with the deadline.",
    "Which of the arguments do you not use?",
    observe=_exact,
)
def by_mean(profiles, deadline, q):
    in_time = [s for s, samples in profiles.items() if np.mean(samples) <= deadline]
    return min(in_time, default=None)


@mistake(
    "smallest_sparsity",
    "slowest sample for percentile",
    "It asks for every sample to be in time.",
    "Which of the arguments do you not use?",
    observe=_exact,
)
def by_largest(profiles, deadline, q):
    in_time = [s for s, samples in profiles.items() if np.max(samples) <= deadline]
    return min(in_time, default=None)


@mistake(
    "smallest_sparsity",
    "interpolated percentile",
    "It takes np.percentile, which interpolates between samples.",
    "Which percentile does the text ask for? Was the latency that you compare ever measured?",
    observe=_exact,
)
def by_interpolation(profiles, deadline, q):
    in_time = [s for s, samples in profiles.items() if np.percentile(samples, q) <= deadline]
    return min(in_time, default=None)


@mistake(
    "smallest_sparsity",
    "rank in binary floating point",
    "It computes the rank in floats, which puts some whole ranks a hair above themselves.",
    "What is 7.0 / 100 * 100 in Python, and what does math.ceil make of it?",
    observe=_exact,
)
def by_float_rank(profiles, deadline, q):
    def latency(samples):
        return np.sort(samples)[math.ceil(q / 100 * len(samples)) - 1]

    return min((s for s, samples in profiles.items() if latency(samples) <= deadline), default=None)


@mistake(
    "smallest_sparsity",
    "first in the order of the dict",
    "It returns the first profile that meets the deadline, in the order in which they are given.",
    "Are the sparsities given in ascending order?",
    observe=_exact,
)
def first_given(profiles, deadline, q):
    return next(iter(_in_time(profiles, deadline, q)), None)


@mistake(
    "smallest_sparsity",
    "binary search",
    "It halves the range of sparsities, as if latency always fell when sparsity grows.",
    "What does a binary search assume of what it searches? Does the text promise it?",
    observe=_exact,
)
def bisected(profiles, deadline, q):
    keys = sorted(profiles)
    low, high = 0, len(keys)
    while low < high:
        middle = (low + high) // 2
        if _percentile(profiles[keys[middle]], q) <= deadline:
            high = middle
        else:
            low = middle + 1
    return keys[low] if low < len(keys) else None


@mistake(
    "smallest_sparsity",
    "downwards until one fails",
    "It walks down from the largest sparsity and stops at the first that misses the deadline.",
    "Could a smaller sparsity meet the deadline although the next larger one does not?",
    observe=_exact,
)
def downwards(profiles, deadline, q):
    best = None
    for sparsity in sorted(profiles, reverse=True):
        if _percentile(profiles[sparsity], q) > deadline:
            break
        best = sparsity
    return best


@mistake(
    "smallest_sparsity",
    "sparsity 0 taken for nothing",
    "It takes the sparsity 0.0, which is false in a condition, for no answer.",
    "What is bool(0.0)?",
    observe=_exact,
)
def zero_is_none(profiles, deadline, q):
    best = None
    for sparsity in sorted(_in_time(profiles, deadline, q)):
        if not best:
            best = sparsity
    return best or None


@mistake(
    "smallest_sparsity",
    "the largest where none is in time",
    "It falls back to the largest sparsity where no profile meets the deadline.",
    "What should the caller learn when the deadline cannot be met?",
    observe=_exact,
)
def fallback(profiles, deadline, q):
    return min(_in_time(profiles, deadline, q), default=max(profiles, default=None))


@mistake(
    "response_times",
    "no queue",
    "It returns the service times: as if every request found the server free.",
    "Where is a request while the one before it is still being served?",
)
def no_queue(period, service_times):
    return np.asarray(service_times, dtype=float)


def _waits(period, service_times):
    wait, waits = 0.0, []
    for service in service_times.tolist():
        waits.append(wait)
        wait = max(0.0, wait + service - period)
    return np.array(waits)


@mistake(
    "response_times",
    "waiting time only",
    "It returns how long each request waits; its own service belongs to the response time.",
    "When has a request been answered: when its service begins, or when it ends?",
)
def waiting_only(period, service_times):
    return _waits(period, service_times)


@mistake(
    "response_times",
    "moments of completion",
    "It returns when each request ends, counted from time 0 and not from its own arrival.",
    "When does the second request arrive, and how long has it been there when it ends?",
)
def completions(period, service_times):
    arrivals = period * np.arange(len(service_times))
    return _waits(period, service_times) + service_times.astype(float) + arrivals


@mistake(
    "response_times",
    "idle time saved up",
    "It lets the server run ahead: time in which nobody was there shortens later waits.",
    "Can a request be served before it has arrived?",
)
def idle_saved(period, service_times):
    services = service_times.astype(float)
    total = np.concatenate([[0.0], np.cumsum(services)[:-1]])
    lead = total - period * np.arange(len(services))
    return np.maximum(0.0, lead) + services


@mistake(
    "response_times",
    "only the request before",
    "It waits for the service of the request before, but not for what that one had to wait.",
    "If two requests stand in front of you, how long do you wait?",
)
def one_before(period, service_times):
    services = service_times.astype(float)
    before = np.concatenate([[0.0], services[:-1]])
    return services + np.where(np.arange(len(services)) > 0, np.maximum(0.0, before - period), 0.0)


@mistake(
    "response_times",
    "all arrive at once",
    "It adds up the service times: as if every request had arrived at time 0.",
    "Which of the arguments do you not use?",
)
def all_at_once(period, service_times):
    return np.cumsum(service_times.astype(float))


@mistake(
    "response_times",
    "integers",
    "It fills an array of the dtype of the service times, which cuts or keeps whole numbers.",
    "What is the dtype of np.zeros_like of an integer array?",
)
def integers(period, service_times):
    result = np.zeros_like(service_times)
    result[:] = _waits(period, service_times) + service_times
    return result

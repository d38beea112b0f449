"""Real time: deadlines, tail latency, and how much pruning a deadline asks for

剪枝技术在实时计算中的应用前景如何？

Real time does not mean fast, it means on time. A deadline is kept or missed by single requests,
so it is the slow ones that count, not the average, and what a request waits for its turn counts
as much as its own computation. These four functions are what such a claim rests on.

    difficulty ●●○○○    importance ●●●○○    about 30 minutes, and as long for the written answer

Words
    sample        one measured latency, in any unit of time; deadlines are in the same unit.
    percentile    by nearest rank: the q-th percentile is one of the samples, never a value
                  between two of them.
    profile       the samples measured at one sparsity.
    service time  how long the computation of one request takes.
    response time from the arrival of a request to its end: the wait for its turn, and its service.

Everywhere
    `samples` and `service_times` are 1-D arrays of floats in any order, with at least one entry.
    Nothing given is changed. Values are compared as they are: a latency a hair above the deadline
    is late. Arguments are always sensible: no checks are needed.

The written part
    `ANSWER` is your answer to the question in the first line, in 120 to 250 words, as you would
    say it in an interview: what real time asks for, where pruning helps with it and where it does
    not, and how you would show it.

Sources
    Hyndman & Fan 1996, "Sample Quantiles in Statistical Packages" (nearest rank is their
    definition 1); Lindley 1952, "The theory of queues with a single server"; Dean & Barroso 2013,
    "The Tail at Scale"; Yang et al. 2018, "NetAdapt" (pruning by measured latency, to a budget).

Worked notebook: notebooks/q10_realtime.ipynb
"""

from __future__ import annotations

import numpy as np

# Your written answer to the question above: 120 to 250 words, as you would say it aloud.
ANSWER = ""


def percentile_latency(samples: np.ndarray, q: float) -> float:
    """Return the q-th percentile of the samples by nearest rank.

    It is the smallest sample such that at least q percent of all samples are at or below it: the
    one at rank ceil(q / 100 · n) in ascending order, counted from 1.

    The rank is that of the decimal number that `q` prints as, computed exactly: of 1000 samples,
    the percentile 99.9 is the 999th, and of 100 samples 7.0 is the 7th, although 7.0 / 100 * 100
    is 7.000000000000001 in floating point. (`fractions.Fraction` and `decimal.Decimal` read
    `str(q)`.)

    Args:
        samples: shape (n,), n ≥ 1, in any order.
        q: in (0, 100].

    Returns:
        One of the samples.

    Example:
        >>> percentile_latency(np.array([30.0, 10.0, 20.0, 40.0]), 50)
        20.0
        >>> percentile_latency(np.array([30.0, 10.0, 20.0, 40.0]), 50.1)
        30.0
    """
    raise NotImplementedError


def deadline_miss_rate(samples: np.ndarray, deadline: float) -> float:
    """Return the share of the samples that are later than the deadline.

    Args:
        samples: shape (n,), n ≥ 1.
        deadline: a number in the unit of the samples. A sample equal to it is in time.

    Returns:
        A fraction in [0, 1].

    Example:
        >>> deadline_miss_rate(np.array([30.0, 10.0, 20.0, 40.0]), 30.0)
        0.25
    """
    raise NotImplementedError


def smallest_sparsity(profiles: dict[float, np.ndarray], deadline: float, q: float) -> float | None:
    """Return the smallest sparsity whose q-th percentile of latency meets the deadline.

    The percentile is the one by nearest rank, as in `percentile_latency`; it may be equal to the
    deadline. Latency need not fall as sparsity grows: one profile says nothing about another.

    Args:
        profiles: {sparsity: samples}, in any order; each key is a sparsity in [0, 1], each value
            an array of shape (n,), n ≥ 1. The numbers of samples may differ.
        deadline: a number in the unit of the samples.
        q: in (0, 100].

    Returns:
        One of the keys; None where no profile meets the deadline, or there is no profile.

    Example:
        >>> profiles = {0.9: np.array([4.0, 5.0]), 0.0: np.array([9.0, 9.5]),
        ...             0.5: np.array([6.0, 7.0])}
        >>> smallest_sparsity(profiles, 7.0, 99)
        0.5
    """
    raise NotImplementedError


def response_times(period: float, service_times: np.ndarray) -> np.ndarray:
    """Return the response time of each request at a single server.

    Request i (from 0) arrives at i · period, is served after all that came before it, without a
    break, and ends service_times[i] after its service began. Its response time is its end minus
    its arrival. The server is idle when nobody is there; idle time cannot be saved up.

    Args:
        period: the time between two arrivals, greater than 0.
        service_times: shape (n,), n ≥ 1, none negative.

    Returns:
        n floats, in the order of the requests, also where the numbers given are integers.

    Example:
        >>> response_times(10.0, np.array([4.0, 15.0, 8.0, 2.0])).tolist()
        [4.0, 15.0, 13.0, 5.0]
    """
    raise NotImplementedError

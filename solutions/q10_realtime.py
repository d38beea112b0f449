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

import math
from fractions import Fraction

import numpy as np

ANSWER = """
Real time means that answers come before a deadline, so the number that matters is not the mean
latency but a high percentile, or the share of deadlines missed, measured on the target device at
the batch size of the application, which is usually one.

Pruning helps where it lowers that number. Removing channels leaves a smaller dense network,
usually faster in any library; the 2:4 pattern needs hardware that has it; scattered zeros need
kernels written for them. With such kernels it works: the sparse WaveRNN of 2018 generates speech
on a mobile CPU in real time. Where requests queue it can help more than the saved milliseconds
suggest: close to saturation, a little less service time removes much of the waiting. But the tail
is another thing: a profile can get a lower mean and keep its slowest answers.

There are limits. FLOPs do not predict latency, and fewer channels can even be slower where a
library is tuned to other shapes. A small model, at batch one, spends its time on overhead that
pruning leaves alone. And the tail may come from the scheduler, a cold cache or heat.

So I would profile several sparsities on the device, take the smallest one whose 99th percentile
meets the deadline, because accuracy is what sparsity costs, and then test it under the real
arrival rate. The prospects are good where hardware and compilers support a pattern, and best
together with quantisation; pruning alone guarantees no deadline.
"""

RUBRIC: list[tuple[int, str]] = [
    (
        2,
        "Real time is about deadlines: a high percentile or the miss rate counts, not the mean.",
    ),
    (
        2,
        "Pruning helps only where it lowers measured latency: structured removal, 2:4 on "
        "hardware that has it, or sparse kernels; zeros in dense kernels change nothing.",
    ),
    (
        1,
        "Latency is measured on the target device at the batch size used; FLOPs are no substitute.",
    ),
    (
        2,
        "The procedure: profile several sparsities, take the smallest one that meets the "
        "deadline, because accuracy falls with sparsity.",
    ),
    (
        1,
        "Requests queue: the response time holds the wait, which grows steeply near saturation.",
    ),
    (
        1,
        "A limit is named: overhead at batch 1, library shapes, or tails that are not the model's.",
    ),
    (
        1,
        "One concrete application with a figure or a paper, or the combination with quantisation.",
    ),
]

FOLLOW_UPS: list[tuple[str, str]] = [
    (
        "Your mean latency is 8 ms and the deadline 10 ms. Are you done?",
        "No. The mean says nothing about the share that is late. I would ask for the 99th "
        "percentile under load, and for the miss rate; one slow request in ten leaves a fine "
        "mean.",
    ),
    (
        "Frames come every 10 ms and the network takes 11 ms. What happens?",
        "The queue grows by 1 ms a frame and the response time without bound. Either the "
        "service time is brought below 10 ms, by pruning for instance, or frames are dropped.",
    ),
    (
        "How many samples do you need for a 99.9th percentile?",
        "With fewer than a thousand it is simply the largest sample. For a stable estimate I "
        "want several tens of samples beyond it, so some tens of thousands.",
    ),
    (
        "Why the smallest sparsity that meets the deadline, and not the largest?",
        "Once the deadline is met, more speed is worth nothing here, and every further weight "
        "that goes may cost accuracy, first of all on rare inputs.",
    ),
    (
        "Is a pruned network good for hard real time?",
        "It has one property that hard real time needs: the same work for every input, unlike "
        "early exits. But a percentile is evidence, no guarantee: that takes a worst-case "
        "bound.",
    ),
    (
        "What is real time for a chat model, and what does pruning do for it?",
        "Two numbers: the time to the first token, which is the prefill and is limited by "
        "arithmetic, and the time between tokens, which is limited by reading weights and "
        "cache. Fewer layers and neurons help both; evicting cache helps the second. A small "
        "pruned model can also be the draft in speculative decoding: it proposes tokens that "
        "the large model checks at once, so the output stays that of the large one.",
    ),
]

WRONG_CLAIMS: list[tuple[str, str]] = [
    (
        "If the mean latency is below the deadline, the system is real time.",
        "Dean & Barroso 2013: what a user waits for is governed by the tail, and a fan-out to "
        "many servers makes rare slow answers common; measured in the notebook: a profile whose "
        "mean is below the deadline and whose 99th percentile is not.",
    ),
    (
        "A network with half the FLOPs has half the latency.",
        "Yang et al. 2018 (NetAdapt) optimise measured latency because such indirect metrics "
        "need not reduce it; Radu et al. 2019 find cases in which pruning 12% of the channels "
        "makes a convolution on an embedded GPU twice as slow.",
    ),
    (
        "The response time is the inference time.",
        "Only while no request waits: Lindley 1952 gives the recursion; measured in the "
        "notebook: the same service times with a shorter period, and the waits that follow.",
    ),
    (
        "Unstructured pruning is useless for real time.",
        "Kalchbrenner et al. 2018 generate speech in real time on a mobile CPU with a sparse "
        "WaveRNN; Elsen et al. 2020 measure 1.3 to 2.4 times the speed of dense networks on a "
        "phone, with kernels written for it.",
    ),
    (
        "More sparsity is always faster, so one search upwards for the limit is enough.",
        "Latency moves in steps and now and then back up, with the shapes that a library is "
        "tuned to: Radu et al. 2019. Measure each sparsity that you consider.",
    ),
]


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
    rank = math.ceil(Fraction(str(q)) * len(samples) / 100)
    return float(np.partition(samples, rank - 1)[rank - 1])


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
    return float(np.mean(samples > deadline))


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
    in_time = (
        sparsity
        for sparsity, samples in profiles.items()
        if percentile_latency(samples, q) <= deadline
    )
    return min(in_time, default=None)


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
    wait, responses = 0.0, []
    for service in service_times.tolist():
        responses.append(wait + float(service))
        # Lindley's recursion: what is left of this request when the next one arrives.
        wait = max(0.0, responses[-1] - period)
    return np.array(responses)

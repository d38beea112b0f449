"""Deadlines and tail latency: what must hold, for each part."""

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.grading import Wrong, expect, expect_close, expect_number, part, show

# Where n · q / 100 is a whole number that binary floating point misses, in one order of
# operations or another: (q, n).
WHOLE_RANKS = [
    (28.0, 25),
    (56.0, 25),
    (57.5, 40),
    (14.0, 50),
    (58.0, 50),
    (7.0, 100),
    (29.0, 100),
    (57.0, 100),
    (0.8, 125),
    (7.2, 125),
    (20.8, 125),
    (64.4, 250),
    (32.2, 500),
    (65.4, 500),
    (16.1, 1000),
    (99.9, 1000),
    (99.5, 1000),
    (0.1, 1000),
]


def expect_plain_number(value, want, why, rtol=0.0):
    """A number equal to `want`, to the last digit where it is one of those given; no bool."""
    if isinstance(value, (bool, np.bool_)):
        raise Wrong(f"the number {want!r}", why, show(value))
    expect_number(value, want, why, rtol=rtol)


def rank(q, count):
    """The oracle: the smallest k with k of count at least q percent, in exact fractions."""
    share = Fraction(str(q)) / 100
    return next(k for k in range(1, count + 1) if Fraction(k, count) >= share)


def percentile(samples, q):
    return sorted(samples.tolist())[rank(q, len(samples)) - 1]


def shuffled(count):
    """1, 2, …, count in another order, so that the k-th smallest is k."""
    return np.array([float((7919 * k) % count + 1) for k in range(count)])


@st.composite
def sample_arrays(draw, max_size=12, largest=8):
    """Latencies on a grid of quarters, or of tenths, which no float holds; with many ties."""
    ticks = draw(st.lists(st.integers(1, 4 * largest), min_size=1, max_size=max_size))
    dtype, ticks_a_unit = draw(st.sampled_from((("float64", 4), ("float32", 4), ("float64", 10))))
    array = np.array(ticks, dtype=dtype) / ticks_a_unit
    array.flags.writeable = draw(st.booleans())
    return array


def percentages():
    return st.sampled_from((50, 100, 99, 90, 25, 75.0, 10.0, 33.3, 66.7, 20.0, 0.5, 99.9)) | (
        st.integers(1, 1000).map(lambda n: n / 10)
    )


# --- percentile_latency --------------------------------------------------------------------


@part("percentile_latency")
@given(samples=sample_arrays(), q=percentages())
def test_is_the_smallest_sample_with_q_percent_at_or_below_it(submission, samples, q):
    value = submission.percentile_latency(samples, q)
    expect_plain_number(
        value,
        percentile(samples, q),
        f"nearest rank: of {len(samples)} samples in ascending order the one at rank "
        f"ceil({q}/100 · {len(samples)}) = {rank(q, len(samples))}",
    )


@part("percentile_latency")
@given(count=st.integers(1, 10), k=st.integers(1, 10), above=st.booleans())
def test_takes_the_next_sample_just_above_a_whole_rank(submission, count, k, above):
    count = (1, 2, 4, 5, 8, 10, 16, 20, 25, 40)[count - 1]
    k = min(k, count)
    q = float(Fraction(100 * k, count))  # every one of these has a short decimal
    if above and k < count:
        q += 0.125
    value = submission.percentile_latency(shuffled(count), q)
    expect_plain_number(
        value,
        float(rank(q, count)),
        f"{q}% of {count} samples is {float(Fraction(str(q)) * count / 100):g}: so many samples, "
        "rounded up, must be at or below it",
    )


@part("percentile_latency")
@given(case=st.sampled_from(WHOLE_RANKS))
def test_takes_q_as_the_decimal_it_prints_as(submission, case):
    q, count = case
    value = submission.percentile_latency(shuffled(count), q)
    k = rank(q, count)
    expect_plain_number(
        value,
        float(k),
        f"the samples are 1 to {count}, and {q} percent of {count} is {k}, exactly; "
        "binary floating point may miss that",
    )


HAIRS = [
    (0.1 + 0.2, 1000),
    (100 / 3, 3),
    (200 / 3, 3),
    (1e-05, 4),
    (98.00000000001, 50),
    (50.00000000001, 2),
    (25.00000000001, 4),
    (10.00000000001, 10),
]


@part("percentile_latency")
@given(case=st.sampled_from(HAIRS))
def test_does_not_round_q(submission, case):
    q, count = case
    value = submission.percentile_latency(shuffled(count), q)
    k = rank(q, count)
    expect_plain_number(
        value,
        float(k),
        f"q prints as {q}; that many percent of {count} samples, rounded up, are {k}",
    )


# --- deadline_miss_rate --------------------------------------------------------------------


@st.composite
def samples_and_deadlines(draw):
    """Deadlines at a sample, between two, before all and after all."""
    samples = draw(sample_arrays())
    at = float(samples[draw(st.integers(0, samples.size - 1))])
    return samples, draw(st.sampled_from((at, at, at + 0.125, at - 0.125, 1000.0, 0.125)))


@part("deadline_miss_rate")
@given(case=samples_and_deadlines())
def test_is_the_share_of_the_samples_later_than_the_deadline(submission, case):
    samples, deadline = case
    late = sum(1 for sample in samples.tolist() if sample > deadline)
    value = submission.deadline_miss_rate(samples, deadline)
    expect_plain_number(
        value,
        late / samples.size,
        f"{late} of {samples.size} samples are later than {deadline!r}",
        rtol=1e-6,
    )


@st.composite
def hairs(draw):
    """A deadline, the least that makes a difference to it, and how often it is above or below."""
    deadline = draw(st.sampled_from((0.1, 2.0, 10.0, 16.7)))
    hair = draw(st.sampled_from((1e-13, 1e-9, 1e-5))) * deadline
    return deadline, hair, draw(st.integers(0, 3)), draw(st.integers(0, 3))


@part("deadline_miss_rate")
@given(count=st.integers(1, 6), late=st.integers(0, 6))
def test_counts_a_sample_at_the_deadline_as_in_time(submission, count, late):
    samples = np.array([2.0] * count + [3.0] * late)
    value = submission.deadline_miss_rate(samples, 2.0)
    expect_plain_number(
        value,
        late / (count + late),
        "a sample equal to the deadline is in time: only later ones are missed",
        rtol=1e-6,
    )


@part("deadline_miss_rate")
@given(case=hairs())
def test_counts_a_sample_a_hair_above_the_deadline_as_late(submission, case):
    deadline, hair, above, below = case
    samples = np.array([deadline] + [deadline + hair] * above + [deadline - hair] * below)
    value = submission.deadline_miss_rate(samples, deadline)
    expect_plain_number(
        value,
        above / len(samples),
        f"{above} samples are {hair:g} later than the deadline, and that is late; {below} are as "
        "much before it, and one is at it",
        rtol=1e-6,
    )


# --- smallest_sparsity ---------------------------------------------------------------------


def check_choice(submission, profiles, deadline, q):
    percentiles = {s: percentile(samples, q) for s, samples in profiles.items()}
    in_time = [s for s, latency in percentiles.items() if latency <= deadline]
    value = submission.smallest_sparsity(profiles, deadline, q)
    shown = ", ".join(f"{s!r}: {percentiles[s]!r}" for s in sorted(percentiles))
    why = (
        f"the percentiles are {{{shown}}}; of those that are at most {deadline!r}, the smallest "
        "sparsity"
    )
    if in_time:
        expect_plain_number(value, min(in_time), why)
    else:
        expect(value is None, "None", why + ", and there is none")


@st.composite
def profiled(draw):
    """Profiles in any order, latency going up and down with sparsity; and a deadline among them."""
    keys = draw(
        st.lists(
            st.sampled_from((0.0, 0.0, 1e-05, 0.25, 0.5, 0.5 + 1e-9, 0.75, 0.9, 0.95, 1.0)),
            min_size=1,
            max_size=6,
            unique=True,
        )
    )
    profiles = {key: draw(sample_arrays(max_size=5, largest=4)) for key in keys}
    q = draw(percentages())
    reached = sorted({percentile(samples, q) for samples in profiles.values()})
    deadline = draw(st.sampled_from(reached)) + draw(st.sampled_from((0.0, 0.0, 0.125, -0.125)))
    return profiles, deadline, q


@part("smallest_sparsity")
@given(case=profiled())
def test_is_the_smallest_sparsity_whose_percentile_meets_the_deadline(submission, case):
    check_choice(submission, *case)


@part("smallest_sparsity")
@given(case=hairs(), late=st.sampled_from((0.0, 0.25, 1e-05)))
def test_a_percentile_a_hair_above_the_deadline_does_not_meet_it(submission, case, late):
    deadline, hair, _, _ = case
    profiles = {
        0.9: np.array([deadline - hair]),
        0.5: np.array([deadline]),
        late: np.array([deadline + hair]),
    }
    check_choice(submission, profiles, deadline, 99)


@part("smallest_sparsity")
@given(
    latencies=st.lists(st.integers(1, 4), min_size=1, max_size=7),
    deadline=st.integers(1, 4),
    descending=st.booleans(),
)
def test_believes_no_trend_of_latency_with_sparsity(submission, latencies, deadline, descending):
    pairs = [(k / 8, np.array([float(latency)])) for k, latency in enumerate(latencies)]
    profiles = dict(reversed(pairs) if descending else pairs)
    check_choice(submission, profiles, float(deadline), 50)


@part("smallest_sparsity")
@given(case=st.sampled_from(WHOLE_RANKS), late=st.booleans())
def test_takes_the_percentile_by_exact_nearest_rank(submission, case, late):
    q, count = case
    deadline = float(rank(q, count)) - (0.5 if late else 0.0)
    check_choice(submission, {0.5: shuffled(count)}, deadline, q)


@part("smallest_sparsity")
@given(count=st.integers(1, 4), others=st.sampled_from(((), (0.5,), (0.25, 0.75))))
def test_returns_0_where_the_dense_model_is_in_time_already(submission, count, others):
    profiles = {sparsity: np.full(2, 1.0) for sparsity in others} | {0.0: np.full(count, 1.0)}
    check_choice(submission, profiles, 1.5, 90)


@part("smallest_sparsity")
def test_is_none_without_any_profile(submission):
    value = submission.smallest_sparsity({}, 1.0, 99.0)
    expect(value is None, "None", "there is no profile to choose from")


@part("smallest_sparsity")
@given(sparsity=st.sampled_from((0.0, 0.5)), count=st.integers(1, 4))
def test_is_none_where_none_meets_the_deadline(submission, sparsity, count):
    profiles = {sparsity: np.full(count, 2.0), 1.0: np.full(3, 4.0)}
    value = submission.smallest_sparsity(profiles, 1.5, 90)
    expect(value is None, "None", "every sample of every profile is later than the deadline")


# --- response_times ------------------------------------------------------------------------


def simulated(period, service_times):
    """The oracle: a clock, a queue and a server, in exact fractions."""
    arrivals = [Fraction(period) * i for i in range(len(service_times))]
    services = [Fraction(service) for service in service_times]
    clock, responses = Fraction(0), []
    waiting = list(zip(arrivals, services))
    while waiting:
        arrival, service = waiting.pop(0)
        if clock < arrival:  # nobody is there: the server waits
            clock = arrival
        clock += service
        responses.append(clock - arrival)
    return np.array([float(response) for response in responses])


def check_responses(submission, period, service_times):
    result = submission.response_times(period, service_times)
    array = np.asarray(result)
    floats = array.dtype.kind == "f"
    if isinstance(result, (list, tuple)):
        floats = all(isinstance(value, (float, np.floating)) for value in result)
    expect(
        array.ndim == 1 and len(array) == len(service_times) and array.dtype.kind in "iuf",
        f"one number for each of the {len(service_times)} request(s)",
        "one response time for each request, in their order",
    )
    expect_close(
        array.astype(float),
        simulated(period, service_times.tolist()),
        f"requests arrive every {period:g} from 0, are served one after the other, and each "
        "response time is its end minus its arrival",
        "the response times",
        rtol=1e-5 if service_times.dtype == np.float32 else 1e-9,
    )
    expect(
        floats,
        "floats",
        "response times are floats, also where they happen to be whole",
        f"{show(result)}",
    )


@st.composite
def services(draw):
    """Service times in quarters around the period: queues that grow, and queues that drain."""
    period = draw(st.sampled_from((1.0, 1, 0.5, 2.0, 2, 3, 0.7)))
    ticks = draw(st.lists(st.integers(0, 16), min_size=1, max_size=10))
    dtype, ticks_a_unit = draw(st.sampled_from((("float64", 4), ("float32", 4), ("float64", 10))))
    array = np.array(ticks, dtype=dtype) / ticks_a_unit
    array.flags.writeable = draw(st.booleans())
    return period, array


@part("response_times")
@given(case=services())
def test_is_the_wait_for_the_server_and_the_service(submission, case):
    check_responses(submission, *case)


@part("response_times")
@given(
    long=st.integers(2, 9),
    idle=st.integers(0, 3),
    short=st.lists(st.sampled_from((0.0, 0.25, 0.5, 1.5)), min_size=2, max_size=8),
)
def test_lets_a_long_request_delay_those_behind_it(submission, long, idle, short):
    check_responses(submission, 1.0, np.array([0.25] * idle + [float(long), *short]))


@part("response_times")
@given(ticks=st.lists(st.integers(0, 6), min_size=1, max_size=8), period=st.integers(1, 3))
def test_gives_floats_for_whole_numbers_too(submission, ticks, period):
    check_responses(submission, period, np.array(ticks))
    check_responses(submission, period / 2, np.array(ticks))

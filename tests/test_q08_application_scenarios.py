"""Which pruned model runs on which device: what must hold, for each part.

`Device` and `Candidate` are built from the graded module: they are given there.
"""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.grading import Wrong, expect, expect_number, part, show

FIELDS = {
    "Device": ("memory_bytes", "flops_per_second", "accelerates", "deadline_seconds"),
    "Candidate": (
        "name",
        "dense_flops",
        "density",
        "granularity",
        "stored_bytes",
        "accuracy",
    ),
}
# Some are part of another's name: what counts is whether a name is in the set.
NAMES = ("filter", "unstructured", "structured", "2:4", "2:4 block", "channel", "none")


def make(submission, kind, fields):
    """An instance of the module's own dataclass."""
    try:
        return getattr(submission.module, kind)(**fields)
    except (AttributeError, TypeError) as error:
        raise Wrong(
            f"the dataclass {kind} with the fields {', '.join(FIELDS[kind])}",
            "it is given in the exercise; leave it as it is",
            f"{type(error).__name__}: {error}",
        ) from None


def fields_of(thing, kind="Candidate"):
    return tuple(getattr(thing, name) for name in FIELDS[kind])


def call(submission, name, candidates, device):
    """Call a part; fail if it changed what it was given."""
    listed = candidates if isinstance(candidates, list) else [candidates]
    before = [fields_of(c) for c in listed], fields_of(device, "Device")
    value = getattr(submission, name)(candidates, device)
    expect(
        before == ([fields_of(c) for c in listed], fields_of(device, "Device")),
        "every input left exactly as it was given",
        "the caller still needs it",
        "a candidate or the device was changed",
    )
    return value


def flops_of(candidate, device):
    """The oracle, on plain dicts."""
    for name in device["accelerates"]:
        if name == candidate["granularity"]:
            return candidate["dense_flops"] * candidate["density"]
    return candidate["dense_flops"]


def seconds_of(candidate, device):
    return flops_of(candidate, device) / device["flops_per_second"]


def fits_on(candidate, device):
    if candidate["stored_bytes"] > device["memory_bytes"]:
        return False
    return not seconds_of(candidate, device) > device["deadline_seconds"]


# Powers of two everywhere: latencies are exact in any order of operations, so that a latency can
# be equal to the deadline.


@st.composite
def candidate_fields(draw, name="net"):
    return {
        "name": name,
        "dense_flops": draw(st.sampled_from((1024, 512, 2048.0, 4096))),
        "density": draw(st.sampled_from((0.25, 0.5, 0.125, 1.0, 0.0))),
        "granularity": draw(st.sampled_from(NAMES)),
        "stored_bytes": draw(st.sampled_from((100, 200, 300))),
        "accuracy": draw(st.sampled_from((0.5, 0.75, 0.76, 0.0))),
    }


@st.composite
def device_fields(draw, candidates=()):
    """A device; its limits are now and then exactly what one of the candidates needs."""
    device = {
        "memory_bytes": draw(st.sampled_from((200, 100, 300, 250, 50))),
        "flops_per_second": draw(st.sampled_from((128.0, 64, 1024.0))),
        "accelerates": frozenset(draw(st.sets(st.sampled_from(NAMES), max_size=4))),
        "deadline_seconds": draw(st.sampled_from((4.0, 8.0, 2.0, 1.0, 16.0, 64.0))),
    }
    if candidates and draw(st.booleans()):
        one = candidates[draw(st.integers(0, len(candidates) - 1))]
        if draw(st.booleans()):
            device["accelerates"] |= {one["granularity"]}
        device["memory_bytes"] = one["stored_bytes"]
        device["deadline_seconds"] = seconds_of(one, device) or 1.0
    return device


@st.composite
def pairs(draw):
    candidate = draw(candidate_fields())
    return candidate, draw(device_fields([candidate]))


def described(device):
    names = ", ".join(sorted(device["accelerates"])) or "nothing"
    return f"the device accelerates {names}"


# --- effective_flops -----------------------------------------------------------------------


def check_flops(submission, candidate, device):
    value = call(
        submission,
        "effective_flops",
        make(submission, "Candidate", candidate),
        make(submission, "Device", device),
    )
    expect_number(
        value,
        flops_of(candidate, device),
        f"{described(device)}; the candidate is pruned by {candidate['granularity']}: dense_flops "
        "times density if that is one of them, else dense_flops",
        rtol=1e-9,
    )


@part("effective_flops")
@given(case=pairs(), percent=st.integers(1, 100))
def test_skips_the_zeros_of_a_granularity_that_the_device_accelerates(submission, case, percent):
    candidate, device = case
    candidate["density"] = percent / 100
    device["accelerates"] |= {candidate["granularity"]}
    check_flops(submission, candidate, device)


@part("effective_flops")
@given(case=pairs(), percent=st.integers(1, 100))
def test_computes_the_zeros_of_any_other_granularity_too(submission, case, percent):
    candidate, device = case
    candidate["density"] = percent / 100
    device["accelerates"] -= {candidate["granularity"]}
    check_flops(submission, candidate, device)


@part("effective_flops")
@given(
    granularity=st.sampled_from(("filter", "structured", "2:4", "channel")),
    others=st.sets(st.sampled_from(("unstructured", "2:4 block", "none", "Filter"))),
    there=st.booleans(),
)
def test_looks_for_that_very_name(submission, granularity, others, there):
    candidate = {
        "name": "net",
        "dense_flops": 4_000_000_000,
        "density": 0.5,
        "granularity": granularity,
        "stored_bytes": 1,
        "accuracy": 0.5,
    }
    device = {
        "memory_bytes": 1,
        "flops_per_second": 1e12,
        "accelerates": frozenset(others | ({granularity} if there else set())),
        "deadline_seconds": 1.0,
    }
    check_flops(submission, candidate, device)


@part("effective_flops")
@given(case=pairs())
def test_counts_the_density_only_where_the_device_accelerates_that_granularity(submission, case):
    check_flops(submission, *case)


# --- latency_seconds -----------------------------------------------------------------------


@part("latency_seconds")
@given(case=pairs(), faster=st.sampled_from((1, 1, 2**20, 2**30)))
def test_is_the_effective_flops_over_the_rate(submission, case, faster):
    candidate, device = case
    device["flops_per_second"] *= faster
    value = call(
        submission,
        "latency_seconds",
        make(submission, "Candidate", candidate),
        make(submission, "Device", device),
    )
    expect_number(
        value,
        seconds_of(candidate, device),
        f"{described(device)}, so there are {flops_of(candidate, device):g} FLOPs to compute, at "
        f"{device['flops_per_second']:g} a second",
        rtol=1e-9,
    )


# --- fits ----------------------------------------------------------------------------------


def check_fits(submission, candidate, device):
    value = call(
        submission,
        "fits",
        make(submission, "Candidate", candidate),
        make(submission, "Device", device),
    )
    want = fits_on(candidate, device)
    why = (
        f"{candidate['stored_bytes']} bytes in a memory of {device['memory_bytes']}, and "
        f"{seconds_of(candidate, device)} s with a deadline of {device['deadline_seconds']} s "
        f"({described(device)}); both limits may be reached"
    )
    expect(isinstance(value, (bool, np.bool_)), f"the bool {want}", why, show(value))
    expect(bool(value) == want, f"{want}", why, show(value))


@st.composite
def limited(draw):
    """A candidate whose latency is not 0, and a device that skips its zeros or does not."""
    candidate = draw(candidate_fields())
    candidate["density"] = candidate["density"] or 0.5
    names = {candidate["granularity"]} if draw(st.booleans()) else {"other"}
    device = {
        "memory_bytes": candidate["stored_bytes"],
        "flops_per_second": draw(st.sampled_from((64.0, 1024.0))),
        "accelerates": frozenset(names),
        "deadline_seconds": 1.0,
    }
    device["deadline_seconds"] = seconds_of(candidate, device)
    return candidate, device


@part("fits")
@given(
    case=limited(),
    memory=st.sampled_from((0, 0, 1, -1, -50)),
    more=st.sampled_from((0, 0, 2**33)),
)
def test_stores_at_most_what_the_memory_holds(submission, case, memory, more):
    candidate, device = case
    candidate["stored_bytes"] += more
    device["memory_bytes"] += more + memory
    device["deadline_seconds"] *= 16
    check_fits(submission, candidate, device)


@part("fits")
@given(case=limited(), time=st.sampled_from((1.0, 1.25, 0.75, 0.5, 1 + 2.0**-24, 1 - 2.0**-24)))
def test_answers_at_the_deadline_at_the_latest(submission, case, time):
    candidate, device = case
    device["memory_bytes"] *= 8
    device["deadline_seconds"] *= time
    check_fits(submission, candidate, device)


@part("fits")
@given(case=limited(), memory=st.sampled_from((0, 0, 1, -1)), time=st.sampled_from((1.0, 1.0, 0.5)))
def test_may_reach_both_limits_at_once(submission, case, memory, time):
    candidate, device = case
    device["memory_bytes"] += memory
    device["deadline_seconds"] *= time
    check_fits(submission, candidate, device)


@part("fits")
@given(case=pairs())
def test_asks_for_the_memory_and_the_deadline(submission, case):
    check_fits(submission, *case)


# --- choose --------------------------------------------------------------------------------


def check_choice(submission, candidates, device):
    made = [make(submission, "Candidate", candidate) for candidate in candidates]
    fitting = [c for c in candidates if fits_on(c, device)]
    best = None
    for c in fitting:
        if (
            best is None
            or c["accuracy"] > best["accuracy"]
            or (c["accuracy"] == best["accuracy"] and c["stored_bytes"] < best["stored_bytes"])
        ):
            best = c
    value = call(submission, "choose", list(made), make(submission, "Device", device))
    names = ", ".join(f"{c['name']} ({c['accuracy']}, {c['stored_bytes']})" for c in fitting)
    why = (
        f"of those that fit, with accuracy and bytes: {names or 'none'}; most accurate first, "
        "then fewest bytes, then first in the list"
    )
    if best is None:
        expect(value is None, "None", why)
        return
    expected = f"the candidate named {best['name']!r}"
    try:
        same = (value if isinstance(value, tuple) else fields_of(value)) == tuple(best.values())
    except AttributeError:
        raise Wrong(expected, why, show(value)) from None
    expect(same, expected, why)


@st.composite
def choices(draw, min_size=0, max_size=6):
    count = draw(st.integers(min_size, max_size))
    candidates = [draw(candidate_fields(name=f"net{i}")) for i in range(count)]
    return candidates, draw(device_fields(candidates))


ROOMY = {
    "memory_bytes": 4096,
    "flops_per_second": 1024.0,
    "accelerates": frozenset({"filter"}),
    "deadline_seconds": 2.0,
}


def three(accuracies, sizes, flops):
    """Three candidates that all fit on the roomy device, with names in no order."""
    return [
        {
            "name": f"net{(5 * i + 3) % 7}",
            "dense_flops": work,
            "density": 0.5,
            "granularity": "filter",
            "stored_bytes": size,
            "accuracy": accuracy,
        }
        for i, (accuracy, size, work) in enumerate(zip(accuracies, sizes, flops))
    ]


def orders(values):
    return st.permutations(values)


@part("choose")
@given(a=orders((0.5, 0.75, 0.76)), s=orders((100, 200, 300)), f=orders((512, 1024, 2048)))
def test_takes_the_most_accurate_whatever_its_size_and_speed(submission, a, s, f):
    check_choice(submission, three(a, s, f), ROOMY)


@part("choose")
@given(
    places=orders((0, 1, 2)),
    s=orders((100, 200, 300)),
    f=orders((512, 1024, 2048)),
    step=st.sampled_from((0.002, 2.0**-16, 2.0**-24, 2.0**-50)),
)
def test_takes_the_most_accurate_however_little_it_is_ahead(submission, places, s, f, step):
    check_choice(submission, three([0.75 + step * n for n in places], s, f), ROOMY)


@part("choose")
@given(
    s=st.one_of(orders((90, 100, 1000)), orders((1000, 1001, 1002))), f=orders((512, 1024, 2048))
)
def test_takes_the_fewest_bytes_of_the_equally_accurate(submission, s, f):
    check_choice(submission, three((0.75, 0.75, 0.75), s, f), ROOMY)


@part("choose")
@given(s=orders((100, 100, 300)), f=orders((512, 1024, 2048)))
def test_takes_the_first_of_those_equal_in_both(submission, s, f):
    check_choice(submission, three((0.75, 0.75, 0.75), s, f), ROOMY)


@part("choose")
@given(count=st.integers(1, 3), accuracy=st.sampled_from((0.0, 0.5)))
def test_takes_what_there_is_even_at_an_accuracy_of_0(submission, count, accuracy):
    accuracies = (accuracy, 0.0, 0.0)[:count]
    check_choice(submission, three(accuracies, (200, 100, 300), (512, 1024, 2048)), ROOMY)


@part("choose")
@given(case=choices())
def test_is_the_most_accurate_that_fits(submission, case):
    check_choice(submission, *case)


@part("choose")
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from((0.5, 0.5, 0.75, 0.0)),  # accuracy
            st.sampled_from((100, 100, 200, 300)),  # bytes
            st.sampled_from((1024, 512, 2048)),  # FLOPs: fewer are no reason
            st.sampled_from((0.5, 0.25, 1.0)),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_takes_the_fewest_bytes_and_then_the_first_of_the_equally_accurate(submission, rows):
    candidates = [
        {
            "name": f"net{(5 * i + 3) % 7}",  # names in no order
            "dense_flops": flops,
            "density": density,
            "granularity": "filter",
            "stored_bytes": size,
            "accuracy": accuracy,
        }
        for i, (accuracy, size, flops, density) in enumerate(rows)
    ]
    check_choice(submission, candidates, ROOMY)


@part("choose")
@given(case=choices(min_size=1, max_size=4), blocked=st.sampled_from(("memory", "time", "both")))
def test_is_none_where_none_fits(submission, case, blocked):
    candidates, device = case
    for candidate in candidates:
        candidate["density"] = candidate["density"] or 0.5
    if blocked != "time":
        device["memory_bytes"] = 64
    if blocked != "memory":
        device["deadline_seconds"] = 2.0**-20
    check_choice(submission, candidates, device)


@part("choose")
def test_is_none_without_any_candidate(submission):
    check_choice(submission, [], ROOMY)

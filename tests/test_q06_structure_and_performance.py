"""What pruning does for structure and performance: what must hold, for each part."""

import math
from fractions import Fraction

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.grading import expect, expect_number, part, show

INF = float("inf")
SPEEDUPS = (1.0, 2.0, 4.0, 10.0, 1.5, 0.5, 0.25, 100.0, 3, 1e6, INF)


def expect_speedup(value, want, why):
    """A finite speed-up to a tolerance; an infinite one exactly."""
    if math.isinf(want):
        expect(
            isinstance(value, (float, np.floating)) and math.isinf(value) and value > 0,
            "an infinite speed-up",
            why,
        )
    else:
        expect_number(value, float(want), why, rtol=1e-9)


def quotient(before, after):
    """The oracle: one time over the other, exactly."""
    return before / after if after else INF


def time_left(seconds, speedup):
    """The oracle: what a part takes after it became that much faster, exactly."""
    return Fraction(0) if speedup == INF else Fraction(seconds) / Fraction(speedup)


# --- amdahl_speedup ------------------------------------------------------------------------


def fractions():
    return st.sampled_from((0.0, 1.0, 0.5, 0.25, 0.9, 0.99) + tuple(n / 20 for n in range(21)))


@part("amdahl_speedup")
@given(fraction=fractions(), speedup=st.sampled_from(SPEEDUPS))
def test_divides_the_time_before_by_the_time_after(submission, fraction, speedup):
    after = 1 - Fraction(fraction) + time_left(fraction, speedup)
    expect_speedup(
        submission.amdahl_speedup(fraction, speedup),
        quotient(Fraction(1), after),
        f"of a time of 1, {1 - fraction:g} stays and {fraction:g} is divided by {speedup:g}",
    )


@part("amdahl_speedup")
@given(fraction=fractions())
def test_a_part_that_takes_no_time_leaves_the_rest(submission, fraction):
    expect_speedup(
        submission.amdahl_speedup(fraction, INF),
        quotient(Fraction(1), 1 - Fraction(fraction)),
        f"with an infinite speed-up of the part, {1 - fraction:g} of the time is left",
    )


@part("amdahl_speedup")
@given(fraction=fractions(), speedup=st.sampled_from((0.5, 0.25, 0.8, 0.01)))
def test_a_slow_down_of_the_part_slows_the_whole_down(submission, fraction, speedup):
    after = 1 - Fraction(fraction) + time_left(fraction, speedup)
    expect_speedup(
        submission.amdahl_speedup(fraction, speedup),
        1 / after,
        f"a speed-up of {speedup:g} means that the part takes {1 / speedup:g} times as long",
    )


@part("amdahl_speedup")
@given(speedup=st.sampled_from(SPEEDUPS))
def test_without_a_part_there_is_no_gain_and_with_all_of_it_the_whole_gain(submission, speedup):
    expect_speedup(submission.amdahl_speedup(0.0, speedup), 1.0, "nothing becomes faster")
    expect_speedup(submission.amdahl_speedup(1.0, speedup), speedup, "everything becomes faster")


# --- model_speedup -------------------------------------------------------------------------


def listed(submission):
    """How to hand layers over: as lists, or as arrays to an answer that takes nothing else."""
    try:
        submission.model_speedup([1.0, 1.0], [1.0, 1.0])
    except (TypeError, AttributeError):
        return np.array
    except Exception:
        return list
    return list


@st.composite
def layers(draw, speedups=SPEEDUPS):
    """Times before, and the speed-up of each layer."""
    count = draw(st.integers(1, 6))
    seconds = draw(st.lists(st.integers(0, 64), min_size=count, max_size=count))
    assume(any(seconds))
    unit = draw(st.sampled_from((2.0**-4, 2.0**-4, 2.0**-40, 2.0**20)))
    chosen = draw(st.lists(st.sampled_from(speedups), min_size=count, max_size=count))
    return [n * unit for n in seconds], [float(s) for s in chosen]


def check_model(submission, seconds, speedups):
    before = sum(map(Fraction, seconds))
    after = sum(map(time_left, seconds, speedups))
    as_given = listed(submission)
    expect_speedup(
        submission.model_speedup(as_given(seconds), as_given(speedups)),
        quotient(before, after),
        f"all layers took {float(before):g} s before and take {float(after):g} s after: "
        "times add up, speed-ups do not",
    )


@part("model_speedup")
@given(case=layers())
def test_divides_the_sum_of_times_before_by_that_after(submission, case):
    check_model(submission, *case)


@part("model_speedup")
@given(case=layers(speedups=(0.5, 0.25, 0.8, 1.0)))
def test_layers_that_got_slower_count_as_slower(submission, case):
    check_model(submission, *case)


@part("model_speedup")
@given(case=layers(speedups=(INF, INF, 1.0, 2.0)))
def test_a_layer_that_is_gone_takes_no_time(submission, case):
    check_model(submission, *case)


@part("model_speedup")
@given(case=layers(speedups=(INF,)))
def test_is_infinite_when_no_layer_takes_time_any_more(submission, case):
    check_model(submission, *case)


@part("model_speedup")
@given(case=layers(), speedup=st.sampled_from(SPEEDUPS))
def test_equal_speedups_of_all_layers_are_that_of_the_model(submission, case, speedup):
    seconds, _ = case
    check_model(submission, seconds, [float(speedup)] * len(seconds))


# --- pareto_front --------------------------------------------------------------------------


def dominates(p, q):
    return p[0] <= q[0] and p[1] >= q[1] and (p[0] < q[0] or p[1] > q[1])


def front_of(points):
    """The oracle: every point is compared with every other."""
    best = [i for i, q in enumerate(points) if not any(dominates(p, q) for p in points)]
    return sorted(best, key=lambda i: (points[i][0], i))


def indices(submission, points):
    front = submission.pareto_front(points)
    expect(
        isinstance(front, list) and all(isinstance(i, (int, np.integer)) for i in front),
        "a list of integers",
        "the front is given by the indices of its points",
        f"{show(front)}, of type {type(front).__name__}",
    )
    return front


def check_members(submission, points):
    front, want = indices(submission, points), front_of(points)
    missing, more = sorted(set(want) - set(front)), sorted(set(front) - set(want))
    why = "a point is in the front unless another is at least as good in both and better in one"
    if more:
        i = more[0]
        j = next((j for j in want if i < len(points) and dominates(points[j], points[i])), None)
        why = (
            f"point {i} is no point, or is dominated"
            if j is None
            else (f"point {i}, {points[i]}, is dominated by point {j}, {points[j]}")
        )
    elif missing:
        why = f"nothing dominates point {missing[0]}, {points[missing[0]]}: " + (
            "nothing is at least as good in both and better in one"
        )
    expect(sorted(front) == sorted(want), f"the points {want}", why, f"{show(front)}")


def check_order(submission, points):
    front, want = indices(submission, points), front_of(points)
    expect(
        front == want,
        f"{want}",
        "the front is ordered by cost, and equal points by index; the costs of your points are "
        f"{[points[i][0] for i in front if 0 <= i < len(points)]}",
        f"{show(front)}",
    )


COSTS = (0.0, 2.0, 10.0, 9.0, 0.5, 1e-05, 100.0, 1e20, 0.0)


def point_lists(costs=8, accuracies=8, max_size=9):
    """Points on a grid, in any order; a coarse grid has ties in one or both."""
    point = st.tuples(
        st.integers(1, costs).map(COSTS.__getitem__),
        st.integers(1, accuracies).map(lambda n: 0.5 + n / 32),
    )
    return st.lists(point, min_size=1, max_size=max_size)


@st.composite
def fronts(draw):
    """Points that are all in the front, shuffled, some of them twice."""
    count = draw(st.integers(1, 6))
    stairs = [(float(2 * n + 1), 0.5 + n / 32) for n in range(count)]
    return draw(st.permutations(stairs + draw(st.lists(st.sampled_from(stairs), max_size=4))))


@part("pareto_front")
@given(points=point_lists())
def test_finds_exactly_the_points_that_nothing_dominates(submission, points):
    check_members(submission, points)


@part("pareto_front")
@given(points=point_lists(costs=3, accuracies=3))
def test_a_tie_in_one_of_the_two_can_dominate_and_equal_points_cannot(submission, points):
    check_members(submission, points)


@part("pareto_front")
@given(points=fronts())
def test_keeps_all_of_several_equal_points(submission, points):
    check_members(submission, points)


@part("pareto_front")
@given(points=fronts())
def test_orders_by_cost_then_index(submission, points):
    check_order(submission, points)


@part("pareto_front")
@given(points=point_lists(costs=3, accuracies=3))
def test_orders_what_is_left_of_dominated_points_by_cost_then_index(submission, points):
    check_order(submission, points)


@part("pareto_front")
@given(
    places=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=7),
    unit=st.sampled_from((1.0, 1.0, 2.0**-40, 2.0**30)),
)
def test_takes_a_difference_in_the_last_digit_for_one(submission, places, unit):
    points = [(unit * (1 + x * 2.0**-50), 0.75 + y * 2.0**-52) for x, y in places]
    check_members(submission, points)


@part("pareto_front")
@given(costs=st.lists(st.sampled_from((0.0, 1.0, 2.0)), min_size=1, max_size=4))
def test_has_room_for_an_accuracy_of_0(submission, costs):
    check_members(submission, [(cost, 0.0) for cost in costs])


@part("pareto_front")
def test_orders_many_equal_points_by_index(submission):
    # Enough of them to show a sort that is not stable.
    points = [(float(1 + 2 * (n * 7 % 3)), (0.75, 0.5, 0.875)[n * 7 % 3]) for n in range(60)]
    check_order(submission, points)


@part("pareto_front")
def test_a_single_point_is_the_front(submission):
    check_members(submission, [(2.0, 0.75)])

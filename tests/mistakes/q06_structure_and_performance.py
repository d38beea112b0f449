"""Wrong answers that people really give for q06."""

import math

from tests.grading import mistake


def _over(before, after):
    return before / after if after > 0 else math.inf


@mistake(
    "amdahl_speedup",
    "shares swapped",
    "It makes the other part faster, 1 − fraction.",
    "Put fraction = 1 into your formula. What should come out?",
)
def swapped_shares(fraction, speedup):
    return _over(1, fraction + (1 - fraction) / speedup)


@mistake(
    "amdahl_speedup",
    "speed-ups averaged",
    "It takes the mean of the speed-ups, weighted with the shares: times add up, speed-ups do not.",
    "If half of the time shrinks to nothing, how long does the rest take?",
)
def averaged(fraction, speedup):
    return 1.0 if fraction == 0 else (1 - fraction) + fraction * speedup


@mistake(
    "amdahl_speedup",
    "the limit",
    "It returns the bound for an infinite speed-up of the part.",
    "What role does the second argument play in your answer?",
)
def limit(fraction, speedup):
    return _over(1, 1 - fraction)


@mistake(
    "amdahl_speedup",
    "the part alone",
    "It leaves out the time of the rest.",
    "What becomes of the time that is not in the part?",
)
def part_alone(fraction, speedup):
    return _over(1, fraction / speedup)


@mistake(
    "amdahl_speedup",
    "time for speed-up",
    "It returns the time that is left, the inverse of the speed-up.",
    "Is twice as fast 2, or one half?",
)
def time_for_speedup(fraction, speedup):
    return (1 - fraction) + fraction / speedup


@mistake(
    "amdahl_speedup",
    "never below 1",
    "It takes a slow-down for no change.",
    "What happens to the whole if a part takes twice as long?",
)
def never_slower(fraction, speedup):
    return max(1.0, _over(1, (1 - fraction) + fraction / speedup))


@mistake(
    "amdahl_speedup",
    "multiplied",
    "It multiplies the share by the speed-up instead of dividing it.",
    "Does a part with speed-up 4 take four times as long, or a quarter?",
)
def multiplied(fraction, speedup):
    spent = 0.0 if fraction == 0 else fraction * speedup
    return 1 / ((1 - fraction) + spent) if (1 - fraction) + spent > 0 else math.inf


@mistake(
    "amdahl_speedup",
    "division by zero",
    "It fails where no time is left: the whole, with an infinite speed-up.",
    "What is the speed-up of something that takes no time any more?",
)
def division_by_zero(fraction, speedup):
    return 1 / ((1 - fraction) + fraction / speedup)


def _times(layer_seconds, layer_speedups):
    before = [float(t) for t in layer_seconds]
    return before, [t / s for t, s in zip(before, layer_speedups)]


@mistake(
    "model_speedup",
    "plain mean",
    "It averages the speed-ups, whatever time the layers take.",
    "Does a layer that takes a thousandth of the time count like the others?",
)
def plain_mean(layer_seconds, layer_speedups):
    return sum(layer_speedups) / len(layer_speedups)


@mistake(
    "model_speedup",
    "mean weighted with time",
    "It averages the speed-ups, weighted with the times before: times add up, speed-ups do not.",
    "One of two equal layers is gone (infinite speed-up). How much faster is the model?",
)
def weighted_mean(layer_seconds, layer_speedups):
    total = sum(layer_seconds)
    return sum(t * s for t, s in zip(layer_seconds, layer_speedups)) / total


@mistake(
    "model_speedup",
    "harmonic mean",
    "It takes the harmonic mean of the speed-ups, whatever time the layers take.",
    "Where do the seconds come in?",
)
def harmonic(layer_seconds, layer_speedups):
    return _over(len(layer_speedups), sum(1 / s for s in layer_speedups))


@mistake(
    "model_speedup",
    "product",
    "It multiplies the speed-ups; the layers run one after the other.",
    "Two layers, each twice as fast: is the model four times as fast?",
)
def product(layer_seconds, layer_speedups):
    return math.prod(layer_speedups)


@mistake(
    "model_speedup",
    "the best layer",
    "It returns the largest speed-up of a layer.",
    "How long do the other layers take?",
)
def best_layer(layer_seconds, layer_speedups):
    return max(layer_speedups)


@mistake(
    "model_speedup",
    "the worst layer",
    "It returns the smallest speed-up, as if the layers ran side by side.",
    "Do the layers wait for the slowest, or for each other in turn?",
)
def worst_layer(layer_seconds, layer_speedups):
    return min(layer_speedups)


@mistake(
    "model_speedup",
    "the slowest layer decides",
    "It compares the longest layer before with the longest after, as if they ran side by side.",
    "Do the layers run one after the other, or at once?",
)
def longest_layer(layer_seconds, layer_speedups):
    before, after = _times(layer_seconds, layer_speedups)
    return _over(max(before), max(after))


@mistake(
    "model_speedup",
    "time for speed-up",
    "It returns the time after over the time before.",
    "Is twice as fast 2, or one half?",
)
def inverse(layer_seconds, layer_speedups):
    before, after = _times(layer_seconds, layer_speedups)
    return sum(after) / sum(before)


@mistake(
    "model_speedup",
    "the time after",
    "It returns seconds; how many times faster is asked for.",
    "In which unit is the result?",
)
def time_after(layer_seconds, layer_speedups):
    return sum(_times(layer_seconds, layer_speedups)[1])


@mistake(
    "model_speedup",
    "slow-downs ignored",
    "It takes a speed-up below 1 for no change.",
    "How long does a layer with speed-up 0.5 take?",
)
def no_slowdowns(layer_seconds, layer_speedups):
    before, after = _times(layer_seconds, [max(1.0, s) for s in layer_speedups])
    return _over(sum(before), sum(after))


@mistake(
    "model_speedup",
    "layers that are gone left out",
    "It drops the layers of infinite speed-up from the time before as well.",
    "Did such a layer take no time before?",
)
def gone_left_out(layer_seconds, layer_speedups):
    kept = [(t, s) for t, s in zip(layer_seconds, layer_speedups) if s != math.inf]
    return _over(sum(t for t, _ in kept), sum(t / s for t, s in kept))


@mistake(
    "model_speedup",
    "division by zero",
    "It fails where no layer takes time any more.",
    "What is the speed-up of something that takes no time any more?",
)
def division_by_no_time(layer_seconds, layer_speedups):
    before, after = _times(layer_seconds, layer_speedups)
    return sum(before) / sum(after)


def _front(points, beats):
    kept = [i for i, q in enumerate(points) if not any(beats(p, q) for p in points)]
    return sorted(kept, key=lambda i: (points[i][0], i))


def _dominates(p, q):
    return p[0] <= q[0] and p[1] >= q[1] and tuple(p) != tuple(q)


@mistake(
    "pareto_front",
    "better in both",
    "It drops a point only if another is better in both: equal cost, lower accuracy stays.",
    "Same cost, lower accuracy: would you ever choose it?",
)
def better_in_both(points):
    return _front(points, lambda p, q: p[0] < q[0] and p[1] > q[1])


@mistake(
    "pareto_front",
    "equal points beat each other",
    "It asks only for at least as good in both, so two equal points drop each other.",
    "Is one of two equal points better than the other in anything?",
)
def equal_dropped(points):
    kept = [
        i
        for i, q in enumerate(points)
        if not any(j != i and p[0] <= q[0] and p[1] >= q[1] for j, p in enumerate(points))
    ]
    return sorted(kept, key=lambda i: (points[i][0], i))


@mistake(
    "pareto_front",
    "one of several equal points",
    "It keeps only the first of several equal points.",
    "What does the text say of equal points?",
)
def first_of_equal(points):
    front, best = [], -math.inf
    for i in sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1], i)):
        if points[i][1] > best:
            front.append(i)
            best = points[i][1]
    return front


@mistake(
    "pareto_front",
    "equal accuracy at a higher cost",
    "In its sweep it lets a point in that is as accurate as the last one, but costs more.",
    "Same accuracy, higher cost: would you ever choose it?",
)
def equal_accuracy_kept(points):
    front, best = [], -math.inf
    for i in sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1], i)):
        if points[i][1] >= best:
            front.append(i)
            best = points[i][1]
    return front


@mistake(
    "pareto_front",
    "ties in cost swept in the wrong order",
    "In its sweep by cost it meets the worse of two points of one cost first, and keeps it.",
    "Which of two points of the same cost must you see first?",
)
def sweep_by_cost_only(points):
    front = []
    for i in sorted(range(len(points)), key=lambda i: (points[i][0], i)):
        last = points[front[-1]] if front else None
        if last is None or points[i][1] > last[1] or tuple(points[i]) == tuple(last):
            front.append(i)
    return front


@mistake(
    "pareto_front",
    "small differences taken for none",
    "It rounds (or compares with a tolerance), so a point that is a little better does not count.",
    "Two accuracies differ in the ninth digit. Is one of them higher?",
)
def small_differences(points):
    rounded = [(round(cost, 6), round(accuracy, 6)) for cost, accuracy in points]
    return _front(rounded, _dominates)


@mistake(
    "pareto_front",
    "accuracy 0 beats nobody",
    "Its sweep starts from a best accuracy of 0, so a point with that accuracy never enters.",
    "The only point there is has an accuracy of 0.0. What is the front?",
)
def from_zero(points):
    front, best = [], 0.0
    for i in sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1], i)):
        if points[i][1] > best or (front and tuple(points[i]) == tuple(points[front[-1]])):
            front.append(i)
            best = points[i][1]
    return front


@mistake(
    "pareto_front",
    "cost to be high",
    "It takes a higher cost for better.",
    "Would you rather pay more?",
)
def high_cost(points):
    return _front(points, lambda p, q: _dominates((-p[0], p[1]), (-q[0], q[1])))


@mistake(
    "pareto_front",
    "accuracy to be low",
    "It takes a lower accuracy for better, as if it were an error.",
    "Is the second number of a point to be high or low?",
)
def low_accuracy(points):
    return _front(points, lambda p, q: _dominates((p[0], -p[1]), (q[0], -q[1])))


@mistake(
    "pareto_front",
    "best of each cost",
    "It keeps the most accurate point of each cost, dominated by a cheaper one or not.",
    "Does a point that costs more and is less accurate belong to the front?",
)
def best_of_each_cost(points):
    return _front(points, lambda p, q: p[0] == q[0] and p[1] > q[1])


@mistake(
    "pareto_front",
    "order of the indices",
    "The points are right, but stand in the order of their indices.",
    "By what does the text order the front?",
)
def index_order(points):
    return sorted(_front(points, _dominates))


@mistake(
    "pareto_front",
    "falling cost",
    "The points are right, but the most expensive comes first.",
    "By what does the text order the front, and in which direction?",
)
def falling_cost(points):
    return sorted(_front(points, _dominates), key=lambda i: (-points[i][0], i))


@mistake(
    "pareto_front",
    "equal points in reverse",
    "The order by cost is right, but equal points come with the higher index first.",
    "What decides between two points of equal cost?",
)
def equal_reversed(points):
    return sorted(_front(points, _dominates), key=lambda i: (points[i][0], -i))


@mistake(
    "pareto_front",
    "points for indices",
    "It returns the points; their indices are asked for.",
    "What is the type of the result?",
)
def points_for_indices(points):
    return [points[i] for i in _front(points, _dominates)]


@mistake(
    "pareto_front",
    "a mask for indices",
    "It returns a boolean for each point; indices are asked for.",
    "What is the type of the result?",
)
def mask_for_indices(points):
    front = set(_front(points, _dominates))
    return [i in front for i in range(len(points))]

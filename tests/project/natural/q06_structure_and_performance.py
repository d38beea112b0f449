"""q06 in plain Python."""

ANSWER = """
On the structural side pruning finds out how large a network must be. Sensitivity differs between
layers, and pruning turns that into an architecture: wide layers in the middle shrink, the first
and last ones stay, redundant channels, heads or whole blocks vanish. Some work even shows that
the structure found is worth more than the weights inherited, so pruning is a kind of architecture
search. On the performance side it lowers several costs: parameters and bytes on disk, memory
traffic at run time, operations, latency, and energy. Which of these falls depends on the
granularity: cutting channels lowers all of them, unstructured zeros only the storage unless
kernels skip them. It may also regularise slightly, so moderate pruning can raise accuracy on test
data. The gain has bounds. Amdahl's law: if the pruned layers take eighty percent of the time, the
whole can at most become five times faster, even when they vanish; and small layers use a GPU
badly, so that halving channels does not halve the time. And there is accuracy: one must compare
whole trade-off curves, and a pruned model is only worth something when it lies on the Pareto
front, that is when no smaller dense or quantised model is as accurate. So I report end to end
latency and accuracy at several sparsities, with a baseline of equal cost.
"""


def amdahl_speedup(fraction, speedup):
    time = (1 - fraction) + fraction / speedup
    if time == 0:
        return float("inf")
    return 1 / time


def model_speedup(layer_seconds, layer_speedups):
    before = sum(layer_seconds)
    after = sum(t / s for t, s in zip(layer_seconds, layer_speedups))
    if after == 0:
        return float("inf")
    return before / after


def pareto_front(points):
    front = []
    for i, (cost, accuracy) in enumerate(points):
        dominated = False
        for other_cost, other_accuracy in points:
            as_good = other_cost <= cost and other_accuracy >= accuracy
            better = other_cost < cost or other_accuracy > accuracy
            if as_good and better:
                dominated = True
        if not dominated:
            front.append(i)
    return sorted(front, key=lambda i: points[i][0])

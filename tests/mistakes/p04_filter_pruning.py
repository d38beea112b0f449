"""Wrong answers that people really give for p04."""

import copy

import torch
from torch import nn

from tests.grading import mistake


@mistake(
    "l1_scores",
    "sum before abs",
    "It takes the absolute value of the sum: weights of opposite sign cancel.",
    "What should the score of a filter (3, −3) be?",
)
def sum_then_abs(weight):
    return weight.detach().flatten(1).sum(dim=1).abs()


@mistake(
    "l1_scores",
    "signed sum",
    "It adds the weights with their sign.",
    "Can a norm be negative?",
)
def signed_sum(weight):
    return weight.detach().flatten(1).sum(dim=1)


@mistake(
    "l1_scores",
    "L2 for L1",
    "It returns the L2 norm of each filter.",
    "Which norm of (3, −4) is 7, and which is 5?",
)
def l2_scores(weight):
    return weight.detach().flatten(1).norm(dim=1)


@mistake(
    "l1_scores",
    "mean for sum",
    "It averages the absolute weights of a filter.",
    "Does the L1 norm of a filter of ones hang on its size?",
)
def mean_scores(weight):
    return weight.detach().abs().flatten(1).mean(dim=1)


@mistake(
    "l1_scores",
    "input channels for filters",
    "It returns a score for each input channel: the sum runs over the wrong axes.",
    "A Conv2d weight is (out, in, kh, kw). Which axis is the filter?",
)
def input_scores(weight):
    return weight.detach().abs().sum(dim=(0, 2, 3))


def _filters(weight):
    return weight.detach().flatten(1)


@mistake(
    "geometric_median_scores",
    "distance to the mean",
    "It measures how far each filter is from the mean filter.",
    "Is the point with the smallest sum of distances the mean?",
)
def distance_to_mean(weight):
    filters = _filters(weight)
    return (filters - filters.mean(dim=0)).norm(dim=1)


@mistake(
    "geometric_median_scores",
    "squared distances",
    "It sums squared distances: one far filter then outweighs all near ones.",
    "The median of 1, 2 and 100: does it move when 100 becomes 1000?",
)
def squared_distances(weight):
    filters = _filters(weight)
    return (filters[:, None] - filters[None]).square().sum(dim=2).sum(dim=1)


@mistake(
    "geometric_median_scores",
    "L1 distances",
    "It sums absolute differences, not Euclidean distances.",
    "How far apart are (0, 0) and (3, 4)?",
)
def l1_distances(weight):
    filters = _filters(weight)
    return (filters[:, None] - filters[None]).abs().sum(dim=2).sum(dim=1)


@mistake(
    "geometric_median_scores",
    "mean distance",
    "It averages the distances over all filters.",
    "The text says sum. For two filters at distance 2, what are the scores?",
)
def mean_distances(weight):
    filters = _filters(weight)
    return (filters[:, None] - filters[None]).norm(dim=2).mean(dim=1)


@mistake(
    "geometric_median_scores",
    "norms for distances",
    "It returns the L2 norm of each filter: its distance to zero, not to the others.",
    "Would the score change if the same number were added to all filters?",
)
def norms(weight):
    return _filters(weight).norm(dim=1)


def _silence(model, layer, drop, parts=("weight", "bias", "scale", "shift", "mean")):
    model = copy.deepcopy(model)
    conv = model[layer]
    norm = model[layer + 1] if isinstance(model[layer + 1], nn.BatchNorm2d) else None
    tensors = {"weight": conv.weight, "bias": conv.bias}
    if norm is not None:
        tensors |= {"scale": norm.weight, "shift": norm.bias, "mean": norm.running_mean}
    with torch.no_grad():
        for name in parts:
            if tensors.get(name) is not None:
                tensors[name][list(drop)] = 0.0
    return model


@mistake(
    "silence_filters",
    "only the filter zeroed",
    "It zeroes the conv's weights alone; bias and batch-norm still speak.",
    "What does a batch-norm return for a channel that is zero everywhere?",
)
def only_weights(model, layer, drop):
    return _silence(model, layer, drop, ("weight",))


@mistake(
    "silence_filters",
    "batch-norm forgotten",
    "It zeroes the conv's weights and bias; the batch-norm's shift leaks.",
    "What does a batch-norm with shift 0.7 return for a channel of zeros?",
)
def batch_norm_forgotten(model, layer, drop):
    return _silence(model, layer, drop, ("weight", "bias"))


@mistake(
    "silence_filters",
    "shift forgotten",
    "It zeroes the batch-norm's scale, and leaves its shift.",
    "Scale · x + shift: what is left at scale 0?",
)
def shift_forgotten(model, layer, drop):
    return _silence(model, layer, drop, ("weight", "bias", "scale"))


@mistake(
    "silence_filters",
    "affine-free batch-norm forgotten",
    "It relies on scale and shift; a batch-norm without them still subtracts its running mean.",
    "With affine=False, what does (0 − mean) / std give?",
)
def running_mean_forgotten(model, layer, drop):
    return _silence(model, layer, drop, ("weight", "bias", "scale", "shift"))


@mistake(
    "silence_filters",
    "keep for drop",
    "It silences every filter but those that are named.",
    "What should an empty list do?",
)
def keep_for_drop(model, layer, drop):
    return _silence(model, layer, [c for c in range(model[layer].out_channels) if c not in drop])


@mistake(
    "silence_filters",
    "input channels silenced",
    "It zeroes the weights that read those input channels, not the filters.",
    "A Conv2d weight is (out, in, kh, kw). Which axis is the filter?",
)
def inputs_silenced(model, layer, drop):
    model = copy.deepcopy(model)
    with torch.no_grad():
        model[layer].weight[:, [c for c in drop if c < model[layer].in_channels]] = 0.0
    return model


def _l1(weight):
    return weight.detach().abs().flatten(1).sum(dim=1)


def _median(weight):
    filters = _filters(weight)
    return (filters[:, None] - filters[None]).norm(dim=2).sum(dim=1)


def _prune(model, sparsity, scores, count=None):
    result = model
    for layer, conv in enumerate(model):
        if isinstance(conv, nn.Conv2d):
            channels = conv.out_channels
            gone = min(round(sparsity * channels), channels - 1)
            if count is not None:
                gone = count(sparsity, channels)
            result = _silence(result, layer, scores(conv.weight).argsort()[:gone].tolist())
    return copy.deepcopy(result)


def _scores(criterion):
    return _l1 if criterion == "l1" else _median


@mistake(
    "prune_filters",
    "largest first",
    "It silences the filters of largest score.",
    "Which end of the sorted scores do you cut off?",
)
def prune_largest(model, sparsity, criterion="l1"):
    return _prune(model, sparsity, lambda w: -_scores(criterion)(w))


@mistake(
    "prune_filters",
    "criterion ignored",
    "It scores by the L1 norm whatever the criterion.",
    "Try a layer in which the smallest filter is also the most unusual one.",
)
def criterion_ignored(model, sparsity, criterion="l1"):
    return _prune(model, sparsity, _l1)


@mistake(
    "prune_filters",
    "always the geometric median",
    'It scores by the geometric median whatever the criterion (`if x == "l2" or "l1"`).',
    "What is the truth value of a string that is not empty?",
)
def always_median(model, sparsity, criterion="l1"):
    return _prune(model, sparsity, _median)


@mistake(
    "prune_filters",
    "truncated count",
    "It truncates sparsity * filters, where the count is rounded.",
    "How many of 4 filters go at sparsity 0.7?",
)
def prune_truncated(model, sparsity, criterion="l1"):
    return _prune(model, sparsity, _scores(criterion), lambda s, c: min(int(s * c), c - 1))


@mistake(
    "prune_filters",
    "a layer emptied",
    "At high sparsity it silences every filter of a layer: nothing passes any more.",
    "What does the network return at sparsity 1?",
)
def prune_all(model, sparsity, criterion="l1"):
    return _prune(model, sparsity, _scores(criterion), lambda s, c: round(s * c))


@mistake(
    "prune_filters",
    "ranked across layers",
    "It ranks the filters of all layers together.",
    "Are the norms of a filter of 9 weights and of one of 576 comparable?",
)
def prune_globally(model, sparsity, criterion="l1"):
    entries = []
    for layer, conv in enumerate(model):
        if isinstance(conv, nn.Conv2d):
            scores = _scores(criterion)(conv.weight).tolist()
            entries += [(score, layer, c) for c, score in enumerate(scores)]
    gone, left = round(sparsity * len(entries)), {}
    for _, layer, _ in entries:
        left[layer] = left.get(layer, 0) + 1
    result = model
    for _, layer, channel in sorted(entries):
        if gone and left[layer] > 1:
            result = _silence(result, layer, [channel])
            left[layer] -= 1
            gone -= 1
    return copy.deepcopy(result)


def _convs(model):
    return [i for i, layer in enumerate(model) if isinstance(layer, nn.Conv2d)]


def _drop(model, layer, sparsity, sign=1):
    channels = model[layer].out_channels
    gone = min(round(sparsity * channels), channels - 1)
    return (sign * _l1(model[layer].weight)).argsort()[:gone].tolist()


@mistake(
    "sensitivity",
    "layers pruned one after the other",
    "A layer that was pruned stays pruned while the next is measured.",
    "The row of the second layer: should it hang on the first?",
)
def accumulated(model, evaluate, sparsities):
    result, current = {}, model
    for layer in _convs(model):
        result[layer] = []
        for s in sparsities:
            pruned = _silence(current, layer, _drop(model, layer, s))
            result[layer].append(evaluate(pruned))
        current = pruned
    return result


@mistake(
    "sensitivity",
    "all layers pruned at once",
    "Every row is measured with the whole network pruned.",
    "If all rows are equal, what do they tell about a single layer?",
)
def all_at_once(model, evaluate, sparsities):
    row = [evaluate(_prune(model, s, _l1)) for s in sparsities]
    return {layer: list(row) for layer in _convs(model)}


@mistake(
    "sensitivity",
    "keys count the convs",
    "It numbers the convs 0, 1, 2…; the keys are indices into the Sequential.",
    "At which index of the Sequential is the second Conv2d?",
)
def numbered(model, evaluate, sparsities):
    return {
        n: [evaluate(_silence(model, layer, _drop(model, layer, s))) for s in sparsities]
        for n, layer in enumerate(_convs(model))
    }


@mistake(
    "sensitivity",
    "largest first",
    "It prunes the filters of largest L1 norm.",
    "Should a curve of sensitivity fall most at small sparsities?",
)
def sensitivity_largest(model, evaluate, sparsities):
    return {
        layer: [evaluate(_silence(model, layer, _drop(model, layer, s, -1))) for s in sparsities]
        for layer in _convs(model)
    }


@mistake(
    "sensitivity",
    "batch-norm forgotten",
    "It zeroes filters and biases, but the shifts of the batch-norms leak into what is measured.",
    "Are the pruned filters silent in the model that evaluate sees?",
)
def sensitivity_leaks(model, evaluate, sparsities):
    return {
        layer: [
            evaluate(_silence(model, layer, _drop(model, layer, s), ("weight", "bias")))
            for s in sparsities
        ]
        for layer in _convs(model)
    }

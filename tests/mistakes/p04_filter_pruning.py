"""Wrong answers that people really give for p04."""

import copy
import math

import torch
from torch import nn

from tests.grading import mistake

AXES = "A Conv2d weight has the axes (out, in, kh, kw): which of them counts the filters?"
FOLLOW = (
    "Follow one silent channel from the conv to behind the batch-norm: what is added on the way?"
)
MEAN_LEFT = (
    "running mean of an affine-free batch-norm",
    "Without scale and shift there is nothing to set to zero, and the running mean is subtracted.",
    "What does BatchNorm2d(affine=False) make of a channel of zeros, in eval mode?",
)


def _convs(model):
    return [i for i, layer in enumerate(model) if isinstance(layer, nn.Conv2d)]


def _norm(model, layer):
    follower = model[layer + 1]
    return follower if isinstance(follower, nn.BatchNorm2d) else None


def _zero(drop, *tensors):
    with torch.no_grad():
        for tensor in tensors:
            if tensor is not None:
                tensor[list(drop)] = 0.0


def _silence(model, layer, drop):
    """In place, and right."""
    conv, norm = model[layer], _norm(model, layer)
    _zero(drop, conv.weight, conv.bias)
    if norm is not None:
        _zero(drop, norm.weight, norm.bias, norm.running_mean)


def _silent_copy(model, dropped):
    silent = copy.deepcopy(model)
    for layer, drop in dropped.items():
        _silence(silent, layer, drop)
    return silent


def _mean_left(model, dropped):
    silent = copy.deepcopy(model)
    for layer, drop in dropped.items():
        _zero(drop, silent[layer].weight, silent[layer].bias)
        if _norm(silent, layer) is not None:
            _zero(drop, silent[layer + 1].weight, silent[layer + 1].bias)
    return silent


def _behind_each_conv(outcome, call):
    """What each conv gives behind its batch-norm: how it was brought to 0 does not matter."""
    given, seen = call.args[0], []
    for layer in _convs(given):
        inputs = torch.linspace(-1.0, 1.0, given[layer].in_channels * 20)
        inputs = inputs.reshape(1, -1, 4, 5).to(given[layer].weight.dtype)
        stage = [outcome[layer]] + [x for x in [_norm(outcome, layer)] if x is not None]
        with torch.no_grad():
            seen.append(copy.deepcopy(nn.Sequential(*stage)).eval()(inputs))
    return seen


# --- l1_scores ---------------------------------------------------------------------------------


@mistake("l1_scores", "sum over the wrong axis", "It scores the input channels.", AXES)
def l1_inputs(weight):
    return weight.detach().abs().sum(dim=(0, 2, 3))


@mistake(
    "l1_scores",
    "absolute value of the sum",
    "It adds the weights with their signs, so that +3 and −3 cancel.",
    "What does a filter of +3 and −3 score, and does it do nothing?",
)
def abs_of_sum(weight):
    return weight.detach().flatten(1).sum(1).abs()


@mistake(
    "l1_scores",
    "signed sum",
    "It adds the weights as they are: a filter of negative weights scores lowest.",
    "Which matters more to the output, a weight of −3 or one of 0.1?",
)
def signed_sum(weight):
    return weight.detach().flatten(1).sum(1)


@mistake(
    "l1_scores",
    "mean, not sum",
    "It divides by the number of weights.",
    "What does a filter of the weights 3 and −4 score?",
)
def l1_mean(weight):
    return weight.detach().abs().flatten(1).mean(1)


@mistake(
    "l1_scores",
    "L2 norm",
    "It takes the root of the sum of squares.",
    "What does a filter of the weights 3 and −4 score?",
)
def l2_norm(weight):
    return weight.detach().flatten(1).norm(dim=1)


@mistake(
    "l1_scores",
    "sum of squares",
    "It adds squares instead of absolute values.",
    "What does a filter of the weights 3 and −4 score?",
)
def squares(weight):
    return weight.detach().square().flatten(1).sum(1)


@mistake(
    "l1_scores",
    "a score for each kernel",
    "It sums over kh and kw only and returns a table (out, in).",
    "How many filters does a weight of shape (8, 3, 5, 5) have?",
)
def kernels(weight):
    return weight.detach().abs().sum(dim=(2, 3))


@mistake(
    "l1_scores",
    "largest weight",
    "It scores a filter by its largest absolute value.",
    "What does a filter of the weights 3 and −4 score?",
)
def largest_weight(weight):
    return weight.detach().abs().flatten(1).amax(1)


# --- geometric_median_scores -------------------------------------------------------------------


def _distances(weight):
    rows = weight.detach().flatten(1)
    return (rows[:, None] - rows[None]).norm(dim=2)


@mistake(
    "geometric_median_scores",
    "squared distances",
    "It adds squared distances: that measures how far the mean is, not the median.",
    "What is the distance of the points 0 and 10?",
)
def squared_distances(weight):
    return _distances(weight).square().sum(1)


@mistake(
    "geometric_median_scores",
    "L1 distances",
    "It adds the absolute differences of the weights.",
    "How far is (3, 4) from (0, 0) as the crow flies?",
)
def l1_distances(weight):
    rows = weight.detach().flatten(1)
    return (rows[:, None] - rows[None]).abs().sum(dim=(1, 2))


@mistake(
    "geometric_median_scores",
    "mean, not sum",
    "It divides by the number of filters.",
    "Work the example out by hand: 0, 4 and 10. What does 4 score?",
)
def mean_distance(weight):
    return _distances(weight).mean(1)


@mistake(
    "geometric_median_scores",
    "mean distance to the others",
    "It divides by the number of other filters.",
    "Work the example out by hand: 0, 4 and 10. What does 4 score?",
)
def mean_of_others(weight):
    return _distances(weight).sum(1) / max(1, len(weight) - 1)


@mistake(
    "geometric_median_scores",
    "distance to the mean",
    "It measures how far each filter is from the average filter.",
    "From how many other points is the distance taken, and what is added up?",
)
def to_the_mean(weight):
    rows = weight.detach().flatten(1)
    return (rows - rows.mean(0)).norm(dim=1)


@mistake(
    "geometric_median_scores",
    "distance to the median filter",
    "It takes the median of each weight and measures how far each filter is from that.",
    "From how many other points is the distance taken, and what is added up?",
)
def to_the_median(weight):
    rows = weight.detach().flatten(1)
    return (rows - rows.median(0).values).norm(dim=1)


@mistake(
    "geometric_median_scores",
    "each pair counted twice",
    "It adds the table of distances along both axes.",
    "Work the example out by hand: 0, 4 and 10. What does 4 score?",
)
def both_axes(weight):
    distances = _distances(weight)
    return distances.sum(0) + distances.sum(1)


@mistake(
    "geometric_median_scores",
    "norm of each filter",
    "It measures how far a filter is from zero, not from the other filters.",
    "Where in the formula do the other filters come in?",
)
def plain_norms(weight):
    return weight.detach().flatten(1).norm(dim=1)


@mistake(
    "geometric_median_scores",
    "distances along the wrong axis",
    "It compares input channels.",
    AXES,
)
def distances_of_inputs(weight):
    return _distances(weight.detach().transpose(0, 1)).sum(1)


# --- silence_filters ---------------------------------------------------------------------------


@mistake(
    "silence_filters",
    "filter only",
    "It sets the filter to zero; the conv's bias and the batch-norm still give a number.",
    FOLLOW,
    observe=_behind_each_conv,
)
def filter_only(model, layer, drop):
    silent = copy.deepcopy(model)
    _zero(drop, silent[layer].weight)
    return silent


@mistake(
    "silence_filters",
    "batch-norm forgotten",
    "It sets filter and bias to zero; the batch-norm behind them makes something else of it.",
    FOLLOW,
    observe=_behind_each_conv,
)
def norm_forgotten(model, layer, drop):
    silent = copy.deepcopy(model)
    _zero(drop, silent[layer].weight, silent[layer].bias)
    return silent


@mistake(
    "silence_filters",
    "batch-norm shift left",
    "The batch-norm's scale is zero, its shift is not: that is what the channel gives now.",
    FOLLOW,
    observe=_behind_each_conv,
)
def shift_left(model, layer, drop):
    silent = _silent_copy(model, {layer: drop})
    if _norm(model, layer) is not None and _norm(model, layer).affine:
        silent[layer + 1].bias.data.copy_(model[layer + 1].bias)
    return silent


@mistake(
    "silence_filters",
    "batch-norm scale left",
    "The batch-norm's shift is zero, its scale is not: what is left of the running mean passes.",
    FOLLOW,
    observe=_behind_each_conv,
)
def scale_left(model, layer, drop):
    silent = copy.deepcopy(model)
    _zero(drop, silent[layer].weight, silent[layer].bias)
    if _norm(model, layer) is not None:
        _zero(drop, silent[layer + 1].bias)
    return silent


@mistake("silence_filters", *MEAN_LEFT, observe=_behind_each_conv)
def mean_left(model, layer, drop):
    return _mean_left(model, {layer: drop})


@mistake(
    "silence_filters",
    "conv bias forgotten",
    "The filter and the batch-norm are taken care of, the bias of the conv is not.",
    FOLLOW,
    observe=_behind_each_conv,
)
def bias_forgotten(model, layer, drop):
    silent = _silent_copy(model, {layer: drop})
    if model[layer].bias is not None:
        silent[layer].bias.data.copy_(model[layer].bias)
    return silent


@mistake(
    "silence_filters",
    "batch-norm only",
    "It sets scale and shift to zero; a conv without them goes on as before.",
    "What silences a filter where no batch-norm follows, or one without scale and shift?",
    observe=_behind_each_conv,
)
def norm_only(model, layer, drop):
    silent = copy.deepcopy(model)
    if _norm(model, layer) is not None:
        _zero(drop, silent[layer + 1].weight, silent[layer + 1].bias)
    return silent


@mistake(
    "silence_filters",
    "next batch-norm taken",
    "It looks for a batch-norm anywhere behind the conv, and finds that of another conv.",
    "Whose channels does the batch-norm you found normalise?",
    observe=_behind_each_conv,
)
def next_norm(model, layer, drop):
    silent = _silent_copy(model, {layer: drop})
    for follower in silent[layer + 1 :]:
        if isinstance(follower, nn.BatchNorm2d):
            within = [c for c in drop if c < follower.num_features]
            _zero(within, follower.weight, follower.bias, follower.running_mean)
            break
    return silent


@mistake(
    "silence_filters",
    "drop read as keep",
    "It silences the filters that should be left.",
    "What should the result be for drop=[]?",
    observe=_behind_each_conv,
)
def inverted(model, layer, drop):
    channels = range(model[layer].out_channels)
    return _silent_copy(model, {layer: [c for c in channels if c not in drop]})


@mistake(
    "silence_filters",
    "input channels silenced",
    "It zeroes what the conv reads, not what it gives.",
    AXES,
    observe=_behind_each_conv,
)
def inputs_silenced(model, layer, drop):
    silent = copy.deepcopy(model)
    with torch.no_grad():
        silent[layer].weight[:, [c for c in drop if c < model[layer].in_channels]] = 0.0
    return silent


@mistake(
    "silence_filters",
    "the whole batch-norm",
    "It clears the batch-norm of all channels, also of those that are left.",
    "Which entries of the batch-norm belong to the filters that stay?",
    observe=_behind_each_conv,
)
def whole_norm(model, layer, drop):
    silent = _silent_copy(model, {layer: drop})
    norm = _norm(silent, layer)
    if norm is not None and len(drop):
        _zero(range(norm.num_features), norm.weight, norm.bias, norm.running_mean)
    return silent


# --- prune_filters -----------------------------------------------------------------------------


def _scores(weight, criterion):
    rows = weight.detach().flatten(1)
    if criterion == "l1":
        return rows.abs().sum(1)
    return (rows[:, None] - rows[None]).norm(dim=2).sum(1)


def _by(criterion):
    return lambda model, layer: _scores(model[layer].weight, criterion)


def _count(sparsity, filters):
    return min(round(sparsity * filters), filters - 1)


def _pruned(model, sparsity, score, count=_count):
    """Right, but for the score or the count that is given."""
    dropped = {}
    for layer in _convs(model):
        order = score(model, layer).argsort().tolist()
        dropped[layer] = order[: count(sparsity, len(order))]
    return _silent_copy(model, dropped)


@mistake(
    "prune_filters",
    "highest score first",
    "It silences the filters of highest score.",
    "Which filters does each criterion call replaceable, those of low or of high score?",
    observe=_behind_each_conv,
)
def highest_first(model, sparsity, criterion="l1"):
    return _pruned(model, sparsity, lambda m, i: -_scores(m[i].weight, criterion))


@mistake(
    "prune_filters",
    "farthest from the median first",
    "By the geometric median it silences the filters that stand farthest from the others.",
    "Which filter is easier to replace by the others: one in their middle, or one far off?",
    observe=_behind_each_conv,
)
def farthest_first(model, sparsity, criterion="l1"):
    sign = 1 if criterion == "l1" else -1
    return _pruned(model, sparsity, lambda m, i: sign * _scores(m[i].weight, criterion))


@mistake(
    "prune_filters",
    "criterion ignored",
    "It ranks by the L1 norm whatever criterion is asked for.",
    "Where in your code does the geometric median come in?",
    observe=_behind_each_conv,
)
def always_l1(model, sparsity, criterion="l1"):
    return _pruned(model, sparsity, _by("l1"))


@mistake(
    "prune_filters",
    "geometric median by default",
    "Asked for no criterion, it takes the geometric median.",
    "Which criterion is the default?",
    observe=_behind_each_conv,
)
def median_by_default(model, sparsity, criterion="geometric_median"):
    return _pruned(model, sparsity, _by(criterion))


@mistake(
    "prune_filters",
    "L2 for L1",
    "It ranks by the root of the sum of squares where the L1 norm is asked for.",
    "Which of these two has the smaller L1 norm: (0, 0, −3, 0) or (1, 1, 1, 1)?",
    observe=_behind_each_conv,
)
def by_l2(model, sparsity, criterion="l1"):
    def score(m, i):
        rows = m[i].weight.detach().flatten(1)
        return rows.norm(dim=1) if criterion == "l1" else _scores(m[i].weight, criterion)

    return _pruned(model, sparsity, score)


@mistake(
    "prune_filters",
    "bias counted in",
    "It adds the filter's bias to the score.",
    "By what alone does the text rank a filter?",
    observe=_behind_each_conv,
)
def with_bias(model, sparsity, criterion="l1"):
    def score(m, i):
        bias = 0.0 if m[i].bias is None else m[i].bias.detach().abs()
        return _scores(m[i].weight, criterion) + bias

    return _pruned(model, sparsity, score)


@mistake(
    "prune_filters",
    "ranked across layers",
    "It ranks the filters of all convs together: scores of filters of different size.",
    "How many filters should go in each conv?",
    observe=_behind_each_conv,
)
def across_layers(model, sparsity, criterion="l1"):
    ranked = sorted(
        (score, layer, filter_)
        for layer in _convs(model)
        for filter_, score in enumerate(_scores(model[layer].weight, criterion).tolist())
    )
    left = {layer: model[layer].out_channels for layer in _convs(model)}
    dropped = {layer: [] for layer in left}
    for _, layer, filter_ in ranked[: round(sparsity * len(ranked))]:
        if len(dropped[layer]) < left[layer] - 1:
            dropped[layer].append(filter_)
    return _silent_copy(model, dropped)


@mistake(
    "prune_filters",
    "nothing left of a layer",
    "At high sparsity it silences every filter of a conv, and the image is lost.",
    "What comes out of a network in which one conv is all zero?",
    observe=_behind_each_conv,
)
def nothing_left(model, sparsity, criterion="l1"):
    return _pruned(model, sparsity, _by(criterion), lambda s, n: round(s * n))


@mistake(
    "prune_filters",
    "truncated count",
    "It truncates sparsity * filters, where the count is rounded.",
    "What is int(0.29 * 100), and what should it be?",
    observe=_behind_each_conv,
)
def truncated(model, sparsity, criterion="l1"):
    return _pruned(model, sparsity, _by(criterion), lambda s, n: min(int(s * n), n - 1))


@mistake(
    "prune_filters",
    "count rounded up",
    "It rounds sparsity * filters up.",
    "Which rounding does the text name?",
    observe=_behind_each_conv,
)
def rounded_up(model, sparsity, criterion="l1"):
    return _pruned(model, sparsity, _by(criterion), lambda s, n: min(math.ceil(s * n), n - 1))


@mistake(
    "prune_filters",
    "halves rounded up",
    "It rounds halves up; Python's round takes them to the even number.",
    "What is round(2.5) in Python?",
    observe=_behind_each_conv,
)
def half_up(model, sparsity, criterion="l1"):
    return _pruned(model, sparsity, _by(criterion), lambda s, n: min(int(s * n + 0.5), n - 1))


@mistake(
    "prune_filters",
    "kept count rounded",
    "It rounds the number kept and silences the rest; halves then fall the other way.",
    "Count for 5 filters at sparsity 0.5: which number does the text say is rounded?",
    observe=_behind_each_conv,
)
def rounded_kept(model, sparsity, criterion="l1"):
    return _pruned(model, sparsity, _by(criterion), lambda s, n: min(n - round((1 - s) * n), n - 1))


@mistake(
    "prune_filters",
    "sparsity read as density",
    "It keeps the fraction that should be silenced.",
    "At sparsity 0.9, how many of ten filters are left?",
    observe=_behind_each_conv,
)
def density(model, sparsity, criterion="l1"):
    return _pruned(model, sparsity, _by(criterion), lambda s, n: min(n - round(s * n), n - 1))


@mistake(
    "prune_filters",
    "batch-norm forgotten",
    "It sets filter and bias to zero; the batch-norm behind them makes something else of it.",
    FOLLOW,
    observe=_behind_each_conv,
)
def prune_norm_forgotten(model, sparsity, criterion="l1"):
    silent = copy.deepcopy(model)
    for layer in _convs(model):
        order = _scores(model[layer].weight, criterion).argsort().tolist()
        _zero(order[: _count(sparsity, len(order))], silent[layer].weight, silent[layer].bias)
    return silent


@mistake("prune_filters", *MEAN_LEFT, observe=_behind_each_conv)
def prune_mean_left(model, sparsity, criterion="l1"):
    dropped = {}
    for layer in _convs(model):
        order = _scores(model[layer].weight, criterion).argsort().tolist()
        dropped[layer] = order[: _count(sparsity, len(order))]
    return _mean_left(model, dropped)


@mistake(
    "prune_filters",
    "filter only",
    "It sets the filters to zero; bias and batch-norm still give a number.",
    FOLLOW,
    observe=_behind_each_conv,
)
def prune_filter_only(model, sparsity, criterion="l1"):
    silent = copy.deepcopy(model)
    for layer in _convs(model):
        order = _scores(model[layer].weight, criterion).argsort().tolist()
        _zero(order[: _count(sparsity, len(order))], silent[layer].weight)
    return silent


@mistake(
    "prune_filters",
    "single weights, not filters",
    "It sets the smallest weights to zero wherever they are, and no filter is silent.",
    "What is removed as a whole in filter pruning?",
    observe=_behind_each_conv,
)
def single_weights(model, sparsity, criterion="l1"):
    silent = copy.deepcopy(model)
    for layer in _convs(model):
        weight = silent[layer].weight.data.reshape(-1)
        weight[weight.abs().argsort()[: round(sparsity * weight.numel())]] = 0.0
    return silent


@mistake(
    "prune_filters",
    "first conv only",
    "It prunes one conv and leaves the others.",
    "How many convs does the model have, and how many does your loop reach?",
    observe=_behind_each_conv,
)
def first_conv_only(model, sparsity, criterion="l1"):
    layer = _convs(model)[0]
    order = _scores(model[layer].weight, criterion).argsort().tolist()
    return _silent_copy(model, {layer: order[: _count(sparsity, len(order))]})


# --- sensitivity -------------------------------------------------------------------------------


def _lowest(model, layer, sparsity):
    order = _scores(model[layer].weight, "l1").argsort().tolist()
    return order[: _count(sparsity, len(order))]


def _study(model, evaluate, sparsities, pruned):
    return {i: [evaluate(pruned(i, s)) for s in sparsities] for i in _convs(model)}


@mistake(
    "sensitivity",
    "all layers pruned",
    "Every evaluation sees all convs pruned, so that all layers look alike.",
    "How many layers are pruned in the model that you evaluate?",
)
def all_pruned(model, evaluate, sparsities):
    def pruned(_, sparsity):
        return _silent_copy(model, {i: _lowest(model, i, sparsity) for i in _convs(model)})

    return _study(model, evaluate, sparsities, pruned)


@mistake(
    "sensitivity",
    "layers before still pruned",
    "What was pruned to measure one layer is still pruned when the next is measured.",
    "With which model does each measurement start?",
)
def still_pruned(model, evaluate, sparsities):
    working = copy.deepcopy(model)

    def pruned(layer, sparsity):
        _silence(working, layer, _lowest(model, layer, sparsity))
        return working

    return _study(model, evaluate, sparsities, pruned)


@mistake(
    "sensitivity",
    "sparsities before still pruned",
    "A layer is pruned further and further: the filters of a higher sparsity do not come back.",
    "What is measured for [0.5, 0.0], and what should be at 0.0?",
)
def sparsity_stays(model, evaluate, sparsities):
    working = {layer: copy.deepcopy(model) for layer in _convs(model)}

    def pruned(layer, sparsity):
        _silence(working[layer], layer, _lowest(model, layer, sparsity))
        return working[layer]

    return _study(model, evaluate, sparsities, pruned)


@mistake(
    "sensitivity",
    "nothing pruned",
    "It evaluates the model as it was given.",
    "Which model do you hand to `evaluate`?",
)
def unpruned(model, evaluate, sparsities):
    return _study(model, evaluate, sparsities, lambda layer, sparsity: copy.deepcopy(model))


@mistake(
    "sensitivity",
    "loss against the unpruned model",
    "It returns differences to the unpruned model.",
    "Does the text ask for what `evaluate` returns, or for a difference?",
)
def differences(model, evaluate, sparsities):
    base = evaluate(copy.deepcopy(model))
    values = _study(
        model, evaluate, sparsities, lambda i, s: _silent_copy(model, {i: _lowest(model, i, s)})
    )
    return {layer: [base - value for value in row] for layer, row in values.items()}


@mistake(
    "sensitivity",
    "sparsities sorted",
    "The values are in the order of ascending sparsity, not in the order asked for.",
    "In which order should the values of one layer stand?",
)
def in_order(model, evaluate, sparsities):
    return _study(
        model,
        evaluate,
        sorted(sparsities),
        lambda i, s: _silent_copy(model, {i: _lowest(model, i, s)}),
    )


@mistake(
    "sensitivity",
    "convs counted",
    "Its keys count the convs; the text asks for indices into the Sequential.",
    "What does model[key] give for each of your keys?",
)
def counted(model, evaluate, sparsities):
    values = _study(
        model, evaluate, sparsities, lambda i, s: _silent_copy(model, {i: _lowest(model, i, s)})
    )
    return dict(enumerate(values.values()))


@mistake(
    "sensitivity",
    "pruned by the geometric median",
    "It ranks by the geometric median.",
    "Which criterion does the text name for this measurement?",
)
def by_median(model, evaluate, sparsities):
    def pruned(layer, sparsity):
        order = _scores(model[layer].weight, "geometric_median").argsort().tolist()
        return _silent_copy(model, {layer: order[: _count(sparsity, len(order))]})

    return _study(model, evaluate, sparsities, pruned)


@mistake(
    "sensitivity",
    "largest filters first",
    "It silences the filters of highest score.",
    "Which filters does one prune first?",
)
def largest_first(model, evaluate, sparsities):
    def pruned(layer, sparsity):
        order = (-_scores(model[layer].weight, "l1")).argsort().tolist()
        return _silent_copy(model, {layer: order[: _count(sparsity, len(order))]})

    return _study(model, evaluate, sparsities, pruned)


@mistake(
    "sensitivity",
    "batch-norm forgotten",
    "What is pruned is not silent: the batch-norm behind it still gives a number.",
    FOLLOW,
)
def not_silent(model, evaluate, sparsities):
    def pruned(layer, sparsity):
        silent = copy.deepcopy(model)
        _zero(_lowest(model, layer, sparsity), silent[layer].weight, silent[layer].bias)
        return silent

    return _study(model, evaluate, sparsities, pruned)


@mistake("sensitivity", *MEAN_LEFT)
def sensitivity_mean_left(model, evaluate, sparsities):
    return _study(
        model, evaluate, sparsities, lambda i, s: _mean_left(model, {i: _lowest(model, i, s)})
    )


@mistake(
    "sensitivity",
    "nothing left of a layer",
    "At high sparsity it silences every filter of a conv, where one must be left.",
    "At sparsity 1, how many filters does `prune_filters` leave?",
)
def sensitivity_nothing_left(model, evaluate, sparsities):
    def pruned(layer, sparsity):
        order = _scores(model[layer].weight, "l1").argsort().tolist()
        return _silent_copy(model, {layer: order[: round(sparsity * len(order))]})

    return _study(model, evaluate, sparsities, pruned)


@mistake(
    "sensitivity",
    "sparsity first",
    "It returns {sparsity: values of the layers}.",
    "What are the keys of the dict in the example?",
)
def by_sparsity(model, evaluate, sparsities):
    return {
        s: [evaluate(_silent_copy(model, {i: _lowest(model, i, s)})) for i in _convs(model)]
        for s in sparsities
    }


@mistake(
    "sensitivity",
    "sparsity read as density",
    "It keeps the fraction that should be silenced.",
    "What should the value at sparsity 0 be?",
)
def keeps_the_fraction(model, evaluate, sparsities):
    def pruned(layer, sparsity):
        order = _scores(model[layer].weight, "l1").argsort().tolist()
        gone = len(order) - max(1, round(sparsity * len(order)))
        return _silent_copy(model, {layer: order[:gone]})

    return _study(model, evaluate, sparsities, pruned)

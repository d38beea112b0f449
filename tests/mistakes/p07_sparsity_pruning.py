"""Wrong answers that people really give for p07."""

import copy
import math

import torch
from torch import nn

from tests.grading import mistake

# --- soft_threshold ------------------------------------------------------------------------


@mistake(
    "soft_threshold",
    "hard threshold",
    "It sets the small weights to zero and leaves the others as they are.",
    "What happens to a weight of 3 when the penalty on |w| is 1?",
)
def hard(weights, penalty):
    return torch.where(weights.abs() > penalty, weights, torch.zeros_like(weights))


@mistake(
    "soft_threshold",
    "sign lost",
    "It shrinks the magnitudes and returns them without their sign.",
    "What should become of −3?",
)
def sign_lost(weights, penalty):
    return (weights.abs() - penalty).clamp(min=0.0)


@mistake(
    "soft_threshold",
    "past zero",
    "It takes the penalty off the small weights too, and they come out on the other side of zero.",
    "Where does a weight of 0.5 stop when it is moved towards zero by 1?",
)
def past_zero(weights, penalty):
    return weights.sign() * (weights.abs() - penalty)


@mistake(
    "soft_threshold",
    "signed values",
    "It subtracts the penalty from the weights themselves, so every negative weight becomes 0.",
    "In which direction should a weight of −3 move?",
)
def one_sided(weights, penalty):
    return (weights - penalty).clamp(min=0.0)


@mistake(
    "soft_threshold",
    "quadratic penalty",
    "It shrinks all weights by a factor, as a penalty on w² does: that makes no zeros.",
    "Does the slope of |x| become smaller as x comes near zero? Does that of x²?",
)
def ridge(weights, penalty):
    return weights / (1 + penalty)


@mistake(
    "soft_threshold",
    "half the penalty",
    "It shrinks by penalty / 2, as if the squared distance had no factor ½.",
    "Write down the derivative of ½(x − w)² + penalty · x for x > 0.",
)
def half(weights, penalty):
    return weights.sign() * (weights.abs() - penalty / 2).clamp(min=0.0)


@mistake(
    "soft_threshold",
    "penalty relative to the largest",
    "It takes the penalty as a share of the largest magnitude.",
    "In which unit is the penalty given?",
)
def relative(weights, penalty):
    return weights.sign() * (weights.abs() - penalty * weights.abs().max()).clamp(min=0.0)


# --- group_soft_threshold ------------------------------------------------------------------


def _shrunk(weight, norms, penalty):
    """Shrink by these norms; those that are zero give a factor of 0."""
    factors = torch.where(norms > penalty, 1 - penalty / norms, torch.zeros_like(norms))
    while factors.ndim < weight.ndim:
        factors = factors.unsqueeze(-1)
    return weight * factors


@mistake(
    "group_soft_threshold",
    "weight by weight",
    "It shrinks every weight on its own, so the filter changes its direction.",
    "Should the ratio of two weights of one filter change?",
)
def elementwise(weight, penalty):
    return weight.sign() * (weight.abs() - penalty).clamp(min=0.0)


@mistake(
    "group_soft_threshold",
    "grouped by input channel",
    "It takes the norms of weight[:, i], which are the inputs' channels.",
    "Which axis of (out, in, kh, kw) counts the filters?",
)
def by_input(weight, penalty):
    return _shrunk(weight, weight.transpose(0, 1).flatten(1).norm(dim=1)[None], penalty)


@mistake(
    "group_soft_threshold",
    "grouped by kernel",
    "It takes a norm for each kernel weight[o, i], so parts of a filter can go alone.",
    "Over which of the axes (out, in, kh, kw) does one filter reach?",
)
def by_kernel(weight, penalty):
    return _shrunk(weight, weight.flatten(2).norm(dim=2), penalty)


@mistake(
    "group_soft_threshold",
    "one norm for all",
    "It takes the norm of the whole tensor.",
    "How many factors are there for a weight with 64 filters?",
)
def whole(weight, penalty):
    return _shrunk(weight, weight.norm().reshape(1), penalty)


@mistake(
    "group_soft_threshold",
    "negative factors",
    "It does not stop at 0: a filter shorter than the penalty comes back with its signs turned.",
    "What is 1 − penalty / norm for a very short filter?",
)
def negative_factors(weight, penalty):
    norms = weight.flatten(1).norm(dim=1)
    factors = torch.where(norms > 0, 1 - penalty / norms, torch.zeros_like(norms))
    return weight * factors.reshape(-1, 1, 1, 1)


@mistake(
    "group_soft_threshold",
    "NaN for a filter of zeros",
    "It divides 0 by 0 where a filter is all zero.",
    "What is penalty / norm for a filter that is zero already, and times 0?",
)
def nan_for_zeros(weight, penalty):
    norms = weight.flatten(1).norm(dim=1)
    return weight * (1 - penalty / norms).clamp(min=0.0).reshape(-1, 1, 1, 1)


@mistake(
    "group_soft_threshold",
    "hard threshold",
    "It drops the short filters and leaves the others at their length.",
    "What happens to a filter of norm 5 when the penalty on the norm is 1?",
)
def hard_groups(weight, penalty):
    norms = weight.flatten(1).norm(dim=1)
    return weight * (norms > penalty).to(weight.dtype).reshape(-1, 1, 1, 1)


@mistake(
    "group_soft_threshold",
    "squared norm",
    "It compares the penalty with the sum of squares, without the root.",
    "What is the norm of (3, 4)?",
)
def squared_norm(weight, penalty):
    return _shrunk(weight, weight.flatten(1).pow(2).sum(dim=1), penalty)


@mistake(
    "group_soft_threshold",
    "L1 norm",
    "It compares the penalty with the sum of absolute values.",
    "Which norm of the filter does the text name?",
)
def l1_norm(weight, penalty):
    return _shrunk(weight, weight.flatten(1).abs().sum(dim=1), penalty)


@mistake(
    "group_soft_threshold",
    "penalty times the root of the size",
    "It multiplies the penalty with √(in · kh · kw), as in some group lassos, not here.",
    "Which number is divided by the norm in the formula?",
)
def scaled_penalty(weight, penalty):
    norms = weight.flatten(1).norm(dim=1)
    return _shrunk(weight, norms, penalty * weight[0].numel() ** 0.5)


# --- slimming_penalty ----------------------------------------------------------------------


def _norms(model):
    return [layer for layer in model if isinstance(layer, nn.BatchNorm2d)]


def _value_and_slopes(outcome, call):
    """The penalty and its gradient by everything in the model, for any way to compute it."""
    parameters = list(call.args[0].parameters())
    if not outcome.requires_grad:
        return [outcome, None]
    slopes = torch.autograd.grad(outcome.sum(), parameters, retain_graph=True, allow_unused=True)
    return [outcome.reshape(()).double(), *(None if s is None else s for s in slopes)]


@mistake(
    "slimming_penalty",
    "shifts penalised too",
    "It adds up all parameters of the batch-norms, the shifts among them.",
    "Which of the two vectors of a batch-norm says how strongly a channel passes?",
)
def with_shifts(model, strength):
    return strength * sum(p.abs().sum() for norm in _norms(model) for p in norm.parameters())


@mistake(
    "slimming_penalty",
    "all weights penalised",
    "It adds up the weights of all layers.",
    "Which layers does the text name?",
)
def all_weights(model, strength):
    weights = [p for name, p in model.named_parameters() if name.endswith("weight")]
    return strength * sum(p.abs().sum() for p in weights)


@mistake(
    "slimming_penalty",
    "absolute value forgotten",
    "It adds the scales up with their signs, so they can run off to minus infinity.",
    "What would the loss gain by making a scale ever more negative?",
)
def signed(model, strength):
    return strength * sum(norm.weight.sum() for norm in _norms(model))


@mistake(
    "slimming_penalty",
    "squares",
    "It adds up squares; near zero their slope vanishes, and no scale gets there.",
    "How strongly is a scale of 0.001 pulled by its square, and how strongly by |·|?",
)
def squares(model, strength):
    return strength * sum(norm.weight.pow(2).sum() for norm in _norms(model))


@mistake(
    "slimming_penalty",
    "mean for sum",
    "It averages over the channels, so the strength of the pull depends on their number.",
    "What is the gradient by one scale: does it depend on how many others there are?",
)
def mean(model, strength):
    return strength * torch.cat([norm.weight for norm in _norms(model)]).abs().mean()


@mistake(
    "slimming_penalty",
    "mean of each layer",
    "It averages within each layer, so channels of wide layers are pulled less.",
    "What is the gradient by one scale: does it depend on how many others there are?",
)
def layer_means(model, strength):
    return strength * sum(norm.weight.abs().mean() for norm in _norms(model))


@mistake(
    "slimming_penalty",
    "last layer only",
    "It keeps the sum of the last batch-norm, where those of all are due.",
    "What becomes of the sum of one layer when the next one comes?",
)
def last_layer(model, strength):
    return strength * _norms(model)[-1].weight.abs().sum()


@mistake(
    "slimming_penalty",
    "strength forgotten",
    "It returns the sum without the strength.",
    "Call it with strength 0. What should come back?",
)
def no_strength(model, strength):
    return sum(norm.weight.abs().sum() for norm in _norms(model))


@mistake(
    "slimming_penalty",
    "norm of the scales",
    "It takes the L2 norm of the scales, which does not pull single ones to zero.",
    "Is √(a² + b²) the same as |a| + |b|?",
)
def l2_norm(model, strength):
    return strength * torch.cat([norm.weight for norm in _norms(model)]).norm()


@mistake(
    "slimming_penalty",
    "cut off from the scales",
    "Its value is right, but it carries no gradient, so it changes nothing in training.",
    "On the way from the scales to the sum, what cuts the graph?",
    observe=_value_and_slopes,
)
def detached(model, strength):
    total = sum(norm.weight.detach().abs().sum() for norm in _norms(model))
    return strength * total


@mistake(
    "slimming_penalty",
    "gradient to a copy",
    "It works on a copy of the model: the value is right, but no scale of the model is pulled.",
    "Whose scales does the optimizer hold?",
    observe=_value_and_slopes,
)
def of_a_copy(model, strength):
    return strength * sum(norm.weight.abs().sum() for norm in _norms(copy.deepcopy(model)))


# --- slim ----------------------------------------------------------------------------------


def _ranked(norms, key=abs):
    entries = [
        (key(scale), layer, channel)
        for layer, norm in enumerate(norms)
        for channel, scale in enumerate(norm.weight.tolist())
    ]
    return sorted(entries)


def _walk(model, ranked, due, keep=1, names=("weight", "bias"), make_up=True):
    """Silence `due` channels in that order, and leave `keep` in each layer."""
    slimmed = copy.deepcopy(model)
    norms = _norms(slimmed)
    left = [norm.num_features for norm in norms]
    with torch.no_grad():
        for _, layer, channel in ranked if make_up else ranked[:due]:
            if due > 0 and left[layer] > keep:
                for name in names:
                    getattr(norms[layer], name)[channel] = 0.0
                left[layer] -= 1
                due -= 1
    return slimmed


def _total(model):
    return sum(norm.num_features for norm in _norms(model))


@mistake(
    "slim",
    "layer by layer",
    "It ranks inside each layer, and takes the same share of each.",
    "Can a layer with large scales keep all of its channels?",
)
def layerwise(model, sparsity):
    slimmed = copy.deepcopy(model)
    with torch.no_grad():
        for norm in _norms(slimmed):
            count = min(round(sparsity * norm.num_features), norm.num_features - 1)
            gone = norm.weight.abs().argsort(stable=True)[:count]
            norm.weight[gone] = 0.0
            norm.bias[gone] = 0.0
    return slimmed


@mistake(
    "slim",
    "signed values",
    "It ranks the scales with their sign, so large negative ones go first.",
    "Which passes more of a channel, a scale of −3 or one of 0.1?",
)
def signed_scales(model, sparsity):
    ranked = _ranked(_norms(model), key=float)
    return _walk(model, ranked, round(sparsity * len(ranked)))


@mistake(
    "slim",
    "largest first",
    "It silences the channels of largest |scale|.",
    "Which end of the ranking do you cut off?",
)
def largest_first(model, sparsity):
    ranked = _ranked(_norms(model), key=lambda scale: -abs(scale))
    return _walk(model, ranked, round(sparsity * len(ranked)))


@mistake(
    "slim",
    "a layer emptied",
    "It silences all channels of a layer whose scales are small; nothing gets through any more.",
    "What does the network return when one of its layers has no channel left?",
)
def emptied(model, sparsity):
    ranked = _ranked(_norms(model))
    return _walk(model, ranked, round(sparsity * len(ranked)), keep=0)


@mistake(
    "slim",
    "nobody takes the place",
    "It looks at the first round(sparsity · total) channels alone; when one of them is passed "
    "over, too few go.",
    "How many channels should be silenced when one of the smallest is passed over?",
)
def no_make_up(model, sparsity):
    ranked = _ranked(_norms(model))
    return _walk(model, ranked, round(sparsity * len(ranked)), make_up=False)


@mistake(
    "slim",
    "shift left",
    "It sets the scale to zero, but the shift still comes through.",
    "What is left of scale · x + shift when only the scale is zero?",
)
def shift_left(model, sparsity):
    ranked = _ranked(_norms(model))
    return _walk(model, ranked, round(sparsity * len(ranked)), names=("weight",))


@mistake(
    "slim",
    "sparsity of what is left",
    "It does not count what an earlier call silenced: twice 50% gives 75%.",
    "Of how many channels is the sparsity a fraction?",
)
def of_the_rest(model, sparsity):
    ranked = [entry for entry in _ranked(_norms(model)) if entry[0] > 0]
    return _walk(model, ranked, round(sparsity * len(ranked)))


@mistake(
    "slim",
    "zeros taken for silenced",
    "It counts a scale that is zero as silenced already, so too many or the wrong ones are spared.",
    "Is a channel whose scale is zero, but whose shift is not, silent?",
)
def zeros_spared(model, sparsity):
    slimmed = copy.deepcopy(model)
    norms = _norms(slimmed)
    ranked = _ranked(norms)
    due = round(sparsity * len(ranked))
    with torch.no_grad():
        for _, layer, channel in ranked:
            if due > 0 and norms[layer].weight.count_nonzero() > 1:
                norms[layer].weight[channel] = 0.0
                norms[layer].bias[channel] = 0.0
                due -= 1
    return slimmed


@mistake(
    "slim",
    "sparsity read as density",
    "It keeps the fraction of the channels that should go.",
    "At sparsity 0.9, how many channels are left?",
)
def density(model, sparsity):
    ranked = _ranked(_norms(model))
    return _walk(model, ranked, len(ranked) - round(sparsity * len(ranked)))


@mistake(
    "slim",
    "truncated count",
    "It truncates sparsity · total, where the count is rounded.",
    "How many of 6 channels go at sparsity 0.3?",
)
def truncated(model, sparsity):
    return _walk(model, _ranked(_norms(model)), int(sparsity * _total(model)))


@mistake(
    "slim",
    "kept count rounded",
    "It rounds the number kept and silences the rest; halves then fall the other way.",
    "Count for 5 channels at sparsity 0.5: which number does the text say is rounded?",
)
def rounded_kept(model, sparsity):
    total = _total(model)
    return _walk(model, _ranked(_norms(model)), total - round((1 - sparsity) * total))


@mistake(
    "slim",
    "halves rounded up",
    "It rounds halves up; Python's round takes them to the even number.",
    "What is round(2.5) in Python?",
)
def half_up(model, sparsity):
    return _walk(model, _ranked(_norms(model)), math.floor(sparsity * _total(model) + 0.5))


@mistake(
    "slim",
    "count rounded up",
    "It rounds sparsity · total up, so now and then one channel too many goes.",
    "How many of 10 channels go at sparsity 0.12?",
)
def rounded_up(model, sparsity):
    return _walk(model, _ranked(_norms(model)), math.ceil(sparsity * _total(model)))


@mistake(
    "slim",
    "threshold at index k",
    "It takes the k-th scale of the ranking for a threshold and silences all up to it: one too "
    "many, more with ties.",
    "Try sparsity 0, and a model whose scales are all equal. How many go?",
)
def sorted_index(model, sparsity):
    ranked = _ranked(_norms(model))
    cut = ranked[min(int(sparsity * len(ranked)), len(ranked) - 1)][0]
    return _walk(model, ranked, sum(entry[0] <= cut for entry in ranked))


@mistake(
    "slim",
    "filter norms for scales",
    "It ranks by the norms of the convolutions' filters, not by the batch-norms' scales.",
    "Which numbers did the penalty push towards zero?",
)
def filter_norms(model, sparsity):
    convs = [
        before for before, layer in zip(model, list(model)[1:]) if isinstance(layer, nn.BatchNorm2d)
    ]
    ranked = sorted(
        (norm, layer, channel)
        for layer, conv in enumerate(convs)
        for channel, norm in enumerate(conv.weight.flatten(1).norm(dim=1).tolist())
    )
    return _walk(model, ranked, round(sparsity * len(ranked)))


# --- nm_mask -------------------------------------------------------------------------------


def _mask(runs, n):
    mask = torch.zeros_like(runs, dtype=torch.bool)
    order = runs.argsort(dim=1, descending=True, stable=True)
    return mask.scatter(1, order[:, :n], True)


@mistake(
    "nm_mask",
    "n removed",
    "It removes n of every m; here n is how many are kept.",
    "How many of 4 are kept in 1:4?",
)
def n_removed(weight, n, m):
    return _mask(weight.abs().reshape(-1, m), m - n).reshape(weight.shape)


@mistake(
    "nm_mask",
    "smallest kept",
    "It keeps the n smallest magnitudes of each run.",
    "Which weights of a run matter more?",
)
def smallest(weight, n, m):
    return _mask(-weight.abs().reshape(-1, m), n).reshape(weight.shape)


@mistake(
    "nm_mask",
    "signed values",
    "It ranks the weights with their sign, so large negative ones are removed.",
    "Which matters more to the output, a weight of −3 or one of 0.1?",
)
def signed_runs(weight, n, m):
    return _mask(weight.reshape(-1, m), n).reshape(weight.shape)


@mistake(
    "nm_mask",
    "runs along the outputs",
    "Its runs go from filter to filter: they are those of the transposed matrix.",
    "Which weights are multiplied with neighbouring inputs of one output?",
)
def along_outputs(weight, n, m):
    rows = weight.abs().reshape(len(weight), -1)
    mask = _mask(rows.T.reshape(-1, m), n)
    return mask.reshape(rows.shape[1], rows.shape[0]).T.reshape(weight.shape)


@mistake(
    "nm_mask",
    "every m-th weight",
    "It puts weights into a group that are far from one another, not neighbours.",
    "Write out the indices of your first group: are they 0 to m − 1?",
)
def strided(weight, n, m):
    rows = weight.abs().reshape(len(weight), m, -1).transpose(1, 2)
    mask = _mask(rows.reshape(-1, m), n).reshape(len(weight), -1, m)
    return mask.transpose(1, 2).reshape(weight.shape)


@mistake(
    "nm_mask",
    "runs along the input channels",
    "It groups the input channels at each place of the kernel, as some libraries do.",
    "In which order does reshape(out, -1) lay out in, kh and kw?",
)
def along_inputs(weight, n, m):
    moved = weight.abs().movedim(1, -1)
    if moved.shape[-1] % m:
        raise ValueError("m does not divide the input channels")
    return _mask(moved.reshape(-1, m), n).reshape(moved.shape).movedim(-1, 1)


@mistake(
    "nm_mask",
    "one share of all",
    "It keeps the n/m largest of the whole tensor, whichever runs they are in.",
    "Count the kept weights in each run.",
)
def share_of_all(weight, n, m):
    count = weight.numel() * n // m
    return _mask(weight.abs().reshape(1, -1), count).reshape(weight.shape)


@mistake(
    "nm_mask",
    "one share of each filter",
    "It keeps the n/m largest of each filter, whichever runs they are in.",
    "Count the kept weights in each run.",
)
def share_of_filter(weight, n, m):
    rows = weight.abs().reshape(len(weight), -1)
    return _mask(rows, rows.shape[1] * n // m).reshape(weight.shape)


@mistake(
    "nm_mask",
    "all ties kept",
    "It keeps everything that reaches the n-th largest of its run: with ties more than n.",
    "What does it return when all weights are equal?",
)
def ties_kept(weight, n, m):
    runs = weight.abs().reshape(-1, m)
    return (runs >= runs.topk(n, dim=1).values[:, -1:]).reshape(weight.shape)


@mistake(
    "nm_mask",
    "zeros never kept",
    "It does not keep a weight that is zero, so some runs keep fewer than n.",
    "How many True should a run of zeros have?",
)
def zeros_dropped(weight, n, m):
    return _mask(weight.abs().reshape(-1, m), n).reshape(weight.shape) & (weight != 0)

"""Wrong answers that people really give for p05."""

import copy
import math

import torch
from torch import nn

from tests.grading import mistake


def _run(model, layer, batch, train=False):
    """What the layer returns; the model given stays as it is."""
    model = copy.deepcopy(model[: layer + 1]).eval()
    for module in model:
        module.train(train and isinstance(module, nn.BatchNorm2d))
    with torch.no_grad():
        return model(batch)


def _rows(outputs):
    return outputs.transpose(0, 1).flatten(1)


def _outputs(model, layer, batches, train=False):
    return torch.cat([_rows(_run(model, layer, batch, train)) for batch in batches], dim=1)


def _share(outputs):
    return (outputs == 0).sum(dim=1) / outputs.shape[1]


def _batch_means(model, layer, batches, measure):
    means = [measure(_rows(_run(model, layer, batch))) for batch in batches]
    return sum(means) / len(means)


def _mean(outputs):
    return outputs.mean(dim=1)


# --- apoz ----------------------------------------------------------------------------------


@mistake(
    "apoz",
    "share of non-zeros",
    "It returns how often a channel is active, where APoZ counts the zeros.",
    "What should a channel that is always zero score?",
)
def active_share(model, layer, batches):
    return 1 - _share(_outputs(model, layer, batches))


@mistake(
    "apoz",
    "before the ReLU",
    "It counts zeros in what goes into the ReLU; there hardly anything is exactly zero.",
    "Where in the network are the zeros made?",
)
def apoz_before(model, layer, batches):
    return _share(_outputs(model, layer - 1, batches))


@mistake(
    "apoz",
    "mean of the batches' means",
    "It averages the shares of the batches, so a sample in a small batch weighs more.",
    "Put the same images into other batches. May the answer change?",
)
def apoz_of_batches(model, layer, batches):
    return _batch_means(model, layer, batches, _share)


@mistake(
    "apoz",
    "last batch only",
    "It keeps only what the last batch left behind.",
    "When the second batch comes, what becomes of the numbers of the first?",
)
def apoz_last(model, layer, batches):
    return _share(_outputs(model, layer, batches[-1:]))


@mistake(
    "apoz",
    "first batch only",
    "It measures the first batch and leaves the others out.",
    "Over which samples does the text count?",
)
def apoz_first(model, layer, batches):
    return _share(_outputs(model, layer, batches[:1]))


@mistake(
    "apoz",
    "batch-norm in train mode",
    "It runs the model in the mode it is in: in train mode the batch-norm uses the batch's own "
    "statistics.",
    "With which mean and variance will the network run once it is deployed?",
)
def apoz_train(model, layer, batches):
    return _share(_outputs(model, layer, batches, train=model.training))


@mistake(
    "apoz",
    "one share a place",
    "It averages over the samples only, and returns a map for each channel.",
    "A channel of 3×3 places in 10 samples: how many outputs has it?",
)
def apoz_places(model, layer, batches):
    return (torch.cat([_run(model, layer, b) for b in batches]) == 0).float().mean(dim=0)


@mistake(
    "apoz",
    "one share a sample",
    "It averages over the channels: a number for each sample comes back.",
    "Which axis of the outputs is the channel?",
)
def apoz_samples(model, layer, batches):
    return (torch.cat([_run(model, layer, b) for b in batches]) == 0).float().flatten(1).mean(1)


@mistake(
    "apoz",
    "share of samples that are zero everywhere",
    "It counts a sample only when the whole map of the channel is zero.",
    "What is counted: maps, or the entries in them?",
)
def whole_maps(model, layer, batches):
    maps = torch.cat([_run(model, layer, batch) for batch in batches])
    return (maps.reshape(*maps.shape[:2], -1) == 0).all(dim=2).float().mean(dim=0)


@mistake(
    "apoz",
    "percent",
    "It returns percent, where the text asks for a share in [0, 1].",
    "In which unit is APoZ here, whatever its name says?",
)
def percent(model, layer, batches):
    return 100 * _share(_outputs(model, layer, batches))


@mistake(
    "apoz",
    "count of zeros",
    "It returns how many zeros there are, and not which share of the entries they are.",
    "By what is the number of zeros to be divided?",
)
def zeros_counted(model, layer, batches):
    return (_outputs(model, layer, batches) == 0).sum(dim=1).float()


# --- mean_activation -----------------------------------------------------------------------


@mistake(
    "mean_activation",
    "before the ReLU",
    "It averages what goes into the ReLU, negative values included.",
    "Can the mean of what a ReLU returns be negative?",
)
def mean_before(model, layer, batches):
    return _mean(_outputs(model, layer - 1, batches))


@mistake(
    "mean_activation",
    "mean of the batches' means",
    "It averages the means of the batches, so a sample in a small batch weighs more.",
    "Put the same images into other batches. May the answer change?",
)
def mean_of_batches(model, layer, batches):
    return _batch_means(model, layer, batches, _mean)


@mistake(
    "mean_activation",
    "last batch only",
    "It keeps only what the last batch left behind.",
    "When the second batch comes, what becomes of the numbers of the first?",
)
def mean_last(model, layer, batches):
    return _mean(_outputs(model, layer, batches[-1:]))


@mistake(
    "mean_activation",
    "first batch only",
    "It measures the first batch and leaves the others out.",
    "Over which samples does the text average?",
)
def mean_first(model, layer, batches):
    return _mean(_outputs(model, layer, batches[:1]))


@mistake(
    "mean_activation",
    "batch-norm in train mode",
    "It runs the model in the mode it is in: in train mode the batch-norm uses the batch's own "
    "statistics.",
    "With which mean and variance will the network run once it is deployed?",
)
def mean_train(model, layer, batches):
    return _mean(_outputs(model, layer, batches, train=model.training))


@mistake(
    "mean_activation",
    "mean of the active ones",
    "It divides by the number of positive outputs, and leaves the zeros out.",
    "Two channels fire equally strongly, one of them rarely. Should they score the same?",
)
def mean_of_active(model, layer, batches):
    outputs = _outputs(model, layer, batches)
    return outputs.sum(dim=1) / (outputs > 0).sum(dim=1).clamp(min=1)


@mistake(
    "mean_activation",
    "sum of the outputs",
    "It adds the outputs up and does not divide by their number.",
    "Show the same images twice. Should the answer double?",
)
def summed(model, layer, batches):
    return _outputs(model, layer, batches).sum(dim=1)


@mistake(
    "mean_activation",
    "sum over the places",
    "It divides by the number of samples alone, so large maps score more.",
    "A channel of 3×3 places in 10 samples: how many outputs has it?",
)
def mean_of_sums(model, layer, batches):
    return _outputs(model, layer, batches).sum(dim=1) / sum(len(batch) for batch in batches)


@mistake(
    "mean_activation",
    "one mean a place",
    "It averages over the samples only, and returns a map for each channel.",
    "A channel of 3×3 places in 10 samples: how many outputs has it?",
)
def mean_places(model, layer, batches):
    return torch.cat([_run(model, layer, batch) for batch in batches]).mean(dim=0)


# --- prune_by_activation -------------------------------------------------------------------


def _behaviour(outcome, call):
    """What the ReLU and the whole returned model compute: how it was silenced is no matter."""
    layer, batches = call.args[1], call.args[2]
    data = torch.cat(list(batches))
    inputs = torch.cat((data, -3 * data, 0 * data, 1 - data))
    training = [module.training for module in outcome.modules()]
    outcome.eval()
    with torch.no_grad():
        seen = [outcome[: layer + 1](inputs), outcome(inputs)]
    for module, flag in zip(outcome.modules(), training):
        module.training = flag
    return seen


def _ranked(model, layer, batches, first=None, train=False, tie="mean"):
    """The channels in the order in which they go."""
    outputs = _outputs(model, layer, batches, train)
    zeros = _share(outputs).tolist() if first is None else first
    seconds = {"mean": _mean(outputs).tolist(), "none": [0.0] * len(zeros)}
    seconds["reversed"] = [-value for value in seconds["mean"]]
    return sorted(range(len(zeros)), key=lambda c: (-zeros[c], seconds[tie][c]))


def _silence(model, layer, channels, names=("weight", "bias", "running_mean"), norm=True):
    pruned = copy.deepcopy(model)
    with torch.no_grad():
        for below in reversed(pruned[:layer]):
            is_norm = isinstance(below, nn.BatchNorm2d)
            for name in names:
                tensor = getattr(below, name, None)
                if tensor is not None and (norm or not is_norm):
                    tensor[channels] = 0.0
            if not is_norm:
                break
    return pruned


def _count(sparsity, channels):
    return round(sparsity * len(channels))


@mistake(
    "prune_by_activation",
    "lowest APoZ goes",
    "It silences the channels that are active most of the time.",
    "A channel that is always zero: should it go first or last?",
    observe=_behaviour,
)
def lowest_first(model, layer, batches, sparsity):
    order = _ranked(model, layer, batches)[::-1]
    return _silence(model, layer, order[: _count(sparsity, order)])


@mistake(
    "prune_by_activation",
    "only the filter is zero",
    "It sets the weights to zero, but the bias or the batch-norm's shift still comes through.",
    "With a filter of zeros, what does the ReLU get?",
    observe=_behaviour,
)
def filter_only(model, layer, batches, sparsity):
    order = _ranked(model, layer, batches)
    gone = order[: _count(sparsity, order)]
    return _silence(model, layer, gone, names=("weight",), norm=False)


@mistake(
    "prune_by_activation",
    "batch-norm shift leaks",
    "It silences the convolution, bias included, but not the batch-norm behind it.",
    "What does a batch-norm make of a channel of zeros?",
    observe=_behaviour,
)
def norm_leaks(model, layer, batches, sparsity):
    order = _ranked(model, layer, batches)
    return _silence(model, layer, order[: _count(sparsity, order)], norm=False)


@mistake(
    "prune_by_activation",
    "running mean of an affine-free batch-norm",
    "Without scale and shift there is nothing to set to zero, and the running mean is subtracted.",
    "What does BatchNorm2d(affine=False) make of a channel of zeros, in eval mode?",
    observe=_behaviour,
)
def mean_left(model, layer, batches, sparsity):
    order = _ranked(model, layer, batches)
    return _silence(model, layer, order[: _count(sparsity, order)], names=("weight", "bias"))


@mistake(
    "prune_by_activation",
    "shift or bias left",
    "It sets weights and scales to zero, but neither the bias nor the batch-norm's shift.",
    "What is left of scale · x + shift when only the scale is zero?",
    observe=_behaviour,
)
def shift_left(model, layer, batches, sparsity):
    order = _ranked(model, layer, batches)
    return _silence(model, layer, order[: _count(sparsity, order)], names=("weight",))


@mistake(
    "prune_by_activation",
    "consumer cut instead",
    "It cuts what reads the channel: the ReLU itself still returns it.",
    "Look at what the ReLU returns. Is the channel zero there?",
    observe=_behaviour,
)
def consumer(model, layer, batches, sparsity):
    order = _ranked(model, layer, batches)
    gone = order[: _count(sparsity, order)]
    pruned = copy.deepcopy(model)
    with torch.no_grad():
        for reader in pruned[layer + 1 :]:
            if isinstance(reader, nn.Conv2d):
                reader.weight[:, gone] = 0.0
                break
            if isinstance(reader, nn.Linear):
                blocks = reader.weight.reshape(reader.out_features, len(order), -1)
                blocks[:, gone] = 0.0
                break
    return pruned


@mistake(
    "prune_by_activation",
    "ties in order of the index",
    "Among equal APoZ it takes the channels as they come; the mean activation decides there.",
    "Two channels are zero equally often, one of them fires weakly. Which one is missed less?",
    observe=_behaviour,
)
def ties_by_index(model, layer, batches, sparsity):
    order = _ranked(model, layer, batches, tie="none")
    return _silence(model, layer, order[: _count(sparsity, order)])


@mistake(
    "prune_by_activation",
    "ties the wrong way round",
    "Among equal APoZ the channels of higher mean activation go first.",
    "Two channels are zero equally often, one of them fires weakly. Which one is missed less?",
    observe=_behaviour,
)
def ties_reversed(model, layer, batches, sparsity):
    order = _ranked(model, layer, batches, tie="reversed")
    return _silence(model, layer, order[: _count(sparsity, order)])


@mistake(
    "prune_by_activation",
    "mean activation alone",
    "It ranks by the mean activation and does not look at APoZ first.",
    "Which of the two measures does the text name first, and what is the other for?",
    observe=_behaviour,
)
def by_mean(model, layer, batches, sparsity):
    first = [-value for value in _mean(_outputs(model, layer, batches)).tolist()]
    order = _ranked(model, layer, batches, first=first)
    return _silence(model, layer, order[: _count(sparsity, order)])


@mistake(
    "prune_by_activation",
    "mean of the batches' means",
    "It ranks by the average of the batches' shares, so samples of small batches weigh more.",
    "Put the same images into other batches. May the answer change?",
    observe=_behaviour,
)
def ranked_by_batch_means(model, layer, batches, sparsity):
    first = _batch_means(model, layer, batches, _share).tolist()
    order = _ranked(model, layer, batches, first=first)
    return _silence(model, layer, order[: _count(sparsity, order)])


@mistake(
    "prune_by_activation",
    "last batch only",
    "It ranks by what the last batch left behind.",
    "When the second batch comes, what becomes of the numbers of the first?",
    observe=_behaviour,
)
def ranked_by_last(model, layer, batches, sparsity):
    order = _ranked(model, layer, batches[-1:])
    return _silence(model, layer, order[: _count(sparsity, order)])


@mistake(
    "prune_by_activation",
    "batch-norm in train mode",
    "It measures in the mode the model is in: in train mode the batch-norm uses the batch's own "
    "statistics.",
    "With which mean and variance will the network run once it is deployed?",
    observe=_behaviour,
)
def ranked_in_train_mode(model, layer, batches, sparsity):
    order = _ranked(model, layer, batches, train=model.training)
    return _silence(model, layer, order[: _count(sparsity, order)])


@mistake(
    "prune_by_activation",
    "one channel always left",
    "It leaves one channel alive; here all of them go at sparsity 1.",
    "What does the text say of sparsity 1?",
    observe=_behaviour,
)
def one_left(model, layer, batches, sparsity):
    order = _ranked(model, layer, batches)
    return _silence(model, layer, order[: min(_count(sparsity, order), len(order) - 1)])


@mistake(
    "prune_by_activation",
    "sparsity read as density",
    "It keeps the fraction of the channels that should go.",
    "At sparsity 0.9, how many channels are left?",
    observe=_behaviour,
)
def density(model, layer, batches, sparsity):
    order = _ranked(model, layer, batches)
    return _silence(model, layer, order[: len(order) - _count(sparsity, order)])


@mistake(
    "prune_by_activation",
    "truncated count",
    "It truncates sparsity · c, where the count is rounded.",
    "How many of 3 channels go at sparsity 0.9?",
    observe=_behaviour,
)
def truncated(model, layer, batches, sparsity):
    order = _ranked(model, layer, batches)
    return _silence(model, layer, order[: int(sparsity * len(order))])


@mistake(
    "prune_by_activation",
    "kept count rounded",
    "It rounds the number kept and silences the rest; halves then fall the other way.",
    "Count for 5 channels at sparsity 0.5: which number does the text say is rounded?",
    observe=_behaviour,
)
def rounded_kept(model, layer, batches, sparsity):
    order = _ranked(model, layer, batches)
    return _silence(model, layer, order[: len(order) - round((1 - sparsity) * len(order))])


@mistake(
    "prune_by_activation",
    "halves rounded up",
    "It rounds halves up; Python's round takes them to the even number.",
    "What is round(2.5) in Python?",
    observe=_behaviour,
)
def half_up(model, layer, batches, sparsity):
    order = _ranked(model, layer, batches)
    return _silence(model, layer, order[: math.floor(sparsity * len(order) + 0.5)])


@mistake(
    "prune_by_activation",
    "count rounded up",
    "It rounds sparsity · c up, so now and then one channel too many goes.",
    "How many of 4 channels go at sparsity 0.3?",
    observe=_behaviour,
)
def rounded_up(model, layer, batches, sparsity):
    order = _ranked(model, layer, batches)
    return _silence(model, layer, order[: math.ceil(sparsity * len(order))])


@mistake(
    "prune_by_activation",
    "APoZ above the sparsity",
    "It takes the sparsity for a threshold: every channel whose APoZ reaches it goes.",
    "Of what is the sparsity a fraction: of the zeros of a channel, or of the channels?",
    observe=_behaviour,
)
def threshold(model, layer, batches, sparsity):
    zeros = _share(_outputs(model, layer, batches)).tolist()
    return _silence(model, layer, [c for c, share in enumerate(zeros) if share >= sparsity])


@mistake(
    "prune_by_activation",
    "only dead channels",
    "It silences none but the channels that are zero everywhere on this data.",
    "How many channels should go, whatever their APoZ?",
    observe=_behaviour,
)
def dead_only(model, layer, batches, sparsity):
    zeros = _share(_outputs(model, layer, batches)).tolist()
    order = [c for c in _ranked(model, layer, batches) if zeros[c] == 1]
    return _silence(model, layer, order[: round(sparsity * len(zeros))])

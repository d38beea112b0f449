"""Wrong answers that people really give for p02."""

import copy

import torch
from torch import nn

from tests.grading import mistake


@mistake(
    "channel_norms",
    "L1 for L2",
    "It sums the absolute values of each filter; the L2 norm is asked for.",
    "What is the length of the arrow (3, 4)?",
)
def l1_norms(conv):
    return conv.weight.detach().flatten(1).abs().sum(dim=1)


@mistake(
    "channel_norms",
    "root forgotten",
    "It returns the sum of squares, without the root.",
    "What should double when every weight of a filter doubles, and by what factor?",
)
def squared_norms(conv):
    return conv.weight.detach().flatten(1).square().sum(dim=1)


@mistake(
    "channel_norms",
    "root of the mean",
    "It takes the mean of the squares where the sum belongs.",
    "Does the norm of a filter of ones hang on how many weights it has?",
)
def rms_norms(conv):
    return conv.weight.detach().flatten(1).square().mean(dim=1).sqrt()


@mistake(
    "channel_norms",
    "input channels for output channels",
    "It returns a norm for each input channel: the sum runs over the wrong axes.",
    "A Conv2d weight is (out, in, kh, kw). Which axis must be left when all others are summed?",
)
def input_norms(conv):
    return conv.weight.detach().transpose(0, 1).flatten(1).norm(dim=1)


@mistake(
    "channel_norms",
    "a norm for each kernel",
    "It sums over the kernel only: a number for each pair of output and input channel.",
    "How many numbers should there be for a conv with 8 output channels?",
)
def kernel_norms(conv):
    return conv.weight.detach().flatten(2).norm(dim=2)


@mistake(
    "channel_norms",
    "signed sum",
    "It adds the weights up before it takes the absolute value, so that they cancel.",
    "What does it say of a filter (5, −5)?",
)
def signed_sums(conv):
    return conv.weight.detach().flatten(1).sum(dim=1).abs()


@mistake(
    "channel_norms",
    "largest weight",
    "It takes the largest absolute weight of each filter, another norm.",
    "Which norm is the root of the sum of squares, and which is the maximum?",
)
def largest_weights(conv):
    return conv.weight.detach().flatten(1).abs().amax(dim=1)


@mistake(
    "channel_norms",
    "bias included",
    "It counts the bias among the weights of the filter.",
    "What does the text say of the bias?",
)
def norms_with_bias(conv):
    filters = conv.weight.detach().flatten(1)
    if conv.bias is not None:
        filters = torch.cat([filters, conv.bias.detach()[:, None]], dim=1)
    return filters.norm(dim=1)


def _cut(module, name, indices, dim=0):
    tensor = getattr(module, name)
    if tensor is None:
        return
    cut = tensor.detach().index_select(dim, torch.tensor(indices, dtype=torch.long))
    if isinstance(tensor, nn.Parameter):
        cut = nn.Parameter(cut, requires_grad=tensor.requires_grad)
    setattr(module, name, cut)


def _blocks(keep, channels, features):
    size = features // channels
    return [c * size + i for c in keep for i in range(size)]


def _consumer(model, layer):
    for index in range(layer + 1, len(model)):
        if isinstance(model[index], (nn.Conv2d, nn.Linear)):
            return index
    return None


def _remove(
    model,
    layer,
    keep,
    conv=("weight", "bias"),
    norm=("weight", "bias", "running_mean", "running_var"),
    consumer=True,
    axis=1,
    columns=_blocks,
    sizes=True,
):
    """A right answer, with a switch for everything that can be forgotten."""
    model = copy.deepcopy(model)
    channels = model[layer].out_channels
    for name in conv:
        _cut(model[layer], name, keep)
    if isinstance(model[layer + 1], nn.BatchNorm2d):
        for name in norm:
            _cut(model[layer + 1], name, keep)
        if sizes and norm:
            model[layer + 1].num_features = len(keep)
    reader = model[_consumer(model, layer)]
    if consumer and isinstance(reader, nn.Conv2d):
        _cut(reader, "weight", keep, axis)
        if sizes:
            reader.in_channels = len(keep)
    elif consumer:
        _cut(reader, "weight", columns(keep, channels, reader.in_features), 1)
        if sizes:
            reader.in_features = reader.weight.shape[1]
    if sizes:
        model[layer].out_channels = len(keep)
    return model


def _to_the_last_bit(outcome, call):
    """What was cut is copied, so nothing may differ, nor a mode or a frozen weight."""
    return (
        outcome,
        [module.training for module in outcome],
        [parameter.requires_grad for parameter in outcome.parameters()],
        [tensor.numpy().tobytes() for tensor in outcome.state_dict().values()],
    )


@mistake(
    "remove_channels",
    "running statistics not cut",
    "The batch-norm loses scale and shift, but its running mean and variance keep the old size.",
    "How many vectors of one number a channel does a BatchNorm2d hold? Two are no parameters.",
)
def statistics_kept(model, layer, keep):
    return _remove(model, layer, sorted(keep), norm=("weight", "bias"))


@mistake(
    "remove_channels",
    "batch-norm not cut",
    "The batch-norm behind the conv still has the old number of channels.",
    "Between the conv and its consumer, who else holds one number a channel?",
)
def norm_kept(model, layer, keep):
    return _remove(model, layer, sorted(keep), norm=())


@mistake(
    "remove_channels",
    "batch-norm cut to its first entries",
    "The batch-norm is shortened to the new length, whichever channels are kept.",
    "When channel 0 goes, whose running mean should stand first?",
)
def norm_truncated(model, layer, keep):
    cut = _remove(model, layer, sorted(keep))
    if isinstance(cut[layer + 1], nn.BatchNorm2d):
        for name in ("weight", "bias", "running_mean", "running_var"):
            original = getattr(model[layer + 1], name)
            if original is not None:
                getattr(cut[layer + 1], name).data.copy_(original.detach()[: len(keep)])
    return cut


@mistake(
    "remove_channels",
    "Linear cut by channel number",
    "It takes the columns of the Linear by the channels' numbers: one column for each channel.",
    "How many inputs of the Linear come from one channel of H·W pixels?",
)
def linear_by_number(model, layer, keep):
    return _remove(model, layer, sorted(keep), columns=lambda keep, *_: keep)


@mistake(
    "remove_channels",
    "Linear cut in strides",
    "It takes every column whose number leaves a kept channel as the remainder: channels last.",
    "Flatten an array of shape (2, 3) by hand. Do the numbers of a row stand side by side?",
)
def linear_in_strides(model, layer, keep):
    return _remove(
        model,
        layer,
        sorted(keep),
        columns=lambda keep, channels, features: [
            i for i in range(features) if i % channels in keep
        ],
    )


@mistake(
    "remove_channels",
    "Linear cut to its first columns",
    "The Linear is shortened to the new length, whichever channels are kept.",
    "When channel 0 goes, which columns of the Linear have nothing to read any more?",
)
def linear_truncated(model, layer, keep):
    return _remove(
        model,
        layer,
        sorted(keep),
        columns=lambda keep, channels, features: list(range(features // channels * len(keep))),
    )


@mistake(
    "remove_channels",
    "next conv cut on the wrong axis",
    "It removes output channels of the next conv, where input channels have gone.",
    "Which axis of a Conv2d weight counts what comes in?",
)
def wrong_axis(model, layer, keep):
    original = model[_consumer(model, layer)]
    if isinstance(original, nn.Conv2d):
        keep = [k for k in keep if k < original.out_channels]
    return _remove(model, layer, sorted(keep), axis=0)


@mistake(
    "remove_channels",
    "consumer not cut",
    "The layer that reads the channels still expects all of them.",
    "Who reads the output of this conv, and how many channels does it expect?",
)
def consumer_kept(model, layer, keep):
    return _remove(model, layer, sorted(keep), consumer=False)


@mistake(
    "remove_channels",
    "conv bias not cut",
    "The filters go, the bias of the conv keeps its old length.",
    "What else in a Conv2d has one number an output channel?",
)
def bias_kept(model, layer, keep):
    return _remove(model, layer, sorted(keep), conv=("weight",))


@mistake(
    "remove_channels",
    "conv bias lost",
    "The smaller conv has no bias, though the original has one.",
    "What does the smaller conv add to a channel that it keeps?",
)
def bias_lost(model, layer, keep):
    cut = _remove(model, layer, sorted(keep))
    cut[layer].bias = None
    return cut


@mistake(
    "remove_channels",
    "sizes not stated anew",
    "The tensors are cut, but out_channels, in_channels, num_features and in_features are old.",
    "Print the smaller model. Are the sizes that you read those of its tensors?",
)
def stale_sizes(model, layer, keep):
    return _remove(model, layer, sorted(keep), sizes=False)


@mistake(
    "remove_channels",
    "kept in the order of keep",
    "The channels stand in the order in which keep names them.",
    "Which order does the text ask for?",
)
def order_of_keep(model, layer, keep):
    return _remove(model, layer, list(keep))


@mistake(
    "remove_channels",
    "kept and removed swapped",
    "It removes the channels in keep and leaves the others.",
    "Does the argument name what stays or what goes?",
)
def swapped(model, layer, keep):
    others = [c for c in range(model[layer].out_channels) if c not in keep]
    return _remove(model, layer, others)


@mistake(
    "remove_channels",
    "the first ones kept",
    "It shortens every tensor to the new length, so the first channels stay whatever keep says.",
    "What does your code do differently for keep = [0] and keep = [1]?",
)
def first_ones(model, layer, keep):
    return _remove(model, layer, list(range(len(keep))))


@mistake(
    "remove_channels",
    "zeroed, not removed",
    "It sets the filters to zero and leaves them in: nothing is smaller, and the batch-norm's "
    "shift still leaks out of them.",
    "How many multiplications does the next layer save when a channel is all zeros?",
)
def zeroed(model, layer, keep):
    model = copy.deepcopy(model)
    gone = [c for c in range(model[layer].out_channels) if c not in keep]
    with torch.no_grad():
        model[layer].weight[gone] = 0.0
        if model[layer].bias is not None:
            model[layer].bias[gone] = 0.0
    return model


@mistake(
    "remove_channels",
    "always in eval mode",
    "The copy is in eval mode, though the model was given in train mode.",
    "What will the caller have to do before the smaller model is retrained?",
    observe=_to_the_last_bit,
)
def eval_mode(model, layer, keep):
    return _remove(model, layer, sorted(keep)).eval()


@mistake(
    "remove_channels",
    "always in train mode",
    "The copy is in train mode, though the model was given in eval mode.",
    "In which mode is a layer that has just been built?",
    observe=_to_the_last_bit,
)
def train_mode(model, layer, keep):
    return _remove(model, layer, sorted(keep)).train()


@mistake(
    "remove_channels",
    "weights that take no gradient",
    "What was cut is no longer trained: its requires_grad is False.",
    "A pruned network is retrained. Which of its parameters will the optimizer move?",
    observe=_to_the_last_bit,
)
def frozen(model, layer, keep):
    cut = _remove(model, layer, sorted(keep))
    for module in (cut[layer], cut[layer + 1], cut[_consumer(model, layer)]):
        for parameter in module.parameters():
            parameter.requires_grad_(False)
    return cut


@mistake(
    "remove_channels",
    "frozen weights thawed",
    "What was cut requires a gradient again, though it was frozen in the model given.",
    "What is requires_grad of a parameter that has just been made?",
    observe=_to_the_last_bit,
)
def thawed(model, layer, keep):
    cut = _remove(model, layer, sorted(keep))
    for parameter in (*cut[layer].parameters(), cut[_consumer(model, layer)].weight):
        parameter.requires_grad = True
    if isinstance(cut[layer + 1], nn.BatchNorm2d):
        cut[layer + 1].requires_grad_(True)
    return cut


@mistake(
    "remove_channels",
    "batch-norm with default settings",
    "The batch-norm is built anew, with the default eps and momentum.",
    "Which arguments does the BatchNorm2d have that you build, and which had the one given?",
    observe=_to_the_last_bit,
)
def default_norm(model, layer, keep):
    cut = _remove(model, layer, sorted(keep))
    if isinstance(cut[layer + 1], nn.BatchNorm2d):
        cut[layer + 1].eps, cut[layer + 1].momentum = 1e-5, 0.1
    return cut


@mistake(
    "remove_channels",
    "conv with default settings",
    "The conv is built anew, without padding_mode and dilation.",
    "Which arguments does the Conv2d have that you build, and which had the one given?",
    observe=_to_the_last_bit,
)
def default_conv(model, layer, keep):
    cut = _remove(model, layer, sorted(keep))
    cut[layer].padding_mode, cut[layer].dilation = "zeros", (1, 1)
    return cut


def _norms(conv):
    return conv.weight.detach().double().flatten(1).norm(dim=1)


def _prune(model, sparsity, count=None, score=_norms, ordered=True, skip=()):
    """A right answer, with the count and the score to be given."""
    count = count or (lambda channels: round(sparsity * channels))
    kept = {}
    for layer, conv in enumerate(model):
        if isinstance(conv, nn.Conv2d) and layer not in skip:
            gone = min(count(conv.out_channels), conv.out_channels - 1)
            keep = score(conv).argsort(stable=True)[gone:].tolist()
            kept[layer] = sorted(keep) if ordered else keep
    smaller = copy.deepcopy(model)
    for layer, keep in kept.items():
        smaller = _remove(smaller, layer, keep)
    return smaller


def _convs(model):
    return [i for i, layer in enumerate(model) if isinstance(layer, nn.Conv2d)]


@mistake(
    "prune_channels",
    "scores of the cut model",
    "It ranks a layer after the one before it was cut, by what is left of its weights.",
    "Of which model are the norms, says the text?",
)
def scores_after_the_cut(model, sparsity):
    smaller = copy.deepcopy(model)
    for layer in _convs(model):
        conv = smaller[layer]
        gone = min(round(sparsity * conv.out_channels), conv.out_channels - 1)
        keep = _norms(conv).argsort(stable=True)[gone:].tolist()
        smaller = _remove(smaller, layer, sorted(keep))
    return smaller


@mistake(
    "prune_channels",
    "one ranking for all layers",
    "It ranks the channels of all convs together, and layers of small filters lose the most.",
    "Do norms of filters of 9 and of 900 weights compare?",
)
def global_ranking(model, sparsity):
    channels = [
        (float(norm), layer, c)
        for layer in _convs(model)
        for c, norm in enumerate(_norms(model[layer]))
    ]
    gone = {(layer, c) for _, layer, c in sorted(channels)[: round(sparsity * len(channels))]}
    smaller = copy.deepcopy(model)
    for layer in _convs(model):
        total = model[layer].out_channels
        keep = [c for c in range(total) if (layer, c) not in gone]
        smaller = _remove(smaller, layer, keep or [int(_norms(model[layer]).argmax())])
    return smaller


@mistake(
    "prune_channels",
    "L1 for L2",
    "It ranks by the sum of absolute values; the L2 norm is asked for.",
    "Which of (3, 3) and (0, 5) has the larger L2 norm, and which the larger L1 norm?",
)
def ranked_by_l1(model, sparsity):
    return _prune(model, sparsity, score=lambda conv: conv.weight.flatten(1).abs().sum(1))


@mistake(
    "prune_channels",
    "signed sums",
    "It ranks by the sum of the weights, in which large ones of both signs cancel.",
    "What does the sum say of a filter (5, −5)?",
)
def ranked_by_sums(model, sparsity):
    return _prune(model, sparsity, score=lambda conv: conv.weight.flatten(1).sum(1).abs())


@mistake(
    "prune_channels",
    "bias ranked too",
    "It counts the bias among the weights of the filter.",
    "What is the norm of a channel taken of, says the text of channel_norms?",
)
def ranked_with_bias(model, sparsity):
    return _prune(model, sparsity, score=norms_with_bias)


@mistake(
    "prune_channels",
    "largest removed",
    "It removes the channels of largest norm.",
    "Which end of the sorted norms do you cut off?",
)
def largest_removed(model, sparsity):
    return _prune(model, sparsity, score=lambda conv: -_norms(conv))


@mistake(
    "prune_channels",
    "kept in the order of the norms",
    "The kept channels stand in the order of their norms, not in that of the original.",
    "What does a slice of an argsort look like before you hand it on?",
)
def order_of_norms(model, sparsity):
    return _prune(model, sparsity, ordered=False)


@mistake(
    "prune_channels",
    "sparsity read as density",
    "It keeps the fraction that should be removed.",
    "At sparsity 0, how many channels go?",
)
def density(model, sparsity):
    return _prune(model, sparsity, count=lambda n: n - round(sparsity * n))


@mistake(
    "prune_channels",
    "truncated count",
    "It truncates sparsity · c, where the count is rounded.",
    "How many of 4 channels go at sparsity 0.7?",
)
def truncated(model, sparsity):
    return _prune(model, sparsity, count=lambda n: int(sparsity * n))


@mistake(
    "prune_channels",
    "count rounded up",
    "It rounds sparsity · c up, so now and then one channel too many goes.",
    "How many of 4 channels go at sparsity 0.3?",
)
def rounded_up(model, sparsity):
    return _prune(model, sparsity, count=lambda n: -int(-sparsity * n // 1))


@mistake(
    "prune_channels",
    "kept count rounded",
    "It rounds the number kept and removes the rest; halves then fall the other way.",
    "Count for 3 channels at sparsity 0.5: which number does the text say is rounded?",
)
def rounded_kept(model, sparsity):
    return _prune(model, sparsity, count=lambda n: n - round((1 - float(sparsity)) * n))


@mistake(
    "prune_channels",
    "halves rounded up",
    "It rounds halves up; Python's round takes them to the even number.",
    "What is round(2.5) in Python?",
)
def half_up(model, sparsity):
    return _prune(model, sparsity, count=lambda n: int(sparsity * n + 0.5))


@mistake(
    "prune_channels",
    "ties go together",
    "It cuts all channels up to the k-th smallest norm: equal ones go together, too many of them.",
    "All filters are equal and the sparsity is 0.5. How many are left, and how many should be?",
    observe=_to_the_last_bit,
)
def ties_together(model, sparsity):
    smaller = copy.deepcopy(model)
    for layer in _convs(model):
        norms = _norms(model[layer])
        gone = min(round(sparsity * len(norms)), len(norms) - 1)
        threshold = norms.sort().values[gone - 1] if gone else -1.0
        keep = [c for c, norm in enumerate(norms) if norm > threshold]
        smaller = _remove(smaller, layer, keep or [int(norms.argmax())])
    return smaller


@mistake(
    "prune_channels",
    "ties stay together",
    "It keeps all channels from the k-th largest norm on: equal ones stay together, too many.",
    "All filters are equal and the sparsity is 0.5. How many are left, and how many should be?",
    observe=_to_the_last_bit,
)
def ties_stay(model, sparsity):
    smaller = copy.deepcopy(model)
    for layer in _convs(model):
        norms = _norms(model[layer])
        gone = min(round(sparsity * len(norms)), len(norms) - 1)
        keep = [c for c, norm in enumerate(norms) if norm >= norms.sort().values[gone]]
        smaller = _remove(smaller, layer, keep)
    return smaller


@mistake(
    "prune_channels",
    "nothing left of a layer",
    "At a high sparsity a conv loses its last channel, and no signal passes any more.",
    "What does round(0.9 · 1) say of a conv with one channel?",
)
def nothing_left(model, sparsity):
    smaller = copy.deepcopy(model)
    for layer in _convs(model):
        gone = round(sparsity * model[layer].out_channels)
        keep = _norms(model[layer]).argsort(stable=True)[gone:].tolist()
        smaller = _remove(smaller, layer, sorted(keep))
    return smaller


@mistake(
    "prune_channels",
    "last conv left out",
    "The conv in front of Flatten keeps all its channels.",
    "Who reads the last conv, and can it be cut to match?",
)
def last_conv_kept(model, sparsity):
    return _prune(model, sparsity, skip=_convs(model)[-1:])


@mistake(
    "prune_channels",
    "first conv left out",
    "The first conv keeps all its channels.",
    "Which convs does the text exempt?",
)
def first_conv_kept(model, sparsity):
    return _prune(model, sparsity, skip=_convs(model)[:1])


@mistake(
    "prune_channels",
    "outputs of the classifier pruned",
    "The last Linear loses outputs too, and with them classes.",
    "What do the rows of the last Linear stand for?",
)
def classes_pruned(model, sparsity):
    smaller = _prune(model, sparsity)
    last = smaller[-1]
    gone = min(round(sparsity * last.out_features), last.out_features - 1)
    keep = sorted(last.weight.detach().norm(dim=1).argsort(stable=True)[gone:].tolist())
    _cut(last, "weight", keep)
    _cut(last, "bias", keep)
    last.out_features = len(keep)
    return smaller


@mistake(
    "prune_channels",
    "zeroed, not removed",
    "It sets the filters to zero and leaves them in: nothing is smaller or faster.",
    "How many multiplications does the next layer save when a channel is all zeros?",
)
def only_zeroed(model, sparsity):
    smaller = copy.deepcopy(model)
    for layer in _convs(model):
        channels = model[layer].out_channels
        gone = min(round(sparsity * channels), channels - 1)
        weak = _norms(model[layer]).argsort(stable=True)[:gone]
        with torch.no_grad():
            smaller[layer].weight[weak] = 0.0
            if smaller[layer].bias is not None:
                smaller[layer].bias[weak] = 0.0
    return smaller

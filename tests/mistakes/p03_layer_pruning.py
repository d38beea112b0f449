"""Wrong answers that people really give for p03."""

import copy

import torch
from torch import nn

from tests.grading import mistake

KEEPS_ITS_PLACE = "Which two Linears does the text except, whatever their shape?"


def _linears(model):
    return [i for i, layer in enumerate(model) if isinstance(layer, nn.Linear)]


def _square(model, i):
    return model[i].in_features == model[i].out_features


def _can_go(model):
    return [i for i in _linears(model)[1:-1] if _square(model, i)]


def _taken_out(model, *gone):
    return nn.Sequential(
        *(layer for i, layer in enumerate(copy.deepcopy(model)) if i not in gone)
    ).train(model.training)


def _outputs(model, inputs):
    with torch.no_grad():
        return model(inputs)


def _changes(model, inputs):
    """f(x), and {layer: f without it(x)}."""
    without = {i: _outputs(_taken_out(model, i, i + 1), inputs) for i in _can_go(model)}
    return _outputs(model, inputs), without


def _scores(model, inputs, against=None):
    whole, without = _changes(model, inputs)
    whole = whole if against is None else against
    return {i: ((whole - other).norm() / whole.norm()).item() for i, other in without.items()}


def _layers(outcome, call):
    """What a returned model is made of, whatever container or mode it came in."""
    tensors = ("weight", "bias")
    return [
        (
            type(layer).__name__,
            [t for name in tensors if (t := getattr(layer, name, None)) is not None],
        )
        for layer in outcome
    ]


def _to_nine_digits(outcome, call):
    """Right but for one key: where it is the precision that is wrong, it is something else."""
    if call.args[0][0].weight.dtype == torch.float64:
        return {layer: f"{float(score):.9g}" for layer, score in outcome.items()}
    return outcome


# --- removable_layers --------------------------------------------------------------------------


@mistake(
    "removable_layers",
    "first Linear listed",
    "It lists the first Linear too where that is square.",
    KEEPS_ITS_PLACE,
)
def with_first(model):
    return [i for i in _linears(model)[:-1] if _square(model, i)]


@mistake(
    "removable_layers",
    "last Linear listed",
    "It lists a square last Linear, which has no ReLU after it.",
    KEEPS_ITS_PLACE,
)
def with_last(model):
    return [i for i in _linears(model)[1:] if _square(model, i)]


@mistake(
    "removable_layers",
    "every square Linear",
    "It asks for nothing but a square shape: first and last Linear are listed as well.",
    KEEPS_ITS_PLACE,
)
def all_square(model):
    return [i for i in _linears(model) if _square(model, i)]


@mistake(
    "removable_layers",
    "every hidden Linear",
    "It lists Linears between the first and the last whatever their shape.",
    "Leave out a Linear from 3 to 5 features: does what comes before fit what comes after?",
)
def all_hidden(model):
    return _linears(model)[1:-1]


@mistake(
    "removable_layers",
    "position among the Linears",
    "It counts the Linears only; an index counts every entry of the Sequential.",
    "What does model[i] give for each i that you return?",
)
def positions(model):
    return [_linears(model).index(i) for i in _can_go(model)]


@mistake(
    "removable_layers",
    "first square layer skipped",
    "It drops the first square Linear it meets, not the first Linear.",
    "What keeps its place: the first Linear of all, or the first square one?",
)
def first_square_skipped(model):
    return [i for i in _linears(model)[:-1] if _square(model, i)][1:]


@mistake(
    "removable_layers",
    "equal inputs",
    "It compares the inputs of a Linear with those of the one before it.",
    "Which two numbers of one and the same Linear make it square?",
)
def equal_inputs(model):
    linears = _linears(model)
    return [
        i
        for place, i in enumerate(linears[1:-1])
        if model[linears[place]].in_features == model[i].in_features
    ]


# --- layer_scores ------------------------------------------------------------------------------


@mistake(
    "layer_scores",
    "absolute change",
    "It does not divide by the norm of the complete output.",
    "If all outputs were ten times as large, should the scores be?",
)
def absolute(model, inputs):
    whole, without = _changes(model, inputs)
    return {i: (whole - other).norm().item() for i, other in without.items()}


@mistake(
    "layer_scores",
    "mean of the rows' ratios",
    "It takes a ratio for each row and averages them.",
    "How many norms does the formula have in all, and over which numbers?",
)
def row_ratios(model, inputs):
    whole, without = _changes(model, inputs)
    return {
        i: ((whole - other).norm(dim=1) / whole.norm(dim=1)).mean().item()
        for i, other in without.items()
    }


@mistake(
    "layer_scores",
    "mean of the rows' norms",
    "It averages a norm for each row above and below the line.",
    "Is the mean of the rows' norms the norm of all the outputs together?",
)
def row_norms(model, inputs):
    whole, without = _changes(model, inputs)
    return {
        i: ((whole - other).norm(dim=1).mean() / whole.norm(dim=1).mean()).item()
        for i, other in without.items()
    }


@mistake(
    "layer_scores",
    "squared norms",
    "It is the ratio of squares: the root is missing.",
    "What should the score be where the change is half as large as the output?",
)
def squared(model, inputs):
    return {i: score**2 for i, score in _scores(model, inputs).items()}


@mistake(
    "layer_scores",
    "sums of absolute values",
    "It measures with the L1 norm.",
    "Which norm does the text name?",
)
def l1_norms(model, inputs):
    whole, without = _changes(model, inputs)
    return {i: ((whole - o).abs().sum() / whole.abs().sum()).item() for i, o in without.items()}


@mistake(
    "layer_scores",
    "norm of the matrix",
    "It takes the largest singular value of the outputs.",
    "What does the ord of the norm you call do to a matrix?",
)
def spectral(model, inputs):
    whole, without = _changes(model, inputs)
    norm = torch.linalg.matrix_norm
    return {i: (norm(whole - o, 2) / norm(whole, 2)).item() for i, o in without.items()}


@mistake(
    "layer_scores",
    "divided by the new output",
    "It divides by the norm of the output without the layer.",
    "Relative to what is the change measured?",
)
def relative_to_new(model, inputs):
    whole, without = _changes(model, inputs)
    return {i: ((whole - o).norm() / o.norm()).item() for i, o in without.items()}


@mistake(
    "layer_scores",
    "difference of the norms",
    "It compares how long the outputs are, not where they point.",
    "What do you get where leaving the layer out flips the sign of every output?",
)
def norm_difference(model, inputs):
    whole, without = _changes(model, inputs)
    return {i: ((whole.norm() - o.norm()).abs() / whole.norm()).item() for i, o in without.items()}


@mistake(
    "layer_scores",
    "cosine distance",
    "It measures the angle between the outputs: a change of size costs nothing.",
    "What is the score of a layer that only doubles what passes through?",
)
def cosine(model, inputs):
    whole, without = _changes(model, inputs)
    return {
        i: 1.0 - ((whole * o).sum() / (whole.norm() * o.norm())).item() for i, o in without.items()
    }


@mistake(
    "layer_scores",
    "zeroed, not left out",
    "It sets the layer's weights to zero: nothing passes any more, where all should pass.",
    "Without the layer, what reaches the next one?",
)
def zeroed(model, inputs):
    whole, scores = _outputs(model, inputs), {}
    for i in _can_go(model):
        silent = copy.deepcopy(model)
        for parameter in silent[i].parameters():
            parameter.data.zero_()
        scores[i] = ((whole - _outputs(silent, inputs)).norm() / whole.norm()).item()
    return scores


@mistake(
    "layer_scores",
    "left out one after the other",
    "The layers scored before are still missing when the next is scored.",
    "Which layers are there when the third one is left out?",
)
def cumulative(model, inputs):
    whole, gone, scores = _outputs(model, inputs), [], {}
    for i in _can_go(model):
        gone += [i, i + 1]
        scores[i] = (
            (whole - _outputs(_taken_out(model, *gone), inputs)).norm() / whole.norm()
        ).item()
    return scores


@mistake(
    "layer_scores",
    "position among the Linears",
    "Its keys count the Linears only; an index counts every entry of the Sequential.",
    "What does model[key] give for each of your keys?",
)
def position_keys(model, inputs):
    return {_linears(model).index(i): score for i, score in _scores(model, inputs).items()}


@mistake(
    "layer_scores",
    "one layer scored too many",
    "It scores a square first Linear as well.",
    KEEPS_ITS_PLACE,
    observe=_to_nine_digits,
)
def first_scored(model, inputs):
    scores = _scores(model, inputs)
    if len(model) > 1 and _square(model, 0):
        whole = _outputs(model, inputs)
        other = _outputs(_taken_out(model, 0, 1), inputs)
        scores[0] = ((whole - other).norm() / whole.norm()).item()
    return scores


# --- remove_layer ------------------------------------------------------------------------------


@mistake(
    "remove_layer",
    "ReLU left behind",
    "Only the Linear goes; two ReLUs are left in a row.",
    "List the kinds of the layers of your result. Is that still an MLP?",
    observe=_layers,
)
def relu_stays(model, layer):
    return _taken_out(model, layer)


@mistake(
    "remove_layer",
    "Identity in its place",
    "Linear and ReLU are replaced by nn.Identity, so the model is as long as before.",
    "How many entries should the result have?",
    observe=_layers,
)
def identities(model, layer):
    smaller = copy.deepcopy(model)
    smaller[layer] = smaller[layer + 1] = nn.Identity()
    return smaller


@mistake(
    "remove_layer",
    "Identity for the Linear",
    "An nn.Identity stands where the Linear was, and its ReLU is still there.",
    "How many entries should the result have?",
    observe=_layers,
)
def identity(model, layer):
    smaller = copy.deepcopy(model)
    smaller[layer] = nn.Identity()
    return smaller


@mistake(
    "remove_layer",
    "weights of an identity",
    "The layer is still there and costs what it cost; only its weights pass everything on.",
    "How many entries should the result have?",
    observe=_layers,
)
def identity_weights(model, layer):
    smaller = copy.deepcopy(model)
    nn.init.eye_(smaller[layer].weight)
    if smaller[layer].bias is not None:
        nn.init.zeros_(smaller[layer].bias)
    return smaller


@mistake(
    "remove_layer",
    "weights set to zero",
    "The layer is still there, and it lets nothing through.",
    "Without the layer, what reaches the next one?",
    observe=_layers,
)
def zero_weights(model, layer):
    smaller = copy.deepcopy(model)
    for parameter in smaller[layer].parameters():
        parameter.data.zero_()
    return smaller


@mistake(
    "remove_layer",
    "everything behind it gone",
    "It cuts the model off at the layer.",
    "What should stand behind the place where the layer was?",
    observe=_layers,
)
def cut_off(model, layer):
    return _taken_out(model, *range(layer, len(model)))


def _with_gradients(outcome, call):
    """And to the last bit: what stays is copied."""
    flags = [parameter.requires_grad for parameter in outcome.parameters()]
    bits = [parameter.detach().numpy().tobytes() for parameter in outcome.parameters()]
    return _layers(outcome, call), flags, bits


@mistake(
    "remove_layer",
    "frozen weights thawed",
    "What was frozen in the model given requires a gradient again.",
    "What is requires_grad of a parameter that has just been made?",
    observe=_with_gradients,
)
def thawed(model, layer):
    return _taken_out(model, layer, layer + 1).requires_grad_(True)


# --- prune_layers ------------------------------------------------------------------------------


def _in_turn(model, count, score, relu=True):
    """Remove the layer of least score(model), again and again."""
    for _ in range(count):
        scores = score(model)
        least = min(scores, key=scores.get)
        model = _taken_out(model, least, least + 1) if relu else _taken_out(model, least)
    return _taken_out(model)


def _at_once(model, ranked, count):
    layers = [ranked[place] for place in range(count)]
    return _taken_out(model, *layers, *(i + 1 for i in layers))


@mistake(
    "prune_layers",
    "scores measured once",
    "It ranks the layers on the original and removes the first n_remove of that list.",
    "After the first removal, does a layer still matter as much as before?",
    observe=_layers,
)
def once(model, inputs, n_remove):
    scores = _scores(model, inputs)
    return _at_once(model, sorted(scores, key=scores.get), n_remove)


@mistake(
    "prune_layers",
    "compared with the original",
    "It compares each candidate with the outputs of the original model.",
    "The text speaks of the model as it then is: what is f in the second round?",
    observe=_layers,
)
def against_original(model, inputs, n_remove):
    original = _outputs(model, inputs)
    return _in_turn(model, n_remove, lambda m: _scores(m, inputs, against=original))


@mistake(
    "prune_layers",
    "largest score first",
    "It removes the layer that changes the output most.",
    "Which layer would you miss least?",
    observe=_layers,
)
def largest_first(model, inputs, n_remove):
    return _in_turn(model, n_remove, lambda m: {i: -s for i, s in _scores(m, inputs).items()})


@mistake(
    "prune_layers",
    "deepest first",
    "It removes the last removable layers, whatever they do.",
    "What are the scores for?",
    observe=_layers,
)
def deepest(model, inputs, n_remove):
    return _at_once(model, _can_go(model)[::-1], n_remove)


@mistake(
    "prune_layers",
    "first ones first",
    "It removes the first removable layers, whatever they do.",
    "What are the scores for?",
    observe=_layers,
)
def foremost(model, inputs, n_remove):
    return _at_once(model, _can_go(model), n_remove)


@mistake(
    "prune_layers",
    "smallest weights first",
    "It removes the layer whose weights have the smallest norm.",
    "Is a layer of large weights one that changes the output?",
    observe=_layers,
)
def smallest_weights(model, inputs, n_remove):
    return _in_turn(model, n_remove, lambda m: {i: m[i].weight.norm().item() for i in _can_go(m)})


@mistake(
    "prune_layers",
    "mean of the rows' ratios",
    "It scores by the mean of a ratio for each row.",
    "How many norms does the formula of the score have in all, and over which numbers?",
    observe=_layers,
)
def by_rows(model, inputs, n_remove):
    return _in_turn(model, n_remove, lambda m: row_ratios(m, inputs))


@mistake(
    "prune_layers",
    "sums of absolute values",
    "It scores with the L1 norm.",
    "Which norm does the text name?",
    observe=_layers,
)
def by_l1_norms(model, inputs, n_remove):
    return _in_turn(model, n_remove, lambda m: l1_norms(m, inputs))


@mistake(
    "prune_layers",
    "difference of the norms",
    "It scores by how much longer or shorter the output gets.",
    "What is the score where leaving the layer out flips the sign of every output?",
    observe=_layers,
)
def by_norm_difference(model, inputs, n_remove):
    return _in_turn(model, n_remove, lambda m: norm_difference(m, inputs))


@mistake(
    "prune_layers",
    "divided by the new output",
    "It scores relative to the output without the layer.",
    "Relative to what is the change measured?",
    observe=_layers,
)
def by_new_output(model, inputs, n_remove):
    return _in_turn(model, n_remove, lambda m: relative_to_new(m, inputs))


@mistake(
    "prune_layers",
    "ReLUs left behind",
    "Only the Linears go; their ReLUs are left.",
    "List the kinds of the layers of your result. Is that still an MLP?",
    observe=_layers,
)
def relus_stay(model, inputs, n_remove):
    return _in_turn(model, n_remove, lambda m: _scores(m, inputs), relu=False)

"""Wrong answers that people really give for q07."""

import copy
from collections import Counter

import torch
from torch import nn

from tests.grading import mistake


def _gradient(model, inputs, classes, score, mode=False):
    """The gradient of `score(logits, classes)` by the inputs; on a copy, so that nothing leaks."""
    model = copy.deepcopy(model)
    if mode is not None:
        model.train(mode)
    watched = inputs.detach().clone().requires_grad_()
    return torch.autograd.grad(score(model(watched), classes), watched)[0]


def _own_logits(logits, classes):
    return logits.gather(1, classes[:, None]).sum()


def _but_for_chance(outcome, call):
    """A map in which dropout took part is never the same again: only its shape is."""
    dropouts = [m for m in call.args[0].modules() if isinstance(m, nn.Dropout) and m.training]
    return tuple(outcome.shape) if dropouts else outcome


@mistake(
    "saliency",
    "mode left as it is",
    "It measures in the mode in which the model is: batch-norm then couples the rows.",
    "What do batch-norm and dropout do in train mode?",
    _but_for_chance,
)
def mode_as_it_is(model, inputs, classes):
    return _gradient(model, inputs, classes, _own_logits, mode=None).abs()


@mistake(
    "saliency",
    "gradient with its sign",
    "It returns the gradient itself, and not its absolute value.",
    "Is a pixel that lowers the logit unimportant?",
)
def signed(model, inputs, classes):
    return _gradient(model, inputs, classes, _own_logits)


@mistake(
    "saliency",
    "squared gradient",
    "It returns the square of the gradient.",
    "In which unit is a sensitivity of the logit to a pixel?",
)
def squared(model, inputs, classes):
    return _gradient(model, inputs, classes, _own_logits) ** 2


@mistake(
    "saliency",
    "all logits",
    "It sums the logits of all classes.",
    "Which of the arguments do you not use?",
)
def all_logits(model, inputs, classes):
    return _gradient(model, inputs, classes, lambda logits, _: logits.sum()).abs()


@mistake(
    "saliency",
    "the predicted class",
    "It takes the largest logit of each row, whatever class was asked for.",
    "Which of the arguments do you not use?",
)
def predicted_class(model, inputs, classes):
    return _gradient(model, inputs, classes, lambda logits, _: logits.max(dim=1).values.sum()).abs()


@mistake(
    "saliency",
    "probability for logit",
    "It takes the gradient of the softmax probability.",
    "Where the network is sure, how large is the gradient of its probability?",
)
def probability(model, inputs, classes):
    return _gradient(
        model, inputs, classes, lambda logits, c: _own_logits(logits.softmax(dim=1), c)
    ).abs()


@mistake(
    "saliency",
    "loss for logit",
    "It takes the gradient of the cross-entropy.",
    "Of what does the text ask for the gradient?",
)
def loss(model, inputs, classes):
    return _gradient(
        model, inputs, classes, lambda logits, c: nn.functional.cross_entropy(logits, c)
    ).abs()


@mistake(
    "saliency",
    "mean over the batch",
    "It averages the logits over the batch, so that each row shrinks with the number of rows.",
    "Should the map of an image change when other images are in the batch?",
)
def batch_mean(model, inputs, classes):
    return _gradient(model, inputs, classes, lambda x, c: _own_logits(x, c) / len(c)).abs()


@mistake(
    "saliency",
    "gradient times input",
    "It multiplies the gradient by the input: another method of attribution.",
    "Is a black pixel one that cannot matter?",
)
def times_input(model, inputs, classes):
    return (_gradient(model, inputs, classes, _own_logits) * inputs).abs()


@mistake(
    "saliency",
    "one class for all rows",
    "It takes the class of the first row for every row.",
    "Does each row get its own class?",
)
def first_class(model, inputs, classes):
    return _gradient(model, inputs, classes, lambda logits, c: logits[:, c[0]].sum()).abs()


@mistake(
    "saliency",
    "classes for all rows",
    "It sums logits[:, classes]: every row with the classes of all rows.",
    "What is the shape of logits[:, classes]?",
)
def all_pairs(model, inputs, classes):
    return _gradient(model, inputs, classes, lambda logits, c: logits[:, c].sum()).abs()


@mistake(
    "saliency",
    "maximum over channels",
    "It keeps the largest channel of each pixel, so the shape is not that of the inputs.",
    "Which shape does the text ask for?",
)
def over_channels(model, inputs, classes):
    return _gradient(model, inputs, classes, _own_logits).abs().amax(dim=1)


@mistake(
    "saliency",
    "normalised",
    "It divides by the largest value.",
    "Can you still tell from your map how strongly the network reacts?",
)
def normalised(model, inputs, classes):
    value = _gradient(model, inputs, classes, _own_logits).abs()
    return value / value.max()


def _places(values, k):
    return set(values.flatten().topk(k).indices.tolist())


@mistake(
    "top_k_overlap",
    "shared places over k",
    "It divides by k and not by the size of the union.",
    "Two sets of 2 that share 1: how large is their union?",
)
def over_k(a, b, k):
    return len(_places(a, k) & _places(b, k)) / k


@mistake(
    "top_k_overlap",
    "absolute values",
    "It ranks absolute values; the text ranks the values with their sign.",
    "Which of −5 and 1 is larger?",
)
def absolute(a, b, k):
    first, second = _places(a.abs(), k), _places(b.abs(), k)
    return len(first & second) / len(first | second)


@mistake(
    "top_k_overlap",
    "smallest values",
    "It takes the k smallest values of each.",
    "In which direction does your sort go?",
)
def smallest(a, b, k):
    first, second = _places(-a, k), _places(-b, k)
    return len(first & second) / len(first | second)


@mistake(
    "top_k_overlap",
    "values for places",
    "It compares the largest values themselves, and not where they are.",
    "Two maps with the same values in another order: do they look at the same pixels?",
)
def values_for_places(a, b, k):
    first, second = (set(t.flatten().topk(k).values.tolist()) for t in (a, b))
    return len(first & second) / len(first | second)


@mistake(
    "top_k_overlap",
    "same rank wanted",
    "It counts the places that have the same rank in both maps.",
    "Is the order within the k largest a matter of sets?",
)
def same_rank(a, b, k):
    first, second = (t.flatten().topk(k).indices for t in (a, b))
    same = int((first == second).sum())
    return same / (2 * k - same)


@mistake(
    "top_k_overlap",
    "intersection counted",
    "It returns how many places are shared.",
    "Between which two numbers does a share lie?",
)
def counted(a, b, k):
    return len(_places(a, k) & _places(b, k))


def _alignment(x, y):
    return float((y.T @ x).norm() ** 2 / ((x.T @ x).norm() * (y.T @ y).norm()))


def _centred(x, dim):
    x = x.double()
    return x - (x.mean() if dim is None else x.mean(dim=dim, keepdim=True))


@mistake(
    "linear_cka",
    "not centred",
    "It does not centre the columns: a common shift then looks like agreement.",
    "Add 100 to every entry of x and of y. Should they become more alike?",
)
def not_centred(x, y):
    return _alignment(x.double(), y.double())


@mistake(
    "linear_cka",
    "rows centred",
    "It takes the mean of each sample off, and not that of each feature.",
    "Along which axis do the samples lie?",
)
def rows_centred(x, y):
    return _alignment(_centred(x, 1), _centred(y, 1))


@mistake(
    "linear_cka",
    "one mean for all",
    "It takes one mean off all entries; each feature has its own.",
    "What is the mean of each column of what you use?",
)
def one_mean(x, y):
    return _alignment(_centred(x, None), _centred(y, None))


@mistake(
    "linear_cka",
    "numerator not squared",
    "It does not square the norm in the numerator.",
    "Multiply x by 10: does your result stay the same?",
)
def not_squared(x, y):
    x, y = _centred(x, 0), _centred(y, 0)
    return float((y.T @ x).norm() / ((x.T @ x).norm() * (y.T @ y).norm()))


@mistake(
    "linear_cka",
    "root of it",
    "It returns the square root of the alignment.",
    "Which power of the cross term stands above, and which of the others below?",
)
def root(x, y):
    return _alignment(_centred(x, 0), _centred(y, 0)) ** 0.5


@mistake(
    "linear_cka",
    "norms of the data below",
    "It divides by ‖x‖² ‖y‖² where the norms of xᵀx and yᵀy belong.",
    "What should the alignment of x with itself be?",
)
def data_norms(x, y):
    x, y = _centred(x, 0), _centred(y, 0)
    return float((y.T @ x).norm() ** 2 / (x.norm() ** 2 * y.norm() ** 2))


@mistake(
    "linear_cka",
    "canonical correlation",
    "It orthonormalises the features first: that is CCA, which forgets their scales.",
    "Stretch one feature of x tenfold. Should the result move?",
)
def canonical(x, y):
    x, y = (torch.linalg.svd(_centred(z, 0), full_matrices=False) for z in (x, y))
    x, y = (u[:, s > 1e-6 * s.max()] for u, s, _ in (x, y))
    return float((y.T @ x).norm() ** 2 / min(x.shape[1], y.shape[1]))


def _modal(predictions, choose):
    labels = []
    for votes in zip(*predictions.tolist()):
        counts = Counter(votes)
        most = max(counts.values())
        labels.append(choose([label for label in counts if counts[label] == most]))
    return torch.tensor(labels)


def _differ(before, after):
    return torch.nonzero(before != after).flatten()


@mistake(
    "pruning_identified_exemplars",
    "largest label on ties",
    "Of labels that are equally frequent it takes the largest.",
    "Which label does the text name where two are equally frequent?",
)
def largest_on_ties(dense, pruned):
    return _differ(_modal(dense, max), _modal(pruned, max))


@mistake(
    "pruning_identified_exemplars",
    "first label on ties",
    "Of labels that are equally frequent it takes the one that was met first.",
    "Does your result depend on the order of the models?",
)
def first_on_ties(dense, pruned):
    return _differ(*(_modal(p, lambda labels: labels[0]) for p in (dense, pruned)))


@mistake(
    "pruning_identified_exemplars",
    "any disagreement",
    "It returns the samples on which any two models disagree.",
    "Two dense models disagree on a sample: is that due to pruning?",
)
def any_disagreement(dense, pruned):
    both = torch.cat([dense, pruned])
    return torch.nonzero((both != both[0]).any(dim=0)).flatten()


@mistake(
    "pruning_identified_exemplars",
    "median label",
    "It takes the median of the labels; they are names, not sizes.",
    "What is between class 0 and class 2?",
)
def median_label(dense, pruned):
    return _differ(dense.median(dim=0).values, pruned.median(dim=0).values)


@mistake(
    "pruning_identified_exemplars",
    "mean label",
    "It rounds the mean of the labels; they are names, not sizes.",
    "What is between class 0 and class 2?",
)
def mean_label(dense, pruned):
    return _differ(dense.double().mean(dim=0).round(), pruned.double().mean(dim=0).round())


@mistake(
    "pruning_identified_exemplars",
    "the samples that agree",
    "It returns the samples on which the modal labels are equal.",
    "Which samples did pruning change?",
)
def agreeing(dense, pruned):
    return torch.nonzero(_modal(dense, min) == _modal(pruned, min)).flatten()


@mistake(
    "pruning_identified_exemplars",
    "a mask",
    "It returns a mask over the samples and not their indices.",
    "What is the dtype of what you return?",
)
def a_mask(dense, pruned):
    return _modal(dense, min) != _modal(pruned, min)


@mistake(
    "pruning_identified_exemplars",
    "first models only",
    "It compares the first model of each group.",
    "What are the other models for?",
)
def first_models(dense, pruned):
    return _differ(dense[0], pruned[0])


@mistake(
    "pruning_identified_exemplars",
    "squeezed",
    "It squeezes the result of nonzero: where one sample differs, the index has no dimension left.",
    "What is the shape of torch.tensor([[3]]).squeeze()?",
)
def squeezed(dense, pruned):
    return torch.nonzero(_modal(dense, min) != _modal(pruned, min)).squeeze()

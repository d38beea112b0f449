"""Interpretability: what a pruned network looks at, and what it has forgotten

剪枝技术如何处理模型的可解释性？

Two networks of equal accuracy need not do the same thing. Before a pruned network replaces a
dense one, three questions are worth a measurement: does it look at the same pixels, does it
represent the inputs alike, and on which inputs does it answer differently? Here is one function
for each, and one to compare two maps.

    difficulty ●●●○○    importance ●●●○○    about 40 minutes, and as long for the written answer

Words
    logit   an output of the network before any softmax; row i, column c is the score of class c
            for input i.
    modal   the label that most models of a group predict for a sample; of labels that are equally
            frequent, the smallest.

Graded are the values. All arrays are torch tensors. Nothing given is changed: not the weights,
their `.grad`, the statistics of batch-norms and the `training` flag of any module; not the inputs,
their `requires_grad` and `.grad`. Arguments are always sensible; no checks are needed.

The written part
    `ANSWER` is your answer to the question in the first line, in 120 to 250 words, as you would
    say it in an interview: whether pruning makes a network easier to understand, how you would
    see what it changed, and what such measurements cannot tell.

Sources
    Simonyan, Vedaldi & Zisserman 2014, "Deep Inside Convolutional Networks" (saliency); Kornblith,
    Norouzi, Lee & Hinton 2019, "Similarity of Neural Network Representations Revisited" (linear
    CKA); Hooker, Courville, Clark, Dauphin & Frome 2019, "What Do Compressed Deep Neural Networks
    Forget?" (pruning identified exemplars); Adebayo et al. 2018, "Sanity Checks for Saliency
    Maps"; Frankle & Bau 2019, "Dissecting Pruned Neural Networks".

Worked notebook: notebooks/q07_interpretability.ipynb
"""

from __future__ import annotations

import torch
from torch import nn

ANSWER = """
Pruning a trained network is not in itself a method of interpretation, so I keep two questions
apart.

Does it make a network easier to understand? Not by itself. Frankle and Bau counted, by network
dissection, the units of ResNet-50 that match human concepts: the number stays the same until more
than 90% of the weights are gone, and then it falls with the accuracy. It is another matter to
train for it: Gao and others, in 2025, train transformers in which almost all weights are zero,
and prune those to small circuits that people can read, at a price in capability.

The more useful question is what pruning has changed, and accuracy alone does not show it. I look
at three things. Saliency: the gradient of the class logit by the input, for the dense and the
pruned network, and how much their most important pixels overlap. Representations: linear CKA,
layer by layer, shows where they drift apart. And behaviour: Hooker and others train populations
of models and find exemplars on which the modal labels differ; these are the rare, atypical and
hard inputs, so subgroups must be checked before deployment.

Each has its limits. A gradient map says what the output is sensitive to locally, not why, and two
dense networks from other seeds differ too, so I need that baseline. CKA can be high although the
behaviour differs. So they are alarms; I confirm with examples and errors by class.
"""

RUBRIC: list[tuple[int, str]] = [
    (
        2,
        "Pruning alone does not make a network interpretable; smaller is not the same as readable.",
    ),
    (
        2,
        "Equal accuracy is not equal behaviour: rare inputs and some classes suffer first.",
    ),
    (
        2,
        "At least two ways to measure the change: saliency, CKA, exemplars, dissection, ablation.",
    ),
    (
        1,
        "What a saliency map is: a local sensitivity of a class score, and not a reason.",
    ),
    (
        1,
        "A baseline is asked for: dense networks from other seeds differ as well.",
    ),
    (
        1,
        "A limit of a measure is named, such as that of CKA or of some saliency methods.",
    ),
    (
        1,
        "A consequence for deployment: check errors by class or subgroup, look at examples.",
    ),
]

FOLLOW_UPS: list[tuple[str, str]] = [
    (
        "Why the logit and not the softmax probability?",
        "The probability can rise because another class falls, so its gradient mixes in "
        "evidence about the other classes, and it vanishes where the network is sure.",
    ),
    (
        "Why must the network be in eval mode for a saliency map?",
        "In train mode the rows of a batch are coupled by batch-norm, so a map would depend on "
        "its neighbours, dropout would make it random, and the running statistics would move.",
    ),
    (
        "Why does CKA centre, and to what is it invariant?",
        "It compares similarities between samples, and a shift common to all says nothing of "
        "those. It is invariant to orthogonal transforms and isotropic scaling, not to any "
        "invertible map.",
    ),
    (
        "Why populations of models for the exemplars, and not one pair?",
        "Two dense networks from two seeds disagree on some samples too. The modal label of a "
        "population takes most of that noise out, not all: in the notebook 46 samples differ "
        "between two single networks, 18 between two dense populations, and that is the baseline.",
    ),
    (
        "Overlap of the top pixels is 0.4. Is that bad?",
        "Compare it with the overlap between dense networks of other seeds, and with chance: k "
        "of n pixels at random overlap by about k / (2n − k).",
    ),
    (
        "You pruned a chat model and its benchmarks are unchanged. What else do you check?",
        "Its refusals and its behaviour towards harmful requests, toxicity, bias between "
        "groups, and languages that the calibration text lacked. Averages over benchmarks do "
        "not show them, and pruning hits the tail first. I would run the safety evaluation of "
        "the dense model again, and calibrate on text that holds such cases.",
    ),
]

WRONG_CLAIMS: list[tuple[str, str]] = [
    (
        "A pruned network is easier to interpret, because it is smaller.",
        "Frankle & Bau 2019: ResNet-50 keeps the same number of interpretable units until more "
        "than 90% of the weights are pruned; none are gained. Readable circuits were found in "
        "transformers trained sparse from the start (Gao et al. 2025); those pruned out of dense "
        "ones of the same loss were some 16 times larger.",
    ),
    (
        "If the accuracy is the same, the pruned network behaves the same.",
        "Hooker et al. 2019: models with very different numbers of weights have comparable "
        "accuracy and diverge on a narrow subset of the data. Measured in the notebook: at equal "
        "accuracy a small network's modal labels differ on hardly more samples than between "
        "dense populations, at two points less on several times as many.",
    ),
    (
        "Pruning costs every class a little.",
        "Hooker et al. 2019: the cost is unevenly spread over classes and images; the long tail "
        "of the data pays first.",
    ),
    (
        "A convincing saliency map shows how the network decides.",
        "Adebayo et al. 2018: some popular methods give nearly the same map when the weights "
        "are replaced by random ones; the plain gradient passes their test, and is still local.",
    ),
    (
        "The CKA of two networks tells how alike they behave.",
        "Davari et al. 2023, “Reliability of CKA as a Similarity Measure in Deep Learning”: its "
        "value can be manipulated without a substantial change of behaviour, and it is "
        "sensitive to outliers. It needs a baseline too: in the notebook 0.95 is an alarm, "
        "because dense networks of other seeds reach 0.98.",
    ),
]


def saliency(model: nn.Module, inputs: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """Return how sensitive the logit of each row's class is to each of its input values.

    Row i of the result is |∂ logits[i, classes[i]] / ∂ inputs[i]|, with the model in eval mode:
    no row depends on another. After the call every module is in the mode in which it was, in a
    model of mixed modes too.

    Args:
        model: any module that maps inputs to logits of shape (n, number of classes).
        inputs: shape (n, …), n ≥ 1, float.
        classes: int64, shape (n,): a class for each row, from 0.

    Returns:
        A tensor of the shape and dtype of `inputs`; nothing in it is negative. It is neither
        normalised nor averaged over the batch.

    Example:
        >>> model = nn.Linear(2, 2)
        >>> model.weight.data = torch.tensor([[1.0, -2.0], [3.0, 4.0]])
        >>> saliency(model, torch.zeros(2, 2), torch.tensor([0, 1])).tolist()
        [[1.0, 2.0], [3.0, 4.0]]
    """
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    watched = inputs.detach().clone().requires_grad_()
    logits = model(watched)
    for module, training in modes:
        module.training = training
    # In eval mode the rows are independent: one sum gives the gradient of each row's own logit.
    score = logits.gather(1, classes[:, None]).sum()
    (gradient,) = torch.autograd.grad(score, watched)
    return gradient.abs()


def top_k_overlap(a: torch.Tensor, b: torch.Tensor, k: int) -> float:
    """Return how far two maps agree on where their k largest values are.

    It is the intersection over the union of two sets of places: those of the k largest values of
    `a`, and those of the k largest values of `b`. A place is an index into the flattened tensor;
    values count with their sign.

    Args:
        a: any shape, no two values equal.
        b: the shape of `a`, no two values equal.
        k: from 1 to the number of values.

    Returns:
        A fraction in [0, 1].

    Example:
        >>> a = torch.tensor([[9.0, 8.0], [1.0, 2.0]])
        >>> b = torch.tensor([[5.0, 1.0], [7.0, 2.0]])
        >>> round(top_k_overlap(a, b, 2), 4)
        0.3333
    """
    first, second = (set(t.flatten().topk(k).indices.tolist()) for t in (a, b))
    return len(first & second) / len(first | second)


def linear_cka(x: torch.Tensor, y: torch.Tensor) -> float:
    """Return the linear centred kernel alignment of two representations of the same samples.

    With the columns of both centred (the mean of each column subtracted) it is
    ‖yᵀx‖² / (‖xᵀx‖ · ‖yᵀy‖), in Frobenius norms: 1 for representations that differ by a shift, a
    rotation or reflection and a common scale, 0 for unrelated ones.

    Args:
        x: shape (samples, features), float; not all rows are equal.
        y: shape (the same samples, perhaps another number of features), float; not all equal.

    Returns:
        A number in [0, 1].

    Example:
        >>> x = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        >>> round(linear_cka(x, 3 * x.flip(1) + 5), 4)
        1.0
        >>> round(linear_cka(x, x[:, :1]), 4)
        0.7906
    """
    x, y = (z - z.mean(dim=0) for z in (x, y))
    return float((y.T @ x).norm() ** 2 / ((x.T @ x).norm() * (y.T @ y).norm()))


def pruning_identified_exemplars(dense: torch.Tensor, pruned: torch.Tensor) -> torch.Tensor:
    """Return the samples on which a group of pruned models disagrees with a group of dense ones.

    For each sample the modal label of each group is taken: the label that most of its models
    predict, the smallest of those that are equally frequent. The sample is an exemplar where the
    two modal labels differ.

    Args:
        dense: predicted labels (integers from 0), shape (models, samples).
        pruned: predicted labels, shape (perhaps another number of models, the same samples).

    Returns:
        The indices of the exemplars: a 1-D tensor of integers, in ascending order; empty where
        there are none.

    Example:
        >>> dense = torch.tensor([[0, 1, 2], [0, 1, 1], [1, 1, 0]])
        >>> pruned = torch.tensor([[0, 2, 2], [1, 2, 0]])
        >>> pruning_identified_exemplars(dense, pruned).tolist()
        [1]
    """
    return torch.nonzero(_modal(dense) != _modal(pruned)).flatten()


def _modal(predictions: torch.Tensor) -> torch.Tensor:
    """The most frequent label of each column; of equals argmax takes the first, the smallest."""
    labels = predictions.unique()
    votes = (predictions[:, :, None] == labels).sum(dim=0)
    return labels[votes.argmax(dim=1)]

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

# Your written answer to the question above: 120 to 250 words, as you would say it aloud.
ANSWER = ""


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
    raise NotImplementedError


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
    raise NotImplementedError


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
    raise NotImplementedError


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
    raise NotImplementedError

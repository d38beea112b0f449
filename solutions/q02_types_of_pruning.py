"""Types of pruning: which unit goes, and what is left to compute with

剪枝技术有哪些类型？

The first thing to ask of a pruning method is what its unit is. A single weight, a kernel, an
input channel, a filter, or two of every four weights: the unit decides how much accuracy is
lost, and whether anything gets smaller or faster at all. You write three functions: one tells
the unit from a mask, one prunes by a unit, one says how small the layer can get.

    difficulty ●●○○○    importance ●●●●○    about 30 minutes, and 15 for the written answer

Words
    The weight of a Conv2d has the shape (out, in, kh, kw).
    mask      boolean, of the shape of the weight; True = kept. "A zero" is a False in it.
    filter    weight[o]: all that one output channel is made with, (in, kh, kw).
    channel   weight[:, i]: all that reads one input channel, (out, kh, kw).
    kernel    weight[o, i]: one filter's window on one input channel, (kh, kw). A 1×1 convolution
              has none: there an entry is a weight.
    2:4       of every four weights in a row, two are kept. Sparse tensor cores can use it; the
              tools for them group along the input channels, which for kernels above 1×1 is
              another order than that of the flattened filter used here.
    sparsity  the fraction removed, in [0, 1]. Of n units exactly `round(sparsity * n)` go
              (Python's `round`: halves go to the even number).

Everywhere
    Masks and weights are numpy arrays; weights are float32 or float64. Nothing given is changed.
    Arguments are always sensible; no checks are needed.

The written part
    `ANSWER` is your answer to the question in the first line, in 120 to 250 words, as you would
    say it in an interview: the ways in which pruning methods differ, and what each choice costs.

Sources
    Mao, Han, Pool, Li, Liu, Wang & Dally 2017, "Exploring the Regularity of Sparse Structure in
    Convolutional Neural Networks" (granularity against accuracy); Mishra et al. 2021,
    "Accelerating Sparse Deep Neural Networks" (2:4); Li, Kadav, Durdanovic, Samet & Graf 2017,
    "Pruning Filters for Efficient ConvNets" (filters, and the channels that read them).

Worked notebook: notebooks/q02_types_of_pruning.ipynb
"""

from __future__ import annotations

import numpy as np

ANSWER = """
I sort pruning methods by four questions.

First, the unit. Unstructured pruning removes single weights: it keeps the most accuracy at a
given sparsity, but the zeros are scattered, so it needs sparse formats and kernels before
anything gets faster. Structured pruning removes kernels, channels, filters, attention heads or
whole layers. Filters and channels can be cut out of the tensors, so what is left is a smaller
dense network, which ordinary libraries usually run faster; it costs more accuracy at the same
sparsity. In between is N:M, such as 2:4: two of every four weights along the inputs stay, which
sparse tensor cores run at up to twice the dense rate.

Second, the criterion: magnitude, gradients as in Taylor scores, curvature as in Optimal Brain
Surgeon, activations such as APoZ, or a penalty in training that drives units to zero.

Third, the time: after training, at once or in rounds with fine-tuning; gradually during training;
at initialisation, as SNIP does; or with a mask that moves, as in RigL.

Fourth, the scope: the same share in each layer, or one ranking over the whole network. A global
ranking lets each layer find its own sparsity, but it can empty a layer.

Zeroing is not removing: a silenced filter still costs what it did. Which type I take depends on
what the target hardware can use, and on how much accuracy I may lose.
"""

RUBRIC: list[tuple[int, str]] = [
    (
        2,
        "By unit: unstructured (single weights) against structured (kernels, channels, filters, "
        "heads, layers).",
    ),
    (
        2,
        "The trade between them: fine units keep more accuracy, coarse ones run faster on "
        "ordinary hardware.",
    ),
    (
        1,
        "N:M or 2:4 as the middle way, and that it needs hardware made for it.",
    ),
    (
        2,
        "By criterion, with at least two named: magnitude, gradient, curvature, activation, "
        "penalty.",
    ),
    (
        1,
        "By time: after, during or before training; at once or in rounds; fixed or moving masks.",
    ),
    (
        1,
        "By scope: in each layer, or one ranking for all.",
    ),
    (
        1,
        "Zeroing is not removing: only what is cut out of the tensors makes a dense network "
        "smaller.",
    ),
]

FOLLOW_UPS: list[tuple[str, str]] = [
    (
        "You prune half of the filters of every conv. What happens to its multiplications?",
        "About a quarter is left: a conv loses half of its outputs, and half of its inputs too, "
        "because the layer before it lost its filters. The first and the last layer lose only "
        "half.",
    ),
    (
        "Why are filters and channels two names, if one layer's filters are the next one's "
        "channels?",
        "They are the two ends of one cut: removing filter o of a layer makes channel o of the "
        "next layer useless, and both go. A batch-norm between them loses the same entry.",
    ),
    (
        "What does 2:4 give?",
        "Half of the weights, stored with two bits of position for each kept one, and up to "
        "twice the rate of matrix products on GPUs with sparse tensor cores (Mishra et al. "
        "2021). Layers that are bound by something else gain less; other hardware gains "
        "nothing. The groups of four run along the input channels: in a convolution larger than "
        "1×1 a run of four neighbours in a flattened filter is not what the hardware reads.",
    ),
    (
        "Is global magnitude pruning always better than layer by layer?",
        "It often is, but magnitudes of different layers are not on one scale, and at high "
        "sparsity a layer can lose all of its weights (layer collapse, Tanaka et al. 2020).",
    ),
    (
        "Does pruning before training work as well?",
        "Not as well as after it: Frankle et al. 2021 find SNIP, GraSP and SynFlow below "
        "magnitude pruning after training, and their masks may be shuffled within a layer "
        "without harm.",
    ),
    (
        "Which units does one remove from a transformer, or from a mixture of experts?",
        "Attention heads with their query, key, value and output slices (m04), neurons of the "
        "gated MLPs (m05), whole blocks (m06), directions of the residual stream (m07), and "
        "experts with their router rows (m09). Grouped-query attention ties heads together: a "
        "key-value head can only go with all its queries.",
    ),
]

WRONG_CLAIMS: list[tuple[str, str]] = [
    (
        "Structured pruning sets whole filters to zero.",
        "Setting to zero leaves the shape and the cost. Li et al. 2017 cut the filters out, "
        "with their feature maps and the kernels that read them; measured in the notebook: the "
        "time of a convolution with half of its filters zeroed, and with half of them cut out.",
    ),
    (
        "Unstructured pruning is the faster kind, because it reaches a higher sparsity.",
        "Sparsity is not speed: it depends on the kernel. Wen et al. 2016 measured about twice "
        "the speed-up for structured sparsity with the libraries of their day. Kernels made for "
        "scattered zeros have closed part of the gap on GPUs: 1.2 to 2.1 times at high sparsity "
        "(Gale et al. 2020), ahead of cuBLAS from about 30% in language models (Fan et al. "
        "2025, SpInfer).",
    ),
    (
        "Coarse pruning always compresses less, as it loses accuracy sooner.",
        "Mao et al. 2017: a coarse pattern stores fewer indices, and at the same accuracy it "
        "reached a better compression ratio than a fine one.",
    ),
    (
        "2:4 sparsity makes a network twice as fast.",
        "It doubles the peak rate of matrix products on sparse tensor cores (Mishra et al. "
        "2021); everything else takes the time that it took.",
    ),
    (
        "A conv that loses half of its filters and half of its channels keeps half of its weights.",
        "A quarter is left; measured in the notebook: `dense_shape_after` of such a mask.",
    ),
]

_AXES = {"filter": (1, 2, 3), "channel": (0, 2, 3), "kernel": (2, 3), "unstructured": ()}


def granularity(mask: np.ndarray) -> str:
    """Return the coarsest kind of unit that the zeros of a mask consist of.

    A unit explains a zero if all of the unit is zero. The answer is the first in this list that
    explains every zero of the mask, not only some of them:

    - "none": there is no zero.
    - "layer": everything is zero.
    - "filter": every zero lies in a mask[o] that is all zero.
    - "channel": every zero lies in a mask[:, i] that is all zero.
    - "kernel": every zero lies in a mask[o, i] that is all zero; only where kh·kw > 1.
    - "2:4": in·kh·kw is divisible by 4, and of each run of four in a flattened filter,
      mask[o].reshape(-1), exactly two are kept.
    - "unstructured": anything else.

    Args:
        mask: boolean, shape (out, in, kh, kw).

    Returns:
        One of the seven names. Where some filters and some channels are gone, neither name
        explains all of it: the zeros are whole kernels, so it is "kernel", and "unstructured" in
        a 1×1 convolution.

    Example:
        >>> mask = np.ones((3, 2, 3, 3), dtype=bool)
        >>> mask[1] = False
        >>> granularity(mask)
        'filter'
        >>> mask[0, 0] = False
        >>> granularity(mask)
        'kernel'
    """
    if mask.all():
        return "none"
    if not mask.any():
        return "layer"
    for name in ("filter", "channel", "kernel"):
        if name == "kernel" and mask.shape[2] * mask.shape[3] == 1:
            continue
        if np.all(mask == mask.any(axis=_AXES[name], keepdims=True)):
            return name
    filters = mask.reshape(mask.shape[0], -1)
    if filters.shape[1] % 4 == 0 and np.all(filters.reshape(-1, 4).sum(axis=1) == 2):
        return "2:4"
    return "unstructured"


def granularity_mask(weight: np.ndarray, granularity: str, sparsity: float) -> np.ndarray:
    """Remove the units of smallest L2 norm.

    All units of the weight are ranked together: the kernels of all filters in one ranking. Where
    several have the same norm, any choice among them is right.

    Args:
        weight: shape (out, in, kh, kw).
        granularity: the unit: "filter", "channel", "kernel" or "unstructured" (a single weight).
            "kernel" is for kh·kw > 1.
        sparsity: the fraction of the units to remove, in [0, 1]. There are `out` filters, `in`
            channels, `out * in` kernels and `out * in * kh * kw` weights; exactly
            `round(sparsity * units)` go.

    Returns:
        A boolean mask of the shape of the weight, in which each unit is wholly True or wholly
        False.

    Example:
        >>> weight = np.arange(8.0).reshape(2, 2, 1, 2)
        >>> granularity_mask(weight, "channel", 0.5)[0].tolist()
        [[[False, False]], [[True, True]]]
        >>> granularity_mask(weight, "kernel", 0.75)[1].tolist()
        [[[False, False]], [[True, True]]]
    """
    energy = np.square(weight, dtype=np.float64).sum(axis=_AXES[granularity], keepdims=True)
    keep = np.ones(energy.size, dtype=bool)
    keep[np.argsort(energy, axis=None)[: round(float(sparsity) * energy.size)]] = False
    return np.broadcast_to(keep.reshape(energy.shape), weight.shape).copy()


def dense_shape_after(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Return the shape of the weight once what can be cut out of it is cut out.

    Filters that are all zero go, and input channels that are all zero in every filter. Nothing
    else can: a zero in between stays in the dense array, and the window keeps its size.

    Args:
        mask: boolean, shape (out, in, kh, kw).

    Returns:
        A tuple (filters left, channels left, kh, kw); (0, 0, kh, kw) when nothing is left.

    Example:
        >>> mask = np.ones((4, 3, 3, 3), dtype=bool)
        >>> mask[0] = False
        >>> mask[:, 1:] = False
        >>> mask[2, 0, 1, 1] = False
        >>> dense_shape_after(mask)
        (3, 1, 3, 3)
    """
    filters, channels = mask.any(axis=(1, 2, 3)), mask.any(axis=(0, 2, 3))
    return int(filters.sum()), int(channels.sum()), mask.shape[2], mask.shape[3]

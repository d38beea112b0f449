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

# Your written answer to the question above: 120 to 250 words, as you would say it aloud.
ANSWER = ""


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
    raise NotImplementedError


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
    raise NotImplementedError


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
    raise NotImplementedError

"""What pruning is: sparsity, compression ratio, and what counts as pruned

什么是剪枝技术？

Pruning takes parameters out of a network that works nearly as well without them. Before one can
say how well, three things must be exact: how sparse a weight array is, how much smaller that
makes it, and when one array is a pruning of another. You write a function for each.

    difficulty ●○○○○    importance ●●●●●    about 15 minutes, and as long for the written answer

Words
    zero      an entry equal to 0; -0.0 is equal to 0, and the smallest number that is not
              counts as a weight like any other. There is no tolerance.
    sparsity  the share of the entries that are zero, in [0, 1].

Everywhere
    The arrays are numpy's, float32 or float64, of one or more dimensions. Nothing given is
    changed. Arguments are always sensible; no checks are needed.

The written part
    `ANSWER` is your answer to the question in the first line, in 120 to 250 words, as you would
    say it in an interview: what pruning is, why it can work, and what it does not give by itself.

Sources
    LeCun, Denker & Solla 1990, "Optimal Brain Damage"; Han, Pool, Tran & Dally 2015, "Learning
    both Weights and Connections for Efficient Neural Networks"; Blalock, Gonzalez Ortiz, Frankle
    & Guttag 2020, "What is the State of Neural Network Pruning?" (how results are measured).

Worked notebook: notebooks/q01_what_is_pruning.ipynb
"""

from __future__ import annotations

import math

import numpy as np

ANSWER = """
Pruning removes parameters from a neural network and tries to keep what the network computes.
Trained networks are usually over-parameterised: many weights can go and the accuracy hardly
moves. Han and others, in 2015, took AlexNet from 61 to 6.7 million weights without losing
accuracy on ImageNet; the idea is as old as Optimal Brain Damage, from 1990.

A pruning method answers three questions. What is the unit: single weights, or whole filters,
channels, heads or layers? Which units matter least: small magnitude is the simplest criterion and
hard to beat in networks that are fine-tuned afterwards; others use gradients, curvature or
activations, and large language models need the activations. And when: once after training, in
rounds or step by step during it, or before it. What is removed is set to zero and held there by a
mask, or cut out of the tensors. Usually one fine-tunes afterwards, because the weights that are
left have to make up for those that went.

I would report sparsity, the share of zeros, or the compression ratio, all entries over the
non-zero ones, always beside the accuracy of the dense network. And I would say what pruning does
not give by itself: zeros in a dense array take as much memory and as much time as any other
number. To gain something you need a sparse format and kernels that use it, hardware support such
as 2:4 sparsity, or structured pruning, which leaves a smaller dense network.
"""

RUBRIC: list[tuple[int, str]] = [
    (
        2,
        "Parameters are removed from a network (set to zero and held there, or cut out) while "
        "what it computes is kept as far as possible.",
    ),
    (
        2,
        "It can work because trained networks are over-parameterised; one figure or paper.",
    ),
    (
        2,
        "There is a criterion of importance: magnitude, and at least one other kind (gradient, "
        "curvature, activation).",
    ),
    (
        1,
        "The unit varies: single weights, or structures such as filters, channels and layers.",
    ),
    (
        1,
        "The network is fine-tuned after pruning, often in several rounds.",
    ),
    (
        1,
        "It is measured: sparsity or compression ratio, beside the accuracy of the dense network.",
    ),
    (
        1,
        "Zeros alone save neither memory nor time: format, kernels, hardware or structure must.",
    ),
]

FOLLOW_UPS: list[tuple[str, str]] = [
    (
        "At 90% sparsity, is the stored model ten times smaller?",
        "No. With float32 values and a bit mask each weight costs 1 + 0.1·32 = 4.2 bits instead "
        "of 32: 7.6 times smaller. Against bfloat16, today's baseline, it is 2.6 of 16 bits: "
        "6.2 times. With a 32-bit index for each kept value it is 5 times, and 3.3 times. "
        "Stored as a dense array it is not smaller at all.",
    ),
    (
        "Why not train a small dense network from the start?",
        "At the same number of non-zero weights, pruned large networks beat small dense ones in "
        "Zhu & Gupta 2017. For structured pruning it is less clear: Liu et al. 2019 trained the "
        "small architectures from scratch and did as well. So that is the control to run.",
    ),
    (
        "How does pruning differ from dropout?",
        "Dropout leaves out units at random, anew in every training step, and uses all of them "
        "at inference; it regularises. Pruning removes chosen parameters for good, for "
        "inference too.",
    ),
    (
        "Can a pruned weight come back?",
        "In plain magnitude pruning the mask only shrinks. Sparse training such as RigL (Evci "
        "et al. 2020) drops weights and grows others, at a constant sparsity.",
    ),
    (
        "Why is magnitude a poor criterion for a large language model?",
        "A few input features have activations far larger than the rest, so a small weight on "
        "such a feature can matter more than a large one elsewhere. Wanda (Sun et al. 2024) "
        "ranks by weight times the norm of its input, without retraining. Exercise m01 builds "
        "it; SparseGPT, in m02, also adjusts the weights that stay.",
    ),
]

WRONG_CLAIMS: list[tuple[str, str]] = [
    (
        "Pruning makes a model faster.",
        "Not by itself; measured in the notebook: a dense product with 90% zeros takes as long "
        "as one without. It takes a kernel made for the pattern: Gale et al. 2020 reach 1.2 to "
        "2.1 times with scattered zeros on GPUs, Fan et al. 2025 (SpInfer) beat cuBLAS from "
        "about 30% sparsity for language models.",
    ),
    (
        "A model at 90% sparsity needs 10% of the memory.",
        "Only what the format leaves out is saved, and positions cost bits too: Han, Mao & "
        "Dally 2016 (Deep Compression) count the indices in the size; measured in the notebook: "
        "the bytes of one array in several formats.",
    ),
    (
        "Model pruning is another technique than pruning, to be compared with it.",
        'It is the same thing under a longer name: Zhu & Gupta 2017 open with "model pruning" '
        "for setting weights to zero. What differs is the unit that is removed.",
    ),
    (
        "Pruning always costs accuracy.",
        "Han et al. 2015 removed 8 of 9 weights of AlexNet without loss, after retraining; "
        "Bartoldson et al. 2020 study cases in which pruning improves generalisation, and "
        "compare it with injected noise.",
    ),
    (
        "If the accuracy is unchanged, the model is unchanged.",
        "Hooker et al. 2019 find examples, often rare or atypical ones, on which dense and "
        "pruned models disagree although the overall accuracy is nearly the same.",
    ),
]


def sparsity(weights: np.ndarray) -> float:
    """Return the share of the entries that are exactly zero.

    Args:
        weights: any shape, at least one entry.

    Returns:
        Zeros divided by entries, a fraction in [0, 1]. Both signs of zero count.

    Example:
        >>> sparsity(np.array([[0.0, 2.0], [-0.0, 1e-9]]))
        0.5
    """
    return float(np.mean(weights == 0))


def compression_ratio(weights: np.ndarray) -> float:
    """Return how many entries there are for each one that is not zero.

    Args:
        weights: any shape, at least one entry.

    Returns:
        Entries divided by non-zeros, at least 1; infinity (`math.inf`) when every entry is zero.

    Example:
        >>> compression_ratio(np.array([[0.0, 2.0], [-0.0, 0.0]]))
        4.0
    """
    left = int(np.count_nonzero(weights))
    return weights.size / left if left else math.inf


def is_pruning_of(pruned: np.ndarray, original: np.ndarray) -> bool:
    """Return whether `pruned` is `original` with some entries set to zero.

    Args:
        pruned: any shape, at least one entry.
        original: any shape, at least one entry; both arrays have the same dtype.

    Returns:
        True if the shapes are the same and every entry of `pruned` is either equal to that of
        `original`, without any tolerance, or zero (of either sign). None of them need be zero,
        and all may be. False otherwise: another shape is an answer here, not an error.

    Example:
        >>> original = np.array([1.0, -2.0, 3.0])
        >>> is_pruning_of(np.array([1.0, 0.0, 3.0]), original)
        True
        >>> is_pruning_of(np.array([1.0, 0.0, 2.9]), original)
        False
    """
    if pruned.shape != original.shape:
        return False
    return bool(np.all((pruned == original) | (pruned == 0)))

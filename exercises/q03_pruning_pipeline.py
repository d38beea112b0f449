"""The pruning pipeline: schedules, rounds, and a training step that keeps zeros zero

剪枝技术如何应用于深度学习模型？

Between "remove the small weights" and a network that still works lies a procedure: how much goes
at which step, how many rounds, and how the optimizer is kept from bringing the pruned weights
back. You write the three functions for it, which are short, and which people get wrong.

    difficulty ●●○○○    importance ●●●●○    about 25 minutes, and 15 for the written answer

Words
    sparsity  the fraction of all weights that is gone, in [0, 1].
    mask      boolean, of the shape of the weights; True = kept, False = pruned.
    velocity  what SGD with momentum remembers: PyTorch's momentum buffer.

Everywhere
    Arrays are numpy's, float32 or float64, of one or more dimensions. Nothing given is changed.
    Arguments are always sensible; no checks are needed.

The written part
    `ANSWER` is your answer to the question in the first line, in 120 to 250 words, as you would
    say it in an interview: the steps from a trained network to a pruned one in use.

Sources
    Zhu & Gupta 2017, "To prune, or not to prune", section 3 (the cubic ramp); Han, Pool, Tran &
    Dally 2015, "Learning both Weights and Connections for Efficient Neural Networks", section 3
    (train, prune, retrain); Frankle & Carbin 2019, "The Lottery Ticket Hypothesis", section 1
    (rounds that each remove the same share of what is left).

Worked notebook: notebooks/q03_pruning_pipeline.ipynb
"""

from __future__ import annotations

import numpy as np

# Your written answer to the question above: 120 to 250 words, as you would say it aloud.
ANSWER = ""


def gradual_sparsity(step: int, begin: int, end: int, initial: float, final: float) -> float:
    """Return the sparsity at a training step, on the cubic ramp of Zhu & Gupta.

    Between `begin` and `end` it is

        final + (initial − final) · (1 − (step − begin) / (end − begin))³,

    steep at first and flat at the end. It is `initial` before `begin` and `final` after `end`.
    In the paper the masks are renewed only every so many steps; the ramp itself, which is asked
    for here, has a value at every step.

    Args:
        step: the step asked for.
        begin: where the ramp starts.
        end: where it ends; begin < end.
        initial: the sparsity up to `begin`, in [0, 1].
        final: the sparsity from `end` on, in [0, 1].

    Returns:
        The sparsity at that step, a float.

    Example:
        >>> [gradual_sparsity(step, 100, 300, 0.0, 0.5) for step in (50, 100, 200, 300, 900)]
        [0.0, 0.0, 0.4375, 0.5, 0.5]
    """
    raise NotImplementedError


def iterative_sparsities(final: float, rounds: int) -> list[float]:
    """Return the cumulative sparsity after each round of iterative pruning.

    Every round removes the same fraction of the weights that are left when it begins, so that
    `final` of all weights are gone after the last one.

    Args:
        final: the sparsity after the last round, in [0, 1].
        rounds: how many rounds there are, at least 1.

    Returns:
        A list of `rounds` numbers, one for the end of each round: which share of all the weights
        is gone then. The last is `final`. A `final` of 1 is reached only by removing all that is
        left, in each round.

    Example:
        >>> iterative_sparsities(0.75, 2)
        [0.5, 0.75]
        >>> iterative_sparsities(1.0, 3)
        [1.0, 1.0, 1.0]
    """
    raise NotImplementedError


def masked_sgd_step(
    weights: np.ndarray,
    gradients: np.ndarray,
    velocity: np.ndarray,
    mask: np.ndarray,
    lr: float,
    momentum: float,
    weight_decay: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Take one step of SGD with momentum and weight decay on a pruned layer.

    The weights that are kept move as PyTorch's SGD moves them, without its special cases (no
    dampening, no Nesterov, and the first step is a step like any other):

        velocity = momentum · velocity + (gradients + weight_decay · weights)
        weights = weights − lr · velocity, with the new velocity.

    Pruned entries come out as exactly 0 in both arrays, whatever their weight, gradient and
    velocity were. What is kept moves as if the pruned entries had never existed.

    Args:
        weights: any shape, at least one entry.
        gradients: the same shape, of the loss without the decay.
        velocity: the same shape.
        mask: boolean, the same shape.
        lr: the learning rate, positive.
        momentum: a number, 0 for plain SGD.
        weight_decay: a number, 0 for none.

    Returns:
        (weights, velocity) after the step: two new arrays of the shape and dtype of `weights`.

    Example:
        >>> weights, gradients = np.array([1.0, 2.0]), np.array([0.5, 0.5])
        >>> velocity, mask = np.array([1.0, 1.0]), np.array([True, False])
        >>> masked_sgd_step(weights, gradients, velocity, mask, 0.5, 0.5, 0.0)
        (array([0.5, 0. ]), array([1., 0.]))
    """
    raise NotImplementedError

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

ANSWER = """
I start from a trained dense network and its accuracy, because that is what I compare with. Then I
fix four things: the unit, which follows from the hardware; the criterion, usually magnitude
first; the target, in sparsity or better in latency; and which layers may lose how much, from a
sensitivity scan, since the first and the last layer often tolerate little.

Then I usually prune in steps, though at moderate sparsity one cut can do. Either in rounds: remove
a share of what is left, fine-tune, repeat. Or gradually during training: Zhu and Gupta raise the
sparsity along a cubic ramp, fast while there is much redundancy, slowly towards the end. Between
the steps the network recovers.

While it trains, the mask must hold. Masking the gradients is not enough: momentum and Adam's
averages, filled before the cut, still move a pruned weight. So I multiply the weights by the mask
after every optimizer step, and clear the momentum there. Fine-tuning wants a learning rate that
is not too small; rewinding it to an earlier value does better in Renda and others, 2020.

At the end I check the accuracy on held-out data, for each class too, because rare examples suffer
first. Then I make the gain real: cut the dead filters and channels out, or store in a sparse
format with kernels that use it, and measure size and latency on the target device, with a dense
network given the same extra training beside it.
"""

RUBRIC: list[tuple[int, str]] = [
    (
        2,
        "The order: train, choose what to remove, prune, fine-tune, and repeat.",
    ),
    (
        2,
        "Rounds or a gradual schedule as well as one cut, with the reason for steps: the "
        "network recovers between them.",
    ),
    (
        2,
        "The mask is applied again after every optimizer step, because the momentum or Adam's "
        "averages from before the cut would revive pruned weights.",
    ),
    (
        1,
        "The choices before: unit, criterion, target; sensitivity differs between layers.",
    ),
    (
        1,
        "How to retrain: learning rate, number of epochs, or rewinding.",
    ),
    (
        1,
        "The end: cut out or store sparsely, and measure on the target hardware.",
    ),
    (
        1,
        "Validation beside a dense control: held-out data, and more than one overall number.",
    ),
]

FOLLOW_UPS: list[tuple[str, str]] = [
    (
        "Why a cubic ramp and not a line?",
        "Early on there are many redundant weights, so much can go quickly; near the end each "
        "further weight costs more, and small steps leave time to recover (Zhu & Gupta 2017).",
    ),
    (
        "Ten rounds to 90%: how much goes in each?",
        "The same share p of what is left, with (1 − p)^10 = 0.1, so p is about 20.6%. After "
        "five rounds 68% is gone, not 45%.",
    ),
    (
        "The gradient of a pruned weight is masked. Why does the weight not stay zero?",
        "The momentum buffer still holds its old gradients and adds them; with Adam the "
        "averages do. Weight decay acts past the gradient as well if the weight was not zero "
        "before.",
    ),
    (
        "You prune by cutting channels and then go on training. What do you do with the optimizer?",
        "Build a new one, or cut its state as well: the old one holds the old parameters, and "
        "would train tensors that the network does not use any more.",
    ),
    (
        "Fine-tune, or train from scratch?",
        "For unstructured pruning keep the weights (Han et al. 2015). For structured pruning "
        "with a given architecture, training it from scratch did as well in Liu et al. 2019: "
        "run both.",
    ),
    (
        "You cannot retrain a model of 70 billion parameters. What is left of the pipeline?",
        "One-shot pruning with calibration: a hundred or so sequences run through the model, "
        "layer by layer; each layer is pruned against the inputs that it really gets, and the "
        "next layer sees the pruned one's output. Wanda only scores (m01), SparseGPT also "
        "repairs the remaining weights (m02). Then one checks perplexity and tasks, and may "
        "repair with a short distillation or LoRA.",
    ),
]

WRONG_CLAIMS: list[tuple[str, str]] = [
    (
        "Pruning at once to the target and fine-tuning longer comes to the same.",
        "Sometimes, not in general. Han et al. 2015: without loss of accuracy, iterating raised "
        "the pruning rate of AlexNet from 5× to 9×, with a retraining for each round. Measured "
        "in the notebook at an equal budget, each way at its best learning rate: on LeNet the "
        "two are level, if each round restarts the rate; on a small network whose output layer "
        "one cut starves, rounds are six points ahead at 95% and more than thirty at 98%.",
    ),
    (
        "Setting the gradients of pruned weights to zero keeps them at zero.",
        "Not with momentum or Adam, whose state from before the cut still moves them; measured "
        "in the notebook: weights that come back under SGD with momentum, with the gradients "
        "masked.",
    ),
    (
        "Pruning shortens training.",
        "Train, prune, retrain is more training, and masks over dense kernels save nothing. "
        "Cheaper training is what sparse training is for (Evci et al. 2020), given sparse "
        "kernels.",
    ),
    (
        "Each of n rounds removes final/n of the weights that are left.",
        "Then too little goes: ten rounds of 9% leave 39%, not 10%; measured in the notebook. "
        "The share is 1 − (1 − final)^(1/n).",
    ),
    (
        "Fine-tune with the last, smallest learning rate of the training.",
        "Renda, Frankle & Carbin 2020: going back to an earlier, larger learning rate does "
        "better than fine-tuning with a small fixed one.",
    ),
]


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
    progress = min(max((step - begin) / (end - begin), 0.0), 1.0)
    return final + (initial - final) * (1 - progress) ** 3


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
    return [1 - (1 - final) ** (done / rounds) for done in range(1, rounds + 1)]


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
    # Selected, not multiplied: a huge pruned entry may overflow, and infinity times 0 is NaN.
    velocity = np.where(mask, momentum * velocity + (gradients + weight_decay * weights), 0)
    return np.where(mask, weights - lr * velocity, 0), velocity

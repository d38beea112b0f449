"""What pruning does in training and in inference

剪枝技术在训练和推理阶段的作用是什么？

Pruning is asked for at inference and paid for in training, unless the training itself is sparse.
You count what each way of training costs a step and what it keeps in memory, and write the one
step that makes sparse training work: RigL's move of connections.

    difficulty ●●○○○    importance ●●●●○    about 30 minutes

Words
    f          the operations of one forward pass of the dense network. Backward costs twice as
               much: once for the gradients of the activations and once for those of the weights.
    sparsity s the fraction of the weights removed, in [0, 1]; f_S = (1 − s)·f is the forward pass
               of the sparse network. Of n weights round(s · n) are gone (Python's `round`) and the
               rest is kept.
    active     a weight whose mask is True. The others are inactive, and count as 0.
    ΔT         `update_interval`: RigL takes ΔT sparse steps, then one with a dense gradient.

Everywhere
    Arrays are numpy's, float32 or float64. Nothing given is changed. Arguments are always
    sensible; no checks are needed.

Sources
    Evci, Gale, Menick, Castro & Elsen 2020, "Rigging the Lottery: Making All Tickets Winners",
    section 3 (drop and grow) and the appendix on FLOPs; Zhu & Gupta 2017, "To prune, or not to
    prune" (training with masks over dense kernels).

Worked notebook: notebooks/q05_training_and_inference.ipynb
"""

from __future__ import annotations

import numpy as np

ANSWER = """
At inference pruning is meant to save: fewer stored weights, less memory traffic and, where the
hardware can use the pattern, less time. The weights are fixed by then, so they can be packed, for
instance as a bit mask and the kept values; or whole channels are cut out and the network is
simply a smaller dense one.

In training the usual pipeline is an extra cost. One trains a dense network, removes weights step
by step, and trains on so that the rest can make up for them. While it learns, a mask lies over
dense kernels: a step still takes the forward pass and two more for the gradients. The memory of
the parameters even grows, because weights, gradients, optimizer state and the mask are all there,
and the activations kept for the backward pass stay as they were. The mask must be applied after
every optimizer step, or momentum from before brings pruned weights back.

Saving in training needs sparse training. A static mask costs a share of one minus the sparsity.
RigL moves connections while it trains: every hundred steps or so it drops the smallest weights
and grows those with the largest gradients, so a dense gradient is needed only then. That saves
time only where kernels skip zeros.

Pruning also regularises a little, like noise; rare classes can suffer even when the average
accuracy holds.
"""

RUBRIC: list[tuple[int, str]] = [
    (
        2,
        "Inference is where pruning pays: storage, traffic, and time where the hardware can.",
    ),
    (
        2,
        "Train, prune, retrain adds to the cost of training; masked training is dense work.",
    ),
    (
        2,
        "Training memory does not fall with masks: weights, gradients, optimizer state, mask.",
    ),
    (
        1,
        "The mask is applied again after every optimizer step, and why.",
    ),
    (
        2,
        "Sparse training (static masks, RigL) is what lowers training compute, and how it works.",
    ),
    (
        1,
        "The effect on generalisation is small and double-edged: noise-like, and uneven.",
    ),
]

FOLLOW_UPS: list[tuple[str, str]] = [
    (
        "Why does RigL need a dense gradient at all, and what does it cost?",
        "To find which inactive connections would lower the loss most. It is needed once in ΔT "
        "+ 1 steps; at 90% sparsity and ΔT = 100 a step costs 0.309 f instead of 3 f.",
    ),
    (
        "Why does a weight that was just grown start at 0?",
        "The function that the network computes does not change at that moment; the weight then "
        "moves along the large gradient that it was chosen for.",
    ),
    (
        "How much memory does Adam training with masks take for n parameters?",
        "Weights, gradients and two moments in float32, 16 bytes, and a mask byte: 17 n bytes, "
        "whatever the sparsity. The activations come on top; they grow with the batch, and "
        "masks do not shrink them.",
    ),
    (
        "Can one train the pruned network from scratch?",
        "With channels removed usually yes, to comparable accuracy with the same budget (Liu et "
        "al. 2019). With scattered weights the mask found by training works with the original "
        "initial values in small networks (Frankle & Carbin 2019); in larger ones only when "
        "they are rewound to an early step instead (Frankle et al. 2020), or the mask has to "
        "move, as in RigL.",
    ),
    (
        "A pruned language model has lost two points. How do you repair it on one GPU?",
        "With LoRA: the pruned weights stay frozen and low-rank adapters learn; LLM-Pruner (Ma et "
        "al. 2023) needs 50,000 samples and three hours for it. For structured pruning the "
        "adapters can be merged; merging them into masked weights would fill the zeros, so the "
        "mask is applied to the sum, or they stay separate. The cheapest repair needs no "
        "training at all: refit the last matrix by least squares, as in m05.",
    ),
]

WRONG_CLAIMS: list[tuple[str, str]] = [
    (
        "Pruning makes training cheaper.",
        "`training_flops`: masks over dense kernels leave 3 f a step. Evci et al. 2020: methods "
        "that go from dense to sparse are bound to the size of the dense network; training has "
        "to be sparse to be cheaper.",
    ),
    (
        "At 90% sparsity training takes a tenth of the memory.",
        "`memory_bytes`: with masks it is 9, 13 or 17 bytes a parameter at any sparsity, more "
        "than dense training. Only what is stored for inference shrinks.",
    ),
    (
        "It is enough to mask the gradients while fine-tuning.",
        "Measured in the notebook: with momentum or Adam moments from before the pruning, "
        "weights with masked gradients leave 0 again. The mask has to be applied after the "
        "step.",
    ),
    (
        "Pruning improves generalisation.",
        "Sometimes, at mild sparsity: Bartoldson et al. 2020 find that it regularises like "
        "noise and does not need the weights to stay removed. Hooker et al. 2019: at the same "
        "average accuracy some classes and rare examples get worse.",
    ),
    (
        "A pruned network always has to inherit its weights; from scratch it is worse.",
        'Liu et al. 2019, "Rethinking the Value of Network Pruning": for structured pruning, '
        "training the small network from random weights gives comparable or better accuracy.",
    ),
]


def training_flops(
    forward_flops: float, sparsity: float, method: str, update_interval: int = 100
) -> float:
    """Count the operations of one training step, on average.

    With f = forward_flops and f_S = (1 − sparsity)·f:

        "dense"    3·f
        "masked"   3·f            masks over dense kernels
        "static"   3·f_S          a mask that never moves, kernels that skip zeros
        "rigl"     (3·f_S·ΔT + 2·f_S + f) / (ΔT + 1)

    In RigL's one step of ΔT + 1 with a dense gradient, the forward pass and the gradients of the
    activations are sparse (2·f_S) and the gradients of the weights are dense (f).

    Args:
        forward_flops: f, > 0.
        sparsity: the fraction of the weights removed, in [0, 1].
        method: "dense", "masked", "static" or "rigl".
        update_interval: ΔT, an integer ≥ 1; only RigL uses it.

    Returns:
        Operations a step.

    Example:
        >>> [training_flops(1000.0, 0.75, name) for name in ("dense", "masked", "static")]
        [3000.0, 3000.0, 750.0]
        >>> training_flops(1000.0, 0.75, "rigl", update_interval=4)
        900.0
    """
    f = forward_flops
    if method in ("dense", "masked"):
        return 3 * f
    sparse = (1 - sparsity) * f
    if method == "static":
        return 3 * sparse
    return (3 * sparse * update_interval + 2 * sparse + f) / (update_interval + 1)


def memory_bytes(n_params: int, sparsity: float, phase: str, optimizer: str = "sgd") -> int:
    """Count the bytes that the parameters take, in float32 (4 bytes).

    "training", with a mask over dense weights: for each of the n parameters, whatever the
    sparsity, a weight, a gradient, the optimizer's state (no copy for "sgd", one for "momentum",
    two for "adam"; float32 each) and one byte of mask.

    "inference": a bit mask of n bits, rounded up to whole bytes, and 4 bytes for each kept value.
    The optimizer plays no part. n − round(sparsity · n) values are kept.

    Args:
        n_params: n, an integer ≥ 1.
        sparsity: the fraction of the weights removed, in [0, 1].
        phase: "training" or "inference".
        optimizer: "sgd", "momentum" or "adam".

    Returns:
        The number of bytes.

    Example:
        >>> [memory_bytes(1000, 0.9, "training", name) for name in ("sgd", "momentum", "adam")]
        [9000, 13000, 17000]
        >>> memory_bytes(1001, 0.9, "inference")
        526
    """
    if phase == "training":
        copies = {"sgd": 0, "momentum": 1, "adam": 2}[optimizer]
        return n_params * (4 * (2 + copies) + 1)
    kept = n_params - round(float(sparsity) * n_params)
    return (n_params + 7) // 8 + 4 * kept


def rigl_update(
    weights: np.ndarray, gradients: np.ndarray, mask: np.ndarray, fraction: float
) -> tuple[np.ndarray, np.ndarray]:
    """Move connections as RigL does: drop the smallest weights, grow where gradients are largest.

    1. Drop the k = round(fraction · active) active weights of smallest |weight| (Python's
       `round`; `active` is how many are active before).
    2. Of those that are inactive now, the just dropped among them, grow the k of largest
       |gradient|. There are always enough.

    A weight that is newly active starts at 0, whatever stood there. One that was dropped and
    grown again in this call keeps its value, as do those never dropped. Inactive weights come
    out as 0, whatever came in. Where magnitudes are equal, any choice is right.

    Args:
        weights: an array of any shape, floats.
        gradients: of the same shape: the dense gradient.
        mask: boolean, of the same shape; True = active. None of them may be active.
        fraction: the fraction of the active weights to drop, in [0, 1].

    Returns:
        (weights, mask): two new arrays of that shape, the weights with the dtype they had.

    Example:
        >>> weights = np.array([0.5, -0.1, 0.0, 7.0])
        >>> gradients = np.array([0.0, 0.2, -0.3, 0.1])
        >>> moved, mask = rigl_update(weights, gradients, np.array([True, True, False, False]), 0.5)
        >>> moved.tolist(), mask.tolist()
        ([0.5, 0.0, 0.0, 0.0], [True, False, True, False])
    """
    count = round(float(fraction) * np.count_nonzero(mask))
    moved = mask.copy()
    # What may not be chosen is sent to the far end of the ranking.
    moved.flat[np.argsort(np.where(mask, np.abs(weights), np.inf), axis=None)[:count]] = False
    moved.flat[np.argsort(np.where(moved, np.inf, -np.abs(gradients)), axis=None)[:count]] = True
    return np.where(moved & mask, weights, 0), moved

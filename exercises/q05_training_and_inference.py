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

# Your written answer to the question above: 120 to 250 words, as you would say it aloud.
ANSWER = ""


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
    raise NotImplementedError


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
    raise NotImplementedError


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
    raise NotImplementedError

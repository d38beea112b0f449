"""q03, formulas typed in."""

import numpy as np

ANSWER = """
First I need a well trained dense network and a baseline: accuracy, size and latency on the target
device, and a goal for one of these. Then I choose the granularity from the hardware, channels for
a normal CPU or GPU, 2:4 for recent NVIDIA cards, unstructured only with a sparse runtime. Next
comes a criterion, usually magnitude as a baseline, and a sensitivity analysis: prune one layer at
a time and see which layers suffer; first and last layers are often left alone. Then prune. One
shot is cheap but only works for moderate sparsity. Better is iterative: remove some percent of
what is left, fine-tune for some epochs, and repeat; or gradual, where sparsity rises during
training along the cubic ramp of Zhu and Gupta, steep while the network is still redundant and
flat at the end. While fine-tuning, a mask must be applied after every optimizer step, as momentum
and weight decay would otherwise revive pruned weights; the learning rate is about that of the end
of training, or rewound. Distillation from the dense model helps. Finally make it real: cut the
channels out or convert to a sparse format, fold batch norms, perhaps quantise, export, and
measure again on the device, with accuracy by class and not only on average. If the goal is
missed, change ratios per layer and go round again, then monitor in use.
"""


def gradual_sparsity(step, begin, end, initial, final):
    if step <= begin:
        return initial
    if step >= end:
        return final
    progress = (step - begin) / (end - begin)
    return final + (initial - final) * (1 - progress) ** 3


def iterative_sparsities(final, rounds):
    keep = (1 - final) ** (1 / rounds)
    return [1 - keep**i for i in range(1, rounds + 1)]


def masked_sgd_step(weights, gradients, velocity, mask, lr, momentum, weight_decay):
    new_velocity = momentum * velocity + (gradients + weight_decay * weights)
    new_velocity = np.where(mask, new_velocity, 0)
    new_weights = np.where(mask, weights - lr * new_velocity, 0)
    return new_weights.astype(weights.dtype), new_velocity.astype(weights.dtype)

"""q01 with numpy calls."""

import numpy as np

ANSWER = """
Pruning removes parameters from a trained network that contribute little to its output, by setting
them to zero or by taking whole channels, heads or layers out. It works because networks are
trained with many more parameters than the task needs: extra capacity makes optimisation easy, but
after training many weights are near zero or redundant, and the others can make up for them with a
little more training. The usual recipe is to train, rank the weights by some importance, most
simply the magnitude, remove the lowest, fine-tune, and repeat. With it one often removes half to
ninety percent of the weights with hardly any loss of accuracy; beyond some point accuracy falls
quickly. What it does not give by itself is speed. A zero in a dense matrix is multiplied like any
other number, and it takes as much memory. Unstructured sparsity helps only when the zeros are not
stored and when kernels or hardware skip them; 2:4 needs special tensor cores; only structured
pruning gives a smaller dense network that is faster everywhere. It also does not guarantee that
behaviour stays the same: average accuracy may stay while rare classes suffer. So one should
report the sparsity, the real size and the measured latency along with the accuracy.
"""


def sparsity(weights):
    return float(np.mean(weights == 0))


def compression_ratio(weights):
    nonzero = np.count_nonzero(weights)
    if nonzero == 0:
        return float("inf")
    return weights.size / nonzero


def is_pruning_of(pruned, original):
    if pruned.shape != original.shape:
        return False
    return bool(np.all((pruned == original) | (pruned == 0)))

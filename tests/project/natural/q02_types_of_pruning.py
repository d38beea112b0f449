"""q02: one block of the mask after the other."""

import numpy as np

ANSWER = """
I would sort pruning methods along four questions. First, what is the unit? Unstructured pruning
removes single weights: it keeps the most accuracy at a given sparsity, but dense hardware gains
nothing, one needs sparse formats and kernels and high sparsity. Structured pruning removes
filters, channels, heads or layers: the result is a smaller dense network that is faster on any
device, at the price of more accuracy. In between are patterns: kernels, blocks, and N:M such as
2:4, which sparse tensor cores accelerate with a small loss. Second, how is importance judged? By
magnitude, which needs no data; by activations, such as the share of zeros; by gradients or
second-order terms, such as Taylor, Fisher or Optimal Brain Surgeon, which cost more and often
choose better; or it is learned with a penalty on weights or batch-norm scales. Third, where are
the scores compared? Within each layer, which is safe and gives known shapes, or globally, which
finds redundant layers but can empty one. Fourth, when? After training in one shot, which is cheap
and used for large language models; iteratively with fine-tuning, which gives better accuracy for
more training; during training, with gradual schedules or dynamic sparse training; or even at
initialisation. The right choice follows from the hardware and from how much training one can
afford.
"""


def granularity(mask):
    out_channels, in_channels, kh, kw = mask.shape
    if mask.all():
        return "none"
    if not mask.any():
        return "layer"

    explained = np.ones_like(mask)
    for o in range(out_channels):
        if not mask[o].any():
            explained[o] = False
    if (explained == mask).all():
        return "filter"

    explained = np.ones_like(mask)
    for i in range(in_channels):
        if not mask[:, i].any():
            explained[:, i] = False
    if (explained == mask).all():
        return "channel"

    if kh * kw > 1:
        explained = np.ones_like(mask)
        for o in range(out_channels):
            for i in range(in_channels):
                if not mask[o, i].any():
                    explained[o, i] = False
        if (explained == mask).all():
            return "kernel"

    if (in_channels * kh * kw) % 4 == 0:
        runs = mask.reshape(-1, 4)
        if (runs.sum(axis=1) == 2).all():
            return "2:4"
    return "unstructured"


def granularity_mask(weight, granularity, sparsity):
    axes = {"filter": (1, 2, 3), "channel": (0, 2, 3), "kernel": (2, 3), "unstructured": ()}
    norms = np.sqrt(np.sum(weight**2, axis=axes[granularity], keepdims=True))
    k = round(sparsity * norms.size)
    keep = np.ones(norms.size, dtype=bool)
    keep[np.argsort(norms.ravel())[:k]] = False
    return np.broadcast_to(keep.reshape(norms.shape), weight.shape).copy()


def dense_shape_after(mask):
    filters = int(mask.any(axis=(1, 2, 3)).sum())
    channels = int(mask.any(axis=(0, 2, 3)).sum())
    return (filters, channels, mask.shape[2], mask.shape[3])

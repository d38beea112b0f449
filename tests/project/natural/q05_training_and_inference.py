"""q05: flat arrays and argsort."""

import numpy as np

ANSWER = """
At inference pruning is the goal: fewer weights to store and to read, fewer operations if the
zeros can be skipped, so less memory, latency and energy. With structured pruning every device
gains; with unstructured zeros storage shrinks, and time only with the right kernels. In training
pruning is mostly a cost. The usual way trains dense, prunes and fine-tunes, so that it takes more
computation than dense training alone. With masks over dense kernels every step costs as much as
before, and the memory is even larger: weight, gradient and optimizer state of every parameter
stay, plus the mask. What training gets from it is some regularisation, and knowledge of which
parts of the network matter. Training becomes cheaper only if it is sparse itself. A static mask
is cheap but gives worse accuracy, because a good mask is not known at the start; lottery tickets
show that good ones exist, but finding them costs a dense training. Dynamic sparse training, such
as SET or RigL, keeps the number of connections fixed and moves them: it drops the smallest
weights and grows those with the largest gradients. The dense gradient is needed only every
hundred steps or so, hence the average cost stays close to the sparse one, yet today's hardware
rarely turns that into time. So in practice: pay in training once, save in inference a million
times.
"""


def training_flops(forward_flops, sparsity, method, update_interval=100):
    f = forward_flops
    fs = (1 - sparsity) * f
    if method in ("dense", "masked"):
        return 3 * f
    if method == "static":
        return 3 * fs
    dt = update_interval
    return (3 * fs * dt + 2 * fs + f) / (dt + 1)


def memory_bytes(n_params, sparsity, phase, optimizer="sgd"):
    if phase == "training":
        copies = {"sgd": 0, "momentum": 1, "adam": 2}[optimizer]
        return n_params * (4 + 4 + 4 * copies + 1)
    kept = n_params - round(sparsity * n_params)
    return (n_params + 7) // 8 + 4 * kept


def rigl_update(weights, gradients, mask, fraction):
    w = weights.flatten()
    g = np.abs(gradients).flatten()
    old = mask.flatten()
    new = old.copy()

    active = np.flatnonzero(old)
    k = round(fraction * len(active))
    order = np.argsort(np.abs(w[active]))
    new[active[order[:k]]] = False

    inactive = np.flatnonzero(~new)
    order = np.argsort(-g[inactive])
    new[inactive[order[:k]]] = True

    w[~old] = 0
    w[~new] = 0
    return w.reshape(weights.shape), new.reshape(mask.shape)

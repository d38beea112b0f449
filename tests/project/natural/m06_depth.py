"""m06, short and plain."""

import copy

import torch
import torch.nn.functional as F
from torch import nn

ANSWER = """
In a deep transformer every block adds its output to a residual stream, and late in training the
stream is already large, so that a single block in the deeper half changes its direction only a
little. Therefore blocks can be left out and the next block still finds an input that looks like
what it was trained on. Usually it is the blocks in the deeper half that go, not the first two or
three and not the last one, which prepare the embedding and the output. To choose, run some text
and measure: block influence, one minus the mean cosine between input and output of a block,
scores each block; the angular distance between the stream before and after n blocks finds a
contiguous run; and a greedy search actually removes each candidate and looks at the output or the
perplexity, which is slower but sees interactions. The cosine measures see neither the length of
the vectors nor what later blocks do with a small change, and they are measured on the unpruned
model, so after one removal they no longer hold. They also depend on the text. Afterwards I check
perplexity and above all downstream tasks that need reasoning or several steps, since multiple
choice survives longer than arithmetic or generation. Then a short healing by fine-tuning or
distillation. Speed and the cache go down in proportion on every device.
"""


def block_influence(states):
    scores = []
    for before, after in zip(states, states[1:]):
        cosine = F.cosine_similarity(before, after, dim=-1)
        scores.append(1 - cosine.mean())
    return torch.stack(scores)


def angular_distances(states, n):
    distances = []
    for start in range(len(states) - n):
        a = states[start][:, -1]
        b = states[start + n][:, -1]
        cosine = F.cosine_similarity(a, b, dim=-1).clamp(-1, 1)
        distances.append((torch.acos(cosine) / torch.pi).mean())
    return torch.stack(distances)


def consecutive_blocks(states, n):
    start = angular_distances(states, n).argmin().item()
    return list(range(start, start + n))


def drop_blocks(blocks, drop):
    return nn.ModuleList(copy.deepcopy(b) for i, b in enumerate(blocks) if i not in drop)


def greedy_depth(blocks, x, n):
    def run(indices):
        out = x
        for i in indices:
            out = blocks[i](out)
        return out

    left = list(range(len(blocks)))
    removed = []
    with torch.no_grad():
        target = run(left)
        for _ in range(n):
            errors = [(run([j for j in left if j != i]) - target).norm().item() for i in left]
            worst = left[errors.index(min(errors))]
            left.remove(worst)
            removed.append(worst)
    return removed

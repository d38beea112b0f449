"""m10, a loop where that is easiest."""

import torch
import torch.nn.functional as F

ANSWER = """
Token merging leaves the weights alone and makes the sequence shorter: in each layer of a vision
transformer the r most similar pairs of tokens become one. Similarity is the cosine of the keys,
since keys already summarise what attention looks for. A full clustering would be slow, so tokens
are split into two sets, every token of the first picks its best partner in the second, and the r
best edges are merged, all in parallel. Merging instead of dropping keeps the information: the
mean of two patches of sky is still sky, whereas pruning loses whatever was in the dropped token,
and it works without training. Sizes record how many patches a token stands for. They are needed
twice: for the weighted mean in later merges, and for proportional attention, where log size is
added to the logits so that a merged token draws as much attention as its patches would have. The
savings grow over depth: with r tokens fewer per layer about half of the tokens remain on average,
which doubles the throughput of a large ViT with some tenths of a percent of accuracy lost, on any
hardware, as everything stays dense. It fits less where every position needs an output, as in
segmentation or diffusion: there one must unmerge and loses details. In causal language models
tokens are ordered and rarely redundant, so it does not fit either, and with fused attention
kernels the bias must be supported.
"""


def bipartite_match(keys, r):
    k = F.normalize(keys, dim=1)
    a, b = k[0::2], k[1::2]
    similarity = a @ b.T
    best, partner = similarity.max(dim=1)
    order = best.argsort(descending=True)[:r]
    return 2 * order, 2 * partner[order] + 1


def merge(tokens, sizes, sources, targets):
    sums = tokens * sizes[:, None]
    new_sizes = sizes.clone()
    for s, t in zip(sources.tolist(), targets.tolist()):
        sums[t] += tokens[s] * sizes[s]
        new_sizes[t] += sizes[s]
    keep = [i for i in range(len(tokens)) if i not in sources.tolist()]
    return sums[keep] / new_sizes[keep][:, None], new_sizes[keep]


def proportional_attention(query, keys, values, sizes):
    logits = query @ keys.T / keys.shape[1] ** 0.5 + sizes.log()
    return torch.softmax(logits, dim=-1) @ values


def unmerge(merged, n, sources, targets):
    holder = list(range(n))
    for s, t in zip(sources.tolist(), targets.tolist()):
        holder[s] = t
    left = [i for i in range(n) if i not in sources.tolist()]
    row = {position: i for i, position in enumerate(left)}
    return merged[[row[holder[i]] for i in range(n)]]

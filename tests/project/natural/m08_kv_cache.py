"""m08 with Python lists."""

import math

import torch

ANSWER = """
The cache holds a key and a value for every token, layer and key-value head: two times layers
times heads times head dimension times bytes, for a seven billion model about half a megabyte a
token. With long contexts or many users that exceeds the weights, limits the batch, and since
decoding reads all of it for every token, it limits the speed as well. Ways to shrink it: fewer
key-value heads (GQA, MQA) or a latent as in MLA, decided when training; sliding windows in some
layers; quantising keys and values to eight or four bits; paging, which only avoids waste; and
evicting tokens. To choose what to evict, StreamingLLM keeps the first few tokens, the attention
sinks, and a recent window, which keeps generation stable but forgets the middle. H2O accumulates
the attention each token received and keeps the heavy hitters and the recent ones. SnapKV lets the
last queries of the prompt vote, per head, before generation begins. What can go wrong: what is
evicted never returns, so a later question about it fails, as tests with a needle in a long text
show, while perplexity hardly moves. Accumulated scores favour old tokens. Removing the sinks
destroys the softmax. Position indices have to be handled consistently, scores need the attention
matrix that fused kernels never write, and each head keeps other tokens, which makes memory layout
hard.
"""


def cache_bytes(layers, kv_heads, head_dim, tokens, batch=1, bytes_per_value=2):
    return 2 * layers * kv_heads * head_dim * tokens * batch * bytes_per_value


def sinks_and_window(tokens, sinks, window):
    return [p for p in range(tokens) if p < sinks or p >= tokens - window]


def attend_kept(query, keys, values, kept):
    scores = keys[kept] @ query / math.sqrt(query.shape[0])
    return torch.softmax(scores, dim=0) @ values[kept]


def heavy_hitters(logits, budget, recent):
    cache = []
    scores = {}
    history = []
    for t in range(len(logits)):
        cache.append(t)
        scores[t] = 0.0
        probs = torch.softmax(logits[t, cache], dim=0)
        for p, prob in zip(cache, probs.tolist()):
            scores[p] += prob
        if len(cache) > budget:
            candidates = [p for p in cache if p <= t - recent]
            cache.remove(min(candidates, key=lambda p: scores[p]))
        history.append(list(cache))
    return history


def observed_window(attention, budget, window):
    heads, tokens, _ = attention.shape
    votes = attention[:, -window:, : tokens - window].sum(dim=1)
    top = votes.topk(budget - window, dim=1).indices
    last = torch.arange(tokens - window, tokens).expand(heads, window)
    return torch.cat([top, last], dim=1).sort(dim=1).values

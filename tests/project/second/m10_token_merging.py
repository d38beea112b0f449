"""m10 with loops over tokens."""

import torch


def bipartite_match(keys, r):
    found = []
    for a in range(0, len(keys), 2):
        rows = [
            (torch.cosine_similarity(keys[a], keys[b], dim=0).item(), b)
            for b in range(1, len(keys), 2)
        ]
        similarity, b = max(rows)
        found.append((similarity, a, b))
    found.sort(reverse=True)
    sources = torch.tensor([a for _, a, _ in found[:r]], dtype=torch.long)
    targets = torch.tensor([b for _, _, b in found[:r]], dtype=torch.long)
    return sources, targets


def merge(tokens, sizes, sources, targets):
    x, s = tokens.clone(), sizes.clone()
    for a, b in zip(sources.tolist(), targets.tolist()):
        x[b] = (s[b] * x[b] + sizes[a] * tokens[a]) / (s[b] + sizes[a])
        s[b] = s[b] + sizes[a]
    left = [p for p in range(len(x)) if p not in set(sources.tolist())]
    return x[left], s[left]


def proportional_attention(query, keys, values, sizes):
    weights = torch.softmax(query @ keys.mT * keys.size(-1) ** -0.5, dim=-1) * sizes
    return (weights / weights.sum(-1, keepdim=True)) @ values


def unmerge(merged, n, sources, targets):
    where = dict(zip(sources.tolist(), targets.tolist()))
    left = [p for p in range(n) if p not in where]
    return torch.stack([merged[left.index(where.get(p, p))] for p in range(n)])

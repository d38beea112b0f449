"""m08 with masks, sets and numpy."""

import numpy as np
import torch


def cache_bytes(layers, kv_heads, head_dim, tokens, batch=1, bytes_per_value=2):
    per_token = layers * kv_heads * (head_dim + head_dim) * bytes_per_value
    return per_token * tokens * batch


def sinks_and_window(tokens, sinks, window):
    first = set(range(min(sinks, tokens)))
    last = set(range(max(tokens - window, 0), tokens))
    return sorted(first.union(last))


def attend_kept(query, keys, values, kept):
    mask = torch.full((keys.shape[0],), float("-inf"), dtype=keys.dtype)
    mask[kept] = 0
    logits = torch.einsum("d,td->t", query, keys) * query.numel() ** -0.5 + mask
    weights = torch.exp(logits - logits.max())
    return torch.einsum("t,tv->v", weights, values) / weights.sum()


def heavy_hitters(logits, budget, recent):
    rows = logits.double().numpy()
    n = rows.shape[0]
    alive = np.zeros(n, dtype=bool)
    scores = np.zeros(n)
    history = []
    for t in range(n):
        alive[t] = True
        row = np.where(alive, np.where(np.arange(n) <= t, rows[t], 0), -np.inf)
        weights = np.exp(row - row.max())
        scores += weights / weights.sum()
        if alive.sum() > budget:
            candidates = np.where(alive & (np.arange(n) <= t - recent), scores, np.inf)
            alive[np.argmin(candidates)] = False
        history.append(np.flatnonzero(alive).tolist())
    return history


def observed_window(attention, budget, window):
    rows = []
    for head in attention:
        votes = head[-window:].sum(0)
        votes[-window:] = float("inf")
        order = torch.sort(votes, descending=True, stable=True).indices[:budget]
        rows.append(torch.sort(order).values)
    return torch.stack(rows)

"""Wrong answers that people really give for m08."""

import math

import torch

from tests.grading import mistake


@mistake(
    "cache_bytes",
    "keys without values",
    "It counts one vector for each token and head; there is a key and a value.",
    "What does attention multiply its weights with, after the softmax?",
)
def keys_only(layers, kv_heads, head_dim, tokens, batch=1, bytes_per_value=2):
    return layers * kv_heads * head_dim * tokens * batch * bytes_per_value


@mistake(
    "cache_bytes",
    "one layer only",
    "It counts the cache of a single layer.",
    "Where in the network does attention read keys?",
)
def one_layer(layers, kv_heads, head_dim, tokens, batch=1, bytes_per_value=2):
    return 2 * kv_heads * head_dim * tokens * batch * bytes_per_value


@mistake(
    "cache_bytes",
    "one sequence whatever the batch",
    "It leaves the batch out.",
    "Do two users share their keys?",
)
def batch_forgotten(layers, kv_heads, head_dim, tokens, batch=1, bytes_per_value=2):
    return 2 * layers * kv_heads * head_dim * tokens * bytes_per_value


@mistake(
    "cache_bytes",
    "two bytes whatever the number",
    "It takes half precision for granted.",
    "Which parameter says how large one number is?",
)
def always_half(layers, kv_heads, head_dim, tokens, batch=1, bytes_per_value=2):
    return 2 * layers * kv_heads * head_dim * tokens * batch * 2


@mistake(
    "cache_bytes",
    "bits for bytes",
    "It returns eight times too much, as if a byte were a bit.",
    "In which unit is the result asked for?",
)
def in_bits(layers, kv_heads, head_dim, tokens, batch=1, bytes_per_value=2):
    return 16 * layers * kv_heads * head_dim * tokens * batch * bytes_per_value


@mistake(
    "sinks_and_window",
    "positions twice where they overlap",
    "It joins sinks and window without asking whether they share positions.",
    "What does it return for 3 tokens, 2 sinks and a window of 2?",
)
def doubled(tokens, sinks, window):
    return list(range(min(sinks, tokens))) + list(range(max(0, tokens - window), tokens))


@mistake(
    "sinks_and_window",
    "a slice of the last 0",
    "It takes positions[-window:], which for a window of 0 is everything.",
    "What is [1, 2, 3][-0:] in Python?",
)
def last_zero(tokens, sinks, window):
    every = list(range(tokens))
    return sorted(set(every[:sinks]) | set(every[-window:]))


@mistake(
    "sinks_and_window",
    "sinks that have not come yet",
    "It keeps all sinks, also where fewer tokens have come.",
    "Which positions exist after one token?",
)
def beyond(tokens, sinks, window):
    return sorted(set(range(sinks)) | set(range(max(0, tokens - window), tokens)))


@mistake(
    "sinks_and_window",
    "a window without the newest",
    "Its window ends before the newest token.",
    "Which position has the token that came last?",
)
def without_newest(tokens, sinks, window):
    return [p for p in range(tokens) if p < sinks or tokens - 1 - window <= p < tokens - 1]


@mistake(
    "sinks_and_window",
    "sinks counted in the window",
    "It keeps `window` positions in all, the sinks among them.",
    "How many are kept with 2 sinks and a window of 3, when ten have come?",
)
def inside(tokens, sinks, window):
    left = max(0, window - sinks)
    return [p for p in range(tokens) if p < sinks or p >= tokens - left]


@mistake(
    "sinks_and_window",
    "no sinks",
    "It keeps the window alone.",
    "What did StreamingLLM find out about the first tokens?",
)
def window_only(tokens, sinks, window):
    return [p for p in range(tokens) if p >= tokens - window]


@mistake(
    "attend_kept",
    "selected after the softmax",
    "It takes the softmax over all positions and then drops some, so the weights do not sum to 1.",
    "What do the weights of the kept positions sum to?",
)
def after_softmax(query, keys, values, kept):
    weights = (keys @ query / math.sqrt(len(query))).softmax(dim=0)
    return weights[kept] @ values[kept]


@mistake(
    "attend_kept",
    "not scaled",
    "It leaves out the division by √d.",
    "How large do products of long vectors get?",
)
def unscaled(query, keys, values, kept):
    return (keys[kept] @ query).softmax(dim=0) @ values[kept]


@mistake(
    "attend_kept",
    "scaled by d",
    "It divides by d, not by its root.",
    "Which power of d keeps the variance of a product at 1?",
)
def by_d(query, keys, values, kept):
    return (keys[kept] @ query / len(query)).softmax(dim=0) @ values[kept]


@mistake(
    "attend_kept",
    "evicted logits of 0",
    "It sets the logits of what was evicted to 0, where exp(0) is a share like any other.",
    "Which logit has the share 0 after a softmax?",
)
def zero_logits(query, keys, values, kept):
    logits = torch.zeros(len(keys), dtype=keys.dtype)
    logits[kept] = keys[kept] @ query / math.sqrt(len(query))
    return logits.softmax(dim=0) @ values


@mistake(
    "attend_kept",
    "everything attended",
    "It attends over all positions, kept or not.",
    "What is the list of kept positions for?",
)
def everything(query, keys, values, kept):
    return (keys @ query / math.sqrt(len(query))).softmax(dim=0) @ values


@mistake(
    "attend_kept",
    "values of other positions",
    "It takes the kept keys and the first values.",
    "Which value belongs to the key at position p?",
)
def other_values(query, keys, values, kept):
    logits = keys[kept] @ query / math.sqrt(len(query))
    return logits.softmax(dim=0) @ values[: len(kept)]


def _evict(
    logits,
    budget,
    recent,
    over=lambda row, cache, t: row[cache].softmax(dim=0),
    choose=lambda old, scores, t: min(old, key=lambda p: scores[p].item()),
    accumulate=True,
    protected=0,
    room=0,
):
    cache, history = [], []
    scores = torch.zeros(len(logits), dtype=logits.dtype)
    for t, row in enumerate(logits):
        cache.append(t)
        if not accumulate:
            scores.zero_()
        scores[cache] += over(row, cache, t)
        if len(cache) > budget + room:
            old = [p for p in cache if p <= t - recent - protected] or cache[:1]
            cache.remove(choose(old, scores, t))
        history.append(list(cache))
    return history


@mistake(
    "heavy_hitters",
    "softmax over evicted positions too",
    "It takes the softmax over the whole row up to t, as if nothing had been evicted.",
    "Can a query look at a key that is not there any more?",
)
def whole_row(logits, budget, recent):
    return _evict(logits, budget, recent, lambda row, cache, t: row[: t + 1].softmax(dim=0)[cache])


@mistake(
    "heavy_hitters",
    "the new position without a share",
    "It takes the softmax before position t enters the cache.",
    "Is t among the positions that query t looks at?",
)
def enters_late(logits, budget, recent):
    def over(row, cache, t):
        shares = torch.zeros(len(cache), dtype=row.dtype)
        if len(cache) > 1:
            shares[:-1] = row[cache[:-1]].softmax(dim=0)
        return shares

    return _evict(logits, budget, recent, over)


@mistake(
    "heavy_hitters",
    "the newest not protected",
    "It lets the lowest score go, also if it has only just come.",
    "How much attention can a token have received after one step?",
)
def unprotected(logits, budget, recent):
    return _evict(logits, budget, 0)


@mistake(
    "heavy_hitters",
    "only the last query counts",
    "It ranks by the present query's attention, without what was received before.",
    "What makes a heavy hitter: one look, or all looks so far?",
)
def present_only(logits, budget, recent):
    return _evict(logits, budget, recent, accumulate=False)


@mistake(
    "heavy_hitters",
    "the heaviest evicted",
    "It lets the highest score go.",
    "Which positions are worth their memory?",
)
def heaviest(logits, budget, recent):
    return _evict(
        logits,
        budget,
        recent,
        choose=lambda old, scores, t: max(old, key=lambda p: scores[p].item()),
    )


@mistake(
    "heavy_hitters",
    "the oldest evicted",
    "It is a window: the oldest goes, whatever its score.",
    "What are the scores for?",
)
def oldest(logits, budget, recent):
    return _evict(logits, budget, recent, choose=lambda old, scores, t: old[0])


@mistake(
    "heavy_hitters",
    "mean for sum",
    "It divides each score by the number of queries that could see the position. That is fairer, "
    "and another method.",
    "Is a position's score here a sum, or an average?",
)
def averaged(logits, budget, recent):
    return _evict(
        logits,
        budget,
        recent,
        choose=lambda old, scores, t: min(old, key=lambda p: scores[p].item() / (t - p + 1)),
    )


@mistake(
    "heavy_hitters",
    "logits for shares",
    "It adds up the logits themselves, without a softmax.",
    "Can attention be negative?",
)
def raw_logits(logits, budget, recent):
    return _evict(logits, budget, recent, lambda row, cache, t: row[cache])


@mistake(
    "heavy_hitters",
    "one too many kept",
    "It evicts only when the cache is larger than the budget by more than one.",
    "How many positions are left after an eviction?",
)
def one_more(logits, budget, recent):
    return _evict(logits, budget, recent, room=1)


@mistake(
    "heavy_hitters",
    "the latest of equals",
    "Among equal scores it lets the latest go.",
    "Of two positions that nobody looks at, which does the text say goes?",
)
def latest_of_equals(logits, budget, recent):
    return _evict(
        logits,
        budget,
        recent,
        choose=lambda old, scores, t: min(old, key=lambda p: (scores[p].item(), -p)),
    )


def _window(attention, budget, window, votes):
    tokens = attention.shape[1]
    best = votes.topk(budget - window, dim=1).indices.sort(dim=1).values
    last = torch.arange(tokens - window, tokens).expand(len(attention), window)
    return torch.cat([best, last], dim=1)


@mistake(
    "observed_window",
    "all queries asked",
    "It sums the attention of all queries, not of the last ones.",
    "Whose looks does SnapKV count?",
)
def all_queries(attention, budget, window):
    left = attention.shape[1] - window
    return _window(attention, budget, window, attention[:, :, :left].sum(dim=1))


@mistake(
    "observed_window",
    "the last query only",
    "It counts one query, the last.",
    "How many queries make the window?",
)
def last_query(attention, budget, window):
    left = attention.shape[1] - window
    return _window(attention, budget, window, attention[:, -1, :left])


@mistake(
    "observed_window",
    "largest share for sum",
    "It counts the largest share that a position got from one query, not the sum of all shares.",
    "Which counts more: one query that looks hard, or three that look a little less hard?",
)
def largest_share(attention, budget, window):
    left = attention.shape[1] - window
    return _window(attention, budget, window, attention[:, -window:, :left].amax(dim=1))


@mistake(
    "observed_window",
    "one choice for all heads",
    "It sums over the heads, so that all keep the same positions.",
    "Do two heads look at the same tokens?",
)
def shared_choice(attention, budget, window):
    left = attention.shape[1] - window
    votes = attention[:, -window:, :left].sum(dim=(0, 1))
    return _window(attention, budget, window, votes.expand(len(attention), left))


@mistake(
    "observed_window",
    "in the order of votes",
    "It leaves the positions in the order of their votes; a cache is in the order of the text.",
    "In which order do the keys stand in memory?",
)
def unsorted(attention, budget, window):
    tokens = attention.shape[1]
    votes = attention[:, -window:, : tokens - window].sum(dim=1)
    best = votes.topk(budget - window, dim=1).indices
    last = torch.arange(tokens - window, tokens).expand(len(attention), window)
    return torch.cat([best, last], dim=1)


@mistake(
    "observed_window",
    "least looked at",
    "It keeps the positions with the fewest votes.",
    "Which end of the ranking stays?",
)
def least(attention, budget, window):
    left = attention.shape[1] - window
    return _window(attention, budget, window, -attention[:, -window:, :left].sum(dim=1))


@mistake(
    "observed_window",
    "the window has to compete",
    "It ranks all positions, so that the last ones can lose their place.",
    "Which positions stay whatever the votes?",
)
def competing(attention, budget, window):
    votes = attention[:, -window:, :].sum(dim=1)
    return votes.topk(budget, dim=1).indices.sort(dim=1).values


@mistake(
    "observed_window",
    "rows for columns",
    "It sums what the last positions received, not what they gave.",
    "Which axis of the attention is the query?",
)
def transposed(attention, budget, window):
    left = attention.shape[1] - window
    return _window(attention, budget, window, attention[:, :left, -window:].sum(dim=2))

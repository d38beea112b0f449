"""The key-value cache: what must hold, for each part."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.grading import expect, expect_close, expect_number, part
from tests.strategies.tokens import dtypes, expect_tensor, layouts, normal, seeds

counts = st.integers(0, 9)


def plain_positions(value, what):
    """The positions as Python's whole numbers, from a list, an array or a tensor."""
    try:
        found = [int(p) for p in value]
        exact = all(float(p) == q for p, q in zip(value, found))
    except (TypeError, ValueError):
        exact = False
    expect(exact, f"{what} as a list of positions", "positions are whole numbers, from 0")
    return found


# --- cache_bytes ---------------------------------------------------------------------------


@part("cache_bytes")
@given(
    layers=st.integers(1, 5),
    kv_heads=st.integers(1, 5),
    head_dim=st.integers(1, 9),
    tokens=counts,
    batch=st.integers(1, 4),
    bytes_per_value=st.sampled_from((1, 2, 4, 8)),
)
def test_counts_every_key_and_every_value(
    submission, layers, kv_heads, head_dim, tokens, batch, bytes_per_value
):
    value = submission.cache_bytes(layers, kv_heads, head_dim, tokens, batch, bytes_per_value)
    kept = torch.empty((2, layers, batch, kv_heads, tokens, head_dim), device="meta")
    want = kept.numel() * bytes_per_value
    expect_number(value, want, "a key and a value in each layer and head, for each token", rtol=0.0)


@part("cache_bytes")
@given(layers=st.integers(1, 4), kv_heads=st.integers(1, 4), tokens=st.integers(1, 9))
def test_takes_one_sequence_and_two_bytes_where_nothing_is_said(
    submission, layers, kv_heads, tokens
):
    value = submission.cache_bytes(layers, kv_heads, 8, tokens)
    want = 2 * sum(8 for _ in range(layers * kv_heads * tokens)) * 2
    expect_number(value, want, "batch is 1 and bytes_per_value is 2 by default", rtol=0.0)


@part("cache_bytes")
def test_counts_a_published_model_exactly(submission):
    value = submission.cache_bytes(layers=32, kv_heads=32, head_dim=128, tokens=4096)
    expect_number(
        value, 2**31, "32 layers of 32 heads of 128, 4096 tokens: two gibibytes", rtol=0.0
    )


# --- sinks_and_window ----------------------------------------------------------------------


@part("sinks_and_window")
@given(tokens=st.integers(0, 10), sinks=st.integers(0, 4), window=st.integers(0, 5))
def test_keeps_the_first_and_the_last_positions_each_once(submission, tokens, sinks, window):
    value = submission.sinks_and_window(tokens, sinks, window)
    found = plain_positions(value, "what is kept")
    every = list(range(tokens))
    first = set(every[:sinks])
    last = {p for p in every if tokens - 1 - p < window}  # p tokens came after it
    want = sorted(first | last)
    expect(
        found == want,
        f"{want}",
        f"of {tokens} positions the first {sinks} and the last {window} stay, ascending, each once",
    )


@part("sinks_and_window")
@pytest.mark.parametrize("sinks", [0, 2])
def test_a_window_of_0_keeps_nothing_at_the_end(submission, sinks):
    found = plain_positions(submission.sinks_and_window(6, sinks, 0), "what is kept")
    expect(found == list(range(sinks)), f"{list(range(sinks))}", "no window, no newest positions")


# --- attend_kept ---------------------------------------------------------------------------


def attended(query, keys, values, kept):
    """The oracle: the full softmax in float64, with the evicted at minus infinity."""
    q, k, v = (t.double().numpy() for t in (query, keys, values))
    logits = np.full(len(k), -np.inf)
    for p in kept:
        logits[p] = sum(a * b for a, b in zip(q, k[p])) / math.sqrt(len(q))
    weights = np.exp(logits - logits.max())
    return (weights[:, None] * v).sum(axis=0) / weights.sum()


@st.composite
def queries(draw, scale=1.0):
    """A query, keys and values of as many positions, and those that are kept."""
    tokens, d, d_v = draw(st.integers(1, 7)), draw(st.integers(1, 5)), draw(st.integers(1, 4))
    seed, dtype, layout = draw(seeds), draw(dtypes), draw(layouts)
    kept = draw(st.lists(st.integers(0, tokens - 1), min_size=1, unique=True))
    query = (2 * normal((d,), seed) * scale).to(dtype)
    keys = (normal((tokens, d), seed + 1) * scale).to(dtype)
    return query, keys, normal((tokens, d_v), seed + 2, dtype, layout), sorted(kept)


def check_attended(submission, case, why):
    query, keys, values, kept = case
    value = submission.attend_kept(query, keys, values, kept)
    expect_tensor(value, (values.shape[1],), values.dtype)
    want = torch.tensor(attended(*case)).to(values.dtype)
    rtol = 1e-3 if values.dtype == torch.float32 else 1e-9
    expect_close(value, want, why, rtol=rtol)


@part("attend_kept")
@given(case=queries())
def test_is_the_full_attention_with_the_evicted_at_minus_infinity(submission, case):
    check_attended(
        submission,
        case,
        "the softmax is over the kept positions alone, of the products divided by √d",
    )


@part("attend_kept")
@given(case=queries())
def test_is_the_usual_attention_where_everything_is_kept(submission, case):
    query, keys, values, _ = case
    everything = list(range(len(keys)))
    value = submission.attend_kept(query, keys, values, everything)
    expect_tensor(value, (values.shape[1],), values.dtype)
    want = torch.nn.functional.scaled_dot_product_attention(query[None], keys, values)[0]
    expect_close(value, want, "nothing was evicted, so nothing changes", rtol=1e-4)


@part("attend_kept")
@given(case=queries(scale=20.0))
def test_stays_right_where_logits_are_some_hundreds(submission, case):
    check_attended(submission, case, "a softmax is the same when a constant is taken off first")


@part("attend_kept")
@given(case=queries())
def test_does_not_look_at_what_was_evicted(submission, case):
    query, keys, values, kept = case
    gone = [p for p in range(len(keys)) if p not in kept]
    keys, values = keys.clone(), values.clone()
    keys[gone], values[gone] = 1e3, -1e3
    check_attended(
        submission,
        (query, keys, values, kept),
        "what was evicted is not there any more: its key and value play no part",
    )


# --- heavy_hitters -------------------------------------------------------------------------


def simulated(logits, budget, recent):
    """The oracle: sets and dictionaries in float64; also the closest call of any eviction."""
    rows = logits.double().tolist()
    cache, scores, history, closest = set(), {}, [], math.inf
    for t, row in enumerate(rows):
        cache.add(t)
        scores[t] = 0.0
        top = max(row[p] for p in cache)
        shares = {p: math.exp(row[p] - top) for p in cache}
        total = sum(shares.values())
        for p in cache:
            scores[p] += shares[p] / total
        if len(cache) > budget:
            old = sorted(cache - set(range(t - recent + 1, t + 1)), key=lambda p: (scores[p], p))
            gaps = [abs(scores[a] - scores[b]) for a, b in zip(old[:1], old[1:])]
            closest = min([closest, *(gap for gap in gaps if gap > 0)])
            cache.remove(old[0])
        history.append(sorted(cache))
    return history, closest


@st.composite
def attentions(draw, dtype=None):
    """Logits of a few tokens, a budget and a number of recent ones; no eviction is a near tie."""
    tokens = draw(st.sampled_from((1, 3, 4, 5, 6, 7, 8, 8)))
    budget = draw(st.sampled_from((2, 2, 3, 3, 4, 5)))
    recent = draw(st.integers(1, budget - 1))
    dtype = dtype or draw(dtypes)
    layout = draw(layouts)
    sharp = draw(st.sampled_from((1.0, 3.0)))
    seed = draw(seeds)
    while True:
        logits = normal((tokens, tokens), seed, dtype, layout) * sharp
        if simulated(logits, budget, recent)[1] > 1e-3:
            return logits, budget, recent
        seed += 1000


def check_history(submission, logits, budget, recent, why):
    value = submission.heavy_hitters(logits, budget, recent)
    want = simulated(logits, budget, recent)[0]
    expect(
        hasattr(value, "__len__") and len(value) == len(want),
        f"{len(want)} lists of positions",
        "one cache for each token",
    )
    for t, (mine, right) in enumerate(zip(value, want)):
        found = plain_positions(mine, f"the cache after token {t}")
        expect(found == right, f"{right} after t = {t}; in all {want}", why)


@part("heavy_hitters")
@given(case=attentions())
def test_evicts_as_a_step_by_step_simulation_does(submission, case):
    logits, budget, recent = case
    check_history(
        submission,
        logits,
        budget,
        recent,
        f"the lowest sum of attention goes, the last {recent} protected, {budget} stay",
    )


@part("heavy_hitters")
def test_takes_the_softmax_over_what_is_still_in_the_cache(submission):
    rows = torch.tensor([[0.0, 0, 0, 0], [0, 2, 0, 0], [0, 0, 2, 0], [0, 2, 2, 0]])
    check_history(
        submission,
        rows,
        2,
        1,
        "position t is in the cache before its softmax, which is taken over the cache alone",
    )


@part("heavy_hitters")
@given(case=attentions())
def test_does_not_read_beyond_the_present(submission, case):
    logits, budget, recent = case
    hidden = logits.clone()
    future = torch.ones(len(hidden), len(hidden), dtype=torch.bool).triu(1)
    hidden[future] = math.nan
    want = simulated(logits, budget, recent)[0]
    value = submission.heavy_hitters(hidden, budget, recent)
    found = [plain_positions(cache, "a cache") for cache in value]
    expect(found == want, f"{want}", "columns beyond t are not read: they may be NaN")


@part("heavy_hitters")
@given(
    tokens=st.integers(4, 8),
    silent=st.integers(2, 4),
    recent=st.integers(1, 2),
    seed=seeds,
    dtype=dtypes,
)
def test_the_earliest_of_exact_equals_goes(submission, tokens, silent, recent, seed, dtype):
    # Nobody ever looks at these: their shares are exactly 0, in float32 and in float64.
    quiet = list(range(1, min(1 + silent, tokens)))
    logits = normal((tokens, tokens), seed, dtype)
    logits[:, quiet] = -1e5
    check_history(
        submission, logits, 3, recent, f"positions {quiet} all have the score 0: the earliest goes"
    )


@part("heavy_hitters")
@given(case=attentions(dtype=torch.float64))
def test_what_went_never_comes_back_and_the_budget_holds(submission, case):
    logits, budget, recent = case
    value = submission.heavy_hitters(logits, budget, recent)
    gone = set()
    for t, cache in enumerate(value):
        found = set(plain_positions(cache, "a cache"))
        expect(
            len(found) == min(t + 1, budget),
            f"{min(t + 1, budget)} positions after t = {t}",
            "as many as have come, and no more than the budget",
            f"{sorted(found)}",
        )
        expect(
            not found & gone, "what was evicted to stay away", "its key is lost", f"{sorted(found)}"
        )
        newest = set(range(max(0, t - recent + 1), t + 1))
        expect(
            newest <= found,
            f"the last {recent} positions {sorted(newest)} in the cache",
            "they are protected: nobody has had time to look at them",
            f"{sorted(found)}",
        )
        gone |= set(range(t + 1)) - found


# --- observed_window -----------------------------------------------------------------------


@st.composite
def prompts(draw):
    """Causal attention probabilities of a prompt, a budget and a window."""
    heads, tokens = draw(st.integers(1, 3)), draw(st.integers(2, 8))
    window = draw(st.integers(1, tokens - 1))
    budget = draw(st.integers(window + 1, tokens))
    seed, dtype, layout = draw(seeds), draw(dtypes), draw(layouts)
    logits = 2 * normal((heads, tokens, tokens), seed, torch.float64, layout)
    future = torch.ones(tokens, tokens, dtype=torch.bool).triu(1)
    return logits.masked_fill(future, -math.inf).softmax(dim=-1).to(dtype), budget, window


def chosen_positions(submission, attention, budget, window):
    value = submission.observed_window(attention, budget, window)
    expect_tensor(value, (len(attention), budget), torch.int64)
    return value.tolist()


@part("observed_window")
@given(case=prompts())
def test_the_last_positions_stay_and_the_rows_ascend(submission, case):
    attention, _, window = case
    tokens = attention.shape[1]
    for row in chosen_positions(submission, *case):
        last = list(range(tokens - window, tokens))
        expect(
            row == sorted(set(row)) and row[-window:] == last and row[0] >= 0,
            f"ascending positions, each once, ending with {last}",
            "the window itself stays in every head, and a cache is in the order of the text",
            f"{row}",
        )


@part("observed_window")
@given(case=prompts())
def test_keeps_what_the_last_queries_looked_at_most(submission, case):
    attention, _, window = case
    tokens = attention.shape[1]
    for head, row in enumerate(chosen_positions(submission, *case)):
        votes = [
            sum(float(attention[head, t, p]) for t in range(tokens - window, tokens))
            for p in range(tokens - window)
        ]
        kept = [p for p in row if 0 <= p < tokens - window]
        gone = [p for p in range(tokens - window) if p not in kept]
        if kept and gone:
            low, high = min(kept, key=votes.__getitem__), max(gone, key=votes.__getitem__)
            expect(
                votes[low] >= votes[high] - 1e-5,
                f"position {high} before position {low} in head {head}",
                f"the last {window} queries gave it {votes[high]:.4g} in sum, and the other "
                f"{votes[low]:.4g}",
                f"{row}",
            )


@part("observed_window")
def test_each_head_chooses_for_itself(submission):
    attention = torch.zeros(2, 4, 4)
    attention[:, torch.arange(3), torch.arange(3)] = 1.0
    attention[0, 3] = torch.tensor([0.7, 0.1, 0.0, 0.2])
    attention[1, 3] = torch.tensor([0.0, 0.1, 0.8, 0.1])
    found = chosen_positions(submission, attention, 2, 1)
    expect(
        found == [[0, 3], [2, 3]],
        "[[0, 3], [2, 3]]",
        "the last query of head 0 looks at position 0, that of head 1 at position 2",
    )


@part("observed_window")
@given(loud=st.integers(0, 3), seed=seeds, dtype=dtypes)
@settings(max_examples=10)
def test_sums_over_the_window_what_its_queries_gave(submission, loud, seed, dtype):
    # One query of the window looks hard at one position, all the others at another.
    tokens, window = 9, 4
    order = torch.randperm(tokens - window, generator=torch.Generator().manual_seed(seed))
    first, second, third = order[:3].tolist()
    attention = torch.eye(tokens, dtype=dtype)
    for row in range(window):
        t = tokens - window + row
        shares = {first: 0.9, second: 0.1} if row == loud else {second: 0.4, third: 0.2}
        attention[t] = 0.0
        for position, share in shares.items():
            attention[t, position] = share
        attention[t, t] = 1.0 - sum(shares.values())
    last = list(range(tokens - window, tokens))
    for budget, want in ((5, [second]), (6, sorted((first, second)))):
        found = chosen_positions(submission, attention[None].clone(), budget, window)[0]
        expect(
            found == want + last,
            f"{want + last}",
            f"the 4 queries of the window gave position {second} 1.3 in sum, position {first} 0.9 "
            f"and position {third} 0.6",
            f"{found}",
        )

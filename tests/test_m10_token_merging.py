"""Token merging: what must hold, for each part."""

import math

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.grading import expect, expect_close, part, show
from tests.strategies.tokens import dtypes, expect_tensor, layouts, normal, seeds


def pair(value, what):
    expect(isinstance(value, (tuple, list)) and len(value) == 2, f"a pair {what}", "both come back")
    return value


def tolerance(dtype):
    return 1e-5 if dtype == torch.float32 else 1e-10


# --- bipartite_match -----------------------------------------------------------------------


@st.composite
def matchings(draw):
    """Keys of very different lengths, and a number of edges."""
    n, d = draw(st.integers(2, 9)), draw(st.integers(2, 4))
    seed, dtype, layout = draw(seeds), draw(dtypes), draw(layouts)
    lengths = (1.5 * normal((n, 1), seed + 1)).exp()
    keys = normal((n, d), seed, dtype, layout) * lengths.to(dtype)
    return keys, draw(st.integers(0, (n + 1) // 2))


def edges(keys):
    """The oracle: every cosine from an even to an odd position, one after the other."""
    rows = keys.double().numpy()
    length = [math.sqrt(sum(x * x for x in row)) for row in rows]
    return {
        (a, b): sum(x * y for x, y in zip(rows[a], rows[b])) / (length[a] * length[b])
        for a in range(0, len(rows), 2)
        for b in range(1, len(rows), 2)
    }


def matched(submission, keys, r):
    value = pair(submission.bipartite_match(keys, r), "(sources, targets)")
    for positions in value:
        expect_tensor(positions, (r,), torch.int64)
    sources, targets = (positions.tolist() for positions in value)
    n = len(keys)
    even, odd = list(range(0, n, 2)), list(range(1, n, 2))
    expect(
        set(sources) <= set(even) and set(targets) <= set(odd),
        f"sources among {even} and targets among {odd}",
        "even positions are set A, odd ones set B; positions count all tokens",
        f"sources {sources}, targets {targets}",
    )
    expect(
        len(set(sources)) == r, "distinct sources", "a token can be merged only once", f"{sources}"
    )
    return sources, targets


@part("bipartite_match")
@given(case=matchings())
def test_each_source_goes_to_its_most_similar_token_of_the_other_set(submission, case):
    keys, r = case
    cosine = edges(keys)
    for source, target in zip(*matched(submission, keys, r)):
        best = max((b for a, b in cosine if a == source), key=lambda b: cosine[source, b])
        expect(
            cosine[source, target] >= cosine[source, best] - tolerance(keys.dtype),
            f"{source} → {best}, of cosine {cosine[source, best]:.4g}",
            "each token of A draws its edge to the most cosine-similar token of B",
            f"{source} → {target}, of cosine {cosine[source, target]:.4g}",
        )


@part("bipartite_match")
@given(case=matchings())
def test_merges_along_the_strongest_edges(submission, case):
    keys, r = case
    sources, _ = matched(submission, keys, r)
    cosine = edges(keys)
    best = {a: max(c for (x, _), c in cosine.items() if x == a) for a in range(0, len(keys), 2)}
    left = [a for a in best if a not in sources]
    if left and sources:
        weakest, strongest = min(sources, key=best.get), max(left, key=best.get)
        expect(
            best[weakest] >= best[strongest] - tolerance(keys.dtype),
            f"{strongest} to be merged before {weakest}",
            f"its best edge has the cosine {best[strongest]:.4g}, the other's {best[weakest]:.4g}",
            f"sources {sources}",
        )


@part("bipartite_match")
@given(case=matchings())
def test_the_edges_come_by_falling_similarity(submission, case):
    keys, r = case
    cosine = edges(keys)
    sources, targets = matched(submission, keys, r)
    found = [cosine[edge] for edge in zip(sources, targets)]
    expect(
        all(a >= b - tolerance(keys.dtype) for a, b in zip(found, found[1:])),
        "the strongest edge first",
        "sources and targets stand by falling similarity",
        f"cosines {[round(c, 4) for c in found]}",
    )


@part("bipartite_match")
@given(seed=seeds, dtype=dtypes, scale=st.sampled_from((1e-3, 1e3)))
def test_the_length_of_a_key_plays_no_part(submission, seed, dtype, scale):
    keys = normal((6, 3), seed, dtype)
    longer = keys.clone()
    longer[1] *= scale
    cosine = edges(keys)
    for source, target in zip(*matched(submission, longer, 3)):
        best = max(c for (a, _), c in cosine.items() if a == source)
        expect(
            cosine[source, target] >= best - 10 * tolerance(dtype),
            f"for {source} the most similar direction",
            "the cosine is about directions: a key a thousand times as long is no more similar",
            f"{source} → {target}",
        )


# --- merge ---------------------------------------------------------------------------------


@st.composite
def merges(draw, sized=True):
    """Tokens, sizes, and which go where; several sources may share a target."""
    n, d = draw(st.integers(2, 8)), draw(st.integers(1, 4))
    seed, dtype, layout = draw(seeds), draw(dtypes), draw(layouts)
    even = draw(st.permutations(range(0, n, 2)))
    sources = even[: draw(st.integers(0, len(even)))]
    targets = [draw(st.sampled_from(range(1, n, 2))) for _ in sources]
    sizes = normal((n,), seed + 1).abs() * 3 + 0.5
    if not sized:
        sizes = torch.ones(n, dtype=torch.float64)
    return (
        normal((n, d), seed, dtype, layout),
        sizes.to(dtype),
        torch.tensor(sources, dtype=torch.int64),
        torch.tensor(targets, dtype=torch.int64),
    )


def groups(n, sources, targets):
    """The positions that stand in each row afterwards, row by row."""
    gone = sources.tolist()
    return [
        [p] + [s for s, t in zip(gone, targets.tolist()) if t == p]
        for p in range(n)
        if p not in gone
    ]


def merged_by(submission, case):
    tokens, sizes, sources, targets = case
    value = pair(submission.merge(tokens, sizes, sources, targets), "(tokens, sizes)")
    left = len(tokens) - len(sources)
    expect_tensor(value[0], (left, tokens.shape[1]), tokens.dtype, (tokens,))
    expect_tensor(value[1], (left,), sizes.dtype, (sizes,))
    return value


@part("merge")
@given(case=merges())
def test_a_target_becomes_the_mean_weighted_by_size(submission, case):
    tokens, sizes, sources, targets = case
    found, _ = merged_by(submission, case)
    x, s = tokens.double().numpy(), sizes.double().numpy()
    rows = groups(len(tokens), sources, targets)
    want = np.array([sum(s[p] * x[p] for p in row) / sum(s[p] for p in row) for row in rows])
    want = torch.tensor(want.reshape(len(rows), -1)).to(tokens.dtype)
    expect_close(
        found,
        want,
        f"row by row it is the mean of the positions {rows}, weighted by size, in their order",
    )


@part("merge")
@given(case=merges())
def test_sizes_add(submission, case):
    tokens, sizes, sources, targets = case
    _, found = merged_by(submission, case)
    rows = groups(len(tokens), sources, targets)
    want = [sum(sizes.double().tolist()[p] for p in row) for row in rows]
    want = torch.tensor(want, dtype=torch.float64).to(sizes.dtype)
    expect_close(found, want, f"row by row it is the sum of the sizes of the positions {rows}")


@part("merge")
@given(case=merges(sized=False))
def test_equal_sizes_give_the_plain_mean(submission, case):
    tokens, _, sources, targets = case
    found, _ = merged_by(submission, case)
    rows = groups(len(tokens), sources, targets)
    want = torch.stack([tokens[row].double().mean(dim=0) for row in rows]).to(tokens.dtype)
    expect_close(found, want, f"row by row it is the mean of the positions {rows}")


# --- proportional_attention ----------------------------------------------------------------


@st.composite
def attentions(draw, most=5):
    n, m, d = draw(st.integers(1, 4)), draw(st.integers(1, most)), draw(st.integers(1, 4))
    seed, dtype, layout = draw(seeds), draw(dtypes), draw(layouts)
    sizes = (normal((m,), seed + 3) * 1.5).exp().to(dtype)
    query = normal((n, d), seed, dtype, layout) * 2
    return query, normal((m, d), seed + 1, dtype), normal((m, d), seed + 2, dtype), sizes


@part("proportional_attention")
@given(case=attentions())
def test_a_key_weighs_as_its_size(submission, case):
    query = case[0]
    value = submission.proportional_attention(*case)
    expect_tensor(value, query.shape, query.dtype)
    q, k, v, s = (t.double().numpy() for t in case)
    want = []
    for row in q:
        weights = [
            size * math.exp(sum(a * b for a, b in zip(row, key)) / math.sqrt(len(row)))
            for key, size in zip(k, s)
        ]
        want.append(sum(w * x for w, x in zip(weights, v)) / sum(weights))
    want = torch.tensor(np.array(want)).to(query.dtype)
    expect_close(value, want, "exp(q·k/√d + log size) = size · exp(q·k/√d), normalised over keys")


@part("proportional_attention")
@given(case=attentions())
def test_is_plain_attention_where_all_sizes_are_1(submission, case):
    query, keys, values, sizes = case
    value = submission.proportional_attention(query, keys, values, torch.ones_like(sizes))
    expect_tensor(value, query.shape, query.dtype)
    want = torch.nn.functional.scaled_dot_product_attention(query, keys, values)
    expect_close(value, want, "the logarithm of 1 is 0", rtol=1e-4)


@part("proportional_attention")
@given(case=attentions(most=3), times=st.lists(st.integers(1, 4), min_size=3, max_size=3))
def test_is_the_attention_over_so_many_equal_keys(submission, case, times):
    query, keys, values, _ = case
    times = torch.tensor(times[: len(keys)])
    value = submission.proportional_attention(query, keys, values, times.to(keys.dtype))
    expect_tensor(value, query.shape, query.dtype)
    many = [t.repeat_interleave(times, dim=0) for t in (keys, values)]
    want = torch.nn.functional.scaled_dot_product_attention(query, *many)
    expect_close(
        value,
        want,
        f"keys that stand for {times.tolist()} equal tokens get what those would have got",
        rtol=1e-4,
    )


# --- unmerge -------------------------------------------------------------------------------


@part("unmerge")
@given(case=merges())
def test_each_position_gets_the_row_that_holds_it(submission, case):
    tokens, _, sources, targets = case
    n = len(tokens)
    rows = groups(n, sources, targets)
    merged = tokens[: len(rows)].clone()
    value = submission.unmerge(merged, n, sources, targets)
    expect_tensor(value, tokens.shape, tokens.dtype, (merged,) if len(rows) < n else ())
    want = torch.zeros_like(tokens)
    for row, held in enumerate(rows):
        for p in held:
            want[p] = merged[row]
    expect(
        torch.equal(value, want),
        show(want),
        f"row by row stand the positions {rows}; each gets its row, unchanged",
    )


@part("unmerge")
@given(seed=seeds, dtype=dtypes)
def test_nothing_merged_is_nothing_changed(submission, seed, dtype):
    tokens = normal((5, 2), seed, dtype)
    none = torch.zeros(0, dtype=torch.int64)
    value = submission.unmerge(tokens, 5, none, none)
    expect_tensor(value, tokens.shape, dtype)
    expect(torch.equal(value, tokens), show(tokens), "no position has moved")

"""Deep Compression: codebooks, Huffman codes, and blobs that come back or are refused.

A blob can be read by nobody but its own module: what `compress` did is judged by what the
submission's `decompress` returns, and `decompress` by blobs of the submission's `compress`. The
tests of either part forgive what only the other can have got wrong.
"""

import copy
import itertools
import math
import pickle
import random
import sys
import zlib

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.grading import expect, expect_refusal, expect_same_dtype, expect_shape, part, show
from tests.strategies.vectors import arrays, sparsities


def shapes():
    return st.sampled_from([(6,), (9,), (3, 4), (2, 3, 2), (1,), (2,), (16,), (2, 2, 1, 3), (24,)])


# --- what k-means may cost -------------------------------------------------------------------


def largest_right_error(values, bits):
    """The squared error after one Lloyd step from the linear start, each value on its nearest.

    A value halfway between two starting codewords may go either way, and an empty cluster may
    stay or go: this is the largest error that any of these choices gives. None where there are
    too many choices.
    """
    distinct, counts = np.unique(np.asarray(values, dtype=np.float64).ravel(), return_counts=True)
    low, high = distinct[0], distinct[-1]
    if low == high:
        return 0.0
    step = (high - low) / (2**bits - 1)
    place = (distinct - low) / step
    margin = 4e-6 * max(abs(low), abs(high)) / step
    undecided = np.abs(place - np.floor(place) - 0.5) <= margin
    halfway = sorted({int(p) for p in np.floor(place[undecided])})
    if len(halfway) > 6:
        return None
    worst = 0.0
    for up in itertools.product((0, 1), repeat=len(halfway)):
        nearest = np.round(place).astype(int)
        for below, chosen in zip(halfway, up):
            nearest[undecided & (np.floor(place) == below)] = below + chosen
        means = np.array(
            [np.average(distinct[nearest == k], weights=counts[nearest == k]) for k in set(nearest)]
        )
        error = sum(n * np.min((v - means) ** 2) for v, n in zip(distinct, counts))
        worst = max(worst, float(error))
    return worst


def is_near_enough(got, allowed, values):
    # The last term is for who moves a codeword off 0 where all weights are 0.
    scale = max(float(np.abs(values).max()), 0.1)
    return got <= allowed * (1 + 1e-3) + values.size * (1e-5 * scale) ** 2


def check_error(got, allowed, values, what, came_back):
    if not is_near_enough(got, allowed, values):
        expect(
            False,
            f"{what} a squared error of at most {allowed:.6g}",
            "that is the error after one Lloyd step from codewords spread evenly over "
            "[min, max], with each value on its nearest codeword",
            f"a squared error of {got:.6g}: {show(values)} came back as {show(came_back)}",
        )


def codebook_and_codes(result, values, bits):
    """The result as two arrays; fail where it is not a codebook and codes for it."""
    expect(
        isinstance(result, (tuple, list)) and len(result) == 2,
        "a pair (codebook, codes)",
        "kmeans_codebook returns both",
        show(result),
    )
    codebook, codes = (np.asarray(part_) for part_ in result)
    if codebook.ndim != 1 or codebook.dtype.kind not in "fiu" or not codebook.size:
        expect(
            False,
            "first a codebook: a 1-D array of codewords",
            "the codes are indices into it",
            f"{show(codebook)}, then {show(codes)}",
        )
    expect(
        codes.dtype.kind in "iu",
        "codes that are integers",
        "a code is an index into the codebook",
        f"codes of {codes.dtype}",
    )
    expect_shape(codes, values.shape)
    if not np.isfinite(codebook).all():
        expect(
            False,
            "a codebook of finite numbers",
            "a cluster that no value is on has no mean: its codeword stays as it was, or goes",
            f"the codebook {show(codebook)}",
        )
    expect(
        codes.min() >= 0 and codes.max() < codebook.size,
        f"codes from 0 to {codebook.size - 1}",
        f"the codebook has {codebook.size} codewords",
        f"codes from {codes.min()} to {codes.max()}, of {codes.dtype}",
    )
    return codebook.astype(np.float64), codes.astype(np.int64)


def check_nearest(codebook, codes, values):
    exact = values.astype(np.float64)
    away = np.abs(exact - codebook[codes])
    ordered = np.sort(codebook)
    above = np.searchsorted(ordered, exact).clip(0, ordered.size - 1)
    least = np.minimum(np.abs(exact - ordered[above]), np.abs(exact - ordered[(above - 1).clip(0)]))
    far = away > least + 1e-5 * np.abs(exact).max()
    if far.any():
        at = tuple(int(i) for i in np.argwhere(far)[0])
        nearest = codebook[np.argmin(np.abs(codebook - exact[at]))]
        expect(
            False,
            f"the value {exact[at]:g} at {list(at)} on the codeword {nearest:g}",
            "every value is on its nearest codeword",
            f"it is on {codebook[codes[at]]:g}; codebook {show(codebook)}, codes {show(codes)}",
        )


@st.composite
def values_and_bits(draw):
    return draw(arrays(draw(shapes()))), draw(st.sampled_from((1, 2, 2, 3, 4, 5)))


def spread_out(kind):
    rng = np.random.default_rng(8)
    return {
        "bell-shaped": rng.standard_normal(300),
        "with a few large values": np.append(rng.standard_normal(300), [60.0, -45.0, 52.0]),
        "skewed": rng.exponential(size=300),
        "far from zero": 5 + rng.random(200),
        "all negative": -rng.exponential(size=200) - 2,
        "two distant clusters": np.append(rng.random(150), 40 + rng.random(50)),
        "mostly one value": np.append(np.full(250, 0.125), rng.random(50)),
        "small": 1e-4 * rng.standard_normal(200),
        "of two dimensions": rng.standard_normal((12, 20)),
    }[kind]


KINDS = (
    "bell-shaped",
    "with a few large values",
    "skewed",
    "far from zero",
    "all negative",
    "two distant clusters",
    "mostly one value",
    "small",
    "of two dimensions",
)


# --- kmeans_codebook -------------------------------------------------------------------------


@part("kmeans_codebook")
@given(case=values_and_bits())
def test_returns_integer_codes_of_the_shape_of_the_values(submission, case):
    values, bits = case
    codebook_and_codes(submission.kmeans_codebook(values, bits), values, bits)


@part("kmeans_codebook")
@given(case=values_and_bits())
def test_has_at_most_two_to_the_bits_codewords(submission, case):
    values, bits = case
    codebook, _ = codebook_and_codes(submission.kmeans_codebook(values, bits), values, bits)
    expect(
        codebook.size <= 2**bits,
        f"at most {2**bits} codewords",
        f"{bits} bits tell 2^{bits} codewords apart",
        f"{codebook.size}: {show(codebook)}",
    )


@part("kmeans_codebook")
@given(case=values_and_bits())
def test_puts_every_value_on_its_nearest_codeword(submission, case):
    values, bits = case
    codebook, codes = codebook_and_codes(submission.kmeans_codebook(values, bits), values, bits)
    check_nearest(codebook, codes, values)


@part("kmeans_codebook")
@given(case=values_and_bits())
def test_costs_no_more_than_one_lloyd_step_from_the_linear_start(submission, case):
    values, bits = case
    allowed = largest_right_error(values, bits)
    assume(allowed is not None)
    codebook, codes = codebook_and_codes(submission.kmeans_codebook(values, bits), values, bits)
    error = float(((values.astype(np.float64) - codebook[codes]) ** 2).sum())
    check_error(error, allowed, values, "with its codewords", codebook[codes])


@part("kmeans_codebook")
@settings(max_examples=60)
@given(
    kind=st.sampled_from(KINDS),
    bits=st.integers(1, 6),
    dtype=st.sampled_from(("float32", "float64")),
)
def test_costs_no_more_than_one_lloyd_step_on_many_values(submission, kind, bits, dtype):
    values = spread_out(kind).astype(dtype)
    allowed = largest_right_error(values, bits)
    codebook, codes = codebook_and_codes(submission.kmeans_codebook(values, bits), values, bits)
    check_nearest(codebook, codes, values)
    error = float(((values.astype(np.float64) - codebook[codes]) ** 2).sum())
    check_error(error, allowed, values, f"on values {kind}:", codebook[codes])


@part("kmeans_codebook")
@given(
    value=st.sampled_from((0.0, 1.5, -0.25, 3e-5)),
    shape=shapes(),
    bits=st.integers(1, 6),
    dtype=st.sampled_from(("float32", "float64")),
)
def test_values_that_are_all_equal_are_their_own_codeword(submission, value, shape, bits, dtype):
    values = np.full(shape, value, dtype=dtype)
    codebook, codes = codebook_and_codes(submission.kmeans_codebook(values, bits), values, bits)
    back = codebook[codes]
    expect(
        np.abs(back - value).max() <= 1e-6 * abs(value),
        f"{value:g} for every value",
        "the mean of equal values is that value",
        f"{show(back)}",
    )


@part("kmeans_codebook")
@given(bits=st.integers(2, 6), low=st.sampled_from((0.0, -3.0, 8.0)), many=st.integers(1, 6))
def test_clusters_without_a_value_do_no_harm(submission, bits, low, many):
    values = np.array([low] * many + [low + 16.0])
    codebook, codes = codebook_and_codes(submission.kmeans_codebook(values, bits), values, bits)
    expect(
        np.abs(codebook[codes] - values).max() <= 1e-6 * 24,
        f"{low:g} and {low + 16:g} back: there is a codeword for each",
        "most clusters have no value here, so no mean; the two that have keep theirs",
        f"{show(codebook[codes])}, from the codebook {show(codebook)}",
    )


@part("kmeans_codebook")
@settings(max_examples=8)
@given(
    case=st.sampled_from(((300, 9), (400, 9), (600, 10), (400, 10), (20, 16), (9, 16), (200, 8)))
)
def test_codes_reach_as_far_as_the_codebook(submission, case):
    count, bits = case
    values = np.linspace(-1, 1, count, dtype=np.float32)
    codebook, codes = codebook_and_codes(submission.kmeans_codebook(values, bits), values, bits)
    expect(codebook.size <= 2**bits, f"at most {2**bits} codewords", f"2^{bits} = {2**bits}")
    far = np.abs(codebook[codes] - values).max()
    expect(
        far <= 2 / 2**bits,
        f"each of {count} evenly spread values within {2 / 2**bits:.2g} of its codeword",
        f"there are {2**bits} codewords over [-1, 1]; do the codes fit into their dtype?",
        f"one is {far:.2g} away; codes of {codes.dtype} from {codes.min()} to {codes.max()}",
    )


# --- huffman_code ----------------------------------------------------------------------------


@st.composite
def symbol_counts(draw, low=2):
    """Counts with many ties, steep ones, and ordinary ones; symbols are numbers or words."""
    count = draw(st.integers(low, 14))
    style = draw(st.sampled_from(("ties", "steep", "any")))
    if style == "steep":
        sizes = [max(1, 3**i // draw(st.integers(1, 4))) for i in range(count)]
    else:
        most = 3 if style == "ties" else 60
        sizes = draw(st.lists(st.integers(1, most), min_size=count, max_size=count))
    sizes = draw(st.permutations(sizes))
    return dict(zip(draw(st.sampled_from((range(count), WORDS))), sizes))


WORDS = [f"layer{letter}.weight" for letter in "zebraslikqouty"]


def code_words(code, counts):
    expect(
        isinstance(code, dict) and set(code) == set(counts),
        f"a bit string for each of the {len(counts)} symbols",
        "every symbol that occurs has to be written",
        show(code),
    )
    for symbol, word in code.items():
        expect(
            isinstance(word, str) and set(word) <= {"0", "1"},
            'strings of "0" and "1"',
            "a code word is a bit string",
            f"{show(word)} for {symbol!r}",
        )
    return code


def optimal_cost(counts):
    """The bits of an optimal code, by the two queues of the linear-time method."""
    first, second, cost = sorted(counts, reverse=True), [], 0
    while len(first) + len(second) > 1:
        total = 0
        for _ in range(2):
            from_first = first and (not second or first[-1] <= second[0])
            total += first.pop() if from_first else second.pop(0)
        second.append(total)
        cost += total
    return cost


def check_optimal(code, counts):
    cost = sum(count * len(code[symbol]) for symbol, count in counts.items())
    best = optimal_cost(counts.values())
    expect(
        cost == best,
        f"{best} bits for the whole stream",
        "that is the sum of count * length of an optimal prefix-free code",
        f"{cost} bits: {show(code)}",
    )


def check_prefix_free(code):
    ordered = sorted((word, repr(symbol)) for symbol, word in code.items())
    for (word, symbol), (longer, other) in itertools.pairwise(ordered):
        expect(
            not longer.startswith(word),
            "no code word that another one begins with",
            "otherwise a reader cannot know where a symbol ends",
            f"{word!r} for {symbol} and {longer!r} for {other}",
        )


@part("huffman_code")
@given(counts=symbol_counts())
def test_no_code_word_begins_another(submission, counts):
    check_prefix_free(code_words(submission.huffman_code(counts), counts))


@part("huffman_code")
@settings(max_examples=100)
@given(counts=symbol_counts())
def test_no_prefix_free_code_is_shorter(submission, counts):
    check_optimal(code_words(submission.huffman_code(counts), counts), counts)


@part("huffman_code")
@given(counts=symbol_counts())
def test_leaves_no_code_word_unused(submission, counts):
    code = code_words(submission.huffman_code(counts), counts)
    used = sum(2.0 ** -len(word) for word in code.values())
    expect(
        used == 1,
        "lengths with a sum of 2^-length of exactly 1",
        "Kraft: more than 1 cannot be decoded, less than 1 wastes bits",
        f"a sum of {used:g}: {show(code)}",
    )


@part("huffman_code")
@given(counts=symbol_counts())
def test_stays_within_a_bit_of_the_entropy(submission, counts):
    code = code_words(submission.huffman_code(counts), counts)
    total = sum(counts.values())
    entropy = sum(n * math.log2(total / n) for n in counts.values()) / total
    mean = sum(n * len(code[symbol]) for symbol, n in counts.items()) / total
    expect(
        entropy - 1e-9 <= mean < entropy + 1 + 1e-9,
        f"between {entropy:.3f} and {entropy + 1:.3f} bits a symbol",
        "the entropy bounds every code from below, and Huffman's from above within one bit",
        f"{mean:.3f} bits a symbol: {show(code)}",
    )


@part("huffman_code")
@given(symbol=st.sampled_from((0, 7, "zero", "")), count=st.integers(1, 100))
def test_a_lone_symbol_gets_one_bit(submission, symbol, count):
    counts = {symbol: count}
    code = code_words(submission.huffman_code(counts), counts)
    expect(
        len(code[symbol]) == 1,
        f'{{{symbol!r}: "0"}} or {{{symbol!r}: "1"}}',
        "a stream of one symbol must still have a length",
        show(code),
    )


MIXED = (0, "0", (0, "a"), None, -1.5, "", (), frozenset({2}), b"a", "3", ("a",), 3)


@part("huffman_code")
@given(
    symbols=st.permutations(MIXED),
    counts=st.one_of(
        st.lists(st.integers(1, 1), min_size=2, max_size=12),
        st.lists(st.integers(1, 9), min_size=2, max_size=12),
    ),
)
def test_codes_symbols_that_cannot_be_compared(submission, symbols, counts):
    counts = dict(zip(symbols, counts))
    code = code_words(submission.huffman_code(counts), counts)
    check_prefix_free(code)
    check_optimal(code, counts)


@part("huffman_code")
@pytest.mark.parametrize("case", ["Fibonacci", "all equal", "two symbols", "many"])
def test_is_optimal_for_deep_and_for_wide_trees(submission, case):
    rng = np.random.default_rng(8)
    counts = {"all equal": {i: 5 for i in range(37)}, "two symbols": {"a": 1, "b": 1000}}.get(case)
    if case == "Fibonacci":
        a, b, counts = 1, 1, {}
        for i in range(40):
            counts[i], a, b = a, b, a + b
    elif case == "many":
        counts = {i: int(n) for i, n in enumerate(rng.geometric(0.02, size=500))}
    code = code_words(submission.huffman_code(counts), counts)
    check_prefix_free(code)
    check_optimal(code, counts)


# --- blobs -----------------------------------------------------------------------------------

# What known mistakes are compared by, as nobody else can read a blob: what was to come back
# from it, and what came.
DUE: dict[bytes, dict] = {}
CAME_BACK: dict[bytes, dict] = {}


def are_many(arrays_):
    return sum(np.size(array) for array in arrays_.values()) > 3000


def remember(where, blob, values):
    if isinstance(values, dict) and not are_many(values):
        where[blob] = copy.deepcopy(values)
        if len(where) > 3000:
            del where[next(iter(where))]


def compressed(submission, weights, sparsity, bits, due=None):
    blob = submission.compress(weights, sparsity, bits)
    if are_many(weights):  # no known mistake is tried on so many, so they speak against none
        submission.diary.current.about_errors = True
    expect(isinstance(blob, bytes), "bytes", "a blob is what is written to a file", show(blob))
    remember(DUE, blob, weights if due is None else due)
    return blob


def decompressed(submission, blob, names):
    arrays_ = submission.decompress(blob)
    remember(CAME_BACK, blob, arrays_)
    expect(
        isinstance(arrays_, dict) and set(arrays_) == set(names),
        f"a dict with the names {show(sorted(names))}",
        "every array comes back under its name",
        show(arrays_),
    )
    return arrays_


def round_trip(submission, weights, sparsity, bits):
    """{name: what came back}, for tests of `compress`: dtype and shape are left to decompress."""
    blob = compressed(submission, weights, sparsity, bits)
    back = {}
    for name, array in decompressed(submission, blob, weights).items():
        values = np.asarray(array)
        expect(
            values.dtype.kind == "f" and values.size == weights[name].size,
            f"{weights[name].size} floats for {name!r}",
            "every array comes back whole",
            show(array),
        )
        back[name] = values.astype(np.float64).reshape(weights[name].shape)
    return back


@st.composite
def networks(draw, most=3):
    """{name: float32 array}: of different shapes, and often of different scales."""
    names = ["conv.weight", "fc.weight", "fc.bias"][: draw(st.integers(1, most))]
    return {name: draw(arrays(draw(shapes()), dtypes=("float32",))) for name in names}


few_bits = st.sampled_from((1, 2, 2, 3, 4))


def check_count(name, weight, back, sparsity):
    """As many zeros as are pruned; zeros that were kept may be zeros still."""
    due = round(float(sparsity) * weight.size)
    zeros, kept_zeros = int((back == 0).sum()), max(0, int((weight == 0).sum()) - due)
    lost = int(((back == 0) & (weight != 0)).sum()) if kept_zeros else 0
    if not due <= zeros <= due + kept_zeros or lost:
        expect(
            False,
            f"exactly {due} of the {weight.size} weights of {name!r} to be pruned, and no other 0",
            f"round({sparsity} * {weight.size}) = {due}, for each array on its own",
            f"{zeros} zeros; {show(weight)} came back as {show(back)}",
        )


def check_order(name, weight, back):
    gone, size = back == 0, np.abs(weight)
    if gone.any() and not gone.all() and size[~gone].min() < size[gone].max():
        expect(
            False,
            f"a weight of magnitude {size[~gone].min():g} of {name!r} to go before one of "
            f"magnitude {size[gone].max():g}",
            "the smallest magnitudes of each array go first",
            f"{show(weight)} came back as {show(back)}",
        )


def shared_error(weights, became):
    """The squared error; a codeword next to 0 counts as the 0 from which it may have been moved."""
    exact, error = weights.astype(np.float64), 0.0
    for codeword in np.unique(became):
        these = exact[became == codeword]
        least = np.abs(these[these != 0]).min(initial=np.inf)
        moved = abs(codeword) <= least * (1 + 1e-6) < np.inf
        costs = [((these - at) ** 2).sum() for at in ((codeword, 0.0) if moved else (codeword,))]
        error += min(costs)
    return float(error)


def kept_error(weight, back, sparsity, bits):
    """Over what is kept: the squared error, the largest right one, the weights, what they became.

    None where nothing is kept, or where there are too many choices to know the largest.
    """
    due, zeros = round(float(sparsity) * weight.size), int((weight == 0).sum())
    kept = back != 0
    choices = [weight[kept]]
    if zeros > due:  # some zeros are kept; whether k-means sees them or not is not said
        kept = np.ones(weight.shape, dtype=bool)
        choices = [weight[weight != 0]]
        choices.append(np.append(choices[0], np.zeros(zeros - due, weight.dtype)))
    allowed = [largest_right_error(values, bits) for values in choices if values.size]
    if not allowed or None in allowed:
        return None
    return shared_error(weight[kept], back[kept]), max(allowed), weight[kept], back[kept]


def check_kept_error(name, weight, back, sparsity, bits):
    found = kept_error(weight, back, sparsity, bits)
    if found:
        error, allowed, weights, became = found
        check_error(error, allowed, weights, f"over the kept weights of {name!r}", became)


# --- compress --------------------------------------------------------------------------------


@part("compress")
@given(weights=networks(), sparsity=sparsities(), bits=few_bits)
def test_each_array_loses_exactly_the_rounded_share(submission, weights, sparsity, bits):
    for name, back in round_trip(submission, weights, sparsity, bits).items():
        check_count(name, weights[name], back, sparsity)


@part("compress")
@settings(max_examples=20)
@given(size=st.integers(90, 130), sparsity=sparsities(), bits=few_bits)
def test_a_longer_array_loses_exactly_the_rounded_share(submission, size, sparsity, bits):
    weights = {"fc": np.arange(size, 0, -1).astype(np.float32) / 16 * (-1) ** np.arange(size)}
    weights["fc"] = weights["fc"].astype(np.float32)
    back = round_trip(submission, weights, sparsity, bits)["fc"]
    check_count("fc", weights["fc"], back, sparsity)


@part("compress")
@given(weights=networks(), sparsity=sparsities(), bits=few_bits)
def test_the_smallest_magnitudes_of_each_array_go(submission, weights, sparsity, bits):
    for name, back in round_trip(submission, weights, sparsity, bits).items():
        check_order(name, weights[name], back)


@st.composite
def clusters_about_zero(draw):
    """Small weights with a mean of exactly 0, and one so large that they share a codeword."""
    bits = draw(st.integers(1, 3))
    small = draw(st.lists(st.integers(1, 15), min_size=1, max_size=4))
    small = [sign * n / 16 for n in small for sign in (1, -1)]
    far = draw(st.sampled_from((64.0, -64.0)))
    weights = np.array(small + [far] * draw(st.integers(1, 2)), dtype=np.float32)
    return {"fc": weights[draw(st.permutations(range(weights.size)))]}, bits


@part("compress")
@given(case=clusters_about_zero(), sparsity=st.sampled_from((0.0, 0.0, 0.25)))
def test_a_kept_weight_is_not_lost_on_a_codeword_of_0(submission, case, sparsity):
    weights, bits = case
    back = round_trip(submission, weights, sparsity, bits)["fc"]
    due = round(sparsity * weights["fc"].size)
    expect(
        int((back == 0).sum()) == due,
        f"{due} zeros, those that were pruned",
        "no weight here is 0, and a kept weight that is not 0 never comes back 0",
        f"{show(weights['fc'])} came back as {show(back)}",
    )


@part("compress")
@given(case=clusters_about_zero())
def test_a_codeword_is_moved_off_0_by_a_little_only(submission, case):
    weights, bits = case
    back = round_trip(submission, weights, 0.0, bits)["fc"]
    check_kept_error("fc", weights["fc"], back, 0.0, bits)


@part("compress")
@given(weights=networks(), sparsity=sparsities(), bits=few_bits)
def test_what_is_kept_shares_at_most_two_to_the_bits_values(submission, weights, sparsity, bits):
    for name, back in round_trip(submission, weights, sparsity, bits).items():
        distinct = np.unique(back[back != 0])
        expect(
            distinct.size <= 2**bits,
            f"at most {2**bits} distinct values other than 0 in {name!r}",
            f"{bits} bits tell 2^{bits} codewords apart",
            f"{distinct.size}: {show(distinct)}",
        )


@part("compress")
@settings(max_examples=60)
@given(weights=networks(), sparsity=sparsities(), bits=few_bits)
def test_what_is_kept_comes_back_as_near_as_from_k_means(submission, weights, sparsity, bits):
    for name, back in round_trip(submission, weights, sparsity, bits).items():
        check_kept_error(name, weights[name], back, sparsity, bits)


@part("compress")
@settings(max_examples=30)
@given(
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=2, unique=True),
    sparsity=st.sampled_from((0.0, 0.3, 0.5, 0.9)),
    bits=st.integers(1, 5),
)
def test_many_weights_come_back_as_near_as_from_k_means(submission, kinds, sparsity, bits):
    weights = {kind: spread_out(kind).astype(np.float32) for kind in kinds}
    for name, back in round_trip(submission, weights, sparsity, bits).items():
        check_count(name, weights[name], back, sparsity)
        check_order(name, weights[name], back)
        check_kept_error(name, weights[name], back, sparsity, bits)


@part("compress")
@given(sparsity=st.sampled_from((0.0, 0.5)), bits=st.integers(2, 4), order=st.booleans())
def test_each_array_has_a_codebook_of_its_own(submission, sparsity, bits, order):
    few = np.array([1.0, -1.0, 2.0, -2.0], dtype=np.float32)
    weights = {"large": 512 * few, "small": few / 512}
    if order:
        weights = dict(reversed(weights.items()))
    for name, back in round_trip(submission, weights, sparsity, bits).items():
        want = weights[name] * (np.abs(weights[name]) >= np.sort(np.abs(weights[name]))[2])
        want = want if sparsity else weights[name]
        expect(
            np.abs(back - want).max() <= 1e-4 * np.abs(want).max(),
            f"{show(want)} for {name!r}",
            f"the {np.count_nonzero(want)} values that it keeps have a codeword each: "
            "no other array needs one of these codewords",
            show(back),
        )


@part("compress")
@pytest.mark.parametrize("form", ["transposed", "sliced", "of Fortran order"])
def test_weights_come_back_at_their_places_whatever_their_layout_in_memory(submission, form):
    plain = np.array([[1.0, -2.0, 4.0], [-8.0, 0.5, 16.0]], dtype=np.float32)
    weight = {
        "transposed": plain.T,
        "sliced": np.repeat(plain, 2, axis=1)[::-1, ::2],
        "of Fortran order": np.asfortranarray(plain),
    }[form]
    back = round_trip(submission, {"fc": weight}, 0.0, 8)["fc"]
    expect(
        np.abs(back - weight).max() <= 0.1,
        f"{show(weight)}, nearly: 256 codewords are plenty for 6 weights",
        f"an array that is {form} holds its weights in another order than it shows them",
        show(back),
    )


@part("compress")
@pytest.mark.parametrize("place", [0, 1, 255, 256, 40_000, 65_535, 65_536, 69_999])
def test_a_single_kept_weight_comes_back_at_its_place(submission, place):
    weight = np.zeros(70_000, dtype=np.float32)
    weight[place] = 3.0
    back = round_trip(submission, {"fc": weight}, 1 - 1 / weight.size, 2)["fc"]
    found = np.flatnonzero(back)
    expect(
        found.tolist() == [place] and abs(back[place] - 3) < 1e-4,
        f"3.0 at {place}, and 0 everywhere else",
        "a gap may be as long as the array",
        f"non-zeros at {show(found)}: {show(back[found])}",
    )


GAPS = (1, 1, 2, 3, 15, 16, 17, 63, 64, 127, 128, 129, 254, 255, 256, 257, 258, 511, 512)


def check_places(submission, gaps, rest):
    """Compress weights at these places, with two values by turns; zeros between and after them."""
    places = np.cumsum(gaps) - 1
    weight = np.zeros(places[-1] + 1 + rest, dtype=np.float32)
    weight[places] = np.where(np.arange(places.size) % 3, np.float32(0.5), np.float32(-0.75))
    back = round_trip(submission, {"fc": weight}, 1 - places.size / weight.size, 1)["fc"]
    found = np.flatnonzero(back)
    expect(
        np.array_equal(found, places) and np.abs(back - weight).max() <= 1e-4,
        f"non-zeros at {show(places)}: {show(weight[places])}",
        f"so they were before; the gaps there are {list(gaps)}, and any gap may be followed by any "
        "other",
        f"non-zeros at {show(found)}: {show(back[found])}",
    )


@part("compress")
@given(gaps=st.lists(st.sampled_from(GAPS), min_size=2, max_size=5), rest=st.sampled_from((0, 300)))
def test_kept_weights_come_back_at_their_places_however_far_apart(submission, gaps, rest):
    check_places(submission, gaps, rest)


@part("compress")
def test_gaps_longer_than_two_bytes_can_hold_come_back(submission):
    check_places(submission, (1, 65_535, 2, 65_536, 65_537, 300, 1), 70_000)


@part("compress")
@given(weights=networks(most=2), bits=few_bits)
@settings(max_examples=15)
def test_at_sparsity_1_everything_comes_back_0(submission, weights, bits):
    for name, back in round_trip(submission, weights, 1.0, bits).items():
        expect(not back.any(), f"zeros for {name!r}", "at sparsity 1 all go", show(back))


@part("compress")
@pytest.mark.parametrize(("count", "bits"), [(300, 9), (300, 8), (24, 16)])
def test_more_codewords_than_a_byte_can_number(submission, count, bits):
    weight = np.linspace(1, 2, count, dtype=np.float32) * (-1) ** np.arange(count)
    weight = weight.astype(np.float32)
    back = round_trip(submission, {"fc": weight}, 0.0, bits)["fc"]
    check_kept_error("fc", weight, back, 0.0, bits)
    far = float(np.abs(back - weight).max())
    expect(
        far <= 4 / 2**bits,
        f"each of {count} evenly spread weights within {4 / 2**bits:.2g} of itself",
        f"there are {2**bits} codewords",
        f"one is {far:.2g} away",
    )


@part("compress")
@pytest.mark.parametrize("case", ["70,000 kept weights", "counts as steep as Fibonacci's"])
def test_large_arrays_come_back_whole(submission, case):
    if case == "70,000 kept weights":
        weight, bits = np.where(np.arange(70_000) % 3, 0.5, -0.75).astype(np.float32), 1
    else:  # one more weight for each codeword than its two rarer ones have: long code words
        steps = np.array([1, 1, *[0] * 18])
        for i in range(2, 20):
            steps[i] = steps[i - 1] + steps[i - 2]
        weight = np.repeat(np.arange(1, 21, dtype=np.float32) / 4, steps)
        weight, bits = weight[np.random.default_rng(8).permutation(weight.size)], 5
    back = round_trip(submission, {"fc": weight}, 0.0, bits)["fc"]
    far = np.flatnonzero(np.abs(back - weight) > 1e-4)
    expect(
        not far.size,
        f"all {weight.size} weights back: each of their {np.unique(weight).size} values is a "
        "codeword",
        "sizes, counts and code words may be longer than 16 bits",
        f"{far.size} are not; the first at {far[:1].tolist()}",
    )


@part("compress")
def test_a_sparse_array_makes_a_small_blob(submission):
    rng = np.random.default_rng(8)
    weights = {"fc": rng.standard_normal(200_000).astype(np.float32)}
    size = len(compressed(submission, weights, 0.95, 4))
    # 10,000 kept: about 7,200 bytes for gaps and 4,600 for codes, tables on top (a text with a
    # line for each of 180 gaps is 4,000). With a bit mask of 25,000 bytes it would be 29,600,
    # with positions of four bytes 44,600.
    expect(
        size <= 24_000,
        "a blob of at most 24,000 bytes for 200,000 weights of which 10,000 are kept",
        "gaps and codes, Huffman-coded, need about 12,000",
        f"{size} bytes",
    )


@part("compress")
def test_frequent_codes_cost_fewer_bits_than_rare_ones(submission):
    rng = np.random.default_rng(8)
    weight = np.full(12_000, 0.125, dtype=np.float32)
    weight[rng.permutation(12_000)[:360]] = rng.uniform(-1, 1, 360)
    size = len(compressed(submission, {"fc": weight}, 0.0, 5))
    # Huffman: 1.2 bits a code, 1,800 bytes; up to 1,500 for positions; tables. Codes of five bits
    # each would be 7,500 bytes, a byte each 12,000.
    expect(
        size <= 6_500,
        "a blob of at most 6,500 bytes for 12,000 weights of which 97% are equal",
        "the frequent code needs one bit where 5-bit codes need five; nothing is pruned here",
        f"{size} bytes",
    )


@part("compress")
@given(weights=networks(most=2), other=networks(most=2), bits=few_bits)
@settings(max_examples=15)
def test_the_blob_stands_alone(submission, weights, other, bits):
    check_stands_alone(submission, weights, other, bits)


# --- decompress ------------------------------------------------------------------------------


def read_anew(submission, blob):
    """Decompress with the module loaded once more, as in another process."""
    fresh = copy.copy(submission)
    fresh._module = None
    name, before = submission.module.__name__, submission.module
    try:
        return fresh.decompress(blob)
    except ValueError as error:
        return error
    finally:
        sys.modules[name] = before


def same_arrays(a, b):
    return set(a) == set(b) and all(np.array_equal(a[name], b[name]) for name in a)


def check_stands_alone(submission, weights, other, bits):
    blob = compressed(submission, weights, 0.5, bits)
    first = decompressed(submission, blob, weights)
    compressed(submission, {name: 3 * array for name, array in other.items()}, 0.25, bits)
    # What is pruned and shared is not the matter here, so no diagnosis may be made from it.
    submission.diary.begin_example()
    for where, read in (
        ("after another network was compressed", lambda: submission.decompress(blob)),
        ("when the module is loaded anew", lambda: read_anew(submission, blob)),
    ):
        again = read()
        expect(
            isinstance(again, dict) and same_arrays(first, again),
            f"the same weights {where}: {show(first)}",
            "a blob stands alone: whatever is needed to read it is in it",
            show(again),
        )


names = st.one_of(
    st.sampled_from(("", "fc.weight", "层.权重", "a b\n\0", "x" * 300, '"{}\\', "é")),
    st.text(st.sampled_from('ab.é层\0"\\ 😀'), max_size=12),
)


@part("decompress")
@given(
    weights=st.dictionaries(names, shapes().flatmap(lambda s: arrays(s, ("float32",))), min_size=1),
    sparsity=sparsities(),
    bits=few_bits,
)
def test_names_shapes_and_dtype_come_back(submission, weights, sparsity, bits):
    blob = compressed(submission, weights, sparsity, bits)
    for name, back in decompressed(submission, blob, weights).items():
        expect_shape(back, weights[name].shape)
        expect_same_dtype(back, weights[name])


@st.composite
def clear_cases(draw):
    """Eight weights of which it is clear what is to come back: no ties, a codeword for each."""
    order = draw(st.permutations(range(1, 9)))
    signs = draw(st.lists(st.sampled_from((1, -1)), min_size=8, max_size=8))
    shape = draw(st.sampled_from(((8,), (2, 4), (4, 2), (2, 2, 2), (1, 8), (8, 1))))
    gone = draw(st.sampled_from((0, 0, 2, 4, 6, 8)))
    signed = [s * n for s, n in zip(signs, order)]
    weight = np.array(order if gone else signed, dtype=np.float32).reshape(shape)
    return weight, gone


@part("decompress")
@given(case=clear_cases())
def test_what_was_pruned_is_0_and_what_was_kept_is_at_its_place(submission, case):
    weight, gone = case
    want = np.where(np.abs(weight) > gone, weight, np.float32(0))
    blob = compressed(submission, {"fc": weight}, gone / 8, 8, due={"fc": want})
    back = decompressed(submission, blob, ["fc"])["fc"]
    expect_shape(back, weight.shape)
    expect(
        np.array_equal(back == 0, want == 0) and np.abs(back - want).max() <= 1e-3,
        f"{show(want)}",
        f"the {gone} smallest of 8 were pruned, and with 8 bits each kept one has a codeword",
        show(back),
    )


@part("decompress")
@given(case=clusters_about_zero())
def test_a_kept_weight_never_comes_back_0(submission, case):
    weights, bits = case
    blob = compressed(submission, weights, 0.0, bits)
    back = decompressed(submission, blob, weights)["fc"]
    expect(
        bool(np.all(back)),
        "no zero: nothing was pruned, and no weight was 0",
        "a kept weight that was not 0 never comes back 0",
        f"{show(weights['fc'])} came back as {show(back)}",
    )


@part("decompress")
@given(weights=networks(most=2), other=networks(most=2), bits=few_bits)
@settings(max_examples=15)
def test_needs_nothing_but_the_blob(submission, weights, other, bits):
    check_stands_alone(submission, weights, other, bits)


@part("decompress")
def test_hundreds_of_arrays_come_back(submission):
    weights = {f"layer{i}": np.array([[i + 1.0, -8.0]], dtype=np.float32) for i in range(260)}
    blob = compressed(submission, weights, 0.0, 1)
    for name, back in decompressed(submission, blob, weights).items():
        expect(
            np.shape(back) == (1, 2) and np.abs(back - weights[name]).max() <= 1e-3,
            f"{show(weights[name])} for {name!r}",
            "the two weights of each array have a codeword each",
            show(back),
        )


def some_blobs(submission):
    """Blobs of a small network, of one array, and of one that is pruned away."""
    rng = np.random.default_rng(8)
    fc = {"fc": np.array([0.5, -2.0, 0.25, 1.0], dtype=np.float32)}
    net = {
        "conv.weight": rng.standard_normal((3, 2, 3)).astype(np.float32),
        "conv.bias": np.zeros(3, dtype=np.float32),
        "fc.weight": rng.standard_normal((4, 15)).astype(np.float32),
    }
    for weights, sparsity, bits in ((fc, 0.5, 1), (net, 0.6, 3), (fc, 1.0, 2)):
        blob = compressed(submission, weights, sparsity, bits)
        decompressed(submission, blob, weights)
        yield blob


def expect_refused(submission, blob, what):
    """Fail unless decompress raises a ValueError; the wording is free."""
    # Only a call that fails is of use to the diagnosis, and it is so alone.
    submission.diary.begin_example()
    why = f"{what} is not exactly a blob: it must be refused, not decoded, and not crash the caller"
    expect_refusal(why, submission.decompress, blob)
    submission.diary.begin_example()


def at_most(count, items):
    """All items, or so many of them: from both ends, and drawn from between."""
    items = list(items)
    if len(items) <= count:
        return items
    between = items[count // 3 : -count // 3]
    drawn = random.Random(8).sample(between, count - 2 * (count // 3))
    return items[: count // 3] + sorted(drawn) + items[-(count // 3) :]


@part("decompress")
def test_a_blob_cut_short_anywhere_is_refused(submission):
    for blob in some_blobs(submission):
        for length in at_most(300, range(len(blob))):
            what = f"the first {length} of the {len(blob)} bytes of a blob"
            expect_refused(submission, blob[:length], what)


@part("decompress")
def test_a_blob_with_any_bit_flipped_is_refused(submission):
    for blob in some_blobs(submission):
        for bit in at_most(900, range(8 * len(blob))):
            damaged = bytearray(blob)
            damaged[bit // 8] ^= 1 << bit % 8
            what = f"a blob of {len(blob)} bytes with bit {bit % 8} of byte {bit // 8} flipped"
            expect_refused(submission, bytes(damaged), what)


@part("decompress")
def test_a_blob_with_bytes_appended_is_refused(submission):
    for blob in some_blobs(submission):
        for tail in (b"\0", b"\n", b"\xff" * 4, b"\0" * 64, blob, blob[-4:], b"more"):
            expect_refused(submission, blob + tail, f"a blob with {show(tail)} appended")
        expect_refused(submission, b"\0" + blob, "a blob with a byte before it")


@part("decompress")
def test_a_blob_with_several_bytes_changed_is_refused(submission):
    rng = random.Random(8)
    for blob in some_blobs(submission):
        changed = [(blob[::-1], "a blob read backwards")]
        for at in at_most(60, range(len(blob) - 1)):
            swapped = bytearray(blob)
            swapped[at], swapped[at + 1] = blob[at + 1], blob[at]
            changed.append((bytes(swapped), f"a blob with bytes {at} and {at + 1} swapped"))
            both = bytearray(blob)
            both[at] ^= 16
            both[at + 1] ^= 16
            changed.append((bytes(both), f"a blob with bit 4 of bytes {at}, {at + 1} flipped"))
            other = rng.randrange(len(blob))
            apart = bytearray(blob)
            apart[at], apart[other] = (blob[at] + 1) % 256, (blob[other] - 1) % 256
            changed.append((bytes(apart), f"a blob with 1 moved from byte {other} to byte {at}"))
        for _ in range(60):
            wild = bytearray(blob)
            for at in rng.sample(range(len(blob)), min(len(blob), rng.randint(2, 6))):
                wild[at] = rng.randrange(256)
            changed.append((bytes(wild), "a blob with a few bytes replaced"))
        for damaged, what in changed:
            if damaged != blob:
                expect_refused(submission, damaged, what)


@part("decompress")
@pytest.mark.parametrize(
    "what",
    ["no bytes", "zeros", "ones", "a text", "a pickle", "an empty pickle", "zlib data", "noise"],
)
def test_bytes_that_never_were_a_blob_are_refused(submission, what):
    arrays_ = {"fc": np.array([0.5, -2.0], dtype=np.float32)}
    rng = random.Random(8)
    strangers = {
        "no bytes": [b""],
        "zeros": [b"\0" * n for n in (1, 2, 3, 4, 5, 7, 8, 12, 16, 20, 24, 32, 64, 1000)],
        "ones": [b"\xff" * n for n in (1, 2, 3, 4, 5, 7, 8, 12, 16, 20, 24, 32, 64, 1000)],
        "a text": [b"{}", b"[]", b"null", b"0", b'{"fc": [0.5, -2.0]}', b"weights\n"],
        "a pickle": [pickle.dumps(arrays_, protocol) for protocol in (0, 2, 4)],
        "an empty pickle": [pickle.dumps({}), pickle.dumps(None), pickle.dumps([])],
        "zlib data": [
            zlib.compress(b""),
            zlib.compress(pickle.dumps(arrays_)),
            zlib.compress(b"{}"),
        ],
        "noise": [rng.randbytes(n) for n in [*range(1, 60), 200, 1000, 4000]],
    }
    for blob in strangers[what]:
        expect_refused(submission, blob, f"{what}: {show(blob)}")

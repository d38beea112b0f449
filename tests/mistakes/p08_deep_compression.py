"""Wrong answers that people really give for p08.

Nobody but its author can read a blob. So a mistake of `compress` is a function that returns what
would come back, and is compared with what the submission's `decompress` made of its own blob.
When the mistakes themselves are graded, the reference's packer makes a blob of it.
"""

import heapq
import math
import struct
import sys
import zlib

import numpy as np

from tests.grading import mistake
from tests.test_p08_deep_compression import (
    CAME_BACK,
    DUE,
    is_near_enough,
    largest_right_error,
    shared_error,
)

# --- kmeans_codebook -------------------------------------------------------------------------


def _nearest(values, codewords):
    return np.abs(values.reshape(-1, 1).astype(np.float64) - codewords).argmin(axis=1)


def _lloyd(values, codewords, steps=50, middle=np.mean):
    flat = values.ravel().astype(np.float64)
    codewords = np.array(codewords, dtype=np.float64)
    for _ in range(steps):
        codes = _nearest(flat, codewords)
        for code in np.unique(codes):
            codewords[code] = middle(flat[codes == code])
    return codewords.astype(values.dtype)


def _linear(values, count):
    return np.linspace(float(values.min()), float(values.max()), count)


def _k_means(values, bits):
    codebook = _lloyd(values, _linear(values, 2**bits))
    return codebook, _nearest(values, codebook).reshape(values.shape)


def _used_and_decoded(outcome, call):
    """Codebooks may be ordered anyhow, and hold codewords that no value is on."""
    codebook, codes = outcome
    codebook, codes = np.asarray(codebook, dtype=np.float64), np.asarray(codes)
    return codes.dtype.kind, codes.shape, codebook[codes.astype(int)], np.isfinite(codebook).all()


def _decoded_or_nan(outcome, call):
    """Once there is a NaN, it hangs on details what becomes of the rest."""
    if not np.isfinite(np.asarray(outcome[0], dtype=np.float64)).all():
        return "NaN in the codebook"
    return _used_and_decoded(outcome, call)


def _decoded_and_size(outcome, call):
    return len(outcome[0]), *_used_and_decoded(outcome, call)


@mistake(
    "kmeans_codebook",
    "no Lloyd step",
    "It leaves the codewords spread evenly: that is uniform quantization, not k-means.",
    "Is a codeword the mean of the values on it?",
    observe=_used_and_decoded,
)
def no_lloyd_step(values, bits):
    codewords = _linear(values, 2**bits)
    return codewords.astype(values.dtype), _nearest(values, codewords).reshape(values.shape)


@mistake(
    "kmeans_codebook",
    "codes from before the last mean",
    "It moves the codewords once more after the values were put on them.",
    "After your last step: is every value on its nearest codeword?",
    observe=_used_and_decoded,
)
def stale_codes(values, bits):
    codes = _nearest(values, _linear(values, 2**bits))
    return _lloyd(values, _linear(values, 2**bits), 1), codes.reshape(values.shape)


@mistake(
    "kmeans_codebook",
    "the mean of an empty cluster",
    "Some clusters hold no value; their mean is 0 / 0, and NaN spreads into the codebook.",
    "What is the mean of no values, and what should become of such a codeword?",
    observe=_decoded_or_nan,
)
def empty_clusters(values, bits):
    flat, codewords = values.ravel().astype(np.float64), _linear(values, 2**bits)
    for _ in range(50):
        codes = _nearest(flat, codewords)
        counts = np.bincount(codes, minlength=codewords.size)
        with np.errstate(invalid="ignore"):
            codewords = np.bincount(codes, flat, codewords.size) / counts
    codes = _nearest(flat, codewords)
    return codewords.astype(values.dtype), codes.reshape(values.shape)


@mistake(
    "kmeans_codebook",
    "as many codewords as bits",
    "It makes `bits` codewords.",
    "How many codewords can a code of 3 bits tell apart?",
    observe=_used_and_decoded,
)
def bits_codewords(values, bits):
    codebook = _lloyd(values, _linear(values, bits))
    return codebook, _nearest(values, codebook).reshape(values.shape)


@mistake(
    "kmeans_codebook",
    "symmetric start",
    "It spreads the start over [−max, max] of the magnitudes, where there may be no values.",
    "Between which two numbers does the text spread the first codewords?",
    observe=_used_and_decoded,
)
def symmetric_start(values, bits):
    most = float(np.abs(values).max())
    codebook = _lloyd(values, np.linspace(-most, most, 2**bits))
    return codebook, _nearest(values, codebook).reshape(values.shape)


@mistake(
    "kmeans_codebook",
    "start at quantiles",
    "It starts where the values are dense; the few large ones get no codeword.",
    "How many of your first codewords lie near the largest value?",
    observe=_used_and_decoded,
)
def quantile_start(values, bits):
    codebook = _lloyd(values, np.quantile(values, np.linspace(0, 1, 2**bits + 2)[1:-1]))
    return codebook, _nearest(values, codebook).reshape(values.shape)


@mistake(
    "kmeans_codebook",
    "middle of the interval",
    "It moves a codeword halfway between the least and the largest value on it.",
    "Which point has the least squared distance to the values of a cluster?",
    observe=_used_and_decoded,
)
def middle_of_the_interval(values, bits):
    codebook = _lloyd(
        values, _linear(values, 2**bits), middle=lambda these: (these.min() + these.max()) / 2
    )
    return codebook, _nearest(values, codebook).reshape(values.shape)


@mistake(
    "kmeans_codebook",
    "one codeword too many",
    "It adds a codeword for 0 to the 2^bits.",
    "How many codewords can a code of `bits` bits tell apart?",
    observe=_decoded_and_size,
)
def one_too_many(values, bits):
    codebook = np.append(_lloyd(values, _linear(values, 2**bits)), 0).astype(values.dtype)
    return codebook, _nearest(values, codebook).reshape(values.shape)


@mistake(
    "kmeans_codebook",
    "flat codes",
    "The codes come back as one row, whatever the shape of the values.",
    "What is the shape of `codebook[codes]`, and what should it be?",
    observe=_used_and_decoded,
)
def flat_codes(values, bits):
    codebook, codes = _k_means(values, bits)
    return codebook, codes.ravel()


@mistake(
    "kmeans_codebook",
    "codes in a byte",
    "The codes are stored as uint8 and wrap around at 256.",
    "What is the largest code with 10 bits, and does it fit?",
    observe=_used_and_decoded,
)
def codes_in_a_byte(values, bits):
    codebook, codes = _k_means(values, bits)
    return codebook, codes.astype(np.uint8)


@mistake(
    "kmeans_codebook",
    "codes that are floats",
    "The codes are floats, and cannot index the codebook.",
    "Try `codebook[codes]`.",
    observe=_used_and_decoded,
)
def float_codes(values, bits):
    codebook, codes = _k_means(values, bits)
    return codebook, codes.astype(np.float64)


@mistake(
    "kmeans_codebook",
    "codewords for codes",
    "It returns the codeword of each value where its index is wanted.",
    "A code is what is stored for each weight. How many bits does yours take?",
)
def codewords_for_codes(values, bits):
    codebook, codes = _k_means(values, bits)
    return codebook, codebook[codes]


@mistake(
    "kmeans_codebook",
    "codes and codebook swapped",
    "It returns (codes, codebook).",
    "In which order does the text name the two results?",
    observe=lambda outcome, call: _used_and_decoded(outcome[::-1], call),
)
def swapped(values, bits):
    return _k_means(values, bits)[::-1]


# --- huffman_code ----------------------------------------------------------------------------


def _cost_and_kraft(outcome, call):
    """The same at every choice among equal counts."""
    (counts,) = (*call.args, *call.kwargs.values())
    words = [outcome[symbol] for symbol in counts]
    kraft = sum(2.0 ** -len(word) for word in words)
    return sum(n * len(word) for n, word in zip(counts.values(), words)), kraft


def _by_count(counts):
    return sorted(counts, key=lambda symbol: -counts[symbol])


def _canonical(lengths):
    code, word, before = {}, 0, 0
    for symbol in sorted(lengths, key=lengths.get):
        word <<= lengths[symbol] - before
        before = lengths[symbol]
        code[symbol] = format(word, f"0{before}b")
        word += 1
    return code


def _merge(counts, pick):
    nodes = [(count, [symbol]) for symbol, count in counts.items()]
    lengths = dict.fromkeys(counts, 0)
    while len(nodes) > 1:
        (a, left), (b, right) = pick(nodes), pick(nodes)
        for symbol in left + right:
            lengths[symbol] += 1
        nodes.append((a + b, left + right))
    return _canonical({symbol: max(1, length) for symbol, length in lengths.items()})


def _pop_least(nodes):
    return nodes.pop(min(range(len(nodes)), key=lambda i: nodes[i][0]))


@mistake(
    "huffman_code",
    "no bit for a lone symbol",
    "The root of a tree of one leaf gets the empty code word.",
    "How long is a stream of seven such symbols, and can a reader tell it from six?",
    observe=_cost_and_kraft,
)
def no_bit(counts):
    code = _merge(counts, _pop_least)
    return code if len(code) > 1 else dict.fromkeys(counts, "")


@mistake(
    "huffman_code",
    "all of one length",
    "Every symbol gets the same number of bits, whatever its count.",
    "Which symbol should have the shortest code word?",
    observe=_cost_and_kraft,
)
def one_length(counts):
    length = max(1, math.ceil(math.log2(len(counts))))
    return {symbol: format(i, f"0{length}b") for i, symbol in enumerate(counts)}


@mistake(
    "huffman_code",
    "Shannon's lengths",
    "It rounds −log2 of each share up: within a bit of the entropy, but not optimal.",
    "Two symbols with shares 0.9 and 0.1: how long need their code words be?",
    observe=_cost_and_kraft,
)
def shannon(counts):
    total = sum(counts.values())
    return _canonical({s: max(1, math.ceil(math.log2(total / n))) for s, n in counts.items()})


@mistake(
    "huffman_code",
    "split from above (Shannon–Fano)",
    "It halves the sorted counts from above; merging the two least from below is never worse.",
    "Which two symbols may always have the longest code words?",
    observe=_cost_and_kraft,
)
def shannon_fano(counts):
    code = {}

    def split(symbols, word):
        if len(symbols) == 1:
            code[symbols[0]] = word or "0"
            return
        total = sum(counts[s] for s in symbols)
        cut = min(
            range(1, len(symbols)),
            key=lambda at: abs(total - 2 * sum(counts[s] for s in symbols[:at])),
        )
        split(symbols[:cut], word + "0")
        split(symbols[cut:], word + "1")

    split(_by_count(counts), "")
    return code


@mistake(
    "huffman_code",
    "most frequent merged first",
    "It merges the two largest counts, so the frequent symbols get the longest code words.",
    "Is a symbol that is merged early near the root or far from it?",
    observe=_cost_and_kraft,
)
def largest_merged(counts):
    return _merge(counts, lambda nodes: nodes.pop(max(range(len(nodes)), key=lambda i: nodes[i])))


@mistake(
    "huffman_code",
    "sorted only once",
    "It sorts the counts at the start and puts merged nodes at the end, whatever their count.",
    "After a merge: which two nodes have the smallest counts now?",
    observe=_cost_and_kraft,
)
def sorted_once(counts):
    ordered = {symbol: counts[symbol] for symbol in reversed(_by_count(counts))}
    return _merge(ordered, lambda nodes: nodes.pop(0))


@mistake(
    "huffman_code",
    "merged node keeps one count",
    "A merged node gets the larger of the two counts, not their sum.",
    "How often does a reader pass through a node that stands for two symbols?",
    observe=_cost_and_kraft,
)
def larger_count(counts):
    nodes = [(count, [symbol]) for symbol, count in counts.items()]
    lengths = dict.fromkeys(counts, 0)
    while len(nodes) > 1:
        (a, left), (b, right) = _pop_least(nodes), _pop_least(nodes)
        for symbol in left + right:
            lengths[symbol] += 1
        nodes.append((max(a, b), left + right))
    return _canonical({symbol: max(1, length) for symbol, length in lengths.items()})


@mistake(
    "huffman_code",
    "ranks in unary",
    "The rank of a symbol is written in unary, whatever the counts are.",
    "What does your code cost for eight symbols that are equally frequent?",
    observe=_cost_and_kraft,
)
def unary(counts):
    order, last = _by_count(counts), max(1, len(counts) - 1)
    return {symbol: ("1" * i + "0")[:last] for i, symbol in enumerate(order)}


@mistake(
    "huffman_code",
    "ranks in binary",
    'It numbers the symbols "0", "1", "10", "11": short, but no reader can part them.',
    "Write down a stream of three symbols and try to read it.",
    observe=_cost_and_kraft,
)
def ranks_in_binary(counts):
    return {symbol: format(i, "b") for i, symbol in enumerate(_by_count(counts))}


@mistake(
    "huffman_code",
    "equal counts overwrite each other",
    "It looks symbols up by their count, so of those equally frequent one is left.",
    "What does your code return when all counts are equal?",
    observe=lambda outcome, call: (len(outcome), sorted(map(len, outcome.values()))),
)
def keyed_by_count(counts):
    by_count = {count: symbol for symbol, count in counts.items()}
    return _merge({symbol: count for count, symbol in by_count.items()}, _pop_least)


@mistake(
    "huffman_code",
    "symbols compared",
    "Where two counts are equal the heap compares what stands behind them: the symbols.",
    'Is 0 < "a"? What could stand between the count and the symbol, so that nobody asks?',
    observe=_cost_and_kraft,
)
def symbols_compared(counts):
    heap = [(count, [symbol]) for symbol, count in counts.items()]
    heapq.heapify(heap)
    lengths = dict.fromkeys(counts, 0)
    while len(heap) > 1:
        (a, left), (b, right) = heapq.heappop(heap), heapq.heappop(heap)
        for symbol in left + right:
            lengths[symbol] += 1
        heapq.heappush(heap, (a + b, left + right))
    return _canonical({symbol: max(1, length) for symbol, length in lengths.items()})


# --- compress --------------------------------------------------------------------------------


def _handed_in(arrays):
    """What comes back; when mistakes are graded, a blob for the reference's `decompress`."""
    reference = sys.modules.get("solutions.p08_deep_compression")
    return reference._pack(arrays) if reference else arrays


def _back(outcome):
    arrays = CAME_BACK[outcome] if isinstance(outcome, bytes) else outcome
    return {name: np.asarray(array) for name, array in arrays.items()}


def _which_went(outcome, call):
    """The magnitudes that went, whichever of equal ones; and whether the rest is as it may be."""
    weights, _, bits = call.args
    observed = {}
    for name, back in _back(outcome).items():
        weight = weights[name]
        back = back.reshape(weight.shape)
        gone = np.sort(np.abs(weight[(back == 0) & (weight != 0)]))
        kept = back != 0
        choices = [weight[kept], weight[kept | (weight == 0)]]
        allowed = [largest_right_error(values, bits) for values in choices if values.size]
        fair = np.unique(back[kept]).size <= 2**bits
        if kept.any() and None not in allowed:
            error = shared_error(weight[kept], back[kept])
            fair = fair and is_near_enough(error, max(allowed), weight[kept])
        observed[name] = gone, fair
    return observed


def _what_came_back(outcome, call):
    return _back(outcome)


def _least(scores, count):
    mask = np.ones(scores.size, dtype=bool)
    mask[np.argsort(scores, axis=None, kind="stable")[:count]] = False
    return mask.reshape(scores.shape)


def _share(weight, mask, bits, k_means=_k_means):
    back = np.zeros_like(weight)
    if mask.any():
        codebook, codes = k_means(weight[mask], bits)
        codebook = np.where(codebook == 0, np.finfo(np.float32).tiny, codebook)
        back[mask] = codebook[codes]
    back[weight == 0] = 0
    return back


def _each(weights, bits, mask_of, k_means=_k_means):
    return _handed_in({name: _share(w, mask_of(w), bits, k_means) for name, w in weights.items()})


@mistake(
    "compress",
    "truncated count",
    "It truncates sparsity * n, where the count is rounded.",
    "What is int(0.29 * 100), and what should it be?",
    observe=_which_went,
)
def truncated(weights, sparsity, bits):
    return _each(weights, bits, lambda w: _least(np.abs(w), int(sparsity * w.size)))


@mistake(
    "compress",
    "count rounded up",
    "It rounds sparsity * n up, so now and then one weight too many goes.",
    "How many of 10 weights go at sparsity 0.12?",
    observe=_which_went,
)
def rounded_up(weights, sparsity, bits):
    return _each(weights, bits, lambda w: _least(np.abs(w), math.ceil(sparsity * w.size)))


@mistake(
    "compress",
    "kept count rounded",
    "It rounds the number kept and removes the rest; halves then fall the other way.",
    "Count for 3 weights at sparsity 0.5: which number does the text say is rounded?",
    observe=_which_went,
)
def rounded_kept(weights, sparsity, bits):
    return _each(
        weights, bits, lambda w: _least(np.abs(w), w.size - round((1 - float(sparsity)) * w.size))
    )


@mistake(
    "compress",
    "sparsity read as density",
    "It keeps the fraction that should be removed.",
    "At sparsity 0.9, how much of an array is left?",
    observe=_which_went,
)
def density(weights, sparsity, bits):
    return _each(weights, bits, lambda w: _least(np.abs(w), w.size - round(sparsity * w.size)))


@mistake(
    "compress",
    "signed values",
    "It ranks the weights with their sign, so large negative weights go first.",
    "Which matters more to the output, a weight of −3 or one of 0.1?",
    observe=_which_went,
)
def signed(weights, sparsity, bits):
    return _each(weights, bits, lambda w: _least(w, round(sparsity * w.size)))


@mistake(
    "compress",
    "largest first",
    "It removes the weights of largest magnitude.",
    "Which end of the sorted magnitudes do you cut off?",
    observe=_which_went,
)
def largest_first(weights, sparsity, bits):
    return _each(weights, bits, lambda w: _least(-np.abs(w), round(sparsity * w.size)))


@mistake(
    "compress",
    "one ranking for all arrays",
    "It ranks the weights of all arrays together; each array should lose its own share.",
    "How much is left of an array whose weights are all small?",
    observe=_which_went,
)
def one_ranking(weights, sparsity, bits):
    joined = np.concatenate([np.abs(w).ravel() for w in weights.values()])
    mask = _least(joined, round(sparsity * joined.size))
    parts = np.split(mask, np.cumsum([w.size for w in weights.values()])[:-1])
    return _handed_in(
        {
            name: _share(w, part.reshape(w.shape), bits)
            for (name, w), part in zip(weights.items(), parts)
        }
    )


@mistake(
    "compress",
    "nothing pruned",
    "It only shares weights; none is removed.",
    "What does `sparsity` do in your code?",
    observe=_which_went,
)
def nothing_pruned(weights, sparsity, bits):
    return _each(weights, bits, lambda w: np.ones(w.shape, dtype=bool))


def _keeping(w, sparsity):
    return _least(np.abs(w), round(sparsity * w.size))


@mistake(
    "compress",
    "a kept weight lost on the codeword 0",
    "The mean of a cluster can be exactly 0; its weights come back as if they had been pruned.",
    "What is the mean of −1, 0.5 and 0.5, and what comes back for these three?",
    observe=_which_went,
)
def lost_on_zero(weights, sparsity, bits):
    back = {}
    for name, w in weights.items():
        mask, array = _keeping(w, sparsity), np.zeros_like(w)
        if mask.any():
            codebook, codes = _k_means(w[mask], bits)
            array[mask] = codebook[codes]
        back[name] = array
    return _handed_in(back)


@mistake(
    "compress",
    "zeros clustered with the rest",
    "The pruned zeros go through k-means like weights: some come back as a codeword that is not 0, "
    "and they draw codewords away from what is kept.",
    "Which values is the codebook meant for, and does a pruned weight need a code?",
    observe=_what_came_back,
)
def zeros_clustered(weights, sparsity, bits):
    back = {}
    for name, w in weights.items():
        codebook, codes = _k_means(np.where(_keeping(w, sparsity), w, np.float32(0)), bits)
        back[name] = codebook[codes]
    return _handed_in(back)


@mistake(
    "compress",
    "zeros take part in the means",
    "The pruned stay 0, but they went into k-means and drew its codewords towards 0.",
    "Of which values is a codeword the mean?",
    observe=_what_came_back,
)
def zeros_in_the_means(weights, sparsity, bits):
    back = {}
    for name, w in weights.items():
        mask = _keeping(w, sparsity)
        codebook, codes = _k_means(np.where(mask, w, np.float32(0)), bits)
        codebook = np.where(codebook == 0, np.finfo(np.float32).tiny, codebook)
        back[name] = np.where(mask, codebook[codes], np.float32(0))
    return _handed_in(back)


@mistake(
    "compress",
    "one codebook for all arrays",
    "The arrays share a codebook: one of small weights gets hardly a codeword of its own.",
    "How many codebooks does the text say there are?",
    observe=_what_came_back,
)
def one_codebook(weights, sparsity, bits):
    masks = {name: _keeping(w, sparsity) for name, w in weights.items()}
    kept = np.concatenate([w[masks[name]] for name, w in weights.items()])
    codebook = _lloyd(kept, _linear(kept, 2**bits)) if kept.size else kept
    return _each(
        weights,
        bits,
        lambda w: _keeping(w, sparsity),
        lambda values, _: (codebook, _nearest(values, codebook)),
    )


@mistake(
    "compress",
    "no Lloyd step",
    "The codewords stay spread evenly: that is uniform quantization, not k-means.",
    "Is a codeword the mean of the weights on it?",
    observe=_what_came_back,
)
def shared_without_lloyd(weights, sparsity, bits):
    return _each(weights, bits, lambda w: _keeping(w, sparsity), no_lloyd_step)


@mistake(
    "compress",
    "weights stored as they are",
    "What is kept comes back exactly: no weights share a codeword.",
    "How many distinct values can an array have with `bits` bits?",
    observe=_what_came_back,
)
def not_shared(weights, sparsity, bits):
    return _handed_in({name: w * _keeping(w, sparsity) for name, w in weights.items()})


@mistake(
    "compress",
    "a gap in a byte",
    "Gaps are stored as uint8: one of 256 becomes 0, and all that follows moves to the front.",
    "What is the longest gap in an array of 70,000 weights of which two are kept?",
    observe=_what_came_back,
)
def gap_in_a_byte(weights, sparsity, bits):
    back = {}
    for name, w in weights.items():
        shared = _share(w, _keeping(w, sparsity), bits).ravel()
        places, array = np.flatnonzero(shared), np.zeros_like(shared)
        array[np.cumsum(np.diff(places, prepend=0) % 256)] = shared[places]
        back[name] = array.reshape(w.shape)
    return _handed_in(back)


# --- decompress ------------------------------------------------------------------------------


def _kinds(outcome, call):
    """For what comes back from a blob: a mistake cannot know the codewords in it."""
    if not isinstance(outcome, dict):
        return type(outcome).__name__
    return {name: (np.shape(a), str(np.asarray(a).dtype)) for name, a in outcome.items()}


def _kinds_if_whole(outcome, call):
    """What comes back from a damaged blob is anything."""
    whole = call.args and call.args[0] in DUE
    return _kinds(outcome, call) if whole or not isinstance(outcome, dict) else "some weights"


def _whole_within(blob):
    """The blob that `blob` begins with, if there is one."""
    if not isinstance(blob, bytes):
        return None
    return next((whole for whole in DUE if blob.startswith(whole)), None)


@mistake(
    "decompress",
    "float64",
    "The arrays come back as float64.",
    "What is the dtype of what you fill, and what was it before?",
    observe=_kinds,
)
def float64(blob):
    if blob not in DUE:
        raise ValueError
    return {name: array.astype(np.float64) for name, array in DUE[blob].items()}


@mistake(
    "decompress",
    "shapes lost",
    "The arrays come back as one row each.",
    "Where in the blob does it say that an array had two dimensions?",
    observe=_kinds,
)
def flat(blob):
    if blob not in DUE:
        raise ValueError
    return {name: array.ravel() for name, array in DUE[blob].items()}


@mistake(
    "decompress",
    "damage goes unnoticed",
    "A damaged blob is decoded as if it were whole: wrong weights come back, and nobody knows.",
    "Flip one bit of a code. What in your blob would differ from what you expect?",
    observe=_kinds_if_whole,
)
def unnoticed(blob):
    if blob not in DUE and _whole_within(blob):
        raise ValueError
    return DUE.get(blob, {})


@mistake(
    "decompress",
    "nothing said",
    "For bytes that are no blob it returns None, and the caller finds out later.",
    "What does the text say a damaged blob should raise?",
    observe=_kinds,
)
def nothing_said(blob):
    return DUE.get(blob)


@mistake(
    "decompress",
    "appended bytes are ignored",
    "It stops where the blob ends, and does not see that there is more.",
    "When everything is read, what should be left?",
    observe=_kinds_if_whole,
)
def appended(blob):
    if _whole_within(blob) is None:
        raise ValueError
    return DUE[_whole_within(blob)]


@mistake(
    "decompress",
    "an IndexError gets out",
    "The parser runs over the end of the blob; the caller expects a ValueError.",
    "Which exceptions can your parser raise on bytes that are not what it expects?",
    observe=_kinds,
)
def index_error(blob):
    if blob not in DUE:
        raise IndexError
    return DUE[blob]


@mistake(
    "decompress",
    "a struct.error gets out",
    "struct.unpack is given too few bytes; the caller expects a ValueError.",
    "Which exceptions can your parser raise on bytes that are not what it expects?",
    observe=_kinds,
)
def struct_error(blob):
    if blob not in DUE:
        raise struct.error
    return DUE[blob]


@mistake(
    "decompress",
    "a zlib.error gets out",
    "zlib finds the damage, but its error is no ValueError, and that is what a caller expects.",
    "Is zlib.error a subclass of ValueError?",
    observe=_kinds,
)
def zlib_error(blob):
    if blob not in DUE:
        raise zlib.error
    return DUE[blob]

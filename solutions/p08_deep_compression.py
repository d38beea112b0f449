"""Deep Compression: prune, share, Huffman-code

模型压缩：请编写一个函数，对给定的神经网络模型进行压缩。

A pruned network is smaller only once it is stored as one. Han et al. do it in three steps: the
smallest weights go; those that stay share a few values, found by k-means, so that a weight is a
short code into a codebook; and what is left, codes and positions, is Huffman-coded.

    difficulty ●●●●●    importance ●●●●○    about 90 minutes

Words
    codeword   a value that many weights share. The codebook is the array of all codewords, a
               code the index of one of them.
    Lloyd step each value is put on its nearest codeword; then each codeword becomes the mean of
               the values on it. A codeword with no value on it has no mean: it stays, or goes.
    gap        how far a kept weight is from the kept weight before it. Gaps are small numbers,
               and some are far more frequent than others: so they, not the positions, are coded.
    blob       the bytes of a compressed model. It stands alone: whatever is needed to read it
               (names, shapes, codebooks, Huffman tables, counts) is in it.

Everywhere
    Nothing given is changed. `bits` is an integer from 1 to 16. `sparsity` is the fraction
    removed, in [0, 1]: of the n weights of an array, round(sparsity * n) go (Python's `round`).
    Where several weights have the same magnitude, any choice among them is right. Arguments are
    always sensible and need no checks, but for the blob of `decompress`.

Sources
    Han, Mao & Dally 2016, "Deep Compression: Compressing Deep Neural Networks with Pruning,
    Trained Quantization and Huffman Coding" (section 2: pruning and gaps; 3: weight sharing, 3.2
    the linear start; 4: Huffman coding); Huffman 1952, "A Method for the Construction of
    Minimum-Redundancy Codes".

Worked notebook: notebooks/p08_deep_compression.ipynb
"""

from __future__ import annotations

import heapq
import math
import zlib
from collections.abc import Hashable

import numpy as np


def kmeans_codebook(values: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Find at most 2^bits codewords for the values, and the nearest of them for each value.

    K-means in one dimension. It starts from 2^bits codewords spread evenly over [min, max] of
    the values, both ends included: so the few large weights get codewords too. Then Lloyd steps
    follow, at least one, as many as you like; at the end each value is on its nearest codeword.

    Args:
        values: any shape, float32 or float64.
        bits: 1 to 16.

    Returns:
        (codebook, codes). `codebook` has shape (k,), 1 ≤ k ≤ 2^bits, all of it finite. `codes`
        are integers of the shape of `values`, 0 ≤ code < k; `codebook[code]` is the codeword
        nearest to the value (either one at a tie). The sum of squared distances is, up to
        rounding, no larger than with the codewords after one Lloyd step from that start and each
        value on its nearest. Codewords that no value is on may be there or not.

    Example:
        >>> codebook, codes = kmeans_codebook(np.array([[0.0, 0.25, 1.0], [3.0, 3.5, 4.0]]), 1)
        >>> codebook[codes].round(4).tolist()
        [[0.4167, 0.4167, 0.4167], [3.5, 3.5, 3.5]]
    """
    ordered = np.sort(values, axis=None).astype(np.float64)
    codewords = np.linspace(ordered[0], ordered[-1], 2**bits)
    edges = None
    for _ in range(100):
        # Sorted values on their nearest codeword: runs that end at the midpoints.
        inner = np.searchsorted(ordered, (codewords[1:] + codewords[:-1]) / 2)
        before, edges = edges, np.concatenate(([0], inner, [ordered.size]))
        if np.array_equal(before, edges):
            break
        counts = np.diff(edges)
        used = counts > 0
        codewords[used] = np.add.reduceat(ordered, edges[:-1][used]) / counts[used]
    codebook = np.unique(codewords.astype(values.dtype))
    exact = codebook.astype(np.float64)
    codes = np.searchsorted((exact[1:] + exact[:-1]) / 2, values.ravel())
    used, codes = np.unique(codes, return_inverse=True)
    return codebook[used], codes.reshape(values.shape)


def huffman_code(counts: dict[Hashable, int]) -> dict[Hashable, str]:
    """Return an optimal prefix-free code for symbols that occur so often.

    No code word is the beginning of another, so a stream needs no separators; and no prefix-free
    code makes the sum of count · length smaller. Where several are optimal, any is right. Were
    there but one symbol, no bit would be needed to tell it from others; it gets one bit all the
    same, so that a stream of it has a length.

    Args:
        counts: {symbol: how often it occurs}, with at least one symbol and positive counts.
            Symbols are whatever can be a key: numbers, strings, tuples, None, and all of these
            in one dict, so that two symbols need not be comparable.

    Returns:
        {symbol: bit string}: a string of "0" and "1" for each symbol of `counts`.

    Example:
        >>> {symbol: len(bits) for symbol, bits in huffman_code({"a": 5, "b": 2, "c": 1}).items()}
        {'a': 1, 'b': 2, 'c': 2}
        >>> len(huffman_code({"a": 7})["a"])
        1
    """
    heap = [(count, node) for node, count in enumerate(counts.values())]
    heapq.heapify(heap)
    children = []
    while len(heap) > 1:
        (a, left), (b, right) = heapq.heappop(heap), heapq.heappop(heap)
        heapq.heappush(heap, (a + b, len(counts) + len(children)))
        children.append((left, right))
    bits = [""] * (len(counts) + len(children))
    # A parent is made after its children, so from the last one back each is met before them.
    for parent, (left, right) in reversed(list(enumerate(children, len(counts)))):
        bits[left], bits[right] = bits[parent] + "0", bits[parent] + "1"
    return {symbol: bits[node] or "0" for node, symbol in enumerate(counts)}


def compress(weights: dict[str, np.ndarray], sparsity: float, bits: int) -> bytes:
    """Prune every array, let what is kept share codewords, and Huffman-code all of it.

    Each array is treated on its own: its `round(sparsity * n)` smallest magnitudes go, and what
    it keeps goes through k-means as in `kmeans_codebook`, with a codebook of its own. Positions
    (as gaps, and a gap may be as long as the array) and codes are Huffman-coded. Nothing that
    `decompress` needs may stay behind in the program: the blob may be read elsewhere.

    A kept weight that is not 0 must not come back as 0: where a codeword is exactly 0, move it
    off a little, no further than the smallest magnitude among its weights. For a kept weight
    that is 0 either is right.

    What is graded, with your own `decompress`, is what comes back: which weights are 0; at most
    2^bits distinct other values in an array; the squared error over what an array keeps, no
    larger than `kmeans_codebook` is allowed (but for codewords moved off 0); and the number of
    bytes, with room for any layout that Huffman-codes gaps and codes.

    Args:
        weights: {name: float32 array}; names are any strings, shapes differ.
        sparsity: the fraction to remove from each array, in [0, 1].
        bits: 1 to 16; an array has at most 2^bits codewords.

    Returns:
        The blob. Put a checksum into it: see `decompress`.

    Example:
        >>> weights = {"a": np.array([0.5, -2.0, 0.25, 1.0], dtype=np.float32)}
        >>> decompress(compress(weights, 0.5, 1))["a"].tolist()
        [0.0, -2.0, 0.0, 1.0]
    """
    return _pack({name: _prune_and_share(w, sparsity, bits) for name, w in weights.items()})


def decompress(blob: bytes) -> dict[str, np.ndarray]:
    """Return the weights that a blob of `compress` holds.

    Bytes travel badly. Whatever is not exactly a blob must be refused, not decoded into wrong
    weights: one that is cut short anywhere, one with a single bit flipped, one with bytes
    appended or exchanged, bytes that never were a blob. A checksum over everything finds damage
    (`zlib.crc32` finds every single flipped bit). It is not enough: four bytes of 0 are no bytes
    with the right CRC-32, and eight of 255 are four with theirs. So begin a blob with a few bytes
    of your own. Sizes read from the blob are not to be trusted before all that.

    Args:
        blob: what `compress` returned, here or in another process.

    Returns:
        {name: float32 array}, with the names and shapes that were compressed. A pruned weight is
        0; a kept one is its codeword.

    Raises:
        ValueError: `blob` is anything but a whole and undamaged blob.

    Example:
        >>> weights = {"a": np.array([[3.0], [0.5]], dtype=np.float32)}
        >>> decompress(compress(weights, 0.5, 4))
        {'a': array([[3.],
               [0.]], dtype=float32)}
    """
    body, checksum = blob[:-4], blob[-4:]
    if not body.startswith(_MAGIC) or zlib.crc32(body).to_bytes(4, "little") != checksum:
        raise ValueError("blob is damaged, or was not made by `compress`")
    try:
        return _unpack(_Reader(body[len(_MAGIC) :]))
    except (IndexError, MemoryError, RecursionError) as error:
        raise ValueError("blob does not hold what it promises") from error


def _prune_and_share(weight: np.ndarray, sparsity: float, bits: int) -> np.ndarray:
    """Return the array as it is to come back: pruned, and on the codewords of what is kept."""
    flat = weight.ravel()
    shared = np.zeros_like(flat)
    gone = round(sparsity * flat.size)
    if gone < flat.size:
        kept = np.argpartition(np.abs(flat), gone)[gone:]
        codebook, codes = kmeans_codebook(flat[kept], bits)
        if ((codebook[codes] == 0) & (flat[kept] != 0)).any():
            codebook[codebook == 0] = np.finfo(np.float32).tiny
        shared[kept] = codebook[codes]
    return shared.reshape(weight.shape)


# The blob: magic, how many arrays, each one's name, shape and entries, and a CRC-32 of all that.
# The entries are a stream of symbols, of which there are three kinds:
#   one value     0, the value.
#   one and rest  63, a frequent value (the 0 of a pruned array), how often it occurs, the gaps
#                 between it, or between the others if they are fewer, and the others as a stream.
#   Huffman code  the longest code length, how many symbols have each length, the alphabet (the
#                 codebook) most frequent first, the number of bytes, the coded bits.

_MAGIC = b"DC\x01"
_ONE_VALUE, _ONE_AND_REST, _LONGEST = 0, 63, 60
_MOST_WEIGHTS = 2**28  # 1 GB: a few forged bytes shall not make the reader take all memory


def _pack(arrays: dict[str, np.ndarray]) -> bytes:
    """Store arrays exactly; few distinct values make them small."""
    if sum(array.size for array in arrays.values()) > _MOST_WEIGHTS:
        raise ValueError(f"weights must be at most {_MOST_WEIGHTS} for one blob")
    parts = [_MAGIC, _number(len(arrays))]
    for name, array in arrays.items():
        encoded = name.encode("utf-8", "surrogatepass")
        parts += [_number(len(encoded)), encoded, *map(_number, (array.ndim, *array.shape))]
        parts.append(_pack_symbols(array.ravel().astype("<f4")))
    body = b"".join(parts)
    return body + zlib.crc32(body).to_bytes(4, "little")


def _unpack(read: _Reader) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}
    room = _MOST_WEIGHTS
    for _ in range(read.number()):
        name = read.take(read.number()).decode("utf-8", "surrogatepass")
        shape = [read.number() for _ in range(read.number())]
        size = math.prod(shape)
        read.check(name not in arrays and 0 < size <= room and len(shape) <= 32)
        room -= size
        arrays[name] = read.symbols(size, "<f4").reshape(shape).astype(np.float32, copy=False)
    read.check(not read.left)
    return arrays


def _pack_symbols(symbols: np.ndarray) -> bytes:
    alphabet, inverse, counts = np.unique(symbols, return_inverse=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    alphabet, counts, rank = alphabet[order], counts[order], np.argsort(order)[inverse.ravel()]
    if counts.size == 1:
        return _number(_ONE_VALUE) + alphabet.tobytes()
    code = huffman_code(dict(enumerate(counts.tolist())))
    # Their lengths alone make the code words, if these are handed out in order.
    lengths = np.sort([len(bits) for bits in code.values()])
    entropy = counts @ np.log2(symbols.size / counts)
    if counts @ lengths > 1.02 * entropy + 300:
        # A Huffman code wastes up to a bit a symbol where one is very frequent. Gaps do not.
        first = rank == 0
        others = symbols[~first]
        places = np.flatnonzero(first if 2 * counts[0] <= symbols.size else ~first)
        head = _number(_ONE_AND_REST) + alphabet[:1].tobytes() + _number(counts[0])
        return head + _pack_places(places) + _pack_symbols(others)
    words = _left_aligned(lengths) >> (lengths[-1] - lengths)
    coded = _join(words[rank], lengths[rank])
    table = [_number(n) for n in (lengths[-1], *np.bincount(lengths)[1:])]
    return b"".join((*table, alphabet.tobytes(), _number(len(coded)), coded))


def _pack_places(places: np.ndarray) -> bytes:
    """Store ascending positions as gaps, and large gaps as DEFLATE stores distances.

    A gap below 4 is a symbol of its own. Of a larger one the two leading bits and the number of
    the others make the symbol, and the others follow as they are: gaps that are nearly equal
    are nearly equally frequent, and the table stays small however long the array is.
    """
    gaps = np.diff(places, prepend=-1) - 1
    rest = np.maximum(np.frexp(gaps)[1].astype(np.int64) - 2, 0)
    symbols = (2 * rest + (gaps >> rest)).astype("u1")
    return _pack_symbols(symbols) + _join(gaps & ((1 << rest) - 1), rest)


def _left_aligned(lengths: np.ndarray) -> np.ndarray:
    """Canonical code words for ascending lengths, each filled up with zeros to the longest."""
    steps = 1 << (lengths[-1] - lengths)
    return np.cumsum(steps) - steps


def _number(value: int) -> bytes:
    """A number, seven bits a byte, the lowest first; a set top bit says that more follow."""
    low, high = int(value) & 127, int(value) >> 7
    return bytes([low | 128]) + _number(high) if high else bytes([low])


def _join(values: np.ndarray, widths: np.ndarray) -> bytes:
    """Write each value with so many bits, highest first, one value after the other."""
    return np.packbits(np.repeat(values, widths) >> _shifts(widths) & 1).tobytes()


def _shifts(widths: np.ndarray) -> np.ndarray:
    """For each bit that `_join` writes: how far from the right it stands in its value."""
    ends = np.repeat(np.cumsum(widths), widths)
    return ends - 1 - np.arange(ends.size)


class _Reader:
    """Takes a body apart. Whatever does not add up is a ValueError, before it is used."""

    def __init__(self, body: bytes) -> None:
        self.left = memoryview(body)

    def check(self, holds: bool) -> None:
        if not holds:
            raise ValueError("blob does not hold what it promises")

    def take(self, count: int) -> bytes:
        self.check(count <= len(self.left))
        taken, self.left = self.left[:count], self.left[count:]
        return bytes(taken)

    def number(self) -> int:
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            shift += 7
            self.check(shift <= 63)
            if byte < 128:
                return value

    def bits(self, count: int) -> np.ndarray:
        return np.unpackbits(np.frombuffer(self.take(count), dtype=np.uint8)).astype(np.int64)

    def alphabet(self, count: int, dtype: str) -> np.ndarray:
        return np.frombuffer(self.take(count * np.dtype(dtype).itemsize), dtype=dtype)

    def symbols(self, count: int, dtype: str) -> np.ndarray:
        longest = self.number()
        if longest == _ONE_VALUE:
            return np.repeat(self.alphabet(1, dtype), count)
        if longest == _ONE_AND_REST:
            value, often = self.alphabet(1, dtype), self.number()
            self.check(0 < often < count)
            first = np.zeros(count, dtype=bool)
            first[self.places(min(often, count - often), count)] = True
            first ^= 2 * often > count
            others = self.symbols(count - often, dtype)
            symbols = np.repeat(value, count)
            symbols[~first] = others
            return symbols
        self.check(longest <= _LONGEST)
        per_length = [self.number() for _ in range(longest)]
        alphabet = self.alphabet(sum(per_length), dtype)
        coded = self.bits(self.number())
        leaves = sum(n << (longest - length) for length, n in enumerate(per_length, 1))
        self.check(leaves == 1 << longest and count <= coded.size)
        lengths = np.repeat(np.arange(1, longest + 1), per_length)
        # What would begin at every bit is looked up at once; then the true beginnings are
        # followed from one to the next.
        padded, window = np.append(coded, np.zeros(longest, dtype=np.int64)), 0
        for ahead in range(longest):
            window = 2 * window + padded[ahead : ahead + coded.size]
        rank = np.searchsorted(_left_aligned(lengths), window, side="right") - 1
        steps, at, beginnings = lengths[rank].tolist(), 0, []
        for _ in range(count):
            beginnings.append(at)
            at += steps[at]
        self.check(at <= coded.size < at + 8 and not coded[at:].any())
        return alphabet[rank[beginnings]]

    def places(self, count: int, size: int) -> np.ndarray:
        symbols = self.symbols(count, "u1").astype(np.int64)
        rest = np.maximum(symbols // 2 - 1, 0)
        self.check(rest.max() < 40)
        total = int(rest.sum())
        coded = self.bits((total + 7) // 8)
        self.check(not coded[total:].any())
        gaps = (symbols - 2 * rest) << rest
        np.add.at(gaps, np.repeat(np.arange(count), rest), coded[:total] << _shifts(rest))
        self.check(gaps.max() < size)
        places = np.cumsum(gaps + 1) - 1
        self.check(places[-1] < size)
        return places

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
    raise NotImplementedError


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
    raise NotImplementedError


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
    raise NotImplementedError


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
    raise NotImplementedError

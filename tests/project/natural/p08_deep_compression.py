"""p08: k-means by hand, a heap, strings of bits, and pickle as the container."""

import heapq
import pickle
import zlib
from collections import Counter

import numpy as np


def nearest(codebook, flat):
    codebook = np.sort(codebook)
    middles = (codebook[1:] + codebook[:-1]) / 2
    return codebook, np.searchsorted(middles, flat)


def kmeans_codebook(values, bits):
    flat = values.flatten().astype(np.float64)
    codebook = np.linspace(flat.min(), flat.max(), 2**bits)
    for _ in range(10):
        codebook, codes = nearest(codebook, flat)
        counts = np.bincount(codes, minlength=len(codebook))
        sums = np.bincount(codes, weights=flat, minlength=len(codebook))
        codebook = sums[counts > 0] / counts[counts > 0]
    codebook, codes = nearest(codebook, flat)
    return codebook, codes.reshape(values.shape)


def huffman_code(counts):
    if len(counts) == 1:
        return {symbol: "0" for symbol in counts}
    heap = [(count, i, [symbol]) for i, (symbol, count) in enumerate(counts.items())]
    heapq.heapify(heap)
    code = {symbol: "" for symbol in counts}
    number = len(heap)
    while len(heap) > 1:
        count_a, _, a = heapq.heappop(heap)
        count_b, _, b = heapq.heappop(heap)
        for symbol in a:
            code[symbol] = "0" + code[symbol]
        for symbol in b:
            code[symbol] = "1" + code[symbol]
        heapq.heappush(heap, (count_a + count_b, number, a + b))
        number += 1
    return code


def encode(symbols):
    if not symbols:
        return {}, 0, b""
    code = huffman_code(Counter(symbols))
    bits = "".join(code[s] for s in symbols)
    padded = bits + "0" * (-len(bits) % 8)
    data = bytes(int(padded[i : i + 8], 2) for i in range(0, len(padded), 8))
    return code, len(symbols), data


def decode(code, count, data):
    symbol_of = {word: symbol for symbol, word in code.items()}
    bits = "".join(f"{byte:08b}" for byte in data)
    symbols, word = [], ""
    for bit in bits:
        if len(symbols) == count:
            break
        word += bit
        if word in symbol_of:
            symbols.append(symbol_of[word])
            word = ""
    return symbols


def compress(weights, sparsity, bits):
    model = {}
    for name, array in weights.items():
        flat = array.flatten()
        k = round(sparsity * len(flat))
        kept = np.sort(np.argsort(np.abs(flat))[k:])
        gaps = np.diff(kept, prepend=-1).tolist()
        codebook, codes = np.zeros(0), np.zeros(0, dtype=int)
        if len(kept):
            codebook, codes = kmeans_codebook(flat[kept], bits)
            codebook = codebook.astype(np.float32)
            for c in range(len(codebook)):
                if codebook[c] == 0:
                    codebook[c] = np.abs(flat[kept][codes == c]).min()
        model[name] = (
            array.shape,
            codebook.astype(np.float32).tobytes(),
            encode(gaps),
            encode(codes.tolist()),
        )
    body = pickle.dumps(model)
    return zlib.crc32(body).to_bytes(4, "big") + body


def decompress(blob):
    if len(blob) < 4 or zlib.crc32(blob[4:]).to_bytes(4, "big") != blob[:4]:
        raise ValueError("damaged blob")
    try:
        model = pickle.loads(blob[4:])
    except Exception as error:
        raise ValueError("not a blob") from error
    weights = {}
    for name, (shape, codebook, gaps, codes) in model.items():
        flat = np.zeros(int(np.prod(shape)), dtype=np.float32)
        codebook = np.frombuffer(codebook, dtype=np.float32)
        position = -1
        for gap, c in zip(decode(*gaps), decode(*codes)):
            position += gap
            flat[position] = codebook[c]
        weights[name] = flat.reshape(shape)
    return weights

"""A right answer in quite another style: plain loops, JSON header, text bit strings, SHA-256."""

import hashlib
import heapq
import itertools
import json
import math

import numpy as np


def _closest(sorted_words, v):
    lo, hi = 0, len(sorted_words) - 1
    while lo < hi:
        mid = (lo + hi) // 2
        if sorted_words[mid] < v:
            lo = mid + 1
        else:
            hi = mid
    if lo > 0 and v - sorted_words[lo - 1] <= sorted_words[lo] - v:
        return lo - 1
    return lo


def kmeans_codebook(values, bits):
    flat = [float(v) for v in values.ravel()]
    lo, hi, k = min(flat), max(flat), 2**bits
    words = [lo + (hi - lo) * i / (k - 1) for i in range(k)]
    groups = {}
    for v in flat:  # one Lloyd step, no more
        groups.setdefault(_closest(words, v), []).append(v)
    words = sorted(set(math.fsum(g) / len(g) for g in groups.values()), reverse=True)
    upward = words[::-1]
    codes = [len(words) - 1 - _closest(upward, v) for v in flat]
    return np.array(words), np.array(codes, dtype=np.uint16).reshape(values.shape)


def huffman_code(counts):
    if len(counts) == 1:
        return {s: "1" for s in counts}
    tick = itertools.count()
    heap = [(c, next(tick), {s: ""}) for s, c in counts.items()]
    heapq.heapify(heap)
    while len(heap) > 1:
        c1, _, a = heapq.heappop(heap)
        c2, _, b = heapq.heappop(heap)
        merged = {s: "1" + w for s, w in a.items()}
        merged.update({s: "0" + w for s, w in b.items()})
        heapq.heappush(heap, (c1 + c2, next(tick), merged))
    return heap[0][2]


def _encode(symbols):
    counts = {}
    for s in symbols:
        counts[s] = counts.get(s, 0) + 1
    if not counts:
        return {}, b""
    code = huffman_code(counts)
    text = "1" + "".join(code[s] for s in symbols)
    return {w: s for s, w in code.items()}, int(text, 2).to_bytes((len(text) + 7) // 8, "big")


def _decode(table, data, count):
    if not count:
        return []
    text, out, word = bin(int.from_bytes(data, "big"))[3:], [], ""
    for bit in text:
        word += bit
        if word in table:
            out.append(table[word])
            word = ""
    if word or len(out) != count:
        raise ValueError("blob: codes do not end where they should")
    return out


def compress(weights, sparsity, bits):
    head, payload = [], b""
    for name, w in weights.items():
        flat = [float(x) for x in w.ravel()]
        order = sorted(range(len(flat)), key=lambda i: (abs(flat[i]), -i))
        kept = sorted(order[round(sparsity * len(flat)) :])
        kept = [i for i in kept if flat[i] != 0.0]
        words, codes = [], []
        if kept:
            book, codes = kmeans_codebook(np.array([flat[i] for i in kept]), bits)
            codes, words = codes.tolist(), []
            for i, x in enumerate(book):  # a codeword of 0 moves to the least of its weights
                mine = [flat[at] for at, code in zip(kept, codes) if code == i]
                words.append(float(np.float32(x)) or min(mine, key=abs, default=1.0))
        gaps = [b - a for a, b in zip([-1] + kept, kept)]
        t1, d1 = _encode(gaps)
        t2, d2 = _encode(codes)
        head.append([name, list(w.shape), len(kept), words, t1, len(d1), t2, len(d2)])
        payload += d1 + d2
    text = json.dumps(head).encode()
    body = len(text).to_bytes(8, "little") + text + payload
    return hashlib.sha256(body).digest()[:16] + body


def decompress(blob):
    if len(blob) < 24 or hashlib.sha256(blob[16:]).digest()[:16] != blob[:16]:
        raise ValueError("corrupt")
    size = int.from_bytes(blob[16:24], "little")
    head, rest = json.loads(blob[24 : 24 + size]), blob[24 + size :]
    out = {}
    for name, shape, n, words, t1, l1, t2, l2 in head:
        gaps, rest = _decode(t1, rest[:l1], n), rest[l1:]
        codes, rest = _decode(t2, rest[:l2], n), rest[l2:]
        flat = np.zeros(int(np.prod(shape)), dtype=np.float32)
        at = -1
        for gap, code in zip(gaps, codes):
            at += gap
            flat[at] = words[code]
        out[name] = flat.reshape(shape)
    return out

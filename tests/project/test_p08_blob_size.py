"""The reference of p08: small blobs, the same ones every time, and a reader that trusts nothing.

The judge grants a submission any layout that Huffman-codes; the reference is held to the entropy.
"""

import os
import random
import subprocess
import sys
import time
import zlib

import numpy as np
import pytest

from solutions.p08_deep_compression import compress, decompress
from tests.grading.catalogue import ROOT

SIZE = 100_000


def entropy_bits(counts):
    counts = np.asarray(counts, dtype=np.float64)
    return float(counts @ np.log2(counts.sum() / counts))


def bits_to_hold(back):
    """Positions of the kept, their codes, and the codebook as float32."""
    kept = back[back != 0]
    _, counts = np.unique(kept, return_counts=True)
    where = [n for n in (kept.size, back.size - kept.size) if n]
    return entropy_bits(where) + entropy_bits(counts) + 32 * counts.size


def weights_of(kind):
    rng = np.random.default_rng(8)
    if kind == "heavy-tailed":
        return rng.standard_t(3, SIZE).astype(np.float32)
    return getattr(rng, kind)(size=SIZE).astype(np.float32) * np.float32(0.05)


@pytest.mark.parametrize("kind", ["normal", "laplace", "heavy-tailed"])
@pytest.mark.parametrize("sparsity", [0.1, 0.3, 0.5, 0.6, 0.8, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("bits", [1, 2, 4, 5, 8])
def test_a_blob_is_within_a_tenth_of_the_entropy_of_what_it_holds(kind, sparsity, bits):
    blob = compress({"fc1.weight": weights_of(kind)}, sparsity, bits)
    back = decompress(blob)["fc1.weight"]
    assert np.count_nonzero(back == 0) == round(sparsity * SIZE)
    assert 8 * len(blob) <= 1.1 * bits_to_hold(back)


@pytest.mark.parametrize(("sparsity", "bits"), [(0.0, 1), (0.0, 5), (0.9, 12), (0.9, 16)])
def test_the_ends_of_both_scales_are_within_a_tenth_too(sparsity, bits):
    blob = compress({"fc1.weight": weights_of("normal")}, sparsity, bits)
    assert 8 * len(blob) <= 1.1 * bits_to_hold(decompress(blob)["fc1.weight"])


def test_a_hundred_thousand_weights_take_no_time():
    weights = {"fc1.weight": weights_of("normal")}
    began = time.process_time()
    decompress(compress(weights, 0.9, 5))
    assert time.process_time() - began < 1.0


def test_the_same_weights_give_the_same_bytes_in_every_process():
    code = (
        "import sys, numpy as np\n"
        "from solutions.p08_deep_compression import compress\n"
        "w = np.random.default_rng(8).standard_normal((30, 40)).astype(np.float32)\n"
        "sys.stdout.buffer.write(compress({'a': w, 'b': w.T, 'c': np.abs(w)}, 0.7, 4))\n"
    )
    blobs = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(blobs) == 1 and blobs != {b""}


def test_equal_weights_and_arrays_without_dimensions_come_back():
    weights = {
        "equal": np.full((50, 20), -0.25, dtype=np.float32),
        "scalar": np.array(3.0, dtype=np.float32),
        "zeros": np.zeros(7, dtype=np.float32),
        "names \ud800 too": np.array([1e-45, -1e-45, 5.0], dtype=np.float32),
    }
    back = decompress(compress(weights, 0.0, 1))
    assert list(back) == list(weights)
    for name in ("equal", "scalar", "zeros"):
        assert back[name].shape == weights[name].shape
        assert np.array_equal(back[name], weights[name])
    assert back["names \ud800 too"].all()


def sealed(body):
    return body + zlib.crc32(body).to_bytes(4, "little")


def test_a_forged_checksum_cannot_make_it_crash_or_hang():
    """Random damage with a checksum that is right again: a ValueError, or arrays; nothing else."""
    rng = random.Random(8)
    weights = {
        "conv": np.random.default_rng(8).standard_normal((4, 3, 5)).astype(np.float32),
        "skewed": np.where(np.arange(3000) % 61, 0.5, np.arange(3000)).astype(np.float32),
    }
    refused = 0
    for sparsity, bits in ((0.8, 2), (0.3, 4), (0.0, 3)):
        body = compress(weights, sparsity, bits)[:-4]
        for _ in range(700):
            forged = bytearray(body)
            for _ in range(rng.randint(1, 3)):
                at = rng.randrange(len(forged))
                kind = rng.random()
                if kind < 0.6:
                    forged[at] = rng.randrange(256)
                elif kind < 0.8:
                    del forged[at : at + rng.randint(1, 4)]
                else:
                    forged[at:at] = rng.randbytes(rng.randint(1, 4))
            try:
                back = decompress(sealed(bytes(forged)))
            except ValueError:
                refused += 1
            else:
                assert all(isinstance(array, np.ndarray) for array in back.values())
    assert refused > 1000


def test_sizes_that_no_blob_can_hold_are_refused_before_anything_is_made():
    one_array, zeros = b"DC\x01\x01\x00", b"\x00\x00\x00\x00\x00"
    for body in (
        b"DC\x01" + b"\x80" * 1000,
        b"DC\x01" + b"\xff" * 1000,
        b"DC\x01\x01\x7f",
        one_array + b"\x7f",
        one_array + b"\x01\xff\xff\xff\xff\x0f" + zeros,  # 2^32 - 1 weights
        one_array + b"\x02" + b"\xff\xff\xff\xff\xff\xff\x01" * 2 + zeros,
        one_array + b"\x01\x00" + zeros,  # none
        one_array + b"\x01\x05\x3f\x00\x00\x00\x00\x05" + zeros,  # 5 of 5, and others
        one_array + b"\x01\x05\x01\xff\xff\xff\xff\x0f\x01" + zeros,  # a huge alphabet
        one_array + b"\x01\x05\x3d" + zeros,  # a code word of 61 bits
    ):
        began = time.process_time()
        with pytest.raises(ValueError, match="blob"):
            decompress(sealed(body))
        assert time.process_time() - began < 0.5

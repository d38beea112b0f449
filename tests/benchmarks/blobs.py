"""p08 against general-purpose compressors, on the same pruned and shared weights."""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Iterator

import numpy as np
import zstandard

from notebooks import lab
from solutions.p08_deep_compression import compress, decompress
from tests.benchmarks.row import Row

SPARSITY, BITS = 0.9, 5


def rows(quick: bool) -> Iterator[Row]:
    """LeNet-300-100's weights, drawn; 90% pruned, 5 bits."""
    rng = np.random.default_rng(0)
    shapes = {"fc1": (300, 784), "fc2": (100, 300), "fc3": (10, 100)}
    weights = {
        n: rng.standard_normal(s).astype(np.float32) / s[1] ** 0.5 for n, s in shapes.items()
    }
    size = sum(w.nbytes for w in weights.values())
    blob = compress(weights, SPARSITY, BITS)
    shared = b"".join(w.tobytes() for w in decompress(blob).values())
    packers = {
        f"zlib {zlib.ZLIB_VERSION} -9": (lambda: zlib.compress(shared, 9), zlib.decompress),
        "lzma -9e (Python's)": (
            lambda: lzma.compress(shared, preset=9 | lzma.PRESET_EXTREME),
            lzma.decompress,
        ),
        f"zstandard {zstandard.__version__} -19": (
            lambda: zstandard.ZstdCompressor(19).compress(shared),
            zstandard.ZstdDecompressor().decompress,
        ),
    }
    packed = {name: pack() for name, (pack, _) in packers.items()}
    calls = {f"pack {name}": pack for name, (pack, _) in packers.items()}
    calls |= {
        f"open {name}": (lambda n=name, u=u: u(packed[n])) for name, (_, u) in packers.items()
    }
    calls |= {
        "pack ours": lambda: compress(weights, SPARSITY, BITS),
        "open ours": lambda: decompress(blob),
    }
    seconds = lab.time_side_by_side(calls, repeats=3 if quick else 5, warm=1)

    def speed(way: str) -> str:
        return (
            f"{size / seconds[f'pack {way}'] / 1e6:.3g} / {size / seconds[f'open {way}'] / 1e6:.3g}"
        )

    yield Row(
        "p08 · ours (prunes and clusters too): ratio; MB/s compress / decompress",
        f"{size / len(blob):.1f}×; {speed('ours')}",
    )
    for name in packers:
        yield Row(
            f"p08 · {name} on the weights already pruned and shared: the same",
            f"{size / len(packed[name]):.1f}×; {speed(name)}",
        )

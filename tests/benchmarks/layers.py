"""m01 and m02 on one layer of a real size: 4096 × 4096, statistics of 128 × 2048 tokens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import torch

from notebooks import lab
from solutions.m01_wanda import feature_norms, wanda_mask
from solutions.m02_sparsegpt import layer_hessian, output_error, sparsegpt
from tests.benchmarks.row import Row, at_most

WIDTH, SEQUENCES, LENGTH, SPARSITY = 4096, 128, 2048, 0.5


def tokens(count: int) -> list[torch.Tensor]:
    """Sequences whose features are correlated and of unequal size, as in a real layer."""
    with lab.seeded(0):
        sizes = torch.rand(WIDTH).mul(2).exp()
        mixing = torch.randn(256, WIDTH) / 16
        draws = ((torch.randn(LENGTH, 256), torch.randn(LENGTH, WIDTH)) for _ in range(count))
        return [(common @ mixing + own) * sizes for common, own in draws]


def once(call: Callable[[], object]) -> tuple[float, object]:
    """Seconds of processor time of one call, and what it returned.

    These calls take from seconds to minutes, so that turns would not help on a busy machine.
    """
    began = time.process_time()
    result = call()
    return time.process_time() - began, result


def by_row(weight: torch.Tensor, mask: torch.Tensor, hessian: torch.Tensor) -> torch.Tensor:
    """The plain way: each row inverts the Hessian of the inputs that it keeps."""
    result = torch.zeros_like(weight)
    for row, keep, out in zip(weight, mask, result):
        inverse = torch.linalg.inv(hessian[keep][:, keep])
        out[keep] = row[keep] + inverse @ (hessian[keep][:, ~keep] @ row[~keep])
    return result


def rows(quick: bool) -> Iterator[Row]:
    """Statistics, Wanda, SparseGPT and the plain way, in matmuls of 4096 × 4096 × 4096."""
    with lab.seeded(1):
        weight = torch.randn(WIDTH, WIDTH) / WIDTH**0.5
    matmul = min(once(lambda: weight @ weight)[0] for _ in range(3))

    # Statistics come from eight sequences, 16,384 tokens. For the clock the same eight are read
    # sixteen times over: the work of 128 sequences in the memory of eight.
    few = tokens(8)
    times = 1 if quick else SEQUENCES // len(few)
    note = f"{SEQUENCES} × {LENGTH} tokens" + (", measured on 8 sequences and scaled" * quick)
    scale = SEQUENCES / (len(few) * times)

    seconds, norms = once(lambda: feature_norms(few * times))
    yield Row(f"m01 · feature norms of {note} / matmul", f"{seconds * scale / matmul:.3g}×")
    seconds, _ = once(lambda: wanda_mask(weight, norms, SPARSITY))
    yield Row("m01 · Wanda's mask of 4096 × 4096 / matmul", f"{seconds / matmul:.3g}×")
    seconds, hessian = once(lambda: layer_hessian(few * times))
    yield Row(f"m02 · Hessian of {note} / matmul", f"{seconds * scale / matmul:.3g}×")
    ours, (pruned, mask) = once(lambda: sparsegpt(weight, hessian, SPARSITY))
    yield Row("m02 · SparseGPT of 4096 × 4096 at 50% / matmul", f"{ours / matmul:.3g}×")

    measured = 1 if quick else 3
    few_rows = weight[:measured]
    seconds, best = once(lambda: by_row(few_rows, mask[:measured], hessian))
    errors = [output_error(few_rows, w, hessian) for w in (best, pruned[:measured])]
    assert errors[0] <= errors[1] * 1.001  # the plain way solves each row exactly
    plain = seconds / measured * WIDTH
    yield Row(
        f"m02 · every row inverts its own Hessian (measured on {measured} of 4096 rows, scaled)"
        " / matmul",
        f"{plain / matmul:.3g}×",
    )
    yield Row("m02 · the same / SparseGPT, statistics given to both", f"{plain / ours:.3g}×")
    masked = output_error(weight, weight * mask, hessian)
    error = output_error(weight, pruned, hessian) / masked
    yield at_most("m02 · SparseGPT's output error / its mask's alone", error, 1)

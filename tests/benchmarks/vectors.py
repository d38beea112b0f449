"""p01 against torch's pruning, a full sort, and the least that a pass over the data costs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch.nn.utils import prune

from notebooks import lab
from solutions.p01_vector_pruning import magnitude_mask
from tests.benchmarks.row import Row, at_least, at_most


def rows(quick: bool) -> Iterator[Row]:
    """Masking 90% of float32 weights; sizes up to 10⁸, or 10⁷ where it should be quick."""
    ours = {}
    for power in (6, 7) if quick else (6, 7, 8):
        weights = np.random.default_rng(0).standard_normal(10**power, dtype=np.float32)
        module = torch.nn.Module()
        module.weight = torch.nn.Parameter(torch.from_numpy(weights), requires_grad=False)

        def by_torch(module=module) -> None:
            prune.l1_unstructured(module, "weight", amount=0.9)
            prune.remove(module, "weight")

        seconds = lab.time_side_by_side(
            {
                "ours": lambda w=weights: magnitude_mask(w, 0.9),
                "abs": lambda w=weights: np.abs(w),
                "sort": lambda w=weights: np.sort(np.abs(w)),
                "torch": by_torch,
            },
            repeats=3 if power == 8 else 7,
            warm=1,
        )
        ours[power] = seconds["ours"]
        name = f"p01 · mask 90% of 10^{power} float32"
        torchs = f"torch {torch.__version__} l1_unstructured"
        yield at_least(f"{name}: {torchs} / ours", seconds["torch"] / ours[power], 13)
        yield at_most(f"{name}: ours / one np.abs copy", ours[power] / seconds["abs"], 12)
        yield Row(
            f"{name}: np.sort (numpy {np.__version__}) / ours",
            f"{seconds['sort'] / ours[power]:.3g}×",
        )
    low, high = min(ours), max(ours)
    growth = np.log10(ours[high] / ours[low]) / (high - low)
    yield Row(
        f"p01 · growth from 10^{low} to 10^{high}: time ∝ n^x, x",
        f"{growth:.2f}",
        "about 1",
        growth < 1.2,
    )

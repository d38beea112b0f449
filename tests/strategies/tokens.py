"""Tokens and weights of a linear layer, drawn as a recipe: sizes, a dtype, a layout and a seed."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import strategies as st

from tests.grading import Wrong, expect_shape, show

torch.set_num_threads(1)

DTYPES = (torch.float32, torch.float64)
LEADING = ((1,), (2,), (4,), (2, 3), (1, 2), (3, 1), (2, 1, 2), (7,))

dtypes = st.sampled_from(DTYPES)
seeds = st.integers(0, 999)
layouts = st.sampled_from(("plain", "plain", "transposed", "strided"))


def laid_out(tensor: torch.Tensor, layout: str) -> torch.Tensor:
    """The same values in another layout of memory."""
    if layout == "transposed":
        return tensor.transpose(0, -1).contiguous().transpose(0, -1)
    if layout == "strided":
        wide = torch.zeros((*tensor.shape[:-1], 2 * tensor.shape[-1]), dtype=tensor.dtype)
        wide[..., ::2] = tensor
        return wide[..., ::2]
    return tensor


def normal(
    shape: tuple[int, ...], seed: int, dtype: torch.dtype = torch.float64, layout: str = "plain"
) -> torch.Tensor:
    """Normal values; in float64 they have no exact float32."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(shape, generator=generator, dtype=torch.float64)
    return laid_out(values.to(dtype), layout)


@st.composite
def token_batches(
    draw: st.DrawFn, features: int, dtype: torch.dtype, most: int = 3
) -> list[torch.Tensor]:
    """One to three batches (…, features) of different sizes and dimensions, seldom centred."""
    shapes = draw(st.lists(st.sampled_from(LEADING), min_size=1, max_size=most))
    seed, layout = draw(seeds), draw(layouts)
    shift = draw(st.sampled_from((0.0, 1.0)))
    scales = 0.25 + normal((features,), seed + 7).abs()
    return [
        laid_out(((normal((*shape, features), seed + 1000 * i) + shift) * scales).to(dtype), layout)
        for i, shape in enumerate(shapes)
    ]


def stacked(batches: list[torch.Tensor]) -> list[list[float]]:
    """All tokens of all batches, as rows of floats."""
    rows: list[list[float]] = []
    for batch in batches:
        rows += batch.double().reshape(-1, batch.shape[-1]).tolist()
    return rows


def expect_tensor(
    value: Any, shape: tuple[int, ...], dtype: torch.dtype | None, given: tuple = ()
) -> None:
    """Fail unless it is a tensor of that shape and dtype, in memory of its own."""
    if not isinstance(value, torch.Tensor):
        raise Wrong("a torch tensor", "tensors come in, and a tensor goes out", show(value))
    expect_shape(value, shape)
    if dtype is not None and value.dtype != dtype:
        raise Wrong(f"dtype {dtype}", "it is the dtype of what was given", f"{value.dtype}")
    for other in given:
        mine, theirs = (t.untyped_storage().data_ptr() for t in (value, other))
        if mine and mine == theirs:
            raise Wrong(
                "a result in memory of its own",
                "who writes to the result must not change what was given",
                "the result is a view of an argument",
            )

"""Parts of a transformer, drawn as a recipe: sizes, a dtype, a layout and a seed.

Values have one decimal, so that a report is short and can be pasted back; in float64 most of them
have no exact float32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import nn

from tests.grading import Wrong, show
from tests.grading.expect import Impure
from tests.grading.purity import watch_input
from tests.grading.show import remember_recipe
from tests.strategies.tokens import expect_tensor, laid_out


def decimals(
    shape: tuple[int, ...],
    seed: int,
    dtype: torch.dtype = torch.float64,
    layout: str = "plain",
    scale: float = 1.0,
) -> torch.Tensor:
    """Normal values of that standard deviation, rounded to one decimal."""
    generator = torch.Generator().manual_seed(seed)
    values = scale * torch.randn(shape, generator=generator, dtype=torch.float64)
    return laid_out((values.round(decimals=1) + 0.0).to(dtype), layout)


def on_record(function: Callable[..., Any], name: str, record: Any, *more: Any) -> Any:
    """Call it with a dataclass of tensors first; fail if one of these is written to."""
    fields = {key: value for key, value in vars(record).items()}
    watches = [watch_input(f"{name}.{key}", value) for key, value in fields.items()]
    value = function(record, *more)
    for changed in watches:
        said = changed()
        if said:
            raise Impure(
                "every input left exactly as it was given",
                "the caller still needs it: work on a copy",
                f"after the call, {said}",
            )
    return value


def expect_record(value: Any, like: Any, shapes: dict[str, tuple[int, ...]]) -> None:
    """Fail unless it has tensors of those shapes, of the dtype and not in the memory of `like`.

    A tensor of the very values of the original may be the original itself.
    """
    kind = type(like).__name__
    for name, shape in shapes.items():
        if not isinstance(getattr(value, name, None), torch.Tensor):
            raise Wrong(f"a {kind}", "the result is of the kind of what was given", show(value))
        tensor = getattr(value, name)
        if tuple(tensor.shape) != tuple(shape):
            raise Wrong(
                f"`{name}` of shape {tuple(shape)}",
                "that is what is left of it",
                f"shape {tuple(tensor.shape)}",
            )
        given = [t for t in vars(like).values() if isinstance(t, torch.Tensor)]
        other = [t for t in given if t.shape != tensor.shape or not torch.equal(t, tensor)]
        try:
            expect_tensor(tensor, shape, given[0].dtype, tuple(other))
        except Wrong as wrong:
            raise Wrong(f"`{name}`: {wrong.expected}", wrong.why, wrong.got) from None


class Residual(nn.Module):
    """A block of a residual stream: x + strength · tanh(x @ weight.T)."""

    def __init__(self, weight: torch.Tensor, strength: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.strength = strength

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.strength * torch.tanh(x @ self.weight.T)

    def extra_repr(self) -> str:
        return f"{tuple(self.weight.shape)}, strength={self.strength}"


class Stack(NamedTuple):
    """A recipe: `Stack(...).build()` returns the blocks, `.inputs()` what goes into them."""

    strengths: tuple[float, ...]
    width: int
    seed: int
    dtype: torch.dtype = torch.float64
    leading: tuple[int, ...] = (2, 3)

    def build(self) -> nn.ModuleList:
        """Build the blocks, in eval mode."""
        blocks = nn.ModuleList(
            Residual(decimals((self.width, self.width), self.seed + i, self.dtype), strength)
            for i, strength in enumerate(self.strengths)
        ).eval()
        remember_recipe(blocks, f"{self!r}.build()")
        return blocks

    def inputs(self) -> torch.Tensor:
        return decimals((*self.leading, self.width), self.seed + 500, self.dtype)

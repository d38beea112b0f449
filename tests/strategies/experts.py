"""Mixture-of-experts layers, drawn as a recipe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from hypothesis import strategies as st

from tests.strategies.blocks import decimals
from tests.strategies.tokens import dtypes, laid_out, layouts, seeds


@dataclass(frozen=True, eq=False, repr=False)
class Expert:
    """tanh(x @ weight.T) + shift: each token on its own; it is shown as such a lambda."""

    weight: torch.Tensor
    shift: float

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(x @ self.weight.to(x.dtype).T) + self.shift

    def __repr__(self) -> str:
        weight = [[round(v, 1) for v in row] for row in self.weight.tolist()]
        return f"lambda x: (x @ x.new_tensor({weight}).T).tanh() + {self.shift}"


class Recipe(NamedTuple):
    experts: int
    model: int
    tokens: int
    k: int
    seed: int
    dtype: torch.dtype
    layout: str
    idle: tuple[int, ...]


@st.composite
def moes(draw: st.DrawFn, idle: bool = False) -> Recipe:
    """A layer, its tokens and k; with `idle` some experts, often the last, get no token."""
    experts = draw(st.sampled_from((3, 2, 4, 5) if idle else (3, 2, 4, 1, 5)))
    asleep: tuple[int, ...] = ()
    if idle:
        last = draw(st.booleans())
        number = draw(st.integers(1, experts - 1))
        asleep = tuple(range(experts - number, experts) if last else range(number))
    return Recipe(
        experts,
        draw(st.sampled_from((2, 3, 1, 4))),
        draw(st.sampled_from((3, 2, 1, 6))),
        draw(st.integers(1, experts - len(asleep))),
        draw(seeds),
        draw(dtypes),
        draw(layouts),
        asleep,
    )


def drawn_moe(submission: Any, case: Recipe) -> tuple[Any, torch.Tensor, int]:
    """(moe, x, k), of the graded module's own class; no token has two equal logits.

    Values have one decimal, so that logits that differ do so by a hundredth at least.
    """
    for again in range(200):
        seed = case.seed + 1000 * again
        x = decimals((case.tokens, case.model), seed)
        router = decimals((case.experts, case.model), seed + 333)
        if case.idle:
            x[:, 0] = x[:, 0].abs() + 1.0
            router[list(case.idle), 0] = -9.0 - torch.arange(len(case.idle)).double()
        if case.model == 1:  # apart from 0, else all logits are equal
            x = x + 0.2 * (x >= 0) - 0.2 * (x < 0)
        gaps = (x @ router.T).sort(dim=1).values.diff(dim=1)
        if gaps.numel() == 0 or gaps.min() > 0.005:
            break
    else:
        raise RuntimeError(f"no clear routes for {case}")
    experts = tuple(
        Expert(
            decimals((case.model, case.model), seed + 10 * (i + 1)).to(case.dtype),
            round(0.3 * (i + 1), 1),
        )
        for i in range(case.experts)
    )
    router = laid_out(router.to(case.dtype), case.layout)
    x = laid_out(x.to(case.dtype), case.layout)
    return submission.module.Moe(router=router, experts=experts), x, case.k

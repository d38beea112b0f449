"""What several notebooks of the large-model track do with its transformer: cut it, count it."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
import transformer
from torch import Tensor

from solutions.m05_gated_mlp import GatedMlp, neuron_importance, refit_down, remove_neurons
from solutions.m06_depth import drop_blocks


def calibration(count: int = 64, seed: int = 0) -> Tensor:
    """(count, 128): windows of the training text, half prose and half code."""
    generator = torch.Generator().manual_seed(1000 + seed)
    texts = (transformer.prose().train, transformer.code().train)
    return torch.cat(
        [transformer.draw(text, count // 2, generator, transformer.CONTEXT) for text in texts]
    )


def shallower(model: transformer.Transformer, drop: list[int]) -> transformer.Transformer:
    """A copy without these blocks."""
    cut = copy.deepcopy(model)
    cut.blocks = drop_blocks(model.blocks, drop)
    return cut


@torch.no_grad()
def narrower(
    model: transformer.Transformer, hidden: int, tokens: Tensor, refit: bool = True
) -> transformer.Transformer:
    """A copy whose MLPs keep `hidden` neurons, by Minitron's importance.

    Block after block, each on what the blocks cut before it really give; `down` is refitted.
    """
    cut = copy.deepcopy(model)
    x = cut.embed(tokens)
    for block in cut.blocks:
        read = block.norm2(x + block.attention(block.norm1(x)))
        mlp = GatedMlp(*(p.weight for p in (block.mlp.gate, block.mlp.up, block.mlp.down)))
        keep = neuron_importance(mlp, read).topk(hidden).indices.sort().values.tolist()
        small = refit_down(mlp, keep, read) if refit else remove_neurons(mlp, keep)
        block.mlp = transformer.Mlp.of(small.gate, small.up, small.down)
        x = block(x)
    return cut


def tuned(
    model: transformer.Transformer,
    steps: int,
    teacher: transformer.Transformer | None = None,
    lr: float = 1e-3,
    seed: int = 0,
    masks: dict[str, Tensor] | None = None,
) -> transformer.Transformer:
    """A copy, trained on both texts for some steps: on the labels, or on a teacher's word."""
    student = copy.deepcopy(model).requires_grad_(True)
    texts = (transformer.prose().train, transformer.code().train)
    transformer.train(student, texts, steps, lr=lr, seed=seed, masks=masks, teacher=teacher)
    return student.requires_grad_(False)


def each_seed(measure: Callable[[transformer.Transformer, int], float]) -> list[float]:
    """`measure(model, seed)` for the three trained models."""
    return [measure(transformer.trained(seed), seed) for seed in transformer.SEEDS]

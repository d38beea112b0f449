"""p02, p06 and p07 against Torch-Pruning and against the plainest loop."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from importlib.metadata import version

import torch
import torch_pruning
from torch import nn

from notebooks import lab
from solutions import p06_weight_importance as p06
from solutions import p07_sparsity_pruning as p07
from solutions.p02_structured_pruning import prune_channels
from tests.benchmarks.row import Row, at_least, at_most

TP = f"Torch-Pruning {version('torch-pruning')}"
VGG11 = (64, "pool", 128, "pool", 256, 256, "pool", 512, 512, "pool", 512, 512, "pool")
PLAIN = (64, 64, "pool", 128, 128, "pool", 256, 256, 256, "pool", 256, 256, 256, "pool")


def network(plan: tuple, size: int = 32, norm: bool = True) -> nn.Sequential:
    """3×3 convolutions on colour images, halved at each "pool"; one Linear at the end."""
    with lab.seeded(0):
        layers: list[nn.Module] = []
        channels = 3
        for step in plan:
            if step == "pool":
                layers.append(nn.MaxPool2d(2))
                size //= 2
                continue
            layers.append(nn.Conv2d(channels, step, 3, padding=1, bias=not norm))
            layers += [nn.BatchNorm2d(step)] * norm + [nn.ReLU()]
            channels = step
        model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * size * size, 10))
    return model.eval()


def by_library(model: nn.Sequential, importance: object, image: torch.Tensor) -> nn.Sequential:
    """Half of the channels of every conv, by Torch-Pruning, in place."""
    pruner = torch_pruning.pruner.BasePruner(
        model, image, importance, pruning_ratio=0.5, ignored_layers=[model[-1]]
    )
    pruner.step()
    return model


def rows(quick: bool) -> Iterator[Row]:
    """Cutting, latency, importance, patterns."""
    image = torch.zeros(1, 3, 32, 32)
    for name, plan in {"VGG11-BN": VGG11, "plain 10-conv CNN": PLAIN}.items():
        model = network(plan, norm=plan is VGG11)
        yield from _cutting(name, model, image, quick)
    yield from _importance(quick)
    yield from _patterns()


def _cutting(name: str, model: nn.Sequential, image: torch.Tensor, quick: bool) -> Iterator[Row]:
    magnitude = torch_pruning.importance.MagnitudeImportance(p=2)
    copies = [copy.deepcopy(model) for _ in range(6)]  # its own copy is not on the library's clock
    small = prune_channels(model, 0.5)
    theirs = by_library(copy.deepcopy(model), magnitude, image)
    same = [p.shape for p in small.parameters()] == [p.shape for p in theirs.parameters()]
    seconds = lab.time_side_by_side(
        {
            "ours": lambda: prune_channels(model, 0.5),
            "theirs": lambda: by_library(copies.pop(), magnitude, image),
        },
        repeats=5,
        warm=1,
    )
    yield at_most(
        f"p02 · halve the channels of {name}: ours / {TP}", seconds["ours"] / seconds["theirs"], 0.5
    )
    yield Row(
        f"p02 · {name}: parameters of the same shapes as {TP}'s",
        "yes" if same else "no",
        "yes",
        same,
    )
    saved = lab.macs(model, image.shape[1:]) / lab.macs(small, image.shape[1:])
    for batch in (1, 32):
        times = lab.latencies(
            {"dense": model, "cut": small},
            tuple(image.shape[1:]),
            batch,
            repeats=(15 if quick else 40) if batch == 1 else 7,
        )
        speedup = times["dense"] / times["cut"]
        yield at_least(
            f"p02 · {name}, batch {batch}: {speedup:.2f}× faster / {saved:.2f}× fewer MACs",
            speedup / saved,
            0.85,
        )


def _importance(quick: bool) -> Iterator[Row]:
    model = lab.small_cnn()
    x, y = (part[:128] for part in lab.digits().train)
    batches = [(x[:64], y[:64]), (x[64:], y[64:])]
    loss_fn = nn.functional.cross_entropy

    def fisher_loop() -> dict[str, torch.Tensor]:
        """One backward pass a sample."""
        names = [n for n, p in model.named_parameters() if p.ndim > 1]
        weights = [model.get_parameter(n) for n in names]
        sums = [torch.zeros_like(w) for w in weights]
        for i in range(len(y)):
            loss = loss_fn(model(x[i : i + 1]), y[i : i + 1])
            for total, gradient in zip(sums, torch.autograd.grad(loss, weights)):
                total += gradient**2
        return {n: w.detach() ** 2 / 2 * s / len(y) for n, w, s in zip(names, weights, sums)}

    ours = p06.fisher_scores(model.eval(), loss_fn, batches)
    assert all(torch.allclose(ours[n], s, rtol=1e-3, atol=1e-8) for n, s in fisher_loop().items())
    seconds = lab.time_side_by_side(
        {"ours": lambda: p06.fisher_scores(model, loss_fn, batches), "loop": fisher_loop},
        repeats=3 if quick else 7,
        warm=1,
    )
    ratio = seconds["loop"] / seconds["ours"]
    yield Row("p06 · Fisher scores of 128 samples: one backward a sample / ours", f"{ratio:.3g}×")

    scores = {n: p.detach().abs() for n, p in network(VGG11).named_parameters() if p.ndim > 1}

    def sorting() -> dict[str, torch.Tensor]:
        """The plain way: sort all scores, keep those above the cut."""
        cut = torch.cat([s.flatten() for s in scores.values()]).sort().values
        return {n: s > cut[round(0.9 * len(cut)) - 1] for n, s in scores.items()}

    seconds = lab.time_side_by_side(
        {"ours": lambda: p06.importance_masks(scores, 0.9), "sort": sorting}, repeats=5, warm=1
    )
    ratio = seconds["sort"] / seconds["ours"]
    yield Row("p06 · masks over 9.2 million scores: sort and compare / ours", f"{ratio:.3g}×")

    taylor = torch_pruning.importance.TaylorImportance()
    graph = torch_pruning.DependencyGraph().build_dependency(model, x[:1])
    groups = list(graph.get_all_groups(ignored_layers=[model[-1]]))

    def library() -> None:
        model.zero_grad()
        loss_fn(model(x), y).backward()
        for group in groups:
            taylor(group)

    seconds = lab.time_side_by_side(
        {"ours": lambda: p06.taylor_scores(model, loss_fn, batches), "theirs": library},
        repeats=7,
    )
    model.zero_grad()
    ratio = seconds["ours"] / seconds["theirs"]
    yield Row(
        f"p06 · Taylor scores: ours (each weight, two batches) / {TP} (each channel, one batch)",
        f"{ratio:.3g}×",
    )


def _patterns() -> Iterator[Row]:
    weight = torch.randn(64, 64, 3, 3, generator=torch.Generator().manual_seed(0))

    def nm_loop() -> torch.Tensor:
        """Group after group."""
        flat = weight.reshape(-1, 4)
        mask = torch.zeros(flat.shape, dtype=torch.bool)
        for keep, group in zip(mask, flat):
            keep[group.abs().topk(2).indices] = True
        return mask.view(weight.shape)

    assert torch.equal(nm_loop(), p07.nm_mask(weight, 2, 4))
    seconds = lab.time_side_by_side(
        {"ours": lambda: p07.nm_mask(weight, 2, 4), "loop": nm_loop}, repeats=3, warm=1
    )
    ratio = seconds["loop"] / seconds["ours"]
    yield Row("p07 · 2:4 mask of 36,864 weights: group by group / ours", f"{ratio:.3g}×")

    def group_loop() -> torch.Tensor:
        return torch.stack([f * torch.clamp(1 - 0.5 / f.norm(), min=0.0) for f in weight])

    assert torch.allclose(group_loop(), p07.group_soft_threshold(weight, 0.5), atol=1e-6)
    seconds = lab.time_side_by_side(
        {"ours": lambda: p07.group_soft_threshold(weight, 0.5), "loop": group_loop}, repeats=20
    )
    ratio = seconds["loop"] / seconds["ours"]
    yield Row("p07 · group soft threshold, 64 filters: filter by filter / ours", f"{ratio:.3g}×")

    model, image = network(VGG11), torch.zeros(1, 3, 32, 32)
    with torch.no_grad():
        for layer in model:
            if isinstance(layer, nn.BatchNorm2d):
                layer.weight.uniform_(0.1, 1.0, generator=torch.Generator().manual_seed(1))
    copies = [copy.deepcopy(model) for _ in range(6)]
    scale = torch_pruning.importance.BNScaleImportance()
    seconds = lab.time_side_by_side(
        {
            "ours": lambda: p07.slim(model, 0.5),
            "theirs": lambda: by_library(copies.pop(), scale, image),
        },
        repeats=5,
        warm=1,
    )
    ratio = seconds["ours"] / seconds["theirs"]
    yield Row(
        f"p07 · slim VGG11-BN: ours (silences, global) / {TP} BNScaleImportance (cuts)",
        f"{ratio:.3g}×",
    )

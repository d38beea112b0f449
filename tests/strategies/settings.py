"""A CNN whose settings are all far from the defaults, and what a copy of it must keep."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from tests.grading.show import remember_recipe

_KEPT = {
    nn.Conv2d: ("stride", "padding", "dilation", "padding_mode"),
    nn.BatchNorm2d: ("eps", "momentum"),
    nn.Dropout: ("p",),
    nn.MaxPool2d: ("kernel_size", "stride", "padding"),
}


def unusual_cnn() -> nn.Sequential:
    """Build it: layers in different modes, parameters that are frozen, gradients that are there."""
    state = torch.get_rng_state()
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, padding_mode="circular"),
        nn.BatchNorm2d(4, eps=0.05, momentum=0.3),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2, stride=1),
        nn.Conv2d(4, 3, (2, 1), dilation=(2, 1), bias=False),
        nn.BatchNorm2d(3, eps=0.2, momentum=None, affine=False),
        nn.ReLU(),
        nn.Dropout(0.15),
        nn.Flatten(),
        nn.Dropout(0.35),
        nn.Linear(36, 5),
        nn.ReLU(),
        nn.Linear(5, 2, bias=False),
    )
    torch.set_rng_state(state)
    model.double()
    generator = torch.Generator().manual_seed(12)
    with torch.no_grad():
        for place, parameter in enumerate(model.parameters()):
            parameter.normal_(0.0, 0.7, generator=generator)
            if place % 3 == 0:
                parameter.requires_grad = False
            else:
                parameter.grad = torch.full_like(parameter, 0.5)
        for layer in model:
            if isinstance(layer, nn.BatchNorm2d):
                layer.running_mean.normal_(0.0, 0.5, generator=generator)
                layer.running_var.uniform_(0.5, 2.0, generator=generator)
    model.train()
    model[1].eval()
    model[7].eval()
    remember_recipe(model, "unusual_cnn()  # from tests.strategies.settings")
    return model


def unusual_images(count: int = 3) -> torch.Tensor:
    """A batch for it."""
    generator = torch.Generator().manual_seed(count)
    return torch.randn((count, 2, 6, 5), generator=generator, dtype=torch.float64)


def settings_of(model: nn.Sequential) -> dict[str, Any]:
    """What a copy with the same layers must have as well, in words a report can show."""
    found: dict[str, Any] = {"training": model.training}
    for index, layer in enumerate(model):
        found[f"[{index}].training"] = layer.training
        for kind, names in _KEPT.items():
            if isinstance(layer, kind):
                found |= {f"[{index}].{name}": getattr(layer, name) for name in names}
        for name, parameter in layer.named_parameters():
            found[f"[{index}].{name}.requires_grad"] = parameter.requires_grad
    return found


def changed_settings(result: nn.Sequential, model: nn.Sequential) -> dict[str, tuple[Any, Any]]:
    """{setting: (what it was, what it is)}; of what the result has more, nothing is said."""
    before, now = settings_of(model), settings_of(result)
    gone = object()
    return {
        name: (value, now.get(name))
        for name, value in before.items()
        if now.get(name, gone) != value
    }


def shared_layers(a: nn.Sequential, b: nn.Sequential) -> list[int]:
    """The indices of layers that are one and the same object in both."""
    objects = {id(module) for module in a}
    return [index for index, module in enumerate(b) if id(module) in objects]

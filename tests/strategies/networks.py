"""CNNs and MLPs as the exercises define them, drawn small, with the awkward cases on purpose.

A network is described by a `Cnn` or an `Mlp`: its repr is a line that builds the same network
again, and that is what a report shows. Building draws nothing from torch's global random state.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import torch
from hypothesis import strategies as st
from torch import nn

from tests.grading.show import remember_recipe
from tests.strategies.vectors import integers, sampled

torch.set_num_threads(1)
# For each new shape oneDNN prepares a kernel, which takes longer than these small convolutions.
torch.backends.mkldnn.enabled = False


class Conv(NamedTuple):
    """A block: Conv2d, perhaps a batch-norm, ReLU, perhaps pooling or dropout."""

    out: int
    kernel: tuple[int, int] = (3, 3)
    stride: int = 1
    padding: int = 1
    bias: bool = True
    norm: str = ""  # "", "norm", or "plain": without scale and shift
    after: str = ""  # "", "max", "avg", "adaptive" or "dropout"


@dataclass(frozen=True)
class Cnn:
    """A recipe: `Cnn(...).build()` returns the nn.Sequential, `.inputs(n)` a batch for it."""

    image: tuple[int, int, int] = (1, 5, 4)
    convs: tuple[Conv, ...] = (Conv(2),)
    linears: tuple[int, ...] = (2,)
    seed: int = 0
    twist: str = ""  # "", "twins": two filters of equal norm, or "dead": a filter of zeros
    training: bool = False
    dtype: str = "float32"

    def build(self) -> nn.Sequential:
        """Build the network; its batch-norms look trained, negative scales included."""
        with uninitialised():
            return self._build()

    def _build(self) -> nn.Sequential:
        layers: list[nn.Module] = []
        channels, height, width = self.image
        for block in self.convs:
            conv = nn.Conv2d(
                channels, block.out, block.kernel, block.stride, block.padding, bias=block.bias
            )
            layers.append(conv)
            if block.norm:
                layers.append(nn.BatchNorm2d(block.out, eps=1e-2, affine=block.norm != "plain"))
            layers.append(nn.ReLU())
            layers += _AFTER[block.after]()
            channels = block.out
            height, width = _size(block, height, width)
        layers.append(nn.Flatten())
        features = channels * height * width
        for i, out in enumerate(self.linears):
            layers += ([nn.ReLU()] if i else []) + [nn.Linear(features, out)]
            features = out
        model = nn.Sequential(*layers)
        if self.dtype != "float32":  # before it is filled: a float64 weight has no exact float32
            model = model.to(getattr(torch, self.dtype))
        _fill(model, self.seed)
        for conv in (layer for layer in layers if isinstance(layer, nn.Conv2d)):
            with torch.no_grad():
                if self.twist == "twins" and conv.out_channels > 1:
                    conv.weight[1] = -conv.weight[0].flip(-1)
                if self.twist == "dead":
                    conv.weight[0] = 0.0
        model.train(self.training)
        remember_recipe(model, f"{self!r}.build()")
        return model

    def inputs(self, count: int = 2, seed: int = 0) -> torch.Tensor:
        """A batch of images."""
        generator = torch.Generator().manual_seed(1000 + seed)
        dtype = getattr(torch, self.dtype)
        return torch.randn((count, *self.image), generator=generator, dtype=dtype)

    def __repr__(self) -> str:
        return _short_repr(self)


@dataclass(frozen=True)
class Mlp:
    """A recipe for Linear, (ReLU, Linear)…: `widths` are the sizes from input to output."""

    widths: tuple[int, ...] = (3, 4, 2)
    bias: bool = True
    seed: int = 0
    training: bool = False
    dtype: str = "float32"

    def build(self) -> nn.Sequential:
        """Build the network."""
        with uninitialised():
            return self._build()

    def _build(self) -> nn.Sequential:
        layers: list[nn.Module] = []
        for i, (before, after) in enumerate(zip(self.widths, self.widths[1:])):
            layers += ([nn.ReLU()] if i else []) + [nn.Linear(before, after, bias=self.bias)]
        model = nn.Sequential(*layers)
        if self.dtype != "float32":
            model = model.to(getattr(torch, self.dtype))
        _fill(model, self.seed)
        model.train(self.training)
        remember_recipe(model, f"{self!r}.build()")
        return model

    def inputs(self, count: int = 3, seed: int = 0) -> torch.Tensor:
        """A batch of rows."""
        generator = torch.Generator().manual_seed(2000 + seed)
        dtype = getattr(torch, self.dtype)
        return torch.randn((count, self.widths[0]), generator=generator, dtype=dtype)

    def __repr__(self) -> str:
        return _short_repr(self)


@contextmanager
def uninitialised() -> Iterator[None]:
    """Layers are built without random numbers here: every one is filled afterwards."""
    kinds = (nn.Conv2d, nn.Linear)
    before = [kind.__dict__.get("reset_parameters") for kind in kinds]
    for kind in kinds:
        kind.reset_parameters = lambda self: None
    try:
        yield
    finally:
        for kind, method in zip(kinds, before):
            if method is None:
                del kind.reset_parameters
            else:
                kind.reset_parameters = method


_AFTER = {
    "": lambda: [],
    "max": lambda: [nn.MaxPool2d(2)],
    "avg": lambda: [nn.AvgPool2d(2)],
    "adaptive": lambda: [nn.AdaptiveAvgPool2d((2, 1))],
    "dropout": lambda: [nn.Dropout(0.3)],
}


def _short_repr(recipe: Cnn | Mlp) -> str:
    """The repr without what is at its default, so that a report stays short."""
    shown = []
    for name, spec in type(recipe).__dataclass_fields__.items():
        value = getattr(recipe, name)
        if value != spec.default or name in ("image", "convs", "linears", "widths"):
            shown.append(f"{name}={_short_value(value)}")
    return f"{type(recipe).__name__}({', '.join(shown)})"


def _short_value(value: object) -> str:
    if isinstance(value, Conv):
        given = [
            f"{k}={v!r}" for k, v in value._asdict().items() if v != Conv._field_defaults.get(k)
        ]
        return f"Conv({', '.join(given)})"
    if isinstance(value, tuple) and any(isinstance(v, Conv) for v in value):
        return "(" + ", ".join(_short_value(v) for v in value) + ",)"
    return repr(value)


def _size(block: Conv, height: int, width: int) -> tuple[int, int]:
    height = (height + 2 * block.padding - block.kernel[0]) // block.stride + 1
    width = (width + 2 * block.padding - block.kernel[1]) // block.stride + 1
    if block.after in ("max", "avg"):
        return height // 2, width // 2
    return (2, 1) if block.after == "adaptive" else (height, width)


def _fill(model: nn.Sequential, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in model:
            if isinstance(layer, nn.BatchNorm2d):
                layer.running_mean.normal_(0.0, 0.5, generator=generator)
                layer.running_var.uniform_(0.5, 2.0, generator=generator)
                layer.num_batches_tracked.fill_(7)
            for parameter in layer.parameters():
                parameter.normal_(0.0, 0.6, generator=generator)


_STYLES = (
    Conv(1),
    Conv(1, norm="norm"),
    Conv(1, bias=False, norm="norm", after="max"),
    Conv(1, bias=False),
    Conv(1, (1, 2), padding=0, after="avg"),
    Conv(1, (2, 3), padding=1, norm="norm", after="dropout"),
    Conv(1, (3, 2), stride=2, padding=1, norm="norm"),
    Conv(1, (1, 1), padding=0, bias=False, norm="norm", after="adaptive"),
)
_IMAGES = ((1, 5, 4), (2, 4, 6), (3, 5, 5), (1, 7, 5))
_HEADS = ((2,), (3,), (4, 2), (3, 4, 1))


@st.composite
def cnns(
    draw: st.DrawFn,
    max_convs: int = 3,
    max_channels: int = 5,
    twists: bool = True,
    plain_norms: bool = False,
    training: bool = True,
    dtypes: tuple[str, ...] = ("float32", "float32", "float64"),
) -> Cnn:
    """Recipes of CNNs: depth, widths, kernels, norms, pooling and heads all vary.

    Args:
        max_convs: at most so many Conv2d.
        max_channels: at most so many output channels in each.
        twists: draw layers with two filters of equal norm, or with a filter of zeros, now and then.
        plain_norms: draw batch-norms without scale and shift, now and then.
        training: draw models in train mode, now and then.
        dtypes: the dtypes to draw from.
    """
    image = draw(sampled(_IMAGES))
    _, height, width = image
    convs = []
    for _ in range(draw(integers(1, max_convs))):
        block = draw(sampled(_STYLES))._replace(out=draw(integers(1, max_channels)))
        if plain_norms and block.norm and draw(st.booleans()):
            block = block._replace(norm="plain")
        after = _size(block, height, width)
        if min(after) < 1:  # too small for this block: one that keeps the size
            block = Conv(block.out, (1, 1), padding=0, norm=block.norm)
            after = _size(block, height, width)
        height, width = after
        convs.append(block)
    return Cnn(
        image=image,
        convs=tuple(convs),
        linears=draw(sampled(_HEADS)),
        seed=draw(integers(0, 20)),
        twist=draw(sampled(("", "", "twins", "dead"))) if twists else "",
        training=draw(st.booleans()) if training else False,
        dtype=draw(sampled(dtypes)),
    )


@st.composite
def mlps(
    draw: st.DrawFn,
    min_linears: int = 1,
    max_linears: int = 6,
    training: bool = True,
    dtypes: tuple[str, ...] = ("float32", "float32", "float64"),
) -> Mlp:
    """Recipes of MLPs; equal neighbouring widths are common, so that square layers are."""
    count = draw(integers(min_linears, max_linears)) + 1
    widths = draw(st.lists(st.sampled_from((3, 3, 4, 1)), min_size=count, max_size=count))
    return Mlp(
        widths=tuple(widths),
        bias=draw(st.booleans()),
        seed=draw(integers(0, 20)),
        training=draw(st.booleans()) if training else False,
        dtype=draw(sampled(dtypes)),
    )


def indices(model: nn.Sequential, kind: type | tuple[type, ...]) -> list[int]:
    """Where in the Sequential the layers of that kind are."""
    return [i for i, layer in enumerate(model) if isinstance(layer, kind)]


def shares_memory(a: nn.Module, b: nn.Module) -> bool:
    """Whether any parameter or buffer of one lies in the storage of the other."""
    of_a = {tensor.untyped_storage().data_ptr() for tensor in a.state_dict().values()}
    return any(tensor.untyped_storage().data_ptr() in of_a for tensor in b.state_dict().values())

"""Checks of arguments, ready for use: an exercise is about pruning, not about bad input.

Each check names the argument, shows a scalar or a string, raises `TypeError` for a value of
another kind and `ValueError` for a bad one, and returns the value in the form to work with.
The stubs import what their exercise needs; using it is a convenience, not a duty.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

import numpy as np


def check_number(
    name: str,
    value: Any,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    above: float = -math.inf,
    finite: bool = True,
) -> float:
    """Return `value` as a float in [low, high] and greater than `above`."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, not {value!r}")
    number = float(value)
    if math.isnan(number) or (finite and math.isinf(number)):
        raise ValueError(f"{name} must be {'finite' if finite else 'a number'}, not {value!r}")
    if number < low or number > high or (number <= above and above > -math.inf):
        wanted = f"greater than {above:g}" if above > -math.inf else f"in [{low:g}, {high:g}]"
        raise ValueError(f"{name} must be {wanted}, not {value!r}")
    return number


def check_sparsity(value: Any, name: str = "sparsity") -> float:
    """Return the fraction to remove, a float in [0, 1]."""
    return check_number(name, value, low=0.0, high=1.0)


def check_count(name: str, value: Any, *, low: int = 0, high: float = math.inf) -> int:
    """Return `value` as an int in [low, high]."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be an integer, not {value!r}")
    if not isinstance(value, Integral):
        if math.isnan(value):
            raise ValueError(f"{name} must be an integer, not {value!r}")
        raise TypeError(f"{name} must be an integer, not {value!r}")
    if not low <= value <= high:
        raise ValueError(f"{name} must be in [{low}, {high:g}], not {value!r}")
    return int(value)


def check_choice(name: str, value: Any, choices: Iterable[str]) -> str:
    """Return `value` if it is one of the names in `choices`."""
    choices = list(choices)
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, not {value!r}")
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, not {value!r}")
    return value


def check_array(name: str, value: Any, *, ndim: int | None = None) -> np.ndarray:
    """Return a non-empty array of finite numbers."""
    if value is None or isinstance(value, (str, bytes, dict)):
        raise TypeError(f"{name} must be an array, not {value!r}")
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be an array of numbers, not of {array.dtype}")
    if array.size == 0:
        raise ValueError(f"{name} must not be empty")
    if ndim is not None and array.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} dimension(s), not {array.ndim}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"{name} must hold finite numbers, not NaN or infinity")
    return array


def check_mask(name: str, value: Any, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """Return a non-empty boolean array, of that shape if one is given."""
    mask = check_array(name, value)
    if mask.dtype != np.bool_:
        raise TypeError(f"{name} must be boolean, not {mask.dtype}")
    if shape is not None and mask.shape != tuple(shape):
        raise ValueError(f"{name} must have the shape {tuple(shape)}, not {mask.shape}")
    return mask


def check_tensor(name: str, value: Any, *, ndim: int | None = None) -> Any:
    """Return `value` if it is a non-empty torch tensor of finite numbers."""
    torch = sys.modules["torch"]
    if not isinstance(value, torch.Tensor):
        shown = repr(value) if value is None or isinstance(value, str) else type(value).__name__
        raise TypeError(f"{name} must be a tensor, not {shown}")
    if value.numel() == 0:
        raise ValueError(f"{name} must not be empty")
    if ndim is not None and value.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} dimension(s), not {value.ndim}")
    if value.is_floating_point() and not torch.isfinite(value).all():
        raise ValueError(f"{name} must hold finite numbers, not NaN or infinity")
    return value


def check_sequential(name: str, model: Any) -> Any:
    """Return `model` if it is an `nn.Sequential`."""
    nn = sys.modules["torch"].nn
    if not isinstance(model, nn.Sequential):
        shown = repr(model) if model is None or isinstance(model, str) else type(model).__name__
        raise TypeError(f"{name} must be an nn.Sequential, not {shown}")
    return model


def check_layer(name: str, layer: Any, model: Any, kind: type | tuple[type, ...]) -> int:
    """Return `layer` if it is the index of a layer of that kind in `model`."""
    index = check_count(name, layer, low=0, high=len(model) - 1)
    if not isinstance(model[index], kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        wanted = " or ".join(k.__name__ for k in kinds)
        found = type(model[index]).__name__
        raise ValueError(f"{name} must be the index of a {wanted}; {index} is a {found}")
    return index

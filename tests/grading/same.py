"""Whether two functions behaved the same: used to recognise a known mistake."""

from __future__ import annotations

import dataclasses
import math
import numbers
import sys
from typing import Any


def same(a: Any, b: Any) -> bool:
    """Return True where two outcomes agree up to the rounding of floats."""
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    if isinstance(a, BaseException) or isinstance(b, BaseException):
        return type(a) is type(b)
    if torch and (isinstance(a, torch.nn.Module) or isinstance(b, torch.nn.Module)):
        return _same_modules(a, b, torch)
    if torch and (isinstance(a, torch.Tensor) or isinstance(b, torch.Tensor)):
        if not (isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor)):
            return False
        if a.dtype != b.dtype or a.shape != b.shape:
            return False
        return _close(a.detach().cpu().numpy(), b.detach().cpu().numpy())
    if numpy and (isinstance(a, numpy.ndarray) or isinstance(b, numpy.ndarray)):
        if not (isinstance(a, numpy.ndarray) and isinstance(b, numpy.ndarray)):
            return False
        return a.dtype == b.dtype and a.shape == b.shape and _close(a, b)
    if dataclasses.is_dataclass(a) and dataclasses.is_dataclass(b):
        # Of whichever module: a known mistake builds the learner's own class, or one like it.
        mine, theirs = ([f.name for f in dataclasses.fields(x)] for x in (a, b))
        return mine == theirs and all(same(getattr(a, n), getattr(b, n)) for n in mine)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, numbers.Number) and isinstance(b, numbers.Number):
        if isinstance(a, complex) or isinstance(b, complex):
            return a == b
        a, b = float(a), float(b)
        near = abs(a - b) <= 1e-5 * max(abs(a), abs(b)) < math.inf
        return a == b or (a != a and b != b) or near
    return type(a) is type(b) and bool(a == b)


def _close(a: Any, b: Any) -> bool:
    import numpy

    if a.dtype.kind not in "fc":
        return bool(numpy.array_equal(a, b))
    if a.size == 0:
        return True
    finite = numpy.abs(b[numpy.isfinite(b)])
    scale = float(finite.max()) if finite.size else 0.0
    near = 1e-8 if a.dtype == numpy.float64 else 1e-5
    return bool(numpy.allclose(a, b, rtol=near, atol=near * scale, equal_nan=True))


def _same_modules(a: Any, b: Any, torch: Any) -> bool:
    if not (isinstance(a, torch.nn.Module) and isinstance(b, torch.nn.Module)):
        return False
    if repr(a) != repr(b):
        return False
    if [m.training for m in a.modules()] != [m.training for m in b.modules()]:
        return False
    if [p.requires_grad for p in a.parameters()] != [p.requires_grad for p in b.parameters()]:
        return False
    first, second = a.state_dict(), b.state_dict()
    return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)

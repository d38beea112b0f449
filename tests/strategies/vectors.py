"""Weight arrays and sparsities, with the awkward cases drawn on purpose.

Values lie on a coarse grid (multiples of 1/16, times a power of two), so that magnitudes are
either exactly equal or clearly apart, in float32 as in float64, and their squares as well.
"""

from __future__ import annotations

import functools

import numpy as np
from hypothesis import strategies as st

AWKWARD_SPARSITIES = (0.0, 1.0, 0.5, 0.25, 0.75, 0.1, 0.3, 0.9, 0.29, 0.15, 0.35, 0.7)
"""The ends, halves that rounding must settle, and decimals that truncation gets wrong."""


# Hypothesis examines a strategy when it is first drawn from: each is made once, and kept.
sampled = functools.cache(st.sampled_from)
integers = functools.cache(st.integers)


@functools.cache
def _bytes(count: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=count, max_size=count)


@functools.cache
def sparsities() -> st.SearchStrategy[float]:
    """Fractions in [0, 1]: awkward ones half of the time."""
    return st.sampled_from(AWKWARD_SPARSITIES * 8 + tuple(n / 100 for n in range(101)))


# One byte a value, so that a whole array is one draw and shrinks value by value towards zero.
_GRID = np.array([(n + 1) // 2 * (-1.0 if n % 2 == 0 else 1.0) for n in range(256)]) / 16 + 0.0
_TIES = np.array([(0.0, 1.0, -1.0, 0.5, -0.5, -0.0)[n % 6] for n in range(256)])
_STYLES = (("grid", 1.0), ("distinct", 1.0), ("ties", 1.0), ("equal", 1.0)) + (
    ("grid", 2.0**-10),
    ("distinct", 2.0**10),
)


def _values(draw: st.DrawFn, count: int) -> np.ndarray:
    """`count` finite numbers: distinct magnitudes, many ties, zeros of both signs, or one value."""
    style, scale = draw(sampled(_STYLES))
    codes = np.frombuffer(draw(_bytes(count)), dtype=np.uint8)
    if style == "equal":
        return np.full(count, _TIES[codes[0]] * scale)
    if style == "distinct":
        order = np.empty(count)
        order[np.argsort(codes, kind="stable")] = np.arange(1, count + 1)
        return np.where(codes % 2 == 1, -order, order) * (scale / 16)
    return (_TIES if style == "ties" else _GRID)[codes] * scale


values = st.composite(_values)


@st.composite
def arrays(
    draw: st.DrawFn,
    shape: tuple[int, ...],
    dtypes: tuple[str, ...] = ("float64", "float32"),
) -> np.ndarray:
    """An array of that shape; now and then read-only or strided."""
    return _array(draw, shape, dtypes)


def _array(draw: st.DrawFn, shape: tuple[int, ...], dtypes: tuple[str, ...]) -> np.ndarray:
    dtype, form = draw(sampled(_forms(dtypes)))
    array = _values(draw, int(np.prod(shape))).astype(dtype).reshape(shape)
    if form == "strided":
        wide = np.zeros((*shape[:-1], 2 * shape[-1]), dtype=array.dtype)
        wide[..., ::2] = array
        array = wide[..., ::2]
    elif form == "read-only":
        array.flags.writeable = False
    return array


@functools.cache
def _forms(dtypes: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((dtype, form) for form in ("", "", "read-only", "strided") for dtype in dtypes)


@st.composite
def vectors(
    draw: st.DrawFn,
    min_size: int = 1,
    max_size: int = 12,
    dtypes: tuple[str, ...] = ("float64", "float32"),
) -> np.ndarray:
    """A 1-D weight vector."""
    return _array(draw, (draw(integers(min_size, max_size)),), dtypes)


@st.composite
def masks(draw: st.DrawFn, shape: tuple[int, ...]) -> np.ndarray:
    """A boolean mask of that shape, True = kept."""
    count = int(np.prod(shape))
    codes = np.frombuffer(draw(_bytes(count)), dtype=np.uint8)
    return (codes % 2 == 0).reshape(shape)

"""What a property says: an expectation, the reason for it, and what came back instead."""

from __future__ import annotations

import math
import numbers
import sys
from collections.abc import Callable
from typing import Any

from tests.grading.show import show


class Wrong(AssertionError):
    """A property that does not hold, in words that a learner reads."""

    def __init__(self, expected: str, why: str, got: str | None = None) -> None:
        super().__init__(f"expected {expected}")
        self.expected = expected
        self.why = why
        self.got = got


class Impure(Wrong):
    """What a call did beside its answer; the answer itself says nothing about a mistake."""


def expect(condition: Any, expected: str, why: str, got: str | None = None) -> None:
    """Fail with the given words where `condition` does not hold.

    Args:
        condition: what must be true.
        expected: what a right answer returns for this input.
        why: the reason, such as the definition it follows from.
        got: what came back; the value of the last call where it is left out.
    """
    if not condition:
        raise Wrong(expected, why, got)


def expect_mask(mask: Any, shape: tuple[int, ...]) -> Any:
    """Return the mask as a boolean array (or tensor); fail unless it is one of that shape."""
    torch, given = sys.modules.get("torch"), mask
    if torch and isinstance(mask, torch.Tensor):
        boolean = mask.dtype == torch.bool
    else:
        import numpy

        try:
            array = numpy.asarray(mask)
        except Exception:
            raise Wrong("a boolean mask", "True means kept", f"{show(mask)}") from None
        boolean = array.dtype == numpy.bool_
        mask = mask if isinstance(mask, numpy.ndarray) else array
    if not boolean:
        kind = getattr(given, "dtype", None)
        got = show(given) + (f", of dtype {kind}" if kind is not None else "")
        raise Wrong("a boolean mask", "True means kept, False removed", got)
    expect_shape(mask, shape)
    return mask


def expect_shape(value: Any, shape: tuple[int, ...]) -> None:
    """Fail unless `value` has that shape."""
    have = getattr(value, "shape", None)
    if have is None or tuple(have) != tuple(shape):
        got = f"shape {tuple(have)}" if have is not None else show(value)
        raise Wrong(f"shape {tuple(shape)}", "the result has the shape of what it belongs to", got)


def expect_same_dtype(value: Any, like: Any) -> None:
    """Fail unless `value` has the dtype of `like`."""
    have = getattr(value, "dtype", None)
    if have != like.dtype:
        got = f"{have}" if have is not None else show(value)
        raise Wrong(f"dtype {like.dtype}", "the dtype of what was given is kept", got)


def expect_number(
    value: Any, want: float, why: str, rtol: float | None = None, atol: float = 0.0
) -> None:
    """Fail unless `value` is a real number near `want` (numpy's scalars count).

    Where neither tolerance is given, it is a millionth of `want`.
    """
    import numpy

    if rtol is None:
        rtol = 0.0 if atol else 1e-6

    torch = sys.modules.get("torch")
    if torch and isinstance(value, torch.Tensor) and value.ndim == 0:
        value = value.item()
    if isinstance(value, numpy.ndarray) and value.ndim == 0:
        value = value.item()
    if not isinstance(value, (numbers.Real, numpy.bool_)) or isinstance(value, numpy.ndarray):
        raise Wrong(f"the number {want!r}", why, show(value))
    near = float(value) == float(want)
    if math.isfinite(want):
        near = near or abs(float(value) - float(want)) <= max(
            atol, rtol * max(1e-300, abs(float(want)))
        )
    if not near:
        raise Wrong(f"{want!r}", why, show(value))


def expect_close(
    value: Any, want: Any, why: str, what: str = "the result", rtol: float | None = None
) -> None:
    """Fail unless two arrays or tensors agree, up to a tolerance scaled to the largest value.

    The tolerance admits any order of operations: 1e-4 of the largest value for float32,
    1e-9 for float64.
    """
    import numpy

    got, wanted = _to_numpy(value), _to_numpy(want)
    if got is None or got.dtype.kind not in "fiub":
        raise Wrong(f"{what} to be an array of numbers", why, show(value))
    if got.shape != wanted.shape:
        raise Wrong(f"{what} of shape {wanted.shape}", why, f"shape {got.shape}")
    if wanted.size == 0:
        return
    if rtol is None:
        single = "float64" not in (str(got.dtype), str(wanted.dtype)) or (
            str(got.dtype) in ("float32", "float16")
        )
        rtol = 1e-4 if single else 1e-9
    got64, wanted64 = got.astype(numpy.float64), wanted.astype(numpy.float64)
    finite = numpy.isfinite(wanted64)
    scale = numpy.abs(wanted64[finite]).max() if finite.any() else 0.0
    with numpy.errstate(invalid="ignore"):
        far = ~(numpy.abs(got64 - wanted64) <= rtol * scale) & (got64 != wanted64)
    if far.any():
        place = tuple(int(i) for i in numpy.argwhere(far)[0])
        where = f" at {list(place)}" if place else ""
        due, came = f"{wanted64[place]:.6g}", f"{got64[place]:.6g}"
        if due == came:
            due, came = repr(float(wanted64[place])), repr(float(got64[place]))
        raise Wrong(
            f"{what}{where} to be {due}; in full {show(want)}",
            why,
            f"{came}; in full {show(value)}",
        )


def expect_refusal(why: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """Fail unless the call raises `ValueError` (or a subclass); the text of the error is free.

    For the few clauses under `Raises:` where a plausible answer would be wrong in silence.

    Args:
        why: what is wrong with what was given, in words a learner reads.
        function: the part, as `submission.part`.
    """
    part = getattr(function, "func", None)
    if part is not None and hasattr(part, "__self__"):
        part.__self__.diary.current.about_errors = True
    try:
        value = function(*args, **kwargs)
    except Wrong:
        raise
    except ValueError:
        return
    except Exception as error:
        raise Wrong("a ValueError", why, f"{type(error).__name__}: {error}") from None
    raise Wrong("a ValueError", why, f"no error; it returned {show(value)}")


def _to_numpy(value: Any) -> Any:
    import numpy

    torch = sys.modules.get("torch")
    if torch and isinstance(value, torch.Tensor):
        return value.detach().cpu().numpy()
    if value is None or isinstance(value, (str, bytes, dict)):
        return None
    try:
        return numpy.asarray(value)
    except Exception:
        return None

"""Values as a learner wants to read them: short, exact, and able to be pasted back."""

from __future__ import annotations

import itertools
import re
import sys
from typing import Any
from weakref import WeakKeyDictionary

LONGEST = 600

# How a drawn model was built, so that a report can print a line that builds it again.
_recipes: WeakKeyDictionary = WeakKeyDictionary()


def remember_recipe(model: Any, recipe: str) -> None:
    """Let reports show `model` as the call that builds it."""
    _recipes[model] = recipe


def recipe_imports(text: str) -> str:
    """The line that imports what a shown call is built with; empty where it is plain."""
    found = []
    for module, names in (("networks", ("Cnn", "Conv", "Mlp")), ("blocks", ("Stack",))):
        used = [name for name in names if re.search(rf"\b{name}\(", text)]
        if used and ".build()" in text:
            found.append(f"from tests.strategies.{module} import {', '.join(used)}")
    return "\n".join(found)


def carry_recipe(model: Any, twin: Any) -> None:
    """A copy is shown as the call that builds the original."""
    recipe = _recipes.get(model)
    if recipe is not None:
        _recipes[twin] = recipe


def said_by(error: BaseException, longest: int = 300) -> str:
    """Name and message of an exception, cut to what a person would read."""
    try:
        long = len(error.args) == 1 and isinstance(error.args[0], str)
        long = long and len(error.args[0]) > longest  # str() of it might take minutes
        text = error.args[0][:longest] if long else str(error)[:longest]
    except Exception as problem:
        text = f"<its message raised {type(problem).__name__}>"
    return readable(f"{type(error).__name__}: {text}" if text else type(error).__name__)


def readable(text: str) -> str:
    """The text with what cannot be written to a file or a terminal spelled out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def show(value: Any, longest: int = LONGEST) -> str:
    """Return a repr that is short enough to read."""
    try:
        text = _show(value)
    except Exception as error:  # a learner's object may have a repr that fails
        text = f"<{type(value).__name__}, whose repr raised {type(error).__name__}>"
    if len(text) > longest:
        text = f"{text[: longest - 30]} … ({len(text)} characters)"
    return readable(text)


def _show(value: Any) -> str:
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    if numpy and isinstance(value, numpy.ndarray):
        with numpy.printoptions(threshold=60, edgeitems=4, linewidth=90, floatmode="unique"):
            return repr(value)
    if torch and isinstance(value, torch.Tensor):
        if value.numel() > 60:
            return (
                f"<tensor of shape {tuple(value.shape)}, {value.dtype}, "
                f"starting {value.detach().flatten()[:4].tolist()}>"
            )
        return repr(value)
    if torch and isinstance(value, torch.nn.Module):
        return _recipes.get(value) or _show_module(value)
    if isinstance(value, dict) and type(value) is dict:
        shown = [f"{_show(k)}: {_show(v)}" for k, v in itertools.islice(value.items(), 20)]
        return "{" + ", ".join(shown + ["…"] * (len(value) > 20)) + "}"
    if type(value) in (list, tuple):
        inside = ", ".join(_show(v) for v in value[:20]) + (", …" if len(value) > 20 else "")
        if type(value) is list:
            return f"[{inside}]"
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    if isinstance(value, bytes) and len(value) > 24:
        return f"{value[:20]!r}… ({len(value)} bytes)"
    if isinstance(value, str) and len(value) > LONGEST:
        return f"{value[:LONGEST]!r}… ({len(value)} characters)"
    if callable(value) and hasattr(value, "__name__"):
        return value.__name__
    return repr(value)


def _show_module(model: Any) -> str:
    if type(model).__name__ == "Sequential":
        return "Sequential(" + ", ".join(_show_module(layer) for layer in model) + ")"
    return repr(model) if not list(model.children()) else f"<{type(model).__name__}>"


def show_call(name: str, args: tuple, kwargs: dict, names: tuple[str, ...] = ()) -> str:
    """Return the call as a line of code, with the parameters' names where they are known."""
    shown = [
        f"{names[i]}={show(arg)}" if i < len(names) else show(arg) for i, arg in enumerate(args)
    ]
    shown += [f"{key}={show(arg)}" for key, arg in kwargs.items()]
    line = f"{name}({', '.join(shown)})"
    if len(line) <= 90 and "\n" not in line:
        return line
    inside = ",\n".join("    " + text.replace("\n", "\n    ") for text in shown)
    return f"{name}(\n{inside},\n)"

"""What a call must leave alone: its inputs, the global random state, numpy and torch."""

from __future__ import annotations

import builtins
import dataclasses
import random
import sys
from collections.abc import Callable
from operator import is_
from typing import Any

_originals: dict[int, tuple[str, Any, dict[str, Any]]] = {}
_complete_for: set[str] = set()
_modules_seen = 0


def remember_libraries() -> None:
    """Note every name of the libraries as it is now; later calls add what was imported since."""
    global _modules_seen
    if len(sys.modules) == _modules_seen:
        return
    _modules_seen = len(sys.modules)
    _remember("builtins", builtins)
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    if numpy and "numpy" not in _complete_for:
        _complete_for.add("numpy")
        for name, space in (
            ("numpy", numpy),
            ("numpy.linalg", numpy.linalg),
            ("numpy.random", numpy.random),
        ):
            _remember(name, space)
    if torch and "torch" not in _complete_for:
        _complete_for.add("torch")
        nn = torch.nn
        for name, space in (
            ("torch", torch),
            ("torch.nn", nn),
            ("torch.nn.functional", nn.functional),
            ("torch.nn.init", nn.init),
            ("torch.linalg", torch.linalg),
            ("torch.Tensor", torch.Tensor),
            ("torch.nn.Module", nn.Module),
            ("torch.nn.Sequential", nn.Sequential),
            ("torch.nn.Conv2d", nn.Conv2d),
            ("torch.nn.Linear", nn.Linear),
            ("torch.nn.BatchNorm2d", nn.BatchNorm2d),
            ("torch.nn.ReLU", nn.ReLU),
        ):
            _remember(name, space)
    for name, module in list(sys.modules.items()):
        if name.startswith(("tests.grading", "tests.strategies")) and module is not None:
            _remember(name, module)


def _remember(name: str, space: Any) -> None:
    names = dict(vars(space))
    if name.startswith("tests."):  # counters there may move: functions and classes may not
        names = {key: value for key, value in names.items() if callable(value)}
    for key in ("__warningregistry__", "_"):
        names.pop(key, None)
    _originals.setdefault(id(space), (name, space, names))


def patched_names() -> list[str]:
    """Put back every library name that was replaced, and say which they were.

    A part has a process of its own, so a patch hurts nobody else; but the oracles of its own
    properties use the same libraries, and what they say must not hang on it.
    """
    found = []
    for name, space, before in _originals.values():
        now = vars(space)
        if all(map(is_, before.values(), map(now.get, before))):  # the usual case, in C
            continue
        for key, value in before.items():
            new = now.get(key)
            if new is value:
                continue
            if f"{name}.{key}" == "torch.manual_seed" and "torch._dynamo" in sys.modules:
                before[key] = new  # torch wraps it itself, when vmap or compile is first used
                continue
            setattr(space, key, value)
            found.append(f"{name}.{key}")
    return found + _global_hooks()


def _global_hooks() -> list[str]:
    """Take away the hooks that were left on all of torch's modules, and say which they were."""
    torch, found = sys.modules.get("torch"), []
    if torch:
        for name, hooks in vars(torch.nn.modules.module).items():
            if name.startswith("_global_") and name.endswith("_hooks") and hooks:
                hooks.clear()
                found.append(f"torch's{name.replace('_', ' ')}")
    return found


class GlobalState:
    """A snapshot of the random states and switches that every test shares."""

    def __init__(self) -> None:
        numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
        # Hypothesis seeds with 0, and so do people: step away from there, that it be noticed.
        random.random()
        if numpy:
            numpy.random.random_sample()
        if torch:
            torch.empty(1).uniform_()
        self.python = random.getstate()
        self.numpy = numpy.random.get_state() if numpy else None
        self.errors = numpy.geterr() if numpy else None
        self.torch = torch.get_rng_state() if torch else None
        self.grad = torch.is_grad_enabled() if torch else None
        self.dtype = torch.get_default_dtype() if torch else None

    def restore_and_say(self) -> str | None:
        """Undo what changed since the snapshot; return it in words, or None."""
        numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
        said = None
        if random.getstate() != self.python:
            random.setstate(self.python)
            said = "the global random state of Python's `random`"
        if self.numpy is not None:
            now = numpy.random.get_state()
            if now[2:] != self.numpy[2:] or not (now[1] == self.numpy[1]).all():
                numpy.random.set_state(self.numpy)
                said = "numpy's global random state"
            if numpy.geterr() != self.errors:
                numpy.seterr(**self.errors)
                said = "numpy's error settings (`np.seterr`)"
        if self.torch is not None:
            if not torch.equal(torch.get_rng_state(), self.torch):
                torch.set_rng_state(self.torch)
                said = "torch's global random state"
            if torch.is_grad_enabled() != self.grad:
                torch.set_grad_enabled(self.grad)
                said = "torch's gradient switch (`torch.set_grad_enabled`)"
            if torch.get_default_dtype() != self.dtype:
                torch.set_default_dtype(self.dtype)
                said = "torch's default dtype"
        return said


Difference = Callable[[], "str | None"]


def watch_input(name: str, value: Any) -> Difference:
    """Snapshot one argument; the function returned says what changed in it, or None."""
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    if numpy and isinstance(value, numpy.ndarray):
        copy = value.copy()
        return lambda: None if _same_array(value, copy) else f"`{name}` was written to"
    if torch and isinstance(value, torch.nn.Module):
        return _watch_module(name, value, torch)
    if torch and isinstance(value, torch.Tensor):
        copy, grad = value.detach().clone(), value.grad
        grad_copy = None if grad is None else grad.clone()
        wanted = value.requires_grad

        def tensor_changed() -> str | None:
            if value.shape != copy.shape or not _same_tensor(value.detach(), copy, torch):
                return f"`{name}` was written to"
            if value.requires_grad != wanted:
                return f"`{name}.requires_grad` was changed"
            if (value.grad is None) != (grad_copy is None) or (
                grad_copy is not None and not _same_tensor(value.grad, grad_copy, torch)
            ):
                return f"`{name}.grad` was changed"
            return None

        return tensor_changed
    if isinstance(value, dict):
        return _watch_container(name, lambda: list(value.items()))
    if isinstance(value, list):
        return _watch_container(name, lambda: list(enumerate(value)))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        watches = [watch_input(f"{name}.{n}", getattr(value, n, None)) for n in names]
        return lambda: next(filter(None, (w() for w in watches)), None)
    if isinstance(value, tuple):
        watches = [watch_input(f"{name}[{i}]", item) for i, item in enumerate(value)]
        return lambda: next(filter(None, (w() for w in watches)), None)
    return lambda: None


def _watch_container(name: str, entries: Callable[[], list]) -> Difference:
    before = entries()
    watches = [watch_input(f"{name}[{key!r}]", item) for key, item in before]

    def changed() -> str | None:
        after = entries()
        if len(after) != len(before) or not all(
            key == old_key and _same_entry(new, old)
            for (key, new), (old_key, old) in zip(after, before)
        ):
            return f"`{name}` was changed"
        return next(filter(None, (w() for w in watches)), None)

    return changed


def _same_entry(new: Any, old: Any) -> bool:
    """The same object, or an equal plain value (NaN for NaN)."""
    if new is old:
        return True
    plain = isinstance(old, (int, float, str)) and type(new) is type(old)
    return plain and (new == old or new != new)


def _same_array(a: Any, b: Any) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def _same_tensor(a: Any, b: Any, torch: Any) -> bool:
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    return bool(torch.equal(a, b)) or bool(torch.allclose(a, b, 0, 0, equal_nan=True))


_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def _watch_module(name: str, model: Any, torch: Any) -> Difference:
    structure = [(path, module, repr(module)) for path, module in model.named_modules()]
    flags = [module.training for _, module, _ in structure]
    hooks = [[len(getattr(module, h, ())) for h in _HOOKS] for _, module, _ in structure]
    state = {key: value.detach().clone() for key, value in model.state_dict().items()}
    parameters = list(model.named_parameters())
    wanted = [p.requires_grad for _, p in parameters]
    gradients = [None if p.grad is None else p.grad.clone() for _, p in parameters]

    def changed() -> str | None:
        after = list(model.named_modules())
        if [(p, id(m)) for p, m in after] != [(p, id(m)) for p, m, _ in structure] or any(
            repr(module) != text for _, module, text in structure
        ):
            return f"`{name}` itself was changed: its layers are not what they were"
        for (path, module, _), flag, hooked in zip(structure, flags, hooks):
            where = f"layer {path} of `{name}`" if path else f"`{name}`"
            if module.training != flag:
                return f"{where} was left in {'train' if module.training else 'eval'} mode"
            if [len(getattr(module, h, ())) for h in _HOOKS] != hooked:
                return f"a hook was left on {where}"
        now = model.state_dict()
        for key, before in state.items():
            if key not in now or not _same_tensor(now[key].detach(), before, torch):
                return f"`{name}` itself was changed: its {key} is not what it was"
        if [id(p) for _, p in model.named_parameters()] != [id(p) for _, p in parameters]:
            return f"`{name}` itself was changed: its parameters were replaced"
        for (key, parameter), want, before in zip(parameters, wanted, gradients):
            if parameter.requires_grad != want:
                return f"requires_grad of {key} in `{name}` was changed"
            if (parameter.grad is None) != (before is None) or (
                before is not None and not _same_tensor(parameter.grad, before, torch)
            ):
                return f".grad of {key} in `{name}` is not what it was"
        return None

    return changed

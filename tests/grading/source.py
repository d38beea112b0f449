"""What can be known of a submission from its text alone, before a line of it runs."""

from __future__ import annotations

import ast
import functools


class Source:
    """One file as it was when the run began; later saves do not reach this run."""

    def __init__(self, data: bytes | None) -> None:
        self.data = data

    @functools.cached_property
    def tree(self) -> ast.Module | None:
        """The parsed file; None where it is missing or does not parse."""
        try:
            return ast.parse(self.data) if self.data is not None else None
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None

    @functools.cached_property
    def functions(self) -> dict[str, ast.FunctionDef]:
        """The functions on the top level that nothing there rebinds or decorates."""
        found: dict[str, ast.FunctionDef] = {}
        for node in self.tree.body if self.tree else ():
            if isinstance(node, ast.FunctionDef) and not node.decorator_list:
                found[node.name] = node
                continue
            for name in _bound(node):
                if name == "*":
                    return {}
                found.pop(name, None)
        return found

    def is_stub(self, part: str) -> bool:
        """Whether a part is certainly not written: no file, or nothing but the `raise`."""
        if self.data is None:
            return True
        node = self.functions.get(part)
        if node is None:
            return False
        body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
        if len(body) != 1 or not isinstance(body[0], ast.Raise):
            return False
        raised = body[0].exc.func if isinstance(body[0].exc, ast.Call) else body[0].exc
        return isinstance(raised, ast.Name) and raised.id == "NotImplementedError"

    def calls(self, part: str, others: tuple[str, ...]) -> list[str]:
        """Which of the other parts a part calls, itself or through helpers."""
        seen, queue = {part}, [part]
        while queue:
            node = self.functions.get(queue.pop())
            for inner in ast.walk(node) if node else ():
                name = inner.id if isinstance(inner, ast.Name) else ""
                if name in self.functions and name not in seen:
                    seen.add(name)
                    queue.append(name)
        return [name for name in others if name in seen - {part}]


def _bound(node: ast.stmt) -> list[str]:
    """Names that a statement on the top level binds."""
    names = [n.id for n in ast.walk(node) if isinstance(n, ast.Name) and _stored(n)]
    for inner in ast.walk(node):
        if isinstance(inner, (ast.Import, ast.ImportFrom)):
            names += [(a.asname or a.name).split(".")[0] for a in inner.names]
        elif isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.append(inner.name)
    return names


def _stored(name: ast.Name) -> bool:
    return isinstance(name.ctx, (ast.Store, ast.Del))

"""The stub of an exercise, made from its solution: the same text without the answers.

`python -m tests.grading.stub STEM…` writes `exercises/STEM.py`; a test insists that every stub is
what this makes of its solution. The desk resets an exercise with it.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

from tests.grading.board import write_atomically
from tests.grading.catalogue import ROOT

SOLUTION_ONLY = ("RUBRIC", "FOLLOW_UPS", "WRONG_CLAIMS")
EMPTY_ANSWER = """\
# Your written answer to the question above: 120 to 250 words, as you would say it aloud.
ANSWER = ""
"""


def stub_of(stem: str) -> str:
    """Return the text of the stub: docstrings and signatures of the solution, bodies to write."""
    return make_stub((ROOT / "solutions" / f"{stem}.py").read_text(encoding="utf-8"))


def make_stub(source: str) -> str:
    tree, lines = ast.parse(source), source.splitlines(keepends=True)
    imports: list[ast.stmt] = []
    body: list[str] = []
    for node in tree.body[1:]:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            imports.append(node)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            if not node.name.startswith("_"):
                body.append("\n\n" + _without_answer(node, lines))
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            name = target.id if isinstance(target, ast.Name) else ""
            if name == "ANSWER":
                body.append("\n" + EMPTY_ANSWER)
            elif name and not name.startswith("_") and name not in SOLUTION_ONLY:
                body.append("\n" + _text(node, lines))
    docstring = _text(tree.body[0], lines)
    rest = "".join(body)
    return f"{docstring}\n{_imports(imports, rest)}{rest}"


def _text(node: ast.stmt, lines: list[str]) -> str:
    first = min([node.lineno] + [d.lineno for d in getattr(node, "decorator_list", [])])
    comments = first - 1
    while comments and lines[comments - 1].startswith("#"):  # a comment right above belongs to it
        comments -= 1
    return "".join(lines[comments : node.end_lineno])


def _without_answer(node: ast.FunctionDef | ast.ClassDef, lines: list[str]) -> str:
    text = _text(node, lines)
    if isinstance(node, ast.ClassDef):
        return text
    answer = "".join(lines[node.body[0].end_lineno : node.end_lineno])
    return text[: len(text) - len(answer)] + "    raise NotImplementedError\n"


def _imports(nodes: list[ast.stmt], rest: str) -> str:
    """The imports that the stub still uses, in their groups: future, standard, others."""
    used = {node.id for node in ast.walk(ast.parse(rest)) if isinstance(node, ast.Name)}
    groups: dict[str, list[str]] = {"future": [], "standard": [], "other": []}
    for node in nodes:
        names = [a for a in node.names if (a.asname or a.name).split(".")[0] in used]
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if module == "__future__":
                groups["future"].append("from __future__ import annotations")
                continue
            if not names:
                continue
            line = f"from {module} import {', '.join(a.name for a in names)}"
        else:
            if not names:
                continue
            module = names[0].name
            line = f"import {module}" + (f" as {names[0].asname}" if names[0].asname else "")
        top = module.split(".")[0]
        groups["standard" if top in sys.stdlib_module_names else "other"].append(line)
    return "\n".join("\n".join(lines) + "\n" for lines in groups.values() if lines)


def main() -> None:
    for stem in sys.argv[1:]:
        write_atomically(Path(ROOT, "exercises", f"{stem}.py"), stub_of(stem))


if __name__ == "__main__":
    main()

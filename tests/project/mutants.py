"""Is the judge sharp? Small changes to the solutions, each of which a property must notice.

    python -m tests.project.mutants            all of them; writes tests/MUTANTS.md
    python -m tests.project.mutants p01 q04    these only; the other rows stay as they are
    python -m tests.project.mutants -          none; reads the reasons again

A mutant is a solution with one change: an operator, a comparison, a constant, a dropped keyword,
statement or call. It is graded like anybody's answer. One that passes has survived: either a
property is missing, or the change makes no difference that the contract knows. The latter are
listed with the reason in `harmless_mutants.toml`, beside this file.
"""

from __future__ import annotations

import ast
import copy
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from tests.grading import catalogue
from tests.grading.catalogue import ROOT
from tests.grading.judging import Judge, PartRun, lanes
from tests.grading.submission import Submission
from tests.grading.verdict import PASSED

HARMLESS = Path(__file__).with_name("harmless_mutants.toml")
REPORT = ROOT / "tests" / "MUTANTS.md"

COMPARED = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
COMPUTED = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div,),
    ast.Div: (ast.Mult, ast.FloorDiv),
    ast.FloorDiv: (ast.Div, ast.Mult),
    ast.Mod: (ast.FloorDiv,),
    ast.Pow: (ast.Mult,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
    ast.LShift: (ast.RShift,),
    ast.RShift: (ast.LShift,),
}
RENAMED = {
    "min": "max",
    "max": "min",
    "amin": "amax",
    "amax": "amin",
    "argmin": "argmax",
    "argmax": "argmin",
    "minimum": "maximum",
    "maximum": "minimum",
    "any": "all",
    "all": "any",
    "sum": "mean",
    "mean": "sum",
    "floor": "ceil",
    "ceil": "floor",
    "round": "int",
    "zeros_like": "ones_like",
    "ones_like": "zeros_like",
    "zeros": "ones",
    "ones": "zeros",
}
# Calls that hand on their argument, or the object they are called on, in another form.
UNWRAPPED = {"abs", "deepcopy", "sorted", "sqrt", "square", "log", "exp"}
SYMMETRIC = {"min", "max", "minimum", "maximum", "transpose"}
SYMMETRIC |= {"array_equal", "allclose", "isclose", "equal"}
UNCALLED = {"abs", "clone", "copy", "detach", "square", "sqrt", "contiguous", "float", "double"}


@dataclass(frozen=True)
class Mutant:
    """One change: where, what stood there, what stands there now, and the whole module."""

    function: str
    before: str
    after: str
    source: str


def mutants(source: str) -> Iterator[Mutant]:
    """Every mutant of a module's functions, in the order of the lines."""
    tree = ast.parse(source)
    for owner in tree.body:
        if not isinstance(owner, (ast.FunctionDef, ast.ClassDef)):
            continue
        for statement, change in _changes(owner):
            before = _head(statement)
            undo = change()
            try:
                changed = ast.unparse(ast.fix_missing_locations(tree))
                compile(changed, "mutant", "exec")
                yield Mutant(owner.name, before, _head(statement), changed)
            except SyntaxError:
                pass
            finally:
                undo()


def _head(statement: ast.stmt) -> str:
    """A statement in one line; of a compound one the head."""
    dropped = getattr(statement, "dropped", None)
    if dropped:
        return dropped
    short = copy.copy(statement)
    if hasattr(short, "body") and not isinstance(short, ast.FunctionDef):
        short.body, short.orelse = [ast.Expr(ast.Constant(...))], []
    text = ast.unparse(short)
    return " ".join(text.removesuffix("\n    ...").split())


Change = Callable[[], Callable[[], None]]


def _changes(owner: ast.AST) -> Iterator[tuple[ast.stmt, Change]]:
    for parent in ast.walk(owner):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(parent, name, None)
            if not isinstance(block, list):
                continue
            for place, statement in enumerate(block):
                docstring = isinstance(statement, ast.Expr) and isinstance(
                    statement.value, ast.Constant
                )
                if docstring or isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
                    continue
                yield from _of_statement(block, place)
                for node, field, index in _expressions(statement):
                    for new in _replacements(_get(node, field, index)):
                        yield statement, _set(node, field, index, new)


def _of_statement(block: list[ast.stmt], place: int) -> Iterator[tuple[ast.stmt, Change]]:
    statement = block[place]
    dropped = isinstance(statement, (ast.Expr, ast.AugAssign, ast.Raise, ast.Delete)) or (
        isinstance(statement, ast.Assign)
        and not any(isinstance(target, (ast.Name, ast.Tuple)) for target in statement.targets)
    )
    if dropped or isinstance(statement, (ast.Continue, ast.Break)):
        yield statement, _swap(block, place, [ast.Pass()], "(dropped)")
    if isinstance(statement, ast.With):
        yield statement, _swap(block, place, statement.body, "(without the with)")
    if isinstance(statement, ast.If):
        yield statement, _set(statement, "test", None, ast.Constant(True))
        yield statement, _set(statement, "test", None, ast.Constant(False))
    if isinstance(statement, ast.AugAssign):
        for op in COMPUTED.get(type(statement.op), ()):
            yield statement, _set(statement, "op", None, op())


def _swap(block: list, place: int, new: list[ast.stmt], words: str) -> Change:
    old = block[place]

    def change() -> Callable[[], None]:
        block[place : place + 1] = new
        old.dropped = words

        def undo() -> None:
            block[place : place + len(new)] = [old]
            del old.dropped

        return undo

    return change


def _set(node: ast.AST, field: str, index: int | None, new: object) -> Change:
    def change() -> Callable[[], None]:
        old = _get(node, field, index)
        _put(node, field, index, new)
        return lambda: _put(node, field, index, old)

    return change


def _get(node: ast.AST, field: str, index: int | None) -> object:
    return getattr(node, field) if index is None else getattr(node, field)[index]


def _put(node: ast.AST, field: str, index: int | None, value: object) -> None:
    if index is None:
        setattr(node, field, value)
    else:
        getattr(node, field)[index] = value


def _expressions(statement: ast.stmt) -> Iterator[tuple[ast.AST, str, int | None]]:
    """The place of every expression of one statement, not of the statements inside it."""
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop(0)
        for field, value in ast.iter_fields(node):
            if field == "annotation":
                continue
            for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if isinstance(child, (ast.expr, ast.keyword, ast.comprehension, ast.withitem)):
                    if isinstance(child, ast.expr):
                        yield node, field, index
                    if not isinstance(child, ast.JoinedStr):  # the wording of a message
                        waiting.append(child)


def _replacements(node: ast.expr) -> Iterator[ast.expr]:
    def other(**fields: object) -> ast.expr:
        new = copy.copy(node)
        for name, value in fields.items():
            setattr(new, name, value)
        return new

    match node:
        case ast.Compare(ops=[op, *rest]):
            for new in COMPARED.get(type(op), ()):
                yield other(ops=[new(), *rest])
            for new in COMPARED.get(type(rest[0]), ()) if rest else ():
                yield other(ops=[op, new(), *rest[1:]])
        case ast.BinOp(op=op, left=left):
            for new in COMPUTED.get(type(op), ()):
                yield other(op=new())
            yield left
        case ast.UnaryOp(op=ast.USub() | ast.Not() | ast.Invert(), operand=operand):
            if not isinstance(operand, ast.Constant):
                yield operand
        case ast.BoolOp(op=op, values=values):
            yield other(op=ast.Or() if isinstance(op, ast.And) else ast.And())
            for place in range(len(values)):
                left = values[:place] + values[place + 1 :]
                yield left[0] if len(left) == 1 else other(values=left)
        case ast.IfExp(body=body, orelse=orelse):
            yield body
            yield orelse
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value + 1)
            yield ast.Constant(value - 1)
        case ast.Constant(value=float(value)):
            yield ast.Constant(value * 2 + 1)
            yield ast.Constant(value / 2 if value else -1.0)
        case ast.Constant(value=str(value)):
            yield ast.Constant("another")
        case ast.Call(func=func, args=args, keywords=keywords):
            name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
            if name in RENAMED:
                new = copy.copy(func)
                setattr(new, "attr" if isinstance(func, ast.Attribute) else "id", RENAMED[name])
                yield other(func=new)
            if name in UNWRAPPED and len(args) == 1:
                yield args[0]
            if name in UNCALLED and not args and isinstance(func, ast.Attribute):
                yield func.value
            for place in range(len(keywords)):
                yield other(keywords=keywords[:place] + keywords[place + 1 :])
            if len(args) > 1 and name.startswith("check_"):
                yield other(args=args[:-1])
            if len(args) == 2 and name not in SYMMETRIC and not name.startswith("check_"):
                yield other(args=args[::-1])
        case ast.Slice():
            for field in ("lower", "upper", "step"):
                if getattr(node, field) is not None:
                    yield other(**{field: None})
        case ast.ListComp(generators=generators) | ast.GeneratorExp(generators=generators):
            if generators[0].ifs:
                new = copy.copy(generators[0])
                new.ifs = []
                yield other(generators=[new, *generators[1:]])


class Examination:
    """Grades every mutant of a solution as an answer: each part by its own properties."""

    def __init__(self, stem: str) -> None:
        self.stem = stem
        self.every: list[Mutant] = []
        self.alive: list[Mutant] = []

    def pytest_runtestloop(self, session: Any) -> bool:
        """Instead of pytest's own loop."""
        grader = session.config.pluginmanager.get_plugin("grader")
        grader.board.parts.clear()  # no scoreboard
        limits = replace(grader.limits, call_seconds=4.0, property_seconds=30.0)
        source = grader.target.source(self.stem).data.decode("utf-8")
        self.every = list(mutants(source))
        whole = Mutant("", "", "", ast.unparse(ast.parse(source)))
        runs = {id(m): self._runs(m, grader, limits) for m in (whole, *self.every)}
        judge = Judge([run for each in runs.values() for run in each], lanes())
        for place, mutant in enumerate((whole, *self.every)):
            verdicts = [v for run in runs[id(mutant)] for v in judge.finish(run).verdicts.values()]
            survived = all(v.verdict == PASSED for v in verdicts)
            if mutant is whole and not survived:
                raise SystemExit(f"{self.stem}: the solution itself is rejected")
            if survived and mutant is not whole:
                self.alive.append(mutant)
                print(f"  {mutant.function}: {mutant.before}\n      → {mutant.after}", flush=True)
            elif place % 50 == 49:
                print(f"  … {place + 1} of {len(self.every)}", flush=True)
        return True

    def _runs(self, mutant: Mutant, grader: Any, limits: Any) -> list[PartRun]:
        """A part is judged by its own properties; a helper by those of all parts."""
        text = mutant.source.encode()
        parts = [run for run in grader.runs.values() if run.stem == self.stem]
        own = [run for run in parts if run.part == mutant.function]
        return [
            PartRun(
                run.items,
                run.stem,
                run.part,
                lambda: Submission(self.stem, grader.target, text),
                limits,
                quick=True,
            )
            for run in own or parts
        ]


def examine(stem: str) -> tuple[list[Mutant], list[Mutant]]:
    """All mutants of a solution, and those that no property rejects."""
    import pytest

    done = Examination(stem)
    options = ("-qq", "-s", "-p", "no:cacheprovider", "--target=solutions")
    pytest.main([*options, str(ROOT / "tests" / f"test_{stem}.py")], plugins=[done])
    return done.every, done.alive


def harmless(stem: str, mutant: Mutant) -> bool:
    """Whether a reason is listed why this change makes no difference that the contract knows."""
    listed = tomllib.loads(HARMLESS.read_text(encoding="utf-8"))
    return any(
        re.fullmatch(entry.get("function", r"\w+"), mutant.function)
        and re.search(entry.get("before", ""), mutant.before)
        and re.search(entry.get("after", ""), mutant.after)
        for entry in (*listed.get("every", ()), *listed.get(stem, ()))
    )


HEAD = """# Mutants

Each solution with one small change, graded like an answer. `python -m tests.project.mutants`
makes this list; what counts as a change stands there. *Harmless*: the change makes no difference
that the contract knows; the reasons stand in `project/harmless_mutants.toml`. *Survived*: it
should be rejected and is not.

| exercise | mutants | rejected | harmless | survived |
| --- | ---: | ---: | ---: | ---: |
"""


def report(found: dict[str, tuple[list[Mutant], list[Mutant]]]) -> str:
    """The table and the list of survivors, in Markdown; what was not examined stays as it was."""
    rows, lists = _kept()
    for stem in lists:  # a reason may have been found since
        left = [line for line in lists[stem] if not _excused(line)]
        rows[stem][2] += len(lists[stem]) - len(left)
        rows[stem][3] = len(left)
        lists[stem] = left
    for stem, (every, alive) in found.items():
        left = [m for m in alive if not harmless(stem, m)]
        rows[stem] = [len(every), len(every) - len(alive), len(alive) - len(left), len(left)]
        lists[stem] = [
            f"- {stem}, `{m.function}`: `{m.before}` → `{m.after}`".replace("\n", " ") for m in left
        ]
    rows = {e.stem: rows[e.stem] for e in catalogue.load() if e.stem in rows}
    total = [sum(column) for column in zip(*rows.values())]
    table = [f"| {stem} | " + " | ".join(map(str, row)) + " |" for stem, row in rows.items()]
    table.append("| all | " + " | ".join(map(str, total)) + " |")
    rate = 100 * total[1] / (total[0] - total[2])
    text = HEAD + "\n".join(table)
    text += f"\n\nOf the mutants that make a difference, {rate:.1f}% are rejected.\n"
    survivors = [line for stem in rows for line in lists.get(stem, [])]
    if survivors:
        text += "\n## Survived\n\n" + "\n".join(survivors) + "\n"
    return text


def _excused(line: str) -> bool:
    entry = re.fullmatch(r"- (\w+), `(\w+)`: `(.*)` → `(.*)`", line)
    return entry is not None and harmless(entry[1], Mutant(*entry.groups()[1:], ""))


def _kept() -> tuple[dict[str, list[int]], dict[str, list[str]]]:
    rows, lists = {}, {}
    for line in REPORT.read_text(encoding="utf-8").splitlines() if REPORT.exists() else []:
        if row := re.fullmatch(r"\| ([a-z]\d\d\w+) \| (.*) \|", line):
            rows[row[1]] = [int(n) for n in row[2].split(" | ")]
        elif entry := re.match(r"- ([a-z]\d\d\w+), ", line):
            lists.setdefault(entry[1], []).append(line)
    return rows, lists


def main(names: list[str]) -> None:
    """Examine the exercises whose stems begin with these names; all where there is none."""
    chosen = [e.stem for e in catalogue.load() if e.stem.startswith(tuple(names or [""]))]
    for stem in chosen:
        print(stem, flush=True)
        REPORT.write_text(report({stem: examine(stem)}), encoding="utf-8")
    text = report({})
    REPORT.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main(sys.argv[1:])

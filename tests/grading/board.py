"""What a run came to: marks a part, the scoreboard, and the file for Gradescope."""

from __future__ import annotations

import ast
import io
import json
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.grading import catalogue
from tests.grading.verdict import CRASHED, PASSED, TIMED_OUT, TODO, WRONG, Verdict

NOT_RUN = "not run"
SERIOUS = (TIMED_OUT, WRONG, CRASHED)
SIGNS = {PASSED: "✓", WRONG: "✗", CRASHED: "!", TIMED_OUT: "⧖", TODO: "·", NOT_RUN: "–"}


def _listed(failures: list[Verdict], most: int = 12) -> str:
    """A line for each property, with the cases in which it does not hold."""
    cases: dict[str, list[str]] = {}
    ended: dict[str, str] = {}
    for v in failures:
        words, _, case = v.property.partition(" [")
        cases.setdefault(words, []).extend([case.removesuffix("]")] * bool(case))
        if v.verdict != WRONG:
            ended[words] = v.line
    lines = [
        words
        + (f" ({'; '.join(of)})" if of else "")
        + (f": {ended[words]}" if words in ended else "")
        for words, of in cases.items()
    ]
    if len(lines) > most:
        lines[most:] = [f"… and {len(lines) - most} more"]
    return "".join(f"\n  - {line}" for line in lines)


@dataclass
class PartResult:
    """One part in this run: how many of its properties were asked for, and what they said."""

    stem: str
    part: str
    selected: int = 0
    total: int = 0
    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        failures = self.failures()
        if failures:
            return failures[0].verdict
        if any(v.verdict == TODO for v in self.verdicts):
            return TODO
        return PASSED if self.verdicts and len(self.verdicts) >= self.selected else NOT_RUN

    @property
    def earned(self) -> bool:
        """True when every property about the part was run and holds."""
        return self.verdict == PASSED and len(self.verdicts) >= self.total

    def failures(self) -> list[Verdict]:
        """What did not hold, the most telling first: values before errors, a named mistake first.

        A mistake that one property suggests and another speaks against is not named.
        """
        failed = [v for v in self.verdicts if v.verdict not in (PASSED, TODO)]
        ruled_out = {name for v in failed for name in v.contradicted}
        failed = [
            replace(v, mistake="", mistake_text="") if v.mistake in ruled_out else v for v in failed
        ]

        def telling(v: Verdict) -> tuple:
            rank = not v.message, v.about_errors, not v.mistake, SERIOUS.index(v.verdict)
            return (*rank, v.place, v.property)

        return sorted(failed, key=telling)

    def report(self, everything: bool = False) -> str:
        """The text a learner reads about this part."""
        failures = self.failures()
        if failures:
            shown = failures if everything else failures[:1]
            text = "\n\n".join(v.full() for v in shown)
            rest = failures[len(shown) :]
            # What was not tried again after a time-out says nothing new.
            rest = [v for v in rest if v.message]
            if rest:
                text += "\n\nand it does not hold either that it:" + _listed(rest)
            return text
        if self.verdict == TODO:
            return next(v.line for v in self.verdicts if v.verdict == TODO)
        if self.verdict == NOT_RUN:
            return f"not run: {len(self.verdicts)} of its {self.selected} selected properties were"
        if not self.earned:
            done = len(self.verdicts)
            return f"{done} of its {self.total} properties were run and hold; run all to earn it"
        return f"all {self.total} properties hold"


class Board:
    """Collects verdicts in any order, from this process or from xdist's workers."""

    def __init__(self) -> None:
        self.parts: dict[tuple[str, str], PartResult] = {}

    def _part(self, stem: str, part: str) -> PartResult:
        return self.parts.setdefault((stem, part), PartResult(stem, part))

    def plan(self, rows: Iterable[tuple[str, str, int, int]]) -> None:
        """Say how many properties of each part are to be run, and how many it has."""
        for stem, part, selected, total in rows:
            result = self._part(stem, part)
            result.selected = max(result.selected, selected)
            result.total = max(result.total, total)

    def add(self, verdict: Verdict) -> None:
        self._part(verdict.stem, verdict.part).verdicts.append(verdict)

    def could_not_collect(self, stem: str, why: str) -> None:
        exercise = catalogue.find(stem)
        for part in exercise.parts if exercise else ():
            result = self._part(stem, part.name)
            result.total = result.selected = max(1, result.total)
            line = "the test file itself could not be collected"
            message = f"{line}:\n{why.strip()[-1500:]}"
            result.verdicts.append(
                Verdict(stem, part.name, "can be collected", CRASHED, message, line)
            )

    def ordered(self) -> list[PartResult]:
        order = {
            (exercise.stem, part.name): (i, j)
            for i, exercise in enumerate(catalogue.load())
            for j, part in enumerate(exercise.parts)
        }
        return sorted(self.parts.values(), key=lambda r: order.get((r.stem, r.part), (999, 0)))

    def exercises(self) -> list[tuple[catalogue.Exercise, list[PartResult]]]:
        """The exercises that this run touched, each with its parts in the catalogue's order."""
        touched = []
        for exercise in catalogue.load():
            results = [r for r in self.ordered() if r.stem == exercise.stem]
            if results:
                touched.append((exercise, results))
        return touched

    def next_exercise(self) -> catalogue.Exercise | None:
        """The first exercise, in order, that is not known to be whole."""
        whole = {
            exercise.stem
            for exercise, results in self.exercises()
            if len(results) == len(exercise.parts) and all(r.earned for r in results)
        }
        return next((e for e in catalogue.load() if e.stem not in whole), None)


def points(exercise: catalogue.Exercise, results: list[PartResult]) -> float:
    return sum(exercise.part(r.part).points for r in results if r.earned)


def number(value: float) -> str:
    return f"{value:g}"


class NotLiteral(ValueError):
    """A name that should be given plainly is computed."""


def literals(path: Path, names: tuple[str, ...]) -> dict[str, object]:
    """Literal values that a module gives to these names; it is read, never run."""
    found: dict[str, object] = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and target.id in names and node.value is not None:
            try:
                found[target.id] = ast.literal_eval(node.value)
            except (ValueError, TypeError):
                raise NotLiteral(target.id) from None
    return found


def answer_state(path: Path) -> str:
    """How the written answer of a Q module stands."""
    from tests.grading import memory

    try:
        answer = literals(path, ("ANSWER",)).get("ANSWER", "")
    except NotLiteral:
        return "written"
    except (OSError, SyntaxError, ValueError):
        return "empty"
    if not isinstance(answer, str) or not answer.strip():
        return "empty"
    if path.parent != catalogue.ROOT / "exercises":
        return "written"  # what the desk remembers is about the learner's own answers
    try:
        return memory.review_state(memory.read(print), path.stem, answer)
    except memory.MemoryProblem:
        return "written"


def scoreboard(board: Board, folder: Path, width: int, color: bool) -> str:
    """The table at the end of a run."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold", pad_edge=False)
    table.add_column("", no_wrap=True, min_width=3)
    table.add_column("exercise", no_wrap=True, overflow="ellipsis", max_width=width - 49)
    for column, least in (
        ("parts", 6),
        ("passed", 6),
        ("wrong", 5),
        ("todo", 4),
        ("mark", 5),
        ("answer", 12),
    ):
        right = column in ("passed", "wrong", "todo", "mark")
        table.add_column(
            column, justify="right" if right else "left", no_wrap=True, min_width=least
        )
    styles = {PASSED: "green", WRONG: "red", CRASHED: "magenta", TIMED_OUT: "magenta"}
    earned = total = 0.0
    for exercise, results in board.exercises():
        signs = Text()
        for result in results:
            verdict = result.verdict
            signs.append(SIGNS[verdict], styles.get(verdict, "dim"))
        mark, full = points(exercise, results), sum(exercise.part(r.part).points for r in results)
        earned, total = earned + mark, total + full
        answer = ""
        if exercise.written:
            answer = answer_state(folder / f"{exercise.stem}.py")
        table.add_row(
            exercise.short,
            exercise.title,
            signs,
            str(sum(r.verdict == PASSED for r in results)),
            str(sum(r.verdict in (WRONG, CRASHED, TIMED_OUT) for r in results)),
            str(sum(r.verdict in (TODO, NOT_RUN) for r in results)),
            f"{number(mark)}/{number(full)}",
            answer,
        )
    out = io.StringIO()
    console = Console(
        file=out, width=width, force_terminal=color, color_system="standard" if color else None
    )
    console.print(table)
    used = {r.verdict for r in board.parts.values()}
    legend = "  ".join(f"{sign} {kind}" for kind, sign in SIGNS.items() if kind in used)
    console.print(Text(legend, style="dim"))
    console.print(f"total: {number(earned)} of {number(total)} points", highlight=False)
    following = board.next_exercise()
    if following is None:
        console.print("next: nothing is left; every exercise is whole", highlight=False)
    else:
        console.print(
            f"next: {following.short} {following.title}\n"
            f"      open exercises/{following.stem}.py, "
            f"then: pytest tests/test_{following.stem}.py",
            highlight=False,
            soft_wrap=True,
        )
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def gradescope(board: Board, seconds: float) -> dict:
    """The run in Gradescope's results format: one test a part."""
    tests = []
    for exercise, results in board.exercises():
        for result in results:
            part = exercise.part(result.part)
            mistakes = [v.mistake for v in result.failures() if v.mistake]
            tests.append(
                {
                    "name": f"{exercise.stem}: {result.part}",
                    "score": part.points if result.earned else 0.0,
                    "max_score": part.points,
                    "status": "passed" if result.earned else "failed",
                    "output": result.report(),
                    "tags": [result.verdict],
                    "extra_data": {
                        "stem": exercise.stem,
                        "part": result.part,
                        "verdict": result.verdict,
                        "misconception": mistakes[0] if mistakes else None,
                    },
                }
            )
    return {
        "score": sum(test["score"] for test in tests),
        "execution_time": round(seconds, 2),
        "output": f"{sum(t['status'] == 'passed' for t in tests)} of {len(tests)} parts earned",
        "tests": tests,
    }


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old one or the new one, never half of it."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def write_gradescope(board: Board, path: Path, seconds: float) -> None:
    write_atomically(path, json.dumps(gradescope(board, seconds), indent=2, ensure_ascii=False))

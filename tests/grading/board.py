"""What a run came to: marks a part, the scoreboard, and the file for Gradescope."""

from __future__ import annotations

import ast
import errno
import json
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.grading import catalogue
from tests.grading.verdict import CRASHED, PASSED, TIMED_OUT, TODO, WRONG, Verdict, failures

NOT_RUN = "not run"
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
        + (f" (with {'; with '.join(of)})" if of else "")
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
        """What did not hold, the most telling first."""
        return failures(self.verdicts)

    @property
    def whole_file(self) -> bool:
        """Whether the file itself could not be read, so that no part of it could be judged."""
        return any(v.whole_file for v in self.verdicts)

    def report(self, everything: bool = False) -> str:
        """The text a learner reads about this part."""
        failures = self.failures()
        if failures:
            shown = failures if everything else failures[:1]
            text = "\n\n".join(v.full() for v in shown)
            rest = failures[len(shown) :]
            # What was not tried again after a time-out says nothing new.
            rest = [v for v in rest if v.message and not v.whole_file]
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


def next_exercise(
    verdicts: dict[str, dict[str, str]], at_hand: Iterable[str]
) -> catalogue.Exercise | None:
    """What to do next: the exercise at hand until it is done, then the first that is not whole.

    Args:
        verdicts: what is known of each stem, as {part: verdict}.
        at_hand: the stems of the last run.
    """

    def whole(exercise: catalogue.Exercise) -> bool:
        said = verdicts.get(exercise.stem, {})
        return all(said.get(part.name) == PASSED for part in exercise.parts)

    left = [exercise for exercise in catalogue.load() if not whole(exercise)]
    at_hand = set(at_hand)
    near = [exercise for exercise in left if exercise.stem in at_hand]
    if len(at_hand) > 1:  # of many, the one that is begun
        quiet = {TODO, NOT_RUN}
        near = [e for e in near if set(verdicts.get(e.stem, {}).values()) - quiet]
    return next(iter(near + left), None)


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


def gradescope(board: Board, seconds: float) -> dict:
    """The run in Gradescope's results format: one test a part."""
    tests = []
    for exercise, results in board.exercises():
        for result in results:
            part = exercise.part(result.part)
            failed = result.failures()
            mistakes = [v.mistake for v in failed if v.mistake]
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
                        "line": failed[0].line if failed else "",
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
    """Write a file so that a reader sees the old one or the new one, never half of it.

    The mode of a file that is there is kept, and one that may not be written is not replaced.
    """
    data = text.encode("utf-8", "backslashreplace")
    mode = 0o644
    if path.exists():
        mode = path.stat().st_mode & 0o7777
        if not os.access(path, os.W_OK) or not mode & 0o200:
            raise PermissionError(errno.EACCES, "it is read-only", str(path))
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def write_gradescope(board: Board, path: Path, seconds: float) -> None:
    write_atomically(path, json.dumps(gradescope(board, seconds), indent=2, ensure_ascii=False))

"""From what a test raised to one of the verdicts, in words that a learner reads."""

from __future__ import annotations

import sys
import textwrap
import traceback
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.grading.expect import Impure, Wrong
from tests.grading.mistakes import Mistake
from tests.grading.show import readable, recipe_imports, said_by, show
from tests.grading.submission import Crashed, Submission, Todo

if sys.version_info < (3, 11):  # the backport that Hypothesis and pytest bring
    from exceptiongroup import BaseExceptionGroup

PASSED, TODO, WRONG, CRASHED, TIMED_OUT = "passed", "todo", "wrong", "crashed", "timed out"
SERIOUS = (TIMED_OUT, WRONG, CRASHED)
LETTERS = {PASSED: ".", TODO: "t", WRONG: "W", CRASHED: "C", TIMED_OUT: "T"}


@dataclass
class Verdict:
    """What one property came to; travels with the report as plain values."""

    stem: str
    part: str
    property: str
    verdict: str
    message: str = ""
    line: str = ""
    mistake: str = ""
    mistake_text: str = ""
    contradicted: list[str] = field(default_factory=list)
    about_errors: bool = False
    place: int = 0  # the line of its test, so that what is told does not hang on the order
    impure: bool = False  # what was done beside the answer says nothing about a mistake
    whole_file: bool = False  # the file could not be read, which is said once an exercise

    def full(self) -> str:
        """The message, and the known mistake that it looks like."""
        return f"{self.message}\n{self.mistake_text}" if self.mistake_text else self.message

    def to_json(self) -> dict:
        return asdict(self)


def telling(v: Verdict) -> tuple:
    """The order in which failures are told: values before errors, a named mistake first."""
    rank = not v.message, v.about_errors, not v.mistake, SERIOUS.index(v.verdict)
    return (*rank, v.place, v.property)


def failures(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """What did not hold, the most telling first.

    A mistake that one property suggests and another speaks against is not named.
    """
    failed = [v for v in verdicts if v.verdict not in (PASSED, TODO)]
    ruled_out = {name for v in failed for name in v.contradicted}
    failed = [
        replace(v, mistake="", mistake_text="") if v.mistake in ruled_out else v for v in failed
    ]
    return sorted(failed, key=telling)


def property_in_words(item: Any) -> str:
    """The name of a test as a sentence; what it was given beside it, as `name = value`."""
    words = getattr(item, "originalname", item.name).removeprefix("test_").replace("_", " ")
    given = getattr(getattr(item, "callspec", None), "params", {})
    case = ", ".join(f"{name} = {show(value, 60)}" for name, value in given.items())
    return f"{words} [{' '.join(case.split())}]" if case else words


def judge(error: BaseException | None, submission: Submission, part: str, words: str) -> Verdict:
    """Turn the exception that ended a test (or None) into a verdict."""
    verdict = Verdict(submission.stem, part, words, PASSED)
    if error is None:
        return verdict
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    if isinstance(error, Todo):
        verdict.verdict = TODO
        verdict.line = verdict.message = str(error)
        return verdict
    if type(error).__name__ in ("Flaky", "FlakyFailure", "FlakyReplay"):
        error = Wrong(
            "the same answer whenever the input is the same",
            "a function of its arguments keeps nothing from one call to the next",
            "different answers for the same input",
        )
    diary = submission.diary
    call = submission.last_call()
    verdict.about_errors = (diary.last_failing or diary.current).about_errors
    rows = [("property", words)]
    verdict.whole_file = isinstance(error, Crashed) and error.args[0].startswith("importing")
    if call and not verdict.whole_file:
        shown = submission.show(call)
        rows.append(("call", shown))
        if recipe_imports(shown):
            rows.append(("built with", recipe_imports(shown)))
    if isinstance(error, Wrong):
        verdict.verdict = WRONG
        verdict.impure = isinstance(error, Impure)
        rows.append(("expected", error.expected))
        if error.why:
            rows.append(("why", error.why))
        got = error.got
        if got is None:
            got = show(call.outcome) if call else "nothing was called"
        raised = call.outcome if call and call.raised else None
        rows.append(("got", got + _own_lines(raised, submission.path)))
        verdict.line = f"{words}: expected {_first(error.expected)}; got {_first(got)}"
    elif isinstance(error, Crashed):
        verdict.verdict = CRASHED
        rows.append(("crashed", f"{error}{_own_lines(error.__cause__, submission.path)}"))
        verdict.line = str(error)
    elif (call and call.raised and call.outcome is error) or _own_lines(error, submission.path):
        verdict.verdict = CRASHED
        said = _first(said_by(error), 300)
        rows.append(("crashed", said + _own_lines(error, submission.path)))
        verdict.line = _first(said)
    else:
        # The test itself could not go on: what came back was nothing it could look into.
        verdict.verdict = WRONG
        rows.append(("expected", "a result of the kind that the exercise describes"))
        rows.append(("got", show(call.outcome) if call else "no result"))
        rows.append(("checking it", _first(said_by(error), 300)))
        verdict.line = f"{words}: the result is not of the kind described"
    verdict.message = _table(rows)
    return verdict


def name_mistake(verdict: Verdict, known: Mistake) -> None:
    """Call the mistake by its name."""
    verdict.mistake = known.name
    verdict.mistake_text = _table(
        [
            ("behaves like", f"{known.name}. {known.diagnosis}"),
            ("think about", known.nudge),
        ]
    )


def add_output(verdict: Verdict, text: str, longest: int = 1000) -> None:
    """Show what the submission printed, cut to what a person would read."""
    if verdict.verdict not in (PASSED, TODO) and text.strip():
        if len(text) > longest:
            text = f"{text[:longest]}\n… {len(text) - longest} more characters not shown"
        verdict.message += "\n" + _table([("printed", text.rstrip())])


def without_word(item_words: str, outcome: Any, stem: str, part: str) -> Verdict:
    """The verdict where the child ended before it said one."""
    verdict = Verdict(stem, part, item_words, TIMED_OUT if outcome.timed_out else CRASHED)
    rows = [("property", item_words)]
    if outcome.detail:
        rows.append(("call", outcome.detail))
    verdict.line = f"{outcome.what or part} {outcome.ended}"
    if not outcome.timed_out:
        verdict.line = f"{part}: {outcome.ended}"
    rows.append((verdict.verdict, verdict.line))
    verdict.message = _table(rows)
    return verdict


def _own_lines(error: BaseException | None, path: Path) -> str:
    """The frames of the learner's own file, innermost last."""
    if error is None:
        return ""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        text = (error.text or "").rstrip()
        return f"\n{path.name}, line {error.lineno}:\n    {text.strip()}"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename) == path]
    lines = [f"\n{path.name}, line {f.lineno}, in {f.name}:\n    {f.line}" for f in frames]
    if len(lines) > 6:
        lines = [*lines[:3], f"\n… {len(lines) - 5} lines like these …", *lines[-2:]]
    return "".join(lines)


def _first(text: str, longest: int = 160) -> str:
    line = " ".join(str(text)[:2000].split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def _table(rows: list[tuple[str, str]]) -> str:
    width = 14
    out = []
    for label, text in rows:
        if "\n" not in text and len(text) > 88:
            text = "\n".join(textwrap.wrap(text, 88, break_long_words=False))
        body = textwrap.indent(text, " " * width).lstrip()
        out.append(f"{label + ':':<{width - 1}} {body}")
    return readable("\n".join(out))

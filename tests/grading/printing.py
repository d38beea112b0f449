"""What a run prints at its end: the reports, a line a part, and the scoreboard."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from tests.grading import catalogue, memory
from tests.grading.board import (
    NOT_RUN,
    SIGNS,
    Board,
    NotLiteral,
    PartResult,
    literals,
    next_exercise,
    number,
    points,
)
from tests.grading.submission import Target
from tests.grading.verdict import CRASHED, PASSED, TIMED_OUT, TODO, WRONG

OWN = catalogue.ROOT / "exercises"


def remember(board: Board, target: Target) -> None:
    """Tell the desk what this run said of the learner's own files, as they were when it began."""
    seen = {}
    for exercise, results in board.exercises():
        data = target.source(exercise.stem).data
        whole = {r.part: r.verdict for r in results if r.earned or r.verdict != PASSED}
        if data is not None and whole:
            seen[exercise.stem] = (memory.fingerprint(data), whole)
    date = memory.now()

    def note(memo: dict[str, Any]) -> None:
        for stem, (fingerprint, parts) in seen.items():
            entry = memo["verdicts"].get(stem, {})
            if entry.get("fingerprint") == fingerprint:
                parts = {**entry["parts"], **parts}
            memo["verdicts"][stem] = {"date": date, "fingerprint": fingerprint, "parts": parts}
        for stem in memory.whole_stems(memo) & set(seen):
            memo["passed"].setdefault(stem, {"date": date, "again": []})

    if seen:
        try:
            memory.change(note, print)
        except memory.MemoryProblem as problem:
            print(f"the desk does not remember this run: {problem}")


def summary(tr: Any, board: Board, target: Target, everything: bool, reports: bool) -> None:
    """All that stands below pytest's own line of letters."""
    results = board.ordered()
    failing = _once_a_file([r for r in results if r.failures()])
    if reports:
        for result in failing:
            tr.write_sep("_", f"{_name(result, ' · ')}: {result.verdict}", red=True)
            blamed = _blamed(result, board, target)
            if blamed:
                tr.write_line(_calls(blamed))
            tr.write_line(result.report(everything))
            if target.folder == OWN and not result.whole_file:
                short = result.stem.split("_")[0]
                tr.write_line(f"in your hands: python -m exercises replay {short} {result.part}")
            tr.write_line("")
    tr.write_sep("=", "short summary", bold=True)
    width = max(60, tr._tw.fullwidth)
    for result in failing:
        first = result.failures()[0]
        blamed = _blamed(result, board, target)
        named = f"[{first.mistake}] " if first.mistake else ""
        said = f"calls {blamed[0]}, which is wrong too" if blamed else f"{named}{first.line}"
        head = f"{result.verdict.upper():<9} "
        tr.write(head, red=True)
        tr.write_line(_cut(f"{_name(result, '.')}: {said}", width - len(head)))
    for result in results:
        if result.verdict == PASSED and not result.earned:
            tr.write(f"{'PARTLY':<9} ", yellow=True)
            tr.write_line(_cut(f"{_name(result, '.')}: {result.report()}", width - 10))
    for exercise, parts in board.exercises():
        todo = [r.part for r in parts if r.verdict == TODO]
        if todo:
            tr.write(f"{'TODO':<9} ", yellow=True)
            tr.write_line(_cut(f"{exercise.stem}: {', '.join(todo)}", width - 10))
    tr.write_sep("=", "scoreboard", bold=True)
    tr.write_line(scoreboard(board, target, min(width, 110), tr.hasmarkup))


def _name(result: PartResult, between: str) -> str:
    return result.stem if result.whole_file else f"{result.stem}{between}{result.part}"


def _once_a_file(failing: list[PartResult]) -> list[PartResult]:
    """A file that cannot be read is said once, not once a part."""
    told: set[str] = set()
    kept = []
    for result in failing:
        if result.whole_file and result.stem in told:
            continue
        if result.whole_file:
            told.add(result.stem)
        kept.append(result)
    return kept


def _blamed(result: PartResult, board: Board, target: Target) -> list[str]:
    """The parts that a wrong part calls and that are wrong too."""
    if result.whole_file or not result.failures():
        return []
    wrong = tuple(r.part for r in board.parts.values() if r.stem == result.stem and r.failures())
    called = target.source(result.stem).calls(result.part, wrong)
    # Two that call each other: neither is to be mended first.
    return [c for c in called if result.part not in target.source(result.stem).calls(c, wrong)]


def _calls(blamed: list[str]) -> str:
    names = " and ".join(blamed)
    return f"mend first:   {names}: this part calls it, and it is wrong too"


def _cut(text: str, width: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= width else f"{text[: width - 1]}…"


def answer_state(path: Path, remembered: dict[str, Any] | None) -> str:
    """How a written answer stands; `remembered` is what the desk knows of the learner's own."""
    try:
        answer = literals(path, ("ANSWER",)).get("ANSWER", "")
    except NotLiteral:
        return "written"
    except (OSError, SyntaxError, ValueError):
        return "empty"
    if not isinstance(answer, str) or not answer.strip():
        return "empty"
    return memory.review_state(remembered, path.stem, answer) if remembered else "written"


def scoreboard(board: Board, target: Target, width: int, color: bool) -> str:
    """The table at the end of a run."""
    from rich.console import Console
    from rich.text import Text

    remembered = None
    if target.folder == OWN:
        try:
            remembered = memory.read(print)
        except memory.MemoryProblem:
            remembered = memory.fresh()
    table = _table(width)
    styles = {PASSED: "green", WRONG: "red", CRASHED: "magenta", TIMED_OUT: "magenta"}
    earned = total = 0.0
    kind = None
    for exercise, results in board.exercises():
        if exercise.kind != kind:
            kind = exercise.kind
            table.add_row("", Text(catalogue.kind(kind).heading, style="bold"))
        signs = Text()
        for result in results:
            verdict = result.verdict
            signs.append(SIGNS[verdict], styles.get(verdict, "dim"))
        mark, full = points(exercise, results), sum(exercise.part(r.part).points for r in results)
        earned, total = earned + mark, total + full
        answer = ""
        if exercise.written:
            answer = answer_state(target.path(exercise.stem), remembered)
        table.add_row(
            exercise.short,
            exercise.label,
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
    console.print(_next(board, remembered), highlight=False, soft_wrap=True)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def _table(width: int) -> Any:
    from rich.table import Table

    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold", pad_edge=False)
    table.add_column("", no_wrap=True, min_width=3)
    table.add_column("exercise", no_wrap=True, overflow="ellipsis", max_width=width - 45)
    for column, least in (
        ("parts", 6),
        ("passed", 6),
        ("wrong", 5),
        ("todo", 4),
        ("mark", 5),
        ("answer", 7),
    ):
        right = column in ("passed", "wrong", "todo", "mark")
        table.add_column(
            column, justify="right" if right else "left", no_wrap=True, min_width=least
        )
    return table


def _next(board: Board, remembered: dict[str, Any] | None) -> str:
    known = memory.verdicts(remembered) if remembered else {}
    touched = [exercise.stem for exercise, _ in board.exercises()]
    for exercise, results in board.exercises():
        said = {r.part: r.verdict if r.earned or r.verdict != PASSED else NOT_RUN for r in results}
        known[exercise.stem] = {**known.get(exercise.stem, {}), **said}
    following = next_exercise(known, touched)
    if following is None:
        return "next: nothing is left; every exercise is whole"
    return (
        f"next: {following.short} {following.title}\n"
        f"      open exercises/{following.stem}.py, then: pytest tests/test_{following.stem}.py"
    )

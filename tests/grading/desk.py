"""The desk: `python -m exercises` and its commands. Plain pytest can give all that it shows."""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table
from rich.text import Text

from tests.grading import catalogue, memory
from tests.grading.board import (
    NOT_RUN,
    SIGNS,
    NotLiteral,
    literals,
    next_exercise,
    number,
    write_atomically,
)
from tests.grading.catalogue import ROOT, Exercise
from tests.grading.verdict import PASSED

EXERCISES = ROOT / "exercises"


def console() -> Console:
    return Console(highlight=False, soft_wrap=False)


def say(text: str = "", **style: Any) -> None:
    console().print(Text(text, **style))


def find(name: str) -> Exercise:
    """The exercise that `p02` or a whole stem names; the nearest is suggested otherwise."""
    wanted = name.lower().removesuffix(".py").rsplit("/", 1)[-1]
    for exercise in catalogue.load():
        if wanted in (exercise.short, exercise.stem):
            return exercise
    names = [n for e in catalogue.load() for n in (e.short, e.stem)]
    near = difflib.get_close_matches(wanted, names, n=1, cutoff=0.4)
    hint = f"; did you mean {near[0]}?" if near else "; python -m exercises shows them all"
    raise click.UsageError(f"there is no exercise {name!r}{hint}")


def find_part(exercise: Exercise, part: str | None) -> str | None:
    """The part of that name; the nearest is suggested where there is none."""
    names = [p.name for p in exercise.parts]
    if part is not None and part not in names:
        near = difflib.get_close_matches(part, names, n=1)
        more = f"; did you mean {near[0]}?" if near else f"; it has {', '.join(names)}"
        raise click.UsageError(f"{exercise.short} has no part {part!r}{more}")
    return part


def constants(path: Path, names: tuple[str, ...]) -> dict[str, Any]:
    """Literal values of a module; what cannot be read is said in a line."""
    try:
        return literals(path, names)
    except SyntaxError as error:
        raise click.ClickException(
            f"{path.name} cannot be read: line {error.lineno}: {error.msg}"
        ) from None
    except NotLiteral as name:
        raise click.ClickException(f"{name} in {path.name} must be a plain string") from None


def answer_of(exercise: Exercise) -> str:
    path = EXERCISES / f"{exercise.stem}.py"
    if not path.exists():
        return ""
    answer = constants(path, ("ANSWER",)).get("ANSWER", "")
    return answer if isinstance(answer, str) else ""


def last_verdicts(exercise: Exercise, remembered: dict[str, Any]) -> dict[str, str]:
    """What the last runs said of each part, if the file is still the one that was graded."""
    return memory.verdicts(remembered).get(exercise.stem, {})


def is_whole(exercise: Exercise, remembered: dict[str, Any]) -> bool:
    said = last_verdicts(exercise, remembered)
    return all(said.get(part.name) == PASSED for part in exercise.parts)


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.pass_context
def desk(context: click.Context) -> None:
    """Pruning, before the interview. Without a command: the map of the exercises."""
    if context.invoked_subcommand is None:
        show_map()


def show_map() -> None:
    remembered = memory.read(say)
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold", pad_edge=False)
    out = console()
    table.add_column("", no_wrap=True, min_width=3)
    table.add_column("exercise", no_wrap=True, overflow="ellipsis", max_width=out.width - 45)
    table.add_column("level", no_wrap=True, min_width=5)
    table.add_column("min", justify="right", min_width=3)
    table.add_column("parts", no_wrap=True, min_width=6)
    table.add_column("answer", no_wrap=True, min_width=12)
    table.add_column("hints", no_wrap=True, min_width=5)
    used = set()
    following = next_exercise(memory.verdicts(remembered), memory.last_run(remembered))
    for exercise in catalogue.load():
        said = last_verdicts(exercise, remembered)
        verdicts = [said.get(part.name, NOT_RUN) for part in exercise.parts]
        used.update(verdicts)
        state = ""
        if exercise.written:
            with contextlib.suppress(click.ClickException):
                state = memory.review_state(remembered, exercise.stem, answer_of(exercise))
        seen = sum(n for key, n in remembered["hints"].items() if key.startswith(exercise.stem))
        shown = remembered["solutions"].get(exercise.stem)
        notes = f"{seen or ''}" + (" spoilt" if shown and shown["spoilt"] else "")
        table.add_row(
            exercise.short,
            exercise.title,
            "●" * exercise.difficulty + "○" * (5 - exercise.difficulty),
            str(exercise.minutes),
            "".join(SIGNS[v] for v in verdicts),
            state,
            notes.strip(),
        )
    out.print(table)
    say("  ".join(f"{sign} {kind}" for kind, sign in SIGNS.items() if kind in used), style="dim")
    if following is None:
        say("next: nothing is left; every exercise is whole")
    else:
        say(f"next: {following.short} {following.title}")
        say(
            f"      open exercises/{following.stem}.py, then: python -m exercises watch "
            f"{following.short}"
        )


@desk.command()
@click.argument("exercise")
@click.argument("part", required=False)
def hint(exercise: str, part: str | None) -> None:
    """Show the next of three hints for a part; without PART, for the first that is not passed."""
    chosen = find(exercise)
    names = [p.name for p in chosen.parts]
    part = find_part(chosen, part)
    remembered = memory.read(say)
    said = last_verdicts(chosen, remembered)
    name = part or next((n for n in names if said.get(n) != PASSED), names[0])
    key = f"{chosen.stem}.{name}"

    def one_more(memo: dict[str, Any]) -> int:
        seen = memo["hints"].get(key, 0)
        memo["hints"][key] = min(3, seen + 1)
        return seen

    seen = memory.change(one_more, say)
    hints = chosen.part(name).hints
    if seen >= 3:
        say(f"{chosen.short} {name}: these were all the hints.", style="bold")
        for i, text in enumerate(hints, 1):
            say(f"  {i}. {text}")
        return
    say(f"{chosen.short} {name}, hint {seen + 1} of 3", style="bold")
    say(f"  {hints[seen]}")
    if seen < 2:
        more = f"python -m exercises hint {chosen.short} {name}"
        say(f"The next one: {more}", style="dim")


def parse_marks(text: str, count: int) -> list[int]:
    pieces = [piece.strip() for piece in text.split(",")]
    if len(pieces) != count or not all(piece in ("0", "1", "2") for piece in pieces):
        raise click.UsageError(
            f"--marks takes {count} numbers with commas: 2 said it, 1 half, 0 missed; not {text!r}"
        )
    return [int(piece) for piece in pieces]


@desk.command()
@click.argument("exercise")
@click.option("--marks", help="2 said it, 1 half, 0 missed, for each point: 2,1,0,…")
def review(exercise: str, marks: str | None) -> None:
    """Compare your written ANSWER with the model answer, and mark it point by point."""
    chosen = find(exercise)
    if not chosen.written:
        raise click.UsageError(f"{chosen.short} has no written answer; q exercises have")
    run_review(chosen, marks)


def run_review(chosen: Exercise, marks: str | None) -> dict[str, Any]:
    answer = answer_of(chosen)
    if not answer.strip():
        raise click.ClickException(
            f"ANSWER in exercises/{chosen.stem}.py is empty: write first, then compare"
        )
    names = ("ANSWER", "RUBRIC", "FOLLOW_UPS", "WRONG_CLAIMS")
    model = constants(ROOT / "solutions" / f"{chosen.stem}.py", names)
    rubric = model["RUBRIC"]
    given = parse_marks(marks, len(rubric)) if marks is not None else None
    say(f"{chosen.short} {chosen.title}", style="bold")
    say(chosen.seed)
    say(f"\nYour answer ({len(answer.split())} words)", style="bold")
    say(answer.strip())
    say("\nThe model answer", style="bold")
    say(model["ANSWER"].strip())
    say("\nThe rubric", style="bold")
    if given is None:
        given = ask_marks(rubric)
    for mark, (weight, point) in zip(given, rubric):
        say(f"  {('missed', 'half', 'said it')[mark]:8} {weight}  {point}")
    total = sum(weight * mark / 2 for mark, (weight, _) in zip(given, rubric))
    entry = {
        "date": memory.now(),
        "fingerprint": memory.fingerprint(answer),
        "mark": total,
        "marks": given,
    }
    memory.change(lambda memo: memo["reviews"].__setitem__(chosen.stem, entry), say)
    say(f"\nYour mark: {number(total)} of 10 (kept; shown beside the graded parts)", style="bold")
    say("\nWhat an interviewer asks next", style="bold")
    for question, reply in model["FOLLOW_UPS"]:
        say(f"  - {question}\n    {reply}")
    say("\nCommon claims that do not hold", style="bold")
    for claim, evidence in model["WRONG_CLAIMS"]:
        say(f"  - {claim}\n    {evidence}")
    return entry


def ask_marks(rubric: list[tuple[int, str]]) -> list[int]:
    """Ask for each point; Ctrl-C or the end of input leaves without keeping anything."""
    given = []
    try:
        for i, (weight, point) in enumerate(rubric, 1):
            say(f"{i}. ({weight}) {point}")
            choice = click.Choice(["s", "h", "m"], case_sensitive=False)
            reply = click.prompt("   said it, half, missed", type=choice)
            given.append({"s": 2, "h": 1, "m": 0}[reply.lower()])
    except (click.Abort, KeyboardInterrupt):
        say("\nThe review was left; nothing was kept.")
        raise SystemExit(130) from None
    return given


@desk.command()
@click.argument("exercise")
@click.option("--spoil", is_flag=True, help="show it though the exercise does not pass yet")
def solution(exercise: str, spoil: bool) -> None:
    """Show the reference solution, once the exercise passes."""
    chosen = find(exercise)
    remembered = memory.read(say)
    whole = is_whole(chosen, remembered)
    if not whole and not spoil:
        raise click.ClickException(
            f"{chosen.short} does not pass yet, as far as the last run tells: run "
            f"pytest tests/test_{chosen.stem}.py first, or look with --spoil (the map says so)"
        )
    spoilt = not whole or remembered["solutions"].get(chosen.stem, {}).get("spoilt", False)
    entry = {"date": memory.now(), "spoilt": spoilt}
    memory.change(lambda memo: memo["solutions"].__setitem__(chosen.stem, entry), say)
    text = (ROOT / "solutions" / f"{chosen.stem}.py").read_text(encoding="utf-8")
    out = console()
    if out.is_terminal:
        from rich.syntax import Syntax

        out.print(Syntax(text, "python", background_color="default"))
    else:
        click.echo(text)


@desk.command()
@click.argument("exercise")
@click.option("--yes", is_flag=True, help="do not ask")
def reset(exercise: str, yes: bool) -> None:
    """Put the stub back; your file is kept beside it under a dated name."""
    from tests.grading.stub import stub_of

    chosen = find(exercise)
    path = EXERCISES / f"{chosen.stem}.py"
    stub = stub_of(chosen.stem)
    if path.exists() and path.read_bytes() == stub.encode("utf-8"):
        say(f"exercises/{chosen.stem}.py is the stub already.")
        return
    if not yes:
        click.confirm(f"Put the stub of {chosen.short} back (your file is kept)?", abort=True)
    try:
        kept = keep_copy(path) if path.exists() else None
        write_atomically(path, stub)
    except OSError as error:
        raise click.ClickException(
            f"{path.name} was not reset: {error.strerror}; your file is as it was"
        ) from None
    if kept:
        say(f"Your file is kept as exercises/{kept.name}.")
    say(f"exercises/{chosen.stem}.py is the stub again.")


def keep_copy(path: Path) -> Path:
    """Copy a file beside itself under a dated name that nothing has yet."""
    for kept in memory.dated_names(path.with_suffix("")):
        with contextlib.suppress(FileExistsError):
            with open(kept, "xb") as file:  # never over another copy
                file.write(path.read_bytes())
            shutil.copystat(path, kept)
            return kept
    raise AssertionError("the numbers do not end")


@desk.command()
@click.argument("exercise")
@click.argument("part", required=False)
@click.option("--pdb", "debug", is_flag=True, help="stop inside your function")
def replay(exercise: str, part: str | None, debug: bool) -> None:
    """Make the failing call of a report again, in the open: your prints, your traceback."""
    from tests.grading.replay import replay as run

    chosen = find(exercise)
    run(chosen, find_part(chosen, part), debug)


@desk.command()
@click.argument("exercise", required=False)
def watch(exercise: str | None) -> None:
    """Grade on each save (of one exercise, or of whichever is saved)."""
    from tests.grading.watch import watch as run

    run(find(exercise) if exercise else None)


@desk.command()
@click.option("--minutes", default=45, show_default=True, type=click.IntRange(1, 600))
@click.option("--seed", type=int, help="the same seed draws the same questions")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="where to keep it")
@click.option("--yes", is_flag=True, help="do not wait: review and grade at once")
@click.option("--marks", help="the marks of the written answer, as in review")
def mock(minutes: int, seed: int | None, report: Path | None, yes: bool, marks: str | None) -> None:
    """A mock interview: a question, a coding problem, a clock, and a report to keep."""
    remembered = memory.read(say)
    seed = random.SystemRandom().randrange(10**6) if seed is None else seed
    draw = random.Random(seed)
    question = draw_one("concept", draw, remembered)
    problem = draw_one("coding", draw, remembered)
    if report is None:
        report = Path(f"mock-{datetime.now():%Y%m%d-%H%M%S}.md")
    if report.exists():
        raise click.ClickException(f"{report} is there already; nothing is overwritten")
    names = ("FOLLOW_UPS",)
    follow_ups = constants(ROOT / "solutions" / f"{question.stem}.py", names)["FOLLOW_UPS"]
    say(f"A mock interview of {minutes} minutes (seed {seed})", style="bold")
    say(f"\n1. {question.title}\n   {question.seed}")
    say(f"   Write your answer into ANSWER in exercises/{question.stem}.py. Then, aloud:")
    for asked, _ in follow_ups:
        say(f"   - {asked}")
    say(f"\n2. {problem.title}\n   {problem.seed}")
    say(f"   Fill in exercises/{problem.stem}.py.")
    began = time.monotonic()
    ends = datetime.fromtimestamp(time.time() + 60 * minutes)
    say(f"\nThe clock runs until {ends:%H:%M}.")
    if not yes:
        try:
            click.prompt("Press Enter when you are done", default="", show_default=False)
        except click.Abort:
            say("\nThe interview was left; nothing was kept.")
            raise SystemExit(130) from None
    used = (time.monotonic() - began) / 60
    say(f"{used:.0f} of {minutes} minutes used." + (" Over time." if used > minutes else ""))
    reviewed = None
    if answer_of(question).strip():
        reviewed = run_review(question, marks)
    else:
        say(f"ANSWER in exercises/{question.stem}.py is empty: no review.")
    say("\nGrading…")
    graded = grade_now([question, problem])
    text = mock_report(question, problem, reviewed, graded, minutes, used, seed)
    try:
        with open(report, "x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        click.echo(text)
        raise click.ClickException(f"cannot write {report}: {error.strerror}") from None
    console().print(Markdown(text))
    say(f"Kept as {report}.")


def draw_one(kind: str, draw: random.Random, remembered: dict[str, Any]) -> Exercise:
    """One exercise of a kind, preferably one that is not whole yet."""
    of_kind = [e for e in catalogue.load() if e.kind == kind]
    drawn = draw.sample(of_kind, len(of_kind))
    return next((e for e in drawn if not is_whole(e, remembered)), drawn[0])


def grade_now(exercises: list[Exercise]) -> dict[str, Any]:
    """Grade with plain pytest in a fresh process; return the marks."""
    with tempfile.TemporaryDirectory() as folder:
        marks = Path(folder) / "marks.json"
        files = [str(ROOT / "tests" / f"test_{e.stem}.py") for e in exercises]
        subprocess.run(
            [sys.executable, "-m", "pytest", "-q", f"--grade-json={marks}", *files],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")},
        )
        if not marks.exists():
            raise click.ClickException("grading gave no result; run pytest to see why")
        return json.loads(marks.read_text(encoding="utf-8"))


def mock_report(
    question: Exercise,
    problem: Exercise,
    reviewed: dict[str, Any] | None,
    graded: dict[str, Any],
    minutes: int,
    used: float,
    seed: int,
) -> str:
    lines = [
        f"# Mock interview, {datetime.now():%Y-%m-%d %H:%M}",
        "",
        f"{used:.0f} of {minutes} minutes used, seed {seed}.",
        "",
        f"## {question.short} {question.title}",
        "",
        question.seed,
        "",
    ]
    if reviewed:
        lines += [f"Written answer, graded by yourself: **{number(reviewed['mark'])} of 10**", ""]
        lines += [f"> {line}" for line in answer_of(question).strip().splitlines()]
    else:
        lines += ["Written answer: none."]
    for exercise in (question, problem):
        if exercise is problem:
            lines += ["", f"## {problem.short} {problem.title}", "", problem.seed]
        lines += ["", "| part | verdict | what it says |", "| --- | --- | --- |"]
        for test in graded["tests"]:
            extra = test["extra_data"]
            if extra["stem"] == exercise.stem:
                what = extra["misconception"] or test["output"].splitlines()[0]
                what = what.replace("|", "\\|")
                lines.append(f"| `{extra['part']}` | {extra['verdict']} | {what} |")
    lines += [
        "",
        f"Again with the same questions: `python -m exercises mock --seed {seed}`.",
        f"The next hint: `python -m exercises hint {problem.short}`.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Run the desk; a problem with its memory is said in a line, not in a traceback."""
    try:
        desk(prog_name="python -m exercises")
    except memory.MemoryProblem as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(1) from None

"""The desk: `python -m exercises` and its commands. Plain pytest can give all that it shows."""

from __future__ import annotations

import contextlib
import difflib
import random
import shutil
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
    """Print, broken at words; a line with a command stays whole, so that it can be copied."""
    whole = "python -m" in text or "pytest " in text
    console().print(Text(text, **style), soft_wrap=whole)


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
    from tests.grading import plan as planning

    used, kind = set(), None
    following = next_exercise(memory.verdicts(remembered), memory.last_run(remembered))
    for exercise in catalogue.load():
        if exercise.kind != kind:
            kind = exercise.kind
            table.add_row("", Text(catalogue.kind(kind).heading, style="bold"))
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
            exercise.label,
            "●" * exercise.difficulty + "○" * (5 - exercise.difficulty),
            str(exercise.minutes),
            "".join(SIGNS[v] for v in verdicts),
            state,
            notes.strip(),
        )
    out.print(table)
    say("  ".join(f"{sign} {kind}" for kind, sign in SIGNS.items() if kind in used), style="dim")
    whole, today = memory.whole_stems(remembered), datetime.now().date()
    due = planning.due_today(remembered, whole, today)
    if due:
        say(f"due today: {', '.join(shorts(due))}")
    again = planning.due_again(remembered, whole, today)
    if again:
        say(f"worth doing again: {', '.join(shorts(again))} (python -m exercises plan --review)")
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
    # What the last run said, also of a file that was saved since: the part at hand is what counts.
    entry = memory.read(say)["verdicts"].get(chosen.stem, {"parts": {}})
    name = part or next((n for n in names if entry["parts"].get(n) != PASSED), names[0])
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
        raise click.UsageError(f"{chosen.short} has no written answer; q and m exercises have")
    run_review(chosen, marks)


def flowing(text: str) -> str:
    """Paragraphs as wide as the terminal, whatever the width at which they were written."""
    return "\n\n".join(" ".join(p.split()) for p in text.strip().split("\n\n"))


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
    say(flowing(answer))
    say("\nThe model answer", style="bold")
    say(flowing(model["ANSWER"]))
    say("\nThe rubric", style="bold")
    if given is None:
        given = ask_marks(rubric)
    for mark, (weight, point) in zip(given, rubric):
        earned = number(weight * mark / 2)
        say(f"  {('missed', 'half', 'said it')[mark]:8} {earned} of {weight} points  {point}")
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
            say(f"{i}. {point} (worth {weight} of 10)")
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
    kept = put_stub(chosen.stem)
    if kept:
        say(f"Your file is kept as exercises/{kept.name}.")
    say(f"exercises/{chosen.stem}.py is the stub again.")


def put_stub(stem: str) -> Path | None:
    """Put a stub back; return where the file that was there is kept."""
    from tests.grading.stub import stub_of

    path = EXERCISES / f"{stem}.py"
    try:
        kept = keep_copy(path) if path.exists() else None
        write_atomically(path, stub_of(stem))
    except OSError as error:
        raise click.ClickException(
            f"{path.name} was not reset: {error.strerror}; your file is as it was"
        ) from None
    return kept


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


def kinds_option(command: Any) -> Any:
    names = [kind.name for kind in catalogue.KINDS]
    return click.option(
        "--kind", "kinds", multiple=True, type=click.Choice(names), help="only this kind"
    )(command)


def all_or(kinds: tuple[str, ...]) -> tuple[str, ...]:
    return kinds or tuple(kind.name for kind in catalogue.KINDS)


@desk.command()
@click.option("--minutes", default=45, show_default=True, type=click.IntRange(1, 600))
@kinds_option
@click.option("--seed", type=int, help="the same seed draws the same questions")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="where to keep it")
@click.option("--yes", is_flag=True, help="do not wait: review and grade at once")
@click.option("--marks", help="the marks of the written answer, as in review")
def mock(
    minutes: int,
    kinds: tuple[str, ...],
    seed: int | None,
    report: Path | None,
    yes: bool,
    marks: str | None,
) -> None:
    """A mock interview: a question, problems that fit the time, a clock, a report to keep."""
    from tests.grading import interview

    seed = random.SystemRandom().randrange(10**6) if seed is None else seed
    whole = memory.whole_stems(memory.read(say))
    question, problems = interview.draw(minutes, seed, all_or(kinds), whole)
    if question is None and not problems:
        raise click.UsageError(f"nothing of that kind fits {minutes} minutes")
    if report is None:
        report = Path(f"mock-{datetime.now():%Y%m%d-%H%M%S}.md")
    if report.exists():
        raise click.ClickException(f"{report} is there already; nothing is overwritten")
    say(f"A mock interview of {minutes} minutes (seed {seed})", style="bold")
    if question:
        names = ("FOLLOW_UPS",)
        asked = constants(ROOT / "solutions" / f"{question.stem}.py", names)["FOLLOW_UPS"]
        say(f"\n{question.title} (about {interview.QUESTION_MINUTES} minutes)\n{question.seed}")
        say(f"Write your answer into ANSWER in exercises/{question.stem}.py.")
        say("The answer is what counts here; the functions of that file do not. Then, aloud:")
        for text, _ in asked:
            say(f"  - {text}")
    for problem in problems:
        say(f"\n{problem.title} (about {problem.minutes} minutes)\n{problem.seed}")
        written = "; its ANSWER does not count here" if problem.written else ""
        say(f"Fill in the functions of exercises/{problem.stem}.py{written}.")
    ends = datetime.fromtimestamp(time.time() + 60 * minutes)
    say(f"\nThe clock runs until {ends:%H:%M}.")
    used = 0.0
    if not yes:
        try:
            used = interview.wait(minutes)
        except (click.Abort, KeyboardInterrupt):
            say("\nThe interview was left; nothing was kept.")
            raise SystemExit(130) from None
    say(f"{used:.0f} of {minutes} minutes used." + (" Over time." if used > minutes else ""))
    reviewed, answer = None, answer_of(question) if question else ""
    if answer.strip():
        reviewed = run_review(question, marks)
    elif question:
        say(f"ANSWER in exercises/{question.stem}.py is empty: no review.")
    graded: dict[str, Any] = {}
    if problems:
        say("\nGrading…")
        graded = interview.grade_now(problems)
    again = f"python -m exercises mock --minutes {minutes} --seed {seed}"
    again += "".join(f" --kind {kind}" for kind in kinds)
    text = interview.report(question, problems, answer, reviewed, graded, minutes, used, again)
    try:
        with open(report, "x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        click.echo(text)
        raise click.ClickException(f"cannot write {report}: {error.strerror}") from None
    console().print(Markdown(text))
    say(f"Kept as {report}.")


@desk.command()
@click.argument("days", required=False, type=click.IntRange(1, 365))
@kinds_option
@click.option("--hours", default=1.5, show_default=True, type=click.FloatRange(0.25, 16))
@click.option("--review", "again", is_flag=True, help="put fresh copies of what is due again")
@click.option("--yes", is_flag=True, help="do not ask")
def plan(days: int | None, kinds: tuple[str, ...], hours: float, again: bool, yes: bool) -> None:
    """Lay the exercises out over the DAYS before an interview; without DAYS, show the plan."""
    from tests.grading import plan as planning

    today = datetime.now().date()
    remembered = memory.read(say)
    whole = memory.whole_stems(remembered)
    if again:
        take_again(planning.due_again(remembered, whole, today), yes)
        return
    if days is not None:
        schedule, omitted = planning.lay_out(days, hours, all_or(kinds), whole, today)
        entry = {"made": memory.now(), "schedule": schedule}
        memory.change(lambda memo: memo.__setitem__("plan", entry), say)
        remembered["plan"] = entry
        if omitted:
            names = ", ".join(e.short for e in omitted)
            say(f"There is no time for {names}: more days, or --hours a day, would have it.")
    if not remembered["plan"]:
        raise click.UsageError("there is no plan yet: python -m exercises plan DAYS makes one")
    for day, stems in sorted(remembered["plan"]["schedule"].items()):
        chosen = [e for e in catalogue.load() if e.stem in stems]
        chosen.sort(key=lambda e: stems.index(e.stem))
        total = sum(e.minutes for e in chosen)
        mark = "  ← today" if day == today.isoformat() else ""
        say(f"{day}  {total} minutes{mark}", style="bold")
        for exercise in chosen:
            done = "✓" if exercise.stem in whole else " "
            say(f"  {done} {exercise.short} {exercise.label} ({exercise.minutes} min)")
    due = planning.due_again(remembered, whole, today)
    if due:
        say(f"Worth doing again: {', '.join(shorts(due))}. Fresh copies, your files kept:")
        say("  python -m exercises plan --review")


def shorts(stems: list[str]) -> list[str]:
    return [stem.split("_")[0] for stem in stems]


def take_again(due: list[str], yes: bool) -> None:
    """Fresh copies of what was passed days ago; the files as they are stay beside them."""
    if not due:
        say("Nothing is due again today.")
        return
    names = ", ".join(shorts(due))
    if not yes:
        click.confirm(f"Put fresh copies of {names} (your files are kept)?", abort=True)
    for stem in due:
        kept = put_stub(stem)
        date = memory.now()
        memory.change(lambda memo, s=stem, d=date: memo["passed"][s]["again"].append(d), say)
        say(f"exercises/{stem}.py is fresh; yours is kept as exercises/{kept.name}.")


@desk.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def release(folder: Path) -> None:
    """Write what a class hands out and what its grader needs, without answers, to FOLDER."""
    from tests.grading.release import release as run

    try:
        run(folder)
    except OSError as error:
        raise click.ClickException(str(error)) from None
    say(f"{folder}/handout is for the learners (with a workflow for GitHub Classroom);")
    say(f"{folder}/autograder is for Gradescope: zip what is in it and upload that.")


def main() -> None:
    """Run the desk; a problem with its memory is said in a line, not in a traceback."""
    try:
        desk(prog_name="python -m exercises")
    except memory.MemoryProblem as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(1) from None
    except FileNotFoundError as error:
        if error.filename is None or Path(error.filename).parent != ROOT / "solutions":
            raise
        click.echo("Error: this copy was handed out without the solutions that it needs", err=True)
        raise SystemExit(1) from None

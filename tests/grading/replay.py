"""`replay`: the call that a report shows, once more, in the foreground.

The part is judged again in this process, quietly and without limits, until the failing call is
known: the same submission gets the same report, so it is the same call. Then it is made in the
open, with whatever it prints, its own traceback, or a debugger inside it.
"""

from __future__ import annotations

import contextlib
import copy
import os
import pdb
import signal
import sys
import traceback
from collections.abc import Iterator
from typing import Any

import click
import pytest

from tests.grading import verdict as verdicts
from tests.grading.catalogue import ROOT, Exercise
from tests.grading.examiner import Examiner
from tests.grading.submission import Call, Submission
from tests.grading.verdict import PASSED, TODO, Verdict


class Found:
    """Instead of pytest's loop: looks for the call that the report of a part shows."""

    def __init__(self, stem: str, part: str | None) -> None:
        self.stem, self.part = stem, part
        self.verdict: Verdict | None = None
        self.call: Call | None = None
        self.submission: Submission | None = None
        self.todo: list[str] = []

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        grader = session.config.pluginmanager.get_plugin("grader")
        grader.board.parts.clear()  # what is found here is no verdict to be kept
        for run in grader.runs.values():
            if run.stem != self.stem or self.part not in (None, run.part):
                continue
            if run.done:
                self.todo.append(run.part)
                continue
            submission = run.submission()
            examiner = Examiner(run.items, submission, run.part)
            with quiet(), alarm(grader.limits.call_seconds):
                self._look(examiner)
            if self.verdict is not None:
                self.submission = submission
                return True
        return True

    def _look(self, examiner: Examiner) -> None:
        failing = []
        for index in examiner.items:
            verdict = examiner.judge(index)
            if verdict.verdict == TODO:
                self.todo.append(examiner.part)
                return
            if verdict.verdict != PASSED:
                failing.append(index)
            if verdict.whole_file:
                break
        if not failing:
            return
        told = examiner.tell(failing, everything=False)
        self.verdict = verdicts.failures(told.values())[0]
        index = next(i for i, v in told.items() if v.property == self.verdict.property)
        diary = examiner.diaries[index]
        example = diary.last_failing or diary.current
        self.call = example.calls[-1] if example.calls else None


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """What the search prints is no part of the replay."""
    sys.stdout.flush()
    kept, null = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


class Late(BaseException):
    """A call took longer than a call may; not an Exception, so that it stops at once."""


@contextlib.contextmanager
def alarm(seconds: float) -> Iterator[None]:
    """End a call that hangs during the search: it is the one to be shown."""
    if not hasattr(signal, "setitimer"):
        yield
        return
    original = Submission.call

    def ring(*_: Any) -> None:
        raise Late(f"it had not returned after {seconds:g} s")

    def call(self: Submission, name: str, /, *args: Any, **kwargs: Any) -> Any:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            return original(self, name, *args, **kwargs)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    before = signal.signal(signal.SIGALRM, ring)
    Submission.call = call
    try:
        yield
    finally:
        Submission.call = original
        signal.signal(signal.SIGALRM, before)


def replay(exercise: Exercise, part: str | None, debug: bool) -> None:
    """Find the failing call of a part (the first that is wrong) and make it in the open."""
    found = Found(exercise.stem, part)
    options = ("-qq", "-s", "-p", "no:cacheprovider", "--same-process", "--target=exercises")
    file = str(ROOT / "tests" / f"test_{exercise.stem}.py")
    pytest.main([*options, file], plugins=[found])
    if found.verdict is None:
        if found.todo:
            names = ", ".join(dict.fromkeys(found.todo))
            click.echo(f"{exercise.short}: nothing fails; not written yet: {names}")
        else:
            click.echo(f"{exercise.short}: nothing fails" + (f" in {part}" if part else ""))
        return
    verdict, call = found.verdict, found.call
    click.echo(f"{exercise.short} {verdict.part}: {verdict.verdict}")
    click.echo(verdict.full())
    if call is None:
        return
    click.echo("\nnow in the foreground:\n")
    function = getattr(found.submission.module, call.name)
    args, kwargs = copy.deepcopy((call.args, call.kwargs))
    try:
        if debug:
            click.echo("(s steps into your function, n goes on, q leaves)")
            result = pdb.Pdb(nosigint=True).runcall(function, *args, **kwargs)
        else:
            result = function(*args, **kwargs)
    except KeyboardInterrupt:
        _show_own(found.submission, sys.exc_info()[1])
        click.echo("stopped")
    except BaseException as error:
        _show_own(found.submission, error)
    else:
        click.echo(f"returned: {result!r}")


def _show_own(submission: Submission, error: BaseException) -> None:
    """The traceback from the learner's own file on."""
    frames = traceback.extract_tb(error.__traceback__)
    first = next((i for i, f in enumerate(frames) if f.filename == str(submission.path)), 0)
    click.echo("Traceback (most recent call last):")
    click.echo("".join(traceback.format_list(frames[first:])), nl=False)
    click.echo("".join(traceback.format_exception_only(type(error), error)), nl=False)

"""`mock`: a question to answer, problems to solve, a clock, and a report to keep."""

from __future__ import annotations

import json
import os
import random
import select
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from tests.grading import catalogue
from tests.grading.board import number
from tests.grading.catalogue import ROOT, Exercise

QUESTION_MINUTES = 10
"""For a written answer and its follow-ups, aloud."""


def draw(
    minutes: int, seed: int, kinds: tuple[str, ...], whole: set[str]
) -> tuple[Exercise | None, list[Exercise]]:
    """A question and problems that fit the minutes, preferably not solved yet.

    The question is one with a written answer; what is to be programmed are other exercises.
    """
    chance = random.Random(seed)
    every = [e for e in catalogue.load() if e.kind in kinds]
    every = sorted(chance.sample(every, len(every)), key=lambda e: e.stem in whole)
    question = next((e for e in every if e.written and minutes >= QUESTION_MINUTES), None)
    left = minutes - (QUESTION_MINUTES if question else 0)
    problems: list[Exercise] = []
    for exercise in every:
        # A conceptual question is asked as a question; its functions are not counted here.
        if exercise is question or exercise.kind == "concept":
            continue
        if exercise.minutes <= left:
            problems.append(exercise)
            left -= exercise.minutes
    return question, problems


def wait(minutes: int) -> float:
    """Wait for Enter beside a countdown; return the minutes used."""
    began = time.monotonic()
    if not sys.stdin.isatty() or not sys.stdout.isatty() or sys.platform == "win32":
        click.prompt("Press Enter when you are done", default="", show_default=False)
        return (time.monotonic() - began) / 60
    rung = False
    while True:
        left = 60 * minutes - (time.monotonic() - began)
        shown = f"{int(abs(left)) // 60:02d}:{int(abs(left)) % 60:02d}"
        if left < 0 and not rung:
            rung = True
            click.echo("\a\nTime is up: an interviewer would stop you here.")
        text = f"{shown} left" if left >= 0 else f"{shown} over"
        click.echo(f"\r{text}; press Enter when you are done ", nl=False)
        ready, _, _ = select.select([sys.stdin], [], [], 1.0)
        if ready:
            if not sys.stdin.readline():
                raise click.Abort
            return (time.monotonic() - began) / 60


def grade_now(exercises: list[Exercise]) -> dict[str, Any]:
    """Grade with plain pytest in a fresh process; return the marks."""
    with tempfile.TemporaryDirectory() as folder:
        marks = Path(folder) / "marks.json"
        files = [str(ROOT / "tests" / f"test_{e.stem}.py") for e in exercises]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", f"--grade-json={marks}", *files],
            cwd=ROOT,
            capture_output=True,
            text=True,
            env={k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")},
        )
        if not marks.exists():
            said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-5:])
            raise click.ClickException(f"grading gave no result:\n{said}")
        return json.loads(marks.read_text(encoding="utf-8"))


def report(
    question: Exercise | None,
    problems: list[Exercise],
    answer: str,
    reviewed: dict[str, Any] | None,
    graded: dict[str, Any],
    minutes: int,
    used: float,
    again: str,
) -> str:
    """What is kept, in Markdown."""
    lines = [
        f"# Mock interview, {datetime.now():%Y-%m-%d %H:%M}",
        "",
        f"{used:.0f} of {minutes} minutes used.",
    ]
    if question:
        lines += ["", f"## {question.short} {question.title}", "", question.seed, ""]
        if reviewed:
            mark = number(reviewed["mark"])
            lines += [f"Written answer, graded by yourself: **{mark} of 10**", ""]
            lines += [f"> {line}" for line in answer.strip().splitlines()]
        else:
            lines += ["Written answer: none."]
    for exercise in problems:
        lines += ["", f"## {exercise.short} {exercise.title}", "", exercise.seed]
        lines += ["", "| part | verdict | what it says |", "| --- | --- | --- |"]
        for test in graded.get("tests", ()):
            extra = test["extra_data"]
            if extra["stem"] == exercise.stem:
                what = extra["misconception"] or extra["line"] or test["output"].splitlines()[0]
                what = what.replace("|", "\\|")
                lines.append(f"| `{extra['part']}` | {extra['verdict']} | {what} |")
    lines += ["", f"Again with the same questions: `{again}`."]
    if problems:
        lines += [f"The next hint: `python -m exercises hint {problems[0].short}`."]
    return "\n".join([*lines, ""])

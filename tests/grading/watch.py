"""`watch`: grade on each save, from a process that has collected the tests already.

pytest starts once, imports and collects, and then waits instead of running. At each save it forks:
the fork reads the saved file, judges, prints and ends, as any run does.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import Any

import click

from tests.grading.catalogue import ROOT, Exercise, load
from tests.grading.sandbox import CAN_FORK

EXERCISES = ROOT / "exercises"
CLEAR = "\x1b[2J\x1b[3J\x1b[H"


def watch(chosen: Exercise | None) -> None:
    """Grade `chosen`, or whichever exercise is saved, until Ctrl-C."""
    stems = [chosen.stem] if chosen else [exercise.stem for exercise in load()]
    name = f"exercises/{chosen.stem}.py" if chosen else "exercises/"
    how = "" if CAN_FORK else " (a fresh process each time: this platform cannot fork)"
    click.echo(f"watching {name}; Ctrl-C ends it{how}")
    graded = {} if chosen else contents(stems)
    try:
        if CAN_FORK and chosen:
            import pytest

            pytest.main(["-q", test_of(chosen.stem)], plugins=[Warm(stems, graded)])
            return
        for saved in saves(stems, graded):
            began = start()
            files = [test_of(stem) for stem in saved]
            subprocess.run([sys.executable, "-m", "pytest", "-q", *files], cwd=ROOT)
            end(began)
    except KeyboardInterrupt:
        pass
    click.echo("\nno longer watching")


class Warm:
    """Waits for saves where pytest would run its loop, and lets a fork run it."""

    def __init__(self, stems: list[str], graded: dict[str, bytes]) -> None:
        self.stems, self.graded = stems, graded

    def pytest_configure(self, config: Any) -> None:
        # Collected for real, also while the exercise is as it was handed out.
        config.pluginmanager.get_plugin("grader").wait_for_saves = True

    def pytest_runtestloop(self, session: Any) -> Any:
        """In the parent: never ends. In a fork: returns, so that the loop runs."""
        grader = session.config.pluginmanager.get_plugin("grader")
        capture = session.config.pluginmanager.get_plugin("capturemanager")
        with capture.global_and_fixture_disabled():
            try:
                for _ in saves(self.stems, self.graded):
                    began = start()
                    child = os.fork()
                    if child == 0:
                        grader.read_anew(began)
                        return None
                    os.waitpid(child, 0)
                    end(began)
            except KeyboardInterrupt:
                click.echo("\nno longer watching")
                sys.stdout.flush()
                os._exit(0)

    def pytest_unconfigure(self, config: Any) -> None:
        grader = config.pluginmanager.get_plugin("grader")
        if grader is not None and grader.watched_since is not None:  # a fork ends here
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)


def saves(stems: list[str], graded: dict[str, bytes]) -> Any:
    """The stems whose file is another than when it was graded, again and again."""
    import watchfiles

    # The watcher only says when to look: what counts is whether a file is other than it was when
    # it was graded, so that a save during a run, or just before the watch began, is not lost.
    ticks = watchfiles.watch(
        EXERCISES, debounce=20, step=10, rust_timeout=500, yield_on_timeout=True, recursive=False
    )
    while True:
        now = contents(stems)
        saved = [stem for stem in stems if now[stem] and now[stem] != graded.get(stem)]
        graded = now
        if saved:
            yield saved
        else:
            next(ticks)


def start() -> float:
    """A clear screen where there is one, and the clock."""
    if sys.stdout.isatty():
        click.echo(CLEAR, nl=False)
    sys.stdout.flush()
    return time.monotonic()


def end(began: float) -> None:
    click.echo(f"[{time.monotonic() - began:.1f} s from the save] waiting for the next one")
    sys.stdout.flush()


def test_of(stem: str) -> str:
    return str(ROOT / "tests" / f"test_{stem}.py")


def contents(stems: list[str]) -> dict[str, bytes]:
    """The files as they are; empty where there is none."""
    found = {}
    for stem in stems:
        path = EXERCISES / f"{stem}.py"
        found[stem] = path.read_bytes() if path.exists() else b""
    return found

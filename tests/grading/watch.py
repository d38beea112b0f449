"""`watch`: grade on each save, from a process that has numpy and torch in it already."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import click

from tests.grading.catalogue import ROOT, Exercise, load
from tests.grading.sandbox import CAN_FORK

EXERCISES = ROOT / "exercises"
QUIET = ("-W", "ignore::pytest.PytestAssertRewriteWarning")  # what is warm is imported already


def watch(chosen: Exercise | None) -> None:
    """Grade `chosen`, or whichever exercise is saved, until Ctrl-C."""
    import watchfiles

    warm = CAN_FORK and preload(chosen)
    stems = [chosen.stem] if chosen else [exercise.stem for exercise in load()]
    name = f"exercises/{chosen.stem}.py" if chosen else "exercises/"
    how = "" if warm else " (a fresh process each time: this platform cannot fork)"
    click.echo(f"watching {name}; Ctrl-C ends it{how}")
    graded = {} if chosen else contents(stems)
    # The watcher only says when to look: what counts is whether a file is other than it was when
    # it was graded, so that a save during a run, or just before the watch began, is not lost.
    ticks = watchfiles.watch(
        EXERCISES, debounce=50, step=20, rust_timeout=500, yield_on_timeout=True, recursive=False
    )
    try:
        while True:
            now = contents(stems)
            saved = [stem for stem in stems if now[stem] and now[stem] != graded.get(stem)]
            graded = now
            if saved:
                grade(saved, warm)
            else:
                next(ticks)
    except KeyboardInterrupt:
        click.echo("\nno longer watching")


def contents(stems: list[str]) -> dict[str, bytes]:
    """The files as they are; empty where there is none."""
    found = {}
    for stem in stems:
        path = EXERCISES / f"{stem}.py"
        found[stem] = path.read_bytes() if path.exists() else b""
    return found


def preload(chosen: Exercise | None) -> bool:
    """Import once what every run needs; False where a fork would not be safe afterwards."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"  # a fork must find no other thread
    import hypothesis.strategies
    import numpy
    import pytest  # noqa: F401

    from tests.grading import plugin
    from tests.strategies import vectors  # noqa: F401

    del hypothesis, numpy, plugin
    if chosen is None or "torch" in chosen.packages:
        import torch

        torch.set_num_threads(1)
        from tests.strategies import networks  # noqa: F401
    return True


def grade(stems: list[str], warm: bool) -> int:
    """Grade the stems; in a fork of this process if it is warm."""
    files = [str(ROOT / "tests" / f"test_{stem}.py") for stem in stems]
    began = time.monotonic()
    if warm:
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            status = 1
            try:
                import pytest

                os.chdir(ROOT)
                status = int(pytest.main(["-q", *QUIET, *files]))
                sys.stdout.flush()
            finally:
                os._exit(status)
        _, status = os.waitpid(child, 0)
        status = os.waitstatus_to_exitcode(status)
    else:
        status = subprocess.run([sys.executable, "-m", "pytest", "-q", *files], cwd=ROOT).returncode
    click.echo(f"[{time.monotonic() - began:.1f} s] waiting for the next save")
    return status

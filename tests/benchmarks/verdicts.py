"""How long a learner waits: whole processes, the warm watch, the whole suite."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from notebooks import lab
from tests.benchmarks.row import Row, at_most
from tests.grading import catalogue
from tests.grading.catalogue import ROOT
from tests.grading.mistakes import known_mistakes


def rows(quick: bool) -> Iterator[Row]:
    """In a copy of the repository, so that no learner's file or memory is touched."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "copy")
        ignored = shutil.ignore_patterns(".*", "__pycache__", "notebooks")
        shutil.copytree(ROOT, copy, ignore=ignored)
        nothing = "def test_nothing():\n    pass\n"
        (copy / "tests" / "test_nothing.py").write_text(nothing, encoding="utf-8")
        yield from _processes(copy, 1 if quick else 3)
        (copy / "tests" / "test_nothing.py").unlink()
        yield from _fresh(copy, 1 if quick else 3)
        yield from _whole(copy)
        yield from _watching(copy)


def _python(copy: Path, *arguments: str) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(
        [sys.executable, *arguments],
        cwd=copy,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _processes(copy: Path, repeats: int) -> Iterator[Row]:
    """A right answer to each exercise, and one in which every part is a known mistake."""

    def grade(test: str, target: str = "solutions"):
        return lambda: _python(copy, "-m", "pytest", f"--target={target}", f"tests/test_{test}.py")

    exercises = catalogue.load()
    wrong = copy.parent / "wrong"
    wrong.mkdir()
    for exercise in exercises:
        source = (ROOT / "solutions" / f"{exercise.stem}.py").read_text(encoding="utf-8")
        for part in exercise.parts:
            known = next(m for m in known_mistakes(exercise.stem) if m.part == part.name)
            function = known.function
            source += f"\nfrom {function.__module__} import {function.__name__} as {part.name}"
        (wrong / f"{exercise.stem}.py").write_text(source + "\n", encoding="utf-8")
    calls = {exercise.stem: grade(exercise.stem) for exercise in exercises}
    calls |= {f"wrong {e.stem}": grade(e.stem, str(wrong)) for e in exercises}
    calls |= {"empty": grade("nothing"), "torch": lambda: _python(copy, "-c", "import torch")}
    seconds = lab.time_side_by_side(calls, repeats=repeats, warm=1)
    yield Row("verdicts · an empty pytest run with the same plugins", f"{seconds['empty']:.2f} s")
    yield Row("verdicts · import torch", f"{seconds['torch']:.2f} s")
    for exercise in exercises:
        right, torch = seconds[exercise.stem], "torch" in exercise.packages
        unit, goal = ("torch", 2.0) if torch else ("empty", 1.6)
        name = "import torch" if torch else "empty run"
        what = f"verdicts · {exercise.short}, right ({right:.1f} s): whole process / {name}"
        yield at_most(what, right / seconds[unit], goal)
        failed = seconds[f"wrong {exercise.stem}"]
        what = f"verdicts · {exercise.short}, every part wrong ({failed:.1f} s): / right"
        yield at_most(what, failed / right, 2.0)


def _fresh(copy: Path, repeats: int) -> Iterator[Row]:
    calls = {
        "fresh": lambda: _python(copy, "-m", "pytest"),
        "torch": lambda: _python(copy, "-c", "import torch"),
    }
    seconds = lab.time_side_by_side(calls, repeats=repeats, warm=1)
    what = f"verdicts · a fresh clone's pytest ({seconds['fresh']:.1f} s) / import torch"
    yield at_most(what, seconds["fresh"] / seconds["torch"], 4)


def _whole(copy: Path) -> Iterator[Row]:
    files = [f"tests/test_{e.stem}.py" for e in catalogue.load()]
    began = time.perf_counter()
    first = [file for file in files if "test_m" not in file]
    _python(copy, "-m", "pytest", "--target=solutions", "-n", "2", *first)
    yield at_most("verdicts · the first twenty, -n 2", time.perf_counter() - began, 25, " s")
    began = time.perf_counter()
    _python(copy, "-m", "pytest", "--target=solutions", *files)
    yield Row("verdicts · all thirty, plain pytest", f"{time.perf_counter() - began:.0f} s")


def _watching(copy: Path) -> Iterator[Row]:
    """From the save to the verdict; what the desk prints ends each with the seconds it took."""
    for stem, goal in (("p01_vector_pruning", 0.4), ("p02_structured_pruning", 1.0)):
        path = copy / "exercises" / f"{stem}.py"
        solution = (ROOT / "solutions" / f"{stem}.py").read_text(encoding="utf-8")
        watch = subprocess.Popen(
            [sys.executable, "-u", "-m", "exercises", "watch", stem[:3]],
            cwd=copy,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            _verdict(watch)  # the stub, as it is
            waits = []
            for turn in range(5):
                began = time.perf_counter()
                path.write_text(f"{solution}\n# {turn}\n", encoding="utf-8")
                _verdict(watch)
                waits.append(time.perf_counter() - began)
        finally:
            watch.terminate()
            watch.wait()
        yield at_most(f"watch · {stem}: save to verdict, warm", sorted(waits)[2], goal, " s")


def _verdict(watch: subprocess.Popen) -> None:
    for line in watch.stdout:
        if re.match(r"\[\d+\.\d s from the save\]", line):
            return
    raise RuntimeError("the watch ended")

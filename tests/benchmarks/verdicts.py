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


def rows(quick: bool) -> Iterator[Row]:
    """In a copy of the repository, so that no learner's file or memory is touched."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "copy")
        ignored = shutil.ignore_patterns(".*", "__pycache__", "notebooks")
        shutil.copytree(ROOT, copy, ignore=ignored)
        nothing = "def test_nothing():\n    pass\n"
        (copy / "tests" / "test_nothing.py").write_text(nothing, encoding="utf-8")
        yield from _processes(copy, quick)
        (copy / "tests" / "test_nothing.py").unlink()
        yield from _whole(copy)
        yield from _watching(copy)


def _python(copy: Path, *arguments: str) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(
        [sys.executable, *arguments],
        cwd=copy,
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _processes(copy: Path, quick: bool) -> Iterator[Row]:
    def grade(test: str):
        return lambda: _python(copy, "-m", "pytest", "--target=solutions", f"tests/test_{test}.py")

    exercises = catalogue.load()
    calls = {exercise.stem: grade(exercise.stem) for exercise in exercises}
    calls |= {"empty": grade("nothing"), "torch": lambda: _python(copy, "-c", "import torch")}
    seconds = lab.time_side_by_side(calls, repeats=1 if quick else 3, warm=1)
    yield Row("verdicts · an empty pytest run with the same plugins", f"{seconds['empty']:.2f} s")
    yield Row("verdicts · import torch", f"{seconds['torch']:.2f} s")
    for exercise in exercises:
        took = seconds[exercise.stem]
        if "torch" in exercise.packages:
            yield Row(
                f"verdicts · {exercise.stem}: whole process / import torch",
                f"{took / seconds['torch']:.1f}× ({took:.1f} s)",
            )
        elif exercise.stem.startswith("p01"):
            ratio = took / seconds["empty"]
            yield at_most(f"verdicts · {exercise.stem}: whole process / empty run", ratio, 1.5)
        else:
            yield Row(
                f"verdicts · {exercise.stem}: whole process / empty run",
                f"{took / seconds['empty']:.1f}× ({took:.1f} s)",
            )


def _whole(copy: Path) -> Iterator[Row]:
    began = time.perf_counter()
    _python(copy, "-m", "pytest", "--target=solutions", "-n", "2")
    yield at_most("verdicts · all twenty, -n 2", time.perf_counter() - began, 60, " s")


def _watching(copy: Path) -> Iterator[Row]:
    """From the save to the verdict; what the desk prints ends each with the seconds it took."""
    for stem, goal in (("p01_vector_pruning", 0.3), ("p02_structured_pruning", 1.0)):
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
        if re.match(r"\[\d+\.\d s\]", line):
            return
    raise RuntimeError("the watch ended")

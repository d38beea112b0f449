"""Every exercise takes what a hostile submission does, and the others are marked as before.

(The solutions' parts call each other; that a part costs only itself is in `test_hostile.py`.)

In one turn two thirds of the exercises have one hostile part, each another behaviour; in the next
turn the behaviours move on by one. One turn runs with the project's tests; all of them:

    python -m tests.project.test_hostile_everywhere
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pytest

from tests.grading import catalogue
from tests.project.runs import Run, grade, handed_in

RIGHT = "return original(*args, **kwargs)"
BEHAVIOURS = {
    "endless loop": ("while True: pass", "timed out"),
    "endless loop that swallows": (
        "while True:\n        try:\n            while True: pass\n        except: pass",
        "timed out",
    ),
    "sys.exit": ("import sys; sys.exit(0)", "crashed"),
    "os._exit": ("import os; os._exit(0)", "crashed"),
    "kill": ("import os; os.kill(os.getpid(), 9)", "crashed"),
    "segmentation fault": ("import ctypes; ctypes.string_at(0)", "crashed"),
    "keyboard interrupt": ("raise KeyboardInterrupt", "crashed"),
    "pytest.skip": ("import pytest; pytest.skip('no')", "crashed"),
    "pytest.exit": ("import pytest; pytest.exit('bye', 0)", "crashed"),
    "recursion": ("return hostile(*args, **kwargs)", "crashed"),
    "memory at once": ("return bytearray(10**11)", "crashed"),
    "reseeds numpy": (f"import numpy; numpy.random.seed(0); {RIGHT}", "wrong"),
    "draws from numpy": (f"import numpy; numpy.random.rand(); {RIGHT}", "wrong"),
    "draws from random": (f"import random; random.random(); {RIGHT}", "wrong"),
    "patches numpy": (f"import numpy; numpy.abs = lambda x: x; {RIGHT}", "wrong"),
    "patches a builtin": (f"import builtins; builtins.round = int; {RIGHT}", "wrong"),
    "prints": ("print('spam ' * 200_000); return None", "wrong|crashed"),
    "warns": ("import warnings; warnings.warn('careful'); return 1 / 0", "crashed"),
    "imports solutions": ("import solutions; return None", "wrong"),
    "returns nothing": ("return None", "wrong|crashed"),
    "NaN": ("return float('nan')", "wrong|crashed"),
}


def turn(number: int, tmp: Path, *args: str) -> tuple[Run, dict[str, str]]:
    """Grade all exercises with one hostile part each; what each of these may come to."""
    expected = {}
    names = list(BEHAVIOURS)
    for place, exercise in enumerate(catalogue.load()):
        if (place + number) % 3 == 2:  # a third is left as it is, to see that nothing reaches it
            handed_in(tmp, exercise.stem)
            continue
        body, verdict = BEHAVIOURS[names[(place + number) % len(names)]]
        part = exercise.parts[number % len(exercise.parts)].name
        more = f"original = {part}\ndef {part}(*args, **kwargs):\n    {body}\nhostile = {part}"
        folder = handed_in(tmp, exercise.stem, more)
        expected[f"{exercise.stem}: {part}"] = verdict
    limits = ("-o", "grading_call_seconds=3", "-o", "grading_memory_mb=600")
    return grade(folder, *limits, *args, tmp=tmp, timeout=1500), expected


def unexpected(run: Run, expected: dict[str, str]) -> list[str]:
    """The hostile parts that came to something else, and what went wrong in other exercises."""
    hurt = {name.partition(":")[0]: name for name in expected}
    found = [] if run.status == 1 else [f"exit status {run.status}"]
    for test in run.marks["tests"]:
        verdict, stem = test["extra_data"]["verdict"], test["extra_data"]["stem"]
        if test["name"] not in expected and stem in hurt:
            continue
        if verdict not in expected.get(test["name"], "passed").split("|"):
            found.append(f"{test['name']}: {verdict}\n{test['output'][:600]}")
    told = {test["name"] for test in run.marks["tests"]}
    return found + [f"{name}: not told of" for name in expected if name not in told]


@pytest.mark.sweep
def test_a_hostile_part_in_every_exercise_costs_only_that_part(tmp_path):
    run, expected = turn(0, tmp_path)
    assert not unexpected(run, expected), run.output
    assert len(run.marks["tests"]) == sum(len(e.parts) for e in catalogue.load())


if __name__ == "__main__":
    wrong = 0
    for number in range(len(BEHAVIOURS)):
        with tempfile.TemporaryDirectory() as folder:
            told = unexpected(*turn(number, Path(folder), "-n", "2"))
        wrong += len(told)
        print(
            f"turn {number + 1} of {len(BEHAVIOURS)}:", "\n".join(told) or "as expected", flush=True
        )
    sys.exit(bool(wrong))

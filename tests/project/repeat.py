"""The same submission gets the same verdict, whatever the order: graded again and again.

    python -m tests.project.repeat            all, twenty times, every other time with -n 2
    python -m tests.project.repeat 5 p01 q04  five runs of these

What is graded has in each exercise one part right, one wrong as a known mistake is, and so on in
turns. Verdicts, misconceptions and messages must be the same in every run.
"""

from __future__ import annotations

import difflib
import json
import random
import sys
import tempfile
from pathlib import Path

from tests.grading import catalogue
from tests.grading.catalogue import ROOT
from tests.grading.mistakes import known_mistakes
from tests.project.runs import grade, handed_in


def mixed(tmp: Path, stems: list[str]) -> Path:
    """A folder in which every other part of each exercise is wrong, as a known mistake is."""
    for stem in stems:
        more = []
        for part in catalogue.find(stem).parts[::2]:
            known = [m.function for m in known_mistakes(stem) if m.part == part.name]
            chosen = random.Random(stem).choice(known)
            more.append(f"from {chosen.__module__} import {chosen.__name__} as {part.name}")
        folder = handed_in(tmp, stem, "\n".join(more))
    return folder


def shuffled(stems: list[str], seed: int) -> list[str]:
    """The arguments that run these exercises' properties in another order."""
    import pytest

    class Collected:
        def pytest_collection_finish(self, session: pytest.Session) -> None:
            self.ids = [item.nodeid for item in session.items]

    collected = Collected()
    files = [str(ROOT / "tests" / f"test_{stem}.py") for stem in stems]
    pytest.main(["-qq", "--collect-only", "--no-summary", *files], plugins=[collected])
    return random.Random(seed).sample(collected.ids, len(collected.ids))


def told(folder: Path, arguments: list[str], tmp: Path) -> dict[str, dict]:
    """By part: score, verdict, misconception and message."""
    listed = tmp / "arguments.txt"
    listed.write_text("\n".join(arguments), encoding="utf-8")
    marks = grade(folder, f"@{listed}", "-q", tmp=tmp, timeout=1800).marks
    return {test["name"]: test for test in marks["tests"]}


def differences(stems: list[str], runs: int, tmp: Path) -> list[str]:
    """What any run tells otherwise than the first, which is in the order of the files."""
    folder = mixed(tmp, stems)
    first = told(folder, [f"tests/test_{stem}.py" for stem in stems], tmp)
    found = []
    for seed in range(runs):
        again = told(folder, shuffled(stems, seed) + ["-n", "2"] * (seed % 2), tmp)
        for name, test in first.items():
            if again.get(name) != test:
                lines = [
                    json.dumps(t, indent=1, ensure_ascii=False) for t in (test, again.get(name))
                ]
                lines = [text.replace("\\n", "\n").splitlines() for text in lines]
                found.append("\n".join(difflib.unified_diff(*lines, name, f"run {seed}", n=0)))
        print(f"run {seed + 1} of {runs}: {len(found)} differences so far", flush=True)
    return found


def main(arguments: list[str]) -> None:
    """Run it, and print the differences."""
    runs = int(arguments[0]) if arguments else 20
    names = tuple(arguments[1:] or [""])
    stems = [e.stem for e in catalogue.load() if e.stem.startswith(names)]
    with tempfile.TemporaryDirectory() as tmp:
        found = differences(stems, runs, Path(tmp))
    print("\n\n".join(found) or f"{runs} runs: the same verdicts, names and messages")
    sys.exit(bool(found))


if __name__ == "__main__":
    main(sys.argv[1:])

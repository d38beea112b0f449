"""Whole grading runs in a child process, as a learner would start them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.grading.catalogue import ROOT


@dataclass
class Run:
    """What a grading run printed and wrote."""

    status: int
    output: str
    marks: dict

    def part(self, name: str) -> dict:
        """The entry of one part in the file for Gradescope."""
        return next(t for t in self.marks["tests"] if t["name"].endswith(f": {name}"))

    def verdicts(self) -> dict[str, str]:
        return {t["extra_data"]["part"]: t["extra_data"]["verdict"] for t in self.marks["tests"]}


def grade(
    folder: Path | str | None, *args: str, tmp: Path, timeout: float = 300, cwd: Path = ROOT
) -> Run:
    """Run pytest on a target in a fresh process; `tmp` takes the marks."""
    marks = tmp / "marks.json"
    marks.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--grade-json={marks}"]
    if folder is not None:
        command += [f"--target={folder}"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    done = subprocess.run(
        [*command, *args],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
    )
    written = json.loads(marks.read_text(encoding="utf-8")) if marks.exists() else {}
    return Run(done.returncode, done.stdout + done.stderr, written)


def handed_in(tmp: Path, stem: str, more: str = "", before: str = "") -> Path:
    """A folder with the reference solution of `stem` and what is written after (or before) it."""
    folder = tmp / "handed_in"
    folder.mkdir(exist_ok=True)
    source = (ROOT / "solutions" / f"{stem}.py").read_text(encoding="utf-8")
    if before:
        head, _, rest = source.partition("from __future__ import annotations\n")
        source = f"{head}from __future__ import annotations\n{before}\n{rest}"
    (folder / f"{stem}.py").write_text(f"{source}\n\n{more}\n", encoding="utf-8")
    return folder

"""`release`: what a class hands out, and what its grader needs, without the answers.

FOLDER/handout      for the learners: stubs, the judge, a workflow for GitHub Classroom
FOLDER/autograder   for Gradescope: zip what is in it, and upload that
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.grading import catalogue
from tests.grading.catalogue import ROOT
from tests.grading.stub import stub_of

TOP = ("conftest.py", "pyproject.toml", "README.md", "LICENSE", ".gitignore")
WITHHELD = ("project", "benchmarks", "__pycache__", "MUTANTS.md")

SETUP = """#!/usr/bin/env bash
set -e
apt-get update && apt-get install -y python3 python3-venv
python3 -m venv /autograder/venv
/autograder/venv/bin/pip install -e /autograder/source
"""
RUN = """#!/usr/bin/env bash
cd /autograder/source
/autograder/venv/bin/python -m pytest -q --target=/autograder/submission \\
    --grade-json=/autograder/results/results.json
exit 0
"""
WORKFLOW = """name: grading
on: [push]
jobs:
  grade:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with: {python-version: "3.12"}
      - run: pip install -e .
      - run: pytest
"""


def release(folder: Path) -> None:
    """Write both folders; `folder` must not be there yet, or be empty."""
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty; nothing was written")
    for name in ("handout", "autograder"):
        _copy(folder / name)
    workflow = folder / "handout" / ".github" / "workflows" / "grading.yml"
    workflow.parent.mkdir(parents=True)
    workflow.write_text(WORKFLOW, encoding="utf-8")
    for name, text in (("setup.sh", SETUP), ("run_autograder", RUN)):
        script = folder / "autograder" / name
        script.write_text(text, encoding="utf-8")
        script.chmod(0o755)


def _copy(folder: Path) -> None:
    """The stubs as they were handed out (never the files as they are now), and the judge."""
    (folder / "exercises").mkdir(parents=True)
    for exercise in catalogue.load():
        path = folder / "exercises" / f"{exercise.stem}.py"
        path.write_text(stub_of(exercise.stem), encoding="utf-8")
    for name in ("__main__.py", "catalogue.toml"):
        shutil.copy(ROOT / "exercises" / name, folder / "exercises" / name)
    shutil.copytree(ROOT / "tests", folder / "tests", ignore=shutil.ignore_patterns(*WITHHELD))
    for name in TOP:
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, folder / name)

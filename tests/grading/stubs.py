"""Exercises that nobody has begun: they are known by their text, so their tests stay unread.

A fresh clone has thirty of them. Each part is then one item that says todo; nothing is imported,
drawn or forked for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.grading import catalogue
from tests.grading.submission import Target, Todo


class StubItem(pytest.Item):
    """One part that is not written yet."""

    def __init__(self, *, line: str, **more: Any) -> None:
        super().__init__(**more)
        self.line = line
        self.add_marker(pytest.mark.part(self.name))

    def runtest(self) -> None:
        raise Todo(self.line)

    def reportinfo(self) -> tuple[Any, None, str]:
        return self.path, None, self.name


class StubFile(pytest.File):
    """Stands for the tests of an exercise of which no part is written."""

    def collect(self) -> Iterator[StubItem]:
        stem = catalogue.stem_of(self.path)
        target = self.config.pluginmanager.get_plugin("grader").target
        missing = target.source(stem).data is None
        for part in catalogue.find(stem).parts:
            line = f"{stem}.py is not there yet" if missing else f"{part.name} is not written yet"
            yield StubItem.from_parent(self, name=part.name, line=line)


def is_all_stub(target: Target, stem: str) -> bool:
    """Whether an exercise is certainly as it was handed out."""
    exercise = catalogue.find(stem)
    if exercise is None:
        return False
    source = target.source(stem)
    return all(source.is_stub(part.name) for part in exercise.parts)

"""`pytest --mistakes`: every known wrong answer is graded as if it were handed in.

A mistake is the reference solution with one part replaced. It passes here when the part that it
names rejects it and the report calls it by its name.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.grading import verdict as verdicts
from tests.grading.catalogue import stem_of
from tests.grading.judging import Judge, PartRun, lanes
from tests.grading.mistakes import Mistake, known_mistakes
from tests.grading.submission import Submission, Target


def mistaken(known: Mistake, stem: str, target: Target) -> Submission:
    """The reference solution with one part given wrongly."""
    module, name = known.function.__module__, known.function.__name__
    override = f"\nfrom {module} import {name} as {known.part}\n"
    return Submission(stem, target, target.source(stem).data + override.encode())


class MistakeItem(pytest.Item):
    """One mistake, against all properties of its part."""

    def __init__(self, *, known: Mistake, items: list[pytest.Item], grader: Any, **more: Any):
        super().__init__(**more)
        self.known, self.grader = known, grader
        self.extra_keyword_matches.add(known.part)
        items = sorted(items, key=lambda item: (item.location[1] or 0, item.nodeid))
        stem = stem_of(self.path)
        self.run = PartRun(
            dict(enumerate(items)),
            stem,
            known.part,
            lambda: mistaken(known, stem, grader.target),
            grader.limits,
        )

    def runtest(self) -> None:
        """The part must reject the mistake, and what is told first must name it."""
        self.grader.rehearsals.finish(self.run)
        told = verdicts.failures(self.run.verdicts.values())
        if not told:
            pytest.fail(f"{self.known.part} accepts it: no property rejects it", pytrace=False)
        if told[0].mistake != self.known.name:
            said = "\n\n".join(v.full() or v.line for v in told[:4])
            pytest.fail(f"rejected, but not named:\n{said}", pytrace=False)

    def reportinfo(self) -> tuple[Any, None, str]:
        return self.path, None, f"{self.known.part}: {self.known.name}"


def rehearse(items: list[pytest.Item], grader: Any) -> list[pytest.Item]:
    """One item for each mistake of the parts that the collected items judge."""
    from tests.grading.plugin import graded_part

    groups: dict[tuple[str, str], list[pytest.Item]] = {}
    for item in items:
        graded = graded_part(item)
        if graded:
            groups.setdefault(graded, []).append(item)
    every = int(grader.config.getini("grading_every_mistake"))
    rehearsed = []
    for (stem, part), group in groups.items():
        about = [known for known in known_mistakes(stem) if known.part == part]
        for known in about[::every]:
            name = f"{part}[{known.name}]"
            rehearsed.append(
                MistakeItem.from_parent(
                    group[0].parent, name=name, known=known, items=group, grader=grader
                )
            )
    grader.rehearsals = Judge([item.run for item in rehearsed], 1 if grader.worker else lanes())
    return rehearsed

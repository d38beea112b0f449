"""`pytest --mistakes`: every known wrong answer is graded as if it were handed in.

A mistake is the reference solution with one part replaced. It passes here when the part that it
names rejects it and the report calls it by its name.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.grading import sandbox
from tests.grading.catalogue import stem_of
from tests.grading.mistakes import Mistake, known_mistakes
from tests.grading.submission import Submission, Target


class Mistaken(Submission):
    """The reference solution with one part given wrongly."""

    def __init__(self, stem: str, target: Target, known: Mistake) -> None:
        super().__init__(stem, target)
        self._known = known

    def _source(self) -> bytes:
        module = self._known.function.__module__
        name = self._known.function.__name__
        override = f"\nfrom {module} import {name} as {self._known.part}\n"
        return super()._source() + override.encode()


class MistakeItem(pytest.Item):
    """One mistake, against all properties of its part."""

    def __init__(self, *, known: Mistake, items: list[pytest.Item], grader: Any, **more: Any):
        super().__init__(**more)
        self.known, self.items, self.grader = known, items, grader

    def runtest(self) -> None:
        """Judge property after property until one rejects the mistake and names it."""
        grader, said = self.grader, []
        sandbox.warm_up(self.items[0].module)

        def enter() -> None:
            self.session._setupstate.teardown_exact(None)  # what pytest set up for this item
            stem = stem_of(self.path)
            grader.submissions[stem] = Mistaken(stem, grader.target, self.known)

        def run(index: int, following: int) -> dict:
            return grader.run_here(self.items, index, following)

        child = sandbox.Child(run, enter, grader.limits)
        try:
            for index in range(len(self.items)):
                following = index + 1 if index + 1 < len(self.items) else -1
                outcome = child.judge(index, following)
                if outcome.verdict is None:
                    said.append(f"{self.items[index].name}: {outcome.ended}")
                    if not child.alive:
                        break
                elif outcome.verdict["verdict"] != "passed":
                    said.append(f"{self.items[index].name}: {outcome.verdict['message']}")
                    if outcome.verdict["mistake"] == self.known.name:
                        return
        finally:
            child.close()
        if not said:
            pytest.fail(f"{self.known.part} accepts it: no property rejects it", pytrace=False)
        pytest.fail("rejected, but not named:\n" + "\n\n".join(said[:4]), pytrace=False)

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
    rehearsed = []
    for (stem, part), group in groups.items():
        for known in known_mistakes(stem):
            if known.part == part:
                name = f"{part}[{known.name}]"
                rehearsed.append(
                    MistakeItem.from_parent(
                        group[0].parent, name=name, known=known, items=group, grader=grader
                    )
                )
    return rehearsed

"""Who judges what: each part in a child of its own, two at a time on two processors."""

from __future__ import annotations

import os
import select
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from tests.grading import verdict as verdicts
from tests.grading.examiner import Examiner
from tests.grading.sandbox import Child, Limits
from tests.grading.submission import Submission, solutions_guard
from tests.grading.verdict import CRASHED, PASSED, TIMED_OUT, TODO, Verdict

MOST_DEATHS = 3
"""A part whose process died so often is not tried further."""


class PartRun:
    """One part of one submission, from its first property to what is told of it."""

    def __init__(
        self,
        items: dict[int, Any],
        stem: str,
        part: str,
        submission: Callable[[], Submission],
        limits: Limits,
        everything: bool = False,
        quick: bool = False,
    ) -> None:
        """`everything`: all failures are made small; `quick`: the first failure is enough."""
        self.items, self.stem, self.part = items, stem, part
        self.submission, self.limits = submission, limits
        self.everything, self.quick = everything, quick
        self.waiting = deque(items)
        self.verdicts: dict[int, Verdict] = {}
        self.child: Child | None = None
        self.request: dict | None = None
        self.done = False
        self.lost: set[int] = set()  # properties that ended their process
        self.spent = 0.0

    def settle(self, verdict: str, line: str, message: str = "", whole_file: bool = False) -> None:
        """Give every property that is still waiting the same verdict, without running it."""
        self.lost.update(self.waiting)
        for index in self.waiting:
            words = verdicts.property_in_words(self.items[index])
            self.verdicts[index] = Verdict(
                self.stem, self.part, words, verdict, message, line, whole_file=whole_file
            )
        self.waiting.clear()

    def start(self) -> None:
        # What every child would build anew is built here, once: a test module names it in WARM_UP.
        for build in getattr(next(iter(self.items.values())).module, "WARM_UP", ()):
            build()
        self._go_on()

    def _go_on(self) -> None:
        """Ask for the next property, or, after the last, for what is to be told."""
        if self.spent > self.limits.part_seconds and self.waiting:
            line = f"the part took more than {self.limits.part_seconds:g} s"
            self.settle(TIMED_OUT, line, line)
        if self.quick and any(v.verdict != PASSED for v in self.verdicts.values()):
            self.waiting.clear()
        if self.waiting:
            self._ask({"judge": self.waiting[0]})
            return
        failing = [
            index
            for index, v in self.verdicts.items()
            if v.verdict not in (PASSED, TODO) and not v.whole_file and index not in self.lost
        ]
        if failing and not self.quick:
            self._ask({"tell": failing, "everything": self.everything})
        else:
            self.finish()

    def _ask(self, request: dict) -> None:
        if self.child is None:
            examiner = Examiner(self.items, self.submission(), self.part)

            def enter_and_answer(asked: dict) -> Any:
                if examiner.output.file is None:
                    examiner.output.capture()
                    solutions_guard.install(examiner.submission.target.folder)
                return examiner.answer(asked)

            self.child = Child(enter_and_answer, self.limits)
        self.request, self.asked = request, time.monotonic()
        self.child.ask(request)

    def poll(self) -> None:
        """Look what the child has to say, and go on from there."""
        outcome = self.child.poll()
        if outcome is None:
            return
        self.spent += time.monotonic() - self.asked
        if "tell" in self.request:
            if outcome.answer:
                for index, told in outcome.answer.items():
                    self.verdicts[int(index)] = Verdict(**told)
            self.finish()
            return
        index = self.waiting.popleft()
        if outcome.answer is not None:
            verdict = self.verdicts[index] = Verdict(**outcome.answer)
            if verdict.whole_file:
                self.settle(verdict.verdict, verdict.line, verdict.message, whole_file=True)
        else:
            self._ended(index, outcome)
        self._go_on()

    def _ended(self, index: int, outcome: Any) -> None:
        self.child.close()
        self.child = None
        self.lost.add(index)
        words = verdicts.property_in_words(self.items[index])
        verdict = verdicts.without_word(words, outcome, self.stem, self.part)
        verdict.place = self.items[index].location[1] or 0
        self.verdicts[index] = verdict
        if outcome.timed_out:
            whole = outcome.what.startswith("import of")
            verdict.whole_file = whole
            self.settle(TIMED_OUT, f"not tried: {verdict.line}", whole_file=whole)
        elif len(self.lost) >= MOST_DEATHS:
            self.settle(CRASHED, f"not tried: {verdict.line}")

    def finish(self) -> None:
        self.done = True
        self.close()

    def close(self) -> None:
        if self.child is not None:
            self.child.close()
            self.child = None


class Judge:
    """Runs parts in their order, as many at a time as there are lanes."""

    def __init__(self, runs: Iterable[PartRun], lanes: int) -> None:
        self.queue = deque(runs)
        self.lanes = lanes
        self.running: list[PartRun] = []
        self.broken: dict[str, Verdict] = {}

    def finish(self, wanted: PartRun) -> PartRun:
        """Go on until this part is judged; others are judged beside it."""
        if wanted in self.queue:  # whoever asks is served first
            self.queue.remove(wanted)
            self.queue.appendleft(wanted)
        while not wanted.done:
            self._start_more()
            ready = [run.child.up for run in self.running if run.child]
            if ready:
                select.select(ready, [], [], 0.05)
            for run in list(self.running):
                run.poll()
                if run.done:
                    run.close()
                    self.running.remove(run)
                    self._note_broken(run)
        return wanted

    def _start_more(self) -> None:
        while self.queue and len(self.running) < self.lanes:
            run = self.queue.popleft()
            if run.done:
                continue
            known = self.broken.get(run.stem)
            if known and not run.quick:
                run.settle(known.verdict, known.line, known.message, whole_file=True)
                run.finish()
                continue
            run.start()
            if not run.done:
                self.running.append(run)

    def _note_broken(self, run: PartRun) -> None:
        """A file that cannot be imported is said once; its other parts are not tried."""
        for verdict in verdicts.failures(run.verdicts.values()):
            if verdict.whole_file:
                self.broken.setdefault(run.stem, verdict)

    def close(self) -> None:
        for run in self.running:
            run.close()
        self.running.clear()
        self.queue.clear()


def lanes() -> int:
    """How many parts are judged at a time: two, where two processors are free for it."""
    try:
        free = len(os.sched_getaffinity(0))
    except AttributeError:
        free = os.cpu_count() or 1
    return 2 if free > 1 else 1

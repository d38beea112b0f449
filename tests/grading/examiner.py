"""Judging one part: each property is surveyed, then the most telling failure is made small.

A survey runs all examples of a property and only notes which fail; so a wrong answer costs no
more than a right one. Then the evidence is compared with the known mistakes, and the one property
that a learner is told about is run again, this time to find the smallest input that fails.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import Any

from tests.grading import sandbox
from tests.grading import verdict as verdicts
from tests.grading.expect import Impure
from tests.grading.mistakes import ENOUGH, Mistake, contradicts, diagnose
from tests.grading.submission import (
    KEPT_EXAMPLES,
    Crashed,
    Diary,
    Submission,
    Todo,
    check_libraries,
)
from tests.grading.verdict import CRASHED, PASSED, TODO, WRONG, Verdict

SHRINKING_RUNS = 200
"""How many inputs may be tried to make a failing one smaller: a bound that is no clock."""

SURVEY, SHRINK = "survey", "shrink"


class Examiner:
    """The properties of one part and the submission that they are asked of."""

    def __init__(self, items: dict[int, Any], submission: Submission, part: str) -> None:
        self.items = items
        self.submission = submission
        self.part = part
        self.diaries: dict[int, Diary] = {}
        self.verdicts: dict[int, Verdict] = {}
        self.struck: set[tuple[int, str]] = set()  # names that turned out not to fit
        self.confirmed: dict[tuple[str, int], BaseException | None] = {}
        self.output = Output()

    def answer(self, request: dict) -> Any:
        """What the parent asks over the pipe."""
        if "judge" in request:
            return self.judge(request["judge"]).to_json()
        told = self.tell(request["tell"], request["everything"])
        return {str(index): verdict.to_json() for index, verdict in told.items()}

    def judge(self, index: int, mode: str = SURVEY) -> Verdict:
        """Run one property and say what it came to."""
        item = self.items[index]
        diary = self.submission.diary = Diary()
        self.output.begin()
        error = run_property(item, self.submission, mode)
        with sandbox.unlimited():
            if error is None and mode == SHRINK:
                return self.verdicts[index]  # it holds now: what was seen before stays said
            words = verdicts.property_in_words(item)
            verdict = verdicts.judge(error, self.submission, self.part, words)
            verdicts.add_output(verdict, self.output.text())
            verdict.place = item.location[1] or 0
            if mode == SHRINK:
                # The neighbours of one failing input are many and alike: where the survey found
                # enough of its own, they are no evidence.
                found = self.diaries[index].failing
                diary.failing = found if len(found) >= ENOUGH else found + diary.failing
                diary.passing = self.diaries[index].passing
            self.diaries[index], self.verdicts[index] = diary, verdict
            return verdict

    def tell(self, failing: list[int], everything: bool) -> dict[int, Verdict]:
        """Name the known mistakes, and make the failure that is told first as small as may be."""
        for index in failing:
            if index not in self.verdicts:
                self.judge(index)
        failing = [i for i in failing if self.verdicts[i].verdict not in (PASSED, TODO)]
        order = self._named_order(failing, everything)
        for index in order if everything else order[:1]:
            if self.diaries[index].last_failing is not None:
                self.judge(index, SHRINK)
        self._named_order(failing, everything)
        return {index: self.verdicts[index] for index in failing}

    def _named_order(self, failing: list[int], everything: bool) -> list[int]:
        """Name what fits, and return the failures in the order in which they are told.

        A name that is told is confirmed: the mistake must fail that property itself.
        """
        while True:
            named = self._name(failing)
            order = sorted(failing, key=lambda i: verdicts.telling(self.verdicts[i]))
            told = [i for i in (order if everything else order[:1]) if i in named]
            wrong = [(i, named[i].name) for i in told if not self._fails_too(named[i], i)]
            if not wrong:
                return order
            self.struck.update(wrong)

    def _name(self, failing: list[int]) -> dict[int, Mistake]:
        named: dict[int, Mistake] = {}
        with sandbox.unlimited():
            others = [e for d in self.diaries.values() for e in d.failing + d.passing]
            for index in failing:
                verdict, diary = self.verdicts[index], self.diaries[index]
                verdict.mistake = verdict.mistake_text = ""
                if verdict.verdict in (WRONG, CRASHED) and not verdict.impure:
                    known = diagnose(self.submission.stem, self.part, diary, others)
                    if known and (index, known.name) not in self.struck:
                        verdicts.name_mistake(verdict, known)
                        named[index] = known
            for index in failing:
                self.verdicts[index].contradicted = [
                    known.name
                    for known in {k.name: k for k in named.values()}.values()
                    if contradicts(self.diaries[index], known)
                ]
        return named

    def _fails_too(self, known: Mistake, index: int) -> bool:
        """Whether the mistake fails this property: else it is something near it that does."""
        key = known.name, index
        if key not in self.confirmed:
            kept, self.submission.diary = self.submission.diary, Diary()
            self.submission.stand_in = self.part, known.function
            try:
                self.confirmed[key] = run_property(self.items[index], self.submission, SURVEY)
            finally:
                self.submission.stand_in, self.submission.diary = None, kept
        return self.confirmed[key] is not None


class Enough(BaseException):
    """Enough was seen. Not an Exception, so that Hypothesis stops at once."""


class Run:
    """One run of a property: how it is run, and what its examples came to."""

    def __init__(self, mode: str = "", diary: Diary | None = None) -> None:
        self.mode, self.diary = mode, diary
        self.todo: Todo | None = None
        self.since = 0

    def check_budget(self) -> None:
        """End the run where more examples would say nothing new."""
        if self.mode == SURVEY and len(self.diary.failing) >= KEPT_EXAMPLES:
            raise Enough
        if self.mode == SHRINK and self.diary.last_failing is not None:
            self.since += 1
            if self.since > SHRINKING_RUNS:
                raise Enough


current = Run()


def run_property(item: Any, submission: Submission, mode: str) -> BaseException | None:
    """Call a test with what it asks for; return what it raised, or what its survey found."""
    global current
    given = getattr(getattr(item, "callspec", None), "params", {})
    arguments = {
        name: submission if name == "submission" else given[name]
        for name in item._fixtureinfo.argnames
    }
    diary = submission.diary
    run = current = Run(mode, diary)
    error: BaseException | None = None
    try:
        item.obj(**arguments)
    except Enough:
        error = diary.last_failing.error
    except BaseException as raised:
        error = raised
    finally:
        current = Run()
    if diary.current.calls:  # a test that draws nothing is one example
        diary.end_example(None if isinstance(error, Todo) else error)
    if mode == SURVEY and diary.failing and (error is None or isinstance(error, (Todo, Exception))):
        diary.last_failing = diary.failing[0]
        error = diary.last_failing.error
    error = error or run.todo
    if not isinstance(error, (Todo, Crashed)):
        try:
            check_libraries("the code")
        except Impure as impure:
            return impure
    return error


def watched(inner: Callable[..., Any], diary_of: Callable[[], Diary]) -> Callable[..., Any]:
    """A drawn test that tells the diary where an example begins and how it ends."""
    from hypothesis.errors import HypothesisException, StopTest

    @functools.wraps(inner)
    def example(*args: Any, **kwargs: Any) -> Any:
        run = current
        run.check_budget()
        diary = run.diary or diary_of()
        diary.begin_example()
        try:
            result = inner(*args, **kwargs)
        except (HypothesisException, StopTest):
            diary.begin_example()
            raise
        except Todo as todo:
            diary.begin_example()
            if not run.mode:
                raise
            run.todo = todo  # part of it may be written, and wrong: that would be the news
            return None
        except BaseException as error:
            diary.end_example(error)
            if run.mode == SURVEY and diary.failing and isinstance(error, Exception):
                return None
            raise
        diary.end_example(None)
        return result

    return example


class Output:
    """What the submission prints goes to a file, of which the beginning may be shown."""

    LONGEST = 200_000

    def __init__(self) -> None:
        self.file: Any = None

    def capture(self) -> None:
        """From now on; for a child process, which never gives its output back."""
        import tempfile

        self.file = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the process)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        for number in (1, 2):
            os.dup2(self.file.fileno(), number)
        # pytest's own capture may have replaced the streams; these go to the file.
        sys.stdout = sys.stderr = open(  # noqa: SIM115
            1, "w", encoding="utf-8", errors="backslashreplace", closefd=False, buffering=1
        )
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)

    def begin(self) -> None:
        if self.file:
            self._flush()
            os.ftruncate(self.file.fileno(), 0)
            os.lseek(self.file.fileno(), 0, os.SEEK_SET)

    def text(self) -> str:
        if not self.file:
            return ""
        self._flush()
        try:
            return os.pread(self.file.fileno(), self.LONGEST, 0).decode("utf-8", "replace")
        except OSError:
            return ""

    def _flush(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except Exception:  # a submission may have closed it
                continue

"""The pytest plugin: `pytest` grades. What is collected, and what pytest is told of it.

The judging itself is in `judging.py` (the parent) and `examiner.py` (the child), what is printed
in `printing.py`.
"""

from __future__ import annotations

import math
import os
import sys
import time
from pathlib import Path
from typing import Any

# One thread everywhere: on small arrays more are slower, and a fork must find no other thread.
# They must be set before numpy or torch is imported.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import pytest

from tests.grading import catalogue, printing, sandbox
from tests.grading import verdict as verdicts
from tests.grading.board import Board, write_gradescope
from tests.grading.examiner import watched
from tests.grading.judging import Judge, PartRun, lanes
from tests.grading.mistakes import diagnose
from tests.grading.stubs import StubFile, StubItem, is_all_stub
from tests.grading.submission import Diary, NoSuchTarget, Submission, Target
from tests.grading.verdict import PASSED, TODO, Verdict


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("grading")
    group.addoption(
        "--target",
        default="exercises",
        metavar="NAME_OR_FOLDER",
        help="what to grade: a package or a folder of same-named modules (default: exercises)",
    )
    group.addoption(
        "--grade-json",
        metavar="FILE",
        help="write the marks to FILE in Gradescope's results format",
    )
    group.addoption(
        "--same-process",
        action="store_true",
        help="judge in pytest's own process, without limits (for a debugger; --pdb implies it)",
    )
    group.addoption(
        "--mistakes",
        action="store_true",
        help="grade the known wrong answers instead: each must be rejected and called by its name",
    )
    parser.addini("grading_every_mistake", "with --mistakes: take every so-manieth", default="1")
    parser.addini("grading_examples", "examples drawn for a property", default="40")
    parser.addini("grading_call_seconds", "longest one call may take", default="10")
    parser.addini("grading_import_seconds", "longest an import may take", default="30")
    parser.addini("grading_property_seconds", "longest one property may take", default="60")
    parser.addini("grading_part_seconds", "longest all of a part may take", default="180")
    parser.addini("grading_memory_mb", "memory that one part may add, in MB", default="2048")


def pytest_configure(config: pytest.Config) -> None:
    rehearsed = config.getoption("--mistakes")
    try:
        name = "solutions" if rehearsed else config.getoption("--target")
        target = Target.resolve(name, Path(config.invocation_params.dir))
    except NoSuchTarget as error:
        raise pytest.UsageError(str(error)) from None
    grade_file = config.getoption("--grade-json")
    if grade_file:
        grade_file = Path(config.invocation_params.dir, grade_file)
        if not grade_file.parent.is_dir():
            raise pytest.UsageError(f"--grade-json: there is no folder {grade_file.parent}")
        if grade_file.is_dir():
            raise pytest.UsageError(f"--grade-json: {grade_file} is a folder; name a file in it")
        if not os.access(grade_file.parent, os.W_OK):
            raise pytest.UsageError(f"--grade-json: nothing can be written in {grade_file.parent}")
    config.pluginmanager.register(Grader(config, target, grade_file), "grader")


def settle_hypothesis(examples: int) -> None:
    """The same examples every time, whatever else is imported, and no work without use."""
    from hypothesis import HealthCheck, Phase, settings
    from hypothesis.internal.conjecture import providers

    # Hypothesis also draws constants that it reads in local source files, the submission among
    # them: then what is drawn would hang on what was imported.
    if hasattr(providers, "_get_local_constants"):
        empty = providers._local_constants
        providers._get_local_constants = lambda: empty
    settings.register_profile(
        "grading",
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        print_blob=False,
        report_multiple_bugs=False,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    settings.load_profile("grading")


def graded_part(item: pytest.Item) -> tuple[str, str] | None:
    """The stem and part that a test judges; None for the project's own tests."""
    marker = item.get_closest_marker("part")
    if marker is None:
        return None
    return catalogue.stem_of(item.path), marker.args[0]


@pytest.fixture(scope="module")
def submission(request: pytest.FixtureRequest) -> Submission:
    """The code under test: `submission.part(...)` calls the learner's function."""
    grader = request.config.pluginmanager.get_plugin("grader")
    return grader.submission(catalogue.stem_of(request.path))


class Grader:
    """One run: what is selected, who judges it, and what came of it."""

    def __init__(self, config: pytest.Config, target: Target, grade_file: Path | None) -> None:
        self.config = config
        self.target = target
        self.grade_file = grade_file
        self.board = Board()
        self.began = time.monotonic()
        self.worker = hasattr(config, "workerinput")
        self.isolate = (
            sandbox.CAN_FORK
            and not config.getoption("--same-process")
            and not config.getoption("usepdb", False)
            and not config.getoption("trace", False)
        )
        self.limits = sandbox.Limits(
            float(config.getini("grading_call_seconds")),
            float(config.getini("grading_import_seconds")),
            float(config.getini("grading_property_seconds")),
            float(config.getini("grading_part_seconds")),
            int(config.getini("grading_memory_mb")),
        )
        self.verbose = config.getoption("verbose") > 0
        self.runs: dict[Any, PartRun] = {}
        self.places: dict[str, int] = {}
        self.judge = Judge((), 1)
        self.submissions: dict[str, Submission] = {}
        self.settled = False
        self.wait_for_saves = False
        self.watched_since: float | None = None

    def submission(self, stem: str) -> Submission:
        if stem not in self.submissions:
            self.submissions[stem] = Submission(stem, self.target)
        return self.submissions[stem]

    # --- what is to be run ---------------------------------------------------------------

    def pytest_pycollect_makemodule(self, module_path: Path, parent: Any) -> Any:
        stem = catalogue.stem_of(module_path)
        if catalogue.find(stem) is None:
            return None
        named = any("::" in argument for argument in self.config.args)  # one property, by name
        if not named and not self.wait_for_saves and is_all_stub(self.target, stem):
            return StubFile.from_parent(parent, path=module_path)
        if not self.settled:
            self.settled = True
            settle_hypothesis(int(self.config.getini("grading_examples")))
        return None

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            graded = graded_part(item)
            if graded is None:
                continue
            stem, part = graded
            exercise = catalogue.find(stem)
            if exercise is None or part not in {p.name for p in exercise.parts}:
                raise pytest.UsageError(f"{item.nodeid}: no part {part!r} of {stem} in catalogue")
            item.extra_keyword_matches.add(part)
            # The verdict says it in words; pytest's own account costs 50 ms and would be dropped.
            item.repr_failure = lambda excinfo, style=None: ""
            item.add_marker(pytest.mark.filterwarnings("ignore"))
            if not sandbox.CAN_FORK:  # nobody waits outside with a clock there
                item.add_marker(pytest.mark.timeout(self.limits.property_seconds))
            handle = getattr(getattr(item, "function", None), "hypothesis", None)
            if handle is not None and not hasattr(item.function, "__watched__"):
                item.function.__watched__ = True
                handle.inner_test = watched(
                    handle.inner_test, lambda stem=stem: self.submission(stem).diary
                )
        if self.config.getoption("--mistakes"):
            from tests.grading.rehearsal import rehearse

            items[:] = rehearse(items, self)

    @pytest.hookimpl(trylast=True, specname="pytest_collection_modifyitems")
    def pytest_collection_order(self, items: list[pytest.Item]) -> None:
        # A part's properties stay together and in one order, whoever shuffles: one child judges
        # them, and what is told of a wrong answer builds on the properties before.
        first: dict[Any, int] = {}
        for place, item in enumerate(items):
            first.setdefault(graded_part(item) or item, place)
        items.sort(
            key=lambda item: (
                first[graded_part(item) or item],
                item.location[1] or 0,
                item.nodeid,
            )
        )

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        groups: dict[tuple[str, str], dict[int, pytest.Item]] = {}
        for place, item in enumerate(session.items):
            self.places[item.nodeid] = place
            graded = graded_part(item)
            if graded:
                groups.setdefault(graded, {})[place] = item
        rows = [
            (stem, part, len(group), max(len(group), _properties(group, part)))
            for (stem, part), group in groups.items()
        ]
        self.board.plan(rows)
        if self.worker:
            self.config.workeroutput["grading_plan"] = rows
        self.groups = groups
        if self.settled:
            from hypothesis.internal.entropy import deterministic_PRNG

            with deterministic_PRNG():  # what it sets up once is not to be set up in every child
                pass
        self._plan_runs()

    def _plan_runs(self) -> None:
        for (stem, part), group in self.groups.items():
            self.runs[stem, part] = self._part_run(stem, part, group)
        self.judge = Judge(self.runs.values(), 1 if self.worker else lanes())

    def read_anew(self, began: float) -> None:
        """In a fork that grades a save: the files as they are now, and the time since the save."""
        self.target.sources.clear()
        self.watched_since = began
        self._plan_runs()

    def _part_run(self, stem: str, part: str, group: dict[int, pytest.Item]) -> PartRun:
        run = PartRun(
            group, stem, part, lambda: Submission(stem, self.target), self.limits, self.verbose
        )
        first = next(iter(group.values()))
        if isinstance(first, StubItem):
            run.settle(TODO, first.line, first.line)
            run.finish()
        elif self.target.source(stem).is_stub(part):
            line = f"{part} is not written yet"
            run.settle(TODO, line, line)
            run.finish()
        return run

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: Any) -> None:
        self.board.plan(getattr(node, "workeroutput", {}).get("grading_plan", ()))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        if config.getoption("dist") != "load":
            return None
        from xdist.scheduler import LoadScopeScheduling

        class ByExercise(LoadScopeScheduling):
            """The parts of an exercise keep one worker warm; other tests go one by one."""

            def _split_scope(self, nodeid: str) -> str:
                file = nodeid.split("::", 1)[0]
                return file if catalogue.find(catalogue.stem_of(file)) else nodeid

        return ByExercise(config, log)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and not self.worker:
            stem = catalogue.stem_of(report.nodeid.split("::")[0])
            if catalogue.find(stem):
                self.board.could_not_collect(stem, report.longreprtext)

    # --- judging -------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        graded = graded_part(item)
        if not self.isolate or graded is None:
            return None
        began = time.time()
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        run = self.judge.finish(self.runs[graded])
        verdict = run.verdicts[self.places[item.nodeid]]
        for report in _reports(item, verdict, began, time.time()):
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        graded = graded_part(item)
        if graded:
            self.submission(graded[0]).diary = Diary()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo) -> Any:
        """Only where all runs in one process: elsewhere the child has said it."""
        report = yield
        graded = graded_part(item)
        error = call.excinfo.value if call.excinfo else None
        if graded is None or (error is None and call.when != "call"):
            return report
        stem, part = graded
        submission = self.submission(stem)
        words = verdicts.property_in_words(item)
        verdict = verdicts.judge(error, submission, part, words)
        if verdict.verdict not in (PASSED, TODO) and not verdict.impure:
            diary = submission.diary
            if diary.last_failing is None and diary.current.calls:
                diary.end_example(error)
            known = diagnose(stem, part, diary, diary.failing + diary.passing)
            if known:
                verdicts.name_mistake(verdict, known)
            printed = "".join(text for name, text in report.sections if "log" not in name)
            verdicts.add_output(verdict, printed)
        _apply(report, verdict)
        return report

    # --- what came of it -----------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: Any) -> Any:
        grading = getattr(report, "grading", None)
        if grading is None or report.when != "call":
            return None
        kind = grading["verdict"]
        markup = {PASSED: "green", TODO: "yellow"}.get(kind, "red")
        return kind, verdicts.LETTERS[kind], (kind.upper(), {markup: True})

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        grading = getattr(report, "grading", None)
        if grading is not None and not self.worker:
            self.board.add(Verdict(**{**grading, "place": report.location[1] or 0}))

    def pytest_sessionfinish(self) -> None:
        self.judge.close()
        if not self.worker and self.target.folder == catalogue.ROOT / "exercises":
            printing.remember(self.board, self.target)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self.board.parts:
            style = self.config.getoption("tbstyle", "auto")
            printing.summary(terminalreporter, self.board, self.target, self.verbose, style != "no")

    def pytest_unconfigure(self) -> None:
        self.judge.close()
        if self.grade_file and not self.worker:
            try:
                write_gradescope(self.board, self.grade_file, time.monotonic() - self.began)
            except OSError as error:
                print(f"--grade-json: {self.grade_file} was not written: {error.strerror}")

    def pytest_report_header(self) -> str | None:
        if self.worker:
            return None
        target = self.target.package or self.target.folder
        if not self.isolate:
            return f"grading: {target}, in one process, without limits"
        if not sys.platform.startswith("linux"):
            return f"grading: {target} (this platform has no bound on memory)"
        return f"grading: {target}"


def _properties(group: dict[int, pytest.Item], part: str) -> int:
    """How many tests a module has about a part, counting the cases of parametrised ones."""
    count = 0
    module = getattr(next(iter(group.values())), "module", None)
    for name, function in vars(module).items() if module else ():
        marks = getattr(function, "pytestmark", [])
        if name.startswith("test_") and any(m.name == "part" and m.args[0] == part for m in marks):
            count += math.prod(len(m.args[1]) for m in marks if m.name == "parametrize")
    return count


def _apply(report: Any, verdict: Verdict) -> None:
    report.outcome = "passed" if verdict.verdict == PASSED else "failed"
    report.longrepr = f"{verdict.verdict}: {verdict.line}\n{verdict.full()}".strip()
    if verdict.verdict == PASSED:
        report.longrepr = None
    report.grading = verdict.to_json()
    report.user_properties = [
        ("verdict", verdict.verdict),
        ("exercise", verdict.stem),
        ("part", verdict.part),
        *([("misconception", verdict.mistake)] if verdict.mistake else []),
    ]


def _reports(
    item: pytest.Item, verdict: Verdict, began: float, ended: float
) -> list[pytest.TestReport]:
    """The three reports that plugins expect of a test, made from a child's verdict."""
    reports = []
    for when in ("setup", "call", "teardown"):
        report = pytest.TestReport(
            nodeid=item.nodeid,
            location=item.location,
            keywords={name: 1 for name in item.keywords},
            outcome="passed",
            longrepr=None,
            when=when,
            duration=ended - began if when == "call" else 0.0,
            start=began,
            stop=ended,
        )
        if when == "call":
            _apply(report, verdict)
        reports.append(report)
    reports[-1].user_properties = reports[1].user_properties
    return reports

"""The pytest plugin: `pytest` grades, each part in a process of its own."""

from __future__ import annotations

import functools
import math
import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

# One thread everywhere: on small arrays more are slower, and a fork must find no other thread.
# They must be set before numpy or torch is imported.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import pytest
from _pytest.runner import runtestprotocol

from tests.grading import catalogue, sandbox
from tests.grading import verdict as verdicts
from tests.grading.board import Board, scoreboard, write_gradescope
from tests.grading.expect import Impure
from tests.grading.submission import NoSuchTarget, Submission, Target, Todo, solutions_guard
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
    parser.addini("grading_examples", "examples drawn for a property", default="40")
    parser.addini("grading_call_seconds", "longest one call may take", default="10")
    parser.addini("grading_import_seconds", "longest an import may take", default="30")
    parser.addini("grading_property_seconds", "longest one property may take", default="60")
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
    _settle_hypothesis(int(config.getini("grading_examples")))
    config.pluginmanager.register(Grader(config, target, grade_file), "grader")


def _settle_hypothesis(examples: int) -> None:
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
            int(config.getini("grading_memory_mb")),
        )
        self.items: list[pytest.Item] = []
        self.places: dict[str, int] = {}
        self.child: sandbox.Child | None = None
        self.child_part: tuple[str, str] | None = None
        self.hung: dict[tuple[str, str], str] = {}
        self.submissions: dict[str, Submission] = {}

    def submission(self, stem: str) -> Submission:
        if stem not in self.submissions:
            self.submissions[stem] = Submission(stem, self.target)
        return self.submissions[stem]

    # --- what is to be run ---------------------------------------------------------------

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
            if "hypothesis" in vars(getattr(item, "function", None) or object) and not hasattr(
                item.function, "__watched__"
            ):
                item.function.__watched__ = True
                handle = item.function.hypothesis
                handle.inner_test = self._watched(handle.inner_test, stem)

    def _watched(self, inner: Any, stem: str) -> Any:
        """Let the diary of the submission know where an example begins and how it ends."""
        from hypothesis import reject
        from hypothesis.errors import HypothesisException, StopTest

        @functools.wraps(inner)
        def run(*args: Any, **kwargs: Any) -> Any:
            diary = self.submission(stem).diary
            diary.begin_example()
            try:
                result = inner(*args, **kwargs)
            except (HypothesisException, StopTest):
                diary.begin_example()
                raise
            except Todo:
                # Part of it is written, and wrong: that is the news, so look for no stub.
                if diary.last_failing is not None:
                    reject()
                raise
            except BaseException:
                diary.end_example(failed=True)
                raise
            diary.end_example(failed=False)
            return result

        return run

    @pytest.hookimpl(trylast=True, specname="pytest_collection_modifyitems")
    def pytest_collection_order_and_rehearse(self, items: list[pytest.Item]) -> None:
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
        if self.config.getoption("--mistakes"):
            from tests.grading.rehearsal import rehearse

            items[:] = rehearse(items, self)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.items = session.items
        self.places = {item.nodeid: place for place, item in enumerate(session.items)}
        selected: Counter = Counter()
        modules: dict[str, Any] = {}
        for item in session.items:
            graded = graded_part(item)
            if graded:
                selected[graded] += 1
                modules[graded[0]] = item.module
        rows = [
            (stem, part, count, max(count, _properties(modules[stem], part)))
            for (stem, part), count in selected.items()
        ]
        self.board.plan(rows)
        if self.worker:
            self.config.workeroutput["grading_plan"] = rows

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
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> Any:
        if not self.isolate or graded_part(item) is None:
            return None
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        began = time.time()
        verdict = self._judge_in_child(item, nextitem)
        for report in _reports(item, verdict, began, time.time()):
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def _judge_in_child(self, item: pytest.Item, nextitem: pytest.Item | None) -> Verdict:
        stem, part = graded_part(item)
        words = verdicts.property_in_words(item.name)
        before = self.hung.get((stem, part)) or self.hung.get((stem, ""))
        if before:
            return Verdict(stem, part, words, verdicts.TIMED_OUT, "", f"not tried: {before}")
        if self.child is None or not self.child.alive or self.child_part != (stem, part):
            self._stop_child()
            sandbox.warm_up(item.module)
            self.child = sandbox.Child(self._run_here, self._enter_child, self.limits)
            self.child_part = (stem, part)
        following = self.places[nextitem.nodeid] if nextitem is not None else -1
        outcome = self.child.judge(self.places[item.nodeid], following)
        if outcome.verdict:
            return Verdict(**outcome.verdict)
        self._stop_child()
        verdict = verdicts.without_word(words, outcome, stem, part)
        if outcome.timed_out:
            whole = outcome.what.startswith("import of")
            self.hung[stem, "" if whole else part] = verdict.line
        return verdict

    def _enter_child(self) -> None:
        solutions_guard.install(self.target.folder)

    def _run_here(self, index: int, following: int) -> dict:
        return self.run_here(self.items, index, following)

    def run_here(self, items: list[pytest.Item], index: int, following: int) -> dict:
        """In the child: run one test by pytest's own protocol, and say what it came to."""
        item = items[index]
        nextitem = items[following] if following >= 0 else None
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        told = [r for r in reports if hasattr(r, "grading")]
        failed = [r for r in told if r.failed]
        return (failed or told)[0].grading

    def _stop_child(self) -> None:
        if self.child is not None:
            self.child.close()
            self.child = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        graded = graded_part(item)
        if graded:
            self.submission(graded[0]).diary.begin_test()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo) -> Any:
        report = yield
        graded = graded_part(item)
        error = call.excinfo.value if call.excinfo else None
        if graded is None or (error is None and call.when != "call"):
            return report
        stem, part = graded
        submission = self.submission(stem)
        with sandbox.unlimited():
            diary = submission.diary
            if error is not None and diary.last_failing is None and diary.current.calls:
                diary.end_example(failed=not isinstance(error, Todo))
            elif error is None and diary.current.calls:
                diary.end_example(failed=False)
            verdict = verdicts.judge(error, submission, part, item.name)
            if verdict.verdict not in (PASSED, TODO):
                sandbox.send_early(verdict.to_json())
                if not isinstance(error, Impure):
                    verdicts.add_mistake(verdict, submission)
                verdicts.add_output(verdict, report.sections)
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
        self._stop_child()

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if not self.board.parts:
            return
        tr = terminalreporter
        everything = self.config.getoption("verbose") > 0
        results = self.board.ordered()
        failing = [r for r in results if r.failures()]
        if self.config.getoption("tbstyle", "auto") != "no":
            for result in failing:
                tr.write_sep("_", f"{result.stem} · {result.part}: {result.verdict}", red=True)
                tr.write_line(result.report(everything))
                tr.write_line("")
        tr.write_sep("=", "short summary", bold=True)
        for result in failing:
            first = result.failures()[0]
            tr.write(f"{result.verdict.upper():<9} ", red=True)
            named = f" [{first.mistake}]" if first.mistake else ""
            tr.write_line(f"{result.stem}.{result.part}: {first.line}{named}")
        for exercise, parts in self.board.exercises():
            todo = [r.part for r in parts if r.verdict == TODO]
            if todo:
                tr.write(f"{'TODO':<9} ", yellow=True)
                tr.write_line(f"{exercise.stem}: {', '.join(todo)}")
        tr.write_sep("=", "scoreboard", bold=True)
        width = max(60, min(tr._tw.fullwidth, 100))
        tr.write_line(scoreboard(self.board, self.target.folder, width, tr.hasmarkup))

    def pytest_unconfigure(self) -> None:
        self._stop_child()
        if self.grade_file and not self.worker:
            write_gradescope(self.board, self.grade_file, time.monotonic() - self.began)
        if not self.worker and self.target.folder == catalogue.ROOT / "exercises":
            self._remember()

    def _remember(self) -> None:
        """Tell the desk what this run said of the learner's own files."""
        from tests.grading import memory

        seen = {}
        for exercise, results in self.board.exercises():
            path = self.target.path(exercise.stem)
            whole = {r.part: r.verdict for r in results if r.earned or r.verdict != PASSED}
            if path.exists() and whole:
                seen[exercise.stem] = (memory.fingerprint(path.read_bytes()), whole)

        def note(memo: dict[str, Any]) -> None:
            for stem, (fingerprint, parts) in seen.items():
                entry = memo["verdicts"].get(stem, {})
                if entry.get("fingerprint") == fingerprint:
                    parts = {**entry["parts"], **parts}
                memo["verdicts"][stem] = {
                    "date": memory.now(),
                    "fingerprint": fingerprint,
                    "parts": parts,
                }

        if seen:
            try:
                memory.change(note, print)
            except memory.MemoryProblem as problem:
                print(f"the desk does not remember this run: {problem}")

    def pytest_report_header(self) -> str | None:
        if self.worker:
            return None
        target = self.target.package or self.target.folder
        if not self.isolate:
            return f"grading: {target}, in one process, without limits"
        if not sys.platform.startswith("linux"):
            return f"grading: {target} (this platform has no bound on memory)"
        return f"grading: {target}"


def _properties(module: Any, part: str) -> int:
    """How many tests a module has about a part, counting the cases of parametrised ones."""
    count = 0
    for name, function in vars(module).items():
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

"""The code under test: loaded from its own text, called under watch, and remembered."""

from __future__ import annotations

import functools
import importlib.util
import inspect
import itertools
import linecache
import os
import sys
import time
import traceback
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.grading.catalogue import ROOT
from tests.grading.copying import copied
from tests.grading.expect import Impure, Wrong
from tests.grading.plain import plain
from tests.grading.purity import GlobalState, patched_names, remember_libraries, watch_input
from tests.grading.show import said_by, show_call
from tests.grading.source import Source

KEPT_EXAMPLES = 12
"""How many passing and how many failing examples a test remembers, to recognise a mistake by."""

LONGEST_MESSAGE = 2000


class Todo(BaseException):
    """The stub is not written yet. Not an Exception, so that Hypothesis stops at once."""


class Crashed(BaseException):
    """An end that is no answer: an exit, no memory, a file that cannot be imported.

    Not an Exception, so that Hypothesis does not try it again and again.
    """


class NoSuchTarget(Exception):
    """`--target` names nothing that can be graded."""


@dataclass(frozen=True)
class Target:
    """Where submissions come from: a folder, and the package name if it was given as one."""

    folder: Path
    package: str | None
    sources: dict[str, Source] = field(default_factory=dict, compare=False)

    @classmethod
    def resolve(cls, name: str, start: Path) -> Target:
        for base in (start, ROOT):
            folder = (base / name).expanduser()
            if folder.is_dir():
                folder = folder.resolve()
                inside = folder.parent == ROOT
                return cls(folder, folder.name if inside else None)
            if folder.is_file():
                raise NoSuchTarget(f"--target {name}: that is a file; name the folder it is in")
        if "/" not in name and os.sep not in name:
            try:
                spec = importlib.util.find_spec(name)
            except (ImportError, ValueError):
                spec = None
            if spec and spec.submodule_search_locations:
                return cls(Path(next(iter(spec.submodule_search_locations))).resolve(), name)
        raise NoSuchTarget(f"--target {name}: there is no such folder or package")

    def path(self, stem: str) -> Path:
        return self.folder / f"{stem}.py"

    def source(self, stem: str) -> Source:
        """The file of a stem, read once a run: later saves and deletions do not reach it."""
        if stem not in self.sources:
            path = self.path(stem)
            self.sources[stem] = Source(path.read_bytes() if path.is_file() else None)
        return self.sources[stem]


class Clock:
    """Tells the process that waits for us when a call began; does nothing without one."""

    def __init__(self) -> None:
        self.began = None  # a shared memory view of two doubles, set by the sandbox
        self.now = ""

    def start(self, what: str, render: Any, importing: bool = False) -> None:
        self.now, self.render = what, render
        if self.began is not None:
            self.began[1] = float(importing)
            self.began[0] = time.monotonic()

    def stop(self) -> None:
        self.now = ""
        if self.began is not None:
            self.began[0] = 0.0


clock = Clock()


@dataclass
class Call:
    """One call of a part, and how it came out: a value, or the exception it raised."""

    name: str
    args: tuple
    kwargs: dict
    outcome: Any = None
    raised: bool = False


@dataclass
class Example:
    """What one drawn input led to; `error` is what the test raised of it."""

    calls: list[Call] = field(default_factory=list)
    error: BaseException | None = None
    about_errors: bool = False
    agrees: dict[str, bool] = field(default_factory=dict)  # which known mistakes do the same

    def frozen(self) -> Example:
        """A copy that later calls cannot touch; raises where something cannot be copied."""
        calls = [Call(c.name, *copied((c.args, c.kwargs)), c.outcome, c.raised) for c in self.calls]
        return Example(calls, self.error, self.about_errors)


class Diary:
    """The examples of one property: what was called, and what came of it."""

    def __init__(self) -> None:
        self.current = Example()
        self.last_failing: Example | None = None
        self.failing: list[Example] = []
        self.passing: list[Example] = []

    def begin_example(self) -> None:
        self.current = Example()

    def end_example(self, error: BaseException | None) -> None:
        example, self.current = self.current, Example()
        example.error = error
        kept = self.passing if error is None else self.failing
        if len(kept) < KEPT_EXAMPLES and example.calls:
            try:
                example = example.frozen()
                kept.append(example)
            except Exception:  # what cannot be copied cannot be compared later either
                pass
        if error is not None:
            self.last_failing = example


class Submission:
    """One stem of the target; `submission.part(...)` calls the learner's function under watch."""

    def __init__(self, stem: str, target: Target, text: bytes | None = None) -> None:
        """`text` is graded instead of the file: a known mistake, or a mutant."""
        self.stem = stem
        self.path = target.path(stem)
        self.target = target
        self.source = target.source(stem) if text is None else Source(text)
        self.diary = Diary()
        self.stand_in: tuple[str, Any] | None = None  # a known mistake in the place of a part
        self._module: ModuleType | None = None
        self._failed: BaseException | None = None
        self._names: dict[str, tuple[str, ...]] = {}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return functools.partial(self.call, name)

    @property
    def module(self) -> ModuleType:
        """The learner's module itself (for dataclasses and constants)."""
        if self._module is None:
            if self._failed is not None:
                raise self._failed
            try:
                self._module = self._load()
            except BaseException as error:
                self._failed = error
                raise
        return self._module

    def call(
        self, name: str, /, *args: Any, may_change: tuple[str, ...] = (), **kwargs: Any
    ) -> Any:
        """Call a function of the submission; what it must leave alone is checked after it.

        `may_change` names the parameters that the contract lets it change.
        """
        function = self._function(name)
        remember_libraries()
        state = GlobalState()
        names = self._parameters(name, function)
        labelled = [
            (names[i] if i < len(names) else f"argument {i + 1}", a) for i, a in enumerate(args)
        ] + list(kwargs.items())
        watches = [watch_input(key, value) for key, value in labelled if key not in may_change]
        call = Call(name, args, kwargs)
        self.diary.current.calls.append(call)
        outcome = None
        clock.start(f"{name}(…)", lambda: show_call(name, args, kwargs, names))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                outcome = function(*args, **kwargs)
                call.outcome = plain(outcome, self.module.__name__)
        except Wrong:
            call.outcome = outcome
            raise
        except NotImplementedError as error:
            call.outcome, call.raised = error, True
            if self._raised_here(error):
                raise Todo(f"{name} is not written yet") from None
            raise
        except MemoryError as error:
            call.outcome, call.raised = error, True
            traceback.clear_frames(error.__traceback__)  # frees what they hold, to go on with
            raise Crashed(
                f"MemoryError: {name} asked for more memory than a part may use"
            ) from error
        except Exception as error:
            call.outcome, call.raised = error, True
            if len(error.args) == 1 and isinstance(error.args[0], str):
                error.args = (error.args[0][:LONGEST_MESSAGE],)  # twelve of them may be kept
            if type(error).__module__.partition(".")[0] in ("_pytest", "hypothesis", "bdb"):
                raise Crashed(_what_ended(error)) from error
            raise
        except BaseException as error:
            call.outcome, call.raised = error, True
            raise Crashed(_what_ended(error)) from error
        finally:
            clock.stop()
            _check_surroundings(state, "the call", may_draw=bool(may_change))
        for changed in watches:
            said = changed()
            if said:
                raise Impure(
                    "every input left exactly as it was given",
                    "the caller still needs it: work on a copy",
                    f"after the call, {said}",
                )
        return call.outcome

    def last_call(self) -> Call | None:
        """The call that the running, or the last failing, example ended with."""
        example = self.diary.last_failing or self.diary.current
        return example.calls[-1] if example.calls else None

    def show(self, call: Call) -> str:
        return show_call(call.name, call.args, call.kwargs, self._names.get(call.name, ()))

    def _parameters(self, name: str, function: Any) -> tuple[str, ...]:
        if name not in self._names:
            try:
                known = inspect.signature(function).parameters.values()
                named = itertools.takewhile(lambda p: p.kind is not p.VAR_POSITIONAL, known)
                self._names[name] = tuple(parameter.name for parameter in named)
            except (TypeError, ValueError):
                self._names[name] = ()
        return self._names[name]

    def _function(self, name: str) -> Any:
        if self.stand_in is not None and self.stand_in[0] == name:
            return self.stand_in[1]
        function = getattr(self.module, name, None)
        if not callable(function):
            raise Crashed(
                f"{self.path.name} has no function named {name}"
                if function is None
                else f"{name} in {self.path.name} is not a function"
            )
        return function

    def _load(self) -> ModuleType:
        if self.source.data is None:
            raise Todo(f"{self.path.name} is not there yet")
        package = self.target.package
        name = f"{package}.{self.stem}" if package else self.stem
        if str(self.path.parent) not in sys.path:  # for a helper file beside the stub
            sys.path.insert(0, str(self.path.parent))
        module = ModuleType(name)
        module.__file__ = str(self.path)
        module.__package__ = package or ""
        remember_libraries()
        state = GlobalState()
        clock.start(f"import of {self.path.name}", lambda: f"import {self.stem}", True)
        sys.dont_write_bytecode = True
        try:
            text = self.source.data
            code = compile(text, str(self.path), "exec")
            # A traceback shows the lines that ran, whatever the file holds by then.
            lines = text.decode("utf-8", "replace").splitlines(keepends=True)
            linecache.cache[str(self.path)] = (len(text), None, lines, str(self.path))
            sys.modules[name] = module
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                exec(code, module.__dict__)
        except BaseException as error:
            raise Crashed(f"importing {self.path.name}: {_what_ended(error)}") from error
        finally:
            clock.stop()
            _check_surroundings(state, f"importing {self.path.name}")
            check_libraries(f"importing {self.path.name}")
        return module

    def _raised_here(self, error: BaseException) -> bool:
        frames = traceback.extract_tb(error.__traceback__)
        return bool(frames) and Path(frames[-1].filename) == self.path


def _check_surroundings(state: GlobalState, what: str, may_draw: bool = False) -> None:
    """Put back what the submission changed around it, and fail with words if it did.

    A call that trains in place (`may_change`) may draw random numbers, as a dropout does.
    """
    changed = state.restore_and_say()
    if solutions_guard.offence:
        raise Impure(
            "an answer of your own",
            "it is to be written, not imported",
            f"{solutions_guard.offence}; it is judged as not your answer",
        )
    if changed and not (may_draw and "random state" in changed):
        raise Impure(
            "global state left as it was",
            "a caller's random numbers and settings must not depend on yours; "
            "use a generator of your own where you need one, or torch.random.fork_rng()",
            f"{what} changed {changed}",
        )


def check_libraries(what: str) -> None:
    """Put back what was replaced in numpy, torch, Python or the judge, and fail with words."""
    patched = patched_names()
    if patched:
        raise Impure(
            "numpy and torch as they were",
            "everything else that runs in this process uses them too",
            f"{what} replaced {', '.join(patched[:3])}",
        )


def _what_ended(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"the code tried to exit the program (SystemExit: {error.code!r})"
    if isinstance(error, KeyboardInterrupt):
        return "the code raised KeyboardInterrupt"
    if type(error).__module__ == "bdb":
        return "a debugger has no terminal here: run pytest --pdb to stop inside your code"
    return f"the code raised {said_by(error)}"


class SolutionsGuard:
    """Notices a submission that reads or imports the reference solutions."""

    def __init__(self) -> None:
        self.active = False
        self.offence: str | None = None
        self._installed = False
        self._folder = str(ROOT / "solutions") + os.sep

    def install(self, target: Path) -> None:
        """For a process that judges one part only: an audit hook cannot be taken away again."""
        if str(target) + os.sep == self._folder:
            return  # they are what is being graded
        for name in [n for n in sys.modules if n == "solutions" or n.startswith("solutions.")]:
            del sys.modules[name]
        self.active = True
        if not self._installed:
            self._installed = True
            sys.addaudithook(self._hook)

    def _hook(self, event: str, args: tuple) -> None:
        if not self.active:
            return
        if event == "open":
            path = args[0]
            if isinstance(path, bytes):
                path = os.fsdecode(path)
            if isinstance(path, str) and (
                path.startswith(self._folder)
                or ("solutions" in path and os.path.realpath(path).startswith(self._folder))
            ):
                self._stop("the file imports or reads the reference in `solutions`")
        elif event in ("os.kill", "os.killpg") and args[0] != os.getpid():
            raise PermissionError("a submission may not signal another process")

    def _stop(self, said: str) -> None:
        if not clock.now:  # ours, not the submission's: a traceback reading its lines, say
            return
        self.offence = said
        raise ImportError("the reference solutions are not open to a submission")


solutions_guard = SolutionsGuard()

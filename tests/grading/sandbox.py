"""A child process for each part: what a submission does there, it does to itself.

The parent never runs a line of the submission. It forks a child for a part, tells it over a
pipe which property to judge, and waits for the verdict with a clock in its hand. A child that
hangs is stopped, one that dies is reported, and the next property gets a fresh one.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import mmap
import os
import select
import signal
import struct
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.grading.submission import clock

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None  # type: ignore[assignment]

CAN_FORK = hasattr(os, "fork")
LARGEST_FILE = 64 * 2**20


@dataclass(frozen=True)
class Limits:
    """What one part may use."""

    call_seconds: float
    import_seconds: float
    property_seconds: float
    memory_mb: int


@dataclass
class Outcome:
    """What the child said of one property, or how it ended without saying it."""

    verdict: dict | None = None
    ended: str | None = None
    timed_out: bool = False
    detail: str = ""
    what: str = ""


def warm_up(module: Any) -> None:
    """Build here, once, what every child would build anew: a test module names it in WARM_UP."""
    for build in getattr(module, "WARM_UP", ()):
        build()


class _Queue:
    """How long a child was ready to run and got no processor, which is not its fault.

    On a busy machine a right answer would otherwise be late. Only Linux tells.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.seen = (time.monotonic(), self._used()[1])

    def waited(self) -> float:
        """Seconds spent waiting for a processor since the last look."""
        ready, used = self._used()
        now = time.monotonic()
        lost = (now - self.seen[0]) - (used - self.seen[1]) if ready else 0.0
        self.seen = (now, used)
        return max(0.0, lost)

    def _used(self) -> tuple[bool, float]:
        """Whether the process is ready to run (or waits for a disk), and its processor time."""
        try:
            with open(f"/proc/{self.pid}/stat") as stat:
                fields = stat.read().rpartition(")")[2].split()
        except OSError:
            return False, 0.0
        ticks = int(fields[11]) + int(fields[12])
        return fields[0] in "RD", ticks / os.sysconf("SC_CLK_TCK")


def _charged(seconds: float, waited: float) -> float:
    """The time that counts; never less than a fifth, so that every run comes to an end."""
    return max(seconds - waited, seconds / 5)


class Child:
    """One forked process; `judge(index)` runs one test there."""

    def __init__(
        self,
        run: Callable[[int, int], dict],
        on_start: Callable[[], None],
        limits: Limits,
    ) -> None:
        self.limits = limits
        self._page = mmap.mmap(-1, 4096)
        self._view = memoryview(self._page)[:16].cast("d")
        down_read, down_write = os.pipe()
        up_read, up_write = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            code = 1
            try:
                os.close(down_write)
                os.close(up_read)
                _serve(run, on_start, down_read, up_write, self._view, limits)
                code = 0
            finally:
                os._exit(code)
        os.close(down_read)
        os.close(up_write)
        self._down, self._up = down_write, up_read
        self._buffer = b""

    def judge(self, index: int, following: int) -> Outcome:
        """Have the child run one test; return its verdict, or how it ended."""
        try:
            os.write(self._down, struct.pack("ii", index, following))
        except OSError:
            return Outcome(ended=self._reap())
        began = time.monotonic()
        queue, call, waited, waited_in_call = _Queue(self.pid), 0.0, 0.0, 0.0
        early: dict | None = None
        while True:
            ready, _, _ = select.select([self._up], [], [], 0.1)
            if ready:
                chunk = os.read(self._up, 1 << 16)
                if not chunk:
                    return Outcome(early, None if early else self._reap())
                for message in self._messages(chunk):
                    if message["kind"] == "final":
                        return Outcome(message["verdict"])
                    if message["kind"] == "early":
                        early = message["verdict"]
                continue
            now, call_began = time.monotonic(), self._view[0]
            if call_began != call:
                call, waited_in_call = call_began, 0.0
            more = queue.waited()
            waited, waited_in_call = waited + more, waited_in_call + more
            limit = self.limits.import_seconds if self._view[1] else self.limits.call_seconds
            slow_call = call_began and _charged(now - call_began, waited_in_call) > limit
            if slow_call or _charged(now - began, waited) > self.limits.property_seconds:
                if early:
                    self.close()
                    return Outcome(early)
                seconds = limit if slow_call else self.limits.property_seconds
                place = self._ask_where()
                self.close()
                return Outcome(
                    timed_out=True,
                    ended=f"gave no verdict within {seconds:g} s",
                    what=place.get("what", ""),
                    detail=place.get("detail", ""),
                )

    def _ask_where(self) -> dict:
        """Ask the child which call it is in; one that is deep in C code cannot answer."""
        with contextlib.suppress(OSError):
            os.kill(self.pid, signal.SIGUSR1)
        deadline = time.monotonic() + 1.5
        while time.monotonic() < deadline:
            ready, _, _ = select.select([self._up], [], [], 0.1)
            if ready:
                chunk = os.read(self._up, 1 << 16)
                if not chunk:
                    break
                for message in self._messages(chunk):
                    return message
        return {}

    def _messages(self, chunk: bytes) -> Iterator[dict]:
        """What the child said in whole, with this piece of it; the rest is kept for the next."""
        self._buffer += chunk
        while len(self._buffer) >= 4:
            (size,) = struct.unpack_from("i", self._buffer)
            if len(self._buffer) < 4 + size:
                return
            message, self._buffer = self._buffer[4 : 4 + size], self._buffer[4 + size :]
            yield json.loads(message)

    def _reap(self) -> str:
        _, status = os.waitpid(self.pid, 0)
        self.pid = 0
        self.close()
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            with contextlib.suppress(ValueError):
                return f"its process was killed by {signal.Signals(number).name}"
            return f"its process was killed by signal {number}"
        return (
            "its process ended before there was a verdict "
            f"(an exit such as os._exit, status {os.waitstatus_to_exitcode(status)})"
        )

    @property
    def alive(self) -> bool:
        return self.pid > 0

    def close(self) -> None:
        """Stop the child for good."""
        for handle in (self._down, self._up):
            if handle >= 0:
                with contextlib.suppress(OSError):
                    os.close(handle)
        self._down = self._up = -1
        if self.pid > 0:
            with contextlib.suppress(OSError):
                os.kill(self.pid, signal.SIGKILL)
            with contextlib.suppress(OSError):
                os.waitpid(self.pid, 0)
            self.pid = 0


_up = -1


def _send(message: dict) -> None:
    data = json.dumps(message).encode()
    data = struct.pack("i", len(data)) + data
    while data:
        data = data[os.write(_up, data) :]


def send_early(verdict: dict) -> None:
    """Hand over what is known already, in case the rest never comes."""
    if _up >= 0:
        _send({"kind": "early", "verdict": verdict})


def _serve(
    run: Callable[[int, int], dict],
    on_start: Callable[[], None],
    down: int,
    up: int,
    view: Any,
    limits: Limits,
) -> None:
    global _up
    _up = up
    clock.began = view
    torch = sys.modules.get("torch")
    if torch:
        torch.set_num_threads(1)
    faulthandler.disable()  # the parent says how a child died, in words
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGUSR1, _say_where)
    on_start()
    limit_memory(limits.memory_mb)
    while True:
        request = os.read(down, 8)
        if len(request) < 8:
            return
        index, following = struct.unpack("ii", request)
        _send({"kind": "final", "verdict": run(index, following)})


def _say_where(_signal: int, frame: Any) -> None:
    """Runs in a child that takes too long: say which call it is in, then end."""
    what, detail = clock.now, ""
    with contextlib.suppress(Exception):
        stack = traceback.extract_stack(frame)
        detail = clock.render() if what else ""
        own = [f for f in stack if "/tests/grading/" not in f.filename.replace(os.sep, "/")]
        if what and own:
            last = own[-1]
            detail += f"\nat the time it was at {Path(last.filename).name}:{last.lineno}"
            if last.line:
                detail += f": {last.line}"
    _send({"kind": "where", "what": what, "detail": detail})
    os._exit(3)


_soft: tuple[int, int] | None = None


def limit_memory(megabytes: int) -> bool:
    """Bound the address space to what is in use now plus so much; False where it cannot be."""
    global _soft
    if resource is None or not sys.platform.startswith("linux"):
        return False
    with open("/proc/self/statm") as statm:
        used = int(statm.read().split()[0]) * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = used + megabytes * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
    _soft = (wanted, hard)
    return True


@contextlib.contextmanager
def unlimited() -> Any:
    """Lift the memory bound while a report is written."""
    if _soft is None:
        yield
        return
    resource.setrlimit(resource.RLIMIT_AS, (_soft[1], _soft[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, _soft)

"""A child process for each part: what a submission does there, it does to itself.

The parent never runs a line of the submission. It forks a child for a part, asks it over a pipe to
judge one property after the other, and waits with a clock in its hand. Whatever comes back over
the pipe has a bound as well: a child that hangs, dies, or says what makes no sense is ended, with
every process that it started.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import gc
import json
import mmap
import os
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
LARGEST_MESSAGE = 4 * 2**20
ASKING_SECONDS = 1.5
"""How long a child that is late may take to say which call it is in."""


@dataclass(frozen=True)
class Limits:
    """What one part may use."""

    call_seconds: float
    import_seconds: float
    property_seconds: float
    part_seconds: float
    memory_mb: int


@dataclass
class Outcome:
    """What the child answered, or how it ended without an answer."""

    answer: Any = None
    ended: str | None = None
    timed_out: bool = False
    detail: str = ""
    what: str = ""


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
    """One forked process: `ask` it for something, then `poll` until there is an outcome."""

    def __init__(self, answer: Callable[[Any], Any], limits: Limits) -> None:
        self.limits = limits
        self.born = time.monotonic()
        self._page = mmap.mmap(-1, 4096)
        self._view = memoryview(self._page)[:16].cast("d")
        down_read, down_write = os.pipe()
        up_read, up_write = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        gc.freeze()  # what is there already is no child's garbage, and stays shared
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            code = 1
            try:
                os.close(down_write)
                os.close(up_read)
                _serve(answer, down_read, up_write, self._view, limits, parent)
                code = 0
            finally:
                os._exit(code)
        with contextlib.suppress(OSError):  # as the child does itself: whoever comes first
            os.setpgid(self.pid, self.pid)
        os.close(down_read)
        os.close(up_write)
        os.set_blocking(up_read, False)
        self._down, self.up = down_write, up_read
        self._buffer = b""
        self._asked_where = 0.0

    def ask(self, request: Any) -> None:
        """Begin with something; the clock starts."""
        self._began = time.monotonic()
        self._queue = _Queue(self.pid)
        self._call = self._waited = self._waited_in_call = 0.0
        data = json.dumps(request).encode()
        with contextlib.suppress(OSError):  # a dead child is noticed when it is polled
            os.write(self._down, struct.pack("i", len(data)) + data)

    def poll(self) -> Outcome | None:
        """What came of it, if anything has."""
        try:
            for message in self._messages():
                if message["kind"] == "answer":
                    return Outcome(message["answer"])
                if message["kind"] == "where" and self._asked_where:
                    return self._late(message)
        except EOFError:
            return self._late({}) if self._asked_where else Outcome(ended=self._reap())
        except (ValueError, KeyError, TypeError, struct.error):
            self.close()
            return Outcome(ended="what it wrote to the judge's own pipe makes no sense")
        now, call_began = time.monotonic(), self._view[0]
        if self._asked_where:
            return self._late({}) if now > self._asked_where + ASKING_SECONDS else None
        if call_began != self._call:
            self._call, self._waited_in_call = call_began, 0.0
        more = self._queue.waited()
        self._waited, self._waited_in_call = self._waited + more, self._waited_in_call + more
        limit = self.limits.import_seconds if self._view[1] else self.limits.call_seconds
        in_call = _charged(now - call_began, self._waited_in_call) if call_began else 0.0
        in_all = _charged(now - self._began, self._waited)
        if in_call > limit or in_all > self.limits.property_seconds:
            self._limit = limit if in_call > limit else self.limits.property_seconds
            self._asked_where = now
            with contextlib.suppress(OSError):  # one that is deep in C code cannot answer
                os.kill(self.pid, signal.SIGUSR1)
        return None

    def _late(self, place: dict) -> Outcome:
        self.close()
        return Outcome(
            timed_out=True,
            ended=f"gave no verdict within {self._limit:g} s",
            what=str(place.get("what", ""))[:200],
            detail=str(place.get("detail", ""))[:4000],
        )

    def _messages(self) -> Iterator[dict]:
        """What the child has said in whole; the rest is kept for the next look."""
        for _ in range(64):  # a bound: an endless stream must not keep us from the clock
            try:
                chunk = os.read(self.up, 1 << 16)
            except BlockingIOError:
                break
            except OSError:
                raise EOFError from None
            if not chunk:
                raise EOFError
            self._buffer += chunk
            while len(self._buffer) >= 4:
                (size,) = struct.unpack_from("i", self._buffer)
                if not 0 <= size <= LARGEST_MESSAGE:
                    raise ValueError("no message is that long")
                if len(self._buffer) < 4 + size:
                    break
                message, self._buffer = self._buffer[4 : 4 + size], self._buffer[4 + size :]
                yield json.loads(message)

    def _reap(self) -> str:
        """How the child ended, which closed its pipe; one that goes on all the same is killed."""
        deadline = time.monotonic() + 1.0
        done, status = os.waitpid(self.pid, os.WNOHANG)
        while not done and time.monotonic() < deadline:
            time.sleep(0.005)
            done, status = os.waitpid(self.pid, os.WNOHANG)
        pid, self.pid = self.pid, 0 if done else self.pid
        _end_group(pid)
        self.close()
        if not done:
            return "it closed the pipe over which it is judged"
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
        """Stop the child and all that it started, for good."""
        for handle in (self._down, self.up):
            if handle >= 0:
                with contextlib.suppress(OSError):
                    os.close(handle)
        self._down = self.up = -1
        if self.pid > 0:
            _end_group(self.pid)
            with contextlib.suppress(OSError):
                os.kill(self.pid, signal.SIGKILL)
            with contextlib.suppress(OSError):
                os.waitpid(self.pid, 0)
            self.pid = 0


def _end_group(pid: int) -> None:
    with contextlib.suppress(OSError):
        os.killpg(pid, signal.SIGKILL)


_up = -1


def _send(message: dict) -> None:
    data = json.dumps(message).encode()
    data = struct.pack("i", len(data)) + data
    while data:
        data = data[os.write(_up, data) :]


def _read_exactly(handle: int, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = os.read(handle, count - len(data))
        if not more:
            return b""
        data += more
    return data


def _serve(
    answer: Callable[[Any], Any], down: int, up: int, view: Any, limits: Limits, parent: int
) -> None:
    global _up
    _up = up
    clock.began = view
    # Nothing else that the parent has open, such as the pipes of another child, is reached here.
    kept = sorted((2, down, up))
    for low, high in zip(kept, [*kept[1:], 4096]):
        os.closerange(low + 1, high)
    with contextlib.suppress(OSError):
        os.setpgid(0, 0)
    _die_with(parent)
    torch = sys.modules.get("torch")
    if torch:
        torch.set_num_threads(1)
    faulthandler.disable()  # the parent says how a child died, in words
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGUSR1, _say_where)
    limit_memory(limits.memory_mb)
    while True:
        head = _read_exactly(down, 4)
        if not head:
            return
        request = json.loads(_read_exactly(down, *struct.unpack("i", head)))
        _send({"kind": "answer", "answer": answer(request)})


def _die_with(parent: int) -> None:
    """On Linux a child is ended with its parent, however that ends."""
    if sys.platform.startswith("linux"):
        with contextlib.suppress(Exception):
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            os._exit(1)


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
    with contextlib.suppress(Exception):
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

"""What the desk remembers: one small readable file, locked while it is changed.

`.desk.json` in the repository's folder (or where the variable PRUNING_DESK says) holds the hints
seen, the self-graded marks, the solutions looked at, and the last verdicts. Every change reads
the file anew under a lock and replaces it in one step, so two desks at once lose nothing.
A file that cannot be understood is set aside under a dated name and never overwritten.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.grading.board import write_atomically
from tests.grading.catalogue import ROOT, load

VERSION = 1


class MemoryProblem(Exception):
    """The memory cannot be read or written; says why and what became of it."""


def path() -> Path:
    return Path(os.environ.get("PRUNING_DESK") or ROOT / ".desk.json")


def now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


def fingerprint(text: str | bytes) -> str:
    """Tells whether an answer or a file is still the one that was judged."""
    data = text.encode() if isinstance(text, str) else text
    return hashlib.sha256(data).hexdigest()[:16]


def fresh() -> dict[str, Any]:
    sections = ("hints", "reviews", "solutions", "verdicts", "passed", "plan")
    return {"version": VERSION, **{section: {} for section in sections}}


def read(say: Callable[[str], None] = lambda text: None) -> dict[str, Any]:
    """Return what is remembered; `say` is told where the file had to be set aside."""
    file = path()
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return fresh()
    except (OSError, UnicodeDecodeError) as error:
        if isinstance(error, OSError):
            raise MemoryProblem(f"cannot read {file}: {error.strerror}") from None
        return _set_aside(file, "it is not text", say)
    try:
        memory = json.loads(text)
    except ValueError as error:
        return _set_aside(file, f"it is damaged ({error})", say)
    if not isinstance(memory, dict) or memory.get("version") != VERSION:
        return _set_aside(file, "it is of another version", say)
    memory = {**fresh(), **memory}
    wrong = _damaged(memory)
    if wrong:
        return _set_aside(file, f"its {wrong} cannot be understood", say)
    return memory


def _damaged(memory: dict[str, Any]) -> str | None:
    """Which section holds what nobody here has written; None if all is well."""
    from tests.grading.board import SIGNS

    def entry(value: Any, **kinds: Any) -> bool:
        return isinstance(value, dict) and all(
            isinstance(value.get(key), kind) for key, kind in kinds.items()
        )

    whole = (int, float)
    rules = {
        "hints": lambda v: isinstance(v, int) and not isinstance(v, bool),
        "reviews": lambda v: entry(v, date=str, fingerprint=str, mark=whole, marks=list),
        "solutions": lambda v: entry(v, date=str, spoilt=bool),
        "verdicts": lambda v: (
            entry(v, date=str, fingerprint=str, parts=dict)
            and all(isinstance(k, str) and p in SIGNS for k, p in v["parts"].items())
        ),
    }
    rules["passed"] = lambda v: entry(v, date=str, again=list)
    for section, right in rules.items():
        values = memory[section]
        try:
            if not isinstance(values, dict) or not all(map(right, values.values())):
                return section
        except TypeError:  # a list or a dict where a verdict should be
            return section
    plan = memory["plan"]
    if not isinstance(plan, dict) or (plan and not entry(plan, made=str, schedule=dict)):
        return "plan"
    days = plan.get("schedule", {}).values()
    return None if all(isinstance(stems, list) for stems in days) else "plan"


def verdicts(memory: dict[str, Any]) -> dict[str, dict[str, str]]:
    """What the last runs said of each exercise whose file is still the one that was graded."""
    known = {}
    for stem, entry in memory["verdicts"].items():
        path = ROOT / "exercises" / f"{stem}.py"
        if path.is_file() and fingerprint(path.read_bytes()) == entry["fingerprint"]:
            known[stem] = entry["parts"]
    return known


def whole_stems(memory: dict[str, Any]) -> set[str]:
    """The exercises of which every part passed, as their files are now."""
    known = verdicts(memory)
    return {
        exercise.stem
        for exercise in load()
        if all(known.get(exercise.stem, {}).get(p.name) == "passed" for p in exercise.parts)
    }


def last_run(memory: dict[str, Any]) -> list[str]:
    """The stems that were graded last."""
    dates = {stem: entry["date"] for stem, entry in memory["verdicts"].items()}
    return [stem for stem, date in dates.items() if date == max(dates.values())]


def dated_names(file: Path) -> Iterator[Path]:
    """Names beside `file` for what must not be lost: dated, and numbered where one is taken."""
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    yield file.with_name(f"{file.name}.{stamp}.kept")
    for number in itertools.count(2):
        yield file.with_name(f"{file.name}.{stamp}-{number}.kept")


def _set_aside(file: Path, why: str, say: Callable[[str], None]) -> dict[str, Any]:
    kept = next(name for name in dated_names(file) if not name.exists())
    try:
        file.rename(kept)
    except OSError as error:
        raise MemoryProblem(
            f"cannot use {file}: {why}; and it cannot be set aside: {error.strerror}"
        ) from None
    say(f"The desk's memory could not be used: {why}. It is kept as {kept.name}; a new one begins.")
    return fresh()


def change(
    alter: Callable[[dict[str, Any]], Any], say: Callable[[str], None] = lambda text: None
) -> Any:
    """Let `alter` change the memory, under a lock; return what it returns."""
    from filelock import FileLock, Timeout

    file = path()
    try:
        with FileLock(f"{file}.lock", timeout=20):
            memory = read(say)
            result = alter(memory)
            text = json.dumps(memory, indent=2, ensure_ascii=False, sort_keys=True)
            write_atomically(file, text + "\n")
            return result
    except Timeout:
        raise MemoryProblem(f"another desk holds {file}; nothing was written") from None
    except OSError as error:
        raise MemoryProblem(f"cannot write {file}: {error.strerror}; nothing was changed") from None


def review_state(memory: dict[str, Any], stem: str, answer: str) -> str:
    """How the written answer of a Q exercise stands, for the scoreboard."""
    if not answer.strip():
        return "empty"
    review = memory["reviews"].get(stem)
    if review is None:
        return "written"
    if review["fingerprint"] != fingerprint(answer):
        return "review again"
    return f"{review['mark']:g}/10"

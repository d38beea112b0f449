"""Known wrong answers, and whether a submission behaves like one of them."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.grading.copying import copied
from tests.grading.expect import Impure
from tests.grading.plain import plain
from tests.grading.same import same
from tests.grading.submission import Call, Diary, Example

ENOUGH = 3
"""Failing inputs on which a mistake must have returned what the submission returned."""


@dataclass(frozen=True)
class Mistake:
    """A plausible wrong implementation of one part."""

    part: str
    name: str
    diagnosis: str
    nudge: str
    function: Callable[..., Any]
    observe: Callable[..., Any] | None = None


def mistake(
    part: str, name: str, diagnosis: str, nudge: str, observe: Callable[..., Any] | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Mark a function in `tests/mistakes/STEM.py` as a known wrong answer.

    Args:
        part: the part that it gets wrong.
        name: what people call it, in a few words.
        diagnosis: one line on what it does.
        nudge: a question or a pointer that does not give the answer away.
        observe: for outcomes that cannot be compared as they are (an opaque blob), a function
            of (outcome, call) that returns what can.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        known = function.__globals__.setdefault("MISTAKES", [])
        known.append(Mistake(part, name, diagnosis, nudge, function, observe))
        return function

    return decorate


@functools.cache
def known_mistakes(stem: str) -> tuple[Mistake, ...]:
    name = f"tests.mistakes.{stem}"
    if importlib.util.find_spec(name) is None:
        return ()
    return tuple(getattr(importlib.import_module(name), "MISTAKES", ()))


def diagnose(stem: str, part: str, diary: Diary, others: list[Example]) -> Mistake | None:
    """Return the mistake that explains the failing test, or None where none surely does.

    It must return what the submission returned on the smallest failing input, on at least
    `ENOUGH` failing inputs in all and nine tenths of them, and mostly on the passing ones too
    (ties may be settled otherwise there). A test about errors has one input, on which many
    mistakes look alike: there it must agree on everything else that was tried (`others`).
    Two that explain it equally well explain nothing.
    """
    smallest = diary.last_failing
    if smallest is None or not any(call.name == part for call in smallest.calls):
        return None
    ranked = []
    for known in known_mistakes(stem):
        if known.part != part or _agreement(known, [smallest]) != (1, 1):
            continue
        if smallest.about_errors:
            # Values first: they tell mistakes apart, and the comparison stops at the first.
            values_first = sorted(others, key=lambda e: e.about_errors)
            if all(e.about_errors for e in others):
                continue
            if not _agrees_everywhere(known, values_first):
                continue
            agreed = tried = 1
        else:
            agreed, tried = _agreement(known, _values(diary.failing))
            if agreed < 0.9 * tried:
                continue
            if tried < ENOUGH:  # a property of few examples: what else failed counts as well
                agreed, tried = _agreement(known, [e for e in _values(others) if e.error])
            if agreed < ENOUGH or agreed < 0.9 * tried:
                continue
            passed, passes = _agreement(known, _values(diary.passing))
            if passed < 0.7 * passes:
                continue
            agreed, tried = agreed + passed, tried + passes
        ranked.append((agreed / tried, known))
    best = [known for rank, known in ranked if rank == max(rank for rank, _ in ranked)]
    if len(best) > 1:  # what the part's other properties saw may tell them apart
        agreed = [_agreement(known, _values(others))[0] for known in best]
        best = [known for known, count in zip(best, agreed) if count == max(agreed)]
    return best[0] if len(best) == 1 else None


def contradicts(diary: Diary, known: Mistake) -> bool:
    """Whether a failing test speaks against a mistake: it returns something else there."""
    agreed, tried = _agreement(known, _values(diary.failing))
    return agreed < 0.5 * tried


def _values(examples: list[Example]) -> list[Example]:
    """Those that say something of the answer: not of a refusal, not of a deed beside it."""
    return [e for e in examples if not e.about_errors and not isinstance(e.error, Impure)]


def _agrees_everywhere(known: Mistake, examples: list[Example]) -> bool:
    """Whether it agrees on all of them; stops at the first that speaks against it."""
    return all(agreed == tried for agreed, tried in (_agreement(known, [e]) for e in examples))


def _agreement(known: Mistake, examples: list[Example]) -> tuple[int, int]:
    agreed = tried = 0
    for example in examples:
        calls = [call for call in example.calls if call.name == known.part]
        if calls:
            tried += 1
            # Remembered, because each failing property asks again about the examples before it.
            if known.name not in example.agrees:
                example.agrees[known.name] = all(_behaves_like(known, call) for call in calls)
            agreed += example.agrees[known.name]
    return agreed, tried


def _behaves_like(known: Mistake, call: Call) -> bool:
    try:
        args, kwargs = copied((call.args, call.kwargs))
    except Exception:
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outcome = plain(known.function(*args, **kwargs))
    except Exception as error:
        return call.raised and same(error, call.outcome)
    if call.raised:
        return False
    mine = call.outcome
    try:
        if known.observe is not None:
            outcome, mine = known.observe(outcome, call), known.observe(mine, call)
        return same(outcome, mine)
    except Exception:
        return False

"""`plan`: the exercises over the days that are left, and what comes back to be done again."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Any

from tests.grading import catalogue
from tests.grading.catalogue import ROOT, Exercise

AGAIN_AFTER = (2, 5, 14)
"""Days after which what was passed comes back."""


def importance(exercise: Exercise) -> int:
    """How much an exercise matters in an interview, 1 to 5, as its text says."""
    path = ROOT / "solutions" / f"{exercise.stem}.py"  # where nobody has edited it
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    said = re.search(r"importance (●+)", text)
    return len(said[1]) if said else 3


def lay_out(
    days: int, hours: float, kinds: tuple[str, ...], whole: set[str], today: date
) -> tuple[dict[str, list[str]], list[Exercise]]:
    """What to do on which day, and what there is no time for.

    The most important exercises that fit are chosen; then the easy ones come first.
    """
    left = [e for e in catalogue.load() if e.kind in kinds and e.stem not in whole]
    chosen: list[Exercise] = []
    for exercise in sorted(left, key=lambda e: -importance(e)):
        more = sorted([*chosen, exercise], key=lambda e: (e.difficulty, -importance(e)))
        if len(_packed(more, 60 * hours)) <= days:
            chosen = more
    load = sum(e.minutes for e in chosen) / days
    while len(_packed(chosen, load)) > days:  # about the same load every day
        load += 5
    schedule = {
        (today + timedelta(days=day)).isoformat(): [e.stem for e in exercises]
        for day, exercises in enumerate(_packed(chosen, load))
    }
    return schedule, [e for e in left if e not in chosen]


def _packed(exercises: list[Exercise], minutes: float) -> list[list[Exercise]]:
    """Day after day as many as fit; what is longer than a day has a day of its own."""
    days: list[list[Exercise]] = []
    for exercise in exercises:
        if not days or sum(e.minutes for e in days[-1]) + exercise.minutes > minutes:
            days.append([])
        days[-1].append(exercise)
    return days


def due_today(memory: dict[str, Any], whole: set[str], today: date) -> list[str]:
    """What the plan has for today and the days before, and is not done."""
    schedule = memory["plan"].get("schedule", {})
    return [
        stem
        for day, stems in sorted(schedule.items())
        if day <= today.isoformat()
        for stem in stems
        if stem not in whole
    ]


def due_again(memory: dict[str, Any], whole: set[str], today: date) -> list[str]:
    """What was passed so long ago that it is worth doing again."""
    found = []
    for stem, entry in memory["passed"].items():
        times = len(entry["again"])
        if stem not in whole or times >= len(AGAIN_AFTER):
            continue
        first = datetime.fromisoformat(entry["date"]).date()
        if today >= first + timedelta(days=AGAIN_AFTER[times]):
            found.append(stem)
    return found

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
    text = (ROOT / "exercises" / f"{exercise.stem}.py").read_text("utf-8", "replace")
    said = re.search(r"importance (●+)", text)
    return len(said[1]) if said else 3


def lay_out(
    days: int, hours: float, kinds: tuple[str, ...], whole: set[str], today: date
) -> tuple[dict[str, list[str]], list[Exercise]]:
    """What to do on which day, and what there is no time for.

    The most important exercises that fit are chosen; then the easy ones come first.
    """
    left = [e for e in catalogue.load() if e.kind in kinds and e.stem not in whole]
    left.sort(key=lambda e: -importance(e))
    room = days * hours * 60
    chosen: list[Exercise] = []
    for exercise in left:
        if exercise.minutes <= room or not chosen:
            chosen.append(exercise)
            room -= exercise.minutes
    omitted = [e for e in left if e not in chosen]
    chosen.sort(key=lambda e: (e.difficulty, -importance(e)))
    share = sum(e.minutes for e in chosen) / days  # the same load every day
    schedule: dict[str, list[str]] = {}
    passed = 0.0
    for exercise in chosen:
        day = min(days - 1, int((passed + exercise.minutes / 2) / share))
        schedule.setdefault((today + timedelta(days=day)).isoformat(), []).append(exercise.stem)
        passed += exercise.minutes
    return schedule, omitted


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

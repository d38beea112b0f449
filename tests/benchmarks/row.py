"""One line of the table."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """What was measured, the ratio, what was aimed at, and whether that was reached."""

    what: str
    measured: str
    goal: str = ""
    met: bool | None = None


def at_least(what: str, ratio: float, goal: float, unit: str = "×") -> Row:
    return Row(what, f"{ratio:.3g}{unit}", f"≥ {goal:g}{unit}", ratio >= goal)


def at_most(what: str, ratio: float, goal: float, unit: str = "×") -> Row:
    return Row(what, f"{ratio:.3g}{unit}", f"≤ {goal:g}{unit}", ratio <= goal)

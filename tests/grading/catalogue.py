"""The one list of exercises, read from `exercises/catalogue.toml`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = ROOT / "exercises" / "catalogue.toml"


@dataclass(frozen=True)
class Kind:
    """A kind of exercise: what it is called, and whether it asks for a written answer."""

    name: str
    letter: str
    heading: str
    written: bool


KINDS = (
    Kind("coding", "p", "Coding problems", written=False),
    Kind("concept", "q", "Conceptual questions", written=True),
    Kind("large", "m", "Large models", written=True),
)
"""The one place that lists the kinds, in the order in which they are shown."""


@dataclass(frozen=True)
class Part:
    """One public function of an exercise, and what it is worth."""

    name: str
    points: float
    hints: tuple[str, ...]


@dataclass(frozen=True)
class Exercise:
    """One stem: four files and this entry."""

    stem: str
    title: str
    seed: str
    kind: str
    difficulty: int
    minutes: int
    packages: tuple[str, ...]
    parts: tuple[Part, ...]
    label: str  # the title where there is little room

    @property
    def short(self) -> str:
        """What people type: `p01` for `p01_vector_pruning`."""
        return self.stem.split("_", 1)[0]

    @property
    def written(self) -> bool:
        """Whether there is an `ANSWER` to write."""
        return kind(self.kind).written

    @property
    def points(self) -> float:
        return sum(part.points for part in self.parts)

    def part(self, name: str) -> Part:
        for part in self.parts:
            if part.name == name:
                return part
        raise KeyError(f"{self.stem} has no part {name!r}")


def kind(name: str) -> Kind:
    """One kind, by its name in the catalogue."""
    return next(k for k in KINDS if k.name == name)


def parse(text: str) -> tuple[Exercise, ...]:
    """Read a catalogue; an entry that lacks something is a `ValueError` that says what."""
    exercises = []
    for entry in tomllib.loads(text).get("exercise", []):
        try:
            if entry["kind"] not in {k.name for k in KINDS}:
                raise ValueError(f"catalogue.toml: {entry['stem']}: no kind {entry['kind']!r}")
            parts = tuple(
                Part(p["name"], float(p.get("points", 1)), tuple(p["hints"])) for p in entry["part"]
            )
            exercises.append(
                Exercise(
                    stem=entry["stem"],
                    title=entry["title"],
                    seed=entry["seed"],
                    kind=entry["kind"],
                    difficulty=int(entry["difficulty"]),
                    minutes=int(entry["minutes"]),
                    packages=tuple(entry["packages"]),
                    parts=parts,
                    label=entry.get("label", entry["title"]),
                )
            )
        except KeyError as missing:
            name = entry.get("stem", "an entry")
            raise ValueError(f"catalogue.toml: {name} has no {missing.args[0]!r}") from None
    order = [k.name for k in KINDS]
    return tuple(sorted(exercises, key=lambda e: (order.index(e.kind), e.stem)))


@lru_cache(maxsize=1)
def load() -> tuple[Exercise, ...]:
    return parse(CATALOGUE.read_text(encoding="utf-8"))


def stem_of(test_file: str | Path) -> str:
    """The stem that `tests/test_STEM.py` judges."""
    return Path(test_file).stem.removeprefix("test_")


def find(stem: str) -> Exercise | None:
    return next((exercise for exercise in load() if exercise.stem == stem), None)

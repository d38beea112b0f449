"""`python -m tests.grading.readme` writes the catalogue's table into the README."""

from __future__ import annotations

from tests.grading import catalogue
from tests.grading.board import write_atomically

BEGIN, END = "<!-- catalogue: begin -->\n", "<!-- catalogue: end -->"


def table() -> str:
    """The exercises as a table in Markdown, between its two markers."""
    rows = [
        "| exercise | 原题 | parts | difficulty | minutes | needs | notebook |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    kind = None
    for exercise in catalogue.load():
        if exercise.kind != kind:
            kind = exercise.kind
            rows.append(f"| **{catalogue.kind(kind).heading}** | | | | | | |")
        parts = " ".join(f"`{part.name}`" for part in exercise.parts)
        notebook = catalogue.ROOT / "notebooks" / f"{exercise.stem}.ipynb"
        link = f"[open](notebooks/{exercise.stem}.ipynb)" if notebook.exists() else ""
        rows.append(
            f"| [{exercise.short}](exercises/{exercise.stem}.py) {exercise.title} "
            f"| {exercise.seed} | {parts} "
            f"| {'●' * exercise.difficulty}{'○' * (5 - exercise.difficulty)} "
            f"| {exercise.minutes} | {', '.join(exercise.packages)} | {link} |"
        )
    return BEGIN + "\n".join(rows) + "\n" + END


def main() -> None:
    path = catalogue.ROOT / "README.md"
    text = path.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    write_atomically(path, before + table() + after)


if __name__ == "__main__":
    main()

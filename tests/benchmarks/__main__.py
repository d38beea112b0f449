"""Print the table: `python -m tests.benchmarks [--quick] [vectors networks layers ...]`."""

from __future__ import annotations

import argparse
import platform

PARTS = ("vectors", "networks", "blobs", "layers", "verdicts")


def main() -> None:
    """Measure what is asked for, a row at a time."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="fewer repeats, no 10^8 weights")
    asked = parser.parse_args()
    for part in asked.parts:
        if part not in PARTS:
            parser.error(f"no part {part!r}; there are {', '.join(PARTS)}")

    from importlib import import_module

    print(
        f"Python {platform.python_version()}, one thread; ratios of medians, measured in turns.\n"
    )
    print("| what | measured | goal | met |\n| --- | --- | --- | --- |", flush=True)
    for part in asked.parts or PARTS:
        for row in import_module(f"tests.benchmarks.{part}").rows(asked.quick):
            met = {True: "yes", False: "no", None: ""}[row.met]
            print(f"| {row.what} | {row.measured} | {row.goal} | {met} |", flush=True)


if __name__ == "__main__":
    main()

"""`make bench`, or `python -m benchmarks [queries|mirror|growth|pipeline]… [--size 1M]`."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from benchmarks import pipeline, queries
from benchmarks.generate import SIZES

PARTS: dict[str, Callable[[str], None]] = {"queries": queries.run, "pipeline": lambda _: pipeline.run()}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="part", help=", ".join(PARTS))
    parser.add_argument("--size", choices=SIZES, default="1M", help="of the generated site, by its boxes (default: 1M)")
    asked = parser.parse_args()
    for name in asked.parts or PARTS:
        PARTS[name](asked.size)


if __name__ == "__main__":  # spawned children import this module too
    main()

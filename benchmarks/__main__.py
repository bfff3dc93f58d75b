"""`make bench`, or `python -m benchmarks [queries|peers|mirror|growth|pipeline]… [--size 1M]`."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from benchmarks import growth, mirror, peers, pipeline, queries
from benchmarks.generate import SIZES

PARTS: dict[str, Callable[[str], None]] = {
    "queries": queries.run,
    "peers": peers.run,
    "mirror": mirror.run,
    "growth": growth.run,
    "pipeline": lambda _: pipeline.run(),
}
AT_ONCE = ("queries", "peers", "mirror", "pipeline")
"""What runs where nothing is named: some minutes. Growth wants the next size too."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("parts", nargs="*", metavar="part", help=f"{', '.join(PARTS)}; without: all but growth")
    parser.add_argument("--size", choices=SIZES, default="1M", help="boxes of the generated site (default: 1M)")
    asked = parser.parse_args()
    for name in asked.parts:
        if name not in PARTS:
            parser.error(f"there is no benchmark {name!r}; there are {', '.join(PARTS)}")
    for name in asked.parts or AT_ONCE:
        PARTS[name](asked.size)


if __name__ == "__main__":  # spawned children import this module too
    main()

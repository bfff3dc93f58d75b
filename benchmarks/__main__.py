"""`make bench`, or `python -m benchmarks [queries|pipeline]…` for a part."""

from __future__ import annotations

import sys

from benchmarks import pipeline, queries

PARTS = {"queries": queries.run, "pipeline": pipeline.run}


def main() -> None:
    for name in sys.argv[1:] or PARTS:
        if name not in PARTS:
            sys.exit(f"there is no benchmark {name!r}; there are {', '.join(PARTS)}")
        PARTS[name]()


if __name__ == "__main__":  # spawned children import this module too
    main()

"""pg_dump of a database, and the comparison that says whether it is physically what Prisma makes."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from omnisight_lab.db.server import binaries
from omnisight_lab.db.session import Database

EXPECTED = Path(__file__).with_name("expected.pg_dump.sql")
PRISMA = Path(__file__).parents[2] / "migrations" / "prisma.sql"

_IGNORED = re.compile(
    r"--|SET |SELECT pg_catalog|\\(un)?restrict|(CREATE|COMMENT ON|ALTER) SCHEMA public"
    r'|CREATE INDEX "?omnisight_.* WHERE |$'
)
"""Comments, SET, \\restrict, the schema's own statements, and the partial indexes that Prisma does not see."""


def normalized(dump: str) -> list[str]:
    """The lines that count."""
    return [line for line in dump.splitlines() if not _IGNORED.match(line)]


def dump(database: Database, schema: str = "public") -> str:
    """`pg_dump -s` of one schema, by the embedded server's own pg_dump."""
    command = [binaries() / "pg_dump", "-s", "--no-owner", "--no-privileges", "-n", schema, database.libpq_url]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout

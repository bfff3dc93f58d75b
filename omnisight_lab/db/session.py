"""One PostgreSQL database: its address in every spelling, its engine, and its sessions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self
from urllib.parse import parse_qsl, quote, urlencode

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Engine, create_engine, exc
from sqlalchemy.orm import Session

from omnisight_lab import settings
from omnisight_lab.db.server import EmbeddedServer
from omnisight_lab.errors import DatabaseError, DatabaseUnreachable, UsageError

PRISMA_ONLY = frozenset(
    {
        "connection_limit",
        "pool_timeout",
        "pgbouncer",
        "socket_timeout",
        "statement_cache_size",
        "sslaccept",
        "sslidentity",
        "max_connection_lifetime",
        "max_idle_connection_lifetime",
        "single_use_connections",
    }
)
"""Parameters of Prisma's addresses that libpq rejects."""

CONNECT_SECONDS = 10

PATIENCE = {"tcp_user_timeout": "20000", "keepalives_idle": "10", "keepalives_interval": "5", "keepalives_count": "2"}
"""So that a server that vanished without a word (its power, the network) is noticed in 20 s, not in a quarter of an
hour, in which whoever waits for its answer could not even be stopped. libpq's parameters, ms and s."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a database is: libpq's parameters, the password among them; schema of the ten tables; behind a pooler?"""

    parameters: Mapping[str, str]
    schema: str = "public"
    pooled: bool = False

    def uri(self, *, password: bool = True, extra: Mapping[str, str] | None = None) -> str:
        """The address as a libpq URI; `extra` joins its parameters."""
        rest = {**self.parameters, **(extra or {})}
        host, port, name = (rest.pop(key, "") for key in ("host", "port", "dbname"))
        user, secret = rest.pop("user", ""), rest.pop("password", "")
        login = quote(user, safe="") + (":" + quote(secret, safe="") if secret and password else "")
        if "," in host or "/" in host:  # several hosts, or the folder of a socket
            rest |= {"host": host} | ({"port": port} if port else {})
            host = port = ""
        host = f"[{host}]" if ":" in host else host
        query = "?" + urlencode(rest, quote_via=quote) if rest else ""
        at = f"{login}@" if login else ""
        return f"postgresql://{at}{host}{':' + port if port else ''}/{quote(name, safe='')}{query}"


def parse_url(url: str) -> Address:
    """The address that Prisma, libpq (URI or key=value) or SQLAlchemy spells as `url`, else UsageError."""
    scheme, colon, rest = url.strip().partition("://")
    schema, pooled = "public", False
    text = url.strip()
    if colon:
        if scheme.partition("+")[0] not in ("postgresql", "postgres"):
            raise UsageError(
                f"the database address begins with {scheme}://; it must be postgresql:// (only PostgreSQL is supported)"
            )
        base, _, query = rest.partition("?")
        pairs = dict(parse_qsl(query, keep_blank_values=True))
        schema = pairs.pop("schema", "") or schema
        pooled = pairs.get("pgbouncer") == "true"
        kept = {key: value for key, value in pairs.items() if key not in PRISMA_ONLY}
        _refuse_unknown(kept)
        text = f"postgresql://{base}" + ("?" + urlencode(kept, quote_via=quote) if kept else "")
    try:
        parameters = {key: str(value) for key, value in conninfo_to_dict(text).items() if value is not None}
    except psycopg.ProgrammingError:  # its message may quote the password, so it is not passed on
        raise UsageError(
            "the database address can't be read; write it as postgresql://USER:PASSWORD@HOST:PORT/DATABASE, "
            "with special characters of the password percent-encoded"
        ) from None
    return Address(parameters, schema, pooled)


def _refuse_unknown(parameters: Mapping[str, str]) -> None:
    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    if unknown := sorted(set(parameters) - known):
        raise UsageError(f"the database address has a parameter that PostgreSQL doesn't know: {', '.join(unknown)}")


class Database:
    """A PostgreSQL database, open until `close` or the end of its `with`.

    `schema` is that of the ten tables; `?schema=` in the address goes before it.
    Every connection has time zone UTC and finds the ten tables by its search_path. Pickled, it is its address alone.
    """

    def __init__(self, url: str, schema: str = "public") -> None:
        self.address = parse_url(url)
        self.schema = self.address.schema if self.address.schema != "public" else schema
        self.server: EmbeddedServer | None = None
        """The embedded server behind it, where `open_database` looked after one."""
        self._given = (url, schema)

    def __reduce__(self) -> tuple[Any, ...]:
        return Database, self._given

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Database({self.safe_url!r})"

    @property
    def options(self) -> str:
        """What every connection sets as it opens, in libpq's escaping."""
        path = self.quoted_schema.replace("\\", "\\\\").replace(" ", "\\ ")
        given = self.address.parameters.get("options", "")
        return f"{given} -c timezone=UTC -c search_path={path}".strip()

    @property
    def quoted_schema(self) -> str:
        """The schema as SQL writes it."""
        return '"' + self.schema.replace('"', '""') + '"'

    @property
    def url(self) -> str:
        """libpq URI with password, time zone and search_path, for ADBC and DuckDB; never print it."""
        return self.address.uri(extra={"options": self.options})

    @property
    def libpq_url(self) -> str:
        """libpq URI with password, as pg_dump and psql take it."""
        return self.address.uri()

    @property
    def prisma_url(self) -> str:
        """URI with password that is fit for DATABASE_URL, here and in Prisma's services."""
        return self.address.uri(extra={} if self.schema == "public" else {"schema": self.schema})

    def url_as(self, user: str, password: str) -> str:
        """The same address for another role, fit for DATABASE_URL; its password stands in it."""
        address = Address({**self.address.parameters, "user": user, "password": password})
        return address.uri(extra={} if self.schema == "public" else {"schema": self.schema})

    @property
    def safe_url(self) -> str:
        """URI without password, to be shown."""
        parameters = {key: value for key, value in self.address.parameters.items() if key != "sslpassword"}
        return Address(parameters).uri(password=False)

    @cached_property
    def engine(self) -> Engine:
        arguments: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS, **PATIENCE, **self.address.parameters}
        arguments["options"] = self.options
        arguments.setdefault("application_name", "omnisight")
        if self.address.pooled:
            arguments["prepare_threshold"] = None  # a transaction pooler loses prepared statements
        return create_engine("postgresql+psycopg://", connect_args=arguments, pool_pre_ping=True, hide_parameters=True)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session that never commits by itself: for reading. Values stay usable after it."""
        with translated(self), Session(self.engine, expire_on_commit=False) as session:
            yield session

    def close(self) -> None:
        """Closes the pooled connections; the next use opens new ones."""
        if "engine" in self.__dict__:
            self.engine.dispose()

    def stop_server_if_started(self) -> None:
        """Stops the embedded server where opening this database had started it, and leaves others running."""
        if self.server is not None and self.server.we_started:
            self.server.stop()


@contextmanager
def translated(database: Database) -> Iterator[None]:
    """The one border where errors of SQLAlchemy and psycopg become ours."""
    try:
        yield
    except exc.DBAPIError as error:
        raise _translation(database, error.orig) from error
    except psycopg.Error as error:
        raise _translation(database, error) from error
    except UnicodeEncodeError as error:  # bytes of a command line that are no UTF-8 come as such characters
        raise UsageError("a text has a character that is none of Unicode's; type it in UTF-8") from error


def _translation(database: Database, error: BaseException | None) -> DatabaseError:
    state = getattr(error, "sqlstate", None) or ""
    line = " ".join(str(error).split("\n")[0].split())
    if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return DatabaseError(f"the database refused: {line}")
    if state and not state.startswith(("08", "28", "3D", "57P")):  # 57014 is a query that was cut short
        return DatabaseError(f"the database failed: {line}")
    return DatabaseUnreachable(f"no database at {database.safe_url}: {line}")


def locate_database(paths: settings.Paths | None = None, *, create: bool = False) -> Database:
    """The database of DATABASE_URL, else that of the embedded server, which runs then. Its tables are not looked at.

    DatabaseUnreachable where there is no embedded database yet, unless `create`.
    """
    if url := settings.database_url():
        return Database(url)
    server = EmbeddedServer((paths or settings.paths()).database)
    if not create and not server.exists:
        raise DatabaseUnreachable(
            f"there is no database in {server.folder} yet; run `omnisight init`, or set DATABASE_URL"
        )
    database = Database(server.start())
    database.server = server
    return database


def open_database(paths: settings.Paths | None = None, *, create: bool = False) -> Database:
    """The database, located and found to be of this version.

    With `create` an absent one is made, and any is migrated; without, DatabaseUnreachable or SchemaMismatch say what
    to do.
    """
    from omnisight_lab.db import migrate

    database = locate_database(paths, create=create)
    try:
        if create:
            migrate.upgrade(database)
        else:
            migrate.require_current(database)
    except BaseException:
        database.close()
        raise
    return database

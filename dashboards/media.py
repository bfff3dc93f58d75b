"""Footage and pictures by row id: who asks is checked, the path comes from the database, `Range` is answered.

/media/segments/ID             a segment's video
/media/segments/ID/thumbnail   its picture
/media/events/ID/thumbnail     an event's picture
/media/events/ID/clip.mp4      an event's footage as one file, for those who may export
/media/cameras/ID/latest       the newest picture of a camera
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tornado.web import HTTPError, RequestHandler, StaticFileHandler

from dashboards.auth import COOKIE, SessionEnded, Visitor
from omnisight_lab.access.roles import Action
from omnisight_lab.errors import AccessDenied, MediaError, UnknownName

if TYPE_CHECKING:
    from collections.abc import Callable

    from omnisight_lab.lab import Lab

    Find = Callable[[Lab, str], Path | None]

_ID = r"([A-Za-z0-9._-]{1,64})"
_HOUR = "private, max-age=3600"
_ALWAYS_ASK = "private, no-cache"


async def _admit(handler: RequestHandler, lab: Lab, action: Action) -> Lab:
    """The lab as the cookie's person sees it; HTTP 403 unless they may do this, without a redirect, since no person
    reads the answer."""
    try:
        person = await asyncio.to_thread(Visitor(lab, handler.get_cookie(COOKIE) or "").require, action)
    except SessionEnded as error:
        raise HTTPError(403, reason="Log in first") from error
    except AccessDenied as error:
        raise HTTPError(403, reason="Your role does not allow this") from error
    assert person.lab is not None  # `require` gives it
    return person.lab


class StoredFile(StaticFileHandler):
    """One file of the media root, found by the id of its row."""

    def initialize(self, lab: Lab, find: Find, cache: str) -> None:  # type: ignore[override]
        self.root, self.default_filename = "", None
        self._lab, self._find, self._cache = lab, find, cache

    async def prepare(self) -> None:
        self._lab = await _admit(self, self._lab, Action.LOOK)

    async def get(self, path: str, include_body: bool = True) -> None:
        try:
            found = await asyncio.to_thread(self._find, self._lab, path)
        except (UnknownName, MediaError) as error:
            raise HTTPError(404, reason="No such file") from error
        if found is None:
            raise HTTPError(404, reason="No picture yet")
        self.root = str(found.parent)
        await super().get(found.name, include_body)

    def compute_etag(self) -> str:
        """By size and time: the default reads the whole file, and keeps what it found for ever."""
        return f'"{self.get_content_size():x}-{self._stat().st_mtime_ns:x}"'

    def get_cache_time(self, path: str, modified: datetime | None, mime_type: str) -> int:
        return 0

    def set_extra_headers(self, path: str) -> None:
        self.set_header("Cache-Control", self._cache)


class EventClip(RequestHandler):
    """The footage of an event as one MP4 to keep."""

    def initialize(self, lab: Lab) -> None:
        self._lab = lab

    async def prepare(self) -> None:
        self._lab = await _admit(self, self._lab, Action.EXPORT)

    async def get(self, event_id: str) -> None:
        try:
            clip = await asyncio.to_thread(self._lab.clip, event_id)
        except (UnknownName, MediaError) as error:
            raise HTTPError(404, reason="No footage of this event") from error
        self.set_header("Content-Type", "video/mp4")
        self.set_header("Content-Disposition", f'attachment; filename="event-{event_id}.mp4"')
        self.set_header("Cache-Control", _ALWAYS_ASK)
        self.finish(clip.data)


def routes(lab: Lab) -> list[tuple[str, type[RequestHandler], dict[str, Any]]]:
    """Patterns for `get_server`."""

    def stored(pattern: str, find: Find, cache: str = _HOUR) -> tuple[str, type[RequestHandler], dict[str, Any]]:
        return (pattern, StoredFile, {"lab": lab, "find": find, "cache": cache})

    return [
        stored(f"/media/segments/{_ID}", lambda lab, id: lab.media_file("segment", id)),
        stored(f"/media/segments/{_ID}/thumbnail", lambda lab, id: lab.media_file("segment_thumbnail", id)),
        stored(f"/media/events/{_ID}/thumbnail", lambda lab, id: lab.media_file("event_thumbnail", id)),
        stored(f"/media/cameras/{_ID}/latest", lambda lab, id: lab.latest_picture(id), _ALWAYS_ASK),
        (rf"/media/events/{_ID}/clip\.mp4", EventClip, {"lab": lab}),
    ]

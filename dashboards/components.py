"""The two pieces that run in the browser: HTML that answers, and the player."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import panel as pn
import param
from panel.custom import JSComponent

from dashboards.markup import asset

log = logging.getLogger(__name__)

Message = dict[str, Any]
"""What a person did: `do` names it; the rest are the element's data attributes, all of them text from a browser."""

Answer = Callable[[Message], Coroutine[Any, Any, None]]


def column(*children: Any, **params: Any) -> pn.Column:
    """A column as high as what is in it; Panel's own ends where its parent does."""
    styles = {"max-height": "none"} | params.pop("styles", {})
    return pn.Column(*children, sizing_mode="stretch_width", margin=0, styles=styles, **params)


class Fragment(JSComponent):
    """HTML drawn on the server. Elements with `data-do` send messages; assets/fragment.js lists all it knows."""

    html = param.String(doc="markup; escape what comes from elsewhere (dashboards.markup does)")

    _esm = asset("fragment.js")

    def __init__(self, html: str = "", on: Answer | None = None, **params: Any) -> None:
        params = {"sizing_mode": "stretch_width", "margin": 0} | params
        super().__init__(html=html, stylesheets=[asset("omnisight.css")], **params)  # type: ignore[no-untyped-call]
        self._on = on

    def _handle_msg(self, data: Any) -> None:
        if self._on is None or not isinstance(data, dict) or not isinstance(data.get("do"), str):
            log.warning("a browser sent a message that nobody waits for")
            return
        pn.state.execute(partial(self._on, data), schedule=False)


class Player(JSComponent):
    """Footage on the wall clock: segments play on as one, boxes are drawn over the picture.

    All times are milliseconds since 1970, UTC. `clip`: {key, start, end (the event), from, to (what can be played),
    zone, parts: [{url, start, end}], frame: {width, height}, boxes: [{t, track, label, confidence, x, y, w, h}],
    poster}; empty: nothing to play.
    """

    clip = param.Dict(default={})

    _esm = asset("player.js")

    def __init__(self, **params: Any) -> None:
        params = {"sizing_mode": "stretch_width", "margin": 0} | params
        super().__init__(stylesheets=[asset("omnisight.css")], **params)  # type: ignore[no-untyped-call]

"""Pictures and clips that show themselves in a notebook, alone or beside their rows."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from omnisight_lab.types import Image

ICON_HEIGHT = 96
"""Pictures beside the rows of a table: twice as high as they are shown, for sharp screens; 2 to 4 kB each."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG: `path` on this machine."""

    path: Path

    @property
    def data(self) -> bytes:
        return self.path.read_bytes()

    def _repr_jpeg_(self) -> bytes:
        return self.data

    def icon(self) -> bytes | None:
        """The picture as a small JPEG, 96 px high; None where the file is no picture."""
        import cv2
        import numpy as np

        from omnisight_lab.media.thumbnails import jpeg

        image = cv2.imdecode(np.frombuffer(self.data, np.uint8), cv2.IMREAD_COLOR)
        if image is None:
            return None
        height, width = image.shape[:2]
        size = (max(1, round(width * ICON_HEIGHT / height)), ICON_HEIGHT)
        return jpeg(cast("Image", cv2.resize(image, size, interpolation=cv2.INTER_AREA)), quality=70)


@dataclass(frozen=True, slots=True)
class Clip:
    """An MP4 that browsers play: `data` holds the whole file."""

    data: bytes = field(repr=False)

    def save(self, path: str | Path) -> Path:
        """Writes the file."""
        target = Path(path)
        target.write_bytes(self.data)
        return target

    def _repr_html_(self) -> str:
        source = base64.b64encode(self.data).decode()
        return f'<video controls muted style="max-width:100%" src="data:video/mp4;base64,{source}"></video>'


class Media(Protocol):
    """Who has the pictures and clips of events; MediaError where a file is gone."""

    def thumbnail(self, event: Any) -> Picture: ...

    def clip(self, event: Any, boxes: bool = False) -> Clip: ...


@dataclass(frozen=True, slots=True)
class Card:
    """What is to be seen of one row: a picture or a clip (None: gone), and the row in words."""

    shown: Picture | Clip | None
    title: str
    line: str

    def _repr_html_(self) -> str:
        match self.shown:
            case Clip():
                seen = self.shown._repr_html_()
            case Picture():
                data = base64.b64encode(self.shown.data).decode()
                seen = f'<img alt="{escape(self.title)}" style="max-width:100%" src="data:image/jpeg;base64,{data}">'
            case _:
                seen = '<div style="padding:3em 0;text-align:center;border:1px dashed">not kept</div>'
        words = f"<b>{escape(self.title)}</b><br>{escape(self.line)}"
        return f'<figure style="margin:0;width:20em">{seen}<figcaption>{words}</figcaption></figure>'


@dataclass(frozen=True, slots=True)
class Gallery:
    """Pictures or clips beside the words of their rows; shows itself in a notebook."""

    cards: tuple[Card, ...]

    def __len__(self) -> int:
        return len(self.cards)

    def __iter__(self) -> Iterator[Card]:
        return iter(self.cards)

    def __repr__(self) -> str:
        lines = [f"{card.title}  {card.line}" + ("" if card.shown else "  (not kept)") for card in self.cards]
        return "\n".join(lines) or "nothing to look at"

    def _repr_html_(self) -> str:
        if not self.cards:
            return "<p>nothing to look at</p>"
        cards = "".join(card._repr_html_() for card in self.cards)
        return f'<div style="display:flex;flex-wrap:wrap;gap:1em">{cards}</div>'

"""Pictures and clips that show themselves in a notebook."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG: `path` on this machine."""

    path: Path

    @property
    def data(self) -> bytes:
        return self.path.read_bytes()

    def _repr_jpeg_(self) -> bytes:
        return self.data


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

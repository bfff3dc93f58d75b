"""A simulated IP camera: an RTSP server on 127.0.0.1 that plays a file for ever, and fails on request."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from omnisight_lab.errors import UnknownName
from omnisight_lab.sim.loop import CLOCK, read_loop
from omnisight_lab.sim.rtsp import Digest
from omnisight_lab.sim.session import PATH, Broadcast, Fault, Session


class SimulatedCamera:
    """Plays the video file `source` live from the first PLAY on; several clients see the same picture.

    A context manager with a thread of its own. Without `username` anybody may look; `port` 0 takes a free one.
    Raises NotAVideo for a file that can't be played, OSError for a port that is taken.
    """

    def __init__(
        self, source: Path | str, username: str | None = None, password: str | None = None, port: int = 0
    ) -> None:
        self.username, self.password, self.port = username, password, port
        digest = Digest(username, password or "", "omnisight-sim", secrets.token_hex(8)) if username else None
        self._broadcast = Broadcast(read_loop(Path(source)), digest)
        self._sessions: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._events = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._events.run_forever, name="simulated-camera", daemon=True)

    @property
    def url(self) -> str:
        """The stream's address, without credentials."""
        return f"rtsp://127.0.0.1:{self.port}{PATH}"

    @property
    def credentials(self) -> tuple[str | None, str | None]:
        return self.username, self.password

    @property
    def clients(self) -> int:
        """How many connections are open."""
        return len(self._sessions)

    def start(self) -> Self:
        self._thread.start()
        try:
            self._do(self._listen())
        except OSError:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Ends server, connections and thread; may be called twice."""
        if self._events.is_closed():
            return
        if self._thread.is_alive():
            self._do(self._vanish())
            self._events.call_soon_threadsafe(self._events.stop)
            self._thread.join()
        self._events.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def fault(self, name: str, on: bool = True, *, seconds: float = 60.0) -> None:
        """Switches fault `name` (see `Fault`) on or off; in force on return.

        `seconds` is how far `clock_jump` jumps, on top of earlier jumps; off sets the clock right again.
        """
        if name not in (known := [fault.value for fault in Fault]):
            raise UnknownName("fault", name, known)
        self._do(self._switch(Fault(name), on, seconds))

    def position(self, at: float) -> float:
        """Where the loop was, in seconds from its start, at `at` (seconds since 1970 by the true clock)."""
        return (at - self._broadcast.wall) % (self._broadcast.loop.length / CLOCK)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._events).result()

    async def _switch(self, fault: Fault, on: bool, seconds: float) -> None:
        faults = self._broadcast.faults
        if fault is Fault.CLOCK_JUMP:
            self._broadcast.jump = self._broadcast.jump + seconds if on else 0.0
        elif on and fault not in faults:
            faults.add(fault)
            if fault is Fault.KILL:
                await self._vanish()
        elif not on and fault in faults:
            faults.remove(fault)
            if fault is Fault.KILL:
                await self._listen()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _vanish(self) -> None:
        if self._server is None:
            return
        self._server.close()
        await asyncio.sleep(0)  # whoever was just accepted comes to `_serve`, and is turned away there
        for session in self._sessions:
            session.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = asyncio.current_task()
        if session is None or self._server is None or not self._server.is_serving():
            writer.transport.abort()
            return
        self._sessions.add(session)
        try:
            with suppress(asyncio.CancelledError):  # only `_vanish` cancels, and nobody awaits the answer
                await Session(self._broadcast, reader, writer).run()
        finally:
            self._sessions.discard(session)

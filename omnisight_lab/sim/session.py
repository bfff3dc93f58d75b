"""What a simulated camera shows (`Broadcast`), and its conversation with one client (`Session`)."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from omnisight_lab.sim.loop import CLOCK, AccessUnit, VideoLoop
from omnisight_lab.sim.rtsp import Digest, Request, RtpSender, answer, describe, read_request

PATH = "/stream"
_METHODS = "OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN"
_REPORT_SECONDS = 1.0
_LAG_SECONDS = 10.0
"""A client that lags more than this is taken on to the next keyframe that is due."""


class Fault(StrEnum):
    """What can be wrong with the camera."""

    MUTE = "mute"  # accepts connections, and answers no request
    STALL = "stall"  # answers, and sends no more pictures
    KILL = "kill"  # connections and listening socket are gone
    CLOCK_JUMP = "clock_jump"  # its clock jumps, and with it RTP stamps and sender reports
    FROZEN_STAMPS = "frozen_stamps"  # RTP stamps stand still
    BAD_STAMPS = "bad_stamps"  # RTP stamps jitter by up to half a second, backwards too
    NO_REPORTS = "no_reports"  # no sender reports, so nothing tells the camera's wall clock
    NO_KEYFRAME = "no_keyframe"  # keyframes are left out
    MID_GOP = "mid_gop"  # a new client's first picture is no keyframe


@dataclass(slots=True)
class Broadcast:
    """The live picture: `loop`, over and over from the first PLAY on, the same for every client.

    `started` is that moment on the monotonic clock, `wall` the same on the wall clock; `jump` is how far the
    camera's own clock is off, in seconds.
    """

    loop: VideoLoop
    digest: Digest | None
    faults: set[Fault] = field(default_factory=set)
    jump: float = 0.0
    started: float | None = None
    wall: float = 0.0

    def elapsed(self) -> float:
        """Seconds since the first PLAY, which the first call is."""
        if self.started is None:
            self.started, self.wall = time.monotonic(), time.time()
        return time.monotonic() - self.started

    def unit(self, number: int) -> AccessUnit:
        return self.loop.units[number % len(self.loop.units)]

    def turn(self, number: int) -> int:
        """Ticks from the first PLAY to the beginning of the turn in which unit `number` is sent."""
        return number // len(self.loop.units) * self.loop.length

    def due(self, number: int) -> float:
        """When unit `number`, counted over all turns, is sent, in seconds since the first PLAY."""
        return (self.turn(number) + self.unit(number).sent) / CLOCK

    def live(self) -> int:
        """The unit with which a client that comes now begins."""
        now = self.elapsed()
        number = int(now * CLOCK) // self.loop.length * len(self.loop.units)
        # The first unit of all is due in the moment of the first PLAY: that client gets it.
        while self.due(number) < now - 0.02:
            number += 1
        want_keyframe = not self.faults & {Fault.MID_GOP, Fault.NO_KEYFRAME}
        while self.unit(number).keyframe != want_keyframe:
            number += 1
        return number


class Session:
    """One client: answers its requests, and sends pictures once it plays."""

    def __init__(self, broadcast: Broadcast, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._broadcast, self._reader, self._writer = broadcast, reader, writer
        self._id = secrets.token_hex(4)
        self._sender = RtpSender(secrets.randbits(31), secrets.randbits(15), secrets.randbits(31))
        self._random = random.Random(0)
        self._playing: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Until TEARDOWN, the client's going, or cancellation."""
        # The client may vanish at any time, or send what is no RTSP (ValueError).
        gone = (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ValueError)
        try:
            with suppress(*gone):
                while await self._handle(await read_request(self._reader)):
                    await self._writer.drain()
        finally:
            self._writer.transport.abort()  # before anything is awaited: another cancellation may come there
            if self._playing is not None:
                self._playing.cancel()
                await asyncio.gather(self._playing, return_exceptions=True)

    async def _handle(self, request: Request) -> bool:
        """Answers `request`; False when the conversation is over."""
        if Fault.MUTE in self._broadcast.faults:
            return True
        self._writer.write(self._answer(request))
        if request.method == "PLAY" and self._playing is None and self._allowed(request):
            self._playing = asyncio.create_task(self._play())
        return request.method != "TEARDOWN"

    def _allowed(self, request: Request) -> bool:
        return self._broadcast.digest is None or self._broadcast.digest.accepts(request)

    def _answer(self, request: Request) -> bytes:
        if request.method == "OPTIONS":
            return answer(request, headers={"Public": _METHODS})
        if not self._allowed(request):
            assert self._broadcast.digest is not None
            return answer(request, 401, {"WWW-Authenticate": self._broadcast.digest.challenge})
        path = urlsplit(request.uri).path
        if path.rstrip("/") != PATH and not path.startswith(f"{PATH}/"):
            return answer(request, 404)
        return self._answer_allowed(request)

    def _answer_allowed(self, request: Request) -> bytes:
        session = {"Session": f"{self._id};timeout=60"}
        match request.method:
            case "DESCRIBE":
                headers = {"Content-Base": f"{request.uri}/", "Content-Type": "application/sdp"}
                return answer(request, headers=headers, body=describe(self._broadcast.loop))
            case "SETUP" if "TCP" not in request.headers.get("transport", ""):
                return answer(request, 461)
            case "SETUP":
                transport = f"RTP/AVP/TCP;unicast;interleaved=0-1;ssrc={self._sender.ssrc:08X}"
                return answer(request, headers={"Transport": transport, **session})
            case "PLAY":
                return answer(request, headers={"Range": "npt=now-", **session})
            case "GET_PARAMETER" | "SET_PARAMETER" | "TEARDOWN":
                return answer(request, headers=session)
            case _:
                return answer(request, 405, {"Allow": _METHODS})

    async def _play(self) -> None:
        """Sends every unit when it is due, and a sender report every second."""
        broadcast, number, next_report = self._broadcast, self._broadcast.live(), 0.0
        reported_jump = broadcast.jump
        with suppress(ConnectionError):
            while True:
                await asyncio.sleep(broadcast.due(number) - broadcast.elapsed())
                now = broadcast.elapsed()
                if now - broadcast.due(number) > _LAG_SECONDS:
                    number = broadcast.live()
                    continue
                if now >= next_report or reported_jump != broadcast.jump:
                    self._report(now)
                    next_report, reported_jump = now + _REPORT_SECONDS, broadcast.jump
                self._send(number)
                await self._writer.drain()
                number += 1

    def _report(self, now: float) -> None:
        broadcast = self._broadcast
        if not broadcast.faults & {Fault.NO_REPORTS, Fault.STALL}:
            clock = now + broadcast.jump
            self._writer.write(self._sender.report(broadcast.wall + clock, round(clock * CLOCK)))

    def _send(self, number: int) -> None:
        broadcast, unit = self._broadcast, self._broadcast.unit(number)
        if Fault.STALL in broadcast.faults or (unit.keyframe and Fault.NO_KEYFRAME in broadcast.faults):
            return
        stamp = broadcast.turn(number) + unit.shown + round(broadcast.jump * CLOCK)
        if Fault.FROZEN_STAMPS in broadcast.faults:
            stamp = self._sender.last_stamp
        elif Fault.BAD_STAMPS in broadcast.faults:
            stamp += self._random.randint(-CLOCK // 2, CLOCK // 2)
        self._writer.write(self._sender.picture(unit.nals, stamp))

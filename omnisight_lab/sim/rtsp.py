"""RTSP and RTP as bytes: requests, answers, digest authentication, H.264 packets and sender reports.

Sources: RFC 2326 (RTSP), RFC 2069 (digest), RFC 3550 (RTP and RTCP), RFC 6184 (H.264 over RTP).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from omnisight_lab.sim.loop import VideoLoop

_PAYLOAD = 1400
"""Bytes of a NAL unit in one RTP packet, so that it would fit into an Ethernet frame."""
_NTP_EPOCH = 2_208_988_800
"""Seconds from 1900, where NTP begins, to 1970."""
_REASONS = {200: "OK", 401: "Unauthorized", 404: "Not Found", 405: "Method Not Allowed", 461: "Unsupported Transport"}


@dataclass(frozen=True, slots=True)
class Request:
    """One RTSP request; header names in lower case."""

    method: str
    uri: str
    headers: Mapping[str, str]


async def read_request(reader: asyncio.StreamReader) -> Request:
    """The next request, after the client's own interleaved RTCP packets; IncompleteReadError at the end."""
    while (first := await reader.readexactly(1)) == b"$":
        _, size = struct.unpack(">BH", await reader.readexactly(3))
        await reader.readexactly(size)
    lines = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
    method, uri, *_ = lines[0].split(" ")
    fields = (line.partition(":") for line in lines[1:])
    headers = {name.strip().lower(): value.strip() for name, _, value in fields}
    await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(method, uri, headers)


def answer(request: Request, status: int = 200, headers: Mapping[str, str] | None = None, body: str = "") -> bytes:
    """The bytes of an RTSP answer to `request`."""
    fields = {"CSeq": request.headers.get("cseq", "0"), **(headers or {})}
    if body:
        fields["Content-Length"] = str(len(body))
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"RTSP/1.0 {status} {_REASONS[status]}\r\n{head}\r\n{body}".encode()


@dataclass(frozen=True, slots=True)
class Digest:
    """Digest authentication with one user and, as cheap cameras do it, one nonce."""

    username: str
    password: str
    realm: str
    nonce: str

    @property
    def challenge(self) -> str:
        return f'Digest realm="{self.realm}", nonce="{self.nonce}"'

    def accepts(self, request: Request) -> bool:
        given = dict(re.findall(r'(\w+)="([^"]*)"', request.headers.get("authorization", "")))
        secret = _md5(f"{self.username}:{self.realm}:{self.password}")
        asked = _md5(f"{request.method}:{given.get('uri', '')}")
        expected = _md5(f"{secret}:{self.nonce}:{asked}")
        same_user = hmac.compare_digest(given.get("username", "").encode(), self.username.encode())
        return same_user and hmac.compare_digest(given.get("response", "").encode(), expected.encode())


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def describe(loop: VideoLoop) -> str:
    """The SDP of a camera that sends `loop`."""
    sets = ",".join(base64.b64encode(nal).decode() for nal in (loop.sps, loop.pps))
    lines = [
        "v=0",
        "o=- 0 0 IN IP4 127.0.0.1",
        "s=OmniSight simulated camera",
        "c=IN IP4 0.0.0.0",
        "t=0 0",
        "a=control:*",
        "a=range:npt=now-",
        "m=video 0 RTP/AVP 96",
        "a=rtpmap:96 H264/90000",
        f"a=fmtp:96 packetization-mode=1;profile-level-id={loop.sps[1:4].hex()};sprop-parameter-sets={sets}",
        f"a=framerate:{loop.rate:g}",
        "a=control:trackID=0",
    ]
    return "\r\n".join(lines) + "\r\n"


@dataclass(slots=True)
class RtpSender:
    """Packets of one client, whose stamps begin at `offset`; counts them for the sequence and the reports."""

    ssrc: int
    sequence: int
    offset: int
    packets: int = 0
    octets: int = 0
    last_stamp: int = 0

    def picture(self, nals: tuple[bytes, ...], stamp: int) -> bytes:
        """One access unit as interleaved RTP packets on channel 0; `stamp` in ticks."""
        self.last_stamp = stamp
        payloads = [payload for nal in nals for payload in _payloads(nal)]
        last = len(payloads) - 1
        return b"".join(self._packet(payload, stamp, i == last) for i, payload in enumerate(payloads))

    def _packet(self, payload: bytes, stamp: int, marker: bool) -> bytes:
        kind = 96 | marker << 7
        stamp = (stamp + self.offset) & 0xFFFFFFFF
        head = struct.pack(">BBHII", 0x80, kind, self.sequence & 0xFFFF, stamp, self.ssrc)
        self.sequence += 1
        self.packets += 1
        self.octets += len(payload)
        return _interleaved(0, head + payload)

    def report(self, wall: float, stamp: int) -> bytes:
        """A sender report on channel 1: at `wall` (seconds since 1970) the RTP clock showed `stamp`."""
        ntp = round((wall + _NTP_EPOCH) * 2**32) & 0xFFFF_FFFF_FFFF_FFFF
        numbers = ((stamp + self.offset), self.packets, self.octets)
        low = (number & 0xFFFFFFFF for number in numbers)
        return _interleaved(1, struct.pack(">BBHIQIII", 0x80, 200, 6, self.ssrc, ntp, *low))


def _interleaved(channel: int, packet: bytes) -> bytes:
    return struct.pack(">cBH", b"$", channel, len(packet)) + packet


def _payloads(nal: bytes) -> Iterator[bytes]:
    """`nal` whole, or cut into FU-A fragments."""
    if len(nal) <= _PAYLOAD:
        yield nal
        return
    indicator, kind = nal[0] & 0xE0 | 28, nal[0] & 31
    for offset in range(1, len(nal), _PAYLOAD):
        start, end = offset == 1, offset + _PAYLOAD >= len(nal)
        yield bytes((indicator, start << 7 | end << 6 | kind)) + nal[offset : offset + _PAYLOAD]

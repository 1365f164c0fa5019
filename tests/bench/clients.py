"""A cheap HTTP/1.1 client and a cheap live socket, so that clients don't become what is measured.

Both are bare asyncio protocols: one request at a time over a connection that is kept, and a
WebSocket client that answers pings, counts frames and looks inside only where it is asked to.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import cast

import msgspec

from crisis.clock import new_id

HOST = "127.0.0.1"
_ENDED = b"\r\n\r\n"


class Connection(asyncio.Protocol):
    """One connection that is kept; one request at a time."""

    def __init__(self, port: int, token: str) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._seen = b""
        self._after_path = (
            f" HTTP/1.1\r\nHost: {HOST}:{port}\r\nAuthorization: Bearer {token}\r\n"
            "Content-Type: application/json\r\n"
        ).encode()

    @classmethod
    async def open(cls, port: int, token: str) -> Connection:
        """Connect."""
        loop = asyncio.get_running_loop()
        _, made = await loop.create_connection(lambda: cls(port, token), HOST, port)
        return made

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionResetError("closed by the server"))

    def data_received(self, data: bytes) -> None:
        data = self._seen + data if self._seen else data
        head_ends = data.find(_ENDED)
        if head_ends < 0 or len(data) < head_ends + 4 + _length(data[:head_ends]):
            self._seen = data
            return
        self._seen = b""
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_result((int(data[9:12]), data[head_ends + 4 :]))

    async def post(self, path: str, body: bytes, *, keyed: bool = True) -> tuple[int, bytes]:
        """Send a body and return the status and what was answered.

        Args:
            keyed: with an ``Idempotency-Key`` of its own, as commands need.
        """
        assert self._transport is not None
        key = f"Idempotency-Key: {new_id()}\r\n" if keyed else ""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(
            b"POST %b%b%bContent-Length: %d\r\n\r\n%b"
            % (path.encode(), self._after_path, key.encode(), len(body), body)
        )
        return await self._answer

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()


def _length(head: bytes) -> int:
    at = head.lower().find(b"content-length:")
    if at < 0:
        return 0
    return int(head[at + 15 :].partition(b"\r")[0])


OnFrame = Callable[["LiveSocket", bytes], None]
_CHANGES = b'{"t":"changes"'


class LiveSocket(asyncio.Protocol):
    """A live socket that counts, and shows frames of changes to whoever asked.

    Attributes:
        frames, size: text frames that came, and bytes of them.
        ready: set once the board's snapshot is here (or, for a bare server, the handshake done).
        closed: the close code; ``None`` = open.
        on_changes: called with each frame of changes.
    """

    __slots__ = (
        "_handshake",
        "_hello",
        "_rest",
        "_token",
        "_transport",
        "closed",
        "frames",
        "on_changes",
        "path",
        "port",
        "ready",
        "size",
    )

    def __init__(self, port: int, path: str, token: str = "", hello: bytes = b"") -> None:
        self.port = port
        self.path = path
        self._token = token
        self._hello = hello
        self._handshake: bytes | None = b""
        self._rest = b""
        self._transport: asyncio.Transport | None = None
        self.frames = 0
        self.size = 0
        self.ready: asyncio.Event | None = asyncio.Event()
        self.closed: int | None = None
        self.on_changes: OnFrame | None = None

    async def open(self) -> None:
        """Connect, say hello, and wait for the snapshot."""
        assert self.ready is not None
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self, HOST, self.port)
        await asyncio.wait_for(self.ready.wait(), 30)
        self.ready = None
        if self.closed is not None:
            raise RuntimeError(f"the live socket was closed with {self.closed}")

    def close(self) -> None:
        """Drop it."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        signed_in = f"Authorization: Bearer {self._token}\r\n" if self._token else ""
        self._transport.write(
            (
                f"GET {self.path} HTTP/1.1\r\nHost: {HOST}:{self.port}\r\nUpgrade: websocket\r\n"
                f"Connection: Upgrade\r\n{signed_in}"
                "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            ).encode()
        )

    def connection_lost(self, exc: Exception | None) -> None:
        if self.closed is None:
            self.closed = 1006
        if self.ready is not None:
            self.ready.set()

    def data_received(self, data: bytes) -> None:
        if self._handshake is not None:
            self._handshake += data
            head, end, data = self._handshake.partition(_ENDED)
            if not end:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                raise RuntimeError(head[:60].decode("latin-1"))
            self._handshake = None
            if self._hello:
                self._send(0x81, self._hello)
            elif self.ready is not None:
                self.ready.set()
        self._rest = self._take(self._rest + data if self._rest else data)

    def _take(self, data: bytes) -> bytes:
        at, end = 0, len(data)
        while end - at >= 2:
            size, head = data[at + 1], 2
            if size == 126:
                size, head = int.from_bytes(data[at + 2 : at + 4]), 4
            elif size == 127:
                size, head = int.from_bytes(data[at + 2 : at + 10]), 10
            if end - at < head + size:
                break
            self._frame(data[at] & 15, data, at + head, at + head + size)
            at += head + size
        return data[at:]

    def _frame(self, opcode: int, data: bytes, start: int, end: int) -> None:
        if opcode == 1:
            self.frames += 1
            self.size += end - start
            if self.ready is not None and data.startswith(b'{"t":"snapshot"', start):
                self.ready.set()
            elif self.on_changes is not None and data.startswith(_CHANGES, start):
                self.on_changes(self, data[start:end])
        elif opcode == 9:
            self._send(0x8A, data[start:end])
        elif opcode == 8:
            self.closed = int.from_bytes(data[start : start + 2])

    def _send(self, first: int, payload: bytes) -> None:
        assert self._transport is not None
        # Short frames only. A mask of zeros is a mask, and leaves the payload as it is.
        self._transport.write(bytes((first, 0x80 | len(payload))) + bytes(4) + payload)


class _Seq(msgspec.Struct):
    seq: int


_seq_of: msgspec.json.Decoder[_Seq] = msgspec.json.Decoder(_Seq)


class Gathering:
    """Waits until every one of some sockets has got a frame of changes.

    Attributes:
        last_s: when the last of them did, ``time.perf_counter``.
    """

    def __init__(self, sockets: list[LiveSocket]) -> None:
        self._sockets = sockets
        self._missing: set[LiveSocket] = set()
        self._done: asyncio.Future[None] | None = None
        self.payloads: dict[LiveSocket, bytes] = {}
        self.last_s = 0.0
        for socket in sockets:
            socket.on_changes = self._got

    def begin(self) -> asyncio.Future[None]:
        """Forget what came before; the future is done once all have got their next frame."""
        self._missing = set(self._sockets)
        self.payloads.clear()
        self._done = asyncio.get_running_loop().create_future()
        return self._done

    def _got(self, socket: LiveSocket, payload: bytes) -> None:
        if socket in self._missing:
            self._missing.discard(socket)
            self.payloads[socket] = payload
            if not self._missing and self._done is not None and not self._done.done():
                self.last_s = time.perf_counter()
                self._done.set_result(None)

    def seqs(self) -> set[int]:
        """Return the seqs of the frames that came."""
        return {_seq_of.decode(payload).seq for payload in self.payloads.values()}


def percentile(values: list[float], share: float) -> float:
    """Return the value below which ``share`` (0..1) of ``values`` lie; 0 for none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]

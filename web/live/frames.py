"""WebSocket frames built once and written straight to a socket's transport.

Decides how a frame looks on the wire, which socket options a live socket has, and how a socket is
closed without ever waiting for a peer that doesn't read. Must not know what the frames say, who
gets them (``web.live.fanout``) or who may connect.

Stands on uvicorn's ``websockets-sansio`` protocol; the parts of it that are used here are pinned
by ``tests/unit/web/test_frames.py``.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

from web.http.heads import HeadProtocol

if TYPE_CHECKING:
    from asyncio.transports import BaseTransport

    from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
    from websockets.frames import Frame
    from websockets.http11 import Request

#: Key of the socket's ``FrameSink`` in ``scope["extensions"]``.
FRAMES = "crisis.frames"

_TEXT = 0x81  # FIN and the text opcode (RFC 6455, 5.2); a server never masks
_REASON_BYTES = 123  # a control frame holds 125 bytes, two of them the code


def text_frame(payload: bytes) -> bytes:
    """Return ``payload`` (UTF-8) as one unfragmented, unmasked server text frame."""
    size = len(payload)
    if size < 126:
        return bytes((_TEXT, size)) + payload
    if size < 65536:
        return b"\x81\x7e" + size.to_bytes(2) + payload
    return b"\x81\x7f" + size.to_bytes(8) + payload


class SinkListener(Protocol):
    """Who fills a sink; told, synchronously, what becomes of it."""

    def on_paused(self) -> None:
        """Stop writing: the transport holds more than it should."""

    def on_resumed(self) -> None:
        """Go on: the transport has drained."""

    def on_lost(self) -> None:
        """Forget the sink: it is closing or gone. Called once."""


class Sink(Protocol):
    """What a fan-out needs of a socket."""

    #: Hand whole frames to the transport; never blocks, never raises on a lost peer.
    write: Callable[[bytes], object]
    #: True while the transport holds more than its limit; writers wait for ``on_resumed``.
    is_paused: bool

    def buffered(self) -> int:
        """Return the bytes that the transport holds and the kernel hasn't taken yet."""
        ...

    def attach(self, listener: SinkListener | None) -> None:
        """Tell ``listener`` from now on; None tells nobody."""
        ...

    def close(self, code: int, reason: str) -> None:
        """Send a close frame behind what was written; drop the peer if it doesn't take it."""
        ...

    def abort(self) -> None:
        """Drop the connection now, with whatever it holds."""
        ...


def _discard(_: bytes) -> None:
    """Swallow frames for a socket that is closing: nothing may follow a close frame."""


class FrameSink:
    """A live socket's outlet for prebuilt frames, found in ``scope["extensions"][FRAMES]``.

    Use it after ``websocket.accept``; before that and after the close, frames are dropped. While
    ``is_paused``, keep frames back: the transport takes them all, without bound.
    """

    __slots__ = ("_listener", "_protocol", "is_paused", "write")

    def __init__(self, protocol: FrameProtocol) -> None:
        self._protocol = protocol
        self._listener: SinkListener | None = None
        self.is_paused = False
        # The transport's own bound method, so that a broadcast costs no Python frame per socket.
        self.write: Callable[[bytes], object] = _discard

    def buffered(self) -> int:
        """Return the bytes that the transport holds and the kernel hasn't taken yet."""
        return self._protocol.transport.get_write_buffer_size()

    def attach(self, listener: SinkListener | None) -> None:
        """Tell ``listener`` of pauses and of the end; None tells nobody."""
        self._listener = listener

    def close(self, code: int, reason: str) -> None:
        """Send a close frame behind what was written; drop the peer if it doesn't take it.

        Args:
            code: a WebSocket close code that may be sent (1000..1014 or 3000..4999).
            reason: plain words without private data; cut to what a close frame holds.
        """
        self._protocol.close(code, reason)

    def abort(self) -> None:
        """Drop the connection now, with whatever it holds."""
        self._protocol.transport.abort()

    # The four calls below are the protocol's.

    def open(self, write: Callable[[bytes], object]) -> None:
        self.write = write

    def shut(self) -> None:
        self.write = _discard
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.on_lost()

    def pause(self) -> None:
        self.is_paused = True
        if self._listener is not None:
            self._listener.on_paused()

    def resume(self) -> None:
        self.is_paused = False
        if self._listener is not None:
            self._listener.on_resumed()


class _Inbox:
    """The part of ``asyncio.Queue`` that uvicorn uses, with one reader, at a tenth of its size."""

    __slots__ = ("_items", "_reader")

    def __init__(self) -> None:
        self._items: deque[ASGIReceiveEvent] | None = None
        self._reader: asyncio.Future[None] | None = None

    def put_nowait(self, item: ASGIReceiveEvent) -> None:
        if self._items is None:
            self._items = deque()
        self._items.append(item)
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def empty(self) -> bool:
        return not self._items

    async def get(self) -> ASGIReceiveEvent:
        while not self._items:
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        item = self._items.popleft()
        if not self._items:
            self._items = None
        return item


class FrameProtocol(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket protocol with a ``FrameSink``; pass the class as ``ws=``.

    However a connection ends (our close, the peer's, a missing pong, a protocol error, shutdown),
    it is aborted ``close_within_s`` later if the peer hasn't drained it: uvicorn alone would wait
    for the flush, and a peer that never reads would hold its socket for ever.
    """

    #: Bytes in the transport above which a socket counts as paused; it resumes at a quarter.
    buffer_bytes: int = 64 * 1024
    #: SO_SNDBUF: what the kernel may hide from us per slow client (the default hides megabytes).
    kernel_buffer_bytes: int = 64 * 1024
    #: Milliseconds that sent bytes may stay unacknowledged, or the peer's window shut.
    user_timeout_ms: int = 20_000
    #: Seconds that a closing peer gets to take what is left and to answer the close.
    close_within_s: float = 5.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.queue = _Inbox()  # type: ignore[assignment]  # duck-typed: put_nowait, get, empty
        self.sink = FrameSink(self)
        self._abort_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        """Take over the connection from the HTTP protocol that saw the upgrade."""
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(self.buffer_bytes, self.buffer_bytes // 4)
        self._set_options()
        http = self.transport.get_protocol()
        if isinstance(http, HttpToolsProtocol):
            # Parser and protocol hold each other: without this every upgraded connection keeps
            # its HTTP half until a full garbage collection.
            http.parser = None  # type: ignore[assignment]  # as its connection_lost does

    def _set_options(self) -> None:
        sock = self.transport.get_extra_info("socket")
        if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
            return
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.kernel_buffer_bytes)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Linux's names; elsewhere the pings and the fan-out's own limits have to do.
        for name, value in (
            ("TCP_USER_TIMEOUT", self.user_timeout_ms),
            ("TCP_KEEPIDLE", 15),
            ("TCP_KEEPINTVL", 5),
            ("TCP_KEEPCNT", 3),
        ):
            option = getattr(socket, name, None)
            if option is not None:
                sock.setsockopt(socket.IPPROTO_TCP, option, value)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the writer and the app that the socket is gone."""
        self.sink.shut()
        if self._abort_timer is not None:
            self._abort_timer.cancel()
            self._abort_timer = None
        super().connection_lost(exc)

    def handle_connect(self, event: Request) -> None:
        """Start the app with the sink in its scope."""
        super().handle_connect(event)
        if self.response.status_code == 101:
            # The app's task was made, but hasn't run yet.
            self.scope["extensions"][FRAMES] = self.sink  # type: ignore[assignment]  # typed for ASGI's own

    async def send(self, message: ASGISendEvent) -> None:
        """Handle one ASGI message; a close doesn't wait for a slow peer to drain."""
        if message["type"] == "websocket.close" and self._is_open():
            self.close(message.get("code") or 1000, message.get("reason") or "")
            return
        await super().send(message)
        if message["type"] == "websocket.accept" and self._is_open():
            # Of no use after the handshake, and 3 KiB for as long as the socket lives (the
            # library's parser holds the request, so dropping ours alone frees little).
            self.request.headers.clear()
            del self.request, self.response
            self.sink.open(self.transport.write)

    def _is_open(self) -> bool:
        return self.conn.state is State.OPEN and not self.transport.is_closing()

    def close(self, code: int, reason: str) -> None:
        """Send a close frame and go on reading for the peer's; abort if neither gets through."""
        if not self._is_open():
            return
        self._let_go()
        cut = reason.encode()[:_REASON_BYTES].decode(errors="ignore")
        self.conn.send_close(code, cut)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": cut})
        self.close_sent = True
        # uvicorn reads a set timer as "the closing handshake is under way".
        self.close_timer = self._abort_timer
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()

    def _let_go(self) -> None:
        """Stop all writing; make sure that the connection ends whatever the peer does."""
        self.sink.shut()
        if self._abort_timer is None:
            self._abort_timer = self.loop.call_later(self.close_within_s, self.transport.abort)

    def handle_close(self, event: Frame) -> None:
        """Answer the peer's close frame, or end the handshake that we began."""
        self._let_go()
        super().handle_close(event)

    def handle_parser_exception(self) -> None:
        """Fail a connection whose peer broke the protocol."""
        self._let_go()
        super().handle_parser_exception()

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """Close behind an app that has returned."""
        super().on_task_complete(task)
        if not self.disconnected:
            self._let_go()

    def keepalive_timeout(self) -> None:
        """Drop a peer that doesn't answer pings."""
        super().keepalive_timeout()
        self.sink.shut()
        self.transport.abort()

    def shutdown(self) -> None:
        """Send 1012 and close, within bounds, because the server stops."""
        was_closing = self.transport.is_closing()
        self._let_go()
        if not was_closing:  # uvicorn would raise on a connection that has seen its close frame
            super().shutdown()

    def pause_writing(self) -> None:
        """Called by the transport above ``buffer_bytes``."""
        super().pause_writing()
        self.sink.pause()

    def resume_writing(self) -> None:
        """Called by the transport once it has drained."""
        super().resume_writing()
        self.sink.resume()


#: Keyword arguments for ``uvicorn.Config`` that live sockets need.
UVICORN_OPTIONS: Mapping[str, Any] = {
    "ws": FrameProtocol,
    # Bytes; what a client sends us is small.
    "ws_max_size": 64 * 1024,
    # A compressor costs each socket 64 KiB, and a frame for all could not be built once.
    "ws_per_message_deflate": False,
    # Seconds; under 30 together, so that a silent peer goes in time even if nothing is published.
    "ws_ping_interval": 12.0,
    "ws_ping_timeout": 12.0,
    "http": HeadProtocol,
    "loop": "auto",  # uvloop where it is installed
}

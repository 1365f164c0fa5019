"""How much of a head is read, and how long a request is waited for: uvicorn bounds neither.

Decides when a head is too long and a request too slow, and that headers behind a body (trailers)
are no headers: by then the request's own have been judged. Must not know what any header means.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    from uvicorn._types import HTTPScope

#: Bytes of a head that may come in pieces; what the loop reads at once (256 KiB) comes on top.
LONGEST_HEAD: Final = 64 * 1024
#: Seconds in which a request must have come whole, from the connection's or its own first byte.
PATIENCE_S: Final = 60.0


class HeadProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol with bounds to what it waits for; pass the class as ``http=``."""

    #: Since the piece in which the head began; -1 = none has begun.
    _head_bytes = -1
    #: Runs while the rest of a request is awaited; between requests uvicorn's own keep-alive does.
    _patience: asyncio.TimerHandle | None = None
    #: A live socket's protocol has the connection now.
    _is_handed_on = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Expect the first request."""
        super().connection_made(transport)
        self._be_patient()

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing any more."""
        self._be_at_ease()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take in what the socket brings; a head that doesn't end is answered 400."""
        super().data_received(data)
        if self._is_handed_on:
            return
        # A new scope is made as a request begins, and gets its path once its head has ended.
        scope: HTTPScope | None = self.scope
        if scope is not None and "path" in scope:
            self._head_bytes = -1
            if self.cycle.more_body:
                self._be_patient()
            elif self._patience is not None:
                self._be_at_ease()
            return
        self._be_patient()
        # What stands before its beginning may be the end of another body.
        self._head_bytes += len(data) if self._head_bytes >= 0 else 1
        if self._head_bytes > LONGEST_HEAD and not self.transport.is_closing():
            self.send_400_response("The request's head is too long.")

    def handle_websocket_upgrade(self) -> None:
        """Leave the connection to the live socket, which lasts."""
        self._be_at_ease()
        self._is_handed_on = True
        super().handle_websocket_upgrade()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, but none that stands behind the body."""
        if "path" not in self.scope:
            super().on_header(name, value)

    def _be_patient(self) -> None:
        if self._patience is None:
            self._patience = self.loop.call_later(PATIENCE_S, self.transport.close)

    def _be_at_ease(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

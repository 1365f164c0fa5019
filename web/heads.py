"""How much of a request's head is read: uvicorn takes any number of headers of any length.

Decides when a head is too long, and that headers behind a body (trailers) are no headers: by then
the request's own have been judged. Must not know what any header means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    from uvicorn._types import HTTPScope

#: Bytes of a head that may come in pieces; what the loop reads at once (256 KiB) comes on top.
LONGEST_HEAD: Final = 64 * 1024


class HeadProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol with heads of bounded length; pass the class as ``http=``."""

    #: Since the piece in which the head began; -1 = none has begun.
    _head_bytes = -1

    def data_received(self, data: bytes) -> None:
        """Take in what the socket brings; a head that doesn't end is answered 400."""
        super().data_received(data)
        # A new scope is made as a request begins, and gets its path once its head has ended.
        scope: HTTPScope | None = self.scope
        if scope is None or "path" in scope:
            self._head_bytes = -1
            return
        # What stands before its beginning may be the end of another body.
        self._head_bytes += len(data) if self._head_bytes >= 0 else 1
        if self._head_bytes > LONGEST_HEAD and not self.transport.is_closing():
            self.send_400_response("The request's head is too long.")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, but none that stands behind the body."""
        if "path" not in self.scope:
            super().on_header(name, value)

"""Frames as the wire wants them, and the parts of uvicorn that ``web.live.frames`` stands on."""

from __future__ import annotations

import inspect

import pytest
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from web.live.frames import UVICORN_OPTIONS, FrameProtocol, text_frame


def parse(data: bytes) -> Frame:
    """Read one frame with the library's own parser, as a client does."""
    reader = StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    parser = Frame.parse(reader.read_exact, mask=False)
    with pytest.raises(StopIteration) as stopped:
        next(parser)
    assert not reader.buffer, "bytes left behind the frame"
    frame = stopped.value.value
    assert isinstance(frame, Frame)
    return frame


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 200_000])
def test_a_text_frame_reads_back_whole_at_every_length_form(size: int) -> None:
    payload = b"x" * size
    frame = parse(text_frame(payload))
    assert (frame.opcode, frame.fin, bytes(frame.data)) == (Opcode.TEXT, True, payload)


def test_a_text_frame_is_what_the_library_would_send() -> None:
    payload = "übergabe".encode()
    assert text_frame(payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)


@pytest.mark.parametrize(
    "name",
    [
        "connection_made",
        "connection_lost",
        "handle_connect",
        "handle_close",
        "handle_parser_exception",
        "keepalive_timeout",
        "on_task_complete",
        "pause_writing",
        "resume_writing",
        "send",
        "shutdown",
    ],
)
def test_uvicorn_still_has_each_call_that_is_overridden(name: str) -> None:
    ours = inspect.signature(getattr(FrameProtocol, name)).parameters
    theirs = inspect.signature(getattr(WebSocketsSansIOProtocol, name)).parameters
    assert list(ours) == list(theirs)


def test_uvicorn_uses_no_more_of_its_queue_than_the_inbox_has() -> None:
    source = inspect.getsource(WebSocketsSansIOProtocol)
    used = {part.split("(")[0] for part in source.split("self.queue.")[1:]}
    assert used == {"put_nowait", "get", "empty"}


def test_compression_is_off_because_frames_are_shared() -> None:
    assert UVICORN_OPTIONS["ws_per_message_deflate"] is False
    assert UVICORN_OPTIONS["ws_ping_interval"] + UVICORN_OPTIONS["ws_ping_timeout"] < 30

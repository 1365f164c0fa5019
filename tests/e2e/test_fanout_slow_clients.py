"""A real uvicorn with the fan-out, real ``websockets`` clients, and peers that don't read.

The server runs on a loop of its own in a thread, with small buffers and short limits, so that a
slow client is found in seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any, TypeVar

import pytest
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from crisis.clock import MachineClock
from web.live.fanout import SLOW, Fanout, Limits
from web.live.frames import FRAMES, UVICORN_OPTIONS, FrameProtocol, text_frame

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
T = TypeVar("T")


class SmallProtocol(FrameProtocol):
    """Finds out soon that a peer doesn't read."""

    buffer_bytes = 8 * 1024
    kernel_buffer_bytes = 8 * 1024
    close_within_s = 2.0


class Service:
    """The server thread. Views are paths; a client's text comes back as a direct send."""

    def __init__(self, *, stall_s: float = 2.0, **options: object) -> None:
        self.limits = Limits(backlog_bytes=64 * 1024, stall_s=stall_s, sweep_s=0.2)
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.listen(2048)
        self.port = self.sock.getsockname()[1]
        self.first_frames = text_frame(b"snapshot")
        merged: dict[str, Any] = {**UVICORN_OPTIONS, "ws": SmallProtocol, **options}
        config = uvicorn.Config(
            self.app, interface="asgi3", lifespan="off", log_config=None, **merged
        )
        self.server = uvicorn.Server(config)
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        self.ready.wait(10)

    def stop(self) -> float:
        """Ask the server to stop and return the seconds that it took."""
        began = time.monotonic()
        self.server.should_exit = True
        self.thread.join(20)
        assert not self.thread.is_alive()
        return time.monotonic() - began

    def _run(self) -> None:
        factory = self.server.config.get_loop_factory()
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.fanout = Fanout(MachineClock(), self.limits)
        self.ready.set()
        await self.server.serve(sockets=[self.sock])

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        member = self.fanout.join(scope["path"], scope["extensions"][FRAMES], self.first_frames)
        try:
            while (message := await receive())["type"] == "websocket.receive":
                if message["text"] == "bye":
                    await send({"type": "websocket.close", "code": 4401, "reason": "sign in"})
                else:
                    member.send(message["text"].encode())
        finally:
            member.leave()

    def url(self, view: str = "/v") -> str:
        return f"ws://127.0.0.1:{self.port}{view}"

    async def call(self, function: Callable[[], T]) -> T:
        """Run ``function`` on the server's loop."""

        async def run() -> T:
            return function()

        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(run(), self.loop))

    async def publish(self, *payloads: bytes, view: str = "/v") -> None:
        def run() -> None:
            for payload in payloads:
                self.fanout.publish(view, payload)

        await self.call(run)

    async def connections(self) -> int:
        return await self.call(lambda: len(self.server.server_state.connections))

    async def sockets(self) -> int:
        return await self.call(lambda: self.fanout.stats().sockets)

    async def slow_closes(self) -> int:
        return await self.call(lambda: self.fanout.stats().overflows + self.fanout.stats().stalls)


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    yield service
    service.stop()


async def eventually(holds: Callable[[], Awaitable[bool]], within_s: float) -> float:
    """Return the seconds until ``holds`` held; fail after ``within_s``."""
    began = time.monotonic()
    while not await holds():
        assert time.monotonic() - began < within_s, f"not within {within_s} s"
        await asyncio.sleep(0.02)
    return time.monotonic() - began


async def deaf_peer(service: Service) -> socket.socket:
    """Shake hands by hand, with a small receive buffer, and never read again."""
    loop = asyncio.get_running_loop()
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    await loop.sock_connect(sock, ("127.0.0.1", service.port))
    await loop.sock_sendall(
        sock,
        b"GET /v HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    )
    assert (await loop.sock_recv(sock, 12)) == b"HTTP/1.1 101"
    await eventually(lambda: _is(service.sockets(), at_least=1), 5)
    return sock


async def _is(count: Awaitable[int], *, at_least: int = 0, at_most: int = 1 << 30) -> bool:
    return at_least <= await count <= at_most


async def open_client(service: Service, view: str = "/v", **options: Any) -> ClientConnection:
    client = await connect(service.url(view), **options)
    assert await client.recv() == "snapshot"
    return client


async def read_to_the_end(client: ClientConnection) -> tuple[list[str], int]:
    """Return what came until the server closed, and the code of its close."""
    messages: list[str] = []
    with contextlib.suppress(ConnectionClosed):
        while True:
            messages.append(str(await client.recv()))
    assert client.close_code is not None
    return messages, client.close_code


async def test_a_peer_that_never_reads_is_dropped_while_others_get_every_frame_in_time(
    service: Service,
) -> None:
    deaf = await deaf_peer(service)
    client = await open_client(service)
    waits: list[float] = []
    numbers: list[int] = []

    async def read() -> None:
        async for message in client:
            number, sent = str(message).split()[:2]
            numbers.append(int(number))
            waits.append(time.monotonic() - float(sent))

    reading = asyncio.create_task(read())
    published = 0

    async def one_more_and_gone() -> bool:
        nonlocal published
        await service.publish(f"{published} {time.monotonic()} {'x' * 1000}".encode())
        published += 1
        return await service.connections() == 1

    # Limits of the service: stalled after 2 s, looked at each 0.2 s, aborted 2 s later.
    took = await eventually(one_more_and_gone, within_s=10)
    assert await service.slow_closes() == 1
    await service.publish(f"{published} {time.monotonic()} last".encode())
    await eventually(lambda: _is(asyncio.sleep(0, len(numbers)), at_least=published + 1), 5)
    assert numbers == list(range(published + 1))
    assert max(waits) < 1.0, f"others waited for the slow one, which was gone after {took:.1f} s"
    await client.close()
    await reading
    deaf.close()


async def test_a_slow_reader_gets_what_was_sent_in_order_and_then_4409(service: Service) -> None:
    client = await open_client(service, max_queue=1)
    published = 0
    while await service.slow_closes() == 0:
        await service.publish(*(b"%d %s" % (published + i, b"x" * 1000) for i in range(10)))
        published += 10
        assert published < 100_000
    messages, code = await read_to_the_end(client)
    seen = [int(message.split()[0]) for message in messages]
    assert code == SLOW
    assert seen == list(range(len(seen)))
    assert 0 < len(seen) < published
    await eventually(lambda: _is(service.connections(), at_most=0), 5)


async def test_a_client_reads_payloads_of_every_length_form(service: Service) -> None:
    client = await open_client(service)
    payloads = [b"y" * size for size in (0, 1, 125, 126, 65_535, 65_536, 200_000)]
    for payload in payloads:
        await service.publish(payload)
        assert await client.recv(decode=False) == payload
    await service.publish(*payloads)
    assert [await client.recv(decode=False) for _ in payloads] == payloads
    await client.close()


async def test_direct_sends_reach_one_client_and_publishes_reach_its_view(service: Service) -> None:
    one, two = await open_client(service, "/one"), await open_client(service, "/two")
    await one.send("beat")
    assert await one.recv() == "beat"
    await service.publish(b"for two", view="/two")
    await service.publish(b"for one", view="/one")
    assert await one.recv() == "for one"
    assert await two.recv() == "for two"
    await one.close()
    await two.close()
    await eventually(lambda: _is(service.sockets(), at_most=0), 5)
    assert await service.connections() == 0


async def test_the_app_s_close_reaches_the_client_behind_what_was_published(
    service: Service,
) -> None:
    client = await open_client(service)
    await service.publish(b"before")
    await client.send("bye")
    assert await read_to_the_end(client) == (["before"], 4401)
    await eventually(lambda: _is(service.connections(), at_most=0), 5)


async def test_a_peer_that_answers_no_ping_is_dropped_though_nothing_is_published() -> None:
    service = Service(ws_ping_interval=0.3, ws_ping_timeout=0.5)
    try:
        deaf = await deaf_peer(service)
        client = await open_client(service)
        await eventually(lambda: _is(service.connections(), at_most=1), 5)
        await client.send("still here")
        assert await client.recv() == "still here"
        await client.close()
        deaf.close()
    finally:
        service.stop()


async def fill(service: Service) -> None:
    """Publish until a peer that doesn't read holds its transport full."""
    while await service.call(lambda: service.fanout.stats().slow) == 0:
        await service.publish(b"x" * 4000)


async def test_a_peer_that_answers_no_ping_is_dropped_with_whatever_its_transport_holds() -> None:
    service = Service(stall_s=60.0, ws_ping_interval=0.3, ws_ping_timeout=0.5)
    try:
        deaf = await deaf_peer(service)
        await fill(service)
        await eventually(lambda: _is(service.connections(), at_most=0), 5)
        deaf.close()
    finally:
        service.stop()


async def test_the_app_s_close_doesn_t_wait_for_a_peer_that_never_reads() -> None:
    service = Service(stall_s=60.0)
    try:
        deaf = await deaf_peer(service)
        await fill(service)
        masked_bye = b"\x81\x83\0\0\0\0bye"
        await asyncio.get_running_loop().sock_sendall(deaf, masked_bye)
        await eventually(lambda: _is(service.sockets(), at_most=0), 1)
        took = await eventually(lambda: _is(service.connections(), at_most=0), 8)
        assert took < SmallProtocol.close_within_s + 2
        deaf.close()
    finally:
        service.stop()


async def test_shutdown_says_1012_and_isn_t_held_up_by_a_peer_that_never_reads() -> None:
    service = Service()
    deaf = await deaf_peer(service)
    client = await open_client(service)
    reading = asyncio.create_task(read_to_the_end(client))
    await fill(service)
    took = await asyncio.to_thread(service.stop)
    assert (await reading)[1] == 1012
    assert took < SmallProtocol.close_within_s + 3
    deaf.close()


@pytest.mark.parametrize("clients", [200, pytest.param(1000, marks=pytest.mark.long)])
async def test_clients_that_come_back_all_at_once_are_all_served(
    service: Service, clients: int
) -> None:
    service.first_frames = text_frame(b"snapshot") + text_frame(b"z" * 4000)
    opened = await asyncio.gather(
        *(open_client(service, open_timeout=60, ping_interval=None) for _ in range(clients))
    )
    await service.publish(b"hello")
    for client in opened:
        assert await client.recv() == "z" * 4000
        assert await client.recv() == "hello"
    assert await service.sockets() == clients
    assert await service.slow_closes() == 0
    await asyncio.gather(*(client.close() for client in opened))
    await eventually(lambda: _is(service.connections(), at_most=0), 10)

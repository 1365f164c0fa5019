"""Serving a node over HTTP until a signal ends it.

Decides how the server is set up and in which order things stop. Must not know what any path does.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager

import uvicorn

from dispatch.choose.assign import solver
from dispatch.run.config import Settings
from dispatch.run.secret import open_private
from web.live.frames import UVICORN_OPTIONS
from web.node import Node, database_for, running

#: Seconds that requests under way have to end after a signal.
_GRACE_S = 5
#: New objects until the cycle collector looks at them.
_OBJECTS_PER_COLLECTION = 20_000
#: Connections that the kernel holds for us while we accept: a county's screens come back at once.
_BACKLOG = 4096

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class _Server(uvicorn.Server):
    """A server that leaves signals to its caller.

    uvicorn's own handling raises the signal again once it has stopped, which would end the process
    before the database is stopped.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_up.set()


Started = Callable[[Node, str], Awaitable[None]]


async def serve(
    settings: Settings, started: Started | None = None, *, simulated: bool = False
) -> None:
    """Run a node and its HTTP server until SIGINT or SIGTERM.

    Args:
        started: called with the node and its address once requests are answered.
        simulated: mark a new database as simulated.

    Raises:
        CrisisError: it can't start, with what to do about it.
        OSError: the port is taken.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (
        closing(_listen(settings.host, settings.port)) as listening,
        open_private(settings.data_dir / "alerts.log", "a") as alert_log,
    ):
        async with (
            database_for(settings, simulated=simulated) as (database, _),
            running(settings, database, alert_log=alert_log) as node,
        ):
            await answer(node, listening, started)


async def answer(node: Node, listening: socket.socket, started: Started | None = None) -> None:
    """Answer requests to ``node`` on an open socket until a signal, or until cancelled."""
    server = _Server(
        uvicorn.Config(
            node.app,
            **UVICORN_OPTIONS,
            interface="asgi3",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            backlog=_BACKLOG,
            timeout_graceful_shutdown=_GRACE_S,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listening]), name="http")
    loop = asyncio.get_running_loop()

    def stop() -> None:
        # Asked twice: don't wait for requests under way.
        server.force_exit = server.should_exit
        server.should_exit = True

    for number in _SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        up = asyncio.create_task(server.is_up.wait())
        await asyncio.wait([up, serving], return_when=asyncio.FIRST_COMPLETED)
        up.cancel()
        # Boards and modules stay for good: the cycle collector needn't walk them at each turn.
        gc.collect()
        gc.freeze()
        # Hundreds of requests at once are no garbage yet: looking for some among them each 700
        # objects, as is the default, costs a tenth of a post.
        gc.set_threshold(_OBJECTS_PER_COLLECTION, 20, 20)
        if started is not None and not serving.done():
            await started(node, address_of(listening))
        # Not before: whoever waits for the address needn't wait for what the first plan needs.
        await asyncio.to_thread(solver)
        await serving
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
        if not serving.done():
            server.should_exit = True
            await asyncio.wait([serving])


def address_of(listening: socket.socket) -> str:
    """Return the address that a browser on this machine opens."""
    host, port = listening.getsockname()[:2]
    host = "localhost" if host in {"0.0.0.0", "::", "127.0.0.1", "::1"} else host  # noqa: S104
    return f"http://{host}:{port}"


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise OSError(
            error.errno,
            f"Can't listen on {host}, port {port}: {error.strerror}. Choose others with --host and "
            "--port.",
        ) from error
    return listening

"""Real server processes for the hazard tests: started, killed, started again on the same data.

    async with Server.running(folder, dsn=dsn) as server:      # DATABASE_URL
    async with Server.running(folder) as server:               # its own PostgreSQL in ``folder``
        desk = await server.sign_in("desk")

``python -m tests.e2e.kit`` is the process itself: ``web.serve`` as it stands, and before the first
request a county with teams on shift and people who can sign in.
"""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec

from crisis.clock import generator, new_id
from crisis.ids import ResponderId
from crisis.policy import OfferPolicy, PerAcuity
from crisis.roles import Role
from dispatch.run.config import load
from dispatch.store.administration import add_policy
from dispatch.store.identity import Grant
from dispatch.store.pool import Database
from tests.db.service_kit import ALAMEDA, MASTER_KEY, Desk, create_county
from tests.unit.dispatch.board_kit import policy, uid
from tests.web.kit import PASSWORD, Client
from web.live.fanout import Limits
from web.node import Node
from web.serve import serve

#: Seconds in which a server must answer, on a machine that does other work besides.
START_WITHIN_S = 60.0
_READY = "ready "


def call_sign(number: int) -> str:
    """Name of the seeded team ``number``, from 0."""
    return f"Blue {number}"


def team_id(number: int) -> str:
    """Id of the seeded team ``number``."""
    return str(uid(f"{ALAMEDA} {call_sign(number)}"))


def phone_name(number: int) -> str:
    """Username of a responder of the seeded team ``number``."""
    return f"phone-{number}"


async def seed(node: Node, teams: int, window_s: float) -> None:
    """Add the county, its teams and their accounts, unless they are there.

    ``window_s``: how long a team has to answer an offer.
    """
    known = {runner.county_id for runner in node.service.counties}
    if ALAMEDA in known:
        return
    await create_county(node.database)
    window = PerAcuity(emergent=window_s, urgent=window_s, routine=window_s)
    offers = OfferPolicy(window_s=window, shortest_window_s=window_s)
    await add_policy(node.database, ALAMEDA, policy(offers=offers))
    await node.service.refresh_counties()
    node.feed.start(node.service.county(ALAMEDA).board)
    desk = Desk(node.service)
    people = [("desk", Grant(county_id=ALAMEDA, roles=frozenset({Role.SUPERVISOR, Role.ADMIN})))]
    for number in range(teams):
        await desk.team(call_sign(number))
        responder = ResponderId(uid(f"{ALAMEDA} {call_sign(number)} clinician"))
        people.append(
            (
                phone_name(number),
                Grant(
                    county_id=ALAMEDA,
                    roles=frozenset({Role.RESPONDER}),
                    responder_id=responder,
                ),
            )
        )
    for name, grant in people:
        account = await node.accounts.create_account(name, name, password=PASSWORD)
        await node.accounts.grant(account, grant)


async def started(node: Node, address: str) -> None:
    """Make the county that the environment asks for, unless it is there, and say so."""
    await seed(node, int(os.environ["E2E_TEAMS"]), float(os.environ["E2E_WINDOW_S"]))
    stall_s = float(os.environ["E2E_STALL_S"])
    if stall_s:
        node.fanout.limits = Limits(stall_s=stall_s, sweep_s=0.2)
    print(_READY + node.database.dsn, flush=True)


def main() -> None:
    """Serve until a signal; say where, once the county is there."""
    settings = load()

    try:
        import uvloop
    except ImportError:
        asyncio.run(serve(settings, started))
    else:
        uvloop.run(serve(settings, started))


@dataclass
class Server:
    """One server process and its successors on the same data and port."""

    folder: Path
    environment: dict[str, str]
    port: int
    process: asyncio.subprocess.Process | None = None
    #: The module that is the process.
    module: str = "tests.e2e.kit"
    #: DSN of the database that it uses, once it is ready.
    dsn: str = ""
    starts: int = 0
    errors: list[str] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def running(
        cls,
        folder: Path,
        *,
        dsn: str | None = None,
        teams: int = 4,
        window_s: float = 90.0,
        stall_s: float = 0.0,
        module: str = "tests.e2e.kit",
    ) -> AsyncIterator[Server]:
        """A started server, killed at the end.

        Args:
            folder: its data directory; PostgreSQL's unprivileged user must reach it.
            dsn: of its database; ``None`` = its own PostgreSQL.
            window_s: how long a team has to answer an offer, where this server makes the county.
            stall_s: how long a socket may take nothing; 0 = the service's own limit.
            module: that is run as the process.
        """
        port = _free_port()
        environment = {
            "PATH": os.environ["PATH"],
            "E2E_TEAMS": str(teams),
            "E2E_WINDOW_S": str(window_s),
            "E2E_STALL_S": str(stall_s),
            "CRISIS_DATA_DIR": str(folder),
            "CRISIS_PORT": str(port),
            "CRISIS_MASTER_KEY": base64.b64encode(MASTER_KEY).decode(),
        }
        if dsn is not None:
            environment["DATABASE_URL"] = _with_scheme(dsn)
        server = cls(folder, environment, port, module=module)
        try:
            await server.start()
            yield server
        finally:
            await server.kill()

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log_path(self) -> Path:
        """What it wrote to stderr, all starts together."""
        return self.folder.parent / f"{self.folder.name}.log"

    async def start(self) -> None:
        """Start it and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                self.module,
                env=self.environment,
                cwd=Path(__file__).parents[2],
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        self.starts += 1
        stdout = self.process.stdout
        assert stdout is not None
        async with asyncio.timeout(START_WITHIN_S):
            while True:
                line = (await stdout.readline()).decode()
                if line.startswith(_READY):
                    break
                assert line, f"the server ended: {self.log_path.read_text()[-3000:]}"
        self.dsn = line.removeprefix(_READY).strip()

    async def kill(self) -> None:
        """Kill it at once, as a power cut would; harmless if it is gone."""
        await self.end(signal.SIGKILL)

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int | None:
        """Send it a signal and wait for its end; returns its exit status."""
        process = self.process
        if process is None:
            return None
        with suppress(ProcessLookupError):
            process.send_signal(number)
        status = await process.wait()
        # Its pipe ends only now; what stands unread in it is of no use.
        if process.stdout is not None:
            await process.stdout.read()
        self.process = None
        return status

    async def sign_in(self, name: str, http: httpx.AsyncClient) -> Client:
        """A device's session of a seeded account; valid across restarts."""
        response = await http.post(
            f"{self.url}/api/v1/session",
            json={"username": name, "password": PASSWORD, "mode": "bearer"},
        )
        assert response.status_code == 200, response.text
        return Client(http, {"authorization": f"Bearer {response.json()['token']}"})

    async def readiness(self, http: httpx.AsyncClient) -> dict[str, Any]:
        """What ``/readyz`` says."""
        body: dict[str, Any] = (await http.get(f"{self.url}/readyz")).json()
        return body

    async def metric(self, name: str, http: httpx.AsyncClient) -> float:
        """The value of a metric without labels."""
        text = (await http.get(f"{self.url}/metrics")).text
        lines = [line for line in text.splitlines() if line.startswith(f"{name} ")]
        assert len(lines) == 1, (name, text[:2000])
        return float(lines[0].split()[1])

    @asynccontextmanager
    async def database(self) -> AsyncIterator[Database]:
        """The database that it uses, through pools of our own."""
        async with Database.open(self.dsn) as opened:
            yield opened

    def postgres_pid(self) -> int:
        """Process id of its own PostgreSQL."""
        found = list(self.folder.glob("**/postmaster.pid"))
        assert len(found) == 1, found
        return int(found[0].read_text().splitlines()[0])

    def faults(self) -> list[str]:
        """Lines of its log that tell of faults inside."""
        marks = ("Traceback", "request failed", "command failed")
        lines = self.log_path.read_text().splitlines()
        return [line for line in lines if any(mark in line for mark in marks)]


def _free_port() -> int:
    """A port that no outgoing connection is given, so that a server gets it back after a kill.

    A client that keeps trying a port of the kernel's own range may even reach itself there.
    """
    draw = generator()
    while True:
        port = draw.randrange(10_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _with_scheme(dsn: str) -> str:
    return dsn.replace("postgres://", "postgresql://", 1)


@asynccontextmanager
async def http_client(server: Server, *, most: int = 100) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client with a connection pool of its own."""
    limits = httpx.Limits(max_connections=most, max_keepalive_connections=most)
    async with httpx.AsyncClient(base_url=server.url, timeout=30.0, limits=limits) as http:
        yield http


def new_key() -> str:
    """A new Idempotency-Key."""
    return str(new_id())


def encoded(body: dict[str, Any]) -> bytes:
    """A request's body, the same bytes each time it is sent."""
    return msgspec.json.encode(body)


if __name__ == "__main__":
    main()

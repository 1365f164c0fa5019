"""The clients' process: dispatchers, phones and live screens of a county, as cheap as they come.

    python -m tests.bench.load

Takes one ``Task`` a line on stdin and answers each. Shares the machine's cores with the server, so
it builds requests from bytes and looks into answers only for the ids that it needs.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from tests.bench import children
from tests.bench.clients import HOST, Connection, Gathering, LiveSocket, percentile
from tests.bench.seed import COUNTY, Crew, People, base_of

_HELLO = b'{"t":"hello","county":%d}' % COUNTY
#: Apart by more than the feed's tick, so that a frame is not joined with the one before.
_QUIET_S = 0.06

_OK = frozenset({200, 204})


class Open(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Open live sockets, in place of those before; ``crews`` of them show a team's view.

    Attributes:
        one_crew: all those are of the first team, which all accepts will be about.
    """

    port: int
    people: People
    desks: int
    crews: int
    one_crew: bool = False


class Cycles(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Let so many clients dispatch, one whole response after the other."""

    port: int
    people: People
    clients: int
    seconds: float


class Accepts(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Let the first team accept, one offer at a time, and see when every screen knows."""

    port: int
    people: People
    rounds: int


class BareAccepts(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The same against the bare server; ``takers``: sockets that get each of its frames."""

    port: int
    takers: list[int]
    rounds: int


class BareCycles(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Let so many clients send the requests of cycles to the bare server, with so many sockets."""

    port: int
    sockets: int
    clients: int
    seconds: float


class Posts(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Post fixes over so many connections, each with one post in flight."""

    port: int
    people: People
    connections: int
    batch: int
    seconds: float
    #: Since the shifts' begin: fixes must be new and within a shift.
    from_second: int
    began_at: datetime


Task = Open | Cycles | BareCycles | Accepts | BareAccepts | Posts


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """How many sockets have their board."""

    sockets: int


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """How long one sort of call took, seconds."""

    name: str
    times: int
    p50_s: float
    p99_s: float
    worst_s: float


class Cycled(msgspec.Struct, frozen=True, kw_only=True):
    """What the clients got done; ``frames`` came to all sockets together."""

    cycles: int
    seconds: float
    calls: list[Call]
    frames: int
    lost_sockets: int
    usage: children.Usage


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds from an accept until the last socket had it, and until its answer; one per round.

    ``frames``: the last round's, the longest of each sort of view, and how many got each.
    """

    last_s: list[float]
    answer_s: list[float]
    frames: list[bytes] = []
    takers: list[int] = []


class Posted(msgspec.Struct, frozen=True, kw_only=True):
    """What was answered; ``until_second``: where the next posts must begin."""

    posts: int
    seconds: float
    p50_s: float
    p99_s: float
    until_second: int


class _Answer(msgspec.Struct):
    seq: int
    result: dict[str, Any]


_answer = msgspec.json.Decoder(_Answer)
_V1 = "/api/v1"
#: Of a cycle: open, determine, offer, accept, en route, on scene, clear, close.
_REQUESTS = 8
_BARE_BODY = b'{"narrative":"%b"}' % (b"Said that he can not go on. " * 3)


class Client:
    """A dispatcher at the desk, and the phones of some crews.

    ``seq``: of the newest answer; ``times``: seconds of each call, by its name.
    """

    def __init__(self, desk: Connection, phones: Sequence[tuple[Crew, Connection]]) -> None:
        self._desk = desk
        self._phones = phones
        self._turn = 0
        self.seq = 0
        self.times: dict[str, list[float]] = {}

    @classmethod
    async def open(cls, port: int, token: str, crews: Sequence[Crew]) -> Client:
        """Connect all of them."""
        phones = [(crew, await Connection.open(port, crew.token)) for crew in crews]
        return cls(await Connection.open(port, token), phones)

    def close(self) -> None:
        """Hang up."""
        for connection in (self._desk, *(phone for _, phone in self._phones)):
            connection.close()

    async def _call(self, name: str, by: Connection, path: str, body: bytes) -> dict[str, Any]:
        begun = time.perf_counter()
        status, answer = await by.post(_V1 + path, body)
        self.times.setdefault(name, []).append(time.perf_counter() - begun)
        if status not in _OK:
            raise RuntimeError(f"{name}: {status} {answer.decode()}")
        answered = _answer.decode(answer)
        self.seq = answered.seq
        return answered.result

    async def offered(self) -> tuple[str, str, Crew, Connection]:
        """Open an incident, determine it and offer it to the next crew."""
        crew, phone = self._phones[self._turn % len(self._phones)]
        self._turn += 1
        place = base_of(self._turn * 7 + 3)
        body = (
            b'{"place":{"point":{"lat_deg":%f,"lon_deg":%f},"location_type":"home",'
            b'"address":"1234 Example Street, second floor"},"narrative":"%b"}'
            % (place.lat_deg, place.lon_deg, b"Said that he can not go on. " * 6)
        )
        incident = (await self._call("open", self._desk, "/incidents", body))["incident_id"]
        at = f"/incidents/{incident}"
        body = b'{"decision":"dispatch","acuity":"urgent"}'
        await self._call("determine", self._desk, f"{at}/determination", body)
        body = b'{"team_id":"%b","override_reason":"knows_area"}' % str(crew.team_id).encode()
        offer = (await self._call("offer", self._desk, f"{at}/offers", body))["offer_id"]
        return incident, offer, crew, phone

    async def accepted(self, offer: str, phone: Connection) -> str:
        """Accept by the crew's phone and return the run's id."""
        result = await self._call("accept", phone, f"/offers/{offer}/accept", b"{}")
        run: str = result["assignment_id"]
        return run

    async def ended(self, incident: str, run: str, phone: Connection) -> None:
        """Go there, clear, and close the incident, so that the board stays as small as it was."""
        at = f"/assignments/{run}"
        await self._call(
            "en route", phone, f"{at}/status", b'{"status":"en_route","briefed_by":"desk"}'
        )
        await self._call("on scene", phone, f"{at}/status", b'{"status":"on_scene"}')
        await self._call("clear", phone, f"{at}/clear", b"{}")
        await self._call("close", self._desk, f"/incidents/{incident}/close", b"{}")

    async def cycle(self) -> None:
        """Let one response go through everything."""
        incident, offer, _, phone = await self.offered()
        run = await self.accepted(offer, phone)
        await self.ended(incident, run, phone)


class BareClient:
    """The same to a bare server: as many requests, with bodies of about the same size."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.times: dict[str, list[float]] = {}

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    async def cycle(self) -> None:
        """Send a cycle's requests, one after the other."""
        for _ in range(_REQUESTS):
            begun = time.perf_counter()
            status, _ = await self._connection.post("/cycle", _BARE_BODY)
            self.times.setdefault("commit", []).append(time.perf_counter() - begun)
            assert status == 200


class Load:
    """This process: its open sockets and what it is asked to do."""

    def __init__(self) -> None:
        self._sockets: list[LiveSocket] = []

    async def do(self, task: Task) -> msgspec.Struct:
        """Do what is asked and return what came of it."""
        match task:
            case Open():
                return await self.open(task)
            case Cycles():
                return await self.cycles(task)
            case BareCycles():
                return await self.bare_cycles(task)
            case Accepts():
                return await self.accepts(task)
            case BareAccepts():
                return await self.bare_accepts(task)
            case Posts():
                return await posts(task)

    async def _replace(self, sockets: list[LiveSocket]) -> Opened:
        for socket in self._sockets:
            socket.close()
        self._sockets = sockets
        for start in range(0, len(sockets), 50):
            await asyncio.gather(*(socket.open() for socket in sockets[start : start + 50]))
        return Opened(sockets=sum(socket.closed is None for socket in sockets))

    async def open(self, task: Open) -> Opened:
        """Show the board on many screens."""
        people = task.people
        tokens = [people.desks[n % len(people.desks)] for n in range(task.desks)]
        crews = people.crews[:1] if task.one_crew else people.crews
        tokens += [crews[n % len(crews)].token for n in range(task.crews)]
        path = f"{_V1}/live"
        return await self._replace([LiveSocket(task.port, path, t, _HELLO) for t in tokens])

    async def cycles(self, task: Cycles) -> Cycled:
        """Dispatch for a while."""
        people = task.people
        clients = [
            await Client.open(
                task.port,
                people.desks[n % len(people.desks)],
                people.crews[n :: task.clients],
            )
            for n in range(task.clients)
        ]
        return await self._work(clients, task.seconds)

    async def bare_cycles(self, task: BareCycles) -> Cycled:
        """Do to the bare server what ``cycles`` does to a node."""
        if len(self._sockets) != task.sockets:
            await self._replace([LiveSocket(task.port, "/0") for _ in range(task.sockets)])
        clients = [BareClient(await Connection.open(task.port, "")) for _ in range(task.clients)]
        return await self._work(clients, task.seconds)

    async def _work(self, clients: Sequence[Client | BareClient], seconds: float) -> Cycled:
        """Let clients go through whole cycles for a while."""
        await asyncio.gather(*(client.cycle() for client in clients))
        for client in clients:
            client.times.clear()
        gc.collect()
        frames = sum(socket.frames for socket in self._sockets)
        used = children.usage().cpu_s
        done = 0
        begun = time.perf_counter()
        end = begun + seconds

        async def work(client: Client | BareClient) -> None:
            nonlocal done
            while time.perf_counter() < end:
                await client.cycle()
                done += 1

        await asyncio.gather(*(work(client) for client in clients))
        took_s = time.perf_counter() - begun
        usage = children.usage()
        times: dict[str, list[float]] = {}
        for client in clients:
            client.close()
            for name, values in client.times.items():
                times.setdefault(name, []).extend(values)
        return Cycled(
            cycles=done,
            seconds=took_s,
            calls=[
                Call(
                    name=name,
                    times=len(values),
                    p50_s=percentile(values, 0.5),
                    p99_s=percentile(values, 0.99),
                    worst_s=max(values),
                )
                for name, values in times.items()
            ],
            frames=sum(socket.frames for socket in self._sockets) - frames,
            lost_sockets=sum(socket.closed is not None for socket in self._sockets),
            usage=msgspec.structs.replace(usage, cpu_s=usage.cpu_s - used),
        )

    async def accepts(self, task: Accepts) -> Accepted:
        """Accept, one at a time, with the board quiet before."""
        people = task.people
        client = await Client.open(task.port, people.desks[0], people.crews[:1])
        gathering = Gathering(self._sockets)
        last_s, answer_s = [], []
        for number in range(task.rounds + 3):
            incident, offer, _, phone = await client.offered()
            await asyncio.sleep(_QUIET_S)
            everywhere = gathering.begin()
            begun = time.perf_counter()
            run = await client.accepted(offer, phone)
            answered = time.perf_counter()
            await asyncio.wait_for(everywhere, 10)
            if number >= 3:
                last_s.append(gathering.last_s - begun)
                answer_s.append(answered - begun)
            # What the accept makes due at once may come in the same frame.
            if min(gathering.seqs()) < client.seq:
                raise RuntimeError("a screen did not show the accept")
            frames = sorted(set(gathering.payloads.values()), key=len)
            takers = [
                sum(payload == frame for payload in gathering.payloads.values()) for frame in frames
            ]
            await client.ended(incident, run, phone)
        client.close()
        return Accepted(last_s=last_s, answer_s=answer_s, frames=frames, takers=takers)

    async def bare_accepts(self, task: BareAccepts) -> Accepted:
        """Ask the bare server for a commit and its frames, one at a time."""
        sockets = [
            LiveSocket(task.port, f"/{which}")
            for which, takers in enumerate(task.takers)
            for _ in range(takers)
        ]
        await self._replace(sockets)
        gathering = Gathering(sockets)
        reader, writer = await asyncio.open_connection(HOST, task.port)
        last_s, answer_s = [], []
        for number in range(task.rounds + 3):
            await asyncio.sleep(_QUIET_S)
            everywhere = gathering.begin()
            begun = time.perf_counter()
            writer.write(b"go\n")
            await reader.readline()
            answered = time.perf_counter()
            await asyncio.wait_for(everywhere, 10)
            if number >= 3:
                last_s.append(gathering.last_s - begun)
                answer_s.append(answered - begun)
        writer.close()
        return Accepted(last_s=last_s, answer_s=answer_s)


async def posts(task: Posts) -> Posted:
    """Post fixes of all teams, each team's in order: a connection has teams of its own."""
    crews = task.people.crews
    took: list[float] = []
    latest = task.from_second
    end = 0.0

    async def phone(number: int, connection: Connection) -> None:
        nonlocal latest
        own = [crews[n] for n in range(number, len(crews), task.connections)]
        second, turn = task.from_second, 0
        while (begun := time.perf_counter()) < end:
            crew = own[turn % len(own)]
            turn += 1
            body = _fixes(crew.team_id, task.began_at, second, task.batch)
            if turn % len(own) == 0:
                second += task.batch
            status, answer = await connection.post(
                f"{_V1}/teams/{crew.team_id}/fixes", body, keyed=False
            )
            if status != 204:
                raise RuntimeError(f"{status} {answer.decode()}")
            took.append(time.perf_counter() - begun)
        latest = max(latest, second + task.batch)

    connections = [
        await Connection.open(task.port, task.people.tracker) for _ in range(task.connections)
    ]
    gc.collect()
    begun = time.perf_counter()
    end = begun + task.seconds
    await asyncio.gather(*(phone(n, one) for n, one in enumerate(connections)))
    seconds = time.perf_counter() - begun
    for one in connections:
        one.close()
    return Posted(
        posts=len(took),
        seconds=seconds,
        p50_s=percentile(took, 0.5),
        p99_s=percentile(took, 0.99),
        until_second=latest,
    )


def _fixes(team_id: UUID, began_at: datetime, second: int, batch: int) -> bytes:
    """Return a body of ``batch`` fixes, a second apart, of a team that drives north."""
    lon_deg = -121.5 + (team_id.int % 1000) / 1000
    text = (
        '{"point":{"lat_deg":%.5f,"lon_deg":%.4f},"fixed_at":"%s",'
        '"accuracy_m":8,"speed_mps":11,"heading_deg":1,"battery":0.7}'
    )
    rows = [
        text
        % (
            35.0 + at * 1e-4,
            lon_deg,
            (began_at + timedelta(seconds=at)).astimezone(UTC).isoformat(),
        )
        for at in range(second, second + batch)
    ]
    return (rows[0] if batch == 1 else f"[{','.join(rows)}]").encode()


async def main() -> None:
    """Do what stdin asks until it ends."""
    load = Load()
    async for line in children.orders():
        children.say(await load.do(msgspec.json.decode(line, type=Task)))


if __name__ == "__main__":
    children.run(main)

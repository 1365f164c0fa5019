"""Clients of the public API: a signed-in person, the board they see, and the acts they choose.

Decides how a simulated person waits, acts and bears refusals. They have what a page or a phone has:
HTTP with a session of their own, and the live socket. Must not know the service's insides.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import uuid5

import httpx
import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from crisis.clock import DomainClock, generator, new_id
from dispatch.sim.demand import DemandedCall
from dispatch.sim.roster import made_up_id
from dispatch.sim.troupe import Staff

#: Refusals of what came too late: a colleague, the person or the service was quicker.
_OVERTAKEN = {404, 409}
#: ... and one that says so otherwise: another team is recommended first by now.
_OVERTAKEN_CODES = {"override_reason_missing"}
#: The socket says: nothing for you here now.
_STOP = 4403
_TIMEOUT_S = 30.0
_MOST_WAIT_S = 2.0
#: County time after which the first team on scene is in danger.
_FIRST_ALARM_AFTER = timedelta(minutes=15)

Entity = dict[str, Any]


@dataclass(slots=True)
class Tally:
    """What all clients met with.

    Attributes:
        acts: commands that were accepted, by the last word of their path.
        overtaken: refusals that are part of working together, by code.
        errors: everything else, by what was asked and the answer's code.
    """

    sent: int = 0
    fixes: int = 0
    reconnects: int = 0
    acts: Counter[str] = field(default_factory=Counter)
    overtaken: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)


class World:
    """What all clients share: the way to the service, the clock, and what is said aloud.

    Attributes:
        heard: id of a call or an incident → what its caller says; known to whoever has to do with
            it.
        first_call: id of a call or an incident → the earlier call about the same person.
        incident_of: id of a call → the incident that was opened from it.
        done: keys of acts that nobody needs to do any more.
        yours: id of the team that a person may drive; ``""`` = there is none.
        passed: how often in a row that team was asked before others, and didn't go.
        closing: the server is going away, and broken connections are no errors.
    """

    def __init__(
        self, url: str, county_id: int, clock: DomainClock, seed: int, *, yours: str = ""
    ) -> None:
        self.url = url
        self.county_id = county_id
        self.clock = clock
        self.seed = seed
        self.tally = Tally()
        self.heard: dict[str, DemandedCall] = {}
        self.first_call: dict[str, str] = {}
        self.incident_of: dict[str, str] = {}
        self.done: set[str] = set()
        self.yours = yours
        self.passed = 0
        self.closing = False
        self._alarm_after = clock.now() + _FIRST_ALARM_AFTER
        self._alarm_run = ""
        limits = httpx.Limits(max_connections=40, max_keepalive_connections=40)
        self.http = httpx.AsyncClient(
            base_url=url, timeout=_TIMEOUT_S, trust_env=False, limits=limits
        )

    def unit(self, *parts: object) -> float:
        """Return a number in [0, 1) that is always the same for the same parts."""
        return made_up_id(self.seed, *parts).int % 1_000_003 / 1_000_003

    def has_first_alarm(self, run_id: str, *, may_be: bool) -> bool:
        """Whether this is the run of the first alarm, which isn't left to chance.

        It is the first one that ``may_be``, once the demonstration has gone on for a while.
        """
        if may_be and not self._alarm_run and self.clock.now() >= self._alarm_after:
            self._alarm_run = run_id
        return self._alarm_run == run_id

    def failed(self, what: str) -> None:
        """Count something unexpected."""
        if not self.closing:
            self.tally.errors[what] += 1


class Person:
    """An account that is signed in."""

    def __init__(self, world: World, staff: Staff) -> None:
        self.world = world
        self.staff = staff
        self.id = str(staff.user_id)
        self._token = staff.token

    @property
    def authorization(self) -> str:
        """The header of every request; empty before signing in."""
        return f"Bearer {self._token}"

    async def sign_in(self) -> None:
        """Begin a session, as a phone does; tried until the service answers."""
        if self._token:
            return
        body = {
            "username": self.staff.username,
            "password": self.staff.password,
            "mode": "bearer",
        }
        while not self._token and not self.world.closing:
            answered = await self._request("POST", "/session", body)
            if answered is None:
                await asyncio.sleep(1.0)
            else:
                self._token = answered["token"]

    async def send(self, path: str, body: Mapping[str, Any] | None = None) -> Entity | None:
        """Send a command; ``None`` = refused, and counted."""
        self.world.tally.sent += 1
        answered = await self._request("POST", path, body or {})
        if answered is None:
            return None
        self.world.tally.acts[_shape(path).rsplit("/", 1)[-1]] += 1
        result: Entity = answered.get("result", {})
        return result

    async def get(self, path: str) -> Entity | None:
        """Read something; ``None`` = refused, and counted."""
        return await self._request("GET", path, None)

    async def post_fixes(self, team_id: object, fixes: list[Entity]) -> None:
        """Say where the team is."""
        self.world.tally.fixes += len(fixes)
        answered = await self._request("POST", f"/teams/{team_id}/fixes", fixes)
        if answered and answered.get("rejected"):
            self.world.tally.overtaken["fix_rejected"] += len(answered["rejected"])

    async def _request(self, method: str, path: str, body: Any) -> Entity | None:
        headers = {"idempotency-key": str(new_id())}
        if self._token:
            headers["authorization"] = self.authorization
        content = None if body is None else msgspec.json.encode(body)
        what = f"{method} {_shape(path)}"
        try:
            response = await self.world.http.request(
                method, f"/api/v1{path}", content=content, headers=headers
            )
        except httpx.HTTPError as error:
            self.world.failed(f"{what}: {type(error).__name__}")
            return None
        if response.is_success:
            found: Entity = msgspec.json.decode(response.content) if response.content else {}
            return found
        code = _code(response)
        # A door that many come to at once says when to knock again.
        waits = path == "/session" and response.status_code == 429
        if response.status_code in _OVERTAKEN or code in _OVERTAKEN_CODES or waits:
            self.world.tally.overtaken[code] += 1
        else:
            self.world.failed(f"{what}: {response.status_code} {code}")
        return None


def _code(response: httpx.Response) -> str:
    try:
        return str(msgspec.json.decode(response.content).get("code", ""))
    except (msgspec.DecodeError, AttributeError):
        return "not_json"


def _shape(path: str) -> str:
    """Return a path without its ids, for counting."""
    parts = path.split("?")[0].split("/")
    return "/".join("*" if len(part) == 36 else part for part in parts)


class Mirror:
    """The board as one live socket shows it; kept up by ``follow``.

    Attributes:
        changed: set at each frame that changed something.
    """

    def __init__(self, person: Person, view: str) -> None:
        self._person = person
        self._view = view
        self._shown: dict[tuple[str, str], Entity] = {}
        self._seq = -1
        self._epoch = ""
        self._mark = 0
        self.changed = asyncio.Event()

    def all(self, kind: str) -> Iterator[Entity]:
        """Return everything of one kind that is shown now."""
        return iter([entity for (k, _), entity in self._shown.items() if k == kind])

    def get(self, kind: str, thing: object) -> Entity | None:
        """Return one thing; ``None`` = it isn't shown."""
        return self._shown.get((kind, str(thing)))

    async def follow(self, lives: Callable[[], Awaitable[None]]) -> bool:
        """Connect and let ``lives`` run while the board is kept up; returns when it broke.

        Returns ``False`` where the account has nothing to follow now. What ``lives`` raises ends
        the connection and is raised.
        """
        world = self._person.world
        url = world.url.replace("http", "ws", 1) + "/api/v1/live"
        header = {"authorization": self._person.authorization}
        try:
            async with connect(
                url, additional_headers=header, ping_interval=None, max_size=None, proxy=None
            ) as socket:
                if not await self._greet(socket):
                    return False
                await _until_either(self._read(socket), lives())
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd is not None else 1006
            self._closed(code)
            return code != _STOP
        except (OSError, InvalidHandshake, TimeoutError) as error:
            world.failed(f"live: {type(error).__name__}")
            return True
        self._closed(1000)
        return True

    async def _read(self, socket: ClientConnection) -> None:
        async for text in socket:
            self._take(msgspec.json.decode(text))

    async def _greet(self, socket: ClientConnection) -> bool:
        hello: Entity = {"t": "hello", "county": self._person.world.county_id, "view": self._view}
        if self._epoch:
            hello.update(epoch=self._epoch, last_seq=self._seq, mark=self._mark)
        await socket.send(msgspec.json.encode(hello).decode())
        try:
            welcome = msgspec.json.decode(await socket.recv())
        except ConnectionClosed as closed:
            if closed.rcvd is not None and closed.rcvd.code == _STOP:
                return False
            raise
        self._epoch = welcome["epoch"]
        self._take(msgspec.json.decode(await socket.recv()))
        return True

    def _closed(self, code: int) -> None:
        world = self._person.world
        if world.closing or code in {_STOP, 1000, 1012}:
            return
        world.tally.reconnects += 1
        if code not in {1001, 1006, 1013, 4409}:
            world.failed(f"live: closed {code}")

    def _take(self, frame: Entity) -> None:
        match frame["t"]:
            case "snapshot":
                self._shown = {(e["k"], e["id"]): e for e in frame["up"]}
                self._seq, self._mark = frame["seq"], frame["mark"]
            case "changes":
                if frame["prev"] > self._seq:
                    self._person.world.failed("live: a gap")
                self._shown.update({(e["k"], e["id"]): e for e in frame["up"]})
                for kind, thing in frame["rm"]:
                    self._shown.pop((kind, thing), None)
                self._seq, self._mark = frame["seq"], frame["mark"]
            case "beat":
                self._seq, self._mark = frame["seq"], frame["mark"]
                return
            case _:
                return
        self.changed.set()


async def _until_either(*works: Awaitable[None]) -> None:
    """Run all until one ends, then end the others; raises what that one raised."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Act(NamedTuple):
    """Something that the person will do, unless the board makes it needless before.

    Attributes:
        key: the same act of the same thing has the same.
        wait_s: county seconds between which is drawn how long they take to get to it.
        room_s: seconds of a real person's time that are left to somebody who tries the service.
    """

    key: str
    wait_s: tuple[float, float]
    do: Callable[[], Awaitable[object]]
    room_s: float = 0.0


class Life(ABC):
    """One simulated person at work: looks at the board, and does what is theirs to do."""

    view = "desk"

    def __init__(self, world: World, staff: Staff) -> None:
        self.world = world
        self.person = Person(world, staff)
        self.board = Mirror(self.person, self.view)
        # From the name, so that nobody's pace depends on how many others there are.
        number = uuid5(made_up_id("pace", world.seed), staff.username).int
        self.draw = generator(number)
        self._due: dict[str, float] = {}

    @abstractmethod
    def acts(self) -> Iterable[Act]:
        """Return everything that calls for this person now."""

    @property
    def now(self) -> datetime:
        """The county's present instant."""
        return self.world.clock.now()

    async def run(self) -> None:
        """Work until cancelled."""
        await self.person.sign_in()
        while not self.world.closing:
            await self.board.follow(self.work)
            await asyncio.sleep(self.draw.uniform(0.2, 1.0))

    async def work(self) -> None:
        """Do each act in its time; a faulty one is counted and doesn't end the others."""
        while True:
            self.board.changed.clear()
            ready, pause_s = self._ready()
            if ready:
                await asyncio.gather(*(self._do(act) for act in ready))
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(min(max(pause_s, 0.02), _MOST_WAIT_S)):
                    await self.board.changed.wait()

    def _ready(self) -> tuple[list[Act], float]:
        now, speed = self.now.timestamp(), self.world.clock.speed
        wanted = {act.key: act for act in self.acts()}
        self._due = {key: at for key, at in self._due.items() if key in wanted}
        for act in wanted.values():
            if act.key not in self._due:
                wait_s = max(self.draw.uniform(*act.wait_s), act.room_s * speed)
                self._due[act.key] = now + wait_s
        ready = [act for key, act in wanted.items() if self._due[key] <= now]
        for act in ready:
            # What is still called for after that is tried again, not at once.
            self._due[act.key] = now + max(60.0, 2.0 * speed)
        soonest = min(self._due.values(), default=now + 3_600)
        return ready, (soonest - now) / speed

    async def _do(self, act: Act) -> None:
        try:
            await act.do()
        except (KeyError, TypeError, ValueError) as error:
            self.world.failed(f"client: {act.key.split('/')[0]} {type(error).__name__} {error}")

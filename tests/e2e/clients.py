"""Clients that keep their own history: what they were told counts, not what the server says later.

A client sends each command under one key until it is answered, as a phone with bad signal does;
``History`` keeps every attempt and every answer, and holds the database against them afterwards.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from dispatch.store.pool import County, Database
from tests.db.service_kit import ALAMEDA
from tests.e2e.kit import encoded, new_key, team_id
from tests.web.kit import OAKLAND, Client

#: Refusals that mean: ask again under the same key.
_AGAIN = {429, 502, 503, 504}


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A command that a client was told has happened."""

    client: Client
    key: str
    path: str
    body: bytes
    answer: dict[str, Any]


@dataclass
class History:
    """What clients were told.

    Attributes:
        patience_s: seconds after which a client gives a command up; then the test has failed.
        statuses: how often each status was answered; 0 = the connection broke.
        codes: of the refusals.
        unsure: attempts whose outcome the client couldn't know.
    """

    patience_s: float = 30.0
    acknowledged: list[Acknowledged] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    unsure: int = 0
    opened: set[str] = field(default_factory=set)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def more(self, count: int) -> None:
        """Wait until so many more commands were acknowledged."""
        wanted = len(self.acknowledged) + count
        while len(self.acknowledged) < wanted:
            self._news.clear()
            await self._news.wait()

    async def send(
        self,
        client: Client,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        key: str | None = None,
    ) -> dict[str, Any]:
        """Send a command until it is answered; returns its result.

        Raises:
            AssertionError: it was refused for good, or not answered in time.
        """
        key, raw = key or new_key(), encoded(body or {})
        loop = asyncio.get_running_loop()
        end = loop.time() + self.patience_s
        while True:
            response = await self.attempt(client, path, raw, key)
            if response is not None and response.status_code == 200:
                answer: dict[str, Any] = response.json()
                self.acknowledged.append(Acknowledged(client, key, path, raw, answer))
                self._news.set()
                result: dict[str, Any] = answer["result"]
                if path == "/incidents":
                    self.opened.add(result["incident_id"])
                return result
            if response is not None and response.status_code not in _AGAIN:
                raise AssertionError((path, response.status_code, response.text))
            assert loop.time() < end, (path, "no answer in time", self.statuses)
            # A client's pause before it asks again.
            await asyncio.sleep(0.05)

    async def attempt(
        self, client: Client, path: str, raw: bytes, key: str
    ) -> httpx.Response | None:
        """Send a command once; ``None`` = the connection broke, the outcome is unknown."""
        try:
            response = await client.post(path, raw=raw, key=key)
        except httpx.TransportError:
            self.statuses[0] += 1
            self.unsure += 1
            return None
        self.statuses[response.status_code] += 1
        if response.status_code >= 400:
            self.codes[response.json()["code"]] += 1
        return response

    def check_no_faults(self) -> None:
        """Nobody was told anything but success, a clear refusal, or to come back."""
        assert set(self.statuses) <= {0, 200, 409, 429, 503}, (self.statuses, self.codes)
        assert "internal_fault" not in self.codes, self.codes

    async def check_answers(self) -> None:
        """Every acknowledged command, sent again, is answered the same as it was."""

        async def check(known: Acknowledged) -> None:
            again = await known.client.post(known.path, raw=known.body, key=known.key)
            assert again.status_code == 200, (known.path, again.status_code, again.text)
            assert again.json() == known.answer, known.path

        for start in range(0, len(self.acknowledged), 50):
            await asyncio.gather(*map(check, self.acknowledged[start : start + 50]))

    async def check_stored(self, database: Database) -> None:
        """Everything acknowledged stands in the database with its answer's seq, once."""
        async with database.tx(County(ALAMEDA), mode="snapshot") as con:
            results = {
                str(row["command_id"]): row["seq"]
                for row in await con.fetch("SELECT command_id, seq FROM command_results")
            }
            opened = {
                str(row["incident_id"])
                for row in await con.fetch("SELECT incident_id FROM incidents")
            }
            numbers = [
                row["number"] for row in await con.fetch("SELECT number FROM incidents ORDER BY 1")
            ]
        lost = [a for a in self.acknowledged if results.get(a.key) != a.answer["seq"]]
        assert not lost, [(a.path, a.key, a.answer, results.get(a.key)) for a in lost[:5]]
        assert self.opened <= opened
        assert numbers == list(range(1, len(numbers) + 1)), "incident numbers have a gap"


def offer_of(team: int) -> dict[str, Any]:
    """The body of an offer to the seeded team, whatever is recommended."""
    return {"team_id": team_id(team), "override_reason": "knows_area"}


async def opened(history: History, desk: Client, *, determined: bool = False) -> str:
    """A new incident's id; ``determined``: one that needs a team."""
    place = {"point": OAKLAND, "location_type": "home"}
    incident: str = (await history.send(desk, "/incidents", {"place": place}))["incident_id"]
    if determined:
        body = {"decision": "dispatch", "acuity": "urgent"}
        await history.send(desk, f"/incidents/{incident}/determination", body)
    return incident


async def respond(history: History, desk: Client, phone: Client, team: int) -> str:
    """One whole response of the seeded team ``team``; returns the incident's id."""
    incident = await opened(history, desk, determined=True)
    path = f"/incidents/{incident}"
    offer = await history.send(desk, f"{path}/offers", offer_of(team))
    taken = await history.send(phone, f"/offers/{offer['offer_id']}/accept")
    run = f"/assignments/{taken['assignment_id']}"
    await history.send(phone, f"{run}/hazards", {"version": 1})
    for status in ("en_route", "on_scene", "contact"):
        await history.send(phone, f"{run}/status", {"status": status})
    await history.send(
        phone, f"{run}/clear", {"encounters": [{"disposition": "stabilized_safety_plan"}]}
    )
    await history.send(phone, f"{run}/status", {"status": "ready"})
    await history.send(desk, f"{path}/close")
    return incident


async def respond_until(
    stop: asyncio.Event, history: History, desk: Client, phone: Client, team: int
) -> int:
    """Respond again and again until ``stop``; the last response is brought to its end."""
    done = 0
    while not stop.is_set():
        await respond(history, desk, phone, team)
        done += 1
    return done


Shown = dict[tuple[str, str], dict[str, Any]]


class Board:
    """A live socket that keeps what a page would keep, and finds every gap.

    Attributes:
        shown: the entities, by kind and id.
        seq: the newest seq that it was told of.
        gaps: frames that followed one that never came.
        snapshots: how often it began anew.
        closes: close codes, oldest first; ``None`` = none was said.
    """

    def __init__(self, url: str, token: str, *, view: str = "desk") -> None:
        self._url = url.replace("http://", "ws://") + "/api/v1/live"
        self.token = token
        self._view = view
        self.shown: Shown = {}
        self.seq = -1
        self.epoch = ""
        self.mark = 0
        self.gaps: list[tuple[int, int]] = []
        self.frames = 0
        self.snapshots = 0
        self.closes: list[int | None] = []
        self.connection: ClientConnection | None = None

    async def open(self, *, resume: bool = True) -> None:
        """Connect, say hello, and take what comes first."""
        self.connection = await connect(
            self._url,
            additional_headers={"authorization": self.token},
            open_timeout=30,
            ping_interval=None,
            max_size=None,
        )
        hello: dict[str, Any] = {"t": "hello", "county": ALAMEDA, "view": self._view}
        if resume and self.epoch:
            hello.update(epoch=self.epoch, last_seq=self.seq, mark=self.mark)
        await self.connection.send(json.dumps(hello))
        welcome = json.loads(await self.connection.recv())
        assert welcome["t"] == "welcome", welcome
        self.epoch = welcome["epoch"]
        self.take(json.loads(await self.connection.recv()))

    async def follow(self) -> None:
        """Take frames until the connection ends."""
        assert self.connection is not None
        try:
            async for text in self.connection:
                self.take(json.loads(text))
        except ConnectionClosed:
            pass
        self.closes.append(self.connection.close_code)

    async def keep_following(self) -> None:
        """Follow, and connect again whenever the connection ends, as a page does."""
        while True:
            with suppress(OSError, ConnectionClosed, TimeoutError):
                if self.connection is None or self.connection.close_code is not None:
                    await self.open()
                await self.follow()
            await asyncio.sleep(0.1)

    def take(self, frame: dict[str, Any]) -> None:
        """Apply one frame."""
        self.frames += 1
        match frame["t"]:
            case "snapshot":
                self.shown = {}
                self.snapshots += 1
                self._put(frame["up"])
                self.seq, self.mark = frame["seq"], frame["mark"]
            case "changes":
                if frame["prev"] > self.seq or frame["seq"] < self.seq:
                    self.gaps.append((self.seq, frame["prev"]))
                self._put(frame["up"])
                for kind, thing in frame["rm"]:
                    self.shown.pop((kind, thing), None)
                self.seq, self.mark = frame["seq"], frame["mark"]
            case "beat":
                if frame["seq"] < self.seq:
                    self.gaps.append((self.seq, frame["seq"]))
                self.seq, self.mark = frame["seq"], frame["mark"]

    def _put(self, up: Sequence[dict[str, Any]]) -> None:
        for entity in up:
            self.shown[entity["k"], entity["id"]] = entity

    async def ping(self) -> None:
        """Ask for the present seq."""
        assert self.connection is not None
        await self.connection.send('{"t":"ping"}')

    async def close(self) -> None:
        """Close it."""
        if self.connection is not None:
            await self.connection.close()


@asynccontextmanager
async def watching(*boards: Board) -> AsyncIterator[None]:
    """Open the boards and let them follow until the block ends."""
    for board in boards:
        await board.open()
    tasks = [asyncio.create_task(board.follow()) for board in boards]
    try:
        yield
    finally:
        for board in boards:
            await board.close()
        await asyncio.gather(*tasks)


def incident_ids(shown: Shown) -> set[UUID]:
    """Ids of the incidents on a board."""
    return {UUID(thing) for kind, thing in shown if kind == "incident"}

"""Simulated people: that a fault in one is told and doesn't leave them asleep, what is whose."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
from websockets.asyncio.server import ServerConnection, serve

from crisis.clock import DomainClock, MachineClock
from crisis.ids import UserId
from crisis.roles import Role
from crisis.triage import Acuity
from dispatch.sim.demand import DemandedCall, Fate
from dispatch.sim.troupe import Staff
from geo.point import Point
from web.demo.clients import Act, Entity, Life, World
from web.demo.company import watched
from web.demo.desks import DemoDesk, DemoSupervisor

Eventually = Callable[..., Awaitable[None]]

ME = UUID(int=7)
CALL, OTHER_CALL = str(UUID(int=11)), str(UUID(int=12))
INCIDENT, OTHER = str(UUID(int=21)), str(UUID(int=22))
STAFF = Staff(
    username="sim-desk-1", password="", user_id=UserId(ME), roles=(Role.DISPATCHER,), token="t"
)
HEARD = DemandedCall(
    at=datetime(2026, 11, 2, 18, tzinfo=UTC),
    place=Point(lat_deg=38.5, lon_deg=-121.5),
    location_type="home",
    source="self",
    concern="other",
    acuity=Acuity.URGENT,
    by_phone=False,
    fate=Fate.ENGAGED,
    talk_s=200,
    stay_s=900,
)


def world(url: str = "http://nowhere.invalid", **more: Any) -> World:
    """A world whose county time runs ten times as fast as ours."""
    return World(url, 6067, DomainClock(MachineClock(), speed=10), 1, **more)


@asynccontextmanager
async def board_server() -> AsyncIterator[str]:
    """A live socket that greets, shows an empty board, and says nothing more."""

    async def greet(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send('{"t":"welcome","epoch":"e"}')
        await socket.send('{"t":"snapshot","seq":1,"mark":1,"up":[]}')
        await socket.wait_closed()

    async with serve(greet, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"http://127.0.0.1:{port}"


class Faulty(Life):
    """Whose first look at the board fails."""

    looks = 0

    def acts(self) -> Iterator[Act]:
        self.looks += 1
        if self.looks == 1:
            raise AttributeError("what the board shows can't be read")
        return iter(())


@pytest.mark.timeout(20)
async def test_a_person_whose_look_at_the_board_fails_is_told_of_and_looks_again(
    eventually: Eventually,
) -> None:
    async with board_server() as url:
        here = world(url)
        person = Faulty(here, STAFF)
        task = asyncio.create_task(watched(here, person))
        await eventually(lambda: person.looks >= 2, within_s=10)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await here.http.aclose()
    [told] = here.tally.errors
    assert told.startswith("client: Faulty AttributeError")


def answering(here: World, status: int, body: Entity) -> list[tuple[str, Entity]]:
    """Let every request be answered so; returns what was sent, as it comes."""
    sent: list[tuple[str, Entity]] = []

    def handle(request: httpx.Request) -> httpx.Response:
        content = msgspec.json.decode(request.content) if request.content else {}
        sent.append((request.url.path.removeprefix("/api/v1"), content))
        return httpx.Response(status, content=msgspec.json.encode(body))

    here.http = httpx.AsyncClient(base_url=here.url, transport=httpx.MockTransport(handle))
    return sent


def shown(life: Life, *entities: Entity) -> None:
    """Let the board show these."""
    life.board._take({"t": "snapshot", "seq": 1, "mark": 1, "up": list(entities)})


def act(life: Life, key: str) -> Act:
    """The act with this key; it must be wanted."""
    return next(one for one in life.acts() if one.key == key)


def keys(life: Life) -> set[str]:
    """Keys of everything that is wanted of the person now."""
    return {one.key for one in life.acts()}


def ringing() -> Entity:
    """A call that nobody has answered."""
    return {"k": "call", "id": CALL, "state": "offered"}


async def test_a_call_that_could_not_be_answered_is_still_anybodys() -> None:
    here = world()
    sent = answering(here, 503, {"code": "busy"})
    desk = DemoDesk(here, STAFF, 0, 1)
    shown(desk, ringing())
    await act(desk, f"answer/{CALL}").do()
    assert [path for path, _ in sent] == [f"/calls/{CALL}/answer"]
    assert f"answer/{CALL}" in keys(desk)


async def test_a_call_that_one_desk_answers_is_no_colleagues() -> None:
    here = world()
    answering(here, 200, {"result": {}})
    one, other = (DemoDesk(here, STAFF, nth, 2) for nth in range(2))
    shown(one, ringing())
    shown(other, ringing())
    await act(one, f"answer/{CALL}").do()
    assert keys(other) == set()


def test_what_a_person_took_is_left_to_them() -> None:
    desk, supervisor = DemoDesk(world(), STAFF, 0, 1), DemoSupervisor(world(), STAFF)
    theirs = str(UUID(int=99))
    call = {"k": "call", "id": CALL, "state": "on_line", "answered_by": theirs}
    incident = {"k": "incident", "id": INCIDENT, "phase": "screening", "state": "screening"}
    alarm = {"k": "duress", "id": OTHER, "state": "acknowledged", "acknowledged_by": theirs}
    for life in (desk, supervisor):
        shown(life, call, incident | {"owner": theirs}, alarm)
        assert keys(life) == set()


@pytest.mark.parametrize(
    ("incident", "act_of"),
    [
        ({"phase": "received", "state": "received"}, "screen"),
        ({"phase": "screening", "state": "screening"}, "determine"),
        (
            {"phase": "waiting", "state": "determined", "slots": [{"no": 1, "state": "waiting"}]},
            "offer",
        ),
        ({"phase": "cleared", "state": "determined"}, "close"),
    ],
)
def test_whoever_owns_an_incident_works_it_the_supervisor_too(
    incident: Entity, act_of: str
) -> None:
    for life in (DemoDesk(world(), STAFF, 0, 1), DemoSupervisor(world(), STAFF)):
        shown(life, {"k": "incident", "id": INCIDENT, "owner": str(ME), **incident})
        assert {key.split("/")[0] for key in keys(life)} == {act_of}


def test_a_slot_that_was_asked_for_is_left_to_the_service() -> None:
    desk = DemoDesk(world(), STAFF, 0, 1)
    slots = [{"no": 1, "state": "waiting", "asked": True, "next_try_at": "2026-03-02T18:00:00Z"}]
    incident = {"k": "incident", "id": INCIDENT, "phase": "waiting", "state": "determined"}
    shown(desk, {**incident, "owner": str(ME), "slots": slots})
    assert keys(desk) == set()


def test_a_person_has_seconds_of_their_own_before_a_call_is_answered() -> None:
    for nth in range(2):
        desk = DemoDesk(world(), STAFF, nth, 2)
        shown(desk, ringing())
        assert act(desk, f"answer/{CALL}").room_s >= 6


def _incident(incident_id: str) -> Entity:
    return {
        "k": "incident",
        "id": incident_id,
        "phase": "screening",
        "state": "screening",
        "owner": str(ME),
    }


async def test_a_second_incident_about_the_same_person_is_merged_with_the_first() -> None:
    here = world()
    here.first_call |= {OTHER_CALL: CALL, OTHER: CALL}
    here.incident_of[CALL] = INCIDENT
    sent = answering(here, 200, {"result": {}})
    desk = DemoDesk(here, STAFF, 0, 1)
    shown(desk, _incident(INCIDENT), _incident(OTHER))
    assert keys(desk) == {f"determine/{INCIDENT}", f"merge/{OTHER}"}
    await act(desk, f"merge/{OTHER}").do()
    assert sent == [(f"/incidents/{OTHER}/merge", {"into": INCIDENT})]
    merged = _incident(OTHER) | {"state": "merged", "phase": "merged"}
    shown(desk, _incident(INCIDENT), merged)
    assert keys(desk) == {f"determine/{INCIDENT}"}, "once is enough"
    shown(desk, _incident(OTHER))
    assert keys(desk) == {f"determine/{OTHER}"}, "the first is over: the second stands by itself"


RANKED = {
    "candidates": [{"team_id": "best", "on_time": True}, {"team_id": "yours", "on_time": True}]
}


async def _teams_asked(here: World, times: int) -> list[str]:
    """Which teams a desk asks for as many incidents, one after the other."""
    sent = answering(here, 200, RANKED)
    desk = DemoDesk(here, STAFF, 0, 1)
    for nth in range(times):
        await desk._offer(f"/incidents/{nth}")
    return [body["team_id"] for path, body in sent if path.endswith("/offers")]


async def test_the_persons_team_is_asked_often_but_not_when_it_passes_each_time() -> None:
    here = world(yours="yours")
    asked = await _teams_asked(here, 20)
    assert asked.count("yours") == 2
    assert asked.count("best") == 18


async def test_without_a_persons_team_the_one_recommended_first_is_asked() -> None:
    assert set(await _teams_asked(world(), 10)) == {"best"}


def test_one_alarm_is_not_left_to_chance() -> None:
    here = world()
    assert not here.has_first_alarm("early", may_be=True)
    here._alarm_after = here.clock.now()
    assert not here.has_first_alarm("short", may_be=False)
    assert here.has_first_alarm("run", may_be=True)
    assert not here.has_first_alarm("another", may_be=True)
    assert here.has_first_alarm("run", may_be=False)


def test_help_is_sent_for_some_alarms_and_how_they_ended_says_so() -> None:
    supervisor = DemoSupervisor(world(), STAFF)
    wanted = set()
    for number in range(40):
        alarm = {"k": "duress", "id": f"{number}", "state": "acknowledged"}
        shown(supervisor, alarm | {"acknowledged_by": str(ME)})
        wanted |= {key.split("/")[0] for key in keys(supervisor)}
        after = supervisor._how_it_ended(alarm | {"state": "help_sent"})
        assert after == "safe_after_help"
        assert supervisor._how_it_ended(alarm) in {"safe", "pressed_by_mistake"}
    assert wanted == {"help", "resolve"}
    assert HEARD.again_s is None

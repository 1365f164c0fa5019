"""Rows that a node can't use, or that refuse what it writes: it says so, and the rest goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import pytest

from crisis.clock import FakeClock, new_id
from crisis.commands import (
    AcceptOffer,
    AddNote,
    CloseIncident,
    DeclineOffer,
    OfferCall,
    OfferTeam,
    OpenIncident,
    RaiseDuress,
)
from crisis.errors import Conflict, Unavailable
from crisis.events import REGISTRY
from crisis.ids import CountyId, IncidentId, OfferId, TeamId
from crisis.offer import OfferDeclined
from dispatch.run.service import Service
from dispatch.store import codec
from dispatch.store.log import StaleFold
from dispatch.store.pool import County, Database
from dispatch.store.rebuild import rebuild_stale
from dispatch.store.sealing import CountyKeys
from tests.db.service_kit import ALAMEDA, MASTER_KEY, Desk, create_county, running
from tests.unit.dispatch.board_kit import on_team, uid

if TYPE_CHECKING:
    Admin = asyncpg.Connection[asyncpg.Record]

KERN = CountyId(6029)
MODELS = (
    "assignments",
    "calls",
    "duress",
    "incidents",
    "obligations",
    "offers",
    "responders",
    "shifts",
    "teams",
)


async def _rows(admin: Admin, table: str) -> list[dict[str, Any]]:
    """All rows but their seals, which are never twice the same."""
    rows = [dict(row) for row in await admin.fetch(f"SELECT * FROM {table}")]
    for row in rows:
        row.pop("sealed", None)
    return sorted(rows, key=str)


async def _a_day(desk: Desk, clock: FakeClock) -> None:
    """Some of everything, open and closed."""
    await desk.do(CloseIncident(incident_id=await desk.cycle(await desk.team("Blue"))))
    green, red = await desk.team("Green"), await desk.team("Red")

    async def offer(team: TeamId) -> OfferId:
        incident = await desk.determined()
        asked = OfferTeam(incident_id=incident, team_id=team, override_reason="knows_area")
        return OfferId((await desk.do(asked)).result["offer_id"])

    await desk.do(AcceptOffer(offer_id=await offer(green)), by=on_team(green))
    await desk.do(DeclineOffer(offer_id=await offer(red), reason="vehicle"), by=on_team(red))
    clock.advance(60)
    await offer(red)
    await desk.do(OfferCall(answered=True))
    await desk.do(RaiseDuress(), by=on_team(green))
    await desk.do(AddNote(incident_id=await desk.opened(), text="private"))


async def test_rows_of_another_fold_are_refused_until_they_are_built_anew_from_the_log(
    database: Database, clock: FakeClock, admin: Admin
) -> None:
    async with running(database, clock, check=False) as desk:
        await _a_day(desk, clock)
        board = desk.board
    before = {table: await _rows(admin, table) for table in MODELS}
    assert all(before.values()), [table for table, rows in before.items() if not rows]
    await admin.execute("UPDATE county_heads SET board = jsonb_set(board, '{fold_version}', '0')")
    # What another fold made of it, and these columns are the ones that only the log can mend.
    for table in MODELS:
        await admin.execute(f"DELETE FROM {table}")
    with pytest.raises(StaleFold) as refusal:
        async with Service(database, clock, clock, MASTER_KEY):
            pass
    assert refusal.value.code == "stale_fold"
    assert await rebuild_stale(database, MASTER_KEY) == [ALAMEDA]
    assert await rebuild_stale(database, MASTER_KEY) == []
    for table in MODELS:
        assert await _rows(admin, table) == before[table], table
    async with Service(database, clock, clock, MASTER_KEY) as service:
        assert service.county(ALAMEDA).board == board
        await Desk(service).do(OpenIncident())


async def test_a_node_stops_deciding_when_another_version_has_built_its_rows_anew(
    database: Database, clock: FakeClock, admin: Admin
) -> None:
    async with running(database, clock, counties=(ALAMEDA, KERN), check=False) as desk:
        await desk.do(OpenIncident())
        # What the newer program's migration leaves behind.
        await admin.execute(
            "UPDATE county_heads SET board = jsonb_set(board, '{fold_version}', '999'), "
            "head_version = head_version + 1 WHERE county_id = $1",
            ALAMEDA,
        )
        for _ in range(2):
            with pytest.raises(Unavailable) as refusal:
                await desk.do(OpenIncident())
            assert refusal.value.code == "stale_fold"
        (problem,) = desk.service.problems
        assert str(ALAMEDA) in problem
        await Desk(desk.service, KERN).do(OpenIncident())
        await desk.service.tick()
    await admin.execute(
        "UPDATE county_heads SET board = jsonb_set(board, '{fold_version}', '0') "
        "WHERE county_id = $1",
        ALAMEDA,
    )
    assert await rebuild_stale(database, MASTER_KEY) == [ALAMEDA]


async def test_a_node_that_meets_an_event_it_does_not_know_stops_deciding_for_that_county_only(
    database: Database, clock: FakeClock, admin: Admin, broken_log: None
) -> None:
    async with running(database, clock, counties=(ALAMEDA, KERN), check=False) as desk:
        await desk.do(OpenIncident())
        kern = Desk(desk.service, KERN)
        assert desk.service.problems == []
        await _write_event(admin, ALAMEDA, "team_teleported", 1, "{}")
        board = desk.board
        for _ in range(2):
            with pytest.raises(Unavailable) as refusal:
                await desk.do(OpenIncident())
            assert refusal.value.code == "unknown_event"
        assert desk.board == board, "it must not act upon half of the log"
        (problem,) = desk.service.problems
        assert str(ALAMEDA) in problem
        await kern.do(OpenIncident())
        await desk.service.tick()
        assert len(kern.board.incidents) == 1


async def test_a_newer_version_of_a_known_event_stops_it_too(
    database: Database, clock: FakeClock, admin: Admin, broken_log: None
) -> None:
    async with running(database, clock, check=False) as desk:
        await desk.do(OpenIncident())
        await _write_event(admin, ALAMEDA, "incident_opened", 999, "{}")
        with pytest.raises(Unavailable) as refusal:
            await desk.service.county(ALAMEDA).catch_up()
        assert refusal.value.code == "unknown_event"
        assert desk.service.problems


async def _write_event(admin: Admin, county_id: int, type_: str, version: int, body: str) -> None:
    """Write an event past the service, as a newer program would."""
    async with admin.transaction():
        seq = await admin.fetchval(
            "UPDATE county_heads SET head_seq = head_seq + 1, head_version = head_version + 1 "
            "WHERE county_id = $1 RETURNING head_seq",
            county_id,
        )
        await admin.execute(
            "INSERT INTO event_log SELECT (jsonb_populate_record(e, jsonb_build_object("
            "'seq', $2::bigint, 'type', $3::text, 'version', $4::integer, 'body', $5::jsonb))).* "
            "FROM event_log AS e WHERE county_id = $1 AND seq = 1",
            county_id,
            seq,
            type_,
            version,
            body,
        )


def _row(type_: str, version: int, body: str) -> dict[str, Any]:
    at = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
    return {
        "county_id": ALAMEDA,
        "seq": 1,
        "type": type_,
        "version": version,
        "occurred_at": at,
        "recorded_at": at,
        "source": "desk",
        "actor_id": None,
        "role": "",
        "incident_id": None,
        "command_id": uid("command"),
        "device_at": None,
        "reason": None,
        "off_board": False,
        "body": body,
        "sealed": None,
    }


def test_an_older_body_is_lifted_version_by_version(monkeypatch: pytest.MonkeyPatch) -> None:
    cls = REGISTRY["offer_declined"]
    monkeypatch.setattr(cls, "VERSION", 3)
    lifts = {
        ("offer_declined", 1): lambda old: {**old, "why": old["cause"]},
        ("offer_declined", 2): lambda old: {**old, "reason": old["why"]},
    }
    for key, lift in lifts.items():
        monkeypatch.setitem(codec.UPCASTERS, key, lift)
    ids = f'"incident_id":"{uid("i")}","offer_id":"{uid("o")}"'
    keys = CountyKeys(MASTER_KEY, ALAMEDA)
    for version, name in ((1, "cause"), (2, "why"), (3, "reason")):
        row = _row("offer_declined", version, f'{{{ids},"{name}":"vehicle"}}')
        event = codec.event_of(row, keys)  # type: ignore[arg-type]  # a row is read by its names
        assert isinstance(event.body, OfferDeclined)
        assert event.body.reason == "vehicle"


def test_every_older_version_of_every_event_has_its_lift() -> None:
    missing = [
        (name, version)
        for name, cls in REGISTRY.items()
        for version in range(1, cls.VERSION)
        if (name, version) not in codec.UPCASTERS
    ]
    assert missing == []


async def test_a_group_that_the_database_refuses_is_carried_out_singly(
    database: Database, clock: FakeClock, admin: Admin
) -> None:
    async with running(database, clock) as desk:
        team = await desk.team()
        incident = await desk.determined()
        conflicting = new_id()
        await admin.execute(
            "INSERT INTO offers (county_id, offer_id, incident_id, slot, rung, team_id, state, "
            "offered_at, expires_at) VALUES ($1, $2, $3, 1, 1, $4, 'pending', $5, $5)",
            ALAMEDA,
            conflicting,
            incident,
            team,
            clock.now(),
        )
        results = await asyncio.gather(
            *(desk.do(OpenIncident()) for _ in range(10)),
            desk.do(OfferTeam(incident_id=incident, team_id=team)),
            *(desk.do(OpenIncident()) for _ in range(10)),
            return_exceptions=True,
        )
        refused = [r for r in results if isinstance(r, BaseException)]
        assert len(refused) == 1
        assert isinstance(refused[0], Conflict)
        assert refused[0].code == "team_has_open_offer"
        await admin.execute("DELETE FROM offers WHERE offer_id = $1", conflicting)
        await desk.do(OfferTeam(incident_id=incident, team_id=team))


async def test_a_fault_in_writing_one_command_costs_its_neighbours_neither_answer_nor_key(
    database: Database, clock: FakeClock
) -> None:
    async with running(database, clock) as desk:
        poisoned = await desk.opened()
        keys = desk.service.county(ALAMEDA).keys
        keys.forget(poisoned)
        results = await asyncio.gather(
            *(desk.opened() for _ in range(3)),
            desk.do(AddNote(incident_id=poisoned, text="its key is gone")),
            *(desk.opened() for _ in range(3)),
            return_exceptions=True,
        )
        codes = [r.code for r in results if isinstance(r, Unavailable)]
        assert codes == ["key_missing"]
        head = await desk.service.county(ALAMEDA).log.load()
        opened = [head.board.incidents[IncidentId(r)] for r in results if isinstance(r, UUID)]
        assert len(opened) == 6
        assert not any(incident.clinical.erased for incident in opened)


async def test_a_deadline_that_can_not_be_seen_to_keeps_no_other_waiting(
    database: Database, clock: FakeClock
) -> None:
    async with running(database, clock, counties=(ALAMEDA, KERN)) as desk:
        kern = Desk(desk.service, KERN)
        waiting: list[tuple[Desk, IncidentId]] = []
        asked: list[tuple[Desk, OfferId, TeamId]] = []
        for one in (desk, desk, kern):
            team = await one.team(f"Blue {len(waiting)}")
            incident = await one.determined()
            offer = await one.offered(incident, team)
            asked.append((one, offer, team))
            waiting.append((one, incident))
        # Only now: a team that is free again would be recommended for the next one.
        for one, offer, team in asked:
            await one.do(DeclineOffer(offer_id=offer, reason="vehicle"), by=on_team(team))
        first, second = waiting[0][1], waiting[1][1]
        desk.service.county(ALAMEDA).keys.forget(first)
        clock.advance(1)
        with pytest.raises(ExceptionGroup) as fault:
            await desk.service.tick()
        assert _codes(fault.value) == ["key_missing"]
        assert desk.board.incidents[first].slots[0].rung == 1
        assert desk.board.incidents[second].slots[0].rung == 2
        assert kern.board.incidents[waiting[2][1]].slots[0].rung == 2
        desk.service.county(ALAMEDA).keys.load(
            first, await _wrapped(database, desk.county_id, first)
        )
        await desk.service.tick()
        assert desk.board.incidents[first].slots[0].rung == 2


async def _wrapped(database: Database, county_id: int, incident_id: Any) -> bytes:
    async with database.tx(County(county_id), mode="read") as con:
        value: bytes = await con.fetchval(
            "SELECT wrapped FROM incident_keys WHERE incident_id = $1", incident_id
        )
    return value


def _codes(group: ExceptionGroup[Any]) -> Sequence[str]:
    found: list[str] = []
    for one in group.exceptions:
        found.extend(_codes(one) if isinstance(one, ExceptionGroup) else [one.code])
    return found


async def test_a_listener_that_fails_takes_no_answer_along(
    database: Database, clock: FakeClock
) -> None:
    async with running(database, clock) as desk:

        def fail(done: object) -> None:
            raise LookupError

        desk.service.listeners.append(fail)
        answers = await asyncio.gather(*(desk.do(OpenIncident()) for _ in range(5)))
        alone = await desk.do(OpenIncident())
        desk.service.listeners.remove(fail)
        assert {a.result["number"] for a in answers} == {1, 2, 3, 4, 5}
        assert alone.result["number"] == 6
        await desk.do(OpenIncident())


async def test_a_county_found_twice_at_once_gets_one_writer(
    database: Database, clock: FakeClock
) -> None:
    async with running(database, clock) as desk:
        await create_county(database, KERN)
        await asyncio.gather(*(desk.service.refresh_counties() for _ in range(3)))
        runner = desk.service.county(KERN)
        await asyncio.gather(*(desk.service.refresh_counties() for _ in range(3)))
        assert desk.service.county(KERN) is runner
        writers = [task for task in asyncio.all_tasks() if task.get_name() == f"county-{KERN}"]
        assert len(writers) == 1
        clock.advance(timedelta(hours=1))
        await Desk(desk.service, KERN).do(OpenIncident())

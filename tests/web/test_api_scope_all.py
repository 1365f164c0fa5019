"""Every operation of the API against an account that ends at another agency.

Made from the table of operations, so that a new one is tried without another line here: its path
is filled with the ids of another agency's things, and of what it answers nothing may be theirs.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest

from crisis.clock import new_id
from crisis.ids import AgencyId
from crisis.roles import PEOPLE, Role
from dispatch.store.administration import add_agency
from tests.web.kit import AGENCY, ALAMEDA, OAKLAND, Client, Site
from web.api.routes import Operation
from web.app import OPERATIONS

#: Everybody who reaches a whole county, as one account; on call is another view of the same.
EVERYBODY = tuple(PEOPLE - {Role.RESPONDER, Role.REMOTE_CLINICIAN})
#: They are about the account itself, the county's rules, or the node; a tracker's word is secret.
OF_NOBODY = re.compile(r"/session|/codes|/policy|/rules|/county|/healthz|/readyz|/metrics|/track/")
#: Who calls for help is heard whatever they name; unscreened facts name nobody.
HEARD = {"/duress", "/screening/suggestion"}
#: Words in a path that name no thing of a county.
NO_IDS = {"app", "word", "slot"}
NAMES = re.compile(r"\{(\w+)\}")


class Theirs:
    """One agency's things, by the names that paths give them."""

    def __init__(self, ids: dict[str, str], secrets: list[str]) -> None:
        self.ids = ids
        #: Words that stand in what is theirs alone.
        self.secrets = secrets


async def _theirs(site: Site, desk: Client) -> Theirs:
    team_id, responder_id = await site.team(desk, "Canary 9")
    call = await desk.do("/calls", answered=True, caller={"name": "Pat Canary"})
    incident_id = await site.determined(
        desk,
        call_id=call["call_id"],
        place={"point": OAKLAND, "address": "9 Canary Way", "location_type": "home"},
        narrative="a canary story",
        subjects=[{"name": "Robin Canary"}],
    )
    offer = await desk.do(f"/incidents/{incident_id}/offers", team_id=str(team_id))
    run = await desk.do(f"/offers/{offer['offer_id']}/accept", said_by="clinician")
    alarm = await desk.do("/duress", team_id=str(team_id))
    partner = await desk.do(
        f"/incidents/{incident_id}/partner-responses", kind="ems", reason="medical"
    )
    county = site.node.service.county(ALAMEDA)
    (shift_id,) = [s.id for s in county.board.shifts.values() if s.team_id == team_id]
    # Of the kind that any follow-up worker may take, while it is nobody's.
    owed = await desk.do(
        "/obligations",
        kind="follow_up",
        due_at=(site.clock.now() + timedelta(hours=72)).isoformat(),
        incident_id=incident_id,
    )
    (incident,) = county.board.incidents.values()
    ids = {
        "incident_id": incident_id,
        "call_id": call["call_id"],
        "offer_id": offer["offer_id"],
        "assignment_id": run["assignment_id"],
        "duress_id": alarm["duress_id"],
        "partner_id": partner["partner_id"],
        "shift_id": str(shift_id),
        "obligation_id": owed["obligation_id"],
        "team_id": str(team_id),
        "responder_id": str(responder_id),
        "subject_id": str(incident.subjects[0].id),
        "agency_id": str(AGENCY),
        "encounter_id": str(new_id()),
        "session_id": str(new_id()),
        "slot": "1",
        "app": "osmand",
        "word": "x",
    }
    return Theirs(ids, ["Canary", str(team_id), str(responder_id), str(shift_id)])


@pytest.fixture
async def stranger_agency(site: Site, admin: asyncpg.Connection[asyncpg.Record]) -> AgencyId:
    await admin.execute(
        "INSERT INTO agencies (county_id, agency_id, name) VALUES ($1, $2, 'Open Door')",
        ALAMEDA,
        AGENCY,
    )
    return await add_agency(site.node.database, ALAMEDA, "Riverbend")


def _path(operation: Operation, ids: dict[str, str]) -> str:
    return NAMES.sub(lambda named: ids[named[1]], operation.path)


def _queries(operation: Operation) -> list[dict[str, str]]:
    """What may be asked of a reading: nothing, and each purpose or view."""
    return [
        {},
        *(
            {name: value}
            for name, schema in operation.parameters.items()
            for value in schema.get("enum", ())
        ),
    ]


async def test_an_account_of_another_agency_reads_and_changes_nothing_of_one(
    site: Site, stranger_agency: AgencyId
) -> None:
    desk = await site.client(Role.SUPERVISOR, Role.DISPATCHER)
    theirs = await _theirs(site, desk)
    before = site.node.service.county(ALAMEDA).board.seq
    for roles in (EVERYBODY, *((role,) for role in sorted(EVERYBODY))):
        stranger = await site.client(*roles, agency_id=stranger_agency)
        told = await _told(stranger, theirs)
        assert not told, "\n".join([*roles, *told])
    assert site.node.service.county(ALAMEDA).board.seq == before


async def test_a_crew_of_another_team_reads_and_changes_nothing_of_one(site: Site) -> None:
    desk = await site.client(Role.SUPERVISOR, Role.DISPATCHER)
    theirs = await _theirs(site, desk)
    _, responder_id = await site.team(desk, "Red 1")
    stranger = await site.client(Role.RESPONDER, Role.REMOTE_CLINICIAN, responder_id=responder_id)
    told = await _told(stranger, theirs)
    assert not told, "\n".join(told)


async def _told(stranger: Client, theirs: Theirs) -> list[str]:
    """What was done or told that shouldn't be."""
    told: list[str] = []
    for operation in OPERATIONS:
        if OF_NOBODY.match(operation.path) or operation.path in HEARD:
            continue
        path = _path(operation, theirs.ids)
        is_about = bool(set(NAMES.findall(operation.path)) - NO_IDS)
        if operation.method == "GET":
            for query in _queries(operation):
                response = await stranger.get(path, **query)
                # A wall hangs where everybody sees it: call signs, and nothing behind them.
                on_wall = path == "/board" and await _is_wall(stranger, response)
                leaks = [] if on_wall else [s for s in theirs.secrets if s in response.text]
                if leaks or (is_about and response.status_code == 200):
                    told.append(f"{operation.path} {query} {response.status_code} {leaks}")
        elif is_about:
            response = await stranger.post(path, _body(operation, theirs))
            leaks = [secret for secret in theirs.secrets[:1] if secret in response.text]
            if response.status_code < 400 or leaks:
                told.append(f"{operation.path} {response.status_code} {leaks}")
    return told


async def _is_wall(stranger: Client, response: httpx.Response) -> bool:
    wall = await stranger.get("/board", view="wall")
    if {wall.status_code, response.status_code} != {200}:
        return False
    shown: bool = wall.json()["up"] == response.json()["up"]
    return shown


def _body(operation: Operation, theirs: Theirs) -> dict[str, Any]:
    """A body that names what its form asks for, of theirs where it is an id."""
    if operation.command is None:
        return {}
    body: dict[str, Any] = {}
    for field in msgspec.structs.fields(operation.command.shape):
        if field.required:
            body[field.name] = theirs.ids.get(field.name, _filler(field.name))
    return body


def _filler(name: str) -> Any:
    return {
        "reason": "other",
        "to": str(new_id()),
        "into": str(new_id()),
        "other": str(new_id()),
        "text": "a word",
        "decision": "no_dispatch",
        "status": "on_scene",
        "kind": "ems",
        "crew": [],
        "version": 1,
    }.get(name, "other")

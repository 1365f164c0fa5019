"""What helps somebody in danger: who they are and how to reach them, where, and who sees to it.

Names, numbers and addresses are private; for an alarm they are opened at once, without a question,
to whoever may have to act, and each opening is noted. An emergency is never kept waiting for a part
that can't be opened. Must not know how an alarm goes on.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct
from starlette.responses import Response

from crisis.duress import Duress
from crisis.errors import CrisisError, NotAllowed, NotFound
from crisis.ids import DuressId, RecordId, ResponderId, TeamId, UserId
from crisis.incident.state import Incident
from crisis.rights import Act, require
from crisis.team import CrewMember, Team
from dispatch.decide.duress import next_rung_to
from dispatch.store.audit import note_read
from dispatch.store.pool import County
from dispatch.store.records import read_record
from geo.fix import Fix
from geo.point import Point
from web.api.routes import Asked, Rows
from web.api.wire import answer


class PersonInDanger(Struct, frozen=True, kw_only=True):
    """One of the crew, or whoever raised it. ``raised``: the alarm is this person's own."""

    responder_id: ResponderId
    name: str | None = None
    phone: str | None = None
    mode: str = "onsite"
    raised: bool = False


class DuressFacts(Struct, frozen=True, kw_only=True):
    """Everything known that may save them.

    Attributes:
        call_sign: of the team; ``None`` = raised by somebody on no team.
        raised_by, in_hand_by: as colleagues see them; ``None`` = a timer or a tracker, or nobody.
        number, address, access, point: of the incident that they are on; ``None`` = on none.
        base: of the team.
        fix: where the team was last.
        next_to: code of whom the next rung calls, at ``next_at``; ``None`` = it is in hand.
    """

    duress_id: DuressId
    call_sign: str | None = None
    raised_by: str | None = None
    in_hand_by: str | None = None
    people: list[PersonInDanger] = []
    incident_id: UUID | None = None
    number: int | None = None
    address: str | None = None
    access: str | None = None
    point: Point | None = None
    base: Point | None = None
    fix: Fix | None = None
    next_to: str | None = None
    next_at: datetime | None = None


OPERATIONS = Rows("duress")


@OPERATIONS.get(
    "/duress/{duress_id}/facts",
    answer=DuressFacts,
    refusals=frozenset({"not_found"}),
    needs="view:duress",
)
async def read_facts(asked: Asked) -> Response:
    """Who is in danger, how to reach them, where they are, and who sees to it. Noted."""
    actor, county = asked.actor, asked.county
    duress = county.board.duress.get(DuressId(asked.id("duress_id")))
    if duress is None:
        raise NotFound("unknown_duress", "There is no such alarm in this county.")
    team = county.board.teams.get(duress.team_id) if duress.team_id is not None else None
    _require_helper(asked, duress, team)
    incident = await _incident(asked, duress, team)
    async with asked.node.database.tx(County(asked.county_id)) as con:
        await note_read(
            con,
            asked.county_id,
            at=asked.now,
            reader=actor,
            what="duress_opened",
            incident_id=None if incident is None else incident.id,
            purpose="emergency",
        )
    place = {} if incident is None else await _open(asked, incident.place.address_record)
    way_in = {} if incident is None else await _open(asked, incident.place.access_record)
    labels = await _labels(asked, duress)
    return answer(
        DuressFacts(
            duress_id=duress.id,
            call_sign=None if team is None else team.call_sign,
            raised_by=labels.get(duress.raised_by) if duress.raised_by else None,
            in_hand_by=labels.get(duress.acknowledged_by) if duress.acknowledged_by else None,
            people=await _people(asked, duress, team),
            incident_id=None if incident is None else incident.id,
            number=None if incident is None else incident.number,
            address=place.get("address"),
            access=way_in.get("access") or place.get("access"),
            point=None if incident is None else incident.clinical.point,
            base=None if team is None else team.base,
            fix=_fix(asked, duress.team_id),
            next_to=None if duress.next_rung_at is None else next_rung_to(duress),
            next_at=duress.next_rung_at,
        )
    )


def _require_helper(asked: Asked, duress: Duress, team: Team | None) -> None:
    """Let everybody know whom the ladder may call; an agency's people of their own alone."""
    actor = asked.actor
    require(actor, Act.SEE_DANGER)
    people = asked.county.board.responders
    person = people.get(duress.responder_id) if duress.responder_id is not None else None
    agencies = {one.agency_id for one in (team, person) if one is not None}
    if actor.agency_id is not None and agencies and actor.agency_id not in agencies:
        raise NotAllowed("not_your_agency", "You can act only for your own agency.")


async def _incident(asked: Asked, duress: Duress, team: Team | None) -> Incident | None:
    board = asked.county.board
    run = duress.assignment_id
    incident_id = board.runs.get(run) if run is not None else None
    if incident_id is None and team is not None and team.run is not None:
        incident_id = team.run[0]
    return None if incident_id is None else board.incidents.get(incident_id)


async def _people(asked: Asked, duress: Duress, team: Team | None) -> list[PersonInDanger]:
    """Return whoever raised it first, then the others of the crew."""
    crew = list(team.crew) if team is not None else []
    raiser = duress.responder_id
    if raiser is not None and all(member.responder_id != raiser for member in crew):
        crew.insert(0, CrewMember(responder_id=raiser))
    crew.sort(key=lambda member: member.responder_id != raiser)
    found = []
    for member in crew:
        known = asked.county.board.responders.get(member.responder_id)
        name = await _open(asked, None if known is None else known.name_record)
        phone = await _open(asked, None if known is None else known.phone_record)
        found.append(
            PersonInDanger(
                responder_id=member.responder_id,
                name=name.get("name"),
                phone=phone.get("phone"),
                mode=member.mode.value,
                raised=member.responder_id == raiser,
            )
        )
    return found


async def _open(asked: Asked, record_id: RecordId | str | None) -> dict[str, str]:
    """Open a record; one that can't be opened keeps nothing else back."""
    if record_id is None:
        return {}
    try:
        record = await read_record(
            asked.node.database,
            asked.county.keys,
            RecordId(UUID(str(record_id))),
            asked.actor,
            purpose="emergency",
            needs_purpose=False,
            now=asked.now,
        )
    except CrisisError:
        return {}
    return record.fields or {}


async def _labels(asked: Asked, duress: Duress) -> dict[UserId, str]:
    known = {one for one in (duress.raised_by, duress.acknowledged_by) if one is not None}
    return await asked.node.accounts.labels(known) if known else {}


def _fix(asked: Asked, team_id: TeamId | None) -> Fix | None:
    return None if team_id is None else asked.node.positions.latest(asked.county_id).get(team_id)

"""Whose things a person may touch: every command there is, held against every kind of thing."""

from __future__ import annotations

import inspect
from datetime import timedelta
from typing import Any, NamedTuple, NewType

import msgspec
import pytest

from crisis import ids
from crisis.commands import (
    AddNote,
    AnswerCall,
    CancelIncident,
    CloseIncident,
    Command,
    HoldCall,
    LeaveDesk,
    OfferCall,
    OfferTeam,
    OpenIncident,
    PlanShift,
    RaiseDuress,
    ReportStatus,
    StartShift,
)
from crisis.duress import DuressRaised
from crisis.errors import NotAllowed
from crisis.ids import (
    AgencyId,
    AssignmentId,
    CallId,
    CommandId,
    CountyId,
    DuressId,
    IncidentId,
    ObligationId,
    OfferId,
    ResponderId,
    ShiftId,
    TeamId,
    UserId,
)
from crisis.obligation import ObligationArose, ObligationKind
from crisis.reach import named_fields, require_reach
from crisis.responder import Responder
from crisis.rights import SENDERS, Reach, reaches
from crisis.roles import Actor, Role
from crisis.team import CrewMember, ResponderRecorded, ShiftStarted, TeamRecorded
from tests.unit.dispatch.board_kit import OAKLAND, County, clinician, peer, person, uid

OWN, THEIRS = AgencyId(uid("own agency")), AgencyId(uid("their agency"))
#: Named beside a thing of which they are part, or not acted upon at all.
BESIDE = {
    ids.EncounterId,
    ids.PartnerResponseId,
    ids.RecordId,
    ids.SlotNo,
    ids.SubjectId,
    ids.UserId,
}


COMMANDS = sorted(SENDERS, key=lambda kind: kind.__name__)
#: Sent by people who reach a whole county, unless their account ends at an agency.
OF_THE_DESK = [
    kind
    for kind in COMMANDS
    if reaches(Actor(roles=SENDERS[kind] - {Role.SYSTEM}), SENDERS[kind]) >= {Reach.COUNTY}
    and any(field.named not in BESIDE for field in named_fields(kind))
    and kind is not RaiseDuress
]


class Side(NamedTuple):
    """One agency's things, by the type of their ids."""

    agency: AgencyId
    things: dict[Any, Any]


def _side(county: County, agency: AgencyId, name: str) -> Side:
    crew = [
        msgspec.structs.replace(clinician(f"{name} clinician"), agency_id=agency),
        msgspec.structs.replace(peer(f"{name} peer"), agency_id=agency),
    ]
    team_id, shift_id = TeamId(uid(f"{name} team")), ShiftId(uid(f"{name} shift"))
    county.happen(
        *(ResponderRecorded(responder=one) for one in crew),
        TeamRecorded(team_id=team_id, agency_id=agency, call_sign=name, base=OAKLAND),
        ShiftStarted(
            shift_id=shift_id,
            team_id=team_id,
            starts_at=county.now,
            ends_at=county.now + timedelta(hours=10),
            crew=tuple(CrewMember(responder_id=one.id, carries_naloxone=True) for one in crew),
        ),
    )
    incident_id = county.determined(slots=2)
    run_id = county.running(incident_id, team_id)
    duress_id, owed_id = DuressId(uid(f"{name} alarm")), ObligationId(uid(f"{name} note"))
    county.happen(
        DuressRaised(duress_id=duress_id, team_id=team_id, responder_id=crew[0].id),
        ObligationArose(
            obligation_id=owed_id,
            kind=ObligationKind.NOTE,
            due_at=county.now + timedelta(days=1),
            rule="test",
            incident_id=incident_id,
            assignment_id=run_id,
            team_id=team_id,
        ),
    )
    call_id = CallId(county.do(OfferCall(answered=True)).result["call_id"])
    county.do(OpenIncident(call_id=call_id))
    run = county.incident(incident_id).assignment(run_id)
    assert run is not None
    return Side(
        agency,
        {
            AgencyId: agency,
            AssignmentId: run_id,
            CallId: call_id,
            DuressId: duress_id,
            IncidentId: incident_id,
            ObligationId: owed_id,
            OfferId: run.offer_id,
            ResponderId: crew[0].id,
            ShiftId: shift_id,
            TeamId: team_id,
        },
    )


@pytest.fixture(scope="module")
def place() -> tuple[County, Side, Side]:
    county = County()
    return county, _side(county, OWN, "Own 1"), _side(county, THEIRS, "Their 1")


def _made(kind: type[Command], given: dict[tuple[str, ...], Any]) -> Command:
    """A command of this kind with these ids; what names nothing is left empty."""
    fields: dict[str, Any] = {
        field.name: None for field in msgspec.structs.fields(kind) if field.required
    }
    for path, value in given.items():
        if path == ("remove",):
            fields["remove"] = (value,)
        elif len(path) == 1:
            fields[path[0]] = value
        elif path[0] in ("crew", "add"):
            fields[path[0]] = (CrewMember(responder_id=value),)
        elif path[0] == "responder":
            known = fields.get("responder") or clinician("somebody")
            fields["responder"] = msgspec.structs.replace(known, **{path[1]: value})
    return kind(**fields)


def _ids(kind: type[Command]) -> dict[tuple[str, ...], Any]:
    return {f.path: f.named for f in named_fields(kind) if f.named not in BESIDE}


def _limited(kind: type[Command], agency: AgencyId = OWN) -> Actor:
    return Actor(
        user_id=UserId(uid("limited")), roles=SENDERS[kind] - {Role.SYSTEM}, agency_id=agency
    )


def test_every_kind_of_id_that_a_command_can_name_is_judged() -> None:
    known = {
        one
        for _, one in inspect.getmembers(ids)
        if isinstance(one, NewType) and one not in (CountyId, CommandId)
    }
    named = {field.named for kind in COMMANDS for field in named_fields(kind)}
    assert named <= known
    # Of the kinds that exist, none is passed over in a command's type.
    assert known - named == set()


@pytest.mark.parametrize("kind", OF_THE_DESK, ids=lambda kind: kind.__name__)
def test_an_account_that_ends_at_an_agency_acts_on_nothing_of_another(
    place: tuple[County, Side, Side], kind: type[Command]
) -> None:
    county, own, theirs = place
    named = _ids(kind)
    for foreign in named:
        given = {
            path: (theirs if path == foreign else own).things[what] for path, what in named.items()
        }
        command = _made(kind, given)
        with pytest.raises(NotAllowed) as refusal:
            require_reach(county.board, _limited(kind), command)
        assert refusal.value.code == "not_your_agency"


@pytest.mark.parametrize("kind", OF_THE_DESK, ids=lambda kind: kind.__name__)
def test_an_account_that_ends_at_an_agency_acts_on_what_is_its_agencys(
    place: tuple[County, Side, Side], kind: type[Command]
) -> None:
    county, own, _ = place
    given = {path: own.things[what] for path, what in _ids(kind).items() if what is not CallId}
    if any(what is CallId for what in _ids(kind).values()):
        answered = OfferCall(answered=True)
        mine = person("limited", Role.DISPATCHER)
        call_id = county.do(answered, by=mine).result["call_id"]
        given |= {path: CallId(call_id) for path, what in _ids(kind).items() if what is CallId}
    require_reach(county.board, _limited(kind), _made(kind, given))


@pytest.mark.parametrize("kind", OF_THE_DESK, ids=lambda kind: kind.__name__)
def test_the_countys_desk_acts_on_everything(
    place: tuple[County, Side, Side], kind: type[Command]
) -> None:
    county, _, theirs = place
    given = {path: theirs.things[what] for path, what in _ids(kind).items()}
    actor = msgspec.structs.replace(_limited(kind), agency_id=None)
    require_reach(county.board, actor, _made(kind, given))


@pytest.mark.parametrize(
    "kind",
    [
        kind
        for kind in COMMANDS
        if Role.RESPONDER in SENDERS[kind] and _ids(kind) and kind is not RaiseDuress
    ],
    ids=lambda kind: kind.__name__,
)
def test_a_responder_acts_on_nothing_of_another_team(
    place: tuple[County, Side, Side], kind: type[Command]
) -> None:
    county, own, theirs = place
    actor = Actor(
        user_id=UserId(uid("crew")),
        roles=frozenset({Role.RESPONDER}),
        team_id=own.things[TeamId],
        responder_id=own.things[ResponderId],
    )
    of = {path: what for path, what in _ids(kind).items() if what is not ResponderId}
    mine = _made(kind, {path: own.things[what] for path, what in of.items()})
    require_reach(county.board, actor, mine)
    foreign = _made(kind, {path: theirs.things[what] for path, what in of.items()})
    if kind in {ReportStatus, StartShift} or kind.__name__ == "ClearAssignment":
        # Kept as disputed, or judged by whether they are on the crew.
        require_reach(county.board, actor, foreign)
        return
    with pytest.raises(NotAllowed) as refusal:
        require_reach(county.board, actor, foreign)
    assert refusal.value.code in {"not_your_team", "not_your_incident"}


def test_whoever_was_on_a_runs_crew_keeps_it_after_they_left_the_team(
    place: tuple[County, Side, Side],
) -> None:
    county, own, _ = place
    actor = Actor(roles=frozenset({Role.RESPONDER}), responder_id=own.things[ResponderId])
    for kind in COMMANDS:
        if kind.__name__ in {"AddNote", "RecordEncounter", "RequestPartner"}:
            given = {path: own.things[what] for path, what in _ids(kind).items()}
            require_reach(county.board, actor, _made(kind, given))


@pytest.mark.parametrize("kind", [CancelIncident, CloseIncident], ids=lambda kind: kind.__name__)
def test_what_ends_the_run_of_another_agencys_team_is_for_the_countys_desk(
    kind: type[Command],
) -> None:
    county = County()
    own, theirs = _side(county, OWN, "Own 1"), _side(county, THEIRS, "Their 1")
    shared = own.things[IncidentId]
    command = _made(kind, {("incident_id",): shared})
    require_reach(county.board, _limited(kind), command)
    second = TeamId(uid("their second"))
    county.happen(
        TeamRecorded(team_id=second, agency_id=THEIRS, call_sign="Their 2", base=OAKLAND),
        ShiftStarted(
            shift_id=ShiftId(uid("their second shift")),
            team_id=second,
            starts_at=county.now,
            ends_at=county.now + timedelta(hours=10),
            crew=_pair(county, "second"),
        ),
    )
    county.do(OfferTeam(incident_id=shared, team_id=second, slot=ids.SlotNo(2)))
    with pytest.raises(NotAllowed, match="Another agency's team"):
        require_reach(county.board, _limited(kind), command)
    assert theirs.agency == THEIRS


def _pair(county: County, name: str) -> tuple[CrewMember, ...]:
    people: list[Responder] = [
        msgspec.structs.replace(clinician(f"{name} c"), agency_id=THEIRS),
        msgspec.structs.replace(peer(f"{name} p"), agency_id=THEIRS),
    ]
    county.happen(*(ResponderRecorded(responder=one) for one in people))
    return tuple(CrewMember(responder_id=one.id, carries_naloxone=True) for one in people)


def test_an_incident_that_nobody_has_gone_to_is_its_owners(
    place: tuple[County, Side, Side],
) -> None:
    county, _, _ = place
    me = msgspec.structs.replace(person("limited", Role.DISPATCHER), agency_id=OWN)
    incident_id = IncidentId(county.do(OpenIncident(), by=me).result["incident_id"])
    require_reach(
        county.board, me, CancelIncident(incident_id=incident_id, reason="caller_cancelled")
    )
    other = msgspec.structs.replace(me, user_id=UserId(uid("a colleague")))
    with pytest.raises(NotAllowed):
        require_reach(
            county.board, other, CancelIncident(incident_id=incident_id, reason="caller_cancelled")
        )


def test_a_ringing_call_may_be_taken_by_whoever_sits_at_a_desk(
    place: tuple[County, Side, Side],
) -> None:
    county, own, _ = place
    ringing = CallId(county.do(OfferCall()).result["call_id"])
    me = msgspec.structs.replace(person("limited", Role.DISPATCHER), agency_id=OWN)
    require_reach(county.board, me, AnswerCall(call_id=ringing))
    with pytest.raises(NotAllowed):
        require_reach(county.board, me, HoldCall(call_id=own.things[CallId]))


def test_an_alarm_is_never_refused_for_whom_it_names(place: tuple[County, Side, Side]) -> None:
    county, _, theirs = place
    stranger = Actor(roles=frozenset({Role.RESPONDER}))
    require_reach(county.board, stranger, RaiseDuress(team_id=theirs.things[TeamId]))


def test_an_alarm_that_is_nobodys_is_answered_by_any_desk(
    place: tuple[County, Side, Side],
) -> None:
    county, _, _ = place
    alarm = DuressId(uid("an unknown person's alarm"))
    county.happen(DuressRaised(duress_id=alarm, raised_by=UserId(uid("unknown"))))
    for kind in COMMANDS:
        if kind.__name__ in {"AcknowledgeDuress", "SendHelp", "ResolveDuress"}:
            require_reach(county.board, _limited(kind), _made(kind, {("duress_id",): alarm}))


def test_a_follow_up_worker_sees_to_what_is_owed_after_a_run_and_nothing_else(
    place: tuple[County, Side, Side],
) -> None:
    county, own, _ = place
    worker = person("worker", Role.FOLLOW_UP_WORKER)
    owed = ObligationId(uid("a follow-up"))
    county.happen(
        ObligationArose(
            obligation_id=owed,
            kind=ObligationKind.FOLLOW_UP,
            due_at=county.now + timedelta(days=3),
            rule="test",
            incident_id=own.things[IncidentId],
            team_id=own.things[TeamId],
        )
    )
    for kind in COMMANDS:
        if kind.__name__ in {"CompleteObligation", "RecordAttempt", "ExceptObligation"}:
            require_reach(county.board, worker, _made(kind, {("obligation_id",): owed}))
            note = own.things[ObligationId]
            with pytest.raises(NotAllowed):
                require_reach(county.board, worker, _made(kind, {("obligation_id",): note}))
        if kind.__name__ == "AddNote":
            require_reach(
                county.board, worker, _made(kind, {("incident_id",): own.things[IncidentId]})
            )


def test_nobody_of_an_agency_signs_a_colleague_of_the_county_off() -> None:
    county = County()
    me = msgspec.structs.replace(person("limited", Role.SUPERVISOR), agency_id=OWN)
    require_reach(county.board, me, LeaveDesk())
    with pytest.raises(NotAllowed):
        require_reach(county.board, me, LeaveDesk(user_id=UserId(uid("somebody"))))


def test_another_agencys_person_stays_on_a_crew_but_is_not_put_on_one(
    place: tuple[County, Side, Side],
) -> None:
    county, own, theirs = place
    me = msgspec.structs.replace(person("manager", Role.AGENCY_MANAGER), agency_id=OWN)
    start, end = county.now + timedelta(days=1), county.now + timedelta(days=1, hours=8)

    def planned(one: ResponderId) -> PlanShift:
        crew = (CrewMember(responder_id=one),)
        return PlanShift(team_id=own.things[TeamId], starts_at=start, ends_at=end, crew=crew)

    guest = theirs.things[ResponderId]
    with pytest.raises(NotAllowed):
        require_reach(county.board, me, planned(guest))
    shared = County()
    _side(shared, OWN, "Own 1")
    shared.happen(
        ResponderRecorded(responder=msgspec.structs.replace(clinician("guest"), agency_id=THEIRS)),
        TeamRecorded(team_id=TeamId(uid("mixed")), agency_id=OWN, call_sign="Mixed", base=OAKLAND),
        ShiftStarted(
            shift_id=ShiftId(uid("mixed shift")),
            team_id=TeamId(uid("mixed")),
            starts_at=shared.now,
            ends_at=shared.now + timedelta(hours=8),
            crew=(CrewMember(responder_id=ResponderId(uid("guest"))),),
        ),
    )
    require_reach(shared.board, me, planned(ResponderId(uid("guest"))))


@pytest.mark.parametrize("also", [(), (Role.DISPATCHER,)], ids=["alone", "with the desk"])
def test_a_follow_up_worker_of_an_agency_ends_there_whatever_else_they_are(
    place: tuple[County, Side, Side], also: tuple[Role, ...]
) -> None:
    county, own, theirs = place
    actor = Actor(
        user_id=UserId(uid("worker")),
        roles=frozenset({Role.FOLLOW_UP_WORKER, *also}),
        agency_id=own.agency,
    )
    for side in (own, theirs):
        county.happen(
            ObligationArose(
                obligation_id=ObligationId(uid(f"follow-up {side.agency} {also}")),
                kind=ObligationKind.FOLLOW_UP,
                due_at=county.now + timedelta(days=3),
                rule="test",
                incident_id=side.things[IncidentId],
                team_id=side.things[TeamId],
            )
        )
    note = AddNote(incident_id=own.things[IncidentId], text="a word")
    require_reach(county.board, actor, note)
    with pytest.raises(NotAllowed):
        require_reach(
            county.board, actor, AddNote(incident_id=theirs.things[IncidentId], text="a word")
        )

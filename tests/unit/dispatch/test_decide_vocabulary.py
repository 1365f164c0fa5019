"""What may stand in the log: codes of the day's sets, and never a word that somebody typed.

The canary: each string that any command can carry is replaced by a marker, one after the other, in
situations where the command is lawful. It may be refused or become an encrypted record; it must
reach no event outside its sealed fields, no read model outside its sealed column, no notice.
"""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crisis import commands as c
from crisis.assignment import Status
from crisis.board import Board, Change
from crisis.errors import CrisisError
from crisis.events import REGISTRY, Event
from crisis.ids import SlotNo
from crisis.obligation import ObligationKind
from crisis.responder import Credential, PresenceMode
from crisis.roles import Actor, Role
from crisis.staffing import TelehealthSecond
from crisis.states import Source
from crisis.team import CrewMember
from crisis.triage import Acuity, Answer, HazardTold, Need
from dispatch import decide as handlers
from dispatch.decide import HANDLERS, Decision, decide
from dispatch.store.codec import event_row
from dispatch.store.readmodel import models
from dispatch.store.sealing import CountyKeys
from tests.unit.dispatch.board_kit import (
    COUNTY,
    DISPATCHER,
    OAKLAND,
    SERVICE,
    SUPERVISOR,
    County,
    changed,
    clinician,
    envelope,
    on_team,
    peer,
    person,
    rules,
)
from tests.unit.dispatch.vocabulary import NAMES, VOCABULARY, fields_with_words, strange_words

MARKER = "canary_zq"
RULES = rules()
ADMIN = person("admin", Role.ADMIN, Role.SUPERVISOR)
WORKER = person("worker", Role.FOLLOW_UP_WORKER)
#: Fields of commands in which staff names teams and zones, and who sends them.
NAMED = {"RecordTeam.call_sign", "RecordTeam.zones"}


@dataclasses.dataclass(frozen=True)
class Case:
    """A lawful command with every optional part filled in, and who sends it where.

    ``log``: what the county had come to by then.
    """

    board: Board
    log: tuple[Event, ...]
    now: datetime
    command: c.Command
    by: Actor
    source: Source | None


def case(
    county: County, command: c.Command, by: Actor = DISPATCHER, source: Source | None = None
) -> Case:
    """The command on the county as it stands now; what the county does later is no part of it."""
    return Case(county.board, tuple(county.log), county.now, command, by, source)


def _county() -> County:
    return County()


def _ids(county: County) -> dict[str, Any]:
    incident_id = county.determined()
    return {"incident_id": incident_id}


def _place() -> c.PlaceInput:
    return c.PlaceInput(point=OAKLAND, address="1 Main St", access="gate", location_type="home")


def _encounter(**fields: Any) -> c.EncounterInput:
    given: dict[str, Any] = {
        "disposition": "stabilized_safety_plan",
        "hold": "none",
        "transport": "none",
        "law_enforcement": "none",
        "mandated_reports": ("child_abuse",),
        "destination": "her sister",
        "plan": "written",
        "note": "she said",
    }
    return c.EncounterInput(**{**given, **fields})


#: Nobody has both a plan and a reason for none.
_NO_PLAN: dict[str, Any] = {"plan": None, "plan_exception": "declined"}


def _subject() -> c.SubjectInput:
    return c.SubjectInput(
        name="Ana", born_on="1990-01-01", identifiers="CIN 9", description="red coat"
    )


def _crew(county: County, team: Any) -> tuple[CrewMember, ...]:
    return county.a_team(team).crew


def _partner(county: County, incident_id: Any) -> Any:
    ask = c.RequestPartner(incident_id=incident_id, kind="ems", reason="medical", handoff=True)
    return county.do(ask).result["partner_id"]


def _run(county: County, *statuses: Status) -> tuple[Any, Any, Any]:
    incident_id, team = county.determined(), county.team()
    run = county.running(incident_id, team)
    for status in statuses:
        extra = {"staging_reason": "weapon"} if status is Status.STAGED else {}
        report = c.ReportStatus(assignment_id=run, status=status, **extra)
        county.do(report, by=on_team(team))
    return incident_id, team, run


def _obligation(county: County, kind: ObligationKind, **fields: Any) -> Any:
    create = c.CreateObligation(kind=kind, due_at=county.now + timedelta(hours=1), **fields)
    return county.do(create).result["obligation_id"]


def _cases() -> Iterator[Case]:
    yield from _of_calls()
    yield from _of_incidents()
    yield from _of_partners()
    yield from _of_offers()
    yield from _of_runs()
    yield from _of_claims()
    yield from _of_roster()
    yield from _of_the_rest()


def _of_calls() -> Iterator[Case]:
    caller = c.Caller(
        name="Ana",
        callback="555 0100",
        safe_to_call=Answer.YES,
        relation="sister",
        language="es",
        interpreter="line 7",
        pronouns="she",
    )
    yield case(_county(), c.OfferCall(answered=True, caller=caller))
    county = _county()
    ringing = county.do(c.OfferCall()).result["call_id"]
    for command in (c.AnswerCall, c.AbandonCall):
        yield case(county, command(call_id=ringing))
    call = county.call()
    for simple in (c.HoldCall, c.EndCall, c.LoseCall):
        yield case(county, simple(call_id=call))
    yield case(county, c.EndCall(call_id=call, outcome="referred"))
    yield case(county, c.TransferCall(call_id=call, to="line_988", reason="language"))
    yield case(county, c.TransferCall(call_id=call, to="line_988"))
    held, away = _county(), _county()
    call = held.call()
    held.do(c.HoldCall(call_id=call))
    yield case(held, c.ResumeCall(call_id=call))
    yield case(held, c.TakeCallInHand(call_id=call))
    held.wait(3_600)
    yield case(held, c.FlagCall(call_id=call), by=SERVICE)
    call = away.call()
    away.do(c.TransferCall(call_id=call, to="psap_911"))
    yield case(away, c.ConfirmTransfer(call_id=call, side="them", reference="E26"))
    yield case(away, c.FailTransfer(call_id=call))


#: What comes to and goes from each list of an incident.
_ITEMS: dict[str, Any] = {
    "add_needs": (Need(code="youth"),),
    "add_hazards": (HazardTold(code="animals", source="team"),),
    "add_concerns": ("psychosis",),
    "remove_needs": ("peer",),
    "remove_hazards": ("weapon",),
    "remove_concerns": ("suicide_risk",),
}


def _of_incidents() -> Iterator[Case]:
    needs, hazards = (Need(code="youth"),), (HazardTold(code="animals", source="team"),)
    facts: dict[str, Any] = {
        "needs": needs,
        "hazards": hazards,
        "concerns": ("psychosis",),
        "screening": {"weapon_on_scene": Answer.NO},
        "place": _place(),
    }
    county = _county()
    opening = c.OpenIncident(
        call_id=county.call(),
        referral_source="self",
        acuity=Acuity.URGENT,
        narrative="she said",
        subjects=(_subject(),),
        **facts,
    )
    yield case(county, opening)
    paper = changed(opening, paper_number="P17", call_id=None)
    yield case(_county(), paper, SUPERVISOR, Source.BACK_ENTRY)
    received = _county()
    incident_id = received.opened()
    yield case(received, c.StartScreening(incident_id=incident_id))
    decided: dict[str, Any] = {**facts, "rationale": "because", "incident_id": incident_id}
    partner = c.PartnerInput(kind="ems", reason="medical")
    sent = c.Determine(
        decision="dispatch",
        acuity=Acuity.URGENT,
        reason="danger_to_self",
        partner=partner,
        **decided,
    )
    yield case(received, sent)
    yield case(received, changed(sent, **_ITEMS))
    yield case(received, c.Determine(decision="no_dispatch", reason="caller_declined", **decided))
    away = c.Determine(decision="no_dispatch", reason="medical", partner=partner, **decided)
    yield case(received, away)
    county = _county()
    incident_id, other = county.determined(slots=2), county.opened()
    about: dict[str, Any] = {"incident_id": incident_id}
    yield case(county, c.AmendIncident(**about, **facts))
    yield case(county, c.AmendIncident(**about, **_ITEMS))
    yield case(county, c.AddSlot(**about))
    yield case(county, c.DropSlot(slot=SlotNo(2), **about))
    yield case(county, c.CancelIncident(reason="caller_cancelled", **about))
    yield case(county, c.CloseIncident(outcome="unserved", reason="roads_closed", **about))
    yield case(county, c.MergeIncident(incident_id=other, into=incident_id))
    # Its team has cleared and is not ready yet: so it stays on the board.
    ended = _county()
    team = ended.team("Ended 1")
    again = ended.determined()
    run = ended.running(again, team)
    cleared = c.ClearAssignment(assignment_id=run, ready=False)
    ended.do(cleared, by=on_team(team))
    ended.do(c.CancelIncident(incident_id=again, reason="duplicate"))
    yield case(ended, c.ReopenIncident(incident_id=again, reason="ended_in_error"))
    yield case(county, c.AddNote(text="she said", **about))
    yield case(county, c.AddSubject(subject=_subject(), **about))
    yield case(county, c.AttachCall(call_id=county.call(), **about))
    receiver = SUPERVISOR.user_id
    assert receiver is not None
    yield case(county, c.HandOver(to=receiver, **about))
    yield case(county, c.TakeInHand(**about))
    yield case(county, c.LeaveDesk())
    handed = _county()
    incident_id, other = handed.opened(), handed.opened()
    handed.do(c.HandOver(incident_id=incident_id, to=receiver))
    yield case(handed, c.AcceptOwnership(incident_id=incident_id), SUPERVISOR)
    handed.do(c.MergeIncident(incident_id=other, into=incident_id))
    yield case(handed, c.SplitIncident(incident_id=incident_id, other=other))
    late = _county()
    incident_id = late.determined()
    late.wait(86_400)
    flag = c.FlagIncident(incident_id=incident_id, flag="unassigned", about="0")
    yield case(late, flag, SERVICE)
    yield case(late, c.AlarmUnreached(role="on_call"), SERVICE)
    overlooked = c.AlarmOverlooked(kind="flag", due_at=late.now, incident_id=incident_id)
    yield case(late, overlooked, SERVICE)


def _of_partners() -> Iterator[Case]:
    county = _county()
    incident_id = county.determined()
    for kind in ("ems", "furs"):
        ask = c.RequestPartner(incident_id=incident_id, kind=kind, reason="medical")
        yield case(county, ask)
    about: dict[str, Any] = {
        "incident_id": incident_id,
        "partner_id": _partner(county, incident_id),
    }
    yield case(county, c.BriefPartner(danger=1, **about))
    yield case(county, c.AcknowledgePartner(agency="Medic 12", reference="E26", **about))
    yield case(county, c.PartnerOnScene(**about))
    yield case(county, c.PartnerDeclined(reason="busy", **about))
    county.do(c.AcknowledgePartner(agency="Medic 12", **about))
    yield case(county, c.PartnerGone(outcome="transported", **about))


def _of_offers() -> Iterator[Case]:
    county = _county()
    incident_id, team = county.determined(), county.team()
    offer = c.OfferTeam(incident_id=incident_id, team_id=team, override_reason="skills")
    yield case(county, offer)
    escalate = c.EscalateSlot(incident_id=incident_id, slot=SlotNo(1), rung=1)
    yield case(county, escalate, SERVICE)
    offer_id = county.offered(incident_id, team)
    yield case(county, c.AcceptOffer(offer_id=offer_id), on_team(team))
    yield case(county, c.DeclineOffer(offer_id=offer_id, reason="too_far"), on_team(team))
    yield case(county, c.WithdrawOffer(offer_id=offer_id))
    expired = _county()
    offer_id = expired.offered(expired.determined(), expired.team())
    expired.wait(3_600)
    yield case(expired, c.ExpireOffer(offer_id=offer_id), SERVICE)


def _of_runs() -> Iterator[Case]:
    county = _county()
    incident_id, team, run = _run(county)
    about: dict[str, Any] = {"assignment_id": run}
    leave = c.ReportStatus(
        status=Status.EN_ROUTE, said_by="clinician", briefed_by="dispatcher", **about
    )
    yield case(county, leave, source=Source.DESK_BY_VOICE)
    aside = c.ReportStatus(
        status=Status.STAGED, staging_reason="weapon", staging_place="the diner", **about
    )
    yield case(county, aside, on_team(team))
    yield case(county, c.AcknowledgeHazards(version=1, **about), on_team(team))
    yield case(county, c.DivertAssignment(reason="closer_team_free", **about))
    yield case(county, c.CancelAssignment(reason="team_vehicle", **about))
    yield case(county, c.CancelAssignment(reason="caller_cancelled", still_needed=False, **about))
    swap = c.SwapCrew(
        crew=_crew(county, team),
        telehealth=TelehealthSecond(marked_delay=True, approved_by="supervisor"),
        reason="skills",
        **about,
    )
    yield case(county, swap, on_team(team))
    yield case(county, changed(swap, reason="other"), SUPERVISOR)
    staged = _county()
    incident_id, team, run = _run(staged, Status.STAGED)
    enter = c.ReportStatus(
        assignment_id=run, status=Status.ON_SCENE, cleared_scene_by="law_enforcement"
    )
    yield case(staged, enter, on_team(team))
    there = _county()
    incident_id, team, run = _run(there, Status.ON_SCENE, Status.CONTACT)
    there.do(c.AddSubject(incident_id=incident_id, subject=_subject()))
    done = c.ClearAssignment(
        assignment_id=run, encounters=(_encounter(**_NO_PLAN),), said_by="peer"
    )
    yield case(there, done, source=Source.DESK_BY_VOICE)
    yield case(there, c.RecordEncounter(assignment_id=run, encounter=_encounter()), on_team(team))
    fix = c.CorrectMilestone(
        assignment_id=run, status=Status.ON_SCENE, instant=there.now, reason="wrong_time"
    )
    yield case(there, fix, SUPERVISOR)
    later = _county()
    incident_id, team = later.determined(), later.team()
    entered = c.EnterAssignment(
        incident_id=incident_id,
        team_id=team,
        accepted_at=later.now,
        on_scene_at=later.now,
        cleared_at=later.now,
        crew=_crew(later, team),
        telehealth=TelehealthSecond(marked_delay=True, approved_by="supervisor"),
        encounters=(_encounter(),),
        override_reason="supervisor_order",
        said_by="peer",
    )
    yield case(later, entered, SUPERVISOR, Source.BACK_ENTRY)
    called_off = changed(
        entered,
        cleared_at=None,
        cancelled_at=later.now,
        cancel_reason="team_vehicle",
        encounters=(),
    )
    yield case(later, called_off, SUPERVISOR, Source.BACK_ENTRY)


def _of_claims() -> Iterator[Case]:
    county = _county()
    incident, team = county.determined(), county.team()
    run = county.running(incident, team)
    county.do(c.CancelAssignment(assignment_id=run, reason="team_vehicle"))
    county.wait(60)
    report = c.ReportStatus(assignment_id=run, status=Status.ON_SCENE)
    county.do(report, by=on_team(team))
    for there in (True, False):
        yield case(county, c.SettleClaim(assignment_id=run, there=there))
    county.wait(600)
    yield case(county, c.RemindClaim(incident_id=incident, assignment_id=run), SERVICE)


def _of_roster() -> Iterator[Case]:
    county = _county()
    agency = clinician("x").agency_id
    record = c.RecordTeam(
        agency_id=agency, call_sign="Blue 9", zones=("north",), capabilities=("off_road",)
    )
    yield case(county, record, ADMIN)
    known = clinician(
        "Ana",
        licence=Credential(number="LCSW 1"),
        enhanced={"idd": county.now.date()},
        languages=frozenset({"es"}),
        competencies=frozenset({"youth"}),
    )
    yield case(county, c.RecordResponder(responder=known, name="Ana"), ADMIN)
    team = county.team(on_shift=False)
    window: dict[str, Any] = {
        "starts_at": county.now + timedelta(hours=1),
        "ends_at": county.now + timedelta(hours=9),
    }
    crew = (CrewMember(responder_id=clinician("Blue 1 clinician").id),)
    yield case(county, c.PlanShift(team_id=team, crew=crew, **window), ADMIN)
    planned = county.do(c.PlanShift(team_id=team, **window), by=ADMIN).result["shift_id"]
    yield case(county, c.CancelShift(shift_id=planned), ADMIN)
    remote = TelehealthSecond(marked_delay=True, approved_by="supervisor")
    soon = county.now + timedelta(hours=1)
    start = c.StartShift(team_id=team, ends_at=soon, crew=crew, telehealth=remote)
    yield case(county, start, ADMIN)
    on_shift = _county()
    team = on_shift.team()
    shift = on_shift.a_team(team).shift_id
    assert shift is not None
    on_shift.team("Solo", crew=(peer("a spare"),), on_shift=False)
    more = (
        *_crew(on_shift, team),
        CrewMember(responder_id=peer("a spare").id, mode=PresenceMode.TELEHEALTH_VIDEO),
    )
    change = c.ChangeCrew(shift_id=shift, crew=more, telehealth=remote)
    yield case(on_shift, change, on_team(team))
    yield case(on_shift, c.SetDuty(team_id=team, duty="unavailable", reason="break"), on_team(team))
    yield case(on_shift, c.EndShift(shift_id=shift), on_team(team))


def _of_the_rest() -> Iterator[Case]:
    county = _county()
    team = county.team()
    yield case(county, c.RaiseDuress(team_id=team), on_team(team))
    duress = county.do(c.RaiseDuress(team_id=team), by=on_team(team)).result["duress_id"]
    yield case(county, c.AcknowledgeDuress(duress_id=duress))
    yield case(county, c.SendHelp(duress_id=duress, who="ems", reference="E26"))
    county.wait(31)
    yield case(county, c.EscalateDuress(duress_id=duress, rung=1), SERVICE)
    county.do(c.AcknowledgeDuress(duress_id=duress))
    yield case(county, c.ResolveDuress(duress_id=duress, reason="safe"))
    county = _county()
    follow_up = _obligation(county, ObligationKind.FOLLOW_UP)
    report = _obligation(county, ObligationKind.MANDATED_REPORT)
    due_at = county.now + timedelta(hours=1)
    owe = c.CreateObligation(kind=ObligationKind.FOLLOW_UP, due_at=due_at)
    yield case(county, owe)
    tried = c.RecordAttempt(obligation_id=follow_up, outcome="voicemail", mode="telehealth_audio")
    yield case(county, tried, WORKER)
    met = c.CompleteObligation(
        obligation_id=follow_up, outcome="reached_stable", mode="telehealth_audio"
    )
    yield case(county, met, WORKER)
    yield case(county, c.CompleteObligation(obligation_id=report, told="Somebody"))
    excused = c.ExceptObligation(obligation_id=follow_up, reason="declined")
    yield case(county, excused, WORKER)
    owner = SUPERVISOR.user_id
    assert owner is not None
    yield case(county, c.ReassignObligation(obligation_id=follow_up, owner=owner))
    late = _county()
    missed = _obligation(late, ObligationKind.FOLLOW_UP)
    late.wait(7_200)
    yield case(late, c.MissObligation(obligation_id=missed), SERVICE)


CASES = tuple(_cases())


def decided(one: Case, command: c.Command) -> Decision | None:
    """Decide on the case's board; ``None`` = refused. The county stays as it was."""
    reason = "system_outage" if one.source is Source.BACK_ENTRY else None
    env = envelope(command, by=one.by, source=one.source, number="canary", reason=reason)
    try:
        return decide(one.board, env, one.now, RULES)
    except CrisisError:
        return None


def test_every_field_of_every_event_that_can_hold_words_has_its_vocabulary() -> None:
    assert fields_with_words(REGISTRY.values()) == set(VOCABULARY)


def test_every_command_is_tried() -> None:
    assert {type(one.command) for one in CASES} == set(HANDLERS)


@pytest.mark.parametrize("one", CASES, ids=lambda one: type(one.command).__name__)
def test_what_a_command_says_by_itself_is_lawful_and_in_code_sets(one: Case) -> None:
    decision = decided(one, one.command)
    assert decision is not None and decision.refusal is None
    assert decision.events or decision.notices
    for event in decision.events:
        assert strange_words(event.body, RULES.codes) == []


@pytest.mark.parametrize("source", [Source.DESK, Source.PHONE, Source.BACK_ENTRY])
def test_the_reason_beside_a_command_is_a_code_too(source: Source) -> None:
    county = County()
    call = c.OfferCall()
    county.refused("unknown_code", call, by=ADMIN, source=source, reason=MARKER)


@pytest.mark.parametrize("one", CASES, ids=lambda one: type(one.command).__name__)
def test_no_typed_word_reaches_the_log_the_read_models_or_a_notice(one: Case) -> None:
    for path, command in _replaced(one.command):
        decision = decided(one, command)
        if decision is None:
            continue
        assert path in NAMED or MARKER not in _in_clear(one, decision), path
        for notice in decision.notices:
            assert MARKER not in repr(notice), path
        assert path in NAMED or MARKER not in repr(decision.result), path


def test_every_field_of_every_command_that_can_hold_words_is_tried() -> None:
    tried = {path for one in CASES for path, _ in _replaced(one.command)}
    # The ranking's own counts: only the service sends them.
    assert fields_with_words(HANDLERS) - tried == {"EscalateSlot.exclusions"}


def test_the_canary_would_be_seen() -> None:
    """The check itself: a marker that does reach an event, and one that is sealed."""
    (team,) = (one for one in CASES if isinstance(one.command, c.RecordTeam))
    decision = decided(team, changed(team.command, call_sign=MARKER))
    assert decision is not None and MARKER in _in_clear(team, decision)
    sealed = next(one for one in CASES if isinstance(one.command, c.RecordEncounter))
    assert isinstance(sealed.command, c.RecordEncounter)
    given = changed(sealed.command.encounter, destination=MARKER)
    decision = decided(sealed, changed(sealed.command, encounter=given))
    assert decision is not None
    assert any(MARKER in repr(msgspec.to_builtins(event.body)) for event in decision.events)
    assert MARKER not in _in_clear(sealed, decision)
    assert {path.replace("TeamRecorded", "RecordTeam") for path in NAMES} == NAMED


def _in_clear(one: Case, decision: Decision) -> str:
    """Everything of the decision that the database would hold unencrypted."""
    keys = CountyKeys(bytes(32), COUNTY)
    for incident_id in {*decision.board.incidents, *_incidents(decision.changes)}:
        keys.create(incident_id)
    rows: list[Any] = [event_row(event, keys) for event in decision.events]
    rows.append(models(COUNTY, decision.changes, one.board.incidents, keys))
    return msgspec.json.encode(rows).decode()


def _incidents(changes: tuple[Change, ...]) -> set[Any]:
    return {change.entity.id for change in changes if change.kind == "incidents"}


def _replaced(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the value with the marker in each place of characters, filled or empty, in turn."""
    if isinstance(value, msgspec.Struct):
        hints = typing.get_type_hints(type(value))
        for field in msgspec.structs.fields(value):
            path = f"{type(value).__name__}.{field.name}"
            held = getattr(value, field.name)
            for inner, new in _of_field(hints[field.name], held, path):
                yield inner, msgspec.structs.replace(value, **{field.name: new})


def _of_field(hint: Any, held: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(held, msgspec.Struct):
        yield from _replaced(held)
    elif _is_text(hint, held):
        yield path, MARKER
    elif isinstance(held, tuple):
        for index, one in enumerate(held):
            for inner, new in _of_field(None, one, path):
                yield inner, (*held[:index], new, *held[index + 1 :])
    elif isinstance(held, frozenset):
        if all(isinstance(one, str) for one in held):
            yield path, frozenset({MARKER})
    elif isinstance(held, dict):
        for key in held:
            if isinstance(key, str) and not isinstance(key, Enum):
                yield path, {MARKER: held[key]}


def _is_text(hint: Any, held: Any) -> bool:
    """Whether characters may stand here; literals, enumerations and ids hold none."""
    if typing.get_origin(hint) is typing.Literal:
        return False
    if held is None:
        return hint is str or str in typing.get_args(hint)
    return isinstance(held, str) and not isinstance(held, Enum)


#: Sets that an enum mirrors: ``tests/unit/crisis/test_codes.py`` holds the two together.
MIRRORED = {"acuity", "area_class", "area_method", "presence", "risk_answer"}
#: The page alone chooses from it; what was chosen stands in the caller's record.
IN_RECORDS = {"caller_relation"}


def test_every_code_set_is_recorded_somewhere() -> None:
    in_events = {
        name
        for sets in VOCABULARY.values()
        if isinstance(sets, str | tuple)
        for name in ((sets,) if isinstance(sets, str) else sets)
    }
    checked: set[str] = set()
    for file in Path(handlers.__file__).parent.glob("*.py"):
        checked |= set(re.findall(r'\b(?:code|require)\(\s*"(\w+)"', file.read_text()))
    recorded = in_events | checked | MIRRORED | IN_RECORDS
    assert {name for name in RULES.codes if name not in recorded} == set()

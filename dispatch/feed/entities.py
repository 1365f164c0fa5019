"""What live frames may say of each thing: every field listed by name, none of them private.

A field that isn't here can't leave in a frame, whatever the domain grows. Names, numbers,
addresses, exact points of incidents, free text and clinical facts are fetched one by one, by a
request that is audited. Instants are aware UTC; a field at its default is left out on the wire.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from crisis.duress import Doubt


class _Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A part of an entity."""


class _Entity(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="k", tag="none"
):
    """A thing as a view shows it; the tag is its kind on the wire, the same in all classes."""


class CellView(_Part, frozen=True, kw_only=True):
    """Centre of the ~1 km cell that the place lies in, degrees."""

    lat: float
    lon: float


class NeedView(_Part, frozen=True, kw_only=True):
    """A need's code; ``hard`` excludes teams that lack it; ``team_id``: the team it is about."""

    code: str
    hard: bool = False
    team_id: UUID | None = None


class HazardView(_Part, frozen=True, kw_only=True):
    """A danger's code, and the code of where the word of it came from: an answer, ``screening``."""

    code: str
    source: str = "caller"
    noted_at: datetime | None = None


class DangerView(_Part, frozen=True, kw_only=True):
    """What an incident's ``hazards`` don't say of danger: see ``crisis.incident.danger``.

    Hazards and this are one statement, the same in every view. That no hazard is known may be said
    only where ``is_clear``.

    Attributes:
        version: counts the statement's changes.
        unknown, not_asked: codes of hazards that were asked about in vain, or not at all.
        scene_known: everything that must be asked before a scene counts as known was answered.
    """

    version: int = 1
    unknown: tuple[str, ...] = ()
    not_asked: tuple[str, ...] = ()
    scene_known: bool = False
    is_clear: bool = False


class SlotView(_Part, frozen=True, kw_only=True):
    """The need for one team.

    Attributes:
        state: waiting, offered, assigned or dropped.
        since: when it came into that state.
        tries: how many offers and escalations were made for it.
        next_try_at: when somebody is sought again: the next team, or who is told; while no team was
            asked and the county lets a person ask the first, until when they should have.
        asked: whether a team was asked before.
        exhausted_at: since when nobody is left to ask; ``None`` = not so.
    """

    no: int
    state: str
    since: datetime
    tries: int = 0
    next_try_at: datetime | None = None
    asked: bool = False
    exhausted_at: datetime | None = None


class OfferView(_Part, frozen=True, kw_only=True):
    """A pending offer. ``eta_s``: seconds by road when offered; ``None`` = not known.

    ``located_by``: where that drive starts: fix, last_fix or base; ``None`` = not told.
    """

    id: UUID
    slot: int
    team_id: UUID
    rung: int
    offered_at: datetime
    expires_at: datetime
    eta_s: float | None = None
    located_by: str | None = None
    shortfalls: tuple[str, ...] = ()


class RunView(_Part, frozen=True, kw_only=True):
    """A team's run.

    Attributes:
        since: when it came into its status.
        milestones: status → earliest valid instant.
        eta_at: when it should be on scene; ``None`` = not known, or it was there.
        eta_from: where the drive was taken to start: fix, last_fix or base; ``None`` = not told.
        acknowledged: the newest version of the incident that the crew has acknowledged.
        unacknowledged: it has hazards, or was amended since, and the crew hasn't confirmed them.
        briefed: somebody told the crew of them by voice.
        arrival_shortfalls: what the crew lacked on arrival; ``None`` = not arrived, or not judged.
        qualifies: its arrival stopped the regulatory clock.
    """

    id: UUID
    slot: int
    team_id: UUID
    call_sign: str = ""
    status: str
    since: datetime
    milestones: dict[str, datetime]
    eta_at: datetime | None = None
    eta_from: str | None = None
    acknowledged: int = 0
    unacknowledged: bool = False
    briefed: bool = False
    staging_reason: str | None = None
    disputed: int = 0
    shortfalls: tuple[str, ...] = ()
    arrival_shortfalls: tuple[str, ...] | None = None
    qualifies: bool = False


class PartnerView(_Part, frozen=True, kw_only=True):
    """A partner's response. Which agency took it, and their number for it, are fetched.

    ``danger``: the newest version of the incident's ``danger`` that they were told; 0 = none.
    """

    id: UUID
    kind: str
    state: str
    handoff: bool = False
    danger: int = 0
    requested_at: datetime
    acknowledged_at: datetime | None = None
    arrived_at: datetime | None = None


class MemberView(_Part, frozen=True, kw_only=True):
    """One member of a crew; the name is fetched by the id."""

    responder_id: UUID
    mode: str = "onsite"


class FlagView(_Part, frozen=True, kw_only=True):
    """Something that went wrong by waiting, and was told; ``about`` tells several apart.

    ``at``: when it was last told; ``times``: how often.
    """

    flag: str
    about: str = ""
    at: datetime
    times: int = 1


class ClaimView(_Part, frozen=True, kw_only=True):
    """A crew that reports being there though its run was over; nobody has settled it.

    ``status``: the newest of what it reports; ``until``: when people are told again.
    """

    assignment_id: UUID
    team_id: UUID
    status: str
    since: datetime
    until: datetime


class ProposalView(_Part, frozen=True, kw_only=True):
    """A partner that should be asked, and was not yet; what speaks for it is fetched."""

    kind: str
    reason: str
    is_life_threat: bool = False


class IncidentView(_Entity, frozen=True, kw_only=True, tag="incident"):
    """An incident for the desk.

    Attributes:
        waiting_since: since when some needed team is missing, whoever was asked meanwhile;
            ``None`` = no team is missing.
        is_exhausted: nobody is left to ask for some slot.
        is_unacknowledged: some crew hasn't acknowledged the newest version.
        lacks_handoff: it was handed off instead of served, and the partner did not take it.
        due_at: the response deadline; ``first_on_scene_at`` stops its clock.
        other_types: what else the place was called, by whoever told of what was merged into it.
        pending_owner, handed_over_at: who was asked to take it over, and when.
        in_hand_by, in_hand_until: who said that they see to it, and until when they are left to it.
        amended_at: when the present version became known; ``None`` = as opened.
        claims: crews that report being there; nobody is asked until a person settles it.
    """

    id: UUID
    number: int
    phase: str
    state: str
    version: int
    acuity: str | None = None
    needs: tuple[NeedView, ...] = ()
    hazards: tuple[HazardView, ...] = ()
    danger: DangerView = DangerView()
    cell: CellView | None = None
    location_type: str = "unknown"
    other_types: tuple[str, ...] = ()
    excluded_setting: bool = False
    area_class: str | None = None
    standard_minutes: int | None = None
    received_at: datetime
    screening_at: datetime | None = None
    determined_at: datetime | None = None
    due_at: datetime | None = None
    first_on_scene_at: datetime | None = None
    waiting_since: datetime | None = None
    ended_at: datetime | None = None
    outcome: str | None = None
    reason: str | None = None
    owner: UUID | None = None
    pending_owner: UUID | None = None
    handed_over_at: datetime | None = None
    in_hand_by: UUID | None = None
    in_hand_until: datetime | None = None
    amended_at: datetime | None = None
    slots: tuple[SlotView, ...] = ()
    offers: tuple[OfferView, ...] = ()
    runs: tuple[RunView, ...] = ()
    partners: tuple[PartnerView, ...] = ()
    proposals: tuple[ProposalView, ...] = ()
    calls: tuple[UUID, ...] = ()
    merged_into: UUID | None = None
    absorbed: tuple[UUID, ...] = ()
    subjects: int = 0
    encounters: int = 0
    back_entered: bool = False
    is_exhausted: bool = False
    is_unacknowledged: bool = False
    lacks_handoff: bool = False
    flags: tuple[FlagView, ...] = ()
    claims: tuple[ClaimView, ...] = ()
    referral_source: str = "unknown"


class TeamIncidentView(_Entity, frozen=True, kw_only=True, tag="incident"):
    """An incident for a team that is asked or runs to it; runs are those of every team on it."""

    id: UUID
    number: int
    phase: str
    state: str
    version: int
    acuity: str | None = None
    needs: tuple[NeedView, ...] = ()
    hazards: tuple[HazardView, ...] = ()
    danger: DangerView = DangerView()
    cell: CellView | None = None
    location_type: str = "unknown"
    other_types: tuple[str, ...] = ()
    excluded_setting: bool = False
    area_class: str | None = None
    received_at: datetime
    determined_at: datetime | None = None
    due_at: datetime | None = None
    first_on_scene_at: datetime | None = None
    runs: tuple[RunView, ...] = ()
    partners: tuple[PartnerView, ...] = ()
    subjects: int = 0
    back_entered: bool = False


class AgencyIncidentView(_Entity, frozen=True, kw_only=True, tag="incident"):
    """What an agency's manager sees of an incident: the offers to and runs of its own teams."""

    id: UUID
    number: int
    phase: str
    acuity: str | None = None
    hazards: tuple[HazardView, ...] = ()
    danger: DangerView = DangerView()
    area_class: str | None = None
    received_at: datetime
    determined_at: datetime | None = None
    due_at: datetime | None = None
    first_on_scene_at: datetime | None = None
    offers: tuple[OfferView, ...] = ()
    runs: tuple[RunView, ...] = ()


class WallIncidentView(_Entity, frozen=True, kw_only=True, tag="incident"):
    """A row on the wall: what endangers teams, but no place, no need, no team.

    ``claimed``: a crew reports being there though its run was over.
    """

    id: UUID
    number: int
    phase: str
    acuity: str | None = None
    hazards: tuple[HazardView, ...] = ()
    danger: DangerView = DangerView()
    area_class: str | None = None
    received_at: datetime
    due_at: datetime | None = None
    first_on_scene_at: datetime | None = None
    waiting_since: datetime | None = None
    claimed: bool = False


class AskedView(_Part, frozen=True, kw_only=True):
    """The pending offer that a team was made."""

    id: UUID
    incident_id: UUID
    slot: int
    offered_at: datetime
    expires_at: datetime
    eta_s: float | None = None
    located_by: str | None = None
    shortfalls: tuple[str, ...] = ()


class TeamRunView(_Part, frozen=True, kw_only=True):
    """The open run that a team is on."""

    id: UUID
    incident_id: UUID


class TeamView(_Entity, frozen=True, kw_only=True, tag="team"):
    """A team.

    Attributes:
        status: its run's status, ``offered`` while it is asked, else its duty.
        since: when it came into that status; while it is free: when it last became so, or got
            another crew; ``None`` = never on duty.
        overtime: its shift has ended, but a run or an alarm goes on.
        base_lat, base_lon: where it starts from, degrees; ``None`` = no base.
        telehealth_second: a second member by telehealth was approved for it.
        may_hold: somebody of its crew on site is designated to write holds.
    """

    id: UUID
    call_sign: str
    agency_id: UUID
    duty: str
    status: str
    since: datetime | None = None
    is_free: bool = False
    overtime: bool = False
    unavailable_reason: str | None = None
    unavailable_until: datetime | None = None
    shift_id: UUID | None = None
    shift_ends_at: datetime | None = None
    crew: tuple[MemberView, ...] = ()
    telehealth_second: bool = False
    may_hold: bool = False
    capabilities: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    base_lat: float | None = None
    base_lon: float | None = None
    offer: AskedView | None = None
    run: TeamRunView | None = None
    lent_to: int | None = None


class WallTeamView(_Entity, frozen=True, kw_only=True, tag="team"):
    """A team on the wall."""

    id: UUID
    call_sign: str
    status: str
    since: datetime | None = None


class ShiftView(_Entity, frozen=True, kw_only=True, tag="shift"):
    """A planned or running shift; ``started_at`` ``None`` = only planned."""

    id: UUID
    team_id: UUID
    starts_at: datetime
    ends_at: datetime
    started_at: datetime | None = None
    crew: tuple[MemberView, ...] = ()
    telehealth_second: bool = False


class CallView(_Entity, frozen=True, kw_only=True, tag="call"):
    """An open call: never who calls.

    ``waiting_since``: since when its caller waits for us; ``None`` = they don't. ``told``: how
    often people were told of it. ``in_hand_by``, ``in_hand_until``: as of an incident.
    """

    id: UUID
    state: str
    direction: str = "inbound"
    channel: str = "voice"
    referral_source: str = "unknown"
    agent_stays: bool = False
    offered_at: datetime
    answered_at: datetime | None = None
    answered_by: UUID | None = None
    incident_id: UUID | None = None
    confirmed: tuple[str, ...] = ()
    waiting_since: datetime | None = None
    told: int = 0
    in_hand_by: UUID | None = None
    in_hand_until: datetime | None = None


class DuressView(_Entity, frozen=True, kw_only=True, tag="duress"):
    """An open alarm.

    ``help``: code of the help that was sent last. ``doubts``: what of it could not be believed.
    ``next_to``: code of whom the next rung calls; ``None`` = it is in hand.
    """

    id: UUID
    state: str
    cause: str
    raised_at: datetime
    team_id: UUID | None = None
    responder_id: UUID | None = None
    assignment_id: UUID | None = None
    raised_by: UUID | None = None
    rung: int = 0
    next_rung_at: datetime | None = None
    next_to: str | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: UUID | None = None
    help_sent_at: datetime | None = None
    help: str | None = None
    doubts: tuple[Doubt, ...] = ()


class WallDuressView(_Entity, frozen=True, kw_only=True, tag="duress"):
    """That an alarm is open, of which team, whether somebody has it in hand, and what is next."""

    id: UUID
    state: str
    raised_at: datetime
    call_sign: str = ""
    acknowledged_at: datetime | None = None
    next_to: str | None = None
    next_rung_at: datetime | None = None


class ObligationView(_Entity, frozen=True, kw_only=True, tag="obligation"):
    """Something owed: a callback, a check-in, a follow-up, ...

    ``lapses_at``: when it counts as missed unless met; ``due_at`` or later, by a grace.
    """

    id: UUID
    kind: str
    state: str
    due_at: datetime
    lapses_at: datetime
    arose_at: datetime
    stage: str | None = None
    owner: UUID | None = None
    incident_id: UUID | None = None
    call_id: UUID | None = None
    assignment_id: UUID | None = None
    encounter_id: UUID | None = None
    attempts: int = 0
    last_attempt_at: datetime | None = None
    missed_at: datetime | None = None
    team_id: UUID | None = None


class CountsView(_Entity, frozen=True, kw_only=True, tag="counts"):
    """How many things of each sort: ``incident.waiting``, ``team.available``, ``call.held``."""

    id: str
    n: dict[str, int]


Entity = (
    IncidentView
    | TeamIncidentView
    | AgencyIncidentView
    | WallIncidentView
    | TeamView
    | WallTeamView
    | ShiftView
    | CallView
    | DuressView
    | WallDuressView
    | ObligationView
    | CountsView
)

"""What a decision is made of: the board, the rules in force, and what comes out.

``Deciding`` is handed to the one handler of a command. It folds every emitted event at once, so
that what the handler reads next is what the log will say. Must not know the database or clocks.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from crisis.assignment import Assignment
from crisis.board import Board, Change, apply
from crisis.commands import (
    AcceptOffer,
    AcknowledgeHazards,
    ClearAssignment,
    Command,
    CompleteObligation,
    DeclineOffer,
    Envelope,
    RaiseDuress,
    RecordAttempt,
    RecordEncounter,
    ReportStatus,
)
from crisis.effects import Notice, RecordDraft
from crisis.errors import CrisisError, Invalid, NotAllowed, NotFound
from crisis.events import Body, Event, subject_of
from crisis.ids import AssignmentId, IncidentId, OfferId, RecordId, derived
from crisis.incident.state import Incident, IncidentReturned
from crisis.policy import CountyPolicy
from crisis.reach import require_reach
from crisis.rights import SENDERS
from crisis.roles import Role
from crisis.rules import Rules
from crisis.shapes import Value
from crisis.states import Source
from crisis.triage import NOT_SAID


class Decision(Value, frozen=True, kw_only=True):
    """What became of a command.

    Attributes:
        board: after the events.
        result: the answer's body.
        refusal: set = the answer is a refusal; events may stand beside it (a disputed report).
    """

    board: Board
    events: tuple[Event, ...] = ()
    changes: tuple[Change, ...] = ()
    records: tuple[RecordDraft, ...] = ()
    notices: tuple[Notice, ...] = ()
    result: dict[str, Any] = {}
    refusal: CrisisError | None = None


#: Acts of people in the field: never refused for their instant, whoever enters them. Where it lies
#: out of bounds, reports are kept as disputed and acts count as of now. So does everything that
#: comes from a phone, whose clock may be wrong: a check-in refused would ring an alarm. That the
#: time wasn't believed is told in the answer.
FROM_THE_FIELD: frozenset[type[Command]] = frozenset(
    {
        AcceptOffer,
        AcknowledgeHazards,
        ClearAssignment,
        CompleteObligation,
        DeclineOffer,
        RaiseDuress,
        RecordAttempt,
        RecordEncounter,
        ReportStatus,
    }
)


class Deciding:
    """One command under decision.

    Attributes:
        board: the state after everything emitted so far.
        now: when the server learns of it.
        occurred_at: when it happened in the world: corrected, within bounds, never after ``now``.
        device_at: what the sender's clock said, where it was corrected.
        out_of_bounds: set = the claimed instant of an act from the field can't be believed;
            ``occurred_at`` is then ``now`` and ``claimed_at`` what was claimed.
    """

    def __init__(
        self,
        board: Board,
        env: Envelope,
        now: datetime,
        rules: Rules,
        off_board: frozenset[UUID] = frozenset(),
    ) -> None:
        self.board = board
        self.env = env
        self.now = now
        self.rules = rules
        self.occurred_at = now
        self.device_at: datetime | None = None
        self.claimed_at = now
        self.out_of_bounds: Invalid | None = None
        self.refusal: CrisisError | None = None
        self.result: dict[str, Any] = {}
        self._events: list[Event] = []
        self._changes: list[Change] = []
        self._records: list[RecordDraft] = []
        self._notices: list[Notice] = []
        #: Things that had left the board and were brought back for this command.
        self._off_board = off_board

    @property
    def policy(self) -> CountyPolicy:
        """The county's policy in force, for whatever begins now."""
        return self.rules.policy

    def policy_of(self, incident: Incident | None) -> CountyPolicy:
        """Return the policy that the incident runs under; ``None`` = about none, the newest."""
        return self.policy if incident is None else self.rules.policy_of(incident.policy_version)

    @property
    def is_back_entry(self) -> bool:
        """Whether a past time is being entered after an outage: it rings no alarm."""
        return self.env.source is Source.BACK_ENTRY

    def id(self, thing: str) -> UUID:
        """Return the id that this command gives to its new ``thing``."""
        return derived(self.env.command_id, thing)

    def emit(self, body: Body, at: datetime | None = None) -> None:
        """Let ``body`` happen ``at`` (``None`` = the command's own instant) and fold it."""
        off_board = subject_of(body) in self._off_board
        event = Event(
            county_id=self.board.county_id,
            seq=self.board.seq + 1,
            occurred_at=self.occurred_at if at is None else at,
            recorded_at=self.now,
            source=self.env.source,
            actor=self.env.actor.user_id,
            role=_main_role(self.env),
            command_id=self.env.command_id,
            device_at=self.device_at,
            reason=self.env.reason,
            off_board=off_board,
            body=body,
        )
        self.board, changes = apply(self.board, event)
        for change in changes:
            if not change.on_board and change.entity.id in self._off_board:
                self.board = self.board.holding(change.kind, change.entity)
        self._events.append(event)
        self._changes.extend(changes)

    def record(
        self, kind: str, thing: str, incident_id: IncidentId | None, fields: dict[str, Any]
    ) -> RecordId | None:
        """Keep private ``fields`` encrypted and return the record's id; ``None`` = all empty."""
        kept = {k: v for k, v in fields.items() if v not in (None, "", (), {})}
        if not kept:
            return None
        record_id = RecordId(self.id(f"record/{thing}"))
        self._records.append(
            RecordDraft(id=record_id, kind=kind, incident_id=incident_id, fields=kept)
        )
        return record_id

    def notify(
        self,
        to: str,
        template: str,
        *,
        urgency: str = "now",
        incident: Incident | None = None,
        not_after: datetime | None = None,
    ) -> None:
        """Tell somebody outside the board; nothing is sent for back-entered incidents."""
        if self.is_back_entry or (incident is not None and incident.back_entered):
            return
        self._notices.append(
            Notice(
                to=to,
                template=template,
                urgency=urgency,
                incident_number=incident.number if incident else None,
                not_after=not_after,
            )
        )

    def refuse_but_keep(self, refusal: CrisisError) -> dict[str, Any]:
        """Answer with ``refusal`` while what was emitted stays: a disputed report."""
        self.refusal = refusal
        return {}

    def code(self, set_name: str, code: str) -> str:
        """Return ``code`` where the set of the day holds it, for people to choose.

        Raises:
            Invalid: ``unknown_code``, naming near matches; ``code_of_service``.
        """
        known = self.rules.codes.require(set_name, code)
        if "by_service" in known.flags and not self.env.actor.is_service:
            raise Invalid(
                "code_of_service",
                f"{known.label}: only the service itself says so.",
                set=set_name,
                code=known.code,
            )
        return code

    def reason(self, set_name: str, code: str | None) -> str:
        """Return the reason that was said, or that none was; see ``code``."""
        return NOT_SAID if code is None else self.code(set_name, code)

    def in_s(self, seconds: float) -> datetime:
        """Return the instant ``seconds`` from now."""
        return self.now + timedelta(seconds=seconds)

    # Finding things, or refusing by name

    def incident(self, incident_id: IncidentId) -> Incident:
        """Return the incident.

        Raises:
            NotFound: ``unknown_incident``.
        """
        found = self.board.incidents.get(incident_id)
        if found is None:
            raise NotFound("unknown_incident", "There is no such incident in this county.")
        return found

    def incident_of_offer(self, offer_id: OfferId) -> Incident:
        """Return the incident that the offer belongs to, or raise ``NotFound``."""
        incident_id = self.board.offers.get(offer_id)
        if incident_id is None:
            raise NotFound("unknown_offer", "There is no such offer in this county.")
        return self.incident(incident_id)

    def incident_of_run(self, assignment_id: AssignmentId) -> Incident:
        """Return the incident that the run belongs to, or raise ``NotFound``."""
        incident_id = self.board.runs.get(assignment_id)
        if incident_id is None:
            raise NotFound("unknown_assignment", "There is no such assignment in this county.")
        return self.incident(incident_id)

    def run(self, assignment_id: AssignmentId) -> tuple[Incident, Assignment]:
        """Return the run and its incident, or raise ``NotFound``.

        A run that goes on as another one (``AssignmentMoved``) is that other one.
        """
        incident = self.incident_of_run(assignment_id)
        run = incident.assignment(assignment_id)
        if run is None:
            raise AssertionError("the board's index names a run that its incident lacks")
        if run.moved_to is not None and run.moved_to in self.board.runs:
            return self.run(run.moved_to)
        return incident, run

    def come_back(self, incident: Incident) -> bool:
        """Put an incident that had left the board on it again, for good.

        Returns whether it is on the board: one that was erased can't come back.
        """
        if incident.id not in self._off_board:
            return True
        if incident.clinical.erased:
            return False
        self.emit(
            IncidentReturned(incident_id=incident.id, whole=self.incident(incident.id)), at=self.now
        )
        self._off_board -= {incident.id}
        return True

    def decision(self) -> Decision:
        """Return everything that was emitted, recorded and notified."""
        return Decision(
            board=self.board,
            events=tuple(self._events),
            changes=tuple(self._changes),
            records=tuple(self._records),
            notices=tuple(self._notices),
            result=self.result,
            refusal=self.refusal,
        )


def _main_role(env: Envelope) -> str:
    allowed = env.actor.roles & SENDERS[type(env.command)] or env.actor.roles
    return min((role.value for role in allowed), default="")


Handler = Callable[[Deciding, Any], dict[str, Any]]


def resolve_instant(d: Deciding) -> None:
    """Set ``d.occurred_at`` from what the sender claims, within the bounds of the policy.

    A phone whose clock is off tells what its clock said when it sent; the difference corrects the
    claim. A little ahead of the server is the clocks' fault and counts as now. Farther back than a
    desk may go needs back-entry: a role and a reason.

    Raises:
        Invalid: ``occurred_in_future``, ``occurred_too_early``.
        NotAllowed: ``back_entry_role``.
    """
    env, clocks = d.env, d.policy.clocks
    if env.source is Source.BACK_ENTRY:
        _check_back_entry(d)
    elif env.reason is not None:
        d.code("correction_reason", env.reason)
    if env.occurred_at is None:
        return
    claimed = env.occurred_at
    if env.sent_at is not None:
        skew = d.now - env.sent_at
        if abs(skew) > timedelta(seconds=2):
            d.device_at = claimed
            claimed = _moved(claimed, skew)
    d.claimed_at = claimed
    if claimed > d.now + timedelta(seconds=clocks.phone_ahead_s):
        raise Invalid(
            "occurred_in_future",
            "The time given lies in the future; check the clock of the device.",
            occurred_at=claimed.isoformat(),
            now=d.now.isoformat(),
        )
    earliest = d.now - _reach(d)
    if claimed < earliest:
        raise Invalid(
            "occurred_too_early",
            "The time given lies too far back; enter it as a back-entry, with a reason.",
            occurred_at=claimed.isoformat(),
            earliest=earliest.isoformat(),
        )
    d.occurred_at = min(claimed, d.now)


def _moved(at: datetime, by: timedelta) -> datetime:
    try:
        return at + by
    except OverflowError:
        # Beyond all years there are: out of bounds as it stands, whichever way.
        return at


_OUT_OF_BOUNDS = frozenset({"occurred_in_future", "occurred_too_early"})


def _reach(d: Deciding) -> timedelta:
    clocks = d.policy.clocks
    if d.env.source is Source.BACK_ENTRY:
        return timedelta(days=clocks.back_entry_days)
    if d.env.source in {Source.DESK, Source.INTEGRATION}:
        return timedelta(seconds=clocks.desk_back_s)
    return timedelta(seconds=clocks.late_report_s)


def _check_back_entry(d: Deciding) -> None:
    allowed = {Role(role) for role in d.policy.clocks.back_entry_roles}
    if d.env.actor.roles.isdisjoint(allowed):
        raise NotAllowed(
            "back_entry_role",
            "Entering past times after an outage needs one of these roles: "
            + ", ".join(sorted(role.value.replace("_", " ") for role in allowed)),
        )
    if not d.env.reason:
        raise Invalid("back_entry_reason", "Say why past times are entered.")
    d.code("back_entry_reason", d.env.reason)


def check_voice(d: Deciding, said_by: str | None) -> None:
    """Ask of what the desk enters by voice who of the team said it: a code, never a name.

    Raises:
        Invalid: ``said_by_missing``, ``unknown_code``.
    """
    if said_by is not None:
        d.code("spoken_by", said_by)
    elif d.env.source is Source.DESK_BY_VOICE:
        raise Invalid("said_by_missing", "Say who told it.", set="spoken_by")


def check_role(env: Envelope) -> None:
    """Refuse a command that none of the actor's roles may send; a call for help never.

    Raises:
        NotAllowed: ``role``, naming the roles that may.
    """
    allowed = SENDERS[type(env.command)]
    if env.actor.roles.isdisjoint(allowed) and not type(env.command).ALWAYS_HEARD:
        raise NotAllowed(
            "role",
            "This needs one of these roles: "
            + ", ".join(sorted(role.value.replace("_", " ") for role in allowed)),
            command=str(env.command.__struct_config__.tag),
        )


def begin(
    board: Board,
    env: Envelope,
    now: datetime,
    rules: Rules,
    off_board: frozenset[UUID] = frozenset(),
) -> Deciding:
    """Return the decision's start: role and reach checked, instants resolved.

    ``now`` must not lie before the board's last event; the caller holds it up.
    """
    check_role(env)
    if type(env.command).ALWAYS_HEARD:
        env = _as_live(env, rules)
    else:
        require_reach(board, env.actor, env.command)
    d = Deciding(board, env, now, rules, off_board)
    try:
        resolve_instant(d)
    except Invalid as refusal:
        from_the_field = env.source is Source.PHONE or type(env.command) in FROM_THE_FIELD
        if not from_the_field or refusal.code not in _OUT_OF_BOUNDS:
            raise
        d.out_of_bounds = refusal
    if d.is_back_entry:
        # What was written down then is judged by the words and places of then.
        d.rules = rules.at(d.occurred_at)
    return d


def _as_live(env: Envelope, rules: Rules) -> Envelope:
    """Return a call for help as one of now, where it can't be the back-entry that it says it is."""
    if env.reason is None and env.source is not Source.BACK_ENTRY:
        return env
    may_enter = {Role(role) for role in rules.policy.clocks.back_entry_roles}
    is_entered = env.source is Source.BACK_ENTRY and env.actor.has(*may_enter)
    if is_entered and rules.codes.find("back_entry_reason", env.reason or "") is not None:
        return env
    source = Source.DESK if env.actor.is_desk else Source.PHONE
    return msgspec.structs.replace(env, source=source, reason=None)

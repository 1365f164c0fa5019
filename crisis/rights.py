"""Who may send, read, see and be shown what: the one table of roles, acts and how far they reach.

Decides by the roles that an account has in a county, and whether it ends at one agency. Every
face asks here: the API, the live socket, the pages, records and reports; and so does whatever
decides on a command. Whether it is *this* person's team or incident is judged on the board, by the
reach that stands here (``crisis.reach``, ``crisis.disclosure``). What a county's own policy leaves
to it (who approves a remote second, who enters past times) stands in the policy. The pages are told
from here what to offer to whom. Must not know the board.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

from crisis import commands as c
from crisis.commands import Command
from crisis.errors import NotAllowed
from crisis.ids import AgencyId
from crisis.roles import (
    ANSWERING,
    DESK,
    DISPATCH,
    EVERYBODY,
    FIELD,
    PEOPLE,
    STAFFING,
    SYSTEM,
    Role,
)

_R = Role
Roles = frozenset[Role]


class Holder(Protocol):
    """Whoever holds roles in a county: an actor, or what an account was granted."""

    @property
    def roles(self) -> Roles:
        """What they may act as."""

    @property
    def agency_id(self) -> AgencyId | None:
        """The agency that they end at; ``None`` = the whole county."""


# How far a role reaches


class Reach(StrEnum):
    """How far a role reaches."""

    COUNTY = "county"
    #: A county-wide role of an account that ends at one agency.
    AGENCY = "agency"
    #: Their own team, its offers and runs, and the runs of whose crew they were.
    TEAM = "team"
    #: What is owed to people after a run, and the incidents that it is about.
    FOLLOW_UP = "follow_up"


#: Any other role reaches the whole county.
_REACH: Final[Mapping[Role, Reach]] = {
    _R.RESPONDER: Reach.TEAM,
    _R.REMOTE_CLINICIAN: Reach.TEAM,
    _R.FOLLOW_UP_WORKER: Reach.FOLLOW_UP,
}


def reaches(holder: Holder, roles: Roles) -> frozenset[Reach]:
    """Return how far they reach in those of ``roles`` that they hold."""
    found = {_REACH.get(role, Reach.COUNTY) for role in holder.roles & roles}
    if holder.agency_id is not None and Reach.COUNTY in found:
        found = (found - {Reach.COUNTY}) | {Reach.AGENCY}
    return frozenset(found)


def covers(holder: Holder, agency_id: AgencyId) -> bool:
    """Whether an agency's things lie within what their account ends at."""
    return holder.agency_id in {None, agency_id}


# Sending

_OWED: Final = DESK | FIELD | {_R.FOLLOW_UP_WORKER, _R.REMOTE_CLINICIAN}
_SHIFTS: Final = STAFFING | FIELD | {_R.DISPATCHER}
#: Command → who may send it.
SENDERS: Final[Mapping[type[Command], Roles]] = {
    # Calls
    c.OfferCall: DESK | {_R.INTEGRATION},
    c.AnswerCall: DESK,
    c.AbandonCall: DESK | {_R.INTEGRATION},
    c.HoldCall: DESK,
    c.ResumeCall: DESK,
    c.TransferCall: DESK,
    c.ConfirmTransfer: DESK | {_R.INTEGRATION},
    c.FailTransfer: DESK,
    c.EndCall: DESK,
    c.LoseCall: DESK | {_R.INTEGRATION},
    c.TakeCallInHand: ANSWERING,
    c.FlagCall: SYSTEM,
    # Incidents
    c.OpenIncident: DESK | {_R.INTEGRATION},
    c.StartScreening: DESK,
    c.Determine: DISPATCH,
    c.AmendIncident: DESK | FIELD,
    c.AddSlot: DISPATCH,
    c.DropSlot: DISPATCH,
    c.CancelIncident: DISPATCH,
    c.CloseIncident: DISPATCH,
    c.ReopenIncident: DISPATCH,
    c.MergeIncident: DISPATCH,
    c.SplitIncident: DISPATCH,
    c.AddNote: ANSWERING | _OWED,
    c.AddSubject: _OWED,
    c.AttachCall: DESK,
    c.HandOver: DESK,
    c.AcceptOwnership: DESK,
    c.TakeInHand: ANSWERING | {_R.LEAD},
    c.LeaveDesk: DESK | SYSTEM,
    c.FlagIncident: SYSTEM,
    # Offers
    c.OfferTeam: DISPATCH | SYSTEM,
    c.AcceptOffer: DISPATCH | FIELD,
    c.DeclineOffer: DISPATCH | FIELD,
    c.WithdrawOffer: DISPATCH,
    c.ExpireOffer: SYSTEM,
    c.EscalateSlot: SYSTEM,
    # Runs
    c.EnterAssignment: DISPATCH,
    c.ReportStatus: DISPATCH | FIELD,
    c.AcknowledgeHazards: DISPATCH | FIELD,
    c.ClearAssignment: DISPATCH | FIELD,
    c.RecordEncounter: DISPATCH | FIELD | {_R.REMOTE_CLINICIAN},
    c.DivertAssignment: DISPATCH,
    c.CancelAssignment: DISPATCH | FIELD,
    c.SettleClaim: DISPATCH,
    c.RemindClaim: SYSTEM,
    c.CorrectMilestone: frozenset({_R.SUPERVISOR, _R.LEAD, _R.COMPLIANCE}),
    c.SwapCrew: DISPATCH | FIELD | {_R.AGENCY_MANAGER},
    # Partners
    c.RequestPartner: DESK | FIELD,
    c.BriefPartner: DESK | FIELD,
    c.AcknowledgePartner: DESK | FIELD,
    c.PartnerOnScene: DESK | FIELD,
    c.PartnerGone: DESK | FIELD,
    c.PartnerDeclined: DESK | FIELD,
    # Obligations
    c.CreateObligation: _OWED,
    c.RecordAttempt: _OWED,
    c.CompleteObligation: _OWED,
    c.ExceptObligation: _OWED,
    c.ReassignObligation: DESK | {_R.FOLLOW_UP_WORKER, _R.AGENCY_MANAGER},
    c.MissObligation: SYSTEM,
    # Duress
    c.RaiseDuress: EVERYBODY,
    c.AcknowledgeDuress: ANSWERING,
    c.SendHelp: ANSWERING,
    c.ResolveDuress: ANSWERING,
    c.EscalateDuress: SYSTEM,
    # Roster
    c.RecordTeam: STAFFING,
    c.RecordResponder: STAFFING,
    c.PlanShift: STAFFING,
    c.CancelShift: STAFFING,
    c.StartShift: _SHIFTS,
    c.ChangeCrew: _SHIFTS,
    c.SetDuty: DISPATCH | FIELD,
    c.EndShift: _SHIFTS | SYSTEM,
    # Clockwork
    c.AlarmOverlooked: SYSTEM,
    c.AlarmUnreached: SYSTEM,
}


def comes_from_field(kind: type[Command]) -> bool:
    """Whether a crew may send it, and so from a phone with whatever clock it has."""
    return not SENDERS[kind].isdisjoint(FIELD)


# Everything else


class Right(NamedTuple):
    """Who may.

    Attributes:
        whole: only with an account that doesn't end at one agency.
        refusal: what everybody else is told.
    """

    roles: Roles
    whole: bool = False
    refusal: str = "Your roles don't open this."


_LEADING: Final = DESK | {_R.LEAD}


class Act:
    """What somebody may do or see, beside sending a command as such."""

    # Within a command: what not everybody may who may send it.
    SIT_AT_DESK: Final = Right(DESK)
    START_ANY_SHIFT: Final = Right(DESK | SYSTEM | STAFFING)
    END_SHIFT_DURING_OFFER: Final = Right(DESK | SYSTEM)
    END_THE_NEED: Final = Right(DESK | SYSTEM)
    TAKE_PARTNER_BACK: Final = Right(DESK | SYSTEM)
    CLOSE_UNKNOWN_HANDOFF: Final = Right(frozenset({_R.SUPERVISOR}))
    OWN_ANYTHING: Final = Right(frozenset({_R.SUPERVISOR}))
    SEND_FROM_DESK: Final = Right(SYSTEM | {_R.SUPERVISOR})
    REPORT_FOR_ANY_TEAM: Final = Right(DESK | SYSTEM | {_R.ADMIN})
    RAISE_FOR_OTHERS: Final = Right(DESK | SYSTEM | {_R.INTEGRATION, _R.ADMIN})
    SEE_TO_ANY_TEAMS_OWED: Final = Right(
        DESK | SYSTEM | {_R.FOLLOW_UP_WORKER, _R.REMOTE_CLINICIAN, _R.AGENCY_MANAGER}
    )
    # Reading and seeing.
    OPEN_ON_BOARD: Final = Right(ANSWERING)
    OPEN_OF_RUN: Final = Right(FIELD | {_R.REMOTE_CLINICIAN})
    OPEN_OWED: Final = Right(frozenset({_R.FOLLOW_UP_WORKER}))
    OPEN_WITH_PURPOSE: Final = Right(_LEADING | {_R.COMPLIANCE, _R.FOLLOW_UP_WORKER})
    OPEN_OF_AGENCY: Final = Right(
        _LEADING | {_R.COMPLIANCE, _R.FOLLOW_UP_WORKER, _R.AGENCY_MANAGER}
    )
    ERASE: Final = Right(frozenset({_R.SUPERVISOR, _R.COMPLIANCE}))
    SEE_COLLEAGUES: Final = Right(
        _LEADING | {_R.ADMIN}, True, "Who sits at the desk is for the desk and those who lead it."
    )
    LIST_INCIDENTS: Final = Right(
        _LEADING | {_R.COMPLIANCE},
        True,
        "The county's incidents are for its desk, lead and auditors.",
    )
    RANK: Final = Right(_LEADING, refusal="Rankings are for the county's desk.")
    SEE_TEAMS: Final = Right(
        _LEADING | STAFFING | {_R.COMPLIANCE, _R.FOLLOW_UP_WORKER, _R.INTEGRATION}
    )
    # Staff are tracked for dispatch, and for nothing else.
    SEE_PLACES: Final = Right(_LEADING | {_R.AGENCY_MANAGER})
    SEE_ROSTER: Final = Right(
        _LEADING | STAFFING, refusal="The roster is for those who staff and lead teams."
    )
    SEE_DEVICES: Final = Right(
        DISPATCH | {_R.ADMIN}, refusal="The phones of crews are for those who dispatch them."
    )
    # Whoever a rung of the ladder may call.
    SEE_DANGER: Final = Right(
        ANSWERING | STAFFING | {_R.LEAD},
        refusal="Alarms are for those who see to them.",
    )
    SCREEN: Final = Right(DESK | FIELD, refusal="The screening is for the desk and its teams.")
    READ_REPORTS: Final = Right(
        frozenset({_R.LEAD, _R.SUPERVISOR, _R.COMPLIANCE, _R.ADMIN, _R.INTEGRATION}),
        True,
        "A county's figures are for its lead, supervisors and auditors.",
    )
    # The administration.
    ADMINISTER: Final = Right(STAFFING, refusal="This account doesn't administer this county.")
    CONFIGURE: Final = Right(
        frozenset({_R.ADMIN}), True, "This is for the county's administrators."
    )
    # Being told.
    HEAR_OF_RESTORE: Final = Right(DESK | {_R.ADMIN})
    HEAR_OF_UNWRITTEN_HELP: Final = Right(ANSWERING | {_R.ADMIN})


def may(holder: Holder, act: Right) -> bool:
    """Whether one of their roles may, with an account as theirs."""
    covered = holder.agency_id is None or not act.whole
    return covered and not holder.roles.isdisjoint(act.roles)


def require(holder: Holder, act: Right) -> None:
    """Refuse who may not.

    Raises:
        NotAllowed: ``role``.
    """
    if not may(holder, act):
        raise NotAllowed("role", act.refusal)


# Views of the board


class RoleClass(StrEnum):
    """What kind of view of the board it is; the words are those of the wire."""

    #: Everything of the county, for those who work, lead or stand in for its desk.
    DESK = "desk"
    #: One agency's teams, shifts, alarms and runs.
    AGENCY = "agency"
    #: One team: itself, what it is asked or runs to, what it owes, its alarms.
    TEAM = "team"
    #: What is owed to people after a run.
    FOLLOW_UP = "follow_up"
    #: Counts and coarse rows, fit to hang on a wall.
    WALL = "wall"


_C = RoleClass
_DESKS: Final = (_C.DESK, _C.FOLLOW_UP, _C.WALL)
#: Role → the classes that it may follow, its usual one first.
CLASSES: Final[Mapping[Role, tuple[RoleClass, ...]]] = {
    _R.CALL_TAKER: _DESKS,
    _R.DISPATCHER: _DESKS,
    _R.SUPERVISOR: _DESKS,
    _R.LEAD: _DESKS,
    _R.AGENCY_MANAGER: (_C.AGENCY, _C.WALL),
    _R.RESPONDER: (_C.TEAM,),
    _R.REMOTE_CLINICIAN: (_C.TEAM,),
    _R.FOLLOW_UP_WORKER: (_C.FOLLOW_UP, _C.WALL),
    _R.COMPLIANCE: (_C.WALL,),
    _R.ON_CALL: (_C.DESK, _C.WALL),
    _R.ADMIN: (_C.WALL,),
    _R.INTEGRATION: (_C.WALL,),
    _R.SYSTEM: (),
}
#: Classes that show the whole county: closed to accounts that end at one agency.
_COUNTY_WIDE: Final = frozenset({_C.DESK, _C.FOLLOW_UP})


def classes_of(holder: Holder) -> frozenset[RoleClass]:
    """Return the classes of view that they may follow."""
    open_to = frozenset(one for role in holder.roles for one in CLASSES[role])
    if holder.agency_id is not None and open_to & _COUNTY_WIDE:
        open_to = (open_to - _COUNTY_WIDE) | {_C.AGENCY}
    return open_to


# Pages


class Page(StrEnum):
    """A page that people work with."""

    BOARD = "board"
    ON_CALL = "on-call"
    PHONE = "phone"
    FOLLOW_UP = "follow-up"
    REPORTS = "reports"
    WALL = "wall"
    ADMIN = "admin"


_FIELD_FIRST: Final = FIELD | {_R.REMOTE_CLINICIAN}
#: Who works with what stands there: their account page leads to it. What each may see there is
#: judged by each request.
WORKS_WITH: Final[Mapping[Page, Roles]] = {
    Page.BOARD: _LEADING,
    Page.ON_CALL: frozenset({_R.ON_CALL}),
    Page.PHONE: _FIELD_FIRST,
    Page.FOLLOW_UP: DESK | {_R.FOLLOW_UP_WORKER},
    Page.REPORTS: Act.READ_REPORTS.roles & PEOPLE,
    Page.WALL: frozenset(role for role in PEOPLE if _C.WALL in CLASSES[role]),
    Page.ADMIN: Act.ADMINISTER.roles,
}
#: The first whose roles somebody has, and none of the others that are named, is where they begin.
_FIRST: Final[tuple[tuple[Page, Roles, Roles], ...]] = (
    (Page.BOARD, DESK, frozenset()),
    (Page.ON_CALL, frozenset({_R.ON_CALL}), _FIELD_FIRST),
    (Page.PHONE, _FIELD_FIRST, frozenset()),
    (Page.FOLLOW_UP, frozenset({_R.FOLLOW_UP_WORKER}), frozenset()),
    (Page.ADMIN, STAFFING, frozenset({_R.LEAD, _R.COMPLIANCE})),
)


def first_page(roles: Roles) -> Page:
    """Return the page that somebody with these roles works with first."""
    return next(
        (page for page, need, without in _FIRST if roles & need and not roles & without),
        Page.REPORTS,
    )

"""May this team go? All the reasons against it, at the cost of microseconds per team.

The one judge of teams and crews: ranking, offer, shift start, arrival and crew change ask here.

Judging a crew walks over its people, needs and hazards; a county has many crews and they change
seldom. So each crew is judged once against every need and hazard that there is, and an incident
then only looks its own up. Must not know how teams compare.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from crisis.board import Board
from crisis.ids import IncidentId, ResponderId, SlotNo, TeamId
from crisis.incident.state import Incident
from crisis.offer import Offer, OfferState
from crisis.policy import CountyPolicy
from crisis.reasons import Reason, ReasonCode
from crisis.responder import Presence, Responder
from crisis.rules import Rules
from crisis.staffing import CrewAssessment, IncidentNeeds, assess_crew, incident_needs
from crisis.standards import local_day
from crisis.team import Duty, Team
from crisis.triage import Hazard, Need
from geo.point import Point
from geo.zone import AreaMap

_LONE_BARS = frozenset(
    {
        ReasonCode.LONE_BARRED_NO_SOLO,
        ReasonCode.LONE_BARRED_WEAPON,
        ReasonCode.LONE_BARRED_UNKNOWN_SCENE,
    }
)
_NEEDS = frozenset({ReasonCode.HARD_NEED_UNMET, ReasonCode.SOFT_NEED_UNMET})

_RETIRED = (Reason(code=ReasonCode.RETIRED, sentence="The team is no longer in use."),)
_OFF_SHIFT = (Reason(code=ReasonCode.OFF_SHIFT, sentence="Off shift."),)
_ENDING = (Reason(code=ReasonCode.ENDING, sentence="Its shift is over; it finishes what is open."),)
_LENT = (Reason(code=ReasonCode.LENT, sentence="Lent to another county."),)
_IN_DURESS = (Reason(code=ReasonCode.IN_DURESS, sentence="The team has an open alarm."),)
_OUTSIDE_ZONE = (
    Reason(code=ReasonCode.OUTSIDE_ZONE, sentence="The place lies outside the team's zones."),
)
_ZONE_NOT_LOADED = (
    Reason(
        code=ReasonCode.ZONE_NOT_LOADED,
        sentence="No outline of the team's zone is loaded; check that it serves this place.",
        hard=False,
    ),
)
_DECLINED = (
    Reason(
        code=ReasonCode.DECLINED_BEFORE, sentence="Declined this before; asked last.", hard=False
    ),
)
_EXPIRED = (
    Reason(
        code=ReasonCode.EXPIRED_BEFORE, sentence="Did not answer before; asked last.", hard=False
    ),
)


@dataclass(frozen=True, slots=True, eq=False)
class CrewProfile:
    """A crew judged once, for any incident; the same object for all crews that are alike.

    Attributes:
        base: what it lacks whatever the incident.
        unmet: codes of the needs that it does not meet.
        bars: hazard code → what bars its one member on site; empty for any other crew.
    """

    base: tuple[Reason, ...]
    unmet: frozenset[str]
    bars: Mapping[str, tuple[Reason, ...]]


@dataclass(frozen=True, slots=True)
class _Known:
    """A profile, and the very objects that it was made of."""

    team: Team
    responders: Mapping[ResponderId, Responder]
    members: tuple[Responder | None, ...]
    profile: CrewProfile


class _Judged:
    """The profiles of one county's crews under one set of rules."""

    def __init__(
        self, rules: Rules, on: date, needs: frozenset[str], hazards: frozenset[str]
    ) -> None:
        self.rules, self.on = rules, on
        self.needs, self.hazards = needs, hazards
        self._asked = IncidentNeeds(
            needs=tuple(Need(code=code) for code in sorted(needs)),
            hazards=tuple(Hazard(code=code) for code in sorted(hazards)),
        )
        self._known: dict[TeamId, _Known] = {}
        # The same by the team's object: hashing a UUID costs more than all the rest of a look-up.
        # An entry holds its team, so that no other object can take over its number.
        self._by_object: dict[int, _Known] = {}
        # One object for equal things: thousands of crews lack the same few.
        self._reasons: dict[Reason, Reason] = {}
        self._profiles: dict[object, CrewProfile] = {}

    def holds_for(
        self, rules: Rules, on: date, needs: frozenset[str], hazards: frozenset[str]
    ) -> bool:
        mine = self.rules
        # Equal is enough; the same objects, as a service has them, are told in no time.
        return (
            (mine.policy is rules.policy or mine.policy == rules.policy)
            and (mine.codes is rules.codes or mine.codes == rules.codes)
            and (mine.standards is rules.standards or mine.standards == rules.standards)
            and mine.lpha_reachable == rules.lpha_reachable
            and self.on == on
            and needs <= self.needs
            and hazards <= self.hazards
        )

    def profile(self, team: Team, responders: Mapping[ResponderId, Responder]) -> CrewProfile:
        known = self._by_object.get(id(team))
        if known is not None and known.team is team and known.responders is responders:
            return known.profile
        return self._judge(team, responders)

    def _judge(self, team: Team, responders: Mapping[ResponderId, Responder]) -> CrewProfile:
        members = tuple([responders.get(member.responder_id) for member in team.crew])
        known = self._known.get(team.id)
        if (
            known is not None
            and known.members == members
            and known.team.crew == team.crew
            and known.team.telehealth == team.telehealth
            and known.team.capabilities == team.capabilities
        ):
            profile = known.profile
        else:
            profile = self._profile(assess(team, responders, self._asked, self.rules, self.on))
        if len(self._by_object) > _MOST_TEAMS:
            self._by_object.clear()
            self._known.clear()
            self._profiles.clear()
        self._known[team.id] = self._by_object[id(team)] = _Known(
            team, responders, members, profile
        )
        return profile

    def _profile(self, assessment: CrewAssessment) -> CrewProfile:
        base: list[Reason] = []
        bars: dict[str, tuple[Reason, ...]] = {}
        unmet: set[str] = set()
        for shortfall in assessment.shortfalls:
            subject = shortfall.subject
            if shortfall.code in _NEEDS and subject is not None:
                unmet.add(subject)
            elif shortfall.code in _LONE_BARS and subject is not None:
                bars[subject] = (
                    *bars.get(subject, ()),
                    self._one(shortfall),
                )
            else:
                base.append(self._one(shortfall))
        made = CrewProfile(base=tuple(base), unmet=frozenset(unmet), bars=bars)
        alike = (made.base, made.unmet, tuple(sorted(bars.items())))
        return self._profiles.setdefault(alike, made)

    def _one(self, reason: Reason) -> Reason:
        return self._reasons.setdefault(reason, reason)


#: So many states of teams are remembered before the memo starts anew.
_MOST_TEAMS = 20_000
#: Rules in force at once in one process: the live ones, a change at midnight, a simulation.
_MOST_RULES = 4


class CrewMemo:
    """Remembers crews that were judged; never changes an answer.

    A profile is used again only for the very same crew, people and rules, so that boards of
    different moments, or of a simulation beside the live one, may share a memo. Safe to share
    between threads: entries are replaced whole.
    """

    def __init__(self) -> None:
        self._judged: tuple[_Judged, ...] = ()

    def under(
        self, rules: Rules, on: date, needs: frozenset[str], hazards: frozenset[str]
    ) -> _Judged:
        """Return the profiles under these rules, for at least these needs and hazards."""
        for held in self._judged:
            if held.holds_for(rules, on, needs, hazards):
                return held
        index = rules.codes.index
        made = _Judged(
            rules,
            on,
            needs | {code for kind, code in index if kind == "need"},
            hazards | {code for kind, code in index if kind == "hazard"},
        )
        self._judged = (made, *self._judged)[:_MOST_RULES]
        return made


#: Of the whole process; whoever ranks for many counties may hold one of their own.
SHARED_MEMO = CrewMemo()


def assess(
    team: Team,
    responders: Mapping[ResponderId, Responder],
    needs: IncidentNeeds,
    rules: Rules,
    on: date,
) -> CrewAssessment:
    """Judge a team's present crew; members whom the roster doesn't know supply nothing."""
    return assess_crew(
        [
            Presence(
                responder=responders[member.responder_id],
                mode=member.mode,
                carries_naloxone=member.carries_naloxone,
            )
            for member in team.crew
            if member.responder_id in responders
        ],
        needs,
        on,
        lpha_reachable=rules.lpha_reachable,
        telehealth=team.telehealth,
        policy=rules.policy,
        codes=rules.codes,
        capabilities=frozenset(team.capabilities),
        standards=rules.standards,
    )


def judge_crew(
    board: Board, rules: Rules, team: Team, at: datetime, incident: Incident | None = None
) -> CrewAssessment:
    """Judge the team's crew as of the local day of ``at``.

    ``incident``: that it would be there for, judged under its own policy; ``None`` = none in
    particular.
    """
    needs = IncidentNeeds()
    if incident is not None:
        rules = rules.under(incident.policy_version)
        needs = incident_needs(incident.needs, incident.danger, rules.policy)
    return assess(team, board.responders, needs, rules, local_day(at, rules.policy.tz()))


def _only_ranks(rules: Rules, code: str) -> bool:
    known = rules.codes.find("need", code)
    return known is not None and "ranking" in known.attributes


class Asking:
    """One slot of one incident, prepared to be asked of many teams.

    Args:
        slot: ``None`` = any: then nobody counts as asked before.
        now: its local day counts.
        rules: under the incident's own policy (``Rules.under``).
        memo: crews judged before.
    """

    def __init__(
        self,
        board: Board,
        incident: Incident,
        slot: SlotNo | None,
        now: datetime,
        rules: Rules,
        memo: CrewMemo = SHARED_MEMO,
    ) -> None:
        self.board = board
        self.rules = rules
        clinical = incident.clinical
        self.point: Point | None = clinical.point or incident.place.cell
        self.needs = incident_needs(incident.needs, incident.danger, rules.policy)
        hazards = {hazard.code for hazard in self.needs.hazards}
        self.hazards = tuple(sorted(hazards))
        only_rank = {n.code for n in self.needs.needs if _only_ranks(rules, n.code)}
        # A hint to the ranking bars nobody, however strongly it was wished for.
        self.soft = tuple(
            dict.fromkeys(n.code for n in self.needs.needs if not n.hard or n.code in only_rank)
        )
        self.known_to = frozenset(
            n.team_id for n in incident.needs if n.team_id is not None and n.code in only_rank
        )
        self._hard = self._hard_needs()
        self.judged = memo.under(
            rules,
            local_day(now, rules.policy.tz()),
            frozenset(need.code for need in self.needs.needs),
            frozenset(hazards),
        )
        self._responders = board.responders
        self._runs = board.runs
        self._asked = _asked_before(incident, slot)
        self._in_danger = {alarm.team_id for alarm in board.duress.values() if alarm.is_open}
        #: Teams against which something speaks that is not of their kind.
        self.apart = self._in_danger | self._asked.keys()
        self._zones: dict[tuple[str, ...], tuple[Reason, ...]] = {}
        self._here: frozenset[str] | None = None
        self._unavailable: dict[str | None, tuple[Reason, ...]] = {}
        self._busy_with: dict[tuple[str, IncidentId | None], tuple[Reason, ...]] = {}

    def crew(self, team: Team) -> CrewProfile:
        """Return what is known of the team's crew."""
        return self.judged.profile(team, self._responders)

    def why_not(self, team: Team) -> tuple[Reason, ...]:
        """Return everything that speaks against the team but its position; empty = nothing."""
        found = self.of_kind(team, in_danger=team.id in self._in_danger)
        return found + self._asked.get(team.id, ())

    def kind(self, team: Team) -> tuple[object, ...]:
        """Return all of the team that ``of_kind`` looks at."""
        return (
            team.duty,
            team.retired,
            team.lent_to is None,
            team.unavailable_reason,
            team.offer and team.offer[0],
            team.run and team.run[0],
            team.claims,
            team.zones,
            None if team.duty is Duty.OFF_SHIFT else self.crew(team),
        )

    def of_kind(self, team: Team, *, in_danger: bool = False) -> tuple[Reason, ...]:
        """Return what speaks against the team and all others of its ``kind``.

        A team off shift has no crew to judge. Most teams share one of few tuples of reasons, to
        which an empty one adds nothing: that spares the collector thousands of objects.
        """
        duty = team.duty
        found: tuple[Reason, ...] = ()
        if duty is not Duty.AVAILABLE or team.retired or team.lent_to is not None:
            found = self._on_duty(team)
        if not team.is_free:
            found += self._elsewhere(team)
        if in_danger:
            found += _IN_DURESS
        if team.zones and self.point is not None:
            found += self._zone(team.zones)
        if duty is not Duty.OFF_SHIFT:
            profile = self.crew(team)
            found += profile.base
            for code, reason in self._hard:
                if code in profile.unmet:
                    found += reason
            if profile.bars:
                for code in self.hazards:
                    found += profile.bars.get(code, ())
        return found

    def may_ask(self, team: Team) -> bool:
        """Whether nothing hard speaks against the team, its position aside."""
        return not any(reason.hard for reason in self.why_not(team))

    def _on_duty(self, team: Team) -> tuple[Reason, ...]:
        found: tuple[Reason, ...] = _RETIRED if team.retired else ()
        match team.duty:
            case Duty.OFF_SHIFT:
                found += _OFF_SHIFT
            case Duty.UNAVAILABLE:
                found += self._unavailable_for(team.unavailable_reason)
            case Duty.ENDING:
                found += _ENDING
            case Duty.AVAILABLE:
                pass
        return found if team.lent_to is None else found + _LENT

    def _elsewhere(self, team: Team) -> tuple[Reason, ...]:
        """Return what it is asked about, runs to, or reports being at though its run is over."""
        found: tuple[Reason, ...] = ()
        if team.offer is not None:
            found += self._busy(ReasonCode.BUSY_OFFER, "Asked about", team.offer[0])
        if team.run is not None:
            found += self._busy(ReasonCode.BUSY_RUN, "On a run:", team.run[0])
        for run_id in team.claims:
            at = self._runs.get(run_id)
            found += self._busy(ReasonCode.BUSY_RUN, "Reports being at", at)
        return found

    def _busy(
        self, code: ReasonCode, what: str, incident_id: IncidentId | None
    ) -> tuple[Reason, ...]:
        made = self._busy_with.get((what, incident_id))
        if made is None:
            incident = None if incident_id is None else self.board.incidents.get(incident_id)
            number = None if incident is None else str(incident.number)
            sentence = f"{what} incident {number or 'off the board'}."
            made = (Reason(code=code, sentence=sentence, subject=number),)
            self._busy_with[what, incident_id] = made
        return made

    def _unavailable_for(self, reason: str | None) -> tuple[Reason, ...]:
        made = self._unavailable.get(reason)
        if made is None:
            known = self.rules.codes.find("unavailable_reason", reason) if reason else None
            sentence = f"Unavailable: {known.label.lower() if known else 'no reason given'}."
            made = (Reason(code=ReasonCode.UNAVAILABLE, sentence=sentence, subject=reason),)
            self._unavailable[reason] = made
        return made

    def _hard_needs(self) -> tuple[tuple[str, tuple[Reason, ...]], ...]:
        """Return the hard needs with the reason that bars a crew without them.

        Nobody meets anything: an empty crew's shortfalls hold the sentence of each need.
        """
        hard = IncidentNeeds(needs=tuple(need for need in self.needs.needs if need.hard))
        nobody = assess_crew(
            (),
            hard,
            self.rules.codes.on,
            lpha_reachable=True,
            telehealth=None,
            policy=self.rules.policy,
            codes=self.rules.codes,
            standards=self.rules.standards,
        )
        unmet = {
            shortfall.subject: (shortfall,)
            for shortfall in nobody.shortfalls
            if shortfall.code is ReasonCode.HARD_NEED_UNMET and shortfall.subject is not None
        }
        return tuple(unmet.items())

    def _zone(self, zones: tuple[str, ...]) -> tuple[Reason, ...]:
        if zones not in self._zones:
            if self._here is None:
                self._here = _names_here(self.rules.areas, self.point)
            self._zones[zones] = _against_zones(self.rules.areas, self._here, zones)
        return self._zones[zones]


def _names_here(areas: AreaMap, point: Point | None) -> frozenset[str]:
    held = [zone for zone in areas.zones if point is not None and zone.holds(point)]
    return frozenset(name for zone in held for name in (zone.zone_id, zone.name))


def _against_zones(
    areas: AreaMap, here: frozenset[str], zones: Iterable[str]
) -> tuple[Reason, ...]:
    """Bar a team only by outlines that are loaded: a missing map must not hide a team."""
    wanted = frozenset(zones)
    if wanted & here:
        return ()
    if wanted <= {name for zone in areas.zones for name in (zone.zone_id, zone.name)}:
        return _OUTSIDE_ZONE
    return _ZONE_NOT_LOADED


def _asked_before(incident: Incident, slot: SlotNo | None) -> dict[TeamId, tuple[Reason, ...]]:
    asked: dict[TeamId, tuple[Reason, ...]] = {}
    for offer in incident.offers:
        if offer.slot == slot and offer.state is OfferState.DECLINED:
            asked[offer.team_id] = _DECLINED
        elif offer.slot == slot and offer.state is OfferState.EXPIRED:
            asked[offer.team_id] = _EXPIRED
    return asked


def why_not(
    board: Board, incident: Incident, slot: SlotNo, team: Team, now: datetime, rules: Rules
) -> tuple[Reason, ...]:
    """Return everything that speaks against one team, its position aside; empty = nothing.

    For the check at the offer, which a ranking made a moment ago does not replace. The team may be
    asked when none of the reasons is hard. Judged under the incident's own policy.
    """
    rules = rules.under(incident.policy_version)
    return Asking(board, incident, slot, now, rules).why_not(team)


def is_persons_turn(
    incident: Incident, no: SlotNo, policy: CountyPolicy, *, without: Offer | None = None
) -> bool:
    """Whether a person is to ask the slot's first team; see ``Incident.was_asked``."""
    return not policy.offers.auto_offer and not incident.was_asked(no, without=without)

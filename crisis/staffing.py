"""Who may lawfully go: the staffing predicate of a crew for an incident, with all its reasons.

Decides whether a crew counts as a mobile crisis team on a day, and what it lacks otherwise. Asked
at the offer, at arrival and at each crew change. Must not know where teams are or who is free.

The predicate, after BHIN 23-025: two qualifying, core-trained providers, one of whom may join by
telehealth where delay and safety were determined; on site a trained naloxone carrier and someone
trained to assess; a licensed professional in the crew or within reach. Only members who count
themselves can supply any of it, and law enforcement never counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from crisis.codes import Code, CodeSets
from crisis.ids import ResponderId
from crisis.incident.danger import SCREENING, Danger
from crisis.policy import CountyPolicy
from crisis.reasons import Cure, Reason, ReasonCode
from crisis.responder import (
    Presence,
    PresenceMode,
    Uncounted,
    fills,
    is_competent,
    is_lpha,
    why_uncounted,
)
from crisis.shapes import Value
from crisis.standards import Standards, packaged
from crisis.triage import Hazard, Need

#: The hazard of a scene about which not everything was answered that must be.
UNKNOWN_SCENE = "unknown_scene"


class TelehealthSecond(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The decision to let the second member join by telehealth.

    Attributes:
        marked_delay: otherwise there would be a marked delay.
        no_safety_concern: no safety concern for the person or the member on site.
        member: who joins remotely; ``None`` = not named yet.
        approved_by: account or role of the approver, never a name; ``None`` = not approved.
    """

    marked_delay: bool = False
    no_safety_concern: bool = False
    member: ResponderId | None = None
    approved_by: str | None = None
    approved_at: datetime | None = None


class IncidentNeeds(Value, frozen=True, kw_only=True):
    """What an incident asks of a crew; build it with ``incident_needs``."""

    needs: tuple[Need, ...] = ()
    hazards: tuple[Hazard, ...] = ()


class CrewAssessment(Value, frozen=True, kw_only=True):
    """The judgement of a crew.

    Attributes:
        counted_on_site, counted_remote: members who count, each person once.
        uncounted: members who don't, with all reasons.
        shortfalls: hard ones first.
        possible_with_telehealth: all that is missing is a second member, and one by telehealth
            would do.
    """

    counted_on_site: tuple[ResponderId, ...]
    counted_remote: tuple[ResponderId, ...]
    uncounted: tuple[tuple[ResponderId, tuple[Uncounted, ...]], ...]
    shortfalls: tuple[Reason, ...]
    possible_with_telehealth: bool

    @property
    def is_valid(self) -> bool:
        """Whether the crew may go: nothing hard is missing."""
        return not any(shortfall.hard for shortfall in self.shortfalls)

    @property
    def hard(self) -> tuple[Reason, ...]:
        """What bars it."""
        return tuple(shortfall for shortfall in self.shortfalls if shortfall.hard)


def incident_needs(needs: Sequence[Need], danger: Danger, policy: CountyPolicy) -> IncidentNeeds:
    """Return what an incident asks of a crew.

    A scene that isn't known is a hazard of its own, unless the policy says otherwise: a blank never
    reads as safe.
    """
    hazards = danger.hazards
    if not danger.scene_known and policy.lone.unanswered_is_unknown_scene:
        unknown = Hazard(code=UNKNOWN_SCENE, source=SCREENING)
        hazards = hazards if UNKNOWN_SCENE in danger.codes else (*hazards, unknown)
    return IncidentNeeds(needs=tuple(needs), hazards=hazards)


def assess_crew(
    crew: Sequence[Presence],
    needs: IncidentNeeds,
    on: date,
    *,
    lpha_reachable: bool,
    telehealth: TelehealthSecond | None,
    policy: CountyPolicy,
    codes: CodeSets,
    capabilities: frozenset[str] = frozenset(),
    standards: Standards | None = None,
) -> CrewAssessment:
    """Judge a crew for an incident.

    Args:
        crew: members, on site and remote; a person named twice counts once, on site first.
        on: local day of the judgement; training and licences are read as of that day.
        lpha_reachable: a licensed professional outside the crew can be reached, by phone or video.
        telehealth: the decision for a remote second; ``None`` = none was taken. Not asked of a
            crew with two counting members on site, whose remote member is an extra.
        capabilities: codes of what the team as such offers (vehicle, dress).
    """
    reasons = {p.responder.id: why_uncounted(p.responder, on, codes, standards) for p in crew}
    counted = [p for p in crew if not reasons[p.responder.id]]
    on_site = [p for p in counted if not p.mode.is_telehealth]
    here = {p.responder.id for p in on_site}
    remote = [p for p in counted if p.mode.is_telehealth and p.responder.id not in here]
    found = [
        *_members(on_site, remote, telehealth, policy, on, standards),
        *_lone(len(here), needs, policy, codes),
        *_skills(on_site, remote, lpha_reachable, on, codes),
        *_unmet(needs, [*on_site, *remote], on_site, capabilities, on, codes),
    ]
    hard = {shortfall.code for shortfall in found if shortfall.hard}
    return CrewAssessment(
        counted_on_site=tuple(dict.fromkeys(p.responder.id for p in on_site)),
        counted_remote=tuple(dict.fromkeys(p.responder.id for p in remote)),
        uncounted=tuple((who, why) for who, why in reasons.items() if why),
        shortfalls=tuple(sorted(found, key=lambda shortfall: not shortfall.hard)),
        possible_with_telehealth=(
            hard == {ReasonCode.SECOND_MEMBER_MISSING} and policy.telehealth.allowed
        ),
    )


def _hard(code: ReasonCode, sentence: str, cure: Cure, subject: str | None = None) -> Reason:
    return Reason(code=code, sentence=sentence, hard=True, curable_by=cure, subject=subject)


def _members(
    on_site: Sequence[Presence],
    remote: Sequence[Presence],
    telehealth: TelehealthSecond | None,
    policy: CountyPolicy,
    on: date,
    standards: Standards | None,
) -> list[Reason]:
    """Two members who count, at most one of them remote and then properly decided."""
    book = packaged() if standards is None else standards
    here = {p.responder.id for p in on_site}
    away = {p.responder.id for p in remote}
    required = book.number("team.providers_required", on)
    found: list[Reason] = []
    if len(away) > book.number("team.telehealth_maximum", on):
        found.append(
            _hard(
                ReasonCode.TOO_MANY_TELEHEALTH,
                "More than one member takes part by telehealth.",
                Cure.FEWER_TELEHEALTH,
            )
        )
    if not here:
        found.append(
            _hard(
                ReasonCode.NOBODY_ON_SITE,
                "No member on site counts as a provider.",
                Cure.SECOND_ON_SITE,
            )
        )
    if len(here) >= required:
        return found
    if len(here) + len(away) < required:
        remote_would_do = len(here) == required - 1 and policy.telehealth.allowed
        found.append(
            _hard(
                ReasonCode.SECOND_MEMBER_MISSING,
                "Only one member counts as a provider; two are needed."
                if here or away
                else "No member counts as a provider; two are needed.",
                Cure.TELEHEALTH_SECOND if remote_would_do else Cure.SECOND_ON_SITE,
            )
        )
    if away:
        found += _telehealth(remote, telehealth or TelehealthSecond(), policy)
    return found


def _telehealth(
    remote: Sequence[Presence], decision: TelehealthSecond, policy: CountyPolicy
) -> list[Reason]:
    code = ReasonCode
    by_audio = all(p.mode is PresenceMode.TELEHEALTH_AUDIO for p in remote)
    faults = (
        (
            not policy.telehealth.allowed,
            code.TELEHEALTH_NOT_ALLOWED,
            "The county doesn't let the second member join by telehealth.",
            Cure.SECOND_ON_SITE,
        ),
        (
            by_audio and not policy.telehealth.audio_only,
            code.TELEHEALTH_AUDIO_NOT_ALLOWED,
            "The remote member must join by video.",
            Cure.VIDEO,
        ),
        (
            not decision.marked_delay,
            code.TELEHEALTH_DELAY_NOT_DETERMINED,
            "Nobody has determined that waiting for a second member would delay the response.",
            Cure.DETERMINE_DELAY,
        ),
        (
            not decision.no_safety_concern,
            code.TELEHEALTH_SAFETY_NOT_DETERMINED,
            "Nobody has determined that one member on site is safe.",
            Cure.DETERMINE_SAFETY,
        ),
        (
            decision.member not in {p.responder.id for p in remote},
            code.TELEHEALTH_MEMBER_NOT_NAMED,
            "The member who joins by telehealth is not named in the decision.",
            Cure.NAME_MEMBER,
        ),
        (
            decision.approved_by is None,
            code.TELEHEALTH_NOT_APPROVED,
            "The telehealth second is not approved.",
            Cure.APPROVAL,
        ),
    )
    return [_hard(code, sentence, cure) for failed, code, sentence, cure in faults if failed]


_LONE_BARS = (
    ("no_solo", ReasonCode.LONE_BARRED_NO_SOLO, "One member alone must not go: {label}."),
    (
        "weapon",
        ReasonCode.LONE_BARRED_WEAPON,
        "One member alone must not go to a weapon: {label}.",
    ),
    (
        "unknown_scene",
        ReasonCode.LONE_BARRED_UNKNOWN_SCENE,
        "One member alone must not go to a scene that isn't known.",
    ),
)


def _lone(
    on_site: int, needs: IncidentNeeds, policy: CountyPolicy, codes: CodeSets
) -> list[Reason]:
    """Hazards bar a lone member, with or without a remote second.

    Someone else on site who doesn't count (an officer, a trainee) changes nothing.
    """
    if on_site != 1:
        return []
    found: list[Reason] = []
    if not policy.lone.allowed:
        found.append(
            _hard(
                ReasonCode.LONE_NOT_ALLOWED,
                "The county doesn't send one member alone.",
                Cure.SECOND_ON_SITE,
            )
        )
    for hazard in needs.hazards:
        known = codes.find("hazard", hazard.code)
        # A hazard that no list knows is one that nobody can judge.
        flags = known.flags if known is not None else frozenset({"unknown_scene"})
        label = known.label.lower() if known is not None else "unlisted hazard"
        found += [
            _hard(code, sentence.format(label=label), Cure.SECOND_ON_SITE, hazard.code)
            for flag, code, sentence in _LONE_BARS
            if flag in flags
        ]
    return found


def _skills(
    on_site: Sequence[Presence],
    remote: Sequence[Presence],
    lpha_reachable: bool,
    on: date,
    codes: CodeSets,
) -> list[Reason]:
    found: list[Reason] = []
    trained = [p for p in on_site if p.responder.naloxone_trained]
    if not any(p.carries_naloxone for p in trained):
        found.append(
            _hard(
                ReasonCode.NO_NALOXONE_CARRIER,
                "No member on site who is trained in naloxone carries it."
                if trained
                else "No member on site is trained in naloxone.",
                Cure.CARRY_NALOXONE if trained else Cure.NALOXONE_TRAINED_MEMBER,
            )
        )
    if not any(p.responder.can_assess for p in on_site):
        found.append(
            _hard(
                ReasonCode.NO_ASSESSOR_ON_SITE,
                "No member on site is trained to conduct the crisis assessment.",
                Cure.ASSESSOR,
            )
        )
    if not lpha_reachable and not any(is_lpha(p.responder, codes) for p in (*on_site, *remote)):
        found.append(
            _hard(
                ReasonCode.NO_LPHA,
                "No licensed professional is in the crew or within reach.",
                Cure.LPHA_ON_CALL,
            )
        )
    return found


def _unmet(
    needs: IncidentNeeds,
    counted: Sequence[Presence],
    on_site: Sequence[Presence],
    capabilities: frozenset[str],
    on: date,
    codes: CodeSets,
) -> list[Reason]:
    found: list[Reason] = []
    for need in needs.needs:
        known = codes.find("need", need.code)
        if known is not None and _meets(known, counted, on_site, capabilities, on, codes):
            continue
        label = known.label if known is not None else need.code
        found.append(
            Reason(
                code=(ReasonCode.HARD_NEED_UNMET if need.hard else ReasonCode.SOFT_NEED_UNMET),
                sentence=f"Needed and not in this crew: {label}.",
                hard=bool(need.hard),
                curable_by=Cure.OTHER_TEAM,
                subject=need.code,
            )
        )
    return found


def _meets(
    need: Code,
    counted: Sequence[Presence],
    on_site: Sequence[Presence],
    capabilities: frozenset[str],
    on: date,
    codes: CodeSets,
) -> bool:
    for kind, wanted in need.attributes.items():
        match kind:
            case "language":
                met = any(wanted in p.responder.languages for p in counted)
            case "competency":
                met = any(is_competent(p.responder, wanted, on, codes) for p in counted)
            case "capability":
                met = wanted in capabilities
            case "member":
                met = any(fills(p.responder, wanted, codes) for p in on_site)
            case _:
                met = True  # ranking hints are judged where teams are compared
        if not met:
            return False
    return True

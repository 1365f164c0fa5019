"""What a county may tune, as one versioned value with documented defaults.

Decides which policy holds at an instant, whether a given one makes sense, and how two differ. An
incident keeps the policy version it opened under: an edit at noon changes no running escalation.
Regulatory facts stand in ``standards``; a policy may be stricter, never looser. Must not know
where policies are kept.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, get_type_hints
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from crisis.errors import Invalid, Unavailable
from crisis.names import likely
from crisis.roles import PEOPLE, Role
from crisis.shapes import Value
from crisis.standards import FollowupRule, utc
from crisis.triage import Acuity
from geo.fix import DEFAULT_LIMITS, PlausibilityLimits
from geo.travel import DEFAULT_PARAMETERS, EstimateParameters

Seconds = Annotated[float, msgspec.Meta(gt=0, le=7 * 86_400)]
Share = Annotated[float, msgspec.Meta(gt=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=0, le=100)]


class PerAcuity(Value, frozen=True, kw_only=True):
    """Seconds for each acuity."""

    emergent: Seconds
    urgent: Seconds
    routine: Seconds

    def of(self, acuity: Acuity) -> float:
        """Return the seconds of one acuity."""
        match acuity:
            case Acuity.EMERGENT:
                return self.emergent
            case Acuity.URGENT:
                return self.urgent
            case Acuity.ROUTINE:
                return self.routine


class RungKind(StrEnum):
    """Who is asked when the team before did not take the slot."""

    NEXT_BEST = "next_best"
    SUPERVISOR = "supervisor"
    PARTNER = "partner"
    LOAN = "loan"
    ON_CALL = "on_call"


class Rung(Value, frozen=True, kw_only=True):
    """One step of the ladder.

    ``delay_s``: seconds from the rung before until this one is tried; 0 = at once. The first comes
    after the last team that was asked, or the instant until which a person had to ask one.
    """

    kind: RungKind
    delay_s: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 0.0


class Rationale(StrEnum):
    """When sending a team needs a reason: a code, or words that are kept encrypted."""

    NEVER = "never"
    WHEN_AGAINST = "when_against"
    ALWAYS = "always"


class ScreeningPolicy(Value, frozen=True, kw_only=True):
    """The dispatch tool: it suggests, a person decides."""

    #: when sending a team needs a reason; when_against: if it is less pressing than suggested
    rationale: Rationale = Rationale.NEVER


class OfferPolicy(Value, frozen=True, kw_only=True):
    """How teams are asked."""

    #: seconds that a team has to answer
    window_s: PerAcuity = PerAcuity(emergent=60, urgent=90, routine=180)
    #: the window never takes more than this part of the time left to the response deadline ...
    max_share_of_remaining: Share = 0.1
    #: ... nor less than this many seconds
    shortest_window_s: Seconds = 30
    #: False = a person confirms each offer; True = the best team is asked without a person
    auto_offer: bool = False
    #: where a person asks the first team: after these seconds without an offer the ladder climbs
    person_s: PerAcuity = PerAcuity(emergent=120, urgent=300, routine=900)
    #: how many next-best teams are asked before the ladder goes on; 0 = all eligible ones
    next_best_limit: Count = 0
    #: the rungs in order; next_best comes first and repeats while teams and the limit allow
    ladder: tuple[Rung, ...] = (
        Rung(kind=RungKind.NEXT_BEST),
        Rung(kind=RungKind.SUPERVISOR),
        Rung(kind=RungKind.PARTNER, delay_s=300),
        Rung(kind=RungKind.LOAN, delay_s=300),
        Rung(kind=RungKind.ON_CALL, delay_s=600),
    )
    #: an overdue rung alarms after this many seconds more
    watchdog_s: Seconds = 30
    #: tell the supervisor at once when a slot has nobody left to ask
    alert_when_nobody_left: bool = True


class DuressPolicy(Value, frozen=True, kw_only=True):
    """The ladder of an unacknowledged duress; seconds from its raising, ascending."""

    supervisor_after_s: Seconds = 30
    on_call_after_s: Seconds = 60
    watchdog_after_s: Seconds = 120


class CheckInPolicy(Value, frozen=True, kw_only=True):
    """Safety check-ins with a team: seconds between them, and the grace before the ladder."""

    en_route_s: Seconds = 2_700
    on_scene_s: Seconds = 1_800
    transport_s: Seconds = 1_800
    #: on scene with one member on site
    lone_on_scene_s: Seconds = 900
    #: a missed check-in enters the duress ladder after this
    grace_s: Seconds = 180


class WaitingPolicy(Value, frozen=True, kw_only=True):
    """The person who waits, and the incident nobody has taken."""

    #: seconds between contacts with the person while no team is there
    contact_every_s: PerAcuity = PerAcuity(emergent=600, urgent=900, routine=1_800)
    #: seconds without a team after which the board marks the incident
    unassigned_mark_s: PerAcuity = PerAcuity(emergent=60, urgent=300, routine=900)
    #: seconds without a team after which the supervisor is told
    unassigned_alert_s: PerAcuity = PerAcuity(emergent=300, urgent=900, routine=1_800)
    #: parts of the response standard after which the board warns, ascending
    deadline_warnings: tuple[Share, ...] = (0.5, 0.75, 0.9)
    #: seconds after which a hand-off that no partner has taken is told to the supervisor
    handoff_alert_s: Seconds = 120
    #: seconds after which a handover or an incident without an owner is told to the supervisor
    unowned_alert_s: Seconds = 120
    #: seconds after which the dispatcher is told of a crew that has not read a change
    unread_change_s: Seconds = 120
    #: seconds after which an incident that nobody has begun to screen is told to its owner
    unscreened_s: Seconds = 300
    #: seconds of screening after which one that is not decided is told to its owner
    undecided_s: Seconds = 1_200
    #: seconds after which a partner's request that nobody has answered is told
    partner_alert_s: Seconds = 120
    #: seconds after a partner took a request until one that has not arrived is told
    partner_arrival_s: Seconds = 2_700
    #: seconds after accepting a run until a crew that has not left is told to the owner
    turnout_s: PerAcuity = PerAcuity(emergent=300, urgent=600, routine=900)
    #: an alarm that nobody has taken in hand rings again after this, to more people
    alarm_again_s: Seconds = 300
    #: who takes an incident in hand is left to it for so long; then it is asked anew
    in_hand_s: Seconds = 900


class CallPolicy(Value, frozen=True, kw_only=True):
    """A caller who waits for us: how long until people are told.

    No page of the benefit states such times; they are the county's own.
    """

    #: seconds that a call may ring before the desks are told
    answer_s: Seconds = 30
    #: seconds on hold before whoever holds the caller is told
    hold_s: Seconds = 180
    #: seconds of a transfer that is not done before whoever began it is told
    transfer_s: Seconds = 600
    #: seconds until more people are told; once all were, an alarm rings again as any other
    again_s: Seconds = 60


class ObligationPolicy(Value, frozen=True, kw_only=True):
    """What is owed after a run. Hours may be stricter than the standard, never looser."""

    followup: FollowupRule = FollowupRule()
    #: attempts before a follow-up may be excepted as unreachable
    followup_attempts: Annotated[int, msgspec.Meta(ge=1, le=20)] = 3
    plan_notice_hours: Annotated[int, msgspec.Meta(ge=1, le=48)] = 48
    #: seconds in which a lost call must be called back
    callback_s: Seconds = 120


class FixPolicy(Value, frozen=True, kw_only=True):
    """When a position is believed, and for how long."""

    #: older than this a moving team's fix is stale
    stale_after_s: Seconds = 180
    #: ... and a standing team's, whose phone reports seldom
    stale_standing_after_s: Seconds = 900
    #: a team without a fresh fix may be ranked from its base
    base_when_stale: bool = True
    plausibility: PlausibilityLimits = DEFAULT_LIMITS


class MatchingPolicy(Value, frozen=True, kw_only=True):
    """How teams are ranked and the queue is solved.

    Each answer is worked out anew from where teams are by then, so no setting says how far a travel
    time must move before one is looked at again.
    """

    #: teams within this many seconds of the fastest, and on time, may be reordered by coverage
    coverage_tie_break_s: Annotated[float, msgspec.Meta(ge=0, le=3_600)] = 600.0
    #: an incident that waited this long goes before all of its class
    starvation_cap_s: PerAcuity = PerAcuity(emergent=900, urgent=2_700, routine=5_400)
    #: seconds of ETA that a met soft need is worth
    soft_need_worth_s: Annotated[float, msgspec.Meta(ge=0, le=3_600)] = 300.0
    #: ... a language met by a member rather than an interpreter
    language_worth_s: Annotated[float, msgspec.Meta(ge=0, le=3_600)] = 600.0
    #: ... a team that knows the person
    prior_contact_worth_s: Annotated[float, msgspec.Meta(ge=0, le=3_600)] = 300.0
    #: a team that would drive longer is not ranked: the place is a slip, or another's to serve. No
    #: rule names a number; a person may still ask such a team, and says why
    longest_travel_s: Annotated[float, msgspec.Meta(ge=3_600, le=86_400)] = 21_600.0


class DivertPolicy(Value, frozen=True, kw_only=True):
    """When a person may pull a team on the road away: for a higher class, never by itself.

    Nothing of it stands before a crew in danger.
    """

    allowed: bool = True
    #: never a team that is this close to its scene
    not_within_s: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 300.0


class LonePolicy(Value, frozen=True, kw_only=True):
    """One member on site. Hazards bar it whatever is set here."""

    #: False = never, even with a telehealth second
    allowed: bool = True
    #: a safety item answered "unknown" or "not asked" makes the scene an unknown one
    unanswered_is_unknown_scene: bool = True


class TelehealthPolicy(Value, frozen=True, kw_only=True):
    """The second member by telehealth."""

    allowed: bool = True
    audio_only: bool = True
    #: seconds of delay that count as marked
    marked_delay_s: Seconds = 900
    #: roles that may approve
    approvers: tuple[Role, ...] = (Role.SUPERVISOR,)


class ClockPolicy(Value, frozen=True, kw_only=True):
    """How far the instants that people and phones claim are believed."""

    #: a phone's report may lie this far ahead of the server; it is then set to the server's now
    phone_ahead_s: Annotated[float, msgspec.Meta(ge=0, le=3_600)] = 120.0
    #: a report from the field may be this late; later ones are kept as disputed
    late_report_s: Seconds = 172_800
    #: a desk may date an act back this far without back-entry
    desk_back_s: Seconds = 14_400
    #: an incident that was ended in error may be opened again for this long
    reopen_within_s: Seconds = 14_400
    back_entry_roles: tuple[Role, ...] = (Role.SUPERVISOR, Role.LEAD, Role.ADMIN)
    #: back-entry after an outage reaches this many days back
    back_entry_days: Annotated[int, msgspec.Meta(ge=1, le=90)] = 14


class RetentionPolicy(Value, frozen=True, kw_only=True):
    """How long things are kept that are no records, days.

    Records are never deleted by the clock: the standards say from when a person may erase one.
    """

    positions_days: Annotated[int, msgspec.Meta(ge=1, le=3_653)] = 90
    command_results_days: Annotated[int, msgspec.Meta(ge=1, le=365)] = 30


class CountyPolicy(Value, frozen=True, kw_only=True):
    """Everything that a county may tune.

    Attributes:
        version: names this policy; unique in the county, stored with each incident.
        effective_from: aware instant from which it holds.
        zone: the county's IANA time zone.
    """

    version: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    effective_from: Annotated[datetime, msgspec.Meta(tz=True)]
    zone: str = "America/Los_Angeles"
    #: the dispatch desk's telephone number, for crews whose page can't reach it; "" = none is shown
    desk_phone: Annotated[
        str, msgspec.Meta(pattern=r"^(\+?[0-9][0-9 ().-]{1,23}(,[0-9]{1,8})?)?$")
    ] = ""
    #: a licensed professional outside the crew can be reached by any team, day and night
    lpha_on_call: bool = True
    screening: ScreeningPolicy = ScreeningPolicy()
    offers: OfferPolicy = OfferPolicy()
    duress: DuressPolicy = DuressPolicy()
    check_ins: CheckInPolicy = CheckInPolicy()
    calls: CallPolicy = CallPolicy()
    waiting: WaitingPolicy = WaitingPolicy()
    obligations: ObligationPolicy = ObligationPolicy()
    fixes: FixPolicy = FixPolicy()
    travel: EstimateParameters = DEFAULT_PARAMETERS
    matching: MatchingPolicy = MatchingPolicy()
    divert: DivertPolicy = DivertPolicy()
    lone: LonePolicy = LonePolicy()
    telehealth: TelehealthPolicy = TelehealthPolicy()
    clocks: ClockPolicy = ClockPolicy()
    retention: RetentionPolicy = RetentionPolicy()

    def tz(self) -> ZoneInfo:
        """Return the county's time zone."""
        return ZoneInfo(self.zone)


def offer_window_s(policy: CountyPolicy, acuity: Acuity, remaining_s: float | None) -> float:
    """Return how many seconds a team has to answer.

    ``remaining_s``: seconds left to the response deadline, negative when it has passed; ``None`` =
    no deadline. The closer it is, the shorter the window, down to the shortest.
    """
    offers = policy.offers
    window = offers.window_s.of(acuity)
    if remaining_s is None:
        return window
    cap = max(offers.shortest_window_s, remaining_s * offers.max_share_of_remaining)
    return min(window, cap)


#: Settings that earlier versions of the service knew, and that never had an effect.
RETIRED = frozenset(
    {
        "divert.automatic",
        "divert.least_saving_s",
        "matching.resolve_on_eta_change_s",
        "retention.records_days",
    }
)


def policy_at(versions: Iterable[CountyPolicy], instant: datetime) -> CountyPolicy:
    """Return the policy in force: the latest that had begun; its version breaks ties.

    Raises:
        Unavailable: ``no_policy``: none had begun.
    """
    begun = [p for p in versions if utc(p.effective_from) <= utc(instant)]
    if not begun:
        raise Unavailable("no_policy", "The county had no policy in force at that time.")
    return max(begun, key=lambda p: (utc(p.effective_from), p.version))


class SettingChange(Value, frozen=True, kw_only=True):
    """One setting that differs; ``path`` is dotted, values are JSON-able."""

    path: str
    before: object
    after: object


def diff(before: CountyPolicy, after: CountyPolicy) -> tuple[SettingChange, ...]:
    """Return every setting that differs, by path, for the audit and for a person to confirm."""
    old, new = _flat(before), _flat(after)
    return tuple(
        SettingChange(path=path, before=old.get(path), after=new.get(path))
        for path in sorted(old.keys() | new.keys())
        if old.get(path) != new.get(path)
    )


def _flat(value: object, path: str = "") -> dict[str, object]:
    if not isinstance(value, msgspec.Struct):
        return {path: _plain(value)}
    flat: dict[str, object] = {}
    for name in value.__struct_fields__:
        flat |= _flat(getattr(value, name), f"{path}.{name}" if path else name)
    return flat


def _plain(value: object) -> object:
    """Return JSON-able values with every default written out, which encoding would leave away."""
    if isinstance(value, msgspec.Struct):
        return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return msgspec.to_builtins(value)


def from_toml(text: str) -> CountyPolicy:
    """Return the policy that a TOML text describes; raises as ``from_mapping``."""
    try:
        return from_mapping(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise Invalid(
            "bad_policy", "The policy is not valid TOML.", problems=[str(error)]
        ) from error


def from_mapping(given: Mapping[str, object]) -> CountyPolicy:
    """Return the policy that a mapping describes; what it leaves out keeps its default.

    Raises:
        Invalid: ``bad_policy``; ``facts["problems"]`` lists everything that is wrong.
    """
    problems: list[str] = []
    fields = _fields(CountyPolicy, given, "", problems)
    if problems:
        raise _bad(problems)
    policy = CountyPolicy(**fields)  # type: ignore[arg-type]  # each was converted to its type
    problems = check(policy)
    if problems:
        raise _bad(problems)
    return policy


def from_stored(given: Mapping[str, object]) -> CountyPolicy:
    """Return a policy as it was kept, perhaps by an earlier version; raises as ``from_mapping``.

    Retired settings are passed over here, and told as a fault where a person gives them.
    """
    return from_mapping(_without_retired(given))


def _without_retired(given: Mapping[str, object], path: str = "") -> dict[str, object]:
    return {
        name: _without_retired(value, f"{path}{name}.") if isinstance(value, Mapping) else value
        for name, value in given.items()
        if f"{path}{name}" not in RETIRED
    }


def to_mapping(policy: CountyPolicy) -> dict[str, object]:
    """Return the whole policy as JSON-able values, defaults written out.

    So a stored policy keeps its meaning when a later version of the service has other defaults.
    """
    return {name: _plain(getattr(policy, name)) for name in policy.__struct_fields__}


def _bad(problems: Sequence[str]) -> Invalid:
    return Invalid("bad_policy", f"The policy has {len(problems)} faults.", problems=list(problems))


def _fields(
    shape: type[msgspec.Struct],
    given: Mapping[str, object],
    path: str,
    problems: list[str],
    default: msgspec.Struct | None = None,
) -> dict[str, object]:
    """Convert each field by itself, so that one bad value doesn't hide the next.

    msgspec alone stops at the first fault; a person who edits a policy wants them all.
    """
    hints = get_type_hints(shape, include_extras=True)
    known = {field.name: field for field in msgspec.structs.fields(shape)}
    for name in given.keys() - known.keys():
        near = likely(name, known)
        hint = "" if near is None else f"; did you mean {near}?"
        problems.append(f"{path}{name}: no such setting{hint}")
    fields: dict[str, object] = {}
    for name, field in known.items():
        fallback = field.default if default is None else getattr(default, name)
        if name not in given:
            if fallback is msgspec.NODEFAULT:
                problems.append(f"{path}{name}: missing")
            fields[name] = fallback
            continue
        fields[name] = _field(hints[name], given[name], f"{path}{name}", problems, fallback)
    return fields


def _field(hint: object, value: object, path: str, problems: list[str], fallback: object) -> object:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        if not isinstance(value, Mapping):
            problems.append(f"{path}: expected a group of settings")
            return fallback
        inner = fallback if isinstance(fallback, msgspec.Struct) else None
        before = len(problems)
        fields = _fields(hint, value, f"{path}.", problems, inner)
        return fallback if len(problems) > before else hint(**fields)
    try:
        return msgspec.convert(value, hint)
    except msgspec.ValidationError as error:
        problems.append(f"{path}: {error}")
        return fallback


def check(policy: CountyPolicy) -> list[str]:
    """Return what doesn't fit together in a policy whose values are each in range."""
    problems = [] if _is_zone(policy.zone) else [f"zone: no such time zone: {policy.zone}"]
    duress, ladder = policy.duress, [rung.kind for rung in policy.offers.ladder]
    warnings = list(policy.waiting.deadline_warnings)
    people = PEOPLE
    rules = (
        (
            duress.supervisor_after_s < duress.on_call_after_s < duress.watchdog_after_s,
            "duress: supervisor, on-call and watchdog must follow in that order",
        ),
        (ladder[:1] == [RungKind.NEXT_BEST], "offers.ladder: must begin with next_best"),
        (
            len(set(ladder)) == len(ladder),
            "offers.ladder: each rung once (next_best repeats by itself)",
        ),
        (RungKind.SUPERVISOR in ladder, "offers.ladder: must reach the supervisor"),
        (warnings == sorted(set(warnings)), "waiting.deadline_warnings: must ascend"),
        (
            policy.check_ins.lone_on_scene_s <= policy.check_ins.on_scene_s,
            "check_ins.lone_on_scene_s: must not exceed on_scene_s",
        ),
        (
            bool(policy.telehealth.approvers) or not policy.telehealth.allowed,
            "telehealth.approvers: someone must approve",
        ),
        (
            people.issuperset(policy.telehealth.approvers)
            and people.issuperset(policy.clocks.back_entry_roles),
            "telehealth.approvers, clocks.back_entry_roles: only people's roles",
        ),
        (
            policy.fixes.stale_after_s <= policy.fixes.stale_standing_after_s,
            "fixes.stale_standing_after_s: must not be below stale_after_s",
        ),
        (
            policy.travel.far_detour <= policy.travel.near_detour,
            "travel.near_detour: must not be below far_detour",
        ),
    )
    problems += [problem for holds, problem in rules if not holds]
    waiting = policy.waiting
    problems += [
        f"waiting.{name}: a more pressing acuity must not wait longer"
        for name, per in (
            ("contact_every_s", waiting.contact_every_s),
            ("unassigned_mark_s", waiting.unassigned_mark_s),
            ("unassigned_alert_s", waiting.unassigned_alert_s),
            ("turnout_s", waiting.turnout_s),
        )
        if not per.emergent <= per.urgent <= per.routine
    ]
    person_s = policy.offers.person_s
    if not person_s.emergent <= person_s.urgent <= person_s.routine:
        problems.append("offers.person_s: a more pressing acuity must not wait longer")
    return problems


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return False
    return True

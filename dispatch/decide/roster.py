"""The roster: teams, responders, and the shifts that are planned for them.

Decides who may be rostered and when. People of one agency keep to their own teams. What happens
during a shift stands in ``duty``. Must not know where teams are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from crisis.commands import CancelShift, Command, PlanShift, RecordResponder, RecordTeam
from crisis.errors import Conflict, Invalid
from crisis.ids import ShiftId, TeamId
from crisis.responder import Responder, why_uncounted
from crisis.standards import local_day
from crisis.team import (
    Duty,
    ResponderRecorded,
    ShiftCancelled,
    ShiftPlanned,
    Team,
    TeamRecorded,
)
from dispatch.decide import duty
from dispatch.decide.context import Deciding, Handler
from dispatch.decide.crew_check import assess, told_alone, with_crew
from dispatch.decide.reach import require_in_reach
from dispatch.decide.shifts import (
    check_crew,
    check_overlap,
    check_window,
    double_booked,
    find_shift,
    find_team,
    require_planned,
    require_seen,
)


def record_team(d: Deciding, c: RecordTeam) -> dict[str, Any]:
    """Add a team or change its standing facts; a call sign means one team in the county.

    A retired team has left the board; recorded again under its id it comes back as a new one.
    """
    team_id = c.team_id or TeamId(d.id("team"))
    known = d.board.teams.get(team_id)
    sign = _plain(c.call_sign)
    namesake = next(
        (t for t in d.board.teams.values() if t.id != team_id and _plain(t.call_sign) == sign), None
    )
    if namesake is not None:
        raise Conflict(
            "call_sign_taken",
            f"{namesake.call_sign} is another team's call sign.",
            team_id=str(namesake.id),
        )
    if known is not None:
        require_seen(d, c.seen, known.mark, known.recorded_by)
    if c.base is not None:
        require_in_reach(d.board.county_id, c.base)
    if c.retired:
        _check_retirable(d, team_id, known)
    d.emit(
        TeamRecorded(
            team_id=team_id,
            agency_id=c.agency_id,
            call_sign=c.call_sign.strip(),
            base=c.base,
            zones=c.zones,
            capabilities=tuple(d.code("team_capability", code) for code in c.capabilities),
            retired=c.retired,
        )
    )
    return {"team_id": team_id}


def _check_retirable(d: Deciding, team_id: TeamId, team: Team | None) -> None:
    if team is not None and team.duty is not Duty.OFF_SHIFT:
        raise Conflict("team_on_shift", "End the team's shift before retiring it.")
    planned = [s for s in d.board.shifts.values() if s.team_id == team_id and s.is_open]
    if planned:
        raise Conflict(
            "team_has_shifts",
            "Cancel the team's planned shifts before retiring it.",
            shifts=[str(s.id) for s in planned],
        )


def record_responder(d: Deciding, c: RecordResponder) -> dict[str, Any]:
    """Add a responder or change their qualifications.

    The name, the employer's code and the licence's number become encrypted records, to be found by
    the entry in the roster; what isn't given again stays.
    """
    given = c.responder
    known = d.board.responders.get(given.id)
    if known is not None:
        require_seen(d, c.seen, known.mark, known.recorded_by)
    kind = d.rules.codes.require("provider_type", given.provider_type)
    for set_name, codes in (
        ("training", given.enhanced),
        ("language", given.languages),
        ("competency", given.competencies),
    ):
        for code in sorted(codes):
            d.code(set_name, code)
    for code in sorted(given.enhanced):
        if "enhanced" not in d.rules.codes.require("training", code).flags:
            raise Invalid(
                "training_not_enhanced",
                "That training is part of the core curriculum: say when that was complete.",
                set="training",
                code=code,
            )
    if "law_enforcement" in kind.flags:
        given = msgspec.structs.replace(given, law_enforcement=True)
    given = _named(d, given, c, known)
    d.emit(ResponderRecorded(responder=given))
    on = local_day(d.now, d.policy.tz())
    return {
        "responder_id": given.id,
        "name_record": given.name_record,
        # Why the person doesn't count on a crew today; empty = they do.
        "uncounted": [r.value for r in why_uncounted(given, on, d.rules.codes, d.rules.standards)],
    }


def _named(d: Deciding, given: Responder, c: RecordResponder, known: Responder | None) -> Responder:
    """Return the entry with what is private of it in records."""
    licence = given.licence
    number = licence.number if licence is not None else None
    name_record = d.record("responder_name", "responder_name", None, {"name": c.name})
    code_record = d.record("responder_code", "responder_code", None, {"code": c.code})
    phone_record = d.record("responder_phone", "responder_phone", None, {"phone": c.phone})
    licence_record = d.record("licence", "licence", None, {"number": number})
    return msgspec.structs.replace(
        given,
        licence=None if licence is None else msgspec.structs.replace(licence, number=None),
        name_record=name_record or (known.name_record if known is not None else None),
        code_record=code_record or (known.code_record if known is not None else None),
        phone_record=phone_record or (known.phone_record if known is not None else None),
        licence_record=licence_record or (known.licence_record if known is not None else None),
    )


def plan_shift(d: Deciding, c: PlanShift) -> dict[str, Any]:
    """Roster a team for a window, or move a shift that has not begun."""
    team = find_team(d, c.team_id)
    shift_id = c.shift_id or ShiftId(d.id("shift"))
    known = d.board.shifts.get(shift_id)
    if known is not None:
        if known.team_id != team.id:
            raise Conflict("another_teams_shift", "That shift is another team's.")
        require_planned(known)
        require_seen(d, c.seen, known.mark, known.recorded_by)
    check_window(d, c.starts_at, c.ends_at)
    check_overlap(d, team.id, shift_id, c.starts_at, c.ends_at)
    check_crew(d, c.crew)
    d.emit(
        ShiftPlanned(
            shift_id=shift_id,
            team_id=team.id,
            starts_at=c.starts_at,
            ends_at=c.ends_at,
            crew=c.crew,
        )
    )
    return {
        "shift_id": shift_id,
        "double_booked": double_booked(d, c.crew, shift_id, c.starts_at, c.ends_at),
        # What the crew would lack, as rostered: told, not refused.
        **told_alone(assess(d, None, with_crew(team, c.crew, None), at=c.starts_at)),
    }


def cancel_shift(d: Deciding, c: CancelShift) -> dict[str, Any]:
    """Take a planned shift back."""
    shift = find_shift(d, c.shift_id)
    require_planned(shift)
    reason = d.reason("shift_cancel_reason", c.reason)
    d.emit(ShiftCancelled(shift_id=shift.id, team_id=shift.team_id, reason=reason))
    return {"shift_id": shift.id}


def _plain(call_sign: str) -> str:
    return " ".join(call_sign.casefold().split())


HANDLERS: Mapping[type[Command], Handler] = {
    RecordTeam: record_team,
    RecordResponder: record_responder,
    PlanShift: plan_shift,
    CancelShift: cancel_shift,
    **duty.HANDLERS,
}

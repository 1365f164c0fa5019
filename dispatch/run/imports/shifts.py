"""Planned shifts and their crews, as rows of a file or the fields of a form mean them.

Decides how a row becomes a planned shift, and what to mind of its crew. Times without a zone are
the county's; one that comes twice in an autumn night is asked for again with its offset.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid5
from zoneinfo import ZoneInfo

from crisis.commands import PlanShift
from crisis.ids import ShiftId
from crisis.responder import PresenceMode
from crisis.standards import utc
from crisis.team import CrewMember, Shift
from dispatch.run.imports.roster import ENTERED, Roster, responder_id_of
from dispatch.run.imports.rows import Column, Difference, Mind, Row, Step, Unusable, split
from dispatch.sheets.times import Order, instants

SHIFT_COLUMNS = (
    Column("team", "call sign", True, ("call_sign",), True),
    Column("starts", "local time, like 2026-12-01 08:00, or with a zone", True, ("start",)),
    Column("ends", "the same; at most 24 hours later", True, ("end",)),
    Column("crew", "codes of the people, separated by semicolons; see: shift plan --help", True),
)
#: Columns that hold times.
SHIFT_TIMES = ("starts", "ends")
_MODES = {"video": PresenceMode.TELEHEALTH_VIDEO, "audio": PresenceMode.TELEHEALTH_AUDIO}


def shift_command(county: Roster, row: Row) -> tuple[PlanShift, Shift | None]:
    """Return the command that a row of shifts means, and the shift as it is.

    A team's shift is known by its start: the same start again changes its end and crew.
    """
    team = county.team(row["team"])
    starts_at = instant_of(row["starts"], county.zone, "starts", county.order)
    shift_id = ShiftId(uuid5(ENTERED, f"{team.id}/{starts_at.astimezone(UTC).isoformat()}"))
    known = county.shift(shift_id)
    command = PlanShift(
        seen=known.mark if known else None,
        shift_id=shift_id,
        team_id=team.id,
        starts_at=starts_at,
        ends_at=instant_of(row["ends"], county.zone, "ends", county.order),
        crew=tuple(_member(county, text) for text in split(row["crew"])),
    )
    return command, known


def instant_of(text: str, zone: ZoneInfo, name: str, order: Order = Order.MONTH_FIRST) -> datetime:
    """Return the one instant that a time means, in UTC: there a difference is a duration.

    Raises:
        Unusable: it is no time, or means two.
    """
    try:
        found = instants(text, zone, order)
    except ValueError as error:
        raise Unusable("row_time", f"{name}: {error}", field=name, value=text) from None
    if len(found) > 1:
        offsets = " or ".join(f"{one.astimezone(zone):%z}" for one in found)
        raise Unusable(
            "row_time_twice",
            f"{name}: {text} comes twice that night; add {offsets}",
            field=name,
            value=text,
            offsets=" / ".join(f"{one.astimezone(zone):%z}" for one in found),
        )
    return utc(found[0])


def _member(county: Roster, text: str) -> CrewMember:
    code, _, marks = text.partition(":")
    said = [mark.strip().casefold() for mark in marks.split("+") if mark.strip()]
    unknown = [mark for mark in said if mark not in _MODES and mark != "naloxone"]
    if unknown:
        raise Unusable(
            "row_crew_mark",
            f"crew: {text}: {unknown[0]} is none of naloxone, video, audio",
            value=text,
            mark=unknown[0],
        )
    responder_id = responder_id_of(county.county_id, code)
    if responder_id not in county.responders:
        raise Unusable("row_crew_unknown", f"crew: nobody with the code {code}", code=code)
    mode = next((_MODES[mark] for mark in said if mark in _MODES), PresenceMode.ONSITE)
    return CrewMember(responder_id=responder_id, mode=mode, carries_naloxone="naloxone" in said)


def plan_shift_row(county: Roster, row: Row) -> Step:
    """Say what a row of shifts means."""
    command, known = shift_command(county, row)
    if known is not None and (known.ends_at, known.crew) == (command.ends_at, command.crew):
        return Step(row["team"], subject=row["team"])
    subject = f"{row['team']}, {local_text(command.starts_at, county.zone)}"
    text = f"{'change' if known else 'plan'} {row['team']} from {row['starts']}"
    codes = [part.partition(":")[0] for part in split(row["crew"])]
    people = dict(zip((str(m.responder_id) for m in command.crew), codes, strict=True))
    return county.step(
        text,
        command,
        subject,
        _differences(county, known, command),
        (command.team_id, *(member.responder_id for member in command.crew)),
        lambda result: crew_minds(result, people),
    )


def crew_minds(result: dict[str, Any], people: dict[str, str]) -> list[Mind]:
    """Return what to mind of a crew, out of the answer to its planning.

    Args:
        people: how the crew's people are called, by their ids.
    """
    twice = ", ".join(people.get(str(one), "?") for one in result["double_booked"])
    minds = [Mind(f"crew.{one['code']}", one["sentence"]) for one in result["warnings"]]
    if twice:
        sentence = f"rostered on another team at the same time: {twice}"
        minds.insert(0, Mind("crew.double_booked", sentence, {"people": twice}))
    return minds


def _differences(county: Roster, known: Shift | None, new: PlanShift) -> list[Difference] | None:
    if known is None:
        return None
    found = []
    if known.ends_at != new.ends_at:
        was, now = (local_text(one.ends_at, county.zone) for one in (known, new))
        found.append(Difference("ends", was, now))
    if known.crew != new.crew:
        found.append(Difference("crew", str(len(known.crew)), str(len(new.crew))))
    return found


def local_text(instant: datetime | None, zone: ZoneInfo) -> str:
    """Return an instant on the county's clock; "" for none."""
    return "" if instant is None else f"{instant.astimezone(zone):%Y-%m-%d %H:%M}"

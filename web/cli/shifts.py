"""``crisis-dispatch shift``: planned shifts and their crews.

Decides how a line or a row becomes a planned shift. Times without a zone are the county's; one that
comes twice in an autumn night is asked for again with its offset.
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from crisis.commands import CancelShift, PlanShift
from crisis.ids import ShiftId
from crisis.responder import PresenceMode
from crisis.team import CrewMember, Shift
from dispatch.sim.times import instants
from web.cli.imports import (
    Column,
    Difference,
    Row,
    Step,
    Unusable,
    add_import,
    import_rows,
    split,
)
from web.cli.roster import (
    ENTERED,
    Roster,
    county_flag,
    group,
    local_text,
    responder_id_of,
    roster,
    step_of,
)
from web.cli.text import Exit, Usage, as_usage, columns, say

SHIFT_COLUMNS = (
    Column("team", "call sign", True),
    Column("starts", "local time, like 2026-12-01 08:00, or with a zone", True),
    Column("ends", "the same; at most 24 hours later", True),
    Column("crew", "codes of the people, separated by semicolons; see: shift plan --help", True),
)
_CREW_HELP = (
    "code of a member, repeatable; with a colon and what holds for the shift: K12:naloxone "
    "(carries naloxone), K17:video or K17:audio (takes part by telehealth)"
)


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the commands."""
    acts = group(commands, "shift", "planned shifts of the teams")
    plan = acts.add_parser(
        "plan", help="plan or move a shift", description="Plan a team's shift, or change its crew."
    )
    plan.add_argument("team", metavar="CALL_SIGN")
    plan.add_argument("--starts", required=True, help=SHIFT_COLUMNS[1].doc)
    plan.add_argument("--ends", required=True, help=SHIFT_COLUMNS[2].doc)
    plan.add_argument("--crew", action="append", required=True, metavar="CODE", help=_CREW_HELP)
    plan.set_defaults(run=plan_shift)
    cancel = acts.add_parser("cancel", help="take a planned shift back", description="Cancel one.")
    cancel.add_argument("shift", help="its id, from: shift list")
    cancel.set_defaults(run=cancel_shift)
    listed = acts.add_parser(
        "list", help="list shifts", description="List planned and running shifts."
    )
    listed.set_defaults(run=list_shifts)
    imported = add_import(acts, "shifts", SHIFT_COLUMNS, import_shifts)
    county_flag(plan, cancel, listed, imported)


def shift_command(county: Roster, row: Row) -> tuple[PlanShift, Shift | None]:
    """Return the command that a row of shifts means, and the shift as it is.

    A team's shift is known by its start: the same start again changes its end and crew.
    """
    team = county.team(row["team"])
    starts_at = instant_of(row["starts"], county.zone, "starts")
    command = PlanShift(
        shift_id=ShiftId(uuid5(ENTERED, f"{team.id}/{starts_at.astimezone(UTC).isoformat()}")),
        team_id=team.id,
        starts_at=starts_at,
        ends_at=instant_of(row["ends"], county.zone, "ends"),
        crew=tuple(_member(county, text) for text in split(row["crew"])),
    )
    known = next((s for s in county.shifts if s.id == command.shift_id), None)
    return command, known


def instant_of(text: str, zone: ZoneInfo, name: str) -> datetime:
    try:
        found = instants(text, zone)
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
    return found[0]


_MODES = {"video": PresenceMode.TELEHEALTH_VIDEO, "audio": PresenceMode.TELEHEALTH_AUDIO}


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


async def plan_shift(args: argparse.Namespace) -> Exit:
    """Plan a shift."""
    row = {"team": args.team, "starts": args.starts, "ends": args.ends, "crew": ";".join(args.crew)}
    async with roster(args) as county:
        with as_usage():
            command, known = shift_command(county, row)
        result = await county.send(command)
    say(f"{args.team} is {'planned anew' if known else 'planned'}: shift {result['shift_id']}.")
    if result["double_booked"]:
        say(f"Rostered elsewhere at the same time: {len(result['double_booked'])} of the crew.")
    return Exit.OK


async def cancel_shift(args: argparse.Namespace) -> Exit:
    """Cancel a planned shift."""
    try:
        shift_id = ShiftId(UUID(args.shift))
    except ValueError:
        raise Usage(f"{args.shift} is no shift's id; see: shift list") from None
    async with roster(args) as county:
        await county.send(CancelShift(shift_id=shift_id))
    say("The shift is cancelled.")
    return Exit.OK


async def list_shifts(args: argparse.Namespace) -> Exit:
    """List shifts."""
    async with roster(args) as county:
        signs = {team.id: team.call_sign for team in county.teams}
        rows = [
            (
                signs.get(shift.team_id, "-"),
                local_text(shift.starts_at, county.zone),
                local_text(shift.ends_at, county.zone),
                len(shift.crew),
                "running" if shift.started_at else "planned",
                shift.id,
            )
            for shift in county.shifts
        ]
    say(columns(("team", "starts", "ends", "crew", "state", "id"), rows))
    return Exit.OK


async def plan_shift_row(county: Roster, row: Row) -> Step:
    """Say what a row of shifts means."""
    command, known = shift_command(county, row)
    if known is not None and (known.ends_at, known.crew) == (command.ends_at, command.crew):
        return Step(row["team"], subject=row["team"])
    subject = f"{row['team']}, {local_text(command.starts_at, county.zone)}"
    text = f"{'change' if known else 'plan'} {row['team']} from {row['starts']}"
    return await step_of(county, text, command, subject, _differences(county, known, command))


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


async def import_shifts(args: argparse.Namespace) -> Exit:
    """Import shifts."""
    async with roster(args) as county:

        async def plan(row: Row) -> Step:
            return await plan_shift_row(county, row)

        return await import_rows(args.file, SHIFT_COLUMNS, plan, dry_run=args.dry_run)

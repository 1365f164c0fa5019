"""``crisis-dispatch shift``: planned shifts and their crews.

Decides what the commands are called and what they say. How a line or a row becomes a planned shift
is ``dispatch.run.imports.shifts``.
"""

from __future__ import annotations

import argparse
from uuid import UUID

from crisis.commands import CancelShift
from crisis.ids import ShiftId
from dispatch.run.imports.shifts import (
    SHIFT_COLUMNS,
    SHIFT_TIMES,
    local_text,
    plan_shift_row,
)
from web.cli.imports import ImportedFile, add_import
from web.cli.roster import county_flag, enter, group, roster
from web.cli.text import Exit, Usage, columns, say

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
    imported = add_import(acts, "shifts", SHIFT_COLUMNS, import_shifts, has_days=True)
    county_flag(plan, cancel, listed, imported)


async def plan_shift(args: argparse.Namespace) -> Exit:
    """Plan a shift."""
    row = {"team": args.team, "starts": args.starts, "ends": args.ends, "crew": ";".join(args.crew)}
    what = f"The shift of {args.team} from {args.starts}"
    return await enter(args, what, row, SHIFT_COLUMNS, plan_shift_row)


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


async def import_shifts(args: argparse.Namespace) -> Exit:
    """Import shifts."""
    file = ImportedFile(args, SHIFT_COLUMNS)
    async with roster(args, file.order(SHIFT_TIMES)) as county:
        return await file.carry_out(lambda row: plan_shift_row(county, row))

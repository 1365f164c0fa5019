"""Identifiers, each of its own type so that a team's id can't stand where an incident's must.

All are UUIDs but the county's (its FIPS code, 6001..6115) and a slot's number (1, 2, ...).
Ids of things that a command creates are derived from the command's own id: a repeated command
names the same things, on any node, and ``decide`` needs no source of randomness.
"""

from __future__ import annotations

from typing import NewType
from uuid import UUID, uuid5

CountyId = NewType("CountyId", int)
SlotNo = NewType("SlotNo", int)

AgencyId = NewType("AgencyId", UUID)
AssignmentId = NewType("AssignmentId", UUID)
CallId = NewType("CallId", UUID)
CommandId = NewType("CommandId", UUID)
DuressId = NewType("DuressId", UUID)
EncounterId = NewType("EncounterId", UUID)
IncidentId = NewType("IncidentId", UUID)
ObligationId = NewType("ObligationId", UUID)
OfferId = NewType("OfferId", UUID)
PartnerResponseId = NewType("PartnerResponseId", UUID)
RecordId = NewType("RecordId", UUID)
ResponderId = NewType("ResponderId", UUID)
ShiftId = NewType("ShiftId", UUID)
SubjectId = NewType("SubjectId", UUID)
TeamId = NewType("TeamId", UUID)
UserId = NewType("UserId", UUID)

#: Namespace of timer commands: two nodes that meet the same deadline make the same id from it.
TIMERS = UUID("5d0f6c1e-8a0b-5c53-9d3e-2f6a1c7e4b90")


def derived(command_id: UUID, thing: str) -> UUID:
    """Return the id of ``thing`` (a word, with a number where there are several) of a command."""
    return uuid5(command_id, thing)


def timer_command_id(county_id: int, subject: object, rung: object, deadline: object) -> CommandId:
    """Return the id that any node gives to the command for this deadline."""
    return CommandId(uuid5(TIMERS, f"{county_id}/{subject}/{rung}/{deadline}"))

"""Desks that nobody sits at any more: what their people own falls to the supervisor.

Decides when somebody counts as gone: signed out, disabled, without their role, or with a session
that ran out a while ago. What follows from that is ``LeaveDesk``'s. Must not know HTTP.

Every node looks by itself, at what it has in memory; the database is asked only while somebody owns
something or speaks with a caller. Two that see the same send the same: the second finds nothing
left to do.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta
from typing import NoReturn

from crisis.board import Board
from crisis.clock import new_id
from crisis.commands import Envelope, LeaveDesk, TakeInHand
from crisis.errors import CrisisError, ShuttingDown
from crisis.ids import CommandId, CountyId, UserId
from crisis.rights import SENDERS
from crisis.roles import THE_SERVICE
from crisis.states import Source
from dispatch.run.service import Service
from dispatch.store.accounts import Accounts

log = logging.getLogger(__name__)

#: Seconds between two looks.
LOOK_S = 5.0
#: Whoever's session ran out may sign in again and go on; longer than nodes take to write that it
#: was used.
GRACE = timedelta(minutes=2)


def owners(board: Board) -> set[UserId]:
    """Return who owns, or was handed, something that isn't settled, or answered an open call."""
    people = {call.answered_by for call in board.calls.values() if call.answered_by is not None}
    for incident in board.incidents.values():
        if not incident.is_settled:
            people |= {one for one in (incident.owner, incident.pending_owner) if one is not None}
    return people


def holders(board: Board, now: datetime) -> set[UserId]:
    """Return who said that they have an incident, a caller or an alarm in hand, and still has."""
    said = [(one.in_hand_by, one.in_hand_until) for one in board.incidents.values()]
    said += [(one.in_hand_by, one.in_hand_until) for one in board.calls.values()]
    people = {by for by, until in said if by is not None and until is not None and until > now}
    alarms = (one.acknowledged_by for one in board.duress.values())
    return people | {by for by in alarms if by is not None}


class Desks:
    """Lets people leave the desk who didn't say so themselves."""

    def __init__(self, service: Service, accounts: Accounts) -> None:
        self._service = service
        self._accounts = accounts

    async def run(self) -> NoReturn:
        """Look again and again until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            for runner in self._service.counties:
                if runner.blocked is None:
                    await self.look(runner.county_id)

    async def look(self, county_id: CountyId) -> None:
        """Let everybody leave one county's desk who is gone.

        The database being away is no fault: it is asked again at the next look.
        """
        county = self._service.county(county_id)
        people, busy = owners(county.board), holders(county.board, county.now())
        if not people | busy:
            return
        try:
            gone = await self._accounts.absent(county_id, people, grace=GRACE)
            # Who stands in for the desk needs no desk's role to have something in hand.
            gone += await self._accounts.absent(
                county_id, busy - set(gone), SENDERS[TakeInHand], grace=GRACE
            )
            for user_id in gone:
                await self._service.submit(_leave(county_id, user_id))
        except ShuttingDown:
            return
        except CrisisError as error:
            log.warning("desks not looked after", extra={"code": error.code})


def _leave(county_id: CountyId, user_id: UserId) -> Envelope:
    return Envelope(
        county_id=county_id,
        command_id=CommandId(new_id()),
        actor=THE_SERVICE,
        source=Source.TIMER,
        command=LeaveDesk(user_id=user_id),
    )

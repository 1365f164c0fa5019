"""Anything at all, sent at once: what is decided in groups is what the log and SQL say.

The commands are those of the board's own invariants; here they share groups, many of them about
things that have left the board, or leave it in the same group.
"""

from __future__ import annotations

import asyncio
import random
from types import SimpleNamespace
from typing import Any

import pytest

from crisis.board import Board
from crisis.clock import FakeClock
from crisis.commands import OpenIncident
from crisis.errors import CrisisError
from crisis.ids import IncidentId, TeamId
from dispatch.store.pool import Database
from tests.db.service_kit import ALAMEDA, Desk, check_county, running
from tests.unit.dispatch.test_decide_invariants import DECK, Chaos

#: Open, determine and offer: what everything else needs first.
FIRST = (0, DECK.index(2), DECK.index(10))


class ChaosOfGroups(Chaos):
    """The same commands, about the county of a running service."""

    def __init__(self, desk: Desk, clock: FakeClock, teams: list[TeamId], seed: int) -> None:
        self.desk = desk
        self.clock = clock
        self.random = random.Random(seed)
        self.call_signs = ("Blue 1", "Blue 2", "Blue 3")
        self.teams = teams
        self.incidents = []
        self.decided = 0

    @property
    def board(self) -> Board:
        board: Board = self.desk.board
        return board

    async def send_group(self, kinds: tuple[int, ...]) -> None:
        """Send a handful of commands at once; only refusals of the domain may come back."""
        draw = self.random.randrange
        self.clock.advance(draw(60))
        self.county: Any = SimpleNamespace(now=self.clock.now())
        sent = [
            # One in three is about any incident there ever was: most of them have left the board.
            self.command(
                self.random.choice(kinds), (9 * draw(40), 8 * draw(50), draw(400))[n % 3], draw(400)
            )
            for n in range(1 + draw(11))
        ]
        answers = await asyncio.gather(
            *(self.desk.do(command, **how) for command, how in sent), return_exceptions=True
        )
        for (command, _), answer in zip(sent, answers, strict=True):
            if isinstance(answer, CrisisError):
                assert answer.code not in {"internal_fault", "key_missing"}, command
            elif isinstance(answer, BaseException):
                raise answer
            else:
                self.decided += 1
                if isinstance(command, OpenIncident):
                    self.incidents.append(IncidentId(answer.result["incident_id"]))


@pytest.mark.parametrize("seed", range(8))
async def test_any_groups_of_commands_leave_the_log_and_sql_alike(
    database: Database, clock: FakeClock, seed: int
) -> None:
    async with running(database, clock) as desk:
        teams = [await desk.team(call_sign) for call_sign in ("Blue 1", "Blue 2", "Blue 3")]
        chaos = ChaosOfGroups(desk, clock, teams, seed)
        for group in range(40):
            await chaos.send_group(FIRST if group < 4 else tuple(range(len(DECK))))
            if group % 8 == 7:
                await check_county(database, ALAMEDA, desk.service)
        assert chaos.decided > 30

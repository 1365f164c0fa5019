"""Who goes, and what else follows: one pure function from a board and a command to a decision.

``decide`` picks the one handler of the command's type; handlers live in a module per concept. Must
not know the database, HTTP or clocks.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from crisis.board import Board
from crisis.commands import Command, Envelope
from crisis.rules import Rules
from dispatch.decide.assignments import HANDLERS as ASSIGNMENTS
from dispatch.decide.callers import HANDLERS as CALLERS
from dispatch.decide.calls import HANDLERS as CALLS
from dispatch.decide.context import Decision, Handler, begin
from dispatch.decide.duress import HANDLERS as DURESS
from dispatch.decide.incidents import HANDLERS as INCIDENTS
from dispatch.decide.ladder import HANDLERS as LADDER
from dispatch.decide.obligations import HANDLERS as OBLIGATIONS
from dispatch.decide.offers import HANDLERS as OFFERS
from dispatch.decide.overlooked import HANDLERS as OVERLOOKED
from dispatch.decide.partners import HANDLERS as PARTNERS
from dispatch.decide.past import HANDLERS as PAST
from dispatch.decide.roster import HANDLERS as ROSTER
from dispatch.decide.settling import HANDLERS as SETTLING
from dispatch.decide.situation import warning

__all__ = ["HANDLERS", "Decision", "decide"]

#: Command → its handler; a test holds it against every command there is.
HANDLERS: Mapping[type[Command], Handler] = {
    **ASSIGNMENTS,
    **CALLERS,
    **CALLS,
    **DURESS,
    **INCIDENTS,
    **LADDER,
    **OBLIGATIONS,
    **OFFERS,
    **OVERLOOKED,
    **PARTNERS,
    **PAST,
    **ROSTER,
    **SETTLING,
}


def decide(
    board: Board,
    env: Envelope,
    now: datetime,
    rules: Rules,
    off_board: frozenset[UUID] = frozenset(),
) -> Decision:
    """Return what becomes of the command.

    Args:
        now: the county's instant, not before ``board.last_recorded_at``.
        off_board: things that had left the board and that the caller put back on it
            (``Board.holding``) because the command is about them.

    Raises:
        CrisisError: a refusal; nothing changed.
    """
    d = begin(board, env, now, rules, off_board)
    d.result = HANDLERS[type(env.command)](d, env.command)
    if d.out_of_bounds is not None and d.refusal is None and not type(env.command).ALWAYS_HEARD:
        d.result = {**d.result, "warnings": [*d.result.get("warnings", ()), _TIME]}
    return d.decision()


#: An alarm has a word of its own for it.
_TIME = warning(
    "time_not_believed",
    "The time given can't be right, as where a phone's clock is wrong: it counts as of now.",
)

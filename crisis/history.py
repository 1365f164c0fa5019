"""A county's whole history: the fold that also keeps what has left the board.

Used to build the read models again from the log, to prove that both say the same, and to show a
past moment. Must not know the database.
"""

from __future__ import annotations

from uuid import UUID

from crisis.board import Board, Change, apply, empty_board
from crisis.events import Event, subject_of
from crisis.ids import CountyId


class History:
    """Folds a county's log from its first event.

    Attributes:
        board: the open state.
        things: everything that ever was, as it is now, by the board's field and id.
    """

    def __init__(self, county_id: CountyId) -> None:
        self.board: Board = empty_board(county_id)
        self.things: dict[tuple[str, UUID], Change] = {}
        self._kind_of: dict[UUID, str] = {}

    def add(self, event: Event) -> None:
        """Fold the next event; one about what had left the board brings it back for a moment."""
        board = self.board
        revived = self._revived(event)
        if revived is not None:
            board = board.holding(revived.kind, revived.entity)
        board, changes = apply(board, event)
        back = revived is not None and any(
            change.on_board and change.entity.id == revived.entity.id for change in changes
        )
        if revived is not None and not back:
            board = board.without(revived.kind, revived.entity)
        for change in changes:
            entity_id: UUID = change.entity.id
            self.things[change.kind, entity_id] = change
            self._kind_of[entity_id] = change.kind
        self.board = board

    def _revived(self, event: Event) -> Change | None:
        if not event.off_board:
            return None
        subject = subject_of(event.body)
        kind = self._kind_of.get(subject)
        return None if kind is None else self.things[kind, subject]

"""A county whose clockwork runs by itself, as the service lets it, and who hears what and when."""

from __future__ import annotations

from datetime import timedelta

from dispatch.choose.seek import Seeker
from dispatch.due import TimerCommand, due, next_due
from tests.unit.dispatch.board_kit import SERVICE, County


class Night(County):
    """A county through which time passes."""

    def pass_until(self, seconds: float) -> list[tuple[float, str, str]]:
        """Let time pass; return who was told what and when, in seconds from the start."""
        start, end = self.now, self.now + timedelta(seconds=seconds)
        told = []
        seeker = Seeker(lambda _: {})
        while (at := next_due(self.board, self.rules)) is not None and at <= end:
            self.now = max(at, self.now)
            board = self.board
            for item in due(board, self.now, self.rules):
                env = (
                    item.envelope
                    if isinstance(item, TimerCommand)
                    else seeker.answer(board, self.rules, item, now=self.now)[0]
                )
                if self._refusal(env.command, by=SERVICE, number=str(env.command_id)) is None:
                    passed_s = (self.now - start).total_seconds()
                    told += [(passed_s, to, what) for to, what in self.told()]
        self.now = end
        return told


def heard(told: list[tuple[float, str, str]], *templates: str) -> list[tuple[float, str, str]]:
    """Return what was told by these templates."""
    return [one for one in told if one[2] in templates]


def rings(county: Night, template: str, for_s: float = 1_900) -> dict[float, set[str]]:
    """Return who hears an alarm, by seconds from now."""
    rung: dict[float, set[str]] = {}
    for at, to, what in county.pass_until(for_s):
        if what == template:
            rung.setdefault(at, set()).add(to)
    return rung

"""``python -m tests.browser.leaping``: a server whose county time leaps an hour ahead on SIGUSR1.

Otherwise the process of ``tests.e2e.kit``. The host's own time, by which sessions and beats are
counted, goes on as ever.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from datetime import datetime, timedelta

from crisis.clock import MachineClock
from dispatch.run.config import load
from tests.e2e.kit import started
from web.node import database_for, running
from web.serve import answer

#: As far as one signal leads: an hour and a bit, so that what is due within the hour is over.
LEAP = timedelta(minutes=61)


class LeapingClock:
    """The host's time, and as many leaps as it was told to make."""

    def __init__(self) -> None:
        self._machine = MachineClock()
        self._ahead = timedelta()

    def now(self) -> datetime:
        """Return the county's present instant in UTC."""
        return self._machine.now() + self._ahead

    def monotonic(self) -> float:
        """Return machine seconds; a leap doesn't move them."""
        return self._machine.monotonic()

    def leap(self) -> None:
        """Go ahead at once."""
        self._ahead += LEAP


async def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    settings = load()
    clock = LeapingClock()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, clock.leap)
    with socket.create_server((settings.host, settings.port)) as listening:
        async with (
            database_for(settings) as (database, _),
            running(settings, database, clock=clock) as node,
        ):
            await answer(node, listening, started)


if __name__ == "__main__":
    asyncio.run(main())

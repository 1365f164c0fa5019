"""Whether an alarm reaches a person: who was meant by a rung, and who could hear it.

Decides when a rung of a ladder has reached nobody, and that what could not be sent is said to
those who can act in its place, once in a while. Must not know how anything is sent or kept.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from crisis.clock import Clock
from crisis.commands import AlarmUnreached, Envelope, RungRole
from crisis.errors import CrisisError
from crisis.ids import CountyId, timer_command_id
from crisis.roles import THE_SERVICE, Role
from crisis.states import Source
from dispatch.run.alerts import Alert
from dispatch.store.channels import Channels

log = logging.getLogger(__name__)

#: Whom a rung names by role, and nobody else is told by the same rung in their place.
RUNGS: Mapping[Role, RungRole] = {Role.SUPERVISOR: "supervisor", Role.ON_CALL: "on_call"}
#: The same is said no more often than this.
TOLD_EVERY = timedelta(minutes=15)
#: What is said of it; that this reaches nobody is not said again.
OWN = frozenset({*(f"nobody_reached_{role}" for role in RUNGS.values()), "alert_not_sent"})
_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class ReachStats:
    """Counted since the service started.

    Attributes:
        reached_nobody: alarms of a rung that nobody could hear.
        not_sent: notices that a way out did not take, for good or for some tries.
    """

    reached_nobody: int = 0
    not_sent: int = 0


class Reached:
    """What becomes of notices, looked at as they leave; give it to the outbox.

    Args:
        submit: sends a command, as ``Service.submit`` does.
        clock: the counties' time.
    """

    def __init__(
        self,
        channels: Channels,
        submit: Callable[[Envelope], Awaitable[object]],
        clock: Clock,
    ) -> None:
        self._channels = channels
        self._submit = submit
        self._clock = clock
        self.stats = ReachStats()

    async def sent(self, alert: Alert) -> None:
        """Look whether anybody can have heard what has just left, where a rung meant a role."""
        role = next((r for r in RUNGS if alert.recipient == f"role:{r.value}"), None)
        if role is None or alert.urgency != "now" or alert.template in OWN:
            return
        county_id = CountyId(alert.county_id)
        (reach,) = await self._channels.reach(county_id, [role])
        if reach.is_nobody:
            self.stats.reached_nobody += 1
            await self._tell(county_id, AlarmUnreached(role=RUNGS[role]), alert)

    async def failed(self, alert: Alert) -> None:
        """Say that something could not be sent."""
        if alert.template in OWN:
            return
        self.stats.not_sent += 1
        await self._tell(CountyId(alert.county_id), AlarmUnreached(), alert)

    async def _tell(self, county_id: CountyId, command: AlarmUnreached, alert: Alert) -> None:
        log.error(
            "an alarm reached nobody" if command.role else "an alarm could not be sent",
            extra={
                "action": "unreached",
                "county_id": county_id,
                "recipient": alert.recipient.partition(":")[0],
                "template": alert.template,
            },
        )
        period = (self._clock.now() - _EPOCH) // TOLD_EVERY
        env = Envelope(
            county_id=county_id,
            # The same on every node and for every alarm of a quarter of an hour.
            command_id=timer_command_id(county_id, command.role or "any", "unreached", str(period)),
            actor=THE_SERVICE,
            source=Source.TIMER,
            command=command,
        )
        try:
            await self._submit(env)
        except CrisisError as error:
            log.warning("not told", extra={"action": "unreached", "code": error.code})

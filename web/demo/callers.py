"""Everybody who calls in a demonstration.

Decides when calls ring, which of them a second person makes about the same one, and who hangs up.
What a caller would say is kept for whoever answers. Must not know who that is.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import msgspec

from dispatch.sim.demand import Demand, DemandedCall
from dispatch.sim.troupe import Staff
from web.demo.clients import Person, World

_NAMES = ("Alex Example", "Sam Sample", "Robin Madeup", "Kim Fiction", "Pat Placeholder")
#: How many calls come at once when it begins, whatever was drawn for that hour, and after how many
#: real seconds each: whoever looks for the first time sees all that can come of a call.
_FIRST_NEEDING, _FIRST_OTHERS = 2, 2
_FIRST_AT_S = (1.0, 9.0, 18.0, 30.0)
#: Share of those whom the phone helps who hang up before, and county seconds within which.
_HANGS_UP, _SOON_S = 0.04, (15.0, 60.0)
#: How long everybody else waits: county seconds, beside what they have to say, and real ones.
_PATIENCE_S, _PATIENCE_REAL_S = 300.0, 45.0


class Callers:
    """Lets calls ring through the telephone system, and gives up in time."""

    def __init__(self, world: World, line: Staff, demand: Demand) -> None:
        self._world = world
        self._line = Person(world, line)
        self._demand = demand

    async def run(self) -> None:
        """Call until cancelled; what goes wrong with one call ends this, and is raised."""
        async with asyncio.TaskGroup() as calls:
            since = self._world.clock.now()
            first = self._demand.soon(since, _FIRST_NEEDING, _FIRST_OTHERS)
            for at_s, call in zip(_FIRST_AT_S, first, strict=True):
                await self._wait_until(since + timedelta(seconds=at_s * self._world.clock.speed))
                calls.create_task(self._call(call))
            came = {call.at for call in first}
            while True:
                until = since + timedelta(minutes=30)
                for call in self._demand.calls(since, until):
                    if call.at not in came:
                        await self._wait_until(call.at)
                        calls.create_task(self._call(call))
                await self._wait_until(until)
                since = until

    async def _wait_until(self, at: datetime) -> None:
        clock = self._world.clock
        await asyncio.sleep(max(0.0, clock.machine_seconds(at - clock.now())))

    async def _wait(self, seconds: float) -> None:
        await self._wait_until(self._world.clock.now() + timedelta(seconds=seconds))

    async def _call(self, call: DemandedCall, first_id: str | None = None) -> None:
        """Let it ring; ``first_id``: the call that somebody else made about the same person."""
        call_id = await self._ring(call)
        if call_id is None:
            return
        if first_id is not None:
            self._world.first_call[call_id] = first_id
        async with asyncio.TaskGroup() as later:
            later.create_task(self._hang_up(call_id, call))
            if call.again_s is not None:
                later.create_task(self._call_again(call_id, call, call.again_s))

    async def _hang_up(self, call_id: str, call: DemandedCall) -> None:
        await self._wait(self._patience_s(call_id, call))
        if f"answered/{call_id}" not in self._world.done:
            await self._line.send(f"/calls/{call_id}/abandon")

    async def _call_again(self, first_id: str, call: DemandedCall, after_s: float) -> None:
        await self._wait(after_s)
        other = msgspec.structs.replace(call, again_s=None, source="family_friend")
        await self._call(other, first_id)

    async def _ring(self, call: DemandedCall) -> str | None:
        name = _NAMES[int(call.talk_s) % len(_NAMES)]
        caller = {"name": name, "callback": "916-555-0100", "safe_to_call": "yes"}
        offered = await self._line.send(
            "/calls", {"referral_source": call.source, "caller": caller}
        )
        if offered is None:
            return None
        call_id = str(offered["call_id"])
        self._world.heard[call_id] = call
        return call_id

    def _patience_s(self, call_id: str, call: DemandedCall) -> float:
        """Return how long it may ring; those who must have a team wait for anybody to answer."""
        if call.by_phone and self._world.unit("hangs up", call_id) < _HANGS_UP:
            least, most = _SOON_S
            return least + (most - least) * self._world.unit("patience", call_id)
        return max(_PATIENCE_S + call.talk_s, _PATIENCE_REAL_S * self._world.clock.speed)

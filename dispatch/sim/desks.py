"""Simulated people at the desk: call takers, the supervisor, follow-up workers, and the callers.

Decides what each does about what stands on their board. They touch only what is theirs: calls that
nobody has answered for a while, incidents that they own. What a real person took is left to them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from dispatch.sim.clients import Act, Entity, Life, Person, World
from dispatch.sim.demand import Demand, DemandedCall, Fate
from dispatch.sim.history import SCREENING
from dispatch.sim.troupe import Staff

_NAMES = ("Alex Example", "Sam Sample", "Robin Madeup", "Kim Fiction", "Pat Placeholder")
#: After so long without a team the desk gives an incident up, as unserved.
_GIVEN_UP = timedelta(hours=3)
#: Share of calls that turn into an incident although the phone resolves them.
_OPENED_BY_PHONE = 0.3


def instant(text: str) -> datetime:
    """Return an instant of a frame."""
    return datetime.fromisoformat(text)


def seconds_until(text: str, now: datetime) -> float:
    """Return the seconds from ``now`` to an instant of a frame; negative = it has passed."""
    return (instant(text) - now).total_seconds()


class Callers:
    """Everybody who calls: lets calls ring through the telephone system, and gives up in time."""

    def __init__(self, world: World, line: Staff, demand: Demand) -> None:
        self._world = world
        self._line = Person(world, line)
        self._demand = demand
        self._waiting: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Call until cancelled; the first ones at once, so that something is to be seen."""
        since = self._world.clock.now()
        first = list(self._demand.calls(since, since + timedelta(hours=6)))[:3]
        for nth, call in enumerate(first):
            await self._wait_until(since + timedelta(seconds=30 + 90 * nth))
            self._ring(call)
        while True:
            until = since + timedelta(minutes=30)
            for call in self._demand.calls(since, until):
                await self._wait_until(call.at)
                self._ring(call)
            await self._wait_until(until)
            since = until

    async def _wait_until(self, at: datetime) -> None:
        clock = self._world.clock
        await asyncio.sleep(max(0.0, clock.machine_seconds(at - clock.now())))

    def _ring(self, call: DemandedCall) -> None:
        task = asyncio.create_task(self._call(call))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def _call(self, call: DemandedCall) -> None:
        name = _NAMES[int(call.talk_s) % len(_NAMES)]
        caller = {"name": name, "callback": "916-555-0100", "safe_to_call": True}
        body = {"referral_source": call.source, "caller": caller}
        offered = await self._line.send("/calls", body)
        if offered is None:
            return
        self._world.heard[offered["call_id"]] = call
        patience_s = max(300 + call.talk_s, 30 * self._world.clock.speed)
        await self._wait_until(self._world.clock.now() + timedelta(seconds=patience_s))
        heard = self._world.heard
        if heard.get(offered["call_id"], None) is call and not _is_answered(self._world, offered):
            await self._line.send(f"/calls/{offered['call_id']}/abandon")


def _is_answered(world: World, offered: Entity) -> bool:
    return f"answered/{offered['call_id']}" in world.heard


class Desk(Life):
    """A dispatcher who also takes calls.

    Args:
        nth, of: which of how many; calls are shared among them.
    """

    def __init__(self, world: World, staff: Staff, nth: int, of: int) -> None:
        super().__init__(world, staff)
        self._nth, self._of = nth, of

    def _is_mine(self, thing: str) -> bool:
        return int(self.world.unit(thing) * self._of) == self._nth

    def acts(self) -> Iterator[Act]:
        """Calls first, then own incidents, then what is owed."""
        for call in self.board.all("call"):
            yield from self._of_call(call)
        for incident in self.board.all("incident"):
            yield from self._of_incident(incident)
        for owed in self.board.all("obligation"):
            yield from self._of_obligation(owed)

    def _of_call(self, call: Entity) -> Iterator[Act]:
        call_id, path = call["id"], f"/calls/{call['id']}"
        if call["state"] == "offered" and call.get("direction", "inbound") == "inbound":
            if f"answered/{call_id}" in self.world.heard:
                return
            is_mine = self._is_mine(call_id)
            # A colleague's call only after a while, and each after a while of their own.
            soon = (6.0, 25.0) if is_mine else (60.0 + 30 * self._nth, 80.0 + 30 * self._nth)
            room_s = 3.0 if is_mine else 5.0 + self._nth
            yield Act(f"answer/{call_id}", soon, lambda: self._answer(path, call_id), room_s)
        if call["state"] != "on_line":
            return
        self.world.heard.setdefault(f"answered/{call_id}", True)
        if call.get("answered_by") != self.person.id:
            return
        heard = self.world.heard.get(call_id)
        incident_id = call.get("incident_id")
        if incident_id is not None:
            incident = self.board.get("incident", incident_id)
            if incident is None or incident["state"] not in {"received", "screening"}:
                ended = lambda: self.person.send(f"{path}/end")  # noqa: E731
                yield Act(f"end/{call_id}", (5.0, 60.0), ended)
        elif not isinstance(heard, DemandedCall) or self._stays_a_call(call_id, heard):
            talk_s = heard.talk_s if isinstance(heard, DemandedCall) else 120.0
            supported = lambda: self.person.send(  # noqa: E731
                f"{path}/end", {"outcome": "supported_by_phone"}
            )
            yield Act(f"support/{call_id}", (talk_s, talk_s), supported)
        else:
            opened = lambda: self._open(call_id, heard)  # noqa: E731
            yield Act(f"open/{call_id}", (25.0, 60.0), opened)

    def _stays_a_call(self, call_id: str, heard: DemandedCall) -> bool:
        return heard.by_phone and self.world.unit("kind", call_id) >= _OPENED_BY_PHONE

    async def _answer(self, path: str, call_id: str) -> None:
        self.world.heard[f"answered/{call_id}"] = True
        await self.person.send(f"{path}/answer")

    async def _open(self, call_id: str, heard: DemandedCall) -> None:
        place = {
            "point": {"lat_deg": heard.place.lat_deg, "lon_deg": heard.place.lon_deg},
            "location_type": heard.location_type,
            "address": "Made-up address, read out by the caller",
        }
        body = {
            "call_id": call_id,
            "place": place,
            "concerns": [heard.concern],
            "screening": SCREENING,
            "narrative": "Simulated call.",
        }
        opened = await self.person.send("/incidents", body)
        if opened is not None:
            self.world.heard[opened["incident_id"]] = heard

    def _of_incident(self, incident: Entity) -> Iterator[Act]:
        incident_id, path = incident["id"], f"/incidents/{incident['id']}"
        if incident.get("pending_owner") == self.person.id:
            taken = lambda: self.person.send(f"{path}/owner/accept")  # noqa: E731
            yield Act(f"take/{incident_id}", (10.0, 60.0), taken)
        if incident.get("owner") != self.person.id or incident.get("pending_owner"):
            return
        heard = self.world.heard.get(incident_id)
        call = heard if isinstance(heard, DemandedCall) else None
        talk_s = 200.0 if call is None else call.talk_s
        match incident["phase"]:
            case "received":
                screened = lambda: self.person.send(f"{path}/screening")  # noqa: E731
                yield Act(f"screen/{incident_id}", (10.0, 40.0), screened)
            case "screening":
                determined = lambda: self._determine(path, call)  # noqa: E731
                yield Act(f"determine/{incident_id}", (0.7 * talk_s, talk_s), determined)
            case "waiting":
                yield from self._of_waiting(incident, path)
            case "cleared":
                closed = lambda: self.person.send(f"{path}/close")  # noqa: E731
                yield Act(f"close/{incident_id}", (60.0, 400.0), closed)
        if call is not None and call.fate is Fate.CANCELLED and not call.by_phone:
            yield from self._of_cancelled(incident, path)

    async def _determine(self, path: str, call: DemandedCall | None) -> None:
        if call is not None and call.by_phone:
            body: Entity = {"decision": "no_dispatch", "reason": "resolved_by_phone"}
        else:
            body = {"decision": "dispatch", "acuity": "urgent" if call is None else call.acuity}
            if self.world.unit("hazard", path) < 0.15:
                body["hazards"] = [{"code": "animals"}]
        await self.person.send(f"{path}/determination", body)

    def _of_waiting(self, incident: Entity, path: str) -> Iterator[Act]:
        since = incident.get("waiting_since")
        if since is not None and self.now - instant(since) > _GIVEN_UP:
            body = {"outcome": "unserved", "reason": "no_team_available"}
            given_up = lambda: self.person.send(f"{path}/close", body)  # noqa: E731
            yield Act(f"unserved/{incident['id']}", (0.0, 300.0), given_up)
        for slot in incident.get("slots", ()):
            if slot["state"] == "waiting" and slot.get("next_try_at") is None:
                key = f"offer/{incident['id']}/{slot['no']}/{slot.get('tries', 0)}"
                offered = lambda: self._offer(path)  # noqa: E731
                yield Act(key, (8.0, 45.0), offered, room_s=2.0)
                return

    async def _offer(self, path: str) -> None:
        """Ask the team that is recommended first."""
        ranking = await self.person.get(f"{path}/recommendations")
        if ranking is not None and ranking.get("candidates"):
            best = ranking["candidates"][0]["team_id"]
            await self.person.send(f"{path}/offers", {"team_id": best})

    def _of_cancelled(self, incident: Entity, path: str) -> Iterator[Act]:
        if incident["state"] == "determined" and not incident.get("first_on_scene_at"):
            body = {"reason": "caller_cancelled"}
            cancelled = lambda: self.person.send(f"{path}/cancel", body)  # noqa: E731
            yield Act(f"cancel/{incident['id']}", (240.0, 1_200.0), cancelled)

    def _of_obligation(self, owed: Entity) -> Iterator[Act]:
        if owed["state"] != "due":
            return
        done = lambda: self.person.send(f"/obligations/{owed['id']}/complete")  # noqa: E731
        if owed["kind"] == "waiting_contact":
            incident = self.board.get("incident", owed.get("incident_id"))
            if incident is not None and incident.get("owner") == self.person.id:
                left_s = max(0.0, seconds_until(owed["lapses_at"], self.now) - 60)
                yield Act(f"contact/{owed['id']}", (0.6 * left_s, 0.9 * left_s), done)
        elif owed["kind"] == "callback":
            owner = owed.get("owner")
            if owner == self.person.id or (owner is None and self._is_mine(owed["id"])):
                yield Act(f"callback/{owed['id']}", (20.0, 80.0), done, room_s=2.0)


class Supervisor(Life):
    """Sees to alarms, and to incidents that nobody owns."""

    def acts(self) -> Iterator[Act]:
        """Alarms first."""
        for alarm in self.board.all("duress"):
            yield from self._of_alarm(alarm)
        for incident in self.board.all("incident"):
            open_ = incident["state"] in {"received", "screening", "determined"}
            if open_ and incident.get("owner") is None and not incident.get("pending_owner"):
                yield self._take(incident["id"])

    def _of_alarm(self, alarm: Entity) -> Iterator[Act]:
        path, key = f"/duress/{alarm['id']}", alarm["id"]
        if alarm["state"] == "raised":
            acknowledged = lambda: self.person.send(f"{path}/acknowledge")  # noqa: E731
            yield Act(f"acknowledge/{key}", (5.0, 20.0), acknowledged, room_s=2.0)
        elif alarm.get("acknowledged_by") == self.person.id:
            body = {"reason": "safe"}
            resolved = lambda: self.person.send(f"{path}/resolve", body)  # noqa: E731
            yield Act(f"resolve/{key}", (120.0, 480.0), resolved)

    def _take(self, incident_id: str) -> Act:
        path = f"/incidents/{incident_id}/owner"
        return Act(
            f"own/{incident_id}",
            (120.0, 240.0),
            lambda: self.person.send(path, {"to": self.person.id}),
            room_s=4.0,
        )


class FollowUp(Life):
    """Calls people back within the days that the rules give."""

    view = "follow_up"

    def acts(self) -> Iterable[Act]:
        """One call after another; some people are reached at the second try only."""
        for owed in self.board.all("obligation"):
            if owed["state"] == "due" and owed["kind"] in {"follow_up", "plan_notice"}:
                yield self._call(owed)

    def _call(self, owed: Entity) -> Act:
        path, tries = f"/obligations/{owed['id']}", owed.get("attempts", 0)
        left_s = max(600.0, seconds_until(owed["lapses_at"], self.now))
        soon = (0.05 * left_s, 0.7 * left_s)
        if owed["kind"] == "plan_notice":
            return Act(f"notice/{owed['id']}", soon, lambda: self.person.send(f"{path}/complete"))
        if tries == 0 and self.world.unit("voicemail", owed["id"]) < 0.3:
            body = {"outcome": "voicemail"}
            key = f"attempt/{owed['id']}"
            return Act(key, soon, lambda: self.person.send(f"{path}/attempts", body))
        reached = {"outcome": "reached_stable"}
        key = f"follow/{owed['id']}/{tries}"
        return Act(key, soon, lambda: self.person.send(f"{path}/complete", reached))

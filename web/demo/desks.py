"""Simulated people at the desk: call takers, the supervisor and follow-up workers.

Decides what each does about what stands on their board. They touch only what is theirs: calls that
nobody has answered for a while, incidents that they own. What a real person took is left to them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from dispatch.sim.behaviour import SCREENING
from dispatch.sim.demand import DemandedCall, Fate
from dispatch.sim.troupe import Staff
from web.demo.clients import Act, Entity, Life, World

#: Real seconds that a ringing call, an alarm or an incident without an owner is left to a person.
_ANSWER_ROOM_S, _COLLEAGUE_ROOM_S, _ALARM_ROOM_S, _OWNER_ROOM_S = 6.0, 14.0, 8.0, 8.0
#: After so long without a team the desk gives an incident up, as unserved.
_GIVEN_UP = timedelta(hours=3)
#: States of an incident that somebody must own.
_OPEN = frozenset({"received", "screening", "determined"})
#: Share of calls that turn into an incident although the phone resolves them.
_OPENED_BY_PHONE = 0.3
#: Share of second calls that the desk knows for what they are while the caller speaks; the others
#: become an incident, which is merged with the first one then.
_KNOWN_AT_ONCE = 0.4
#: Share of incidents for which the person's team is asked before the one recommended first, while
#: somebody drives it; so often in a row it may pass.
_ASKS_YOURS, _MAY_PASS = 0.6, 2
#: Shares of alarms for which help is sent, and that were raised by mistake.
_HELP_SENT, _BY_MISTAKE = 0.6, 0.15


def instant(text: str) -> datetime:
    """Return an instant of a frame."""
    return datetime.fromisoformat(text)


def seconds_until(text: str, now: datetime) -> float:
    """Return the seconds from ``now`` to an instant of a frame; negative = it has passed."""
    return (instant(text) - now).total_seconds()


#: How a talk with somebody went, by phone.
_REACHED = {"outcome": "reached_stable", "mode": "telehealth_audio"}


class Owner(Life):
    """Whoever owns incidents works them: to a determination, a team, a close."""

    def of_own(self) -> Iterator[Act]:
        """What calls for the owner: the incidents, then what is owed because of them."""
        for incident in self.board.all("incident"):
            yield from self._of_incident(incident)
        for owed in self.board.all("obligation"):
            yield from self._of_waiting_contact(owed)

    def _same_incident(self, thing: str) -> str | None:
        """Return the open incident about the person whom a call or an incident is about, too."""
        first = self.world.first_call.get(thing)
        incident_id = None if first is None else self.world.incident_of.get(first)
        if incident_id is None or incident_id == thing:
            return None
        incident = self.board.get("incident", incident_id)
        return incident_id if incident is not None and incident["state"] in _OPEN else None

    def _of_incident(self, incident: Entity) -> Iterator[Act]:
        incident_id, path = incident["id"], f"/incidents/{incident['id']}"
        if incident.get("pending_owner") == self.person.id:
            taken = lambda: self.person.send(f"{path}/owner/accept")  # noqa: E731
            yield Act(f"take/{incident_id}", (10.0, 60.0), taken)
        if incident.get("owner") != self.person.id or incident.get("pending_owner"):
            return
        call = self.world.heard.get(incident_id)
        same = self._same_incident(incident_id)
        if same is not None and incident["state"] in _OPEN and not incident.get("runs"):
            merged = lambda: self.person.send(f"{path}/merge", {"into": same})  # noqa: E731
            yield Act(f"merge/{incident_id}", (20.0, 90.0), merged)
            return
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
            if slot["state"] == "waiting" and not slot.get("asked"):
                key = f"offer/{incident['id']}/{slot['no']}/{slot.get('tries', 0)}"
                offered = lambda: self._offer(path)  # noqa: E731
                yield Act(key, (8.0, 45.0), offered, room_s=2.0)
                return

    async def _offer(self, path: str) -> None:
        """Ask the team that is recommended first; often the person's, where that is in time."""
        ranking = await self.person.get(f"{path}/recommendations")
        candidates = [] if ranking is None else ranking.get("candidates", [])
        if not candidates:
            return
        best = candidates[0]["team_id"]
        body: Entity = {"team_id": best}
        in_time = {one["team_id"] for one in candidates if one.get("on_time")}
        yours = self.world.yours
        if best != yours and yours in in_time and self._asks_yours(path):
            body = {"team_id": yours, "override_reason": "team_asked"}
        if body["team_id"] == yours:
            self.world.passed += 1
        await self.person.send(f"{path}/offers", body)

    def _asks_yours(self, path: str) -> bool:
        return self.world.passed < _MAY_PASS and self.world.unit("yours", path) < _ASKS_YOURS

    def _of_cancelled(self, incident: Entity, path: str) -> Iterator[Act]:
        if incident["state"] == "determined" and not incident.get("first_on_scene_at"):
            body = {"reason": "caller_cancelled"}
            cancelled = lambda: self.person.send(f"{path}/cancel", body)  # noqa: E731
            yield Act(f"cancel/{incident['id']}", (60.0, 700.0), cancelled)

    def _of_waiting_contact(self, owed: Entity) -> Iterator[Act]:
        if owed["state"] != "due":
            return
        path = f"/obligations/{owed['id']}/complete"
        done = lambda: self.person.send(path, _REACHED)  # noqa: E731
        if owed["kind"] == "waiting_contact":
            incident = self.board.get("incident", owed.get("incident_id"))
            if incident is not None and incident.get("owner") == self.person.id:
                left_s = max(0.0, seconds_until(owed["lapses_at"], self.now) - 60)
                yield Act(f"contact/{owed['id']}", (0.6 * left_s, 0.9 * left_s), done)


class DemoDesk(Owner):
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
        yours = self.board.get("team", self.world.yours)
        if yours is not None and yours.get("run") is not None:
            self.world.passed = 0
        yield from self.of_own()
        for owed in self.board.all("obligation"):
            yield from self._of_callback(owed)

    def _of_call(self, call: Entity) -> Iterator[Act]:
        call_id, path = call["id"], f"/calls/{call['id']}"
        if call["state"] == "offered" and call.get("direction", "inbound") == "inbound":
            if f"answered/{call_id}" in self.world.done:
                return
            is_mine = self._is_mine(call_id)
            # A colleague's call only after a while, and each after a while of their own.
            soon = (6.0, 25.0) if is_mine else (60.0 + 30 * self._nth, 80.0 + 30 * self._nth)
            room_s = _ANSWER_ROOM_S if is_mine else _COLLEAGUE_ROOM_S + 2.0 * self._nth
            yield Act(f"answer/{call_id}", soon, lambda: self._answer(path, call_id), room_s)
        if call["state"] != "on_line":
            return
        self.world.done.add(f"answered/{call_id}")
        if call.get("answered_by") != self.person.id:
            return
        heard = self.world.heard.get(call_id)
        incident_id = call.get("incident_id")
        if incident_id is not None:
            incident = self.board.get("incident", incident_id)
            if incident is None or incident["state"] not in {"received", "screening"}:
                ended = lambda: self.person.send(f"{path}/end")  # noqa: E731
                yield Act(f"end/{call_id}", (5.0, 60.0), ended)
        elif (known := self._same_incident(call_id)) is not None and self._knows_it(call_id):
            attached = lambda: self.person.send(  # noqa: E731
                f"/incidents/{known}/calls", {"call_id": call_id}
            )
            yield Act(f"attach/{call_id}", (20.0, 60.0), attached)
        elif heard is None or self._stays_a_call(call_id, heard):
            talk_s = 120.0 if heard is None else heard.talk_s
            supported = lambda: self.person.send(  # noqa: E731
                f"{path}/end", {"outcome": "supported_by_phone"}
            )
            yield Act(f"support/{call_id}", (talk_s, talk_s), supported)
        else:
            opened = lambda: self._open(call_id, heard)  # noqa: E731
            yield Act(f"open/{call_id}", (25.0, 60.0), opened)

    def _stays_a_call(self, call_id: str, heard: DemandedCall) -> bool:
        return heard.by_phone and self.world.unit("kind", call_id) >= _OPENED_BY_PHONE

    def _knows_it(self, call_id: str) -> bool:
        return self.world.unit("known", call_id) < _KNOWN_AT_ONCE

    async def _answer(self, path: str, call_id: str) -> None:
        """Keep colleagues from it; where it failed, it is still anybody's."""
        self.world.done.add(f"answered/{call_id}")
        if await self.person.send(f"{path}/answer") is None:
            self.world.done.discard(f"answered/{call_id}")

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
            incident_id = str(opened["incident_id"])
            self.world.heard[incident_id] = heard
            self.world.incident_of[call_id] = incident_id
            if call_id in self.world.first_call:
                self.world.first_call[incident_id] = self.world.first_call[call_id]

    def _of_callback(self, owed: Entity) -> Iterator[Act]:
        owner = owed.get("owner")
        is_mine = owner == self.person.id or (owner is None and self._is_mine(owed["id"]))
        if owed["state"] == "due" and owed["kind"] == "callback" and is_mine:
            path = f"/obligations/{owed['id']}/complete"
            done = lambda: self.person.send(path, _REACHED)  # noqa: E731
            yield Act(f"callback/{owed['id']}", (20.0, 80.0), done, room_s=2.0)


class DemoSupervisor(Owner):
    """Sees to alarms, and to incidents that nobody owns: takes them over and works them."""

    def acts(self) -> Iterator[Act]:
        """Alarms first."""
        for alarm in self.board.all("duress"):
            yield from self._of_alarm(alarm)
        for incident in self.board.all("incident"):
            is_nobodys = incident.get("owner") is None and not incident.get("pending_owner")
            if incident["state"] in _OPEN and is_nobodys:
                yield self._take(incident["id"])
        yield from self.of_own()

    def _of_alarm(self, alarm: Entity) -> Iterator[Act]:
        path, key = f"/duress/{alarm['id']}", alarm["id"]
        if alarm["state"] == "raised":
            acknowledged = lambda: self.person.send(f"{path}/acknowledge")  # noqa: E731
            yield Act(f"acknowledge/{key}", (5.0, 20.0), acknowledged, _ALARM_ROOM_S)
        elif alarm.get("acknowledged_by") == self.person.id:
            if alarm["state"] == "acknowledged" and self.world.unit("help", key) < _HELP_SENT:
                help_ = {"who": "law_enforcement", "reference": "Simulated 1"}
                sent = lambda: self.person.send(f"{path}/help-sent", help_)  # noqa: E731
                yield Act(f"help/{key}", (20.0, 60.0), sent)
                return
            body = {"reason": self._how_it_ended(alarm)}
            resolved = lambda: self.person.send(f"{path}/resolve", body)  # noqa: E731
            yield Act(f"resolve/{key}", (120.0, 480.0), resolved)

    def _how_it_ended(self, alarm: Entity) -> str:
        if alarm["state"] == "help_sent":
            return "safe_after_help"
        by_mistake = self.world.unit("mistake", alarm["id"]) < _BY_MISTAKE
        return "pressed_by_mistake" if by_mistake else "safe"

    def _take(self, incident_id: str) -> Act:
        path = f"/incidents/{incident_id}/owner"
        return Act(
            f"own/{incident_id}",
            (120.0, 240.0),
            lambda: self.person.send(path, {"to": self.person.id}),
            room_s=_OWNER_ROOM_S,
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
            told = {"told": "Simulated plan"}
            key = f"notice/{owed['id']}"
            return Act(key, soon, lambda: self.person.send(f"{path}/complete", told))
        if tries == 0 and self.world.unit("voicemail", owed["id"]) < 0.3:
            body = {"outcome": "voicemail", "mode": _REACHED["mode"]}
            key = f"attempt/{owed['id']}"
            return Act(key, soon, lambda: self.person.send(f"{path}/attempts", body))
        key = f"follow/{owed['id']}/{tries}"
        return Act(key, soon, lambda: self.person.send(f"{path}/complete", _REACHED))

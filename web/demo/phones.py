"""Simulated phones: one of each team, from going on shift to going home.

Decides how a crew answers offers, drives, reports and is done, where it is meanwhile, and what its
phone does where the signal is bad: then reports and positions come late, all at once, with the
instants that the phone noted. Must not know what the desk does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from dispatch.sim.behaviour import Leg, encounter_of
from dispatch.sim.demand import CONTACT_MIN, FATES, ON_SCENE_MIN, Fate, quantile
from dispatch.sim.history import PACE
from dispatch.sim.roster import MadeUpTeam
from dispatch.sim.troupe import Staff, shift_at
from geo.point import Point
from geo.travel import DEFAULT_PARAMETERS, CalibratedEstimate, drive
from web.demo.clients import Act, Entity, Life, World
from web.demo.desks import instant, seconds_until

#: Share of runs with bad signal, and of those on which somebody presses the button.
_BAD_SIGNAL, _DURESS = 0.12, 0.015
#: The first alarm comes on a run that goes on for so long.
_LONG_ENOUGH_S = 300.0
#: County seconds between positions of a team that moves, and of one that stands.
_FIX_S, _STANDING_FIX_S = 15.0, 150.0
#: ... but never more often than this, real seconds.
_FIX_EVERY_S = 2.0
#: Nobody begins a shift that is nearly over.
_WORTH_IT = timedelta(minutes=30)
_TRAVEL = CalibratedEstimate(DEFAULT_PARAMETERS)


class Phone(Life):
    """A crew with its phone.

    Args:
        number: of the team, from 1; decides its hours.
    """

    view = "team"

    def __init__(self, world: World, staff: Staff, team: MadeUpTeam, number: int) -> None:
        super().__init__(world, staff)
        self._team = team
        self._number = number
        base = team.base or Point(lat_deg=0, lon_deg=0)
        self._base = base
        self._leg = Leg(base, base, self.now, 0.0, None)
        self._held: list[Entity] = []

    async def run(self) -> None:
        """Be on shift when it is time, until cancelled."""
        while not self.world.closing:
            window = shift_at(self._number, self.now)
            if window is not None:
                await self._on_shift(window[1])
            await asyncio.sleep(self.draw.uniform(0.3, 1.5))

    async def _on_shift(self, ends_at: datetime) -> None:
        """Follow the team's board until it breaks; go on shift where there is none yet."""
        await self.person.sign_in()
        if await self.board.follow(self._live) or ends_at - self.now < _WORTH_IT:
            return
        crew = [{"responder_id": str(r.id), "carries_naloxone": True} for r in self._team.crew]
        body = {"ends_at": ends_at.isoformat(), "crew": crew}
        await self.person.send(f"/teams/{self._team.team_id}/start-shift", body)

    async def _live(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.work())
            group.create_task(self._say_where())

    def acts(self) -> Iterator[Act]:
        """What the phone shows: the offer, the run, a check-in, the end of the shift."""
        team = self.board.get("team", self._team.team_id)
        if team is None or team["duty"] == "off_shift":
            return
        offer, run = team.get("offer"), team.get("run")
        if offer is not None:
            yield from self._of_offer(offer)
        if run is not None:
            yield from self._of_run(run)
        elif self._leg.run_id is not None:
            yield Act(f"home/{self._leg.run_id}", (0.0, 0.0), self._go_home)
        ends_at = team.get("shift_ends_at")
        if offer is None and run is None and ends_at is not None and team["duty"] != "ending":
            left_s = seconds_until(ends_at, self.now)
            if left_s < 600:
                path = f"/shifts/{team['shift_id']}/end"
                yield Act(f"end/{path}", (0.0, max(0.0, left_s)), lambda: self.person.send(path))
        for owed in self.board.all("obligation"):
            if owed["kind"] == "check_in" and owed["state"] == "due":
                yield self._check_in(owed)

    def _check_in(self, owed: Entity) -> Act:
        left_s = max(0.0, seconds_until(owed["due_at"], self.now))
        path = f"/obligations/{owed['id']}/complete"
        return Act(
            f"check/{owed['id']}", (0.6 * left_s, 0.95 * left_s), lambda: self.person.send(path)
        )

    def _of_offer(self, offer: Entity) -> Iterator[Act]:
        path, chance = f"/offers/{offer['id']}", self.world.unit("answer", offer["id"])
        if chance < PACE.no_answer:
            return
        if chance < PACE.no_answer + PACE.declines:
            body = {"reason": "not_ready"}
            declined = lambda: self.person.send(f"{path}/decline", body)  # noqa: E731
            yield Act(f"decline/{offer['id']}", (10.0, 45.0), declined)
        else:
            accepted = lambda: self.person.send(f"{path}/accept")  # noqa: E731
            yield Act(f"accept/{offer['id']}", PACE.answer_s, accepted)

    def _of_run(self, known: Entity) -> Iterator[Act]:
        run_id, incident_id = known["id"], known["incident_id"]
        incident = self.board.get("incident", incident_id)
        runs = () if incident is None else incident.get("runs", ())
        run = next((one for one in runs if one["id"] == run_id), None)
        if incident is None or run is None:
            return
        match run["status"]:
            case "accepted":
                version = incident["version"]
                left = lambda: self._leave(run_id, incident_id, version)  # noqa: E731
                yield Act(f"leave/{run_id}", PACE.turnout_s, left)
            case "en_route":
                yield from self._of_drive(run_id, incident_id, run)
            case "on_scene" | "contact":
                yield from self._of_scene(run_id, incident_id, run)
            case "cleared":
                ready = lambda: self._report(run_id, "ready")  # noqa: E731
                yield Act(f"ready/{run_id}", (60.0, 600.0), ready)
            case status if status in {"assessed", "transporting", "at_destination", "handed_off"}:
                done = lambda: self._clear(run_id, Fate.ENGAGED)  # noqa: E731
                yield Act(f"clear/{run_id}", (300.0, 1_200.0), done)

    async def _report(self, run_id: str, status: str, at: datetime | None = None) -> None:
        body: Entity = {"status": status}
        if at is not None:
            body |= {"occurred_at": at.isoformat(), "sent_at": self.now.isoformat()}
        await self.person.send(f"/assignments/{run_id}/status", body)

    async def _leave(self, run_id: str, incident_id: str, version: int) -> None:
        """Read what is known, then go."""
        await self.person.send(f"/assignments/{run_id}/hazards", {"version": version})
        await self._report(run_id, "en_route")
        await self._drive_to(run_id, incident_id)

    async def _drive_to(self, run_id: str, incident_id: str) -> None:
        scene = await self._scene(incident_id)
        if scene is not None:
            self._go(scene, run_id)

    async def _drive_on(self, run_id: str, incident_id: str, run: Entity) -> None:
        """Go on with a drive that began before this phone was switched on."""
        scene = await self._scene(incident_id)
        if scene is None:
            return
        self._go(scene, run_id)
        began = instant(run["milestones"]["en_route"])
        eta_at = run.get("eta_at")
        took_s = self._leg.took_s if eta_at is None else seconds_until(eta_at, began)
        self._leg = replace(self._leg, began=began, took_s=max(took_s, 60.0))

    async def _stand_at(self, run_id: str, incident_id: str) -> None:
        scene = await self._scene(incident_id)
        if scene is not None:
            self._leg = Leg(scene, scene, self.now, 0.0, run_id)

    async def _scene(self, incident_id: str) -> Point | None:
        """Read where it is; the base where that isn't known; ``None`` = it couldn't be read."""
        opened = await self.person.get(f"/incidents/{incident_id}")
        if opened is None:
            return None
        point = opened["incident"].get("clinical", {}).get("point")
        return self._base if point is None else Point(**point)

    def _go(self, to: Point, run_id: str | None) -> None:
        now = self.now
        origin = self._leg.at(now)
        time = drive(_TRAVEL, origin, to, now)
        took_s = time.eta_s * self.draw.uniform(0.8, 1.3)
        self._leg = Leg(origin, to, now, took_s, run_id)

    async def _go_home(self) -> None:
        await self._flush()
        self._go(self._base, None)

    def _has_bad_signal(self, run_id: str | None) -> bool:
        return run_id is not None and self.world.unit("signal", run_id) < _BAD_SIGNAL

    def _of_drive(self, run_id: str, incident_id: str, run: Entity) -> Iterator[Act]:
        if self._leg.run_id != run_id:
            found = lambda: self._drive_on(run_id, incident_id, run)  # noqa: E731
            yield Act(f"route/{run_id}", (0.0, 5.0), found)
            return
        left_s = max(0.0, (self._leg.ends_at - self.now).total_seconds())
        arrived_at = self._leg.ends_at
        if self._has_bad_signal(run_id):
            late = (left_s + 60.0, left_s + 240.0)
            told = lambda: self._arrive_late(run_id, arrived_at)  # noqa: E731
            yield Act(f"arrive/{run_id}", late, told)
        else:
            arrived = lambda: self._report(run_id, "on_scene")  # noqa: E731
            yield Act(f"arrive/{run_id}", (left_s, left_s), arrived)

    async def _arrive_late(self, run_id: str, arrived_at: datetime) -> None:
        await self._flush()
        await self._report(run_id, "on_scene", arrived_at)

    def _of_scene(self, run_id: str, incident_id: str, run: Entity) -> Iterator[Act]:
        if self._leg.run_id != run_id:
            # It was there before this phone was switched on.
            there = lambda: self._stand_at(run_id, incident_id)  # noqa: E731
            yield Act(f"there/{run_id}", (0.0, 5.0), there)
        fate = self._fate(run_id)
        stay_s = 60 * quantile(ON_SCENE_MIN, self.world.unit("stay", run_id))
        been_s = -seconds_until(run["milestones"].get("on_scene", run["since"]), self.now)
        if run["status"] == "on_scene" and fate in {Fate.ENGAGED, Fate.REFUSED}:
            soon_s = 60 * quantile(CONTACT_MIN, self.world.unit("contact", run_id))
            met = lambda: self._report(run_id, "contact")  # noqa: E731
            yield Act(f"contact/{run_id}", (soon_s, soon_s + 20), met)
            stay_s = max(stay_s, been_s + soon_s + 60)
        left_s = max(0.0, stay_s - been_s)
        if self._is_in_danger(run_id, left_s):
            pressed = lambda: self._press(run_id)  # noqa: E731
            yield Act(f"press/{run_id}", (20.0, 90.0), pressed)
        cleared = lambda: self._clear(run_id, fate)  # noqa: E731
        yield Act(f"clear/{run_id}/{run['status']}", (left_s, left_s + 30), cleared)

    def _fate(self, run_id: str) -> Fate:
        """Return what the crew finds; cancelled ones are the desk's doing."""
        found = [(fate, share) for fate, share in FATES if fate is not Fate.CANCELLED]
        chance = self.world.unit("fate", run_id) * sum(share for _, share in found)
        for fate, share in found:
            chance -= share
            if chance < 0:
                return fate
        return found[-1][0]

    def _is_in_danger(self, run_id: str, left_s: float) -> bool:
        if f"pressed/{run_id}" in self.world.done:
            return False
        by_chance = self.world.unit("duress", run_id) < _DURESS
        is_first = self.world.has_first_alarm(run_id, may_be=left_s > _LONG_ENOUGH_S)
        return by_chance or is_first

    async def _press(self, run_id: str) -> None:
        self.world.done.add(f"pressed/{run_id}")
        await self.person.send("/duress")

    async def _clear(self, run_id: str, fate: Fate) -> None:
        encounter = encounter_of(fate, self.draw)
        await self.person.send(f"/assignments/{run_id}/clear", {"encounters": [encounter]})

    # Where it is

    async def _say_where(self) -> None:
        """Post positions: often while driving, seldom while standing, late where the signal is bad.

        A phone says where it is at the same real pace whatever the speed of county time.
        """
        last = self.now - timedelta(seconds=_STANDING_FIX_S)
        while True:
            await asyncio.sleep(_FIX_EVERY_S * self.draw.uniform(0.8, 1.2))
            now = self.now
            team = self.board.get("team", self._team.team_id)
            if team is None or team["duty"] == "off_shift":
                continue
            moves = self._leg.moves(now)
            if (now - last).total_seconds() < (_FIX_S if moves else _STANDING_FIX_S):
                continue
            last = now
            self._held.append(self._fix(now, moves=moves))
            if not (moves and self._has_bad_signal(self._leg.run_id)):
                await self._flush()

    def _fix(self, now: datetime, *, moves: bool) -> Entity:
        point = self._leg.at(now)
        return {
            "point": {"lat_deg": round(point.lat_deg, 6), "lon_deg": round(point.lon_deg, 6)},
            "fixed_at": now.isoformat(),
            "accuracy_m": round(self.draw.uniform(5, 25), 1),
            "speed_mps": round(self._leg.speed_mps, 1) if moves else 0.0,
        }

    async def _flush(self) -> None:
        held, self._held = self._held, []
        if held:
            await self.person.post_fixes(self._team.team_id, held)

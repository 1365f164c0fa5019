"""Who works in a demonstration: agencies, teams by shift, and an account for everybody.

Decides which accounts the simulation acts with and which are left to people who try the service;
the two never mix. Everybody is made up, so that they may stand only in a database marked simulated.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec
from argon2 import PasswordHasher

from crisis.clock import Clock, new_id
from crisis.commands import Envelope
from crisis.ids import AgencyId, CommandId, CountyId, TeamId, UserId
from crisis.policy import (
    CallPolicy,
    CountyPolicy,
    DuressPolicy,
    ObligationPolicy,
    OfferPolicy,
    PerAcuity,
    WaitingPolicy,
)
from crisis.roles import Actor, Role
from crisis.shapes import Value
from crisis.standards import local_day
from crisis.states import Source
from dispatch.run.service import CountyRunner
from dispatch.sim.demand import encounters_per_day, towns
from dispatch.sim.roster import FROM_THE_START, MadeUpTeam, make_team
from dispatch.store import administration
from dispatch.store.accounts import Accounts
from dispatch.store.identity import Grant
from dispatch.store.migrate import is_simulated
from dispatch.store.passwords import Passwords
from dispatch.store.pool import Database
from geo.point import Point

AGENCIES = ("County Crisis Response", "Riverbend Behavioral Health", "Open Door Peer Network")
FEWEST_TEAMS, MOST_TEAMS = 8, 72
#: Teams for each encounter that is expected on a mean day: about half of them are on shift, and in
#: the busiest hours two in five of those are out.
_TEAMS_PER_ENCOUNTER = 0.45
_LOCAL = ZoneInfo("America/Los_Angeles")
#: Local hour at which a team's shift begins, by its number; each lasts ``SHIFT_H``.
_BEGINS_H = (6, 18, 10, 7, 8, 14, 6, 12, 18, 8)
SHIFT_H = 12
#: How long the shift lasts that a person finds planned.
_YOURS = timedelta(hours=10)
#: A person who tries it out must be able to answer an offer: so many seconds of their own time.
_ROOM_S = 15.0
#: ... and to see to an alarm, before each of its rungs; to call back; to take what is handed over.
_ALARM_ROOM_S, _CALLBACK_ROOM_S = (10.0, 20.0, 40.0), 20.0

#: Accounts that the simulation acts with; more desks where there are more calls.
SIM_DESK, SIM_SUPERVISOR, SIM_FOLLOW_UP = "sim-desk-", "sim-supervisor", "sim-followup"
SIM_LINE, SIM_PHONE = "sim-line", "sim-phone-"

#: Accounts left to people: username, label, roles, and what to try with it.
PEOPLE: tuple[tuple[str, str, tuple[Role, ...], str], ...] = (
    ("dispatcher", "You, Dispatcher", (Role.DISPATCHER, Role.CALL_TAKER), "answer a ringing call"),
    ("supervisor", "You, Supervisor", (Role.SUPERVISOR, Role.DISPATCHER), "see to an alarm"),
    ("lead", "You, County Lead", (Role.LEAD,), "read the response times"),
    ("followup", "You, Follow-up", (Role.FOLLOW_UP_WORKER,), "call somebody back"),
    ("admin", "You, Administrator", (Role.ADMIN,), "look at teams and accounts"),
)
#: The team whose phone is a person's: the simulation never drives it.
YOURS = ("you", "You", "go on shift, then accept an offer")


class Staff(Value, frozen=True, kw_only=True):
    """A simulated account and what it acts as."""

    username: str
    password: str
    user_id: UserId
    roles: tuple[Role, ...]
    team_id: TeamId | None = None
    #: of an integration: signs every request in place of a session
    token: str = ""

    @property
    def actor(self) -> Actor:
        """Who acts, as the service sees it."""
        return Actor(user_id=self.user_id, roles=frozenset(self.roles), team_id=self.team_id)


class SignIn(Value, frozen=True, kw_only=True):
    """A person's sign-in; shown once."""

    username: str
    password: str
    role: str
    try_first: str


class Troupe(Value, frozen=True, kw_only=True):
    """Everybody who works in the demonstration.

    ``phones``: one of each team that the simulation drives, in the order of ``teams``.
    """

    county_id: CountyId
    teams: tuple[MadeUpTeam, ...]
    yours: MadeUpTeam
    desks: tuple[Staff, ...]
    supervisor: Staff
    follow_up: Staff
    line: Staff
    phones: tuple[Staff, ...]
    sign_ins: tuple[SignIn, ...]


def team_count(county_id: CountyId) -> int:
    """Return how many teams answer a county's estimated encounters in time, most days."""
    expected = encounters_per_day(county_id) * _TEAMS_PER_ENCOUNTER
    return max(FEWEST_TEAMS, min(MOST_TEAMS, round(expected)))


def shift_at(number: int, now: datetime) -> tuple[datetime, datetime] | None:
    """Return the shift of the ``number``-th team that ``now`` lies in; ``None`` = it is off."""
    begins_h = _BEGINS_H[(number - 1) % len(_BEGINS_H)]
    today = now.astimezone(_LOCAL).date()
    for day in (today, today - timedelta(days=1)):
        starts_at = _local(day, begins_h) + timedelta(minutes=7 * (number % 6))
        ends_at = starts_at + timedelta(hours=SHIFT_H)
        if starts_at <= now < ends_at:
            return starts_at, ends_at
    return None


def _local(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour), _LOCAL).astimezone(UTC)


def demo_policy(speed: float, effective_from: datetime) -> CountyPolicy:
    """Return the policy of a demonstration: as by default, with room for a person to answer."""
    asked, alarm, waiting, owed = OfferPolicy(), DuressPolicy(), WaitingPolicy(), ObligationPolicy()
    calls = CallPolicy()
    to_supervisor, to_on_call, to_watchdog = (room * speed for room in _ALARM_ROOM_S)
    by_hand = _ROOM_S * speed

    def of_people(seconds: PerAcuity) -> PerAcuity:
        return PerAcuity(
            emergent=max(seconds.emergent, by_hand),
            urgent=max(seconds.urgent, by_hand),
            routine=max(seconds.routine, by_hand),
        )

    return CountyPolicy(
        version=f"demo-{speed:g}",
        effective_from=effective_from,
        offers=OfferPolicy(
            window_s=of_people(asked.window_s),
            person_s=of_people(asked.person_s),
            max_share_of_remaining=0.25,
        ),
        duress=DuressPolicy(
            supervisor_after_s=max(alarm.supervisor_after_s, to_supervisor),
            on_call_after_s=max(alarm.on_call_after_s, to_on_call),
            watchdog_after_s=max(alarm.watchdog_after_s, to_watchdog),
        ),
        calls=CallPolicy(
            answer_s=max(calls.answer_s, by_hand),
            hold_s=max(calls.hold_s, by_hand),
            transfer_s=max(calls.transfer_s, by_hand),
            again_s=max(calls.again_s, by_hand),
        ),
        waiting=WaitingPolicy(
            handoff_alert_s=max(waiting.handoff_alert_s, by_hand),
            unowned_alert_s=max(waiting.unowned_alert_s, by_hand),
            unread_change_s=max(waiting.unread_change_s, by_hand),
            unscreened_s=max(waiting.unscreened_s, by_hand),
            undecided_s=max(waiting.undecided_s, by_hand),
            partner_alert_s=max(waiting.partner_alert_s, by_hand),
            turnout_s=of_people(waiting.turnout_s),
            alarm_again_s=max(waiting.alarm_again_s, 2 * by_hand),
            in_hand_s=max(waiting.in_hand_s, 4 * by_hand),
        ),
        obligations=ObligationPolicy(callback_s=max(owed.callback_s, _CALLBACK_ROOM_S * speed)),
    )


def make_teams(county_id: CountyId, count: int) -> tuple[tuple[MadeUpTeam, ...], MadeUpTeam]:
    """Return the simulation's teams, and the one of the person who tries it out."""
    bases = _bases(county_id, count + 1)
    made = [
        make_team(county_id, number, _agency(county_id, number), bases[number - 1])
        for number in range(1, count + 2)
    ]
    return tuple(made[:-1]), msgspec.structs.replace(made[-1], call_sign=YOURS[1])


def _agency(county_id: CountyId, number: int) -> AgencyId:
    return administration.agency_id_of(county_id, AGENCIES[number % len(AGENCIES)])


def _bases(county_id: CountyId, count: int) -> list[Point]:
    """Return where teams start from: each next one in the town that has fewest for its size."""
    there = dict.fromkeys(towns(county_id), 0)
    found = []
    for _ in range(count):
        town = max(there, key=lambda one: one.weight / (there[one] + 1))
        there[town] += 1
        found.append(town.centre)
    return found


async def set_up(
    database: Database,
    clock: Clock,
    machine: Clock,
    county_id: CountyId,
    teams: int,
    speed: float,
    password: Callable[[], str],
) -> Troupe:
    """Make the county, its agencies and accounts where they aren't there; the teams come later.

    Accounts that are there get new passwords, so that whoever started it can sign in.

    Args:
        clock: the county's, at the instant from which it is served.
        machine: the host's, for accounts.

    Raises:
        AssertionError: the database isn't marked simulated.
    """
    if not await is_simulated(database):
        raise AssertionError("made-up people stand only in a database marked simulated")
    await administration.add_county(database, county_id, local_day(clock.now()))
    for name in AGENCIES:
        await administration.add_agency(database, county_id, name)
    known = await administration.list_policies(database, county_id)
    policy = demo_policy(speed, clock.now() if known else FROM_THE_START)
    if all(one.version != policy.version for one in known):
        await administration.add_policy(database, county_id, policy)
    made, yours = make_teams(county_id, teams)
    # Nobody guesses 79 random bits, however cheaply they are hashed; people's get the usual cost.
    hasher = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
    cheap = Passwords(waiting=200, hasher=hasher)
    usual = Passwords()
    try:
        simulated = _Registry(Accounts(database, machine, cheap), county_id, password)
        people = _Registry(Accounts(database, machine, usual), county_id, password)
        return await _troupe(simulated, people, made, yours, machine)
    finally:
        cheap.close()
        usual.close()


async def plan_yours(county: CountyRunner, troupe: Troupe, now: datetime) -> None:
    """Roster the person's team from ``now`` on, unless it has a shift now or ahead."""
    team = troupe.yours
    for shift in county.board.shifts.values():
        if shift.team_id == team.team_id and shift.is_open and shift.ends_at > now:
            return
    envelope = Envelope(
        county_id=troupe.county_id,
        command_id=CommandId(new_id()),
        actor=Actor(roles=frozenset({Role.ADMIN})),
        source=Source.DESK,
        occurred_at=now,
        command=team.planned(now, now + _YOURS),
    )
    await county.submit(envelope)


class _Registry:
    """Makes accounts, or gives those that are there a new password."""

    def __init__(
        self, accounts: Accounts, county_id: CountyId, password: Callable[[], str]
    ) -> None:
        self.accounts = accounts
        self.county_id = county_id
        self._password = password

    async def person(
        self, username: str, label: str, roles: Iterable[Role], team: MadeUpTeam | None = None
    ) -> Staff:
        password, held = self._password(), tuple(roles)
        known = {account.username for account in await self.accounts.list_accounts()}
        if username in known:
            user_id = await self.accounts.account_named(username)
            await self.accounts.set_password(user_id, password)
        else:
            user_id = await self.accounts.create_account(username, label, password=password)
            grant = Grant(
                county_id=self.county_id,
                roles=frozenset(held),
                agency_id=None if team is None else team.agency_id,
                responder_id=None if team is None else team.crew[0].id,
            )
            await self.accounts.grant(user_id, grant)
        return Staff(
            username=username,
            password=password,
            user_id=user_id,
            roles=held,
            team_id=None if team is None else team.team_id,
        )

    async def line(self, now: datetime) -> Staff:
        """The telephone system that lets calls ring."""
        known = {account.username for account in await self.accounts.list_accounts()}
        if SIM_LINE in known:
            user_id = await self.accounts.account_named(SIM_LINE)
        else:
            user_id = await self.accounts.create_account(
                SIM_LINE, "Simulated callers", kind="integration"
            )
        token, _ = await self.accounts.issue_token(
            user_id,
            {self.county_id: ("offer_call", "abandon_call")},
            expires_at=now + timedelta(days=30),
        )
        return Staff(
            username=SIM_LINE, password="", user_id=user_id, roles=(Role.INTEGRATION,), token=token
        )


async def _troupe(
    simulated: _Registry,
    people: _Registry,
    teams: tuple[MadeUpTeam, ...],
    yours: MadeUpTeam,
    machine: Clock,
) -> Troupe:
    desk = (Role.DISPATCHER, Role.CALL_TAKER)
    desks = [
        simulated.person(f"{SIM_DESK}{n}", f"Simulated desk {n}", desk)
        for n in range(1, 3 + len(teams) // 15)
    ]
    phones = [
        simulated.person(f"{SIM_PHONE}{n}", team.names[0], (Role.RESPONDER,), team)
        for n, team in enumerate(teams, start=1)
    ]
    supervisor, follow_up, line, *others = await asyncio.gather(
        simulated.person(SIM_SUPERVISOR, "Simulated supervisor", (Role.SUPERVISOR,)),
        simulated.person(SIM_FOLLOW_UP, "Simulated follow-up", (Role.FOLLOW_UP_WORKER,)),
        simulated.line(machine.now()),
        *desks,
        *phones,
        *(people.person(name, label, roles) for name, label, roles, _ in PEOPLE),
        people.person(YOURS[0], yours.names[0], (Role.RESPONDER,), yours),
    )
    given = others[len(desks) + len(phones) :]
    hints = [(hint, roles) for _, _, roles, hint in PEOPLE] + [(YOURS[2], (Role.RESPONDER,))]
    return Troupe(
        county_id=simulated.county_id,
        teams=teams,
        yours=yours,
        desks=tuple(others[: len(desks)]),
        supervisor=supervisor,
        follow_up=follow_up,
        line=line,
        phones=tuple(others[len(desks) : len(desks) + len(phones)]),
        sign_ins=tuple(
            SignIn(
                username=staff.username,
                password=staff.password,
                role=roles[0].value.replace("_", " "),
                try_first=hint,
            )
            for staff, (hint, roles) in zip(given, hints, strict=True)
        ),
    )

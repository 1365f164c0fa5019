"""Teams and people, as rows of a file or the fields of a form mean them.

Decides how a row becomes a command, and what it would change. Every row is decided on at once, on
the few things of the board that it is about, as those before it leave them: however long the file
is, a row costs the same. Names of people go into encrypted records and are never shown here: a
person is meant by a code that the county chooses, from which the id in the roster is made.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import msgspec

from crisis.board import Board
from crisis.clock import new_id
from crisis.commands import Command, Envelope, RecordResponder, RecordTeam
from crisis.errors import NotFound
from crisis.ids import AgencyId, CommandId, CountyId, ResponderId, TeamId
from crisis.responder import Credential, Responder
from crisis.roles import Actor
from crisis.rules import Rules
from crisis.states import Source
from crisis.team import Shift, Team
from dispatch.decide import decide
from dispatch.run.imports.rows import (
    Column,
    Difference,
    Mind,
    Row,
    Step,
    Unusable,
    split,
    yes_or_no,
)
from dispatch.sheets.cells import number
from dispatch.sheets.times import Order, read_time
from dispatch.store.administration import Agency
from dispatch.store.names import Called
from geo.point import Point

#: Namespace of the ids of people and shifts that are entered by code.
ENTERED = UUID("c2b8a1f4-33d8-5d3a-8a5b-5d6e0f6b7a10")

TEAM_COLUMNS = (
    Column("call_sign", "spoken name of the team; a team of that name is changed", True, (), True),
    Column("agency", "name of its agency", True, (), True),
    Column("base", "where it starts from: latitude and longitude, like 38.58 -121.49"),
    Column("zones", "names of the zones it serves, separated by semicolons; empty: all"),
    Column("capabilities", "codes of needs it meets by itself, separated by semicolons"),
    Column("retired", "yes: no longer used"),
)
RESPONDER_COLUMNS = (
    Column("code", "your own short code for the person, like a badge number", True, (), True),
    Column("agency", "name of their agency", True, (), True),
    Column("provider_type", "code, like lcsw or peer_support_specialist", True),
    Column("name", "kept encrypted", False, (), True),
    Column("phone", "at which they are reached in the field, kept encrypted", False, ("cell",)),
    Column("licence", "number of the licence or registration", False, ("license",)),
    Column("licence_until", "its last day, like 2027-06-30", False, ("license_until",)),
    Column("core_trained", "day on which the core training was complete; empty: it isn't"),
    Column("naloxone", "yes: trained to give naloxone"),
    Column("can_assess", "yes: trained to conduct the crisis assessment"),
    Column("lpha", "yes: serves as licensed professional"),
    Column("may_write_5150", "yes: designated by the county to write holds"),
    Column("languages", "ISO 639 codes, separated by semicolons"),
    Column("competencies", "codes, separated by semicolons"),
)
#: Columns that hold days.
RESPONDER_DAYS = ("licence_until", "core_trained")


def responder_id_of(county_id: CountyId, code: str) -> ResponderId:
    """Return the id of the person whom a county means by ``code``, or the id that it is."""
    try:
        return ResponderId(UUID(code))
    except ValueError:
        return ResponderId(uuid5(ENTERED, f"{county_id}/{code.strip().casefold()}"))


#: Sends a command to the county; returns its result.
Send = Callable[[Envelope], Awaitable[dict[str, Any]]]


class Roster:
    """A county's roster, and what rows make of it one after the other.

    Args:
        board: as it was when the first row is read.
        send: how what was decided is done.
        order: of days that are all numbers.
        names: how people are called, as far as whoever enters may know it.
    """

    def __init__(
        self,
        board: Board,
        rules: Rules,
        now: datetime,
        agencies: Sequence[Agency],
        actor: Actor,
        send: Send,
        *,
        order: Order = Order.MONTH_FIRST,
        names: Mapping[ResponderId, Called] | None = None,
    ) -> None:
        self._names = names or {}
        self._board = board
        self._rules = rules
        self._now = now
        self._actor = actor
        self._send = send
        self.agencies = agencies
        self.order = order
        self._teams = dict(board.teams)
        self._responders = dict(board.responders)
        self._shifts = dict(board.shifts)
        self._signs = {_plain(team.call_sign): team.id for team in board.teams.values()}
        self._agencies = {key: one.agency_id for one in agencies for key in _keys(one)}
        self._shifts_of: dict[UUID, dict[UUID, Shift]] = {}
        for shift in board.shifts.values():
            self._index(shift)

    @property
    def county_id(self) -> CountyId:
        """Whose roster it is."""
        return self._board.county_id

    @property
    def rules(self) -> Rules:
        """What is in force."""
        return self._rules

    @property
    def zone(self) -> ZoneInfo:
        """The county's time zone."""
        return self._rules.policy.tz()

    @property
    def teams(self) -> Sequence[Team]:
        """Teams by call sign."""
        return sorted(self._teams.values(), key=lambda team: team.call_sign)

    @property
    def responders(self) -> dict[ResponderId, Responder]:
        """People by id."""
        return self._responders

    @property
    def shifts(self) -> Sequence[Shift]:
        """Open shifts, in order."""
        return sorted(self._shifts.values(), key=lambda shift: shift.starts_at)

    def shift(self, shift_id: UUID) -> Shift | None:
        """Return a shift; ``None`` = there is none."""
        return self._shifts.get(shift_id)  # type: ignore[call-overload,no-any-return]

    def agency(self, name: str) -> AgencyId:
        """Return the id of an agency by its name.

        Raises:
            NotFound: ``unknown_agency``.
        """
        found = self._agencies.get(name.strip().casefold())
        if found is not None:
            return found
        known = ", ".join(one.name for one in self.agencies)
        raise NotFound(
            "unknown_agency",
            f"There is no agency {name}; there are: {known or 'none yet; add it with: agency add'}",
            name=name,
            known=known or "-",
        )

    def agency_name(self, agency_id: AgencyId) -> str:
        """Return an agency's name."""
        return next((one.name for one in self.agencies if one.agency_id == agency_id), "-")

    def team(self, call_sign: str) -> Team:
        """Return a team by its call sign.

        Raises:
            NotFound: ``unknown_call_sign``.
        """
        found = self.find_team(call_sign)
        if found is None:
            raise NotFound(
                "unknown_call_sign",
                f"There is no team {call_sign} in this county.",
                call_sign=call_sign,
            )
        return found

    def find_team(self, call_sign: str) -> Team | None:
        """Return a team by its call sign; ``None`` = there is none."""
        team_id = self._signs.get(_plain(call_sign))
        return None if team_id is None else self._teams.get(team_id)

    async def send(self, command: Command) -> dict[str, Any]:
        """Send a command; returns its result.

        Raises:
            CrisisError: the refusal.
        """
        return await self._send(self._envelope(command))

    def called(self, responder_id: ResponderId) -> Called:
        """Return how a person is called, as far as it is known here."""
        return self._names.get(responder_id, Called())

    def says_nothing_new(self, known: Responder, command: RecordResponder) -> bool:
        """Whether an entry is as the command says; numbers of licences are never compared."""
        given = command.responder
        if given.licence is not None and given.licence.number is not None:
            return False
        if command.phone is not None:
            # It isn't read for comparing.
            return False
        called = self.called(known.id)
        if command.name not in (None, called.name) or command.code not in (None, called.code):
            return False
        names = ("name_record", "phone_record", "code_record", "licence_record", "recorded_by")
        kept = tuple(getattr(known, name) for name in names)
        return msgspec.structs.replace(given, **dict(zip(names, kept, strict=True))) == known

    def step(
        self,
        text: str,
        command: Command,
        subject: str,
        found: Sequence[Difference] | None,
        about: Iterable[UUID] = (),
        minds: Callable[[dict[str, Any]], Sequence[Mind]] = lambda result: (),
    ) -> Step:
        """Return the step of a command, decided on here as the county will decide.

        Args:
            about: teams, people and shifts that it is about, beside what it names itself.
            minds: what to look at, out of the command's result.

        Raises:
            CrisisError: the refusal.
        """
        env = self._envelope(command)
        decision = decide(self._around(about), env, self._now, self._rules)
        for change in decision.changes:
            if isinstance(change.entity, Team):
                self._take_team(change.entity, on_board=change.on_board)
            elif isinstance(change.entity, Responder):
                self._responders[change.entity.id] = change.entity
            elif isinstance(change.entity, Shift):
                self._shifts[change.entity.id] = change.entity
                self._index(change.entity)

        async def do() -> None:
            await self._send(env)

        return Step(text, do, subject, found, minds(decision.result))

    def _envelope(self, command: Command) -> Envelope:
        return Envelope(
            county_id=self.county_id,
            command_id=CommandId(new_id()),
            actor=self._actor,
            source=Source.DESK,
            body_hash=msgspec.json.encode(command)[:64],
            command=command,
        )

    def _around(self, about: Iterable[UUID]) -> Board:
        """Return a board that holds what the ids name, with the shifts of all that."""
        wanted = list(about)
        shifts = {
            shift_id: shift
            for one in wanted
            for shift_id, shift in self._shifts_of.get(one, {}).items()
        }
        people = {*wanted, *(m.responder_id for shift in shifts.values() for m in shift.crew)}
        return msgspec.structs.replace(
            self._board,
            calls={},
            incidents={},
            obligations={},
            owed={},
            offers={},
            runs={},
            teams={one: self._teams[one] for one in wanted if one in self._teams},  # type: ignore[index]
            responders={one: self._responders[one] for one in people if one in self._responders},  # type: ignore[index]
            shifts=shifts,
        )

    def _take_team(self, team: Team, *, on_board: bool) -> None:
        before = self._teams.get(team.id)
        if before is not None:
            self._signs.pop(_plain(before.call_sign), None)
        if not on_board:
            self._teams.pop(team.id, None)
            return
        self._teams[team.id] = team
        self._signs[_plain(team.call_sign)] = team.id

    def _index(self, shift: Shift) -> None:
        for one in (shift.team_id, *(member.responder_id for member in shift.crew)):
            self._shifts_of.setdefault(one, {})[shift.id] = shift


def _plain(call_sign: str) -> str:
    return " ".join(call_sign.casefold().split())


def _keys(agency: Agency) -> tuple[str, str]:
    return agency.name.casefold(), str(agency.agency_id)


# Teams


def team_command(county: Roster, row: Row) -> tuple[RecordTeam, Team | None]:
    """Return the command that a row of teams means, and the team as it is."""
    known = county.find_team(row["call_sign"])
    command = RecordTeam(
        team_id=known.id if known else TeamId(new_id()),
        agency_id=county.agency(row["agency"]),
        call_sign=row["call_sign"],
        base=_point(row["base"]),
        zones=split(row["zones"]),
        capabilities=split(row["capabilities"]),
        retired=yes_or_no(row["retired"], "retired"),
        seen=known.mark if known else None,
    )
    return command, known


def _point(text: str) -> Point | None:
    if not text:
        return None
    # Where a comma stands in numbers, something else stands between them.
    parts = text.replace(";", " ").split()
    if len(parts) == 1:
        parts = text.split(",")
    try:
        lat, lon = (number(part.strip(",")) for part in parts)
        return Point(lat_deg=lat, lon_deg=lon)
    except ValueError:
        raise Unusable(
            "row_base",
            f"base: {text} is no latitude and longitude, like 38.58 -121.49",
            value=text,
        ) from None


def plan_team(county: Roster, row: Row) -> Step:
    """Say what a row of teams means."""
    command, known = team_command(county, row)
    if known is not None and (
        (known.agency_id, known.base, known.zones, known.capabilities, known.retired)
        == (command.agency_id, command.base, command.zones, command.capabilities, command.retired)
    ):
        return Step(known.call_sign, subject=known.call_sign)
    text = f"{'change' if known else 'add'} team {command.call_sign}"
    found = None if known is None else differences(county, known, command, _TEAM_FIELDS)
    if found is not None:
        text += f": {_listed(found)}"
    about = () if known is None else (known.id,)
    return county.step(text, command, command.call_sign, found, about)


_TEAM_FIELDS = ("agency_id", "base", "zones", "capabilities", "retired")
_RESPONDER_FIELDS = (
    "agency_id",
    "provider_type",
    "licence_expires_on",
    "core_trained_on",
    "naloxone_trained",
    "can_assess",
    "is_lpha",
    "may_write_5150",
    "languages",
    "competencies",
)


def differences(
    county: Roster, before: object, after: object, names: Sequence[str]
) -> list[Difference]:
    """Return which fields differ, from what to what; empty = none of ``names``."""

    def text(name: str, value: object) -> str:
        if name == "agency_id":
            return next(
                (one.name for one in county.agencies if one.agency_id == value), "another agency"
            )
        if isinstance(value, Point):
            return f"{value.lat_deg:.5f} {value.lon_deg:.5f}"
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, tuple | frozenset):
            return ", ".join(sorted(map(str, value))) or "none"
        return "none" if value is None else str(value)

    pairs = ((name, getattr(before, name), getattr(after, name)) for name in names)
    return [
        Difference(name.removesuffix("_id"), text(name, was), text(name, now))
        for name, was, now in pairs
        if was != now
    ]


def _listed(found: Sequence[Difference]) -> str:
    return "; ".join(f"{one.name}: {one.before} -> {one.after}" for one in found)


# People


def responder_command(county: Roster, row: Row) -> RecordResponder:
    """Return the command that a row of people means."""
    licence = None
    if row["licence"] or row["licence_until"]:
        licence = Credential(
            number=row["licence"] or None,
            expires_on=_day(county, row["licence_until"], "licence_until"),
        )
    responder_id = responder_id_of(county.county_id, row["code"])
    known = county.responders.get(responder_id)
    return RecordResponder(
        seen=known.mark if known else None,
        responder=Responder(
            id=responder_id,
            agency_id=county.agency(row["agency"]),
            provider_type=row["provider_type"],
            licence=licence,
            core_trained_on=_day(county, row["core_trained"], "core_trained"),
            naloxone_trained=yes_or_no(row["naloxone"], "naloxone"),
            can_assess=yes_or_no(row["can_assess"], "can_assess"),
            is_lpha=yes_or_no(row["lpha"], "lpha"),
            may_write_5150=yes_or_no(row["may_write_5150"], "may_write_5150"),
            languages=frozenset(split(row["languages"])),
            competencies=frozenset(split(row["competencies"])),
        ),
        name=row["name"] or None,
        phone=row["phone"] or None,
        code=_code(row["code"]),
    )


def _code(text: str) -> str | None:
    """Return a code to call somebody by; ``None`` = it is an id."""
    try:
        UUID(text)
    except ValueError:
        return text.strip() or None
    return None


def _day(county: Roster, text: str, name: str) -> date | None:
    if not text:
        return None
    try:
        told = read_time(text, county.order)
    except ValueError:
        told = None
    else:
        if told is None:
            return None
    if told is None or told.day is None:
        raise Unusable(
            "row_day", f"{name}: {text} is no day; write it like 2027-06-30", field=name, value=text
        )
    return told.day


def plan_responder(county: Roster, row: Row) -> Step:
    """Say what a row of people means."""
    command = responder_command(county, row)
    known = county.responders.get(command.responder.id)
    if known is not None and county.says_nothing_new(known, command):
        return Step(row["code"], subject=row["code"])
    subject = f"{row['code']} ({row['provider_type']})"
    text = f"{'change' if known else 'add'} {subject}"
    found = None
    if known is not None:
        found = differences(county, known, command.responder, _RESPONDER_FIELDS)
        # Names and numbers of licences are never shown.
        text += f": {_listed(found) or 'name or licence'}"
    return county.step(
        text, command, subject, found, (command.responder.id,), lambda result: _uncounted(result)
    )


def _uncounted(result: dict[str, Any]) -> list[Mind]:
    return [
        Mind(f"uncounted.{reason}", f"doesn't count on a crew today: {_words(reason)}")
        for reason in result["uncounted"]
    ]


def _words(code: str) -> str:
    return str(code).replace("_", " ")

"""The log of one county: reading the board's snapshot and the events, and writing groups.

Decides how a board comes out of the database and how a group of commands goes into it. Must not
decide what happens: that was done before a group arrives here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from crisis.board import FOLD_VERSION, Board, Change, Entity, owed_index
from crisis.call import Call
from crisis.duress import Duress
from crisis.effects import Notice, RecordDraft
from crisis.errors import Conflict, NotFound, Unavailable
from crisis.events import Event
from crisis.ids import CountyId
from crisis.incident.state import Incident
from crisis.obligation import Obligation
from crisis.responder import Responder
from crisis.team import Shift, Team
from dispatch.store.codec import as_bytea, event_of, event_row, incident_of_row
from dispatch.store.errors import register_constraint
from dispatch.store.groups import GroupWriter
from dispatch.store.pool import Connection, County, Database, Record
from dispatch.store.readmodel import models
from dispatch.store.sealing import CountyKeys
from dispatch.store.sql import load

SQL = load("log")

_encoder = msgspec.json.Encoder()
_DECODERS: Mapping[str, msgspec.json.Decoder[Any]] = {
    "calls": msgspec.json.Decoder(Call),
    "teams": msgspec.json.Decoder(Team),
    "responders": msgspec.json.Decoder(Responder),
    "shifts": msgspec.json.Decoder(Shift),
    "duress": msgspec.json.Decoder(Duress),
    "obligations": msgspec.json.Decoder(Obligation),
}
#: Events read at once when catching up.
_PAGE = 5_000


class StoredResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a command was answered, as ``command_results`` keeps it."""

    command_id: UUID
    actor_id: UUID | None
    body_hash: str
    seq: int
    answer: dict[str, Any]


class BoardState(msgspec.Struct, frozen=True, kw_only=True):
    """The board's few fields that belong to no single thing, kept with the county's head."""

    next_number: int = 1
    freed_at: datetime | None = None
    fold_version: int = FOLD_VERSION


@dataclass(slots=True, kw_only=True)
class Head:
    """A county's log and board as one node holds them.

    Attributes:
        version: number of committed groups that ``board`` includes.
    """

    board: Board
    version: int
    keys: CountyKeys


@dataclass(slots=True, kw_only=True)
class Group:
    """Decided commands on their way to the database.

    Attributes:
        before: the board that the group began on.
        after: the board after its last command.
        ids: of all its commands.
        check: of those that were refused and are not kept: they may have been answered before.
        wrapped: data keys made for its new incidents.
        revived: things that had left the board and were brought back for one of its commands.
    """

    before: Board
    after: Board
    ids: list[UUID] = field(default_factory=list)
    check: list[UUID] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    records: list[tuple[RecordDraft, UUID | None]] = field(default_factory=list)
    notices: list[tuple[UUID, int, Notice]] = field(default_factory=list)
    results: list[dict[str, Any]] = field(default_factory=list)
    wrapped: dict[UUID, bytes] = field(default_factory=dict)
    revived: set[UUID] = field(default_factory=set)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be written: refusals only."""
        return not self.events and not self.results


class AnsweredBefore(Conflict):
    """A command of the group is in the database already; its answer must be looked up."""


register_constraint(
    "command_results_pkey",
    lambda: AnsweredBefore("answered_before", "This command was answered before."),
)


class StaleFold(Unavailable):
    """The snapshot was folded by another version of the program; ``migrate`` builds it anew."""


class AnotherHistory(Unavailable):
    """The log isn't the one that this board was folded from: the database was restored."""

    def __init__(self) -> None:
        super().__init__(
            "another_history",
            "The database was restored: what was entered since its copy was made is not in it. "
            "Look what is there, then send it again.",
        )


class CountyLog:
    """One county's log in the database."""

    def __init__(
        self,
        database: Database,
        master_key: bytes,
        county_id: int,
        writer: GroupWriter | None = None,
    ) -> None:
        """
        Args:
            writer: shared by a node's counties; ``None`` = one of its own.
        """
        self._db = database
        self._writer = writer or GroupWriter(database)
        self._master = master_key
        self._context = County(county_id)
        self.county_id = CountyId(county_id)

    async def load(self) -> Head:
        """Return the newest board, from the snapshot rows, in one consistent read.

        Raises:
            NotFound: ``unknown_county``.
            StaleFold: the rows are of another ``FOLD_VERSION``.
        """
        keys = self._fresh_keys()
        async with self._db.tx(self._context, mode="snapshot") as con:
            head = await con.fetchrow(SQL["read_head"], self.county_id)
            if head is None:
                raise NotFound("unknown_county", "This county is not served here.")
            things = await con.fetch(SQL["read_open_things"], self.county_id)
            incidents = await con.fetch(SQL["read_open_incidents"], self.county_id)
        state = msgspec.json.decode(head["board"], type=BoardState)
        _check_fold(state.fold_version)
        held: dict[str, dict[Any, Any]] = {kind: {} for kind in _DECODERS}
        for row in things:
            thing = _DECODERS[row["kind"]].decode(row["body"])
            held[row["kind"]][thing.id] = thing
        open_incidents = {}
        for row in incidents:
            incident = _incident(row, keys)
            open_incidents[incident.id] = incident
        board = Board(
            county_id=self.county_id,
            seq=head["head_seq"],
            last_recorded_at=head["last_recorded_at"],
            next_number=state.next_number,
            freed_at=state.freed_at,
            incidents=open_incidents,
            offers={o.id: i.id for i in open_incidents.values() for o in i.offers},
            runs={a.id: i.id for i in open_incidents.values() for a in i.assignments},
            owed=owed_index(held["obligations"].values()),
            **held,
        )
        return Head(board=board, version=head["head_version"], keys=keys)

    async def catch_up(self, head: Head, con: Connection | None = None) -> list[Event]:
        """Return the events after ``head.board.seq`` and set ``head.version``; fold them next.

        Args:
            con: a transaction that holds the county's lock; ``None`` = read in one of its own.

        Raises:
            UnknownEvent: the log holds what only a newer program knows.
            StaleFold: another version of the program has built the snapshot anew.
            AnotherHistory: it doesn't hold what the board was folded from; ``load`` it anew.
        """
        if con is None:
            async with self._db.tx(self._context, mode="snapshot") as own:
                events, version = await self._read_after(head, own)
        else:
            events, version = await self._read_after(head, con)
        # Only now: where reading failed up to its end, nothing is folded either.
        head.version = version
        return events

    async def _read_after(self, head: Head, con: Connection) -> tuple[list[Event], int]:
        row = await con.fetchrow(SQL["read_head_after"], self.county_id, head.board.seq)
        if row is None:
            raise NotFound("unknown_county", "This county is not served here.")
        if row["head_seq"] < head.board.seq or (
            head.board.seq and row["known_at"] != head.board.last_recorded_at
        ):
            raise AnotherHistory
        _check_fold(msgspec.json.decode(row["board"], type=BoardState).fold_version)
        events: list[Event] = []
        seq = head.board.seq
        while seq < row["head_seq"]:
            rows = await con.fetch(SQL["read_events_after"], self.county_id, seq, _PAGE)
            await self._load_keys(con, head.keys, rows)
            events.extend(event_of(r, head.keys) for r in rows)
            seq = rows[-1]["seq"]
        return events, row["head_version"]

    async def recorded_at(self, seq: int) -> datetime | None:
        """Return when the event at ``seq`` was recorded; ``None`` = there is none."""
        async with self._db.tx(self._context, mode="read") as con:
            found: datetime | None = await con.fetchval(
                SQL["read_recorded_at"], self.county_id, seq
            )
        return found

    async def _load_keys(self, con: Connection, keys: CountyKeys, rows: Sequence[Record]) -> None:
        wanted = {r["incident_id"] for r in rows} - {None}
        missing = [i for i in wanted if i not in keys]
        if not missing:
            return
        for row in await con.fetch(SQL["read_incident_keys"], self.county_id, missing):
            if row["wrapped"] is not None:
                keys.load(row["incident_id"], bytes(row["wrapped"]))

    async def commit(
        self, head: Head, group: Group, con: Connection | None = None
    ) -> tuple[str, list[StoredResult]]:
        """Write a group in one round trip.

        Args:
            con: a transaction that holds the county's lock; its caller calls ``settle`` once that
                has ended. ``None`` = in one that other counties' groups may share.

        Returns:
            ``("committed", [])``; ``("stale", [])`` when somebody wrote since ``head.version``;
            or ``("repeated", results)`` when some of its commands were answered before. Only in
            the first case was anything written.

        Raises:
            ConnectionLost: with ``unknown_outcome`` the caller must look its commands up.
            Conflict: a constraint refused the group.
        """
        outcome = "failed"
        try:
            payload = {} if group.is_empty else self._payload(head, group)
            if group.check:
                payload["check"] = group.check
            args = (self.county_id, head.version, _encoder.encode(payload).decode())
            if con is None:
                outcome = await self._writer.write(*args)
            else:
                outcome = await con.fetchval(SQL["commit_group"], *args)
        except AnsweredBefore:
            if con is not None:
                raise
            return "repeated", await self.results_of(group.ids)
        finally:
            if con is None:
                self.settle(head, group, committed=outcome == "committed")
        if outcome.startswith("["):
            return "repeated", msgspec.json.decode(outcome, type=list[StoredResult])
        return outcome, []

    def settle(self, head: Head, group: Group, *, committed: bool) -> None:
        """Note what became of a group: count it, or forget the keys made for it.

        A key that isn't stored must not be taken for one that is, and a version that wasn't reached
        must not be written upon. Where the outcome is unknown it counts as not committed, and the
        next catch-up reads what is.
        """
        if not committed:
            for incident_id in group.wrapped:
                head.keys.forget(incident_id)
        elif not group.is_empty:
            head.version += 1

    def _payload(self, head: Head, group: Group) -> dict[str, Any]:
        county_id, keys = self.county_id, head.keys
        for change in group.changes:
            entity = change.entity
            if (
                isinstance(entity, Incident)
                and entity.id not in keys
                and entity.id not in group.before.incidents
                and entity.id not in group.revived
            ):
                group.wrapped[entity.id] = keys.create(entity.id)
        payload: dict[str, Any] = {
            **models(county_id, group.changes, group.before.incidents, keys),
            "head_seq": group.after.seq,
            "last_recorded_at": group.after.last_recorded_at,
            "board": BoardState(next_number=group.after.next_number, freed_at=group.after.freed_at),
            "events": [event_row(event, keys) for event in group.events],
            "results": group.results,
        }
        if group.wrapped:
            payload["incident_keys"] = [
                {"county_id": county_id, "incident_id": i, "wrapped": as_bytea(w)}
                for i, w in group.wrapped.items()
            ]
        if group.records:
            now = group.after.last_recorded_at
            payload["records"] = [
                self._record(draft, actor, now, keys) for draft, actor in group.records
            ]
        if group.notices:
            payload["outbox"] = [
                _outbox(county_id, command_id, position, notice, group.after.last_recorded_at)
                for command_id, position, notice in group.notices
            ]
        return payload

    def _record(
        self, draft: RecordDraft, actor: UUID | None, now: datetime | None, keys: CountyKeys
    ) -> dict[str, Any]:
        seal = keys.county if draft.incident_id is None else keys.get(draft.incident_id)
        if seal is None:
            raise Unavailable("key_missing", "The key of this incident is not at hand.")
        sealed = seal.seal(_encoder.encode(draft.fields), f"records/{self.county_id}/{draft.id}/1")
        return {
            "county_id": self.county_id,
            "record_id": draft.id,
            "version": 1,
            "incident_id": draft.incident_id,
            "kind": draft.kind,
            "created_at": now,
            "created_by": actor,
            "sealed": as_bytea(sealed),
        }

    async def results_of(self, command_ids: Sequence[UUID]) -> list[StoredResult]:
        """Return what commands were answered; those that never committed are missing."""
        async with self._db.tx(self._context, mode="read") as con:
            rows = await con.fetch(SQL["read_results"], self.county_id, command_ids)
        return [
            StoredResult(
                command_id=row["command_id"],
                actor_id=row["actor_id"],
                body_hash=row["body_hash"],
                seq=row["seq"],
                answer=msgspec.json.decode(row["answer"]),
            )
            for row in rows
        ]

    async def incident(self, incident_id: UUID) -> Incident | None:
        """Return an incident wherever it stands; ``None`` = not in this county.

        Its key is not kept: once it is erased on another node, it must not open here either.
        """
        async with self._db.tx(self._context, mode="read") as con:
            row = await con.fetchrow(SQL["read_incident"], self.county_id, incident_id)
        return None if row is None else _incident(row, self._fresh_keys())

    async def closed(self, ids: Iterable[UUID], keys: CountyKeys) -> list[tuple[str, Entity]]:
        """Return the things among ``ids`` that have left the board, by the board's field.

        An offer's or a run's id brings its incident. Ids that nothing has are passed over.
        """
        found: list[tuple[str, Entity]] = []
        async with self._db.tx(self._context, mode="read") as con:
            for wanted in ids:
                owner = await con.fetchval(SQL["find_incident_of"], self.county_id, wanted)
                row = await con.fetchrow(SQL["read_incident"], self.county_id, owner or wanted)
                if row is not None:
                    found.append(("incidents", _incident(row, keys)))
                    continue
                thing = await con.fetchrow(SQL["read_closed_thing"], self.county_id, wanted)
                if thing is not None:
                    found.append((thing["kind"], _DECODERS[thing["kind"]].decode(thing["body"])))
        return found

    async def team_past(self, team_id: UUID, since: datetime, until: datetime) -> list[UUID]:
        """Return what a team was on in a span: its shifts at ``since``, its runs' incidents."""
        async with self._db.tx(self._context, mode="read") as con:
            rows = await con.fetch(SQL["find_team_past"], self.county_id, team_id, since, until)
        return [row["id"] for row in rows]

    async def timeline(self, incident_id: UUID) -> list[Event]:
        """Return an incident's events in order; empty = not in this county."""
        keys = self._fresh_keys()
        async with self._db.tx(self._context, mode="read") as con:
            rows = await con.fetch(SQL["read_incident_events"], self.county_id, incident_id)
            await self._load_keys(con, keys, rows)
        return [event_of(row, keys) for row in rows]

    def _fresh_keys(self) -> CountyKeys:
        return CountyKeys(self._master, self.county_id)


def _check_fold(version: int) -> None:
    if version != FOLD_VERSION:
        raise StaleFold(
            "stale_fold",
            "The board's snapshot was made by another version of this program; "
            "run `crisis-dispatch migrate`.",
            found=version,
            wanted=FOLD_VERSION,
        )


def _incident(row: Record, keys: CountyKeys) -> Incident:
    if row["wrapped"] is not None and row["incident_id"] not in keys:
        keys.load(row["incident_id"], bytes(row["wrapped"]))
    sealed = None if row["sealed"] is None else bytes(row["sealed"])
    return incident_of_row(row["body"], sealed, keys)


def _outbox(
    county_id: int, command_id: UUID, position: int, notice: Notice, now: datetime | None
) -> dict[str, Any]:
    return {
        "county_id": county_id,
        "command_id": command_id,
        "position": position,
        "recipient": notice.to,
        "template": notice.template,
        "urgency": notice.urgency,
        "incident_number": notice.incident_number,
        "created_at": now,
        "not_before": now,
        "not_after": notice.not_after,
    }

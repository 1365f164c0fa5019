"""The API as one table: every operation with its path, its body and what it answers.

Decides who a request acts as; requests (``web.api.paths``) and ``openapi`` are both made from the
same table, so that neither can know a path that the other doesn't. Must not know what an operation
does.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar, overload
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec
from msgspec import Struct
from starlette.responses import Response
from starlette.types import Receive, Scope

from crisis.board import Board
from crisis.clock import Clock
from crisis.commands import Command
from crisis.errors import Invalid
from crisis.ids import CountyId, TeamId, UserId
from crisis.roles import Actor
from crisis.team import Team
from dispatch.feed import Feed
from dispatch.run.alerts import MailAdapter
from dispatch.run.config import Settings
from dispatch.run.positions import FixBuffer
from dispatch.run.service import CountyRunner, Service
from dispatch.run.tracking import TrackerBook
from dispatch.run.unwritten import Unwritten
from dispatch.store.accounts import Accounts
from dispatch.store.channels import Channels
from dispatch.store.identity import Grant, Principal
from dispatch.store.pool import Database
from web.api.intake import CommandBody, command_body
from web.api.wire import (
    BODY_LIMIT,
    convert,
    header,
    read_body,
    uuid_of,
)
from web.http.auth import Auth, actor_for, grant_for, require_scope
from web.http.headers import headers_of
from web.http.metrics import Metrics
from web.http.unknown import refuse_name

T = TypeVar("T")
Q = TypeVar("Q", bound="Query")

PREFIX = "/api/v1"
_LONGEST_QUERY, _MOST_FIELDS = 4_096, 50


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What handlers work with, of the node that they run on.

    Attributes:
        feed: what each view shows.
        positions: where teams are.
        trackers: what tracking apps sent that couldn't be used.
        unwritten: what takes calls for help, also where they can't be written.
        channels: by which ways people are reached away from their screens.
        mailer: what sends e-mail; ``None`` = nothing does.
        machine: the host's clock.
        health: says why this node must not be sent work; empty = it is ready.
        metrics: what is counted, requests among it.
    """

    settings: Settings
    database: Database
    service: Service
    accounts: Accounts
    auth: Auth
    feed: Feed
    positions: FixBuffer
    trackers: TrackerBook
    unwritten: Unwritten
    channels: Channels
    mailer: MailAdapter | None = None
    machine: Clock
    health: Callable[[], list[str]]
    metrics: Metrics

    @property
    def problems(self) -> list[str]:
        """Why this node must not be sent work; empty = it is ready."""
        return self.health()


class Actors:
    """What accounts act as, remembered until a team of their county changes.

    Finding a responder's team looks at every team; phones that report positions ask all the time.

    Attributes:
        findings: see ``Asked.found_once``.
    """

    def __init__(self) -> None:
        self.findings: dict[tuple[int, str], _Finding] = {}
        self._held: dict[int, tuple[Mapping[TeamId, Team], dict[UserId, tuple[Grant, Actor]]]] = {}

    def of(self, principal: Principal, grant: Grant, board: Board) -> Actor:
        """Return what ``actor_for`` does."""
        county_id = board.county_id
        teams, known = self._held.get(county_id, (None, {}))
        if teams is not board.teams:
            known = {}
            self._held[county_id] = (board.teams, known)
        found = known.get(principal.account_id)
        if found is not None and found[0] is grant:
            return found[1]
        actor = actor_for(principal, county_id, board)
        known[principal.account_id] = (grant, actor)
        return actor


class _Finding(NamedTuple):
    """What was found out about a sender and a path, while these teams stood on the board."""

    principal: Principal
    county: CountyRunner
    teams: Mapping[TeamId, Team]
    found: Any


_MOST_FINDINGS = 8_192


class once(Generic[T]):  # noqa: N801 - used like ``property``
    """A property that is made when first asked for; without ``cached_property``'s lock (3.11)."""

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self._name = make.__name__
        self.__doc__ = make.__doc__

    @overload
    def __get__(self, instance: None, owner: Any = None) -> once[T]: ...

    @overload
    def __get__(self, instance: object, owner: Any = None) -> T: ...

    def __get__(self, instance: object | None, owner: Any = None) -> once[T] | T:
        if instance is None:
            return self
        # From now on found there, before this is asked.
        value = instance.__dict__[self._name] = self._make(instance)
        return value


class Asked:
    """One request to the API.

    Attributes:
        path: the ids and names in the path, by the names that the table gives them.
        principal: who asks.
    """

    def __init__(
        self,
        node: Parts,
        operation: Operation,
        scope: Scope,
        receive: Receive,
        path: Mapping[str, str],
        principal: Principal | None,
        actors: Actors,
    ) -> None:
        self.node = node
        self._actors = actors
        self.operation = operation
        self.scope = scope
        self.path = path
        self.receive = receive
        self._principal = principal

    @property
    def principal(self) -> Principal:
        """Who asks; only operations that are not public have one."""
        if self._principal is None:
            raise AssertionError(f"{self.operation.path} is public")
        return self._principal

    @once
    def query(self) -> dict[str, str]:
        """The query's parameters.

        Raises:
            Invalid: ``bad_query``; ``unknown_field`` for a name that the operation doesn't take.
        """
        raw: bytes = self.scope["query_string"]
        if self.operation.takes_any_query:
            return _salvaged(raw)
        if len(raw) > _LONGEST_QUERY:
            raise Invalid("bad_query", "The query is too long.")
        if b"%00" in raw:
            # PostgreSQL's text can't hold it, and no parameter of ours needs it.
            raise Invalid("bad_query", "A query can't hold U+0000.")
        try:
            pairs = parse_qsl(
                raw.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS
            )
        except ValueError:
            raise Invalid("bad_query", "The query can't be read.") from None
        return self._known(pairs)

    def _known(self, pairs: list[tuple[str, str]]) -> dict[str, str]:
        """Return the parameters, having refused what would be passed over."""
        found = dict(pairs)
        known = self.operation.query_names
        for name in found.keys() - known:
            raise refuse_name(name, known)
        if len(found) < len(pairs):
            raise Invalid("bad_query", "A parameter is given twice.")
        return found

    def told(self, query: type[Q]) -> Q:
        """Return the query's parameters as the type that the operation's row names.

        Raises:
            Invalid: ``bad_query``.
        """
        found: Q = convert(self.query, query)
        return found

    @once
    def county_id(self) -> CountyId:
        """The county that the request acts in.

        Named by the header ``X-County`` or the query's ``county``; else the only one that the
        account has a role in.

        Raises:
            Invalid: ``county_missing``, ``county_bad``.
        """
        named = header(self.scope, b"x-county")
        if named is None and self.scope["query_string"]:
            named = self.query.get("county")
        if named is None:
            counties = self.principal.grants
            if len(counties) == 1:
                return next(iter(counties))
            raise Invalid(
                "county_missing",
                "Name the county in the header X-County.",
                counties=sorted(counties),
            )
        if not (named.isascii() and named.isdigit() and len(named) <= 5):
            raise Invalid("county_bad", "A county is named by its FIPS code, like 6001.")
        return CountyId(int(named))

    @once
    def grant(self) -> Grant:
        """What the account holds in the county; raises ``NotAllowed`` where that is nothing."""
        return grant_for(self.principal, self.county_id)

    @once
    def county(self) -> CountyRunner:
        """The county itself; raises ``NotAllowed`` or ``NotFound``."""
        _ = self.grant
        return self.node.service.county(self.county_id)

    @property
    def actor(self) -> Actor:
        """What the account acts as in the county at this moment.

        Raises:
            NotAllowed: ``not_your_county``, or ``out_of_scope`` for a token.
        """
        county = self.county
        require_scope(self.principal, self.county_id, self.operation.needs)
        return self._actors.of(self.principal, self.grant, county.board)

    def found_once(self, find: Callable[[Asked], T]) -> tuple[CountyRunner, T]:
        """Return the county and what ``find`` makes of who sends and the path, by the teams' state.

        Remembered until a team of the county or the account changes; refusals are not.
        """
        key = (id(self.principal), self.scope["path"])
        names_county = b"x-county" in headers_of(self.scope) or self.scope["query_string"]
        held = None if names_county else self._actors.findings.get(key)
        if (
            held is not None
            and held.principal is self._principal
            and held.teams is held.county.board.teams
        ):
            return held.county, held.found
        county = self.county
        teams, found = county.board.teams, find(self)
        if not names_county:
            if len(self._actors.findings) >= _MOST_FINDINGS:
                self._actors.findings.clear()
            self._actors.findings[key] = _Finding(self.principal, county, teams, found)
        return county, found

    @property
    def on_phone(self) -> bool:
        """Whether the session is a device's, not a page's."""
        return self.principal.purpose == "bearer"

    @property
    def now(self) -> datetime:
        """The county's instant."""
        return self.county.now()

    def id(self, name: str) -> UUID:
        """Return an id out of the path; raises ``NotFound``."""
        return uuid_of(self.path[name])

    async def body(self, limit: int = BODY_LIMIT) -> bytes:
        """Return the raw body; raises ``TooLarge``."""
        return await read_body(self.scope, self.receive, limit)


def _salvaged(raw: bytes) -> dict[str, str]:
    """Return what can be read of a query that its sender can't mend."""
    text = raw[:_LONGEST_QUERY].decode("utf-8", "replace").replace("%00", "")
    found = text.split("&", _MOST_FIELDS)[:_MOST_FIELDS]
    return dict(parse_qsl("&".join(found), keep_blank_values=True))


Handler = Callable[[Asked], Awaitable[Response]]


class Query(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The parameters of an operation's query; each that may be left out has a default."""

    county: str | None = None


class NoQuery(Query, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing is asked but, at most, in which county."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path.

    Attributes:
        path: below ``prefix``, with its ids in braces.
        name: the operation's id in the description and the metrics; "" = made from the path.
        run: what answers it; ``None`` = another part of the program does, and only the description
            is made from here.
        command: how its body becomes a command; ``None`` = it sends none.
        body: the body's type where that isn't a command's.
        answer: what a success holds; ``None`` = nothing (204).
        takes_any_query: apps of others send here whatever they have.
        may_be_empty: some successes are 204 though others have an answer.
        media: of the answer.
        refusals: kinds of refusal beyond those of its sort of operation.
        is_public: reachable without a session.
        takes_ended: a session that is over is enough: a call for help.
        query: the type of its query.
        needs: what a token must be issued for: a command's type or a view's name; "" = any token.
    """

    method: str
    path: str
    name: str = ""
    summary: str
    tag: str
    run: Handler | None
    prefix: str = PREFIX
    description: str = ""
    command: CommandBody | None = None
    body: Any = None
    answer: Any = None
    media: str = "application/json"
    takes_any_query: bool = False
    may_be_empty: bool = False
    query: type[Query] = NoQuery
    refusals: frozenset[str] = frozenset()
    is_public: bool = False
    takes_ended: bool = False
    in_county: bool = True
    needs: str = ""

    def __post_init__(self) -> None:
        if not self.name:
            words = [re.sub(r"\W", "_", part.strip("{}")) for part in parts_of(self.path)]
            object.__setattr__(self, "name", "_".join([self.method.lower(), *words]))

    @property
    def ids(self) -> tuple[str, ...]:
        """The names in the path's braces, in order."""
        return tuple(part[1:-1] for part in parts_of(self.path) if part.startswith("{"))

    @property
    def query_names(self) -> frozenset[str]:
        """The parameters that its query may have; the county stands in a header or here."""
        return frozenset(self.query.__struct_fields__)

    @property
    def parameters(self) -> dict[str, dict[str, Any]]:
        """Schema and description of each parameter of the query but the county."""
        _, types = msgspec.json.schema_components([self.query], ref_template="{name}")
        fields = types[self.query.__name__]["properties"]
        return {name: _sent(fields[name], types) for name in fields if name != "county"}

    @property
    def full_path(self) -> str:
        """The path from the root."""
        return self.prefix + self.path


def parts_of(path: str) -> list[str]:
    """Return the segments of a path."""
    return path.strip("/").split("/")


def _sent(schema: dict[str, Any], types: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of what is sent: never null, and complete in itself."""
    one = next(one for one in schema.get("anyOf", [schema]) if one.get("type") != "null")
    whole = {**types.get(one.get("$ref", ""), one), "description": schema["description"]}
    return {key: value for key, value in whole.items() if key not in {"title", "default"}}


def _told(docstring: str) -> dict[str, Any]:
    summary, _, more = docstring.strip().partition("\n")
    return {"summary": summary, "description": " ".join(more.split())}


class Rows(list[Operation]):
    """A module's rows of the table: each stands at what answers it, whose docstring describes it.

    Args:
        tag: of all of them.
        shared: what else they have in common; fields of ``Operation``.
    """

    def __init__(self, tag: str, **shared: Any) -> None:
        super().__init__()
        self._shared = {"tag": tag, **shared}

    def row(self, method: str, path: str, run: Handler, **more: Any) -> None:
        """Add a row for what ``run`` answers."""
        fields = {**_told(run.__doc__ or ""), **self._shared, **more}
        self.append(Operation(method=method, path=path, run=run, **fields))

    def get(self, path: str, **more: Any) -> Callable[[Handler], Handler]:
        """Answer ``GET path`` with the function below."""
        return self._at("GET", path, more)

    def post(self, path: str, **more: Any) -> Callable[[Handler], Handler]:
        """Answer ``POST path`` with the function below."""
        return self._at("POST", path, more)

    def _at(self, method: str, path: str, more: Mapping[str, Any]) -> Callable[[Handler], Handler]:
        def add(run: Handler) -> Handler:
            self.row(method, path, run, **more)
            return run

        return add


def command_type(command: type[Command]) -> str:
    """Return a command's word: ``offer_team``."""
    return str(command.__struct_config__.tag)


def sends(path: str, command: type[Command], tag: str, run: Handler, name: str = "") -> Operation:
    """Return the operation that sends ``command``; ids in the path are its fields.

    ``name``: tells the bodies of a command's several paths apart; "" = the command's own.
    """
    names = frozenset(p[1:-1] for p in parts_of(path) if p.startswith("{"))
    return Operation(
        method="POST",
        path=path,
        **_told(command.__doc__ or command.__name__),
        tag=tag,
        run=run,
        command=command_body(command, names, name),
        needs=command_type(command),
        takes_ended=command.ALWAYS_HEARD,
    )

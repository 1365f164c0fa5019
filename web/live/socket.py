"""The live socket, ``/api/v1/live``: one view of one county, from hello to close.

Decides who may open it, what a client is sent first, and when and with which code it is closed.
Must not know what views show (``dispatch.feed``) or how frames reach the wire
(``web.live.fanout``). Foreign origins are refused before this, by ``web.http.security``.

A client says hello within ten seconds; everything else goes from the server to the client, but for
pings and signs of life. Commands are requests of their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, NoReturn, Protocol

import msgspec
from starlette.types import Receive, Scope, Send

from crisis.clock import Clock
from crisis.errors import CrisisError, NotAllowed, NotSignedIn, TooMany, Unavailable
from crisis.ids import CountyId
from crisis.rights import RoleClass
from crisis.roles import Actor
from dispatch.feed import Committed, Feed, Positions, View, frames, view_of
from dispatch.run.alerts import Alert
from dispatch.store.identity import Principal
from dispatch.store.pulse import STALE_AFTER_S
from web.http.auth import actor_for, require_scope
from web.http.sessions import Listener, SessionNews
from web.live.fanout import SLOW, Fanout, Member
from web.live.frames import FRAMES, Sink, text_frame

#: The person has done what they wanted.
DONE: Final = 1000
#: Connect again, after a random pause: the server stops, or judges the client anew.
AGAIN: Final = 1012
#: Connect again later: the county or the database isn't there now.
LATER: Final = 1013
#: The page and the server don't speak the same language: load it again.
NOT_UNDERSTOOD: Final = 4400
#: Sign in again.
SIGN_IN: Final = 4401
#: Stop: this view isn't open to the account; the reason is a refusal's code.
STOP: Final = 4403
#: Connect again: hello came too late.
TOO_LATE: Final = 4408


class LiveLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How long and how much a socket may."""

    #: Seconds from the handshake until the client must have said who it is and what it wants.
    hello_within_s: float = 10.0
    #: Sockets that haven't said hello yet; further ones are turned away.
    unknown: int = 2_000
    #: Seconds between two heartbeats; whole.
    beat_s: int = 10
    #: Seconds between two looks at whether crews still follow the right team; whole.
    judge_s: int = 4
    #: Messages that a client may send between two heartbeats.
    messages: int = 60
    #: Seconds without news of the database after which each second a heartbeat says so, and after
    #: which the sockets are sent elsewhere.
    stale_s: float = STALE_AFTER_S
    cut_off_s: float = 10.0


class Door(Protocol):
    """Who opens a socket: ``web.http.auth.Auth``."""

    async def authenticate(self, scope: Scope) -> Principal:
        """Return who it is by the handshake's cookie or token, or raise ``NotSignedIn``."""
        ...

    async def redeem_ticket(self, principal: Principal, ticket: str) -> None:
        """Use up a page's ticket, or raise ``NotSignedIn``."""
        ...


class Watch(Protocol):
    """Who hears that a session ended: ``web.http.sessions.SessionRegistry``."""

    def watch(self, principal: Principal, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` once when the session ends or its grants change."""
        ...

    def touch(self, session_id: Any) -> None:
        """Note that the person did something."""
        ...


class Hello(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="t",
    tag="hello",
    forbid_unknown_fields=True,
):
    """The first message.

    Attributes:
        ticket: of ``POST /session/ticket``; needed where a cookie signs in.
        view: the class of view; ``None`` = the widest one open to the account.
        epoch, last_seq, mark: of the session before, to resume it; ``None`` = begin anew.
    """

    county: int
    ticket: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    view: RoleClass | None = None
    epoch: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    last_seq: Annotated[int, msgspec.Meta(ge=0)] | None = None
    mark: Annotated[int, msgspec.Meta(ge=0)] | None = None


class Ping(msgspec.Struct, frozen=True, tag_field="t", tag="ping", forbid_unknown_fields=True):
    """Asks for the present seq and the county's time."""


class Here(msgspec.Struct, frozen=True, tag_field="t", tag="here", forbid_unknown_fields=True):
    """The person did something: their session doesn't end for idleness."""


class Bye(msgspec.Struct, frozen=True, tag_field="t", tag="bye", forbid_unknown_fields=True):
    """Close it."""


Message = Hello | Ping | Here | Bye
_decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)


class _Gone(Exception):
    """The client left before it was admitted."""


class _NotUnderstood(Exception):
    """A message that no client of this version sends."""


class _Session:
    """One admitted socket."""

    __slots__ = ("actor", "heard", "member", "principal", "view")

    def __init__(self, view: View, principal: Principal, actor: Actor, member: Member) -> None:
        self.view = view
        self.principal = principal
        self.actor = actor
        self.member = member
        #: Messages since the last heartbeat.
        self.heard = 0


class Live:
    """All live sockets of this node: an ASGI endpoint, and what feeds it.

    Wire ``on_group`` to the service's listeners and ``on_alerts`` to the alert feed, and run
    ``run`` under a supervisor.

    Args:
        catch_up: brings this node's board of a county to the log's end, for a client that has seen
            more on another node.
        domain: the counties' clock, told in heartbeats.
        recorded_at: when the event at a seq of a county's log was recorded; ``None`` = there is
            none.
        age_s: for how long a county's board hasn't been known to be the newest.
        trouble: name of the outage that keeps a county's commands from being taken; "" = none.
    """

    def __init__(
        self,
        *,
        feed: Feed,
        positions: Positions,
        fanout: Fanout,
        door: Door,
        watch: Watch,
        domain: Clock,
        catch_up: Callable[[CountyId], Awaitable[object]],
        recorded_at: Callable[[CountyId, int], Awaitable[datetime | None]],
        age_s: Callable[[CountyId], float] = lambda _: 0.0,
        trouble: Callable[[CountyId], str] = lambda _: "",
        limits: LiveLimits | None = None,
    ) -> None:
        self.feed = feed
        self.positions = positions
        self.fanout = fanout
        self._door = door
        self._watch = watch
        self._domain = domain
        self._catch_up = catch_up
        self._recorded_at = recorded_at
        self._age_s = age_s
        self._trouble = trouble
        #: What each county was told of last.
        self._told: dict[CountyId, str] = {}
        self._limits = limits if limits is not None else LiveLimits()
        self._views: dict[View, dict[_Session, None]] = {}
        #: By county and recipient, so that an alert finds whom it means without asking everybody.
        self._addressed: dict[tuple[CountyId, str], dict[_Session, None]] = {}
        #: Snapshots as frames, so that clients that come together share the bytes.
        self._framed: dict[View, tuple[bytes, bytes]] = {}
        self._unknown = 0
        self._ticks = 0

    # What feeds it

    def on_group(self, group: Committed) -> None:
        """Send what a group of events changed; call it for every group, in order.

        Should that fail, the county's sockets are closed: a board with a silent gap is worse.
        """
        is_sent = False
        try:
            for view, payload in self.feed.on_group(group):
                self.fanout.publish(view, payload)
            is_sent = True
        finally:
            if not is_sent:
                self.close_county(group.after.county_id, SLOW, "connect again")

    def on_alerts(self, alerts: Sequence[Alert]) -> None:
        """Tell the people addressed who are connected here."""
        for alert in alerts:
            self.push_alert(
                CountyId(alert.county_id),
                alert.recipient,
                alert.template,
                alert.incident_number,
                urgency=alert.urgency,
                key=alert.key,
            )

    def push_alert(
        self,
        county_id: CountyId,
        recipient: str,
        template: str,
        number: int | None,
        *,
        urgency: str = "now",
        key: str = "",
        call_sign: str | None = None,
    ) -> int:
        """Show a notice to a recipient's screens here and return how many there are.

        Screens on a wall show none: nobody there can be meant.

        Args:
            recipient: ``team:<id>``, ``user:<id>`` or ``role:<role>``.
            key: the same for the same alert sent again; clients show it once.
            call_sign: of the team that it is about.
        """
        meant = self._addressed.get((county_id, recipient))
        if not meant:
            return 0
        payload = frames.alert(template, number, urgency, self._domain.now(), key, call_sign)
        told = list(meant)
        for session in told:
            session.member.send(payload)
        return len(told)

    def close_county(self, county_id: CountyId, code: int = AGAIN, reason: str = "again") -> None:
        """Close a county's sockets, because this node stops serving it."""
        for session in self._sessions():
            if session.view.county_id == county_id:
                session.member.close(code, reason)

    def tick(self) -> None:
        """Do what is due each second: positions, heartbeats, the judging of crews anew."""
        now = self._domain.now()
        for view, payload in self.positions.round(self._views, now):
            self.fanout.publish(view, payload)
        self._ticks += 1
        if self._ticks % self._limits.judge_s == 0:
            self._judge_crews()
        is_usual = self._ticks % self._limits.beat_s == 0
        self._beat({c for c in self._followed() if is_usual or self._must_be_told(c)})
        if is_usual:
            for sessions in self._views.values():
                for session in sessions:
                    session.heard = 0
            self.feed.rest(self._views)
            self._framed.clear()

    def _followed(self) -> set[CountyId]:
        return {view.county_id for view in self._views}

    def _must_be_told(self, county_id: CountyId) -> bool:
        """Whether screens must hear at once how old they are, or what is the matter."""
        age_s = self._age_s(county_id)
        if age_s > self._limits.cut_off_s:
            # A desk that looks at yesterday is worse than one that looks for another node.
            self.close_county(county_id, LATER, "cut_off")
        return age_s > self._limits.stale_s or self._told.get(county_id, "") != self._trouble(
            county_id
        )

    async def run(self) -> NoReturn:
        """Tick each second until cancelled."""
        while True:
            await asyncio.sleep(1.0)
            self.tick()

    def _beat(self, counties: Collection[CountyId]) -> None:
        if not counties:
            return
        now = self._domain.now()
        payloads: dict[CountyId, bytes] = {}
        for county_id in counties:
            trouble = self._told[county_id] = self._trouble(county_id)
            payloads[county_id] = self.feed.beat(county_id, now, self._age_s(county_id), trouble)
        for view in self._views:
            if view.county_id in payloads:
                self.fanout.publish(view, payloads[view.county_id])

    def _judge_crews(self) -> None:
        """Send those away whose team is another one now; connecting again, they get the new one."""
        for session in self._sessions():
            if session.view.role_class is not RoleClass.TEAM:
                continue
            county_id = session.view.county_id
            board = self.feed.board(county_id)
            if actor_for(session.principal, county_id, board).team_id != session.view.scope:
                session.member.close(AGAIN, "another team")

    def _sessions(self) -> list[_Session]:
        return [session for sessions in self._views.values() for session in sessions]

    # One socket

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket until it closes."""
        await receive()
        if self._unknown >= self._limits.unknown:
            await send({"type": "websocket.close", "code": LATER})
            return
        await send({"type": "websocket.accept"})
        refusal: tuple[int, str] | None = None
        session: _Session | None = None
        self._unknown += 1
        try:
            async with asyncio.timeout(self._limits.hello_within_s):
                session = await self._admit(scope, receive)
        except (_Gone, TimeoutError, _NotUnderstood, CrisisError) as error:
            refusal = _close_for(error)
        finally:
            self._unknown -= 1
        if session is None:
            if refusal is not None:
                code, reason = refusal
                await send({"type": "websocket.close", "code": code, "reason": reason})
            return
        await self._serve(session, receive)

    async def _admit(self, scope: Scope, receive: Receive) -> _Session:
        hello = _parse(await _next(receive))
        if not isinstance(hello, Hello):
            raise _NotUnderstood
        principal = await self._door.authenticate(scope)
        if principal.purpose == "cookie":
            if hello.ticket is None:
                raise NotSignedIn("bad_ticket", "A page needs a ticket for its socket.")
            await self._door.redeem_ticket(principal, hello.ticket)
        county_id = CountyId(hello.county)
        if county_id not in principal.grants:
            raise NotAllowed("not_your_county", "This account has no role in this county.")
        if self._age_s(county_id) > self._limits.cut_off_s:
            raise Unavailable("cut_off", "This node hears nothing of the database; try another.")
        if (hello.last_seq or 0) > self.feed.seq(county_id):
            await self._catch_up(county_id)
        is_known = await self._is_known(hello)
        # No waiting from here on: what is sent first and what is published next must join up.
        return self._join(hello, principal, scope["extensions"][FRAMES], is_known=is_known)

    async def _is_known(self, hello: Hello) -> bool:
        """Whether the log holds what the client saw last: it may be that of a restored database."""
        if hello.last_seq is None or hello.mark is None:
            # An older client, for which the epoch has to do.
            return True
        county_id = CountyId(hello.county)
        mark = self.feed.mark(county_id, hello.last_seq)
        if mark is None:
            mark = frames.mark_at(await self._recorded_at(county_id, hello.last_seq))
        return mark == hello.mark

    def _join(self, hello: Hello, principal: Principal, sink: Sink, *, is_known: bool) -> _Session:
        county_id = CountyId(hello.county)
        actor = actor_for(principal, county_id, self.feed.board(county_id))
        view = view_of(actor, county_id, hello.view)
        require_scope(principal, county_id, f"view:{view.role_class}")
        epoch = self.feed.epoch(view, actor)
        known = hello.last_seq if is_known and hello.epoch == epoch else None
        payload = self.feed.catch_up(view, known)
        now, seq = self._domain.now(), self.feed.seq(county_id)
        sink.write(text_frame(frames.welcome(view, epoch, seq, now, self._limits.beat_s)))
        member = self.fanout.join(view, sink, self._frame(view, payload))
        positions = self.positions.first(view, now)
        if positions is not None:
            member.send(positions)
        session = _Session(view, principal, actor, member)
        self._views.setdefault(view, {})[session] = None
        for address in _addresses(session):
            self._addressed.setdefault(address, {})[session] = None
        return session

    def _frame(self, view: View, payload: bytes) -> bytes:
        known = self._framed.get(view)
        if known is None or known[0] is not payload:
            known = self._framed[view] = (payload, text_frame(payload))
        return known[1]

    async def _serve(self, session: _Session, receive: Receive) -> None:
        member = session.member

        def on_notice(notice: SessionNews) -> None:
            if notice is SessionNews.ENDED:
                member.close(SIGN_IN, "session_ended")
            else:
                member.close(AGAIN, "rights changed")

        unwatch = self._watch.watch(session.principal, on_notice)
        try:
            while True:
                self._heard(session, _parse(await _next(receive)))
        except _NotUnderstood:
            member.close(NOT_UNDERSTOOD, "not_understood")
        except Unavailable:
            member.close(AGAIN, "again")
        except _Gone:
            pass
        finally:
            unwatch()
            member.leave()
            self._forget(session)

    def _heard(self, session: _Session, message: Message) -> None:
        session.heard += 1
        if session.heard > self._limits.messages:
            raise _NotUnderstood
        member = session.member
        match message:
            case Ping():
                seq = self.feed.seq(session.view.county_id)
                member.send(frames.pong(seq, self._domain.now()))
            case Here():
                self._watch.touch(session.principal.session_id)
            case Bye():
                member.close(DONE, "bye")
            case Hello():
                raise _NotUnderstood

    def _forget(self, session: _Session) -> None:
        if _drop(self._views, session.view, session):
            self._framed.pop(session.view, None)
        for address in _addresses(session):
            _drop(self._addressed, address, session)


def _drop(index: dict[Any, dict[_Session, None]], key: Any, session: _Session) -> bool:
    """Take a session out of an index; return whether it was the key's last."""
    sessions = index.get(key)
    if sessions is None:
        return False
    sessions.pop(session, None)
    if sessions:
        return False
    del index[key]
    return True


async def _next(receive: Receive) -> str:
    message = await receive()
    if message["type"] != "websocket.receive":
        raise _Gone
    text = message.get("text")
    if text is None:
        raise _NotUnderstood
    return str(text)


def _parse(text: str) -> Message:
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise _NotUnderstood from error


def _close_for(error: Exception) -> tuple[int, str] | None:
    """Return the code and reason of a close; ``None`` = nobody is there to be told."""
    match error:
        case _Gone():
            return None
        case _NotUnderstood():
            return NOT_UNDERSTOOD, "not_understood"
        case NotSignedIn():
            return SIGN_IN, error.code
        case Unavailable() | TooMany():
            return LATER, error.code
        case CrisisError():
            return STOP, error.code
        case _:
            return TOO_LATE, "hello_too_late"


def _addresses(session: _Session) -> list[tuple[CountyId, str]]:
    """Return the recipients of alerts that mean this session."""
    view, actor = session.view, session.actor
    if view.role_class is RoleClass.WALL:
        return []
    recipients = [f"user:{session.principal.account_id}"]
    if view.role_class is RoleClass.TEAM:
        recipients.append(f"team:{view.scope}")
    if actor.agency_id is None:
        # An account that ends at one agency isn't told what concerns the county's desk.
        recipients += [f"role:{role.value}" for role in actor.roles]
    return [(view.county_id, recipient) for recipient in recipients]

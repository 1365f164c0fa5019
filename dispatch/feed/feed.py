"""The live feed: from groups of events to one frame per view, and from any seq back to the present.

Per class of view it keeps what every scope shows now, encoded, and the seq at which each shown
thing changed last. A group is projected once per class; only what differs goes out. Seqs are those
of the county's log, so that a client may resume on any node. Pure: must not know sockets, clocks or
the database.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

import msgspec

from crisis.board import Board, Change
from crisis.errors import Unavailable
from crisis.ids import CountyId
from crisis.rights import RoleClass
from crisis.roles import Actor
from dispatch.feed import frames
from dispatch.feed.entities import CountsView
from dispatch.feed.rules import RULES, UNSCOPED, Key, Scope, count_label, touched
from dispatch.feed.views import View, epoch_of

_encode = msgspec.json.Encoder().encode
#: The wall's one entity that stands for no thing on the board.
_COUNTS: Key = ("counts", UUID(int=0))
_NOTHING: Mapping[Scope, bytes] = {}


class Committed(Protocol):
    """What was committed together: the service's ``GroupDone``.

    ``changes`` names everything that differs between ``before`` and ``after``.
    """

    @property
    def before(self) -> Board:
        """The board before the group."""
        ...

    @property
    def after(self) -> Board:
        """The board after the group."""
        ...

    @property
    def changes(self) -> Sequence[Change]:
        """Every thing that changed, at least once."""
        ...


class Frame(NamedTuple):
    """A message to everybody who follows a view."""

    view: View
    payload: bytes


class _Scoped:
    """What one scope of a class shows, and when each thing in it changed last."""

    __slots__ = ("changed", "floor", "shown", "snapshot", "told")

    def __init__(self, floor: int) -> None:
        self.shown: dict[Key, bytes] = {}
        #: Key → seq of its last change here, things that left included; the newest last.
        self.changed: dict[Key, int] = {}
        #: Changes after this seq are all in ``changed``.
        self.floor = floor
        #: Seq of the last frame made for this scope; 0 = none.
        self.told = 0
        self.snapshot: tuple[int, bytes] = (-1, b"")

    def put(self, key: Key, content: bytes | None, seq: int, most: int) -> None:
        if content is None:
            del self.shown[key]
        else:
            self.shown[key] = content
        self.mark(key, seq, most)

    def mark(self, key: Key, seq: int, most: int) -> None:
        self.changed.pop(key, None)
        self.changed[key] = seq
        if len(self.changed) > most:
            oldest = next(iter(self.changed))
            self.floor = self.changed.pop(oldest)

    def since(self, seq: int) -> tuple[list[bytes], list[Key]]:
        """Return what to put and what to remove for a client that knows all up to ``seq``."""
        up: list[bytes] = []
        rm: list[Key] = []
        for key in reversed(self.changed):
            if self.changed[key] <= seq:
                break
            content = self.shown.get(key)
            if content is None:
                rm.append(key)
            else:
                up.append(content)
        return up, rm


class _Shared:
    """Encodings of one board, shared by the classes that show the same of a thing."""

    __slots__ = ("_made", "board")

    def __init__(self, board: Board) -> None:
        self.board = board
        self._made: dict[tuple[object, Key], bytes] = {}

    def project(self, role_class: RoleClass, key: Key) -> Mapping[Scope, bytes]:
        """Return what each scope of a class that sees the thing shows of it; empty = nobody."""
        kind, thing_id = key
        rule = RULES[role_class].get(kind)
        if rule is None:
            return _NOTHING
        board = self.board
        thing = getattr(board, kind).get(thing_id)
        if thing is None:
            return _NOTHING
        if rule.per_scope:
            return {s: _encode(rule.content(thing, board, s)) for s in rule.scopes(thing, board)}
        scopes = tuple(rule.scopes(thing, board))
        if not scopes:
            return _NOTHING
        content = self._made.get((rule.content, key))
        if content is None:
            content = self._made[rule.content, key] = _encode(rule.content(thing, board, None))
        return dict.fromkeys(scopes, content)


class _Class:
    """All scopes of one class in one county."""

    __slots__ = ("counts", "idle", "labels", "role_class", "scopes", "seen_by", "since_seq")

    def __init__(self, role_class: RoleClass, shared: _Shared) -> None:
        board = shared.board
        self.role_class = role_class
        self.since_seq = board.seq
        self.scopes: dict[Scope, _Scoped] = {}
        #: Who sees each thing now.
        self.seen_by: dict[Key, tuple[Scope, ...]] = {}
        self.labels: dict[Key, str] = {}
        self.counts: dict[str, int] = {}
        #: Rests in a row in which nobody followed it.
        self.idle = 0
        for key in keys_of(board):
            seen = shared.project(role_class, key)
            if seen:
                self.seen_by[key] = tuple(seen)
                for scope, content in seen.items():
                    self.scope(scope).shown[key] = content
            self._count(key, board)
        if role_class is RoleClass.WALL:
            self.scope(None).shown[_COUNTS] = self._counted()

    def scope(self, scope: Scope) -> _Scoped:
        found = self.scopes.get(scope)
        if found is None:
            found = self.scopes[scope] = _Scoped(self.since_seq)
        return found

    def update(
        self, keys: Iterable[Key], shared: _Shared, seq: int, most: int
    ) -> dict[Scope, tuple[list[bytes], list[Key]]]:
        """Take over the board's state of ``keys`` and return what differs, per scope."""
        out: dict[Scope, tuple[list[bytes], list[Key]]] = {}
        for key in keys:
            seen = shared.project(self.role_class, key)
            was = self.seen_by.get(key, ())
            for scope, content in seen.items():
                self._put(key, scope, content, seq, most, out)
            for scope in was:
                if scope not in seen:
                    self._put(key, scope, None, seq, most, out)
            if seen:
                self.seen_by[key] = tuple(seen)
            elif was:
                del self.seen_by[key]
            self._count(key, shared.board)
            if self.role_class in UNSCOPED and key[0] in RULES[self.role_class]:
                # What came and went within the group was seen by clients of nodes that cut their
                # groups elsewhere.
                self.scope(None).mark(key, seq, most)
        if self.role_class is RoleClass.WALL:
            self._put(_COUNTS, None, self._counted(), seq, most, out)
            self.scope(None).mark(_COUNTS, seq, most)
        return out

    def begin_anew(self, seq: int) -> None:
        """Let nobody resume from before ``seq``."""
        self.since_seq = seq
        for scoped in self.scopes.values():
            scoped.changed.clear()
            scoped.floor = seq

    def _put(
        self,
        key: Key,
        scope: Scope,
        content: bytes | None,
        seq: int,
        most: int,
        out: dict[Scope, tuple[list[bytes], list[Key]]],
    ) -> None:
        scoped = self.scope(scope)
        if scoped.shown.get(key) == content:
            return
        scoped.put(key, content, seq, most)
        up, rm = out.setdefault(scope, ([], []))
        if content is None:
            rm.append(key)
        else:
            up.append(content)

    def _count(self, key: Key, board: Board) -> None:
        if self.role_class is not RoleClass.WALL:
            return
        kind, thing_id = key
        thing = getattr(board, kind).get(thing_id)
        label = count_label(kind, thing, board) if thing is not None else None
        was = self.labels.pop(key, None)
        if was is not None:
            self.counts[was] -= 1
        if label is not None:
            self.labels[key] = label
            self.counts[label] = self.counts.get(label, 0) + 1

    def _counted(self) -> bytes:
        counts = {k: n for k, n in sorted(self.counts.items()) if n}
        return _encode(CountsView(id=str(_COUNTS[1]), n=counts))


def keys_of(board: Board) -> Iterable[Key]:
    """Return every thing of a board that some class of view may show."""
    for kind in _SHOWN_KINDS:
        for thing_id in getattr(board, kind):
            yield kind, thing_id


_SHOWN_KINDS = tuple(sorted({kind for rules in RULES.values() for kind in rules}))


#: Ends of groups that are remembered.
_ENDS = 4096


class _County:
    __slots__ = ("beaten", "board", "classes", "ends")

    def __init__(self, board: Board) -> None:
        self.board = board
        #: Seqs at which this node's groups ended, each with its mark, the newest last.
        self.ends: dict[int, int] = {board.seq: frames.mark_of(board)}
        self.classes: dict[RoleClass, _Class] = {}
        #: Seq of the last heartbeat to all of its views.
        self.beaten = 0


class Feed:
    """What all views of this node's counties show, and the frames that keep them so.

    Args:
        log_id: names the database's log; a client that followed another one takes a snapshot.
        warm: classes that are kept up to date though nobody follows them here, so that clients of
            a lost node resume on this one.
        backlog: changed things remembered per scope, > 0; who missed more takes a snapshot.
    """

    def __init__(
        self,
        log_id: str = "",
        *,
        warm: Collection[RoleClass] = (RoleClass.DESK, RoleClass.TEAM),
        backlog: int = 4096,
    ) -> None:
        self.log_id = log_id
        self._warm = frozenset(warm)
        self._backlog = backlog
        self._counties: dict[CountyId, _County] = {}

    def start(self, board: Board) -> list[Frame]:
        """Serve a county from ``board`` on; for one served already, return the way there."""
        county = self._counties.get(board.county_id)
        if county is not None:
            return self._rebase(county, board)
        county = self._counties[board.county_id] = _County(board)
        shared = _Shared(board)
        for role_class in self._warm:
            county.classes[role_class] = _Class(role_class, shared)
        return []

    def stop(self, county_id: CountyId) -> None:
        """Forget a county; its sockets must have been closed."""
        self._counties.pop(county_id, None)

    def serves(self, county_id: CountyId) -> bool:
        """Whether the county was started."""
        return county_id in self._counties

    def board(self, county_id: CountyId) -> Board:
        """Return the board that the views show now.

        Raises:
            Unavailable: ``county_not_served``.
        """
        return self._county(county_id).board

    def seq(self, county_id: CountyId) -> int:
        """Return the seq that the views show now; raises as ``board``."""
        return self._county(county_id).board.seq

    def on_group(self, group: Committed) -> list[Frame]:
        """Take over a group and return the frames of all views in which something changed.

        Groups of a county come in order. One that doesn't follow what is known is no error: the
        boards are then compared in full. After any exception the caller must close the county's
        sockets: their views have to begin anew.
        """
        county = self._counties.get(group.after.county_id)
        if county is None:
            return self.start(group.after)
        is_taken = False
        try:
            out = self._take(county, group)
            is_taken = True
        finally:
            if not is_taken:
                # Half of it may stand in some views: none of them may be built upon.
                county.classes.clear()
                county.board = group.after
        return out

    def _take(self, county: _County, group: Committed) -> list[Frame]:
        before, after = county.board, group.after
        if after.seq <= before.seq:
            return []
        if group.before.seq != before.seq:
            return self._rebase(county, after)
        keys = touched(before, after, group.changes) if county.classes else ()
        return self._advance(county, after, keys)

    def _rebase(self, county: _County, board: Board) -> list[Frame]:
        if board.seq <= county.board.seq:
            return []
        out = self._advance(county, board, {*keys_of(county.board), *keys_of(board)})
        # Nobody here knows what came and went in between.
        for live in county.classes.values():
            live.begin_anew(board.seq)
        return out

    def _advance(self, county: _County, board: Board, keys: Collection[Key]) -> list[Frame]:
        county.board = board
        county.ends[board.seq] = mark = frames.mark_of(board)
        if len(county.ends) > _ENDS:
            del county.ends[next(iter(county.ends))]
        shared = _Shared(board)
        out: list[Frame] = []
        for role_class, live in county.classes.items():
            for scope, (up, rm) in live.update(keys, shared, board.seq, self._backlog).items():
                scoped = live.scopes[scope]
                prev = max(scoped.told, county.beaten)
                scoped.told = board.seq
                view = View(county_id=board.county_id, role_class=role_class, scope=scope)
                out.append(Frame(view, frames.changes(board.seq, mark, prev, up, rm)))
        return out

    def epoch(self, view: View, actor: Actor) -> str:
        """Return what a client must give back to resume ``view`` with the grants of ``actor``."""
        return epoch_of(view, actor, self.log_id)

    def catch_up(self, view: View, last_seq: int | None) -> bytes:
        """Return the message that brings a client to the present.

        Args:
            last_seq: what the client knows of this view, in the present epoch; ``None`` = nothing.

        Raises:
            Unavailable: ``county_not_served``.
        """
        county = self._county(view.county_id)
        seq, mark = county.board.seq, frames.mark_of(county.board)
        live = county.classes.get(view.role_class)
        if live is None:
            live = _Class(view.role_class, _Shared(county.board))
            county.classes[view.role_class] = live
        live.idle = 0
        scoped = live.scopes.get(view.scope)
        floor = scoped.floor if scoped is not None else live.since_seq
        # A client from a node that cut its groups elsewhere may have seen a scope that a thing
        # passed through within one group of ours: only unscoped classes remember all of those.
        is_known = view.role_class in UNSCOPED or last_seq in county.ends
        if last_seq is not None and is_known and floor <= last_seq <= seq:
            up, rm = scoped.since(last_seq) if scoped is not None else ([], [])
            return frames.changes(seq, mark, last_seq, up, rm)
        if scoped is None:
            return frames.snapshot(seq, mark, ())
        if scoped.snapshot[0] != seq:
            scoped.snapshot = (seq, frames.snapshot(seq, mark, scoped.shown.values()))
        return scoped.snapshot[1]

    def shown(self, view: View) -> Mapping[Key, bytes]:
        """Return what ``view`` shows now, encoded; empty where nobody follows its class."""
        live = self._county(view.county_id).classes.get(view.role_class)
        scoped = live.scopes.get(view.scope) if live is not None else None
        return dict(scoped.shown) if scoped is not None else {}

    def mark(self, county_id: CountyId, seq: int) -> int | None:
        """Return the mark of the event at ``seq`` where it is at hand; see ``frames.mark_of``."""
        return self._county(county_id).ends.get(seq)

    def beat(
        self, county_id: CountyId, at: datetime, age_s: float = 0.0, trouble: str = ""
    ) -> bytes:
        """Return the heartbeat for *every* view of a county that is followed.

        The caller sends it to all of them, behind all frames made before.
        """
        county = self._county(county_id)
        seq = county.beaten = county.board.seq
        return frames.beat(seq, frames.mark_of(county.board), at, age_s, trouble)

    def rest(self, followed: Collection[View], patience: int = 6) -> None:
        """Drop what nobody has followed for ``patience`` calls in a row."""
        alive = {(view.county_id, view.role_class) for view in followed}
        for county_id, county in self._counties.items():
            for role_class in list(county.classes):
                live = county.classes[role_class]
                live.idle = 0 if (county_id, role_class) in alive else live.idle + 1
                if live.idle >= patience and role_class not in self._warm:
                    del county.classes[role_class]
            for live in county.classes.values():
                for scoped in live.scopes.values():
                    if scoped.snapshot[0] != county.board.seq:
                        scoped.snapshot = (-1, b"")

    def _county(self, county_id: CountyId) -> _County:
        county = self._counties.get(county_id)
        if county is None:
            raise Unavailable("county_not_served", "This county isn't ready here; try again.")
        return county

"""What tests of the live feed share: groups cut from a county's log, and a client's side of it.

board, rest = empty_board(COUNTY), county.log
group = group_of(board, county.log[:3])
client = Client(view); client.take(frame)
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from crisis.board import Board, Change, apply, empty_board
from crisis.events import Event
from crisis.ids import AgencyId
from crisis.rights import RoleClass
from crisis.roles import Actor, Role
from dispatch.feed import Feed, View
from tests.unit.dispatch.board_kit import AGENCY, COUNTY, County, person, uid

DESK = View(county_id=COUNTY, role_class=RoleClass.DESK)
WALL = View(county_id=COUNTY, role_class=RoleClass.WALL)
FOLLOW_UP = View(county_id=COUNTY, role_class=RoleClass.FOLLOW_UP)
OWN_AGENCY = View(county_id=COUNTY, role_class=RoleClass.AGENCY, scope=AGENCY)
OTHER_AGENCY = AgencyId(uid("other agency"))
THEIR_AGENCY = View(county_id=COUNTY, role_class=RoleClass.AGENCY, scope=OTHER_AGENCY)
SOMEBODY: Actor = person("somebody", Role.DISPATCHER)

Shown = dict[tuple[str, str], dict[str, Any]]


def team_view(team_id: UUID) -> View:
    """The view of a team's phones."""
    return View(county_id=COUNTY, role_class=RoleClass.TEAM, scope=team_id)


class GroupDone(NamedTuple):
    """What the service tells its listeners."""

    before: Board
    after: Board
    changes: Sequence[Change]


def group_of(before: Board, events: Iterable[Event]) -> GroupDone:
    """The group of ``events``, which follow ``before``."""
    board, changes = before, list[Change]()
    for event in events:
        board, changed = apply(board, event)
        changes.extend(changed)
    return GroupDone(before, board, changes)


def shown_anew(board: Board, view: View) -> Shown:
    """What a view must show of a board, by a feed that never saw anything else."""
    feed = Feed(warm=())
    feed.start(board)
    return entities(json.loads(feed.catch_up(view, None))["up"])


def entities(up: list[dict[str, Any]]) -> Shown:
    """Entities by their key; no key may come twice."""
    found = {(entity["k"], entity["id"]): entity for entity in up}
    assert len(found) == len(up)
    return found


class Client:
    """A client of one view, as strict as a browser must be.

    ``seq``: the newest it knows of; ``None`` = it knows nothing.
    """

    def __init__(self, view: View) -> None:
        self.view = view
        self.shown: Shown = {}
        self.seq: int | None = None
        self.epoch: str | None = None
        self.messages: list[dict[str, Any]] = []
        self.snapshots = 0

    def take(self, payload: bytes | str) -> dict[str, Any]:
        """Read one message and return it."""
        message: dict[str, Any] = json.loads(payload)
        self.messages.append(message)
        match message["t"]:
            case "welcome":
                self.epoch = message["epoch"]
            case "snapshot":
                self.shown = entities(message["up"])
                self.seq = message["seq"]
                self.snapshots += 1
            case "changes":
                assert self.seq is not None, "changes to nothing"
                assert message["prev"] <= self.seq, "a frame is missing"
                assert message["seq"] >= self.seq, "time went back"
                up = entities(message["up"])
                rm = {(kind, thing_id) for kind, thing_id in message["rm"]}
                assert not rm & up.keys()
                for key in rm:
                    self.shown.pop(key, None)
                self.shown.update(up)
                self.seq = message["seq"]
            case "beat":
                assert self.seq is None or message["seq"] >= self.seq
                self.seq = message["seq"]
            case "pong" | "fixes" | "alert":
                pass
            case other:
                raise AssertionError(f"unknown message {other}")
        return message

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The entities of a kind that it shows."""
        return [entity for (k, _), entity in self.shown.items() if k == kind]


class Screens:
    """A county with a feed behind it and clients in front."""

    def __init__(self, county: County | None = None) -> None:
        self.county = county or County()
        self.feed = Feed(warm=tuple(RoleClass))
        self.feed.start(empty_board(COUNTY))
        self.clients: dict[View, Client] = {}

    def client(self, view: View) -> Client:
        client = self.clients[view] = Client(view)
        client.take(self.feed.catch_up(view, None))
        return client

    def catch_up(self) -> dict[View, dict[str, Any]]:
        """Send all that happened as one group; the last frame of each view that got one."""
        events = self.county.log[self.feed.seq(COUNTY) :]
        out: dict[View, dict[str, Any]] = {}
        for view, payload in self.feed.on_group(group_of(self.feed.board(COUNTY), events)):
            out[view] = json.loads(payload)
            if view in self.clients:
                self.clients[view].take(payload)
        return out

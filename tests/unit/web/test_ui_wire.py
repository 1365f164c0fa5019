"""The types that the pages are written against are those of the wire."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, get_args

import msgspec
import pytest

from crisis.clock import generator
from crisis.refusal_codes import REFUSAL_CODES, RefusalCode
from dispatch.feed import Feed, View, frames
from dispatch.feed.entities import Entity
from dispatch.feed.rules import RULES, WIRE_KINDS
from tests.unit.dispatch.board_kit import uid
from tests.unit.dispatch.busy_county import Busy
from tests.unit.dispatch.livefeed_kit import (
    DESK,
    FOLLOW_UP,
    OWN_AGENCY,
    WALL,
    group_of,
    team_view,
)
from tests.unit.web import refusals_raised
from web.ui import wire_types
from web.ui.frame_types import Frame
from web.ui.words import WORDS

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
_frame: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Frame)
_ENTITIES: dict[str, type[msgspec.Struct]] = {cls.__name__: cls for cls in get_args(Entity)}


def entity_of(view: View, kind: str) -> type[msgspec.Struct]:
    """The type of which a view's things of one kind are."""
    if kind == "counts":
        return _ENTITIES["CountsView"]
    board_kind = next(name for name, wire in WIRE_KINDS.items() if wire == kind)
    made = RULES[view.role_class][board_kind].content.__annotations__["return"]
    return _ENTITIES[made]


def test_the_committed_types_are_those_of_the_program() -> None:
    assert wire_types.PATH.read_text() == wire_types.text(), "run python -m web.ui.wire_types"


@pytest.mark.parametrize(
    "payload",
    [
        frames.welcome(DESK, "e", 3, NOW, 10.0),
        frames.beat(3, 7, NOW, 0.4, ""),
        frames.pong(3, NOW),
        frames.fixes(NOW, [frames.fix_row(uid("team"), 38.5, -121.4, 12.3, NOW, None)]),
        frames.alert("offer", 7, "now", NOW, "k"),
        frames.snapshot(3, 7, [b'{"k":"team"}']),
        frames.changes(4, 8, 3, [], [("teams", uid("team"))]),
    ],
    ids=lambda payload: json.loads(payload)["t"],
)
def test_every_frame_is_of_its_type(payload: bytes) -> None:
    frame = _frame.decode(payload)
    assert set(json.loads(payload)) - {"t"} == set(type(frame).__struct_fields__)


@pytest.mark.parametrize("seed", range(2))
def test_views_say_only_fields_and_words_that_the_pages_know(seed: int) -> None:
    busy = Busy(generator(seed))
    feed = Feed()
    before = busy.board
    feed.start(before)
    seen: set[tuple[type[msgspec.Struct], str]] = set()
    told = 0
    while busy.board.seq < 200:
        busy.step()
        if busy.board.seq == before.seq:
            continue
        feed.on_group(group_of(before, busy.county.log[before.seq : busy.board.seq]))
        before = busy.board
        for view in (DESK, WALL, OWN_AGENCY, FOLLOW_UP, *map(team_view, before.teams)):
            for thing in json.loads(feed.catch_up(view, None))["up"]:
                cls = entity_of(view, thing["k"])
                _assert_known(cls, thing, seen)
                told += 1
    assert told > 1000
    assert len({cls for cls, _ in seen}) > 8, "too little was projected to tell"


def _assert_known(
    cls: type[msgspec.Struct], thing: dict[str, Any], seen: set[tuple[type[msgspec.Struct], str]]
) -> None:
    fields = {field.encode_name: field for field in msgspec.structs.fields(cls)}
    for name, value in thing.items():
        if name == "k" and isinstance(cls.__struct_config__.tag, str):
            continue
        assert name in fields, (cls, name)
        words = WORDS.get((cls, name))
        if words is not None:
            assert value in {word.value for word in words}, (cls, name, value)
            seen.add((cls, name))
        for inner in _structs(fields[name].type):
            for part in value if isinstance(value, list) else [value]:
                _assert_known(inner, part, seen)


def _structs(type_: Any) -> list[type[msgspec.Struct]]:
    if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
        return [type_]
    return [found for part in get_args(type_) for found in _structs(part)]


def test_the_registry_of_refusals_is_what_is_raised_no_more_and_no_less() -> None:
    raised = refusals_raised.codes()
    assert raised - REFUSAL_CODES == set(), "raised, and not in crisis.refusal_codes"
    assert REFUSAL_CODES - raised == set(), "in crisis.refusal_codes, and raised nowhere"
    assert list(get_args(RefusalCode)) == sorted(REFUSAL_CODES)

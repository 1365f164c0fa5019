"""What is sent under a name that nobody knows is refused by that name, never passed over.

A need that is sent with ``hrd`` must not become a wish. Only the posts of tracking apps, which
carry whatever their makers like, are read without this.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from msgspec import inspect

import web.api.board
import web.api.desk
import web.api.incidents
import web.api.reports
import web.live.socket
from crisis.errors import Invalid
from crisis.policy import from_toml
from dispatch.run.imports.roster import RESPONDER_COLUMNS
from dispatch.run.imports.rows import rows_of
from web.admin.forms import Form
from web.api import wire
from web.api.commands import OPERATIONS
from web.app import table_of
from web.cli.main import parser

_QUERIES = (
    web.api.board._View,
    web.api.desk._Wanted,
    web.api.incidents._Purpose,
    web.api.incidents._Slot,
    web.api.reports._Asked,
)


def _structs(kind: inspect.Type, seen: set[type]) -> Iterator[inspect.StructType]:
    if isinstance(kind, inspect.StructType):
        if kind.cls in seen:
            return
        seen.add(kind.cls)
        yield kind
        for field in kind.fields:
            yield from _structs(field.type, seen)
    for name in ("types", "item_types"):
        for inner in getattr(kind, name, ()):
            yield from _structs(inner, seen)
    for name in ("item_type", "key_type", "value_type", "type"):
        inner = getattr(kind, name, None)
        if isinstance(inner, inspect.Type):
            yield from _structs(inner, seen)


def _read_shapes() -> list[Any]:
    bodies = [operation.command.shape for operation in table_of() if operation.command]
    bodies += [operation.body for operation in table_of() if operation.body is not None]
    return [*bodies, *_QUERIES, web.live.socket.Message]


def test_every_shape_that_a_sender_fills_refuses_unknown_names_at_any_depth() -> None:
    seen: set[type] = set()
    found = [one for shape in _read_shapes() for one in _structs(inspect.type_info(shape), seen)]
    assert len(found) > 60
    assert [one.cls.__name__ for one in found if not one.forbid_unknown_fields] == []


def _refused(name: str, body: object, **path: str) -> Invalid:
    operation = next(o for o in OPERATIONS if o.command and o.command.command.__name__ == name)
    assert operation.command is not None
    with pytest.raises(Invalid) as caught:
        operation.command.read(msgspec.json.encode(body), path)
    return caught.value


@pytest.mark.parametrize(
    ("command", "body", "path", "field", "near"),
    [
        ("OpenIncident", {"needs": [{"code": "youth", "hrd": True}]}, "$.needs[0]", "hrd", "hard"),
        ("OpenIncident", {"acuty": "urgent"}, "$", "acuty", "acuity"),
        ("OpenIncident", {"place": {"adress": "x"}}, "$.place", "adress", "address"),
        ("OpenIncident", {"place": {"point": {"lat": 1}}}, "$.place.point", "lat", "lat_deg"),
        ("OpenIncident", {"hazards": [{"code": "weapon", "sorce": "team"}]}, "$.hazards[0]",
         "sorce", "source"),
        ("StartShift", {"crew": [{"carries_naloxon": True}]}, "$.crew[0]", "carries_naloxon",
         "carries_naloxone"),
        ("StartShift", {"telehealth": {"no_safty_concern": True}}, "$.telehealth",
         "no_safty_concern", "no_safety_concern"),
        ("RecordResponder", {"responder": {"core_trained_untill": "2026-01-01"}}, "$.responder",
         "core_trained_untill", "core_trained_on"),
        ("RecordResponder", {"responder": {"licence": {"expires": "2026-01-01"}}},
         "$.responder.licence", "expires", "expires_on"),
        ("OpenIncident", {"zzzz": 1}, "$", "zzzz", None),
    ],
)  # fmt: skip
def test_the_refusal_names_the_field_its_place_and_the_likely_one(
    command: str, body: object, path: str, field: str, near: str | None
) -> None:
    refusal = _refused(command, body, incident_id="x", shift_id="x", team_id="x")
    assert refusal.code == "unknown_field"
    assert (refusal.facts["path"], refusal.facts["field"]) == (path, field)
    assert refusal.facts["near"] == near
    assert field in refusal.detail and (near is None or f"Did you mean {near}?" in refusal.detail)


def test_a_name_in_one_of_many_is_refused_with_all_of_them() -> None:
    decoder = web.api.positions._decoder
    point = {"lat_deg": 37.8, "lon_deg": -122.2}
    good = {"point": point, "fixed_at": "2026-12-01T00:00:00Z"}
    with pytest.raises(Invalid) as caught:
        wire.decode(msgspec.json.encode([good, {**good, "acuracy_m": 5}]), decoder)
    assert caught.value.facts["near"] == "accuracy_m"


def test_a_long_or_unprintable_name_is_not_given_back_whole() -> None:
    refusal = _refused("OpenIncident", {"a\n" * 200: 1})
    assert len(str(refusal.facts["field"])) <= 64
    assert "\n" not in refusal.detail


def test_a_column_that_nobody_knows_is_refused_with_the_likely_one() -> None:
    heads = "code,agency,provider_type,carries_naloxon,core_trained_untill,naloxon\n"
    with pytest.raises(Invalid) as caught:
        list(rows_of("people.csv", heads, RESPONDER_COLUMNS))
    assert "core_trained_untill (core_trained?)" in str(caught.value)
    assert "carries_naloxon (naloxone?)" in str(caught.value)
    assert "naloxon (naloxone?)" in str(caught.value)


def test_a_setting_that_nobody_knows_is_refused_with_the_likely_one() -> None:
    with pytest.raises(Invalid) as caught:
        from_toml(
            'version = "x"\neffective_from = 2026-01-01T00:00:00Z\n[offers]\nauto_ofer = true'
        )
    assert caught.value.facts["problems"] == [
        "offers.auto_ofer: no such setting; did you mean auto_offer?"
    ]


def test_a_field_that_no_page_asks_for_is_refused_in_a_form() -> None:
    form = Form({"act": ["x"], "set.offers.auto_offer": ["true"], "naloxon": ["yes"]})
    with pytest.raises(Invalid) as caught:
        form.require_only(("set.", "naloxone"))
    assert (caught.value.code, caught.value.facts["near"]) == ("unknown_field", "naloxone")
    Form({"act": ["x"], "rung.kind": ["partner"]}).require_only(("rung.",))


@pytest.mark.parametrize(
    ("body", "words", "near"),
    [
        ({"acuity": "Urgent"}, ["emergent", "routine", "urgent"], "urgent"),
        ({"screening": {"weapon_on_scene": "y"}}, ["no", "not_asked", "unknown", "yes"], None),
        ({"acuity": "Ray Doe, 916-555-0100"}, ["emergent", "routine", "urgent"], None),
    ],
)
def test_a_word_that_may_not_stand_there_is_refused_with_those_that_may(
    body: object, words: list[str], near: str | None
) -> None:
    refusal = _refused("OpenIncident", body)
    assert refusal.code == "bad_body"
    assert (refusal.facts["words"], refusal.facts["near"]) == (words, near)
    assert all(word in refusal.detail for word in words)
    assert "Ray" not in refusal.detail


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b'{"acuity": "urgent", "acuity": "routine"}', "acuity"),
        (b'{"acuity": "urgent", "\\u0061cuity": "routine"}', "acuity"),
        (b'{"needs": [{"code": "youth", "hard": true, "hard": false}]}', "hard"),
    ],
)
def test_a_name_that_is_given_twice_is_refused_and_neither_passed_over(
    raw: bytes, name: str
) -> None:
    operation = next(
        o for o in OPERATIONS if o.command and o.command.command.__name__ == "OpenIncident"
    )
    assert operation.command is not None
    with pytest.raises(Invalid) as caught:
        operation.command.read(raw, {})
    assert f"{name} is given twice" in caught.value.detail
    fine = b'{"needs": [{"code": "youth"}, {"code": "peer"}], "narrative": "\\"code\\": \\"x\\""}'
    operation.command.read(fine, {})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["county", "list", "--jso"], "--jso"),
        (["user", "list", "--count", "6001"], "--count (--county?)"),
    ],
)
def test_a_flag_that_nobody_knows_is_refused_with_the_likely_one(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(words)
    told = capsys.readouterr().err
    assert f"no such flag: {said}" in told

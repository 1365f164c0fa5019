"""How commands come out of requests: strictly, once, and by whom."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid5

import msgspec
import pytest

from crisis import commands as c
from crisis.clock import new_id
from crisis.errors import CrisisError, Invalid, NotFound
from crisis.ids import UserId, timer_command_id
from crisis.roles import Actor, Role
from crisis.states import Source
from web.api import intake
from web.http import problems

ACCOUNT = UserId(UUID(int=1))


OPEN = intake.command_body(c.OpenIncident)


BESIDE = {"occurred_at": None, "sent_at": None, "by_voice": False, "back_entry_reason": None}


def refused(raw: bytes, body: intake.CommandBody = OPEN, **path: str) -> CrisisError:
    with pytest.raises(CrisisError) as caught:
        body.read(raw, path)
    return caught.value


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b'{"narrative": 7}', "$.narrative"),
        (b'{"acuity": "very"}', "$.acuity"),
        (b'{"place": {"point": {"lat_deg": 91, "lon_deg": 0}}}', "$.place.point.lat_deg"),
        (b'{"place": {"point": {"lat_deg": 1, "lon_deg": -180.5}}}', "$.place.point.lon_deg"),
        (b'{"place": {"point": {"lat_deg": NaN, "lon_deg": 0}}}', "$.place.point.lat_deg"),
        (b'{"place": {"point": {"lat_deg": 1, "lon_deg": -Infinity}}}', "$.place.point.lon_deg"),
        (b'{"place": {"point": {"lat_deg": 1e999, "lon_deg": 0}}}', "$.place.point.lat_deg"),
        (b'{"occurred_at": "2026-03-02T08:00:00"}', "$.occurred_at"),
        (b'{"occurred_at": "9999-12-31T23:59:59Z"}', "$.occurred_at"),
        (b'{"sent_at": "0001-01-01T00:00:00+14:00"}', "$.sent_at"),
        (b'{"narrative": "a\\u0000b"}', "$.narrative"),
        (b'{"subjects": [{"name": "\\u0000"}]}', "$.subjects[0].name"),
        (b"[]", "$"),
        (b"null", "$"),
        (b"7", "$"),
    ],
)
def test_what_has_the_wrong_type_is_refused_with_its_path(raw: bytes, path: str) -> None:
    refusal = refused(raw)
    assert isinstance(refusal, Invalid) and refusal.code == "bad_body"
    assert refusal.facts["path"] == path
    assert problems.problem_of(refusal).status == 422


@pytest.mark.parametrize(
    "raw", [b"{", b"\xff\xfe", b'{"narrative": "\\ud800"}', b"{'a': 1}", b"[" * 100_000]
)
def test_what_is_not_json_is_a_bad_request(raw: bytes) -> None:
    status = problems.problem_of(refused(raw)).status
    # A hundred thousand brackets are a list before they are nonsense.
    assert status == (422 if raw.startswith(b"[") else 400)


def test_a_backslash_before_u0000_is_text_like_any_other() -> None:
    command, _ = OPEN.read(b'{"narrative": "a\\\\u0000b"}', {})
    assert command == c.OpenIncident(narrative="a\\u0000b")


def test_the_refusal_of_a_wrong_word_does_not_repeat_it() -> None:
    refusal = refused(b'{"acuity": "Kim Canary"}')
    assert "Canary" not in refusal.detail


def test_ids_of_the_path_become_the_commands_and_nothing_else_can_name_them() -> None:
    body = intake.command_body(c.AmendIncident, frozenset({"incident_id"}))
    incident_id = new_id()
    command, _ = body.read(b'{"acuity": "urgent"}', {"incident_id": str(incident_id)})
    assert isinstance(command, c.AmendIncident) and command.incident_id == incident_id
    refusal = refused(
        f'{{"incident_id": "{incident_id}"}}'.encode(), body, incident_id=str(incident_id)
    )
    assert refusal.code == "unknown_field"


@pytest.mark.parametrize("text", ["7", "x" * 36, "", "../../etc", "\0"])
def test_a_path_that_holds_no_id_names_nothing(text: str) -> None:
    body = intake.command_body(c.AnswerCall, frozenset({"call_id"}))
    assert isinstance(refused(b"", body, call_id=text), NotFound)


@pytest.mark.parametrize("text", ["-1", "1.0", "²", "", "99999", "one"])
def test_a_slot_that_is_no_number_is_unknown(text: str) -> None:
    body = intake.command_body(c.DropSlot, frozenset({"incident_id", "slot"}))
    refusal = refused(b"", body, incident_id=str(new_id()), slot=text)
    assert refusal.code == "unknown_slot"


def test_a_body_may_be_empty_where_nothing_is_needed() -> None:
    command, beside = OPEN.read(b"", {})
    assert command == c.OpenIncident()
    assert beside == BESIDE


def test_clients_can_not_say_what_a_ranking_said() -> None:
    body = intake.command_body(c.OfferTeam, frozenset({"incident_id"}))
    for field in ("rung", "eta_s", "recommendation", "ranked_first"):
        raw = msgspec.json.encode({"team_id": new_id(), field: None})
        assert refused(raw, body, incident_id=str(new_id())).code == "unknown_field"


def test_random_ids_are_kept_and_all_others_belong_to_the_account() -> None:
    random = new_id()
    assert intake.command_id(str(random), ACCOUNT) == random
    assert intake.command_id("paper 17", ACCOUNT) == uuid5(ACCOUNT, "paper 17")
    assert intake.command_id("paper 17", UserId(UUID(int=2))) != uuid5(ACCOUNT, "paper 17")


def test_nobody_can_take_the_id_of_a_timer() -> None:
    timer = timer_command_id(6001, "offer", 1, "deadline")
    assert intake.command_id(str(timer), ACCOUNT) != timer


@pytest.mark.parametrize("key", [None, "", "x" * 201, "tab\there", "line\nbreak"])
def test_a_command_without_a_usable_key_is_refused(key: str | None) -> None:
    with pytest.raises(Invalid, match="Idempotency-Key"):
        intake.command_id(key, ACCOUNT)


def test_a_commands_hash_follows_its_meaning() -> None:
    def hashed(raw: bytes) -> bytes:
        return intake.body_hash(*OPEN.read(raw, {}))

    plain = hashed(b'{"narrative": "a", "acuity": "urgent"}')
    assert hashed(b'{ "acuity":"urgent","narrative":"a" }') == plain
    assert hashed(b'{"narrative": "b", "acuity": "urgent"}') != plain
    at = b'"occurred_at": "2026-03-02T08:00:00Z"'
    timed = hashed(b'{"narrative": "a", "acuity": "urgent", ' + at + b"}")
    assert timed != plain
    sent = b', "sent_at": "2026-03-02T09:00:00Z"}'
    assert hashed(b'{"narrative": "a", "acuity": "urgent", ' + at + sent) == timed


def test_a_hash_is_the_same_on_every_node() -> None:
    languages = ["es", "vi", "tl", "zh", "hmn", "fa", "ru", "ko"]
    body = intake.command_body(c.RecordResponder)
    responder = {"id": str(UUID(int=1)), "agency_id": str(UUID(int=2)), "provider_type": "lcsw"}
    hashes = {
        intake.body_hash(
            *body.read(msgspec.json.encode({"responder": {**responder, "languages": order}}), {})
        )
        for order in (languages, languages[::-1])
    }
    assert len(hashes) == 1


@pytest.mark.parametrize(
    ("roles", "on_phone", "beside", "command", "source"),
    [
        ({Role.DISPATCHER}, False, {}, c.OpenIncident(), Source.DESK),
        ({Role.LEAD}, False, {}, c.OpenIncident(), Source.DESK),
        ({Role.DISPATCHER}, False, {"by_voice": True}, c.OpenIncident(), Source.DESK_BY_VOICE),
        ({Role.RESPONDER}, True, {}, c.RaiseDuress(), Source.PHONE),
        ({Role.RESPONDER}, False, {}, c.RaiseDuress(), Source.PHONE),
        ({Role.RESPONDER, Role.SUPERVISOR}, True, {}, c.RaiseDuress(), Source.PHONE),
        ({Role.RESPONDER, Role.SUPERVISOR}, False, {}, c.RaiseDuress(), Source.DESK),
        ({Role.INTEGRATION}, False, {}, c.OfferCall(), Source.INTEGRATION),
        (
            {Role.SUPERVISOR},
            False,
            {"back_entry_reason": "outage"},
            c.OpenIncident(),
            Source.BACK_ENTRY,
        ),
    ],
)
def test_the_source_follows_from_who_sends_and_how(
    roles: set[Role], on_phone: bool, beside: dict[str, Any], command: c.Command, source: Source
) -> None:
    actor = Actor(user_id=ACCOUNT, roles=frozenset(roles))
    assert intake.source_of(actor, {**BESIDE, **beside}, command, on_phone) is source


def test_said_by_somebody_is_by_voice() -> None:
    command = c.ClearAssignment(assignment_id=new_id(), said_by="Blue 1")  # type: ignore[arg-type]
    actor = Actor(user_id=ACCOUNT, roles=frozenset({Role.DISPATCHER}))
    assert intake.source_of(actor, BESIDE, command, False) is Source.DESK_BY_VOICE

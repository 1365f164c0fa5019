"""Where a request's secret stands, and what an account acts as in a county at this moment."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import msgspec
import pytest
from starlette.types import Scope

from crisis.board import Board, empty_board
from crisis.errors import NotAllowed, NotSignedIn
from crisis.ids import (
    AgencyId,
    AssignmentId,
    CountyId,
    IncidentId,
    ResponderId,
    ShiftId,
    TeamId,
    UserId,
)
from crisis.roles import Role
from crisis.staffing import TelehealthSecond
from crisis.team import CrewMember, Duty, Team
from dispatch.store.identity import Grant, Principal
from web.http.auth import actor_for, cookie_secret, header_secret, is_local, require_scope

ALPINE, KERN = CountyId(6003), CountyId(6029)
NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
ME = ResponderId(uuid4())
AGENCY = AgencyId(uuid4())


def _principal(*grants: Grant) -> Principal:
    return Principal(
        account_id=UserId(uuid4()),
        session_id=uuid4(),
        label="Ada L.",
        purpose="cookie",
        device="",
        expires_at=NOW + timedelta(hours=1),
        grants={grant.county_id: grant for grant in grants},
    )


RESPONDER = _principal(
    Grant(
        county_id=ALPINE,
        roles=frozenset({Role.RESPONDER}),
        agency_id=AGENCY,
        responder_id=ME,
    )
)


def _team(*crew: ResponderId, duty: Duty = Duty.AVAILABLE, since: datetime = NOW) -> Team:
    return Team(
        id=TeamId(uuid4()),
        agency_id=AGENCY,
        call_sign="Mobile 1",
        duty=duty,
        shift_id=ShiftId(uuid4()),
        crew=tuple(CrewMember(responder_id=one) for one in crew),
        duty_since=since,
    )


def _board(*teams: Team) -> Board:
    return msgspec.structs.replace(empty_board(ALPINE), teams={team.id: team for team in teams})


def _scope(scheme: str = "https", **headers: str) -> Scope:
    return {
        "type": "http",
        "scheme": scheme,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }


# Acting


def test_a_responder_acts_for_the_team_whose_crew_they_are_on() -> None:
    mine, other = _team(ResponderId(uuid4()), ME), _team(ResponderId(uuid4()))
    actor = actor_for(RESPONDER, ALPINE, _board(other, mine))
    assert actor.user_id == RESPONDER.account_id
    assert actor.roles == {Role.RESPONDER}
    assert (actor.team_id, actor.responder_id, actor.agency_id) == (mine.id, ME, AGENCY)


@pytest.mark.parametrize("duty", list(Duty))
def test_a_team_counts_from_the_shift_s_start_through_overtime(duty: Duty) -> None:
    team = _team(ME, duty=duty)
    actor = actor_for(RESPONDER, ALPINE, _board(team))
    assert actor.team_id == (None if duty is Duty.OFF_SHIFT else team.id)


def test_a_remote_second_acts_for_the_team_they_joined() -> None:
    team = msgspec.structs.replace(_team(), telehealth=TelehealthSecond(member=ME))
    assert actor_for(RESPONDER, ALPINE, _board(team)).team_id == team.id


def test_of_two_crews_the_one_on_a_run_counts_and_then_the_newer() -> None:
    old, new = _team(ME), _team(ME, since=NOW + timedelta(hours=1))
    assert actor_for(RESPONDER, ALPINE, _board(old, new)).team_id == new.id
    assert actor_for(RESPONDER, ALPINE, _board(new, old)).team_id == new.id
    busy = msgspec.structs.replace(old, run=(IncidentId(uuid4()), AssignmentId(uuid4())))
    assert actor_for(RESPONDER, ALPINE, _board(busy, new)).team_id == busy.id


def test_a_desk_has_no_team_even_if_a_crew_is_on_duty() -> None:
    desk = _principal(Grant(county_id=ALPINE, roles=frozenset({Role.DISPATCHER})))
    actor = actor_for(desk, ALPINE, _board(_team(ME)))
    assert (actor.team_id, actor.responder_id, actor.agency_id) == (None, None, None)


def test_nobody_acts_where_they_hold_nothing() -> None:
    with pytest.raises(NotAllowed) as refused:
        actor_for(RESPONDER, KERN, empty_board(KERN))
    assert refused.value.code == "not_your_county"


def test_a_token_s_scopes_bind_it_and_people_pass() -> None:
    feed = _principal(
        Grant(
            county_id=ALPINE,
            roles=frozenset({Role.INTEGRATION}),
            scopes=frozenset({"offer_call"}),
        )
    )
    require_scope(feed, ALPINE, "offer_call")
    require_scope(RESPONDER, ALPINE, "raise_duress")
    for who, county, scope in (
        (feed, ALPINE, "open_incident"),
        (feed, KERN, "offer_call"),
        (RESPONDER, KERN, "raise_duress"),
    ):
        with pytest.raises(NotAllowed) as refused:
            require_scope(who, county, scope)
        assert refused.value.code == "out_of_scope"


# Secrets


@pytest.mark.parametrize(
    ("cookie", "over_tls", "over_plain"),
    [
        ("__Host-crisis=abc", "abc", None),
        ("crisis=abc", None, "abc"),
        ("a=1; __Host-crisis=abc;crisis=def", "abc", "def"),
        ("x__Host-crisis=abc; xcrisis=abc", None, None),
        ("__Host-crisis=; crisis=", None, None),
        ("__Host-crisis=" + "x" * 201, None, None),
        ("__Host-crisis=a=b", "a=b", None),
        ("=; ;", None, None),
    ],
)
def test_the_cookie_s_name_depends_on_tls(
    cookie: str, over_tls: str | None, over_plain: str | None
) -> None:
    for scheme in ("https", "wss"):
        assert cookie_secret(_scope(scheme, cookie=cookie)) == over_tls
    for scheme in ("http", "ws"):
        assert cookie_secret(_scope(scheme, cookie=cookie)) == over_plain


def _basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "value", ["Bearer abc", "bearer  abc ", _basic("phone-7:abc"), _basic(":abc")]
)
def test_a_token_is_read_from_bearer_and_basic(value: str) -> None:
    assert header_secret(_scope(authorization=value)) == "abc"


@pytest.mark.parametrize(
    "value",
    ["Bearer", "Bearer ", "Digest abc", "Basic !", _basic("abc"), "Bearer " + "x" * 201, ""],
)
def test_an_authorization_that_says_nothing_is_refused_and_no_cookie_is_tried(value: str) -> None:
    with pytest.raises(NotSignedIn):
        header_secret(_scope(authorization=value, cookie="__Host-crisis=abc"))


def test_without_an_authorization_there_is_no_token() -> None:
    assert header_secret(_scope()) is None


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost", True),
        ("LOCALHOST:8000", True),
        ("127.0.0.1:8000", True),
        ("[::1]:8000", True),
        ("[::1]", True),
        ("board.localhost:8000", True),
        ("localhost.evil.example", False),
        ("dispatch.example", False),
        ("10.0.0.5:8000", False),
        ("", False),
    ],
)
def test_only_names_of_this_machine_are_local(host: str, local: bool) -> None:
    assert is_local(_scope("http", host=host)) is local

"""The administration's pages, on the real application: who opens them, what their forms do."""

from __future__ import annotations

import html
import re
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from crisis.clock import new_id
from crisis.ids import AgencyId, CountyId
from crisis.roles import Role
from dispatch.config import load
from dispatch.store import administration
from dispatch.store.identity import Grant
from dispatch.store.pool import Database
from tests.web.kit import ALAMEDA, KERN, MASTER_KEY, PASSWORD, create_county
from web.node import Node, running

BASE = "http://localhost"
HEADERS = {"x-crisis-client": "page", "origin": BASE, "sec-fetch-site": "same-origin"}


@pytest.fixture
async def node(database: Database, tmp_path: Path) -> AsyncIterator[Node]:
    await create_county(database, ALAMEDA, "Alameda")
    await create_county(database, KERN, "Kern")
    key = b64encode(MASTER_KEY).decode()
    environ = {"CRISIS_DATA_DIR": str(tmp_path), "CRISIS_MASTER_KEY": key}
    settings = load(environ, working_dir=tmp_path)
    async with running(settings, database, ticking=False) as made:
        yield made


@dataclass
class Person:
    """Somebody at a browser."""

    node: Node
    name: str
    http: httpx.AsyncClient

    async def open(self, path: str) -> str:
        """Open a page that must be there; returns its HTML."""
        response = await self.http.get(f"/admin/{ALAMEDA}{path}")
        assert response.status_code == 200, (response.status_code, response.text)
        return response.text

    async def send(
        self, path: str, *, act: Any = "", headers: Any = None, **fields: Any
    ) -> httpx.Response:
        """Send a form as the page's script does; the redirect isn't followed."""
        data = {"act": act or str(new_id()), **fields}
        return await self.http.post(
            f"/admin/{ALAMEDA}{path}", data=data, headers=HEADERS if headers is None else headers
        )

    async def upload(self, kind: str, text: str) -> httpx.Response:
        """Send a CSV file."""
        return await self.http.post(
            f"/admin/{ALAMEDA}/import/{kind}",
            data={"act": str(new_id())},
            files={"csv": ("rows.csv", text.encode(), "text/csv")},
            headers=HEADERS,
        )


class House:
    """The node, and people who sign in to it."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._open: list[httpx.AsyncClient] = []

    async def account(self, name: str, *roles: Role, county: int = ALAMEDA, **grant: Any) -> None:
        """Make an account."""
        account_id = await self.node.accounts.create_account(name, name.title(), password=PASSWORD)
        await self.node.accounts.grant(
            account_id, Grant(county_id=CountyId(county), roles=frozenset(roles), **grant)
        )

    async def person(self, name: str, *roles: Role, county: int = ALAMEDA, **grant: Any) -> Person:
        """Somebody new, signed in with a cookie."""
        await self.account(name, *roles, county=county, **grant)
        http = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.node.app, raise_app_exceptions=False), base_url=BASE
        )
        self._open.append(http)
        person = Person(self.node, name, http)
        assert (await sign_in(person)).status_code == 200
        return person

    async def agency(self, name: str = "Open Door") -> AgencyId:
        """Add an agency."""
        return await administration.add_agency(self.node.database, ALAMEDA, name)

    async def close(self) -> None:
        """Sign nobody out, only let go."""
        for http in self._open:
            await http.aclose()


async def sign_in(person: Person, password: str = PASSWORD) -> httpx.Response:
    body = {"username": person.name, "password": password}
    return await person.http.post("/api/v1/session", json=body, headers=HEADERS)


@pytest.fixture
async def house(node: Node) -> AsyncIterator[House]:
    made = House(node)
    yield made
    await made.close()


def text_of(page: str) -> str:
    """Return what a person reads on a page."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def field_of(page: str, name: str) -> str:
    """Return what a hidden field of a page holds."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None, name
    return html.unescape(found[1])


# Who opens what


async def test_strangers_are_sent_to_sign_in(node: Node) -> None:
    transport = httpx.ASGITransport(node.app)
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as http:
        response = await http.get(f"/admin/{ALAMEDA}/teams")
    assert (response.status_code, response.headers["location"]) == (
        303,
        f"/sign-in?next=/admin/{ALAMEDA}/teams",
    )


@pytest.mark.parametrize("role", [Role.LEAD, Role.DISPATCHER, Role.FOLLOW_UP_WORKER])
async def test_others_read_why_the_pages_are_not_for_them(house: House, role: Role) -> None:
    person = await house.person("ada", role)
    response = await person.http.get(f"/admin/{ALAMEDA}/teams")
    assert response.status_code == 403
    assert "doesn't administer this county" in text_of(response.text)


async def test_nobody_opens_another_countys_pages(house: House) -> None:
    admin = await house.person("ada", Role.ADMIN)
    response = await admin.http.get(f"/admin/{KERN}/teams")
    assert response.status_code == 403
    first = await admin.http.get("/admin")
    assert first.headers["location"] == f"/admin/{ALAMEDA}"


async def test_pages_say_nothing_that_their_policy_forbids(house: House) -> None:
    admin = await house.person("ada", Role.ADMIN)
    await house.agency('<script>alert("x")</script>')
    for path in ("", "/agencies", "/teams", "/people", "/shifts", "/users", "/policy"):
        response = await admin.http.get(f"/admin/{ALAMEDA}{path}")
        assert "script-src 'self'" in response.headers["content-security-policy"]
        assert response.headers["cache-control"] == "no-store"
        assert not re.search(r"<style|style=|\son\w+=|<script(?![^>]* src=)", response.text), path
        assert "alert(" not in response.text or "&lt;script&gt;" in response.text


async def test_a_manager_sees_and_changes_their_own_agency_only(house: House) -> None:
    own, other = await house.agency("Open Door"), await house.agency("Riverbend")
    admin = await house.person("ada", Role.ADMIN)
    manager = await house.person("max", Role.AGENCY_MANAGER, agency_id=own)
    for sign, agency in (("Blue 1", own), ("Green 1", other)):
        sent = await admin.send("/teams/new", call_sign=sign, agency=str(agency))
        assert sent.status_code == 303, text_of(sent.text)
    listed = await manager.open("/teams")
    assert "Blue 1" in listed
    assert "Green 1" not in listed
    refused = await manager.send("/teams/new", call_sign="Red 1", agency=str(other))
    assert refused.status_code == 404
    assert "There is no agency" in text_of(refused.text)
    theirs = next(t.id for t in board(house).teams.values() if t.call_sign == "Green 1")
    assert (await manager.http.get(f"/admin/{ALAMEDA}/teams/{theirs}")).status_code == 404
    for path in ("/users", "/policy/new", "/import/users"):
        assert (await manager.http.get(f"/admin/{ALAMEDA}{path}")).status_code == 403, path


def board(house: House) -> Any:
    return house.node.service.county(ALAMEDA).board


# Forms come from our own pages


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": BASE, "sec-fetch-site": "same-origin"},
        {"x-crisis-client": "page"},
        {**HEADERS, "origin": "https://evil.example", "sec-fetch-site": "cross-site"},
        {**HEADERS, "origin": "null", "sec-fetch-site": "cross-site"},
    ],
    ids=["a bare form", "no origin", "another site", "a hidden origin"],
)
async def test_forms_of_other_pages_are_refused(house: House, headers: dict[str, str]) -> None:
    admin = await house.person("ada", Role.ADMIN)
    response = await admin.send("/agencies", name="Evil", headers=headers)
    assert response.status_code == 403
    assert await administration.list_agencies(house.node.database, ALAMEDA) == []


async def test_a_token_is_no_browser(house: House) -> None:
    admin = await house.person("ada", Role.ADMIN)
    body = {"username": "ada", "password": PASSWORD, "mode": "bearer"}
    token = (await admin.http.post("/api/v1/session", json=body, headers=HEADERS)).json()["token"]
    response = await admin.http.get(
        f"/admin/{ALAMEDA}", headers={"authorization": f"Bearer {token}"}
    )
    assert response.status_code == 403


# Teams, people, shifts


async def test_a_team_is_added_changed_and_refused_in_words(house: House) -> None:
    agency = await house.agency()
    admin = await house.person("ada", Role.ADMIN)
    form = {"call_sign": "Blue 1", "agency": str(agency), "base": "37.8 -122.27"}
    sent = await admin.send("/teams/new", **form)
    assert sent.headers["location"] == f"/admin/{ALAMEDA}/teams?said=team"
    [team] = board(house).teams.values()
    assert (team.call_sign, team.base.lat_deg) == ("Blue 1", 37.8)
    assert "Blue 1" in await admin.open("/teams")

    renamed = await admin.send(f"/teams/{team.id}", **{**form, "call_sign": "Blue 2"})
    assert renamed.status_code == 303
    assert board(house).teams[team.id].call_sign == "Blue 2"

    wrong = await admin.send(f"/teams/{team.id}", **{**form, "base": "by the river"})
    assert wrong.status_code == 422
    assert "by the river is no latitude and longitude" in text_of(wrong.text)
    assert 'value="by the river"' in wrong.text

    twice = await admin.send("/teams/new", **{**form, "call_sign": "blue  2"})
    assert twice.status_code == 422
    assert "There is a team Blue 2 already" in text_of(twice.text)


async def test_a_form_sent_twice_is_one_act(house: House) -> None:
    agency = await house.agency()
    admin = await house.person("ada", Role.ADMIN)
    act, form = str(new_id()), {"call_sign": "Blue 1", "agency": str(agency)}
    first = await admin.send("/teams/new", act=act, **form)
    seq = board(house).seq
    second = await admin.send("/teams/new", act=act, **form)
    assert first.headers["location"] == second.headers["location"]
    assert board(house).seq == seq
    assert len(board(house).teams) == 1


async def test_a_persons_entry_keeps_what_the_form_does_not_show(house: House) -> None:
    agency = await house.agency()
    admin = await house.person("ada", Role.ADMIN)
    form = {
        "code": "K12",
        "agency": str(agency),
        "provider_type": "lcsw",
        "name": "Kim Canary",
        "has_licence": "yes",
        "licence": "LCS-1",
        "core_trained": "2024-01-01",
        "naloxone": "yes",
        "can_assess": "yes",
    }
    sent = await admin.send("/people/new", **form)
    assert sent.status_code == 303, text_of(sent.text)
    [before] = board(house).responders.values()
    assert before.licence is not None
    assert before.name_record is not None
    pages = await admin.open("/people") + await admin.open(f"/people/{before.id}")
    assert "Canary" not in pages
    assert "LCS-1" not in pages

    again = {k: v for k, v in form.items() if k not in {"code", "name", "licence"}}
    assert (await admin.send(f"/people/{before.id}", **again)).status_code == 303
    after = board(house).responders[before.id]
    assert (after.licence, after.name_record, after.licence_record) == (
        before.licence,
        before.name_record,
        before.licence_record,
    )
    unticked = {k: v for k, v in again.items() if k not in {"has_licence", "naloxone"}}
    assert (await admin.send(f"/people/{before.id}", **unticked)).status_code == 303
    assert board(house).responders[before.id].licence is None
    assert "licence missing" in text_of(await admin.open("/people"))


async def test_a_shift_is_planned_moved_and_cancelled(house: House) -> None:
    agency = await house.agency()
    admin = await house.person("ada", Role.SUPERVISOR)
    await admin.send("/teams/new", call_sign="Blue 1", agency=str(agency))
    await admin.send("/people/new", code="K1", agency=str(agency), provider_type="lcsw")
    [team], [person] = board(house).teams, board(house).responders
    form = {
        "team": str(team),
        "starts": "2099-12-01T08:00",
        "ends": "2099-12-01T16:00",
        "member": [str(person), ""],
        "mode": ["onsite", "onsite"],
        "naloxone": "0",
    }
    sent = await admin.send("/shifts/new", **form)
    assert sent.status_code == 303, text_of(sent.text)
    [shift] = board(house).shifts.values()
    assert shift.starts_at.isoformat() == "2099-12-01T16:00:00+00:00"
    assert shift.crew[0].carries_naloxone
    assert 'value="2099-12-01T08:00"' in await admin.open(f"/shifts/{shift.id}")

    backwards = await admin.send(f"/shifts/{shift.id}", **{**form, "ends": "2099-12-01T07:00"})
    assert backwards.status_code == 422
    assert "A shift must end after it starts." in text_of(backwards.text)

    assert (await admin.send(f"/shifts/{shift.id}/cancel")).status_code == 303
    assert not [s for s in board(house).shifts.values() if s.is_open]


# Accounts


async def test_an_account_is_made_with_a_password_shown_once(house: House) -> None:
    admin = await house.person("ada", Role.ADMIN)
    act, form = str(new_id()), {"username": "Kim", "label": "Kim C.", "role": ["lead"]}
    sent = await admin.send("/users/new", act=act, **form)
    assert sent.status_code == 200, text_of(sent.text)
    password = re.search(r"<code>([^<]+)</code>", sent.text)
    assert password is not None
    # An impatient second click must not lose it.
    assert (await admin.send("/users/new", act=act, **form)).text == sent.text
    assert password[1] not in await admin.open("/users")
    kim = Person(house.node, "kim", admin.http)
    assert (await sign_in(kim, password[1])).status_code == 200


async def test_a_locked_account_is_a_stranger_at_once(house: House) -> None:
    admin, other = await house.person("ada", Role.ADMIN), await house.person("bo", Role.ADMIN)
    other_id = await house.node.accounts.account_named("bo")
    assert (await admin.send(f"/users/{other_id}/disable")).status_code == 303
    assert (await other.http.get(f"/admin/{ALAMEDA}")).status_code == 303
    assert (await sign_in(other)).status_code == 401


async def test_nobody_takes_their_own_administration_away(house: House) -> None:
    admin = await house.person("ada", Role.ADMIN)
    mine = await house.node.accounts.account_named("ada")
    for path, form in (
        (f"/users/{mine}", {"role": "lead"}),
        (f"/users/{mine}/disable", {}),
        (f"/users/{mine}/revoke", {}),
    ):
        refused = await admin.send(path, **form)
        assert refused.status_code == 403, path
        assert "your own administration" in text_of(refused.text)


@pytest.mark.parametrize("what", ["password", "disable", "enable"])
async def test_an_account_of_two_counties_is_not_one_administrators(
    house: House, what: str
) -> None:
    admin = await house.person("ada", Role.ADMIN)
    await house.account("kim", Role.ADMIN, county=KERN)
    kim = await house.node.accounts.account_named("kim")
    # Seen here only once it has a role here; its password stays its own.
    assert (await admin.http.get(f"/admin/{ALAMEDA}/users/{kim}")).status_code == 404
    assert (await admin.send("/users/new", username="kim", role="lead")).status_code == 303
    refused = await admin.send(f"/users/{kim}/{what}")
    assert refused.status_code == 403
    assert "a county that you don't administer" in text_of(refused.text)
    assert (await admin.send(f"/users/{kim}/revoke")).status_code == 303


# Policy


async def test_a_policy_shows_what_it_changes_before_it_is_saved(house: House) -> None:
    admin = await house.person("ada", Role.ADMIN)
    form = {"version": "2099-01", "effective_from": "2099-01-01T00:00"}
    settings = {"set.offers.watchdog_s": "45", "set.lpha_on_call": "false"}
    shown = await admin.send("/policy/new", **form, **settings)
    assert shown.status_code == 200, text_of(shown.text)
    said = text_of(shown.text)
    assert "lpha_on_call true false" in said
    assert "offers.watchdog_s" in said
    assert await administration.list_policies(house.node.database, ALAMEDA) == []

    body, act = field_of(shown.text, "policy"), field_of(shown.text, "act")
    for _ in range(2):
        saved = await admin.send("/policy/save", act=act, policy=body)
        assert saved.status_code == 303, text_of(saved.text)
    [policy] = await administration.list_policies(house.node.database, ALAMEDA)
    assert (policy.version, policy.offers.watchdog_s) == ("2099-01", 45)
    assert policy.effective_from.isoformat() == "2099-01-01T08:00:00+00:00"
    assert "Not yet" in await admin.open("/policy")

    taken = await admin.send("/policy/new", **form, **settings)
    assert "There is a version 2099-01 already" in text_of(taken.text)


async def test_a_policy_with_faults_names_them_all(house: House) -> None:
    admin = await house.person("ada", Role.ADMIN)
    refused = await admin.send(
        "/policy/new",
        **{
            "version": "x",
            "effective_from": "2099-01-01T00:00",
            "set.offers.watchdog_s": "soon",
            "set.retention.positions_days": "0",
            "set.no_such.thing": "1",
        },
    )
    assert refused.status_code == 422
    said = text_of(refused.text)
    for part in ("offers.watchdog_s: Expected", "retention.positions_days: Expected", "no_such"):
        assert part in said
    assert 'value="soon"' in refused.text


# Files


TEAMS = (
    "call_sign,agency,base\n"
    "Blue 1,Open Door,37.8 -122.27\n"
    "Green 1,Nowhere,\n"
    ",Open Door,\n"
    "Amber 1,Open Door,\n"
)


async def test_a_file_is_shown_before_it_changes_anything(house: House) -> None:
    agency = await house.agency()
    admin = await house.person("ada", Role.ADMIN)
    await admin.send("/teams/new", call_sign="Amber 1", agency=str(agency), base="37.7 -122.2")
    seq = board(house).seq
    shown = await admin.upload("teams", TEAMS)
    assert shown.status_code == 200, text_of(shown.text)
    assert kinds(shown.text) == {2: "add", 3: "bad", 4: "bad", 5: "change"}
    said = text_of(shown.text)
    assert "There is no agency Nowhere" in said
    assert "call_sign is empty" in said
    assert "change team Amber 1: base: 37.70000 -122.20000 -> none" in said
    assert board(house).seq == seq

    done = await admin.send(
        "/import/teams", csv=TEAMS, shown=field_of(shown.text, "shown"), act=str(new_id())
    )
    assert done.status_code == 200
    assert "Imported teams" in text_of(done.text)
    assert {t.call_sign for t in board(house).teams.values()} == {"Amber 1", "Blue 1"}
    again = await admin.upload("teams", TEAMS)
    assert kinds(again.text) == {2: "unchanged", 3: "bad", 4: "bad", 5: "unchanged"}


async def test_a_file_is_shown_again_where_the_county_has_changed(house: House) -> None:
    agency = await house.agency()
    admin = await house.person("ada", Role.ADMIN)
    shown = await admin.upload("teams", TEAMS)
    await admin.send("/teams/new", call_sign="Blue 1", agency=str(agency))
    seq = board(house).seq
    again = await admin.send("/import/teams", csv=TEAMS, shown=field_of(shown.text, "shown"))
    assert "The county has changed since you looked" in text_of(again.text)
    assert kinds(again.text)[2] == "change"
    assert board(house).seq == seq


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("call_sign,colour\nBlue 1,red\n", "lacks agency and has unknown columns colour"),
        ("", "lacks call_sign, agency"),
    ],
)
async def test_a_file_that_is_none_is_told(house: House, text: str, why: str) -> None:
    admin = await house.person("ada", Role.ADMIN)
    response = await admin.upload("teams", text)
    assert response.status_code == 422
    assert why in text_of(response.text)


async def test_accounts_come_from_a_file_for_this_county_only(house: House) -> None:
    admin = await house.person("ada", Role.ADMIN)
    text = "username,county,roles\nkim,Alameda,lead\nbo,Kern,admin\n"
    shown = await admin.upload("users", text)
    assert kinds(shown.text) == {2: "add", 3: "bad"}
    done = await admin.send("/import/users", csv=text, shown=field_of(shown.text, "shown"))
    password = re.search(r"<code>([^<]+)</code>", done.text)
    assert password is not None
    assert (await sign_in(Person(house.node, "kim", admin.http), password[1])).status_code == 200
    names = {one.username for one in await house.node.accounts.list_accounts()}
    assert names == {"ada", "kim"}


def kinds(page: str) -> dict[int, str]:
    """Return what becomes of each row of a file, by its number."""
    rows = re.findall(r'data-kind="(\w+)">\s*<td[^>]*>(\d+)', page)
    return {int(number): kind for kind, number in rows}

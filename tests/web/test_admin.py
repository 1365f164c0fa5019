"""The administration's pages, on the real application: who opens them, what their forms do."""

from __future__ import annotations

import html
import json
import re
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from crisis.clock import new_id
from crisis.ids import AgencyId, CountyId
from crisis.rights import SENDERS
from crisis.roles import Role
from dispatch.run.config import load
from dispatch.run.tracking import Tracker
from dispatch.store import administration
from dispatch.store.identity import Grant
from dispatch.store.pool import County, Database
from tests.web.kit import ALAMEDA, KERN, MASTER_KEY, PASSWORD, create_county
from web.admin.language import words_in
from web.admin.tokens import SCOPES
from web.api.routes import command_type
from web.app import OPERATIONS
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


#: Every page that opens in a county with nothing in it.
PAGES = (
    "",
    "/agencies",
    "/teams",
    "/teams/new",
    "/people",
    "/people/new",
    "/shifts",
    "/shifts/new",
    "/users",
    "/users/new",
    "/zones",
    "/policy",
    "/policy/new",
    "/tokens",
    "/tokens/new",
    *(f"/import/{kind}" for kind in ("teams", "people", "shifts", "users")),
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
    for path in PAGES:
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
    for path in ("/users", "/policy/new", "/import/users", "/tokens", "/tokens/new"):
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


async def test_a_form_of_a_team_that_somebody_changed_since_is_refused_and_told(
    house: House,
) -> None:
    agency = await house.agency()
    admin = await house.person("ada", Role.ADMIN)
    other = await house.person("kim", Role.ADMIN)
    form = {"call_sign": "Blue 1", "agency": str(agency), "capabilities": "wheelchair_vehicle"}
    await admin.send("/teams/new", call_sign="Blue 1", agency=str(agency))
    [team] = board(house).teams.values()
    path = f"/teams/{team.id}"
    opened = field_of(await admin.open(path), "seen")
    theirs = {"call_sign": "Blue 7", "agency": str(agency), "seen": opened}
    assert (await other.send(path, **theirs)).status_code == 303
    refused = await admin.send(path, **{**form, "seen": opened})
    assert refused.status_code == 409
    assert "Somebody changed this entry after you opened it" in text_of(refused.text)
    assert board(house).teams[team.id].call_sign == "Blue 7"
    # What was typed stands there, on top of what is known now.
    assert 'value="Blue 1"' in refused.text
    fresh = field_of(refused.text, "seen")
    again = await admin.send(path, call_sign="Blue 1", agency=str(agency), seen=fresh)
    assert again.status_code == 303


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
    listed = await admin.open("/people")
    assert "Kim Canary" in listed
    assert "LCS-1" not in listed + await admin.open(f"/people/{before.id}")

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
    assert "license missing" in text_of(await admin.open("/people"))


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
    # A lone member who may not assess: said where the shift stands, not only where it is imported.
    listed = text_of(await admin.open("/shifts"))
    assert "Crew of one: a second member is missing" in listed
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


async def test_a_policy_made_beside_another_one_is_refused(house: House) -> None:
    admin = await house.person("ada", Role.ADMIN)
    forms = [
        {
            "version": version,
            "effective_from": "2099-01-01T00:00",
            "set.offers.watchdog_s": watchdog,
            "seen": field_of(await admin.open("/policy/new"), "seen"),
        }
        for version, watchdog in (("one", "45"), ("two", "50"))
    ]
    pages = [(await admin.send("/policy/new", **form)).text for form in forms]
    saves = [{name: field_of(page, name) for name in ("policy", "seen")} for page in pages]
    assert (await admin.send("/policy/save", **saves[0])).status_code == 303
    refused = await admin.send("/policy/save", **saves[1])
    assert refused.status_code == 409
    assert "Somebody changed this entry after you opened it" in text_of(refused.text)
    late = await admin.send("/policy/new", **{**forms[1], "version": "three"})
    assert late.status_code == 409
    kept = await administration.list_policies(house.node.database, ALAMEDA)
    assert [one.version for one in kept] == ["one"]


async def test_a_policy_shows_what_it_changes_before_it_is_saved(house: House) -> None:
    admin = await house.person("ada", Role.ADMIN)
    form = {"version": "2099-01", "effective_from": "2099-01-01T00:00"}
    settings = {"set.offers.watchdog_s": "45", "set.lpha_on_call": "false"}
    shown = await admin.send("/policy/new", **form, **settings)
    assert shown.status_code == 200, text_of(shown.text)
    said = text_of(shown.text)
    assert "lpha_on_call yes no" in said
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


async def test_forms_that_lack_a_field_or_hold_nonsense_are_refused_in_words(
    house: House,
) -> None:
    admin = await house.person("ada", Role.ADMIN)
    team = await admin.send("/teams/new", call_sign="Blue 1")
    assert team.status_code == 404, text_of(team.text)
    form = {"version": "x", "effective_from": "2099-01-01T00:00", "list.offers.ladder": "1"}
    for delay in ("soon", "[1]", "{}"):
        rung = {"rung.kind": "supervisor", "rung.delay": delay}
        refused = await admin.send("/policy/new", **form, **rung)
        assert refused.status_code == 422, text_of(refused.text)
    for nested in ("[" * 5_000, '{"x":' * 5_000):
        deep = await admin.send("/policy/new", **form, **{"set.offers.watchdog_s": nested})
        assert deep.status_code == 422
        assert (await admin.send("/policy/save", policy=nested)).status_code == 422


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
    for part in (
        "(offers.watchdog_s): a number is expected",
        "(retention.positions_days): a whole number is expected >= 1",
        "no_such",
    ):
        assert part in said
    assert 'value="soon"' in refused.text


async def test_a_policy_that_was_looked_at_can_be_edited_on(house: House) -> None:
    admin = await house.person("ada", Role.ADMIN)
    form = {"version": "2099-01", "effective_from": "2099-01-01T00:00"}
    sent = {
        "set.offers.watchdog_s": "45",
        "list.telehealth.approvers": "yes",
        "set.telehealth.approvers": ["supervisor", "lead"],
        "list.offers.ladder": "yes",
        "rung.kind": ["next_best", "supervisor", ""],
        "rung.delay": ["0", "90", "0"],
        "set.waiting.deadline_warnings": "0.6; 0.8",
    }
    shown = await admin.send("/policy/new", **form, **sent)
    said = text_of(shown.text)
    for part in ("45 s", "Supervisor, County lead", "Supervisor (after 1 min 30 s)", "0.6; 0.8"):
        assert part in said, part
    again = await admin.send("/policy/new", again="yes", policy=field_of(shown.text, "policy"))
    assert again.status_code == 200, text_of(again.text)
    assert 'value="2099-01"' in again.text
    assert re.search(r'name="set.offers.watchdog_s" value="45"', again.text)
    assert re.search(r'name="rung.delay" value="90"', again.text)
    assert len(re.findall(r'name="set.telehealth.approvers" value="\w+" checked', again.text)) == 2


async def test_what_one_node_saves_another_takes_up(
    house: House, node: Node, database: Database, tmp_path: Path
) -> None:
    admin = await house.person("ada", Role.ADMIN)
    key = b64encode(MASTER_KEY).decode()
    environ = {"CRISIS_DATA_DIR": str(tmp_path), "CRISIS_MASTER_KEY": key}
    async with running(load(environ, working_dir=tmp_path), database, ticking=False) as other:
        await other.service.refresh_rules()
        form = {"version": "now", "effective_from": "2024-01-01T00:00"}
        shown = await admin.send("/policy/new", **form, **{"set.offers.watchdog_s": "45"})
        await admin.send("/policy/save", policy=field_of(shown.text, "policy"))
        await load_zones(admin, "2026-11", AREAS)
        here = node.service.county(ALAMEDA).rules()
        assert (here.policy.version, here.areas.version) == ("now", "2026-11")
        await other.service.refresh_rules()
        there = other.service.county(ALAMEDA).rules()
        assert (there.policy.version, there.areas.version) == ("now", "2026-11")


# Zones


def square(west: float, south: float, size: float, **properties: str) -> dict[str, Any]:
    """Return an upright square as GeoJSON; degrees."""
    east, north = west + size, south + size
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    geometry = {"type": "Polygon", "coordinates": [ring]}
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def areas(*features: dict[str, Any]) -> str:
    return json.dumps({"type": "FeatureCollection", "features": list(features)})


HILLS = square(-121.8, 37.55, 0.2, name="Hills", area_class="rural")
AREAS = areas(HILLS, square(-122.3, 37.75, 0.1, name="Bay", area_class="urban"))


async def load_zones(admin: Person, edition: str, text: str) -> httpx.Response:
    """Look at an edition and load it."""
    shown = await admin.send("/zones", edition=edition, geojson=text)
    assert shown.status_code == 200, text_of(shown.text)
    sent = {"edition": edition, "geojson": text, "shown": field_of(shown.text, "shown")}
    return await admin.send("/zones", **sent)


async def test_zones_show_what_they_change_before_they_are_loaded(house: House) -> None:
    admin = await house.person("ada", Role.ADMIN)
    assert "None are loaded" in text_of(await admin.open("/zones"))
    shown = await admin.send("/zones", edition="2026-11", geojson=AREAS)
    said = text_of(shown.text)
    for part in ("1 urban zone", "1 rural zone", "new", "Hills rural 1"):
        assert part in said, part
    share = re.search(r"Class changes in (\d+) % of the county's area", said)
    assert share is not None
    # The square's part of the county, by the degrees: 0.04 of about 0.2.
    assert 10 <= int(share[1]) <= 30
    assert await administration.list_zones(house.node.database, ALAMEDA) == []
    loaded = await load_zones(admin, "2026-11", AREAS)
    assert loaded.headers["location"] == f"/admin/{ALAMEDA}/zones?said=zones"
    assert "Edition 2026-11, in force" in text_of(await admin.open("/zones"))
    rules = house.node.service.county(ALAMEDA).rules()
    assert {zone.name for zone in rules.areas.zones} == {"Hills", "Bay"}


async def test_zones_that_look_like_a_mistake_are_told(house: House) -> None:
    agency = await house.agency()
    admin = await house.person("ada", Role.ADMIN)
    await admin.send("/teams/new", call_sign="Blue 1", agency=str(agency), zones="Hills")
    await load_zones(admin, "2026-11", AREAS)
    far = square(-116.0, 35.0, 0.2, name="Desert", area_class="rural")
    both = square(-121.75, 37.6, 0.1, name="Town", area_class="urban")
    shown = await admin.send(
        "/zones",
        edition="2026-10",
        geojson=areas({**HILLS, "properties": {"name": "H", "area_class": "rural"}}, far, both),
    )
    said = text_of(shown.text)
    for part in (
        "It will not be in force: edition 2026-11 comes after it",
        "1 zone lies outside Alameda County",
        "Urban and rural zones overlap",
        "1 team serves zones that are not in this edition: Blue 1",
        "Not in it any more: Bay, Hills",
    ):
        assert part in said, part


@pytest.mark.parametrize(
    ("edition", "text", "why"),
    [
        ("2026-11", "{", "not usable GeoJSON"),
        ("2026-11", "", "Choose a GeoJSON file"),
        ("", AREAS, "An edition's name has 1 to 64 characters"),
        ("2026-11", areas(HILLS, HILLS), "more than one zone Hills"),
    ],
)
async def test_zones_that_cannot_be_used_are_told(
    house: House, edition: str, text: str, why: str
) -> None:
    admin = await house.person("ada", Role.ADMIN)
    refused = await admin.send("/zones", edition=edition, geojson=text)
    assert refused.status_code == 422
    assert why in text_of(refused.text)
    assert await administration.list_zones(house.node.database, ALAMEDA) == []


async def test_zones_dated_ahead_hold_from_their_day_on(house: House) -> None:
    admin = await house.person("ada", Role.ADMIN)
    await load_zones(admin, "2026-01", AREAS)
    shown = await admin.send("/zones", edition="2099-01", geojson=areas(HILLS))
    assert "It does not hold yet: only from 2099-01-01 on" in text_of(shown.text)
    await load_zones(admin, "2099-01", areas(HILLS))
    listed = text_of(await admin.open("/zones"))
    assert "Edition 2026-01, in force" in listed
    assert "2099-01 2099-01-01 to come 1" in listed
    assert house.node.service.county(ALAMEDA).rules().areas.version == "2026-01"
    # A name that tells no day needs one.
    undated = await admin.send("/zones", edition="new areas", geojson=AREAS)
    assert undated.status_code == 422
    assert "from which day" in text_of(undated.text)
    dated = await admin.send(
        "/zones", edition="new areas", effective_from="2098-05-06", geojson=AREAS
    )
    assert "It holds until edition 2099-01 takes over on 2099-01-01" in text_of(dated.text)


BULLETIN = """
version = "BHIN 27-001"
[[fact]]
key = "response.rural.minutes"
value = 90
effective_from = 2026-01-01
source = "BHIN 27-001, page 3"
verified = true
"""
WORDS = """
version = "2026-01"
[[code]]
set = "referral_source"
code = "school_line"
label = "School line"
effective_from = 2026-01-01
[[set]]
set = "disposition"
source = "BHIN 27-001, page 9"
verified = true
effective_from = 2026-01-01
"""


async def load_rules(admin: Person, kind: str, text: str) -> httpx.Response:
    """Look at an edition of standards or codes and load it."""
    shown = await admin.send("/rules", kind=kind, edition=text)
    assert shown.status_code == 200, text_of(shown.text)
    sent = {"kind": kind, "edition": text, "shown": field_of(shown.text, "shown")}
    return await admin.send("/rules", **sent)


async def test_standards_and_codes_are_shown_before_they_are_loaded_and_hold_at_once(
    house: House,
) -> None:
    admin = await house.person("ada", Role.ADMIN)
    before = text_of(await admin.open("/rules"))
    assert "response.unclassified.minutes 60 2023-01-01 not verified" in before
    shown = await admin.send("/rules", kind="standards", edition=BULLETIN)
    assert "response.rural.minutes 120 90 2026-01-01" in text_of(shown.text)
    rules = house.node.service.county(ALAMEDA).rules
    assert rules().standards.version == "2026-11"
    loaded = await load_rules(admin, "standards", BULLETIN)
    assert loaded.headers["location"] == f"/admin/{ALAMEDA}/rules?said=rules"
    assert rules().standards.number("response.rural.minutes", date(2026, 1, 1)) == 90
    await load_rules(admin, "codes", WORDS)
    assert "school_line" in rules().codes["referral_source"]
    listed = text_of(await admin.open("/rules"))
    for part in ("BHIN 27-001", "referral_source school_line 2026-01-01 School line 2026-01"):
        assert part in listed, part
    now = {
        (one.kind, one.version): one.effective_from
        for one in await administration.list_editions(house.node.database, ALAMEDA)
    }
    assert now == {
        ("standards", "BHIN 27-001"): date(2026, 1, 1),
        ("codes", "2026-01"): date(2026, 1, 1),
    }
    async with house.node.database.tx(County(ALAMEDA), mode="read") as con:
        by = await con.fetch("SELECT DISTINCT loaded_by FROM county_editions")
    assert len(by) == 1 and by[0]["loaded_by"] is not None


@pytest.mark.parametrize(
    ("kind", "text", "why"),
    [
        ("standards", "", "Choose a TOML file"),
        ("", BULLETIN, "Say whether the file holds"),
        ("standards", WORDS, "The standards can't be read"),
        ("codes", BULLETIN, "The code sets can't be read"),
        ("standards", BULLETIN.replace("rural", "lunar"), "no standard of the service"),
        ("codes", WORDS.replace("referral_source", "nope"), "no such set"),
    ],
)
async def test_rules_that_cannot_be_used_are_told(
    house: House, kind: str, text: str, why: str
) -> None:
    admin = await house.person("ada", Role.ADMIN)
    refused = await admin.send("/rules", kind=kind, edition=text)
    assert refused.status_code == 422
    assert why in text_of(refused.text)
    assert await administration.list_editions(house.node.database, ALAMEDA) == []


async def test_only_an_administrator_loads_rules(house: House) -> None:
    supervisor = await house.person("sue", Role.SUPERVISOR)
    assert "Load an edition" not in await supervisor.open("/rules")
    sent = await supervisor.send("/rules", kind="standards", edition=BULLETIN)
    assert sent.status_code == 403


async def test_only_an_administrator_loads_zones(house: House) -> None:
    supervisor = await house.person("sue", Role.SUPERVISOR)
    assert "Load an edition" not in await supervisor.open("/zones")
    sent = await supervisor.send("/zones", edition="2026-11", geojson=AREAS)
    assert sent.status_code == 403


# Other systems


async def test_a_token_is_shown_once_does_what_it_may_and_ends(house: House) -> None:
    admin = await house.person("ada", Role.ADMIN)
    last = (house.node.machine.now() + timedelta(days=30)).date().isoformat()
    form = {"system": "Telephone exchange", "device": "main line", "until": last}
    act = str(new_id())
    made = await admin.send("/tokens/new", act=act, scope=["offer_call", "view:teams"], **form)
    assert made.status_code == 200, text_of(made.text)
    secret = re.search(r"<code>(crisis_[^<]+)</code>", made.text)
    assert secret is not None
    again = await admin.send("/tokens/new", act=act, scope=["offer_call", "view:teams"], **form)
    assert again.text == made.text
    listed = await admin.open("/tokens")
    assert secret[1] not in listed
    for part in ("Telephone exchange", "main line", "Announce calls that ring", "never"):
        assert part in text_of(listed), part

    bearer = {"authorization": f"Bearer {secret[1]}", "x-county": str(ALAMEDA)}
    transport = httpx.ASGITransport(house.node.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as system:
        assert (await system.get("/api/v1/teams", headers=bearer)).status_code == 200
        assert (await system.get("/api/v1/codes", headers=bearer)).status_code == 403
        [token] = await house.node.accounts.tokens(ALAMEDA)
        ended = await admin.send(f"/tokens/{token.session_id}/end")
        assert ended.headers["location"] == f"/admin/{ALAMEDA}/tokens?said=token_ended"
        assert (await system.get("/api/v1/teams", headers=bearer)).status_code == 401
    assert "main line" not in text_of(await admin.open("/tokens"))


async def test_what_a_tracker_sends_in_vain_is_told_in_words(house: House) -> None:
    admin = await house.person("ada", Role.ADMIN)
    tracker = Tracker(ALAMEDA, new_id(), None)
    for _ in range(14):
        house.node.trackers.note(tracker, ["no_place"])
    house.node.trackers.note(tracker, ["other_alarm", "wrong_clock"])
    listed = text_of(await admin.open("/tokens"))
    assert "14 posts of this tracker hold no place" in listed
    assert "1 samples hold an impossible time" in listed


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"scope": []}, "at least one thing"),
        ({"scope": "accept_offer"}, "at least one thing"),
        ({"until": ""}, "Give a last day"),
        ({"until": "2020-01-01"}, "Give a last day"),
        ({"until": "2999-01-01"}, "Give a last day"),
        ({"system": "!!"}, "Name the system"),
    ],
)
async def test_a_token_that_cannot_be_is_told(
    house: House, change: dict[str, Any], why: str
) -> None:
    admin = await house.person("ada", Role.ADMIN)
    last = (house.node.machine.now() + timedelta(days=30)).date().isoformat()
    form = {"system": "Trackers", "until": last, "scope": "fixes", **change}
    refused = await admin.send("/tokens/new", **form)
    assert refused.status_code == 422
    assert why in text_of(refused.text)
    assert await house.node.accounts.tokens(ALAMEDA) == ()


async def test_nobody_ends_another_countys_token(house: House) -> None:
    admin = await house.person("ada", Role.ADMIN)
    other = await house.node.accounts.create_account("feed", "Feed", kind="integration")
    _, session_id = await house.node.accounts.issue_token(
        other, {KERN: ["fixes"]}, expires_at=house.node.machine.now() + timedelta(days=1)
    )
    assert (await admin.send(f"/tokens/{session_id}/end")).status_code == 404
    assert len(await house.node.accounts.tokens(KERN)) == 1


def test_tokens_are_offered_for_all_that_another_system_may_do() -> None:
    types = (kind for kind, roles in SENDERS.items() if Role.INTEGRATION in roles)
    offered = {scope for group in SCOPES.values() for scope in group}
    assert {command_type(kind) for kind in types} == {
        scope for scope in offered if ":" not in scope and scope != "fixes"
    }
    needed = {operation.needs for operation in OPERATIONS}
    assert offered - {"view:wall"} <= needed


# Languages


@pytest.mark.parametrize("locale", ["es", "vi"])
async def test_every_page_is_written_in_the_persons_language(house: House, locale: str) -> None:
    admin = await house.person("ada", Role.ADMIN)
    words = words_in("en")
    english = [words(f"nav.{name}") for name in ("shifts", "policy", "tokens")]
    for path in PAGES:
        response = await admin.http.get(
            f"/admin/{ALAMEDA}{path}",
            headers={"accept-language": f"fr, {locale}-US;q=0.8, en;q=0.3"},
        )
        assert response.status_code == 200, path
        assert response.headers["content-language"] == locale
        assert f'<html lang="{locale}"' in response.text
        said = text_of(response.text)
        assert not [one for one in english if f" {one} " in said], path


async def test_a_persons_own_choice_goes_before_the_browsers(house: House) -> None:
    admin = await house.person("ada", Role.ADMIN)
    cookies = {"cookie": f"crisis_locale=vi; crisis_theme=dark_contrast; {cookie_of(admin)}"}
    response = await admin.http.get(
        f"/admin/{ALAMEDA}", headers={"accept-language": "es", **cookies}
    )
    assert '<html lang="vi" data-theme="dark" data-contrast="more">' in response.text


def cookie_of(person: Person) -> str:
    return "; ".join(f"{name}={value}" for name, value in person.http.cookies.items())


async def test_refusals_are_told_in_the_persons_language(house: House) -> None:
    agency = await house.agency()
    admin = await house.person("ada", Role.ADMIN)
    spanish = {**HEADERS, "accept-language": "es"}
    form = {"call_sign": "Blue 1", "agency": str(agency), "base": "junto al río"}
    wrong = await admin.send("/teams/new", headers=spanish, **form)
    assert "«junto al río»" in text_of(wrong.text)
    assert "is no latitude" not in text_of(wrong.text)
    refused = await admin.http.get(f"/admin/{KERN}", headers={"accept-language": "es"})
    assert "no tiene ninguna función en este condado" in text_of(refused.text)


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
    assert "Change Amber 1 Base: 37.70000 -122.20000 → none" in said
    assert board(house).seq == seq

    done = await admin.send(
        "/import/teams", csv=TEAMS, shown=field_of(shown.text, "shown"), act=str(new_id())
    )
    assert done.status_code == 200
    assert "1 added 1 changed" in text_of(done.text)
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

"""Every page of the administration against an account that ends at another agency."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product

from starlette.routing import Route

from crisis.ids import AgencyId
from crisis.roles import Role
from tests.web.kit import ALAMEDA
from tests.web.test_admin import HEADERS, House, board, house, node, text_of
from web.admin.routes import admin_routes

__all__ = ["house", "node"]

#: Kinds of page that are one of several files.
KINDS = ("teams", "people", "shifts", "users")
NAMED = re.compile(r"\{(\w+)(?::\w+)?\}")


async def _refresh() -> None:
    return


def _paths(house: House, things: tuple[object, ...]) -> Iterator[str]:
    """Every page, of each kind and of each thing."""
    for route in admin_routes(house.node, _refresh):
        assert isinstance(route, Route)
        for kind, thing in product(KINDS, things):
            named = {"county": int(ALAMEDA), "kind": kind, "version": 1}
            yield NAMED.sub(lambda one: str(named.get(one[1], thing)), route.path)  # noqa: B023


async def test_no_page_shows_or_changes_anything_of_another_agency(house: House) -> None:
    theirs, own = await house.agency("Open Door"), await house.agency("Riverbend")
    admin = await house.person("ada", Role.ADMIN)
    assert (await admin.send("/teams/new", call_sign="Canary 9", agency=str(theirs))).is_redirect
    sent = await admin.send(
        "/people/new",
        agency=str(theirs),
        name="Kim Canary",
        code="CANARY",
        provider_type="lcsw",
    )
    assert sent.is_redirect, text_of(sent.text)
    (team,), (person,) = board(house).teams.values(), board(house).responders.values()
    stranger = await house.person(
        "max", Role.ADMIN, Role.AGENCY_MANAGER, Role.SUPERVISOR, agency_id=AgencyId(own)
    )
    seq = board(house).seq
    paths = sorted(set(_paths(house, (team.id, person.id))))
    assert len(paths) > 15
    shown = [(await admin.http.get(path)).text.lower() for path in paths]
    assert sum("canary" in page for page in shown) > 3, "there is something to be seen"
    for path in paths:
        page = await stranger.http.get(path)
        told = page.text.lower().replace(path.lower(), "")
        assert "canary" not in told, path
        assert str(team.id) not in told and str(person.id) not in told, path
        data = {"act": "00000000-0000-4000-8000-000000000001", "retired": "yes"}
        await stranger.http.post(path, data=data, headers=HEADERS)
    assert board(house).seq == seq

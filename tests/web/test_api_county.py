"""The county's outline, as the map asks for it."""

from __future__ import annotations

from crisis.roles import Role
from geo.counties import county_of
from geo.point import Point
from tests.web.kit import KERN, Client, Site, problem


async def test_the_outline_is_that_of_the_county_that_the_account_works_in(site: Site) -> None:
    desk = await site.client(Role.DISPATCHER)
    answer = await desk.get("/county")
    assert answer.status_code == 200
    county = answer.json()
    assert (county["fips"], county["name"]) == (6001, "Alameda")
    west, south, east, north = county["bounds"]
    middle = Point(lat_deg=(south + north) / 2, lon_deg=(west + east) / 2)
    found = county_of(middle)
    assert found is not None
    assert found.name == "Alameda"
    for ring in (ring for part in county["outline"]["coordinates"] for ring in part):
        assert ring[0] == ring[-1]
        assert all(west <= lon <= east and south <= lat <= north for lon, lat in ring)


async def test_nobody_who_is_not_signed_in_gets_it(site: Site) -> None:
    answer = await Client(site.http).get("/county")
    assert answer.status_code == 401


async def test_the_map_is_only_of_counties_where_one_is_somebody(site: Site) -> None:
    desk = await site.client(Role.DISPATCHER)
    for county in (KERN, 6999, 99_999, 0):
        assert problem(await desk.get("/county", county=county), 403) == "not_your_county"
    token = await site.token("offer_call")
    assert problem(await token.get("/county"), 403) == "out_of_scope"

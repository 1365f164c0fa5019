"""Reports over HTTP: who sees them, in which form, and of which period."""

from __future__ import annotations

import csv
from typing import Any

import pytest

from crisis.clock import FakeClock
from crisis.roles import Role
from tests.web.kit import ALAMEDA, Site, problem
from web.api.reports import wants_csv

PATH = "/reports/response-times"


async def served(site: Site) -> dict[str, Any]:
    """One incident that was reached after 20 minutes, and its report as JSON."""
    desk = await site.client(Role.DISPATCHER, Role.SUPERVISOR)
    boss = await site.client(Role.ADMIN)
    team_id, _ = await site.team(boss)
    incident_id = await site.determined(desk)
    offer = await desk.do(
        f"/incidents/{incident_id}/offers", team_id=str(team_id), override_reason="other"
    )
    run = await desk.do(f"/offers/{offer['offer_id']}/accept")
    clock = site.node.machine
    assert isinstance(clock, FakeClock)
    clock.advance(20 * 60)
    await desk.do(f"/assignments/{run['assignment_id']}/status", status="on_scene", said_by="team")
    lead = await site.client(Role.LEAD)
    response = await lead.get(PATH, since="2026-03-01", until="2026-03-31")
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


async def test_a_lead_reads_figures_and_the_responses_behind_them(site: Site) -> None:
    report = await served(site)
    assert report["county_id"] == ALAMEDA
    [line] = [
        one for one in report["lines"] if (one["month"], one["area_class"]) == ("2026-03", "urban")
    ]
    assert line["arrived"] == {"numerator": 1, "denominator": 1, "percent": 100.0}
    assert line["by_arrival"]["on_time"][0]["minutes"] == 20.0


async def test_csv_comes_by_suffix_and_by_accept(site: Site) -> None:
    await served(site)
    lead = await site.client(Role.LEAD)
    period = {"since": "2026-03-01", "until": "2026-03-31"}
    by_suffix = await lead.get(f"{PATH}.csv", **period)
    assert by_suffix.headers["content-type"].startswith("text/csv")
    assert "attachment" in by_suffix.headers["content-disposition"]
    rows = list(csv.DictReader(by_suffix.text.splitlines()))
    assert rows[-1]["arrived_measurable"] == "1"
    lead.headers["accept"] = "text/csv, application/json;q=0.5"
    assert (await lead.get(PATH, **period)).text == by_suffix.text
    by_json_suffix = await lead.get(f"{PATH}.json", **period)
    assert by_json_suffix.headers["content-type"] == "application/json"
    listed = await lead.get(f"{PATH}.csv", rows="responses", **period)
    assert [row["cohort"] for row in csv.DictReader(listed.text.splitlines())] == [
        "arrived",
        "determined",
    ]


@pytest.mark.parametrize(
    ("accept", "csv_wins"),
    [
        ("", False),
        ("*/*", False),
        ("text/csv", True),
        ("text/csv;q=0.4, application/json", False),
        ("text/csv;q=none", False),
        ("application/json;q=0.1,text/csv;q=0.2", True),
    ],
)
def test_the_form_is_the_one_that_is_preferred(accept: str, csv_wins: bool) -> None:
    assert wants_csv(accept) is csv_wins


async def test_without_a_period_it_is_the_last_three_full_months(site: Site) -> None:
    lead = await site.client(Role.LEAD)
    report = (await lead.get(PATH)).json()
    # The clock stands at 2 March 2026, midnight in California.
    assert {line["month"] for line in report["lines"]} == {"2025-12", "2026-01", "2026-02", "all"}


async def test_an_end_alone_counts_its_months_back_from_there(site: Site) -> None:
    lead = await site.client(Role.LEAD)
    report = (await lead.get(PATH, until="2025-08-10")).json()
    assert {line["month"] for line in report["lines"]} == {"2025-06", "2025-07", "2025-08", "all"}
    assert report["since"].startswith("2025-06-01")


@pytest.mark.parametrize("role", [Role.DISPATCHER, Role.CALL_TAKER, Role.FOLLOW_UP_WORKER])
async def test_a_countys_figures_are_not_for_everybody(site: Site, role: Role) -> None:
    client = await site.client(role)
    assert problem(await client.get(PATH), 403) == "role"


async def test_nobody_reads_another_countys_figures(site: Site) -> None:
    lead = await site.client(Role.LEAD)
    assert problem(await lead.get(PATH, county="6029"), 403) == "not_your_county"


async def test_a_bad_period_is_told(site: Site) -> None:
    lead = await site.client(Role.LEAD)
    assert problem(await lead.get(PATH, since="soon"), 422) == "bad_query"
    assert (
        problem(await lead.get(PATH, since="2026-03-02", until="2026-03-01"), 422) == "bad_period"
    )
    assert problem(await lead.get(PATH, rows="all"), 422) == "bad_query"

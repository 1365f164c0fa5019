"""Files on the administration's pages: as spreadsheets write them, and beside the loop."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import httpx
import pytest

from crisis.clock import new_id
from crisis.roles import Role
from dispatch.beside import Stopped, Work
from dispatch.reports.figures import response_times
from tests.web.kit import ALAMEDA
from tests.web.test_admin import (
    HEADERS,
    House,
    Person,
    board,
    field_of,
    house,
    kinds,
    node,
    text_of,
)

__all__ = ["house", "node"]
PATIENCE_S = 60.0
PEOPLE = (
    "Code;Agency;Provider type;Name;Licence until;Core trained;Naloxone;Can assess\r\n"
    "K12;Open Door;lcsw;Zoë Canary;6/30/2028;1/15/2024;x;yes\r\n"
    "K17;Open Door;peer_support_specialist;Bo Canary;NULL;2024-01-15;;\r\n"
)


async def upload(person: Person, kind: str, content: bytes) -> httpx.Response:
    """Send a file as it is."""
    return await person.http.post(
        f"/admin/{ALAMEDA}/import/{kind}",
        data={"act": str(new_id())},
        files={"csv": ("rows.csv", content, "text/csv")},
        headers=HEADERS,
    )


async def imported(person: Person, kind: str, text: str) -> str:
    """Import a text that can be used; returns the last page."""
    shown = await person.upload(kind, text)
    assert shown.status_code == 200, text_of(shown.text)
    done = await person.send(f"/import/{kind}", csv=text, shown=field_of(shown.text, "shown"))
    assert done.status_code == 200, text_of(done.text)
    return done.text


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "cp1252"])
async def test_a_file_is_read_as_spreadsheets_write_it(house: House, encoding: str) -> None:
    await house.agency()
    admin = await house.person("ada", Role.ADMIN)
    shown = await upload(admin, "people", PEOPLE.encode(encoding))
    assert kinds(shown.text) == {2: "add", 3: "add"}
    assert "2 rows read" in text_of(shown.text)
    assert ("read as Windows-1252" in text_of(shown.text)) == (encoding == "cp1252")


async def test_people_are_called_by_name_and_code_wherever_somebody_staffs_with_them(
    house: House,
) -> None:
    await house.agency()
    admin = await house.person("ada", Role.ADMIN)
    await imported(admin, "people", PEOPLE)
    await imported(admin, "teams", "call_sign,agency\nBlue 1,Open Door\nGreen 1,Open Door\n")
    shifts = "team,starts,ends,crew\nBlue 1,2031-06-01 08:00,2031-06-01 20:00,K12:naloxone;K17\n"
    await imported(admin, "shifts", shifts)
    [one] = [r for r in board(house).responders.values() if r.provider_type == "lcsw"]
    pages = [
        await admin.open(path)
        for path in ("/people", f"/people/{one.id}", "/shifts", "/shifts/new")
    ]
    for page in pages:
        assert "Zoë Canary · K12 (Licensed clinical social worker)" in text_of(page)
        assert f"#{one.id.hex[:6]}" not in page
    # Whoever has an account is called as there, and once; who has no code is called by name.
    made = await admin.send(
        "/users/new", username="zoe", label="Z. Canary", role="responder", responder=str(one.id)
    )
    assert made.status_code == 200, text_of(made.text)
    assert "Z. Canary · K12 (" in text_of(await admin.open("/shifts/new"))
    # The same file again changes nothing: names are compared where they are kept.
    again = await admin.upload("people", PEOPLE)
    assert kinds(again.text) == {2: "unchanged", 3: "unchanged"}
    other = await admin.upload("people", PEOPLE.replace("Bo Canary", "Flo Canary"))
    assert kinds(other.text) == {2: "unchanged", 3: "change"}


async def test_what_is_to_mind_of_a_crew_is_told_before_and_after(house: House) -> None:
    await house.agency()
    admin = await house.person("ada", Role.ADMIN)
    await imported(admin, "people", PEOPLE)
    await imported(admin, "teams", "call_sign,agency\nBlue 1,Open Door\nGreen 1,Open Door\n")
    shifts = (
        "team,starts,ends,crew\n"
        "Blue 1,2027-06-01 08:00,2027-06-01 20:00,K12;K17\n"
        "Green 1,2027-06-01 10:00,2027-06-01 16:00,K17\n"
    )
    shown = await admin.upload("shifts", shifts)
    done = await admin.send("/import/shifts", csv=shifts, shown=field_of(shown.text, "shown"))
    for page in (shown.text, done.text):
        said = text_of(page)
        assert "Nobody carries naloxone" in said
        assert "On another team at the same time: K17" in said
        assert "Crew of one: a second member is missing" in said
        assert "Nobody on site may assess" in said
        assert "2 to look at" in said


ZONES = json.dumps(
    {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {"name": f"Zone {n}", "area_class": "urban"},
                "geometry": {
                    "type": "Polygon",
                    "coordinates": [[[-122, 37.7], [-122.1 - n, 37.7], [-122, 37.8], [-122, 37.7]]],
                },
            }
            for n in range(3)
        ],
    }
)


class Held:
    """Long work, held at its first piece until it is let go."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.begun, self._go = asyncio.Event(), threading.Event()
        self.stopped = threading.Event()
        loop, at = asyncio.get_running_loop(), Work.at

        def held(work: Work, done: int, of: int | None = None) -> None:
            loop.call_soon_threadsafe(self.begun.set)
            assert self._go.wait(PATIENCE_S)
            try:
                at(work, done, of)
            except Stopped:
                self.stopped.set()
                raise

        patch.setattr(Work, "at", held)

    def go(self) -> None:
        """Let it go on."""
        self._go.set()


CODES = """
version = "2027-01"
[[code]]
set = "referral_source"
code = "library"
label = "Library"
effective_from = 2027-01-01
"""


@pytest.mark.parametrize(
    "what",
    ["people", "zones", "report", "rules", "rules page", "zones page", "users page", "people page"],
)
async def test_others_are_answered_while_long_work_goes_on(
    house: House, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    await house.agency()
    admin = await house.person("ada", Role.ADMIN, Role.LEAD, Role.DISPATCHER)
    for _ in range(2 if what == "report" else 0):
        await responded(admin)
    if what == "people page":
        await imported(admin, "people", "code,agency,provider_type\nK1,Open Door,lcsw\n")
    held = Held(monkeypatch)
    rows = "".join(f"K{n},Open Door,lcsw\n" for n in range(50))
    asked = {
        "rules": lambda: admin.send("/rules", kind="codes", edition=CODES),
        "people": lambda: admin.upload("people", f"code,agency,provider_type\n{rows}"),
        "zones": lambda: admin.send("/zones", edition="2027-01", geojson=ZONES),
        "report": lambda: admin.http.get(
            f"/api/v1/reports/response-times?county={ALAMEDA}&since=2020-01-01"
        ),
    }
    page = what.removesuffix(" page")
    asked |= {f"{page} page": lambda: admin.http.get(f"/admin/{ALAMEDA}/{page}")}
    answer = asyncio.ensure_future(asked[what]())
    await held.begun.wait()
    # It can't end before these are answered.
    assert (await admin.http.get("/healthz")).status_code == 200
    assert "Alameda" in await admin.open("")
    assert not answer.done()
    held.go()
    done = await answer
    assert done.status_code == 200, done.text
    said = {
        "people": "50 to add",
        "zones": "Zone 2",
        "report": '"lines"',
        "rules": "Library",
        "rules page": "Administration",
        "zones page": "Administration",
        "users page": "ada",
        "people page": "K1",
    }
    assert said[what] in text_of(done.text)


async def test_the_figures_of_many_years_are_counted_beside_the_loop(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead = await house.person("ada", Role.LEAD)
    threads: list[threading.Thread] = []

    def noted(*args: Any, **kwargs: Any) -> Any:
        threads.append(threading.current_thread())
        return response_times(*args, **kwargs)

    monkeypatch.setattr("web.api.reports.response_times", noted)
    for form in ("json", "csv"):
        asked = f"/api/v1/reports/response-times.{form}?county={ALAMEDA}&since=2020-01-01"
        assert (await lead.http.get(asked)).status_code == 200
    assert len(threads) == 2 and threading.main_thread() not in threads


@pytest.mark.parametrize("page", ["policy", "teams/new", "agencies", "users/new", "rules"])
async def test_no_form_is_so_long_that_it_could_keep_others_waiting(
    house: House, page: str
) -> None:
    await house.agency()
    admin = await house.person("ada", Role.ADMIN)
    fields = {"edition": "x" * 3 * 1024 * 1024, "kind": "codes"}
    answer = await admin.send(f"/{page}", **fields)
    assert answer.status_code == 422
    assert "longer than 1 MiB" in text_of(answer.text), answer.text


async def responded(person: Person) -> None:
    """Let an incident be determined."""
    headers = {**HEADERS, "x-county": str(int(ALAMEDA))}

    async def post(path: str, **body: object) -> dict[str, str]:
        key = {"idempotency-key": str(new_id())}
        answer = await person.http.post(f"/api/v1{path}", json=body, headers={**headers, **key})
        assert answer.status_code == 200, answer.text
        found: dict[str, str] = answer.json()["result"]
        return found

    opened = await post("/incidents", place={"location_type": "home"})
    await post(
        f"/incidents/{opened['incident_id']}/determination", decision="dispatch", acuity="urgent"
    )


async def test_a_browser_that_leaves_stops_what_it_asked_for(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.agency()
    admin = await house.person("ada", Role.ADMIN)
    monkeypatch.setattr("web.admin.jobs._SOON_S", 0.0)
    monkeypatch.setattr("web.admin.jobs._TOLD_EACH_S", 0.001)
    held = Held(monkeypatch)
    rows = "".join(f"K{n},Open Door,lcsw\n" for n in range(50))
    request = admin.http.build_request(
        "POST",
        f"/admin/{ALAMEDA}/import/people",
        data={"act": str(new_id()), "csv": f"code,agency,provider_type\n{rows}"},
        headers=HEADERS,
    )
    told, leaves, sent = asyncio.Event(), asyncio.Event(), [request.content]

    async def receive() -> dict[str, object]:
        if sent:
            return {"type": "http.request", "body": sent.pop(), "more_body": False}
        await leaves.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if b"<!--" in message.get("body", b""):
            told.set()

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": request.url.path,
        "raw_path": request.url.raw_path,
        "root_path": "",
        "query_string": b"",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": ("127.0.0.1", 50_000),
        "server": ("localhost", 80),
    }
    serving = asyncio.ensure_future(house.node.app(scope, receive, send))
    await told.wait()
    await held.begun.wait()
    leaves.set()
    await serving
    held.go()
    assert await asyncio.to_thread(held.stopped.wait, PATIENCE_S)
    assert not board(house).responders


async def test_of_a_long_file_the_first_rows_are_shown_and_all_are_counted(house: House) -> None:
    await house.agency()
    admin = await house.person("ada", Role.ADMIN)
    rows = "".join(f"K{n},{'Open Door' if n % 2 else 'Nowhere'},lcsw\n" for n in range(1_400))
    shown = await admin.upload("people", f"code,agency,provider_type\n{rows}")
    said = text_of(shown.text)
    assert "1,400 rows read" in said
    assert "700 to add" in said
    assert "700 not usable" in said
    assert "400 more rows are counted, but not shown" in said
    assert len(kinds(shown.text)) == 1_000


async def test_a_file_that_holds_days_of_both_orders_is_refused(house: House) -> None:
    await house.agency()
    admin = await house.person("ada", Role.ADMIN)
    heads = "code,agency,provider_type,licence_until\n"
    rows = (
        "K1,Open Door,lcsw,12/25/2028\nK2,Open Door,lcsw,25/12/2028\nK3,Open Door,lcsw,6/7/2028\n"
    )
    refused = await admin.upload("people", heads + rows)
    assert refused.status_code == 422
    assert "Row 2 has its month first and row 3 its day" in text_of(refused.text)
    guessed = await admin.upload("people", heads + rows.splitlines()[2] + "\n")
    assert "read with their month first" in text_of(guessed.text)


async def test_a_file_that_is_too_long_is_refused_by_name(house: House) -> None:
    admin = await house.person("ada", Role.ADMIN)
    refused = await upload(admin, "people", b"code\n" + b"x" * (16 * 1024 * 1024))
    assert refused.status_code == 422
    assert "longer than 16 MiB; cut it into several" in text_of(refused.text)
    beyond = await upload(admin, "people", b"x" * (18 * 1024 * 1024))
    assert beyond.status_code == 413
    # The page's script says it in the page's language.
    assert 'data-too-long="Files are read up to 16 MiB' in await admin.open("/import/people")

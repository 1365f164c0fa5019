"""The pages' shells and files, as a browser asks for them."""

from __future__ import annotations

import gzip
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from crisis.clock import new_id
from crisis.ids import ResponderId, UserId
from crisis.rights import WORKS_WITH
from crisis.roles import PEOPLE, Role
from dispatch.store.identity import Grant, Principal
from tests.web.kit import ALAMEDA, PASSWORD, Site, problem
from web.app import build_app
from web.http.pages import PAGES, Assets, Pages, first_page, shell

_BOARD = b"console.log('board');" * 50


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A build with a board and no other page."""
    folder = tmp_path / "static"
    folder.mkdir()
    write_build(folder, "a")
    return folder


def write_build(folder: Path, mark: str) -> None:
    """Put a build there, with ``mark`` in its names."""
    files: dict[str, bytes] = {
        f"board-{mark}.js": _BOARD,
        f"board-{mark}.css": b"main{}",
        f"sign-in-{mark}.js": b"1",
        f"sw-{mark}.js": b"2",
        f"icon-{mark}.svg": b"<svg/>",
        f"icon-192-{mark}.png": b"png",
        "licenses.txt": b"MIT",
    }
    known: dict[str, Any] = {}
    for name, content in files.items():
        (folder / name).write_bytes(content)
        small = gzip.compress(content) if len(content) > 100 else None
        if small is not None:
            (folder / f"{name}.gz").write_bytes(small)
        known[name] = {"size": len(content), "gzip": None if small is None else len(small)}
    page = {"css": [], "preload": [], "initial_js_gzip": 1}
    manifest = {
        "sources": mark,
        "pages": {
            "board": {**page, "js": f"board-{mark}.js", "css": [f"board-{mark}.css"]},
            "sign-in": {**page, "js": f"sign-in-{mark}.js"},
        },
        "worker": f"sw-{mark}.js",
        "icons": [f"icon-{mark}.svg", f"icon-192-{mark}.png"],
        "files": known,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))


def replace_build(folder: Path, mark: str) -> None:
    """Put a build there in place of the one before."""
    for old in folder.iterdir():
        old.unlink()
    write_build(folder, mark)


def browser(site: Site, folder: Path) -> httpx.AsyncClient:
    """A browser before a node with the build in ``folder``."""
    pages = Pages(site.node.auth, Assets(folder))
    app = build_app(site.node, routes=pages.routes())
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


async def sign_in(site: Site, client: httpx.AsyncClient, *roles: Role) -> None:
    """Sign in with a cookie, as the page does."""
    facts: dict[str, Any] = {}
    if Role.RESPONDER in roles:
        facts["responder_id"] = ResponderId(new_id())
    name = await site.account(*roles, **facts)
    body = {"username": name, "password": PASSWORD, "mode": "cookie"}
    answer = await client.post("/api/v1/session", json=body)
    assert answer.status_code == 200, answer.text


async def test_who_is_not_signed_in_is_sent_to_sign_in_and_back(site: Site, built: Path) -> None:
    async with browser(site, built) as client:
        answer = await client.get("/board?county=6001")
        assert answer.status_code == 303
        assert answer.headers["location"] == "/sign-in?next=/board%3Fcounty%3D6001"
        assert (await client.get("/")).headers["location"] == "/sign-in"
        assert (await client.get("/sign-in")).status_code == 200


@pytest.mark.parametrize(
    ("role", "path"),
    [
        (Role.DISPATCHER, "/board"),
        (Role.CALL_TAKER, "/board"),
        (Role.RESPONDER, "/phone"),
        (Role.COMPLIANCE, "/reports"),
    ],
)
async def test_everybody_begins_with_the_page_of_their_work(
    site: Site, built: Path, role: Role, path: str
) -> None:
    async with browser(site, built) as client:
        await sign_in(site, client, role)
        assert (await client.get("/")).headers["location"] == path


async def test_a_shell_holds_no_script_and_no_style_of_its_own(site: Site, built: Path) -> None:
    async with browser(site, built) as client:
        await sign_in(site, client, Role.DISPATCHER)
        answer = await client.get("/board")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "no-cache" in answer.headers["cache-control"]
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert re.findall(r"<script[^>]*>(.*?)</script>", answer.text) == [""]
    assert "<style" not in answer.text
    assert "style=" not in answer.text
    assert 'src="/static/board-a.js"' in answer.text


async def test_files_are_kept_for_good_and_sent_small(site: Site, built: Path) -> None:
    async with browser(site, built) as client:
        answer = await client.get("/static/board-a.js")
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.content == _BOARD
        plain = await client.get("/static/board-a.js", headers={"accept-encoding": "identity"})
        assert plain.content == _BOARD
        assert "content-encoding" not in plain.headers


@pytest.mark.parametrize(
    "path",
    ["/static/board-b.js", "/static/manifest.json", "/static/../pages.py", "/static/x/y", "/phone"],
)
async def test_what_is_not_built_is_not_found_and_no_page(
    site: Site, built: Path, path: str
) -> None:
    async with browser(site, built) as client:
        await sign_in(site, client, Role.DISPATCHER)
        assert problem(await client.get(path), 404) == "unknown_path"


async def test_the_service_worker_stands_at_the_root_and_is_asked_for_each_time(
    site: Site, built: Path
) -> None:
    async with browser(site, built) as client:
        answer = await client.get("/sw.js")
        assert (answer.content, answer.headers["cache-control"]) == (b"2", "no-cache")
        assert answer.headers["content-type"].startswith("text/javascript")
        app = (await client.get("/manifest.webmanifest")).json()
        assert {icon["sizes"] for icon in app["icons"]} == {"any", "192x192"}


async def test_a_new_build_is_served_beside_the_old_ones_files(site: Site, built: Path) -> None:
    async with browser(site, built) as client:
        assert "sign-in-a.js" in (await client.get("/sign-in")).text
        replace_build(built, "bb")
        assert "sign-in-bb.js" in (await client.get("/sign-in")).text
        assert (await client.get("/static/sign-in-a.js")).content == b"1"


async def test_without_built_files_it_says_what_is_missing(site: Site, tmp_path: Path) -> None:
    async with browser(site, tmp_path / "nowhere") as client:
        answer = await client.get("/sign-in")
        assert answer.status_code == 503
        assert "python -m web.ui.build" in answer.text
        assert problem(await client.get("/static/x.js"), 404) == "unknown_path"
        assert (await client.get("/api/v1/openapi.json")).status_code == 200


@pytest.mark.parametrize("path", ["/sign-in", "/phone"])
async def test_whom_to_call_stands_where_no_script_and_no_build_is_needed(
    site: Site, built: Path, tmp_path: Path, path: str
) -> None:
    page = PAGES[path]
    assert 'href="tel:911"' in shell(page, {"icons": [], "pages": {page.name: _NO_BUILD}})
    async with browser(site, tmp_path / "nowhere") as client:
        await sign_in(site, client, Role.RESPONDER)
        answer = await client.get(path)
        assert answer.status_code == 503 and 'href="tel:911"' in answer.text


_NO_BUILD: dict[str, Any] = {"css": [], "preload": [], "js": "x.js"}


async def test_a_page_that_somebody_not_signed_in_may_open_is_sign_in_alone() -> None:
    assert [path for path, page in PAGES.items() if page.is_open] == ["/sign-in"]


def test_every_page_has_somebody_who_is_led_to_it_and_everybody_begins_with_one_of_theirs() -> None:
    closed = {path for path, page in PAGES.items() if not page.is_open}
    works_with = {f"/{page}": roles for page, roles in WORKS_WITH.items()}
    assert set(works_with) == closed - {"/account"} | {"/admin"}
    for role in PEOPLE:
        grant = Grant(county_id=ALAMEDA, roles=frozenset({role}))
        begins = first_page(
            Principal(
                account_id=UserId(new_id()),
                session_id=new_id(),
                label="",
                purpose="cookie",
                device="",
                expires_at=datetime.max.replace(tzinfo=UTC),
                grants={ALAMEDA: grant},
            )
        )
        assert role in works_with[begins], (role, begins)
    assert all(WORKS_WITH.values())
